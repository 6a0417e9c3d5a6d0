package report

import (
	"slices"
	"strings"
)

// phase is a phase of contrast as texts and series name it. A series matches by a whole word, or by a part
// of its description where the entry holds a blank or is Chinese.
type phase struct {
	name, chinese string
	said          []string // in the text, in lower case
	shown         []string // in series descriptions, in lower case
}

var phases = []phase{
	{"the arterial phase", "动脉期", []string{"arterial phase", "动脉期"},
		[]string{"art", "arterial", "arterielle", "arteriell", "a", "ap", "hap", "lap", "eap", "corticomedullary", "cta", "angio", "动脉", "皮质期", "皮髓质"}},
	{"the portal venous phase", "门脉期", []string{"portal venous phase", "portal phase", "venous phase", "门脉期", "门静脉期", "静脉期"},
		[]string{"pv", "pvp", "portal", "portalvenous", "venous", "ven", "vein", "v", "p", "vp", "veneus", "venos", "neph", "nephro", "nephrographic", "parenchymal", "门脉", "门静脉", "静脉", "实质"}},
	{"the delayed phase", "延迟期", []string{"delayed phase", "equilibrium phase", "excretory phase", "延迟期", "排泄期", "平衡期"},
		[]string{"del", "dly", "delay", "delayed", "late", "equil", "equilibrium", "excretory", "exc", "uro", "urogram", "d", "dp", "hbp", "hepatobiliary", "延迟", "延时", "平衡", "排泄", "肝胆"}},
	{"unenhanced images", "平扫", []string{"without and with", "with and without", "unenhanced and", "noncontrast and", "non-contrast and", "平扫+增强", "平扫＋增强", "平扫及增强", "平扫、增强"},
		[]string{"nc", "nect", "ncct", "native", "nativ", "plain", "non", "noncontrast", "noncon", "without", "wo", "w/o", "pre", "precontrast", "unenhanced", "unenh", "c-", "n", "平扫", "平", "cs", "score"}},
}

// noPhase are words of series that are no acquisition of their own: scouts, and other planes and windows of one.
var noPhase = []string{"cor", "coronal", "sag", "sagittal", "mpr", "mip", "3d", "vr", "vrt", "lung", "bone", "thin", "冠状", "矢状", "肺窗", "骨窗", "重建", "topogram", "scout", "surview", "localizer", "localiser", "scanogram", "loc", "dose", "report", "protocol", "premonitoring", "monitoring",
	"smartprep", "bolus", "tracker", "screen", "summary", "定位", "剂量"}

// VIEW-002 for the phases of contrast in CT: a phase the text names, where each series says its own and none
// is of that phase.
func (k *checker) contrastPhases() {
	if len(k.exam.modalities) != 1 || k.exam.modalities[0] != "CT" {
		return
	}
	there := k.phasesThere()
	if len(there) == 0 {
		return
	}
	look := func(s *Statement, d *detail) bool {
		for i := range phases {
			if p := &phases[i]; !slices.Contains(there, p) && d.speaksOf(s, p) {
				k.flag("VIEW-002", s.N, k.phaseName(p))
			}
		}
		return true
	}
	k.described(look)
	k.observed(look)
}

func (k *checker) phaseName(p *phase) string {
	if k.zh() {
		return p.chinese
	}
	return p.name
}

// speaksOf: the statement names the phase, and not to say that it is missing.
func (d *detail) speaksOf(s *Statement, p *phase) bool {
	text := strings.ToLower(s.Text)
	for _, w := range p.said {
		at := strings.Index(text, w)
		if at < 0 {
			continue
		}
		return !d.clause.deniedSpan(s.Start+at, s.Start+at+len(w)) && !strings.Contains(text, "not ") && !strings.Contains(text, "未")
	}
	return false
}

// phasesThere lists the phases that the images or else their series are of; it is nil unless every acquisition names
// its phase.
func (k *checker) phasesThere() []*phase {
	var out []*phase
	descriptions := k.f.ContrastPhases
	if len(descriptions) == 0 {
		descriptions = k.f.SeriesDescriptions
	}
	for _, d := range descriptions {
		d = strings.ToLower(strings.TrimSpace(d))
		words := strings.FieldsFunc(d, func(r rune) bool { return strings.ContainsRune(" _,;.()[]", r) })
		if d == "" || anyWord(d, words, noPhase) {
			continue
		}
		named := false
		for i := range phases {
			if p := &phases[i]; anyWord(d, words, p.shown) {
				named = true
				if !slices.Contains(out, p) {
					out = append(out, p)
				}
			}
		}
		if !named {
			return nil
		}
	}
	return out
}

// anyWord: one of the entries is among the words, or is Chinese and part of the text.
func anyWord(text string, words, entries []string) bool {
	return slices.ContainsFunc(entries, func(e string) bool {
		return slices.Contains(words, e) || isHan(firstRune(e)) && strings.Contains(text, e)
	})
}
