package report

import (
	"slices"
	"strings"
)

// technique says in English how the pictures were made, 'CT, abdomen, axial, without contrast': what a pack that judges such
// facts needs of a sentence full of other details. It is empty unless both the part and the modality or view are named, and where
// the sentence denies any of it or has a word that does not speak of making pictures: it may be about another examination.
func (d *detail) technique() string {
	var words []string
	part, way := false, false
	for i := range d.mentions {
		m := &d.mentions[i]
		switch m.kind {
		case "region":
			part = true
		case "modality", "view":
			way = true
		case "plane", "contrast":
		case "normal":
			if !d.clause.ofPicture(m.hit) {
				return ""
			}
			continue
		case "attribute", "side", "sign", "picture":
			continue
		default:
			return ""
		}
		if m.denied {
			return ""
		}
		words = appendNew(words, m.english)
	}
	if !part || !way || !d.clause.onlyMaking() {
		return ""
	}
	if w := d.clause.weightings(); len(w) == 1 { // a report of several sequences says of no picture which one it is
		words = append(words, w...)
	}
	return strings.Join(words, ", ")
}

// weightings are the kinds of MR sequences that the clause names.
func (c *clause) weightings() (out []string) {
	for _, w := range weightingWords {
		if c.hasWord(w.words) {
			out = append(out, w.name)
		}
	}
	if slices.Contains(out, "FLAIR") { // which is T2-weighted, too, and often called so
		out = slices.DeleteFunc(out, func(w string) bool { return w == "T2-weighted" })
	}
	return out
}

var weightingWords = []struct {
	name  string
	words []string // as tokens
}{
	{"T1-weighted", []string{"T1", "T1W", "T1WI"}},
	{"T2-weighted", []string{"T2", "T2W", "T2WI"}},
	{"FLAIR", []string{"FLAIR", "T2FLAIR"}},
	{"DWI", []string{"DWI"}},
}

// ofPicture: 图像质量良好, 显示清晰 say that the picture is good, not the patient.
func (c *clause) ofPicture(h hit) bool {
	before := c.text[:c.tokens[h.from].start]
	before = before[strings.LastIndexAny(before, "，,、；")+1:]
	return slices.ContainsFunc([]string{"图像", "影像", "质量", "显示", "曝光", "对比度", "信噪比"}, func(w string) bool { return strings.Contains(before, w) })
}

// making are the characters of which the other words of such a sentence are made: 采用64排螺旋CT对上腹部行横断面扫描，层厚5mm，图像质量良好.
// There is none to plan (拟, 待), to refuse, to compare, to deny or to tell another day with.
const making = "本次为系此图像影片一幅张所示提供采用行对的检查扫描摄拍投照层厚面断序列螺旋排超导型薄重建并及窗宽位设置适当解剖结构显清晰质量良好尚可满意" +
	"比度信噪曝光体标准条件吸气充分双侧称符合诊要求足范围包括数字化得间距毫米厘常规多方向于进期集成技术立仰俯卧取"

// onlyMaking: all that the terms leave over speaks of making pictures.
func (c *clause) onlyMaking() bool {
	rest := ""
	for i, token := range c.tokens {
		if token.class == classHan && !slices.ContainsFunc(c.terms, func(h hit) bool { return h.from <= i && i < h.to }) {
			rest += c.word(i)
		}
	}
	rest = strings.NewReplacer("加权", "", "弥散", "", "扩散", "").Replace(rest)
	return strings.Trim(rest, making) == ""
}
