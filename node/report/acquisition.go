package report

import (
	"slices"
	"strings"
)

// CON-001, CON-002: contrast said against contrast recorded. Only CT and MR are judged: elsewhere
// the word has other meanings.
func (k *checker) contrast() {
	if !slices.Contains(k.exam.modalities, "CT") && !slices.Contains(k.exam.modalities, "MR") {
		return
	}
	given, known := k.contrastGiven()
	if !known {
		return
	}
	talk := contrastTalk{title: true}
	k.described(talk.note)
	talk.title = false
	k.observed(talk.note)
	switch {
	case talk.oral:
	case !given && talk.with.n > 0:
		k.flag("CON-001", talk.with.n, talk.with.words)
	case given && talk.without.n > 0 && (talk.with.n == 0 || talk.plainTitle):
		k.flag("CON-002", talk.without.n, talk.without.words)
	}
}

// contrastTalk is what a report says of contrast: the first words for it, the last against it.
type contrastTalk struct {
	with, without struct {
		n     int // the statement, 0 for none
		words string
	}
	oral       bool
	title      bool // titles and technique are being read
	plainTitle bool // a title says 'without' and none says 'with'
}

func (t *contrastTalk) note(s *Statement, d *detail) bool {
	for i := range d.mentions {
		m := &d.mentions[i]
		elsewhere := d.clause.otherContrast()
		switch {
		case m.kind == "modality" && m.has("contrast") && t.title, m.english == "enhancement" && !t.title && !elsewhere:
			t.given(s, d, m)
		case m.kind != "contrast":
		case m.has("oral"):
			t.oral = true
		case m.has("without") && !t.title && d.clause.inPassing(m.from):
		case m.has("without") || t.title && m.denied && !m.has("phase") && d.clause.deniedAt(m.from):
			t.without.n, t.without.words = s.N, d.clause.spanText(m.hit)
			t.plainTitle = t.plainTitle || t.title && !d.clause.verb()
		case !elsewhere && (!m.denied || d.clause.afterContrast(m.from)):
			t.given(s, d, m)
			t.plainTitle = t.plainTitle && d.clause.verb()
		}
	}
	return true
}

func (t *contrastTalk) given(s *Statement, d *detail, m *mention) {
	if t.with.n == 0 {
		t.with.n, t.with.words = s.N, d.clause.spanText(m.hit)
	}
}

// contrastGiven is what the headers say or, failing that, a plain order.
func (k *checker) contrastGiven() (given, known bool) {
	if k.f.ContrastGiven != nil {
		return *k.f.ContrastGiven, true
	}
	plain := false
	for _, h := range k.lex.describe(k.f.Procedure).terms {
		if h.kind == "contrast" && !h.has("without") || h.kind == "modality" && h.has("contrast") {
			return false, false
		}
		plain = plain || h.kind == "contrast" && h.has("without")
	}
	return false, plain
}

// deniedAt: the negation stands right before token i: 'without injection of contrast'.
func (c *clause) deniedAt(i int) bool {
	return slices.ContainsFunc(c.scopes, func(s sighting) bool { return s.cue&cueNegation != 0 && s.to <= i && i-s.to <= 2 })
}

// afterContrast: 'no enhancement following contrast' says it was given.
func (c *clause) afterContrast(i int) bool {
	first := c.lower(i)
	before := ""
	if i > 0 {
		before = c.lower(i - 1)
	}
	return slices.Contains([]string{"post", "after", "following", "postcontrast"}, first) || slices.Contains([]string{"after", "following"}, before)
}

// inPassing: 'on the noncontrast CT' names one series among others.
func (c *clause) inPassing(i int) bool {
	for j := max(0, i-2); j < i; j++ {
		switch c.lower(j) {
		case "on", "in":
			return true
		}
	}
	return false
}

// otherContrast: the agent went elsewhere than into a vein: a joint, the spinal canal, the bowel.
func (c *clause) otherContrast() bool {
	for i := range c.tokens {
		switch c.lower(i) {
		case "oral", "rectal", "intrathecal", "arthrogram", "arthrography", "myelogram", "myelography", "bowel", "joint", "barium", "gastrografin", "residual", "口":
			return true
		}
	}
	return false
}

// viewCodes lists the codes of (0018,5101) that show a view as reports name it.
var viewCodes = map[string][]string{
	"LAT":   {"LL", "RL", "LAT", "LATERAL", "L", "ML", "LM", "XTABLE", "LLD", "RLD"},
	"FRONT": {"AP", "PA", "FRONTAL"},
	"CC":    {"CC", "FB", "XCCL", "XCC", "RCC", "LCC"},
	"MLO":   {"MLO", "LMO", "RMLO", "LMLO"},
	"OBL":   {"OBL", "OBLIQUE", "LPO", "RPO", "LAO", "RAO", "LO", "RO"},
	"PA":    {"PA"},
	"AP":    {"AP"},
}

// VIEW-001: a projection the report counts among its own and the images lack. AP and PA are told
// apart only when the images are all of the other kind.
func (k *checker) views() {
	codes := k.viewsThere()
	if len(codes) == 0 || !slices.ContainsFunc(k.exam.modalities, func(m string) bool { return slices.Contains([]string{"CR", "DX", "MG", "RG"}, m) }) {
		return
	}
	k.described(func(s *Statement, d *detail) bool {
		for i := range d.mentions {
			m := &d.mentions[i]
			if m.kind != "view" || m.denied {
				continue
			}
			if want := viewCodes[m.modality()]; len(want) > 0 && !slices.ContainsFunc(codes, func(c string) bool { return slices.Contains(want, c) }) {
				k.flag("VIEW-001", s.N, k.name(m.concept), strings.Join(codes, ", "))
				return true
			}
		}
		return true
	})
}

// viewsThere gathers view positions from the tag and, where present, from series descriptions.
func (k *checker) viewsThere() []string {
	var out []string
	for _, v := range k.f.ViewPositions {
		if v = strings.ToUpper(strings.TrimSpace(v)); v != "" {
			out = appendNew(out, v)
		}
	}
	if len(out) == 0 {
		return nil
	}
	for _, d := range k.f.SeriesDescriptions {
		for _, h := range k.lex.describe(d).terms {
			if h.kind == "view" {
				out = appendNew(out, h.modality())
			}
		}
	}
	return out
}

// seriesKinds: what the text calls a sequence or phase, and the words by which series show it.
var seriesKinds = []struct {
	name  string
	words []string // in the text, as tokens
	shown []string // in series descriptions, as substrings in lower case
}{
	{"DWI", []string{"DWI", "ADC"}, []string{"dwi", "adc", "diff", "dti", "trace", "b1000", "b800", "弥散", "扩散"}},
	{"FLAIR", []string{"FLAIR"}, []string{"flair", "dark fluid", "dark-fluid", "tirm"}},
	{"SWI", []string{"SWI"}, []string{"swi", "suscept", "swan", "venbold", "mip"}},
}

// VIEW-002: a sequence named in the text that none of several described series is.
func (k *checker) series() {
	if !slices.Contains(k.exam.modalities, "MR") || !k.seriesDescribed() {
		return
	}
	all := strings.ToLower(strings.Join(k.f.SeriesDescriptions, "\n"))
	look := func(s *Statement, d *detail) bool {
		for _, kind := range seriesKinds {
			if d.clause.says() || s.Section == "technique" {
				if d.clause.hasWord(kind.words) && !slices.ContainsFunc(kind.shown, func(w string) bool { return strings.Contains(all, w) }) {
					k.flag("VIEW-002", s.N, kind.name)
				}
			}
		}
		return true
	}
	k.described(look)
	k.observed(look)
}

func (c *clause) hasWord(words []string) bool {
	for i := range c.tokens {
		if slices.Contains(words, c.word(i)) {
			return true
		}
	}
	return false
}

// seriesDescribed: at least three series carry names that tell sequences apart.
func (k *checker) seriesDescribed() bool {
	n := 0
	for _, d := range k.f.SeriesDescriptions {
		d = strings.ToLower(d)
		if slices.ContainsFunc([]string{"t1", "t2", "flair", "dwi", "stir", "tof", "swi", "pd", "diff"}, func(w string) bool { return strings.Contains(d, w) }) {
			n++
		}
	}
	return n >= 3
}
