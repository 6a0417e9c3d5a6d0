package report

import (
	"slices"
	"strings"
)

// technique says in English how the pictures were made, 'CT, abdomen, axial, without contrast': what a pack that judges such
// facts needs of a sentence full of other details. It is empty unless both the part and the modality or view are named, and where
// the sentence denies any of it or speaks of something else, too.
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
		case "attribute", "side", "sign":
			continue
		default:
			return ""
		}
		if m.denied {
			return ""
		}
		words = appendNew(words, m.english)
	}
	if !part || !way || d.clause.denies() {
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

// denies: a word outside the terms turns the sentence round, whatever it is about.
func (c *clause) denies() bool {
	for i := range c.tokens {
		if slices.Contains([]string{"非", "不", "未", "无", "没", "否"}, c.word(i)) && !slices.ContainsFunc(c.terms, func(h hit) bool { return h.from <= i && i < h.to }) {
			return true
		}
	}
	return false
}
