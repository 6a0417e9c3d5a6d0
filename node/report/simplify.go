package report

import (
	"slices"
	"strings"
)

// simplify keeps organ + lesion + attribute of a statement, with side and negation, and drops the rest
// (which is what raised agreement on Chinese reports); the second result is the same in English.
func (d *detail) simplify(language string) (short, english string) {
	k := d.kernel()
	if k == nil {
		return "", ""
	}
	en := k.english()
	if language == "en" {
		return en, en
	}
	if d.known() < 0.5 {
		en = ""
	}
	return k.chinese(), en
}

// kernel is the skeleton of a statement.
type kernel struct {
	side       side
	organs     []*concept
	attributes []*concept
	findings   []*concept
	denied     bool
}

// kernel takes the polarity of the first finding and all findings that share it.
func (d *detail) kernel() *kernel {
	k := &kernel{}
	lead := slices.IndexFunc(d.mentions, func(m mention) bool { return m.kind == "finding" || m.kind == "device" })
	if lead < 0 {
		lead = slices.IndexFunc(d.mentions, func(m mention) bool { return m.kind == "normal" })
	}
	if lead < 0 {
		return nil
	}
	normal := d.mentions[lead].kind == "normal"
	k.denied = d.mentions[lead].denied
	for i := range d.mentions {
		m := &d.mentions[i]
		switch {
		case m.place():
			k.organs = appendConcept(k.organs, m.concept)
		case reports(m.kind) && m.denied == k.denied && normal == (m.kind == "normal"):
			k.findings = appendConcept(k.findings, m.concept)
		case m.kind == "attribute" && i < lead && !d.clause.cued(m.hit):
			k.attributes = appendConcept(k.attributes, m.concept)
		}
		if k.side == sideNone && m.side != sideNone {
			k.side = m.side
		}
	}
	k.dropGeneric()
	k.dropVague()
	if len(k.organs) == 0 && d.carried != nil && k.findings[0].region == "-" {
		k.organs = append(k.organs, d.carried.concept)
		if k.side == sideNone {
			k.side = d.carried.side
		}
	}
	if len(k.organs) == 0 && normal {
		return nil
	}
	return k
}

// dropGeneric drops 'bone' beside 'calvarium'.
func (k *kernel) dropGeneric() {
	specific := slices.DeleteFunc(slices.Clone(k.organs), func(c *concept) bool { return c.has("generic") })
	if len(specific) > 0 {
		k.organs = specific
	}
}

// dropVague drops 'abnormality' beside a finding with a name.
func (k *kernel) dropVague() {
	named := slices.DeleteFunc(slices.Clone(k.findings), func(c *concept) bool { return c.english == "abnormality" })
	if len(named) > 0 {
		k.findings = named
	}
}

func reports(kind string) bool { return kind == "finding" || kind == "normal" || kind == "device" }

func appendConcept(cs []*concept, c *concept) []*concept {
	if slices.Contains(cs, c) {
		return cs
	}
	return append(cs, c)
}

// cued: the term is a word of a negation cue ('未见明显' holds no 'marked').
func (c *clause) cued(h hit) bool {
	return slices.ContainsFunc(c.scopes, func(s sighting) bool { return s.from < h.to && h.from < s.to })
}

// english: 'no small nodule in the right lung'; 'the right lung is clear'.
func (k *kernel) english() string {
	place := k.placeEnglish()
	if k.findings[0].kind == "normal" {
		verb := " is "
		if k.denied {
			verb = " is not "
		}
		return "the " + place + verb + names(k.findings, " and ")
	}
	var b strings.Builder
	if k.denied {
		b.WriteString("no ")
	}
	for _, a := range k.attributes {
		b.WriteString(a.english + " ")
	}
	and := " and "
	if k.denied {
		and = " or "
	}
	if place == "" {
		b.WriteString(sideWord[k.side])
	}
	b.WriteString(names(k.findings, and))
	if place != "" {
		b.WriteString(" in the " + place)
	}
	return b.String()
}

var sideWord = map[side]string{sideLeft: "left ", sideRight: "right ", sideBoth: "bilateral "}

func (k *kernel) placeEnglish() string {
	if len(k.organs) == 0 {
		return ""
	}
	side := sideWord[k.side]
	// the part before the whole: 右肺上叶 is the right upper lobe of the lung
	var parts []string
	for i := len(k.organs) - 1; i >= 0; i-- {
		parts = append(parts, k.organs[i].english)
	}
	if !k.nested() {
		slices.Reverse(parts)
		return side + strings.Join(parts, " and ")
	}
	return side + strings.Join(parts, " of the ")
}

// nested: each organ but the first is part of one before it.
func (k *kernel) nested() bool {
	for _, o := range k.organs[1:] {
		if o.within == "" {
			return false
		}
	}
	return true
}

func names(cs []*concept, sep string) string {
	var out []string
	for _, c := range cs {
		out = append(out, c.english)
	}
	return strings.Join(out, sep)
}

// chinese: 右侧肺上叶未见结节.
func (k *kernel) chinese() string {
	var b strings.Builder
	b.WriteString(map[side]string{sideLeft: "左侧", sideRight: "右侧", sideBoth: "双侧"}[k.side])
	for i, o := range k.organs {
		if i > 0 && !k.nested() {
			b.WriteString("、")
		}
		b.WriteString(o.chinese)
	}
	if k.denied {
		b.WriteString("未见")
	}
	for _, a := range k.attributes {
		b.WriteString(a.chinese)
	}
	for i, f := range k.findings {
		if i > 0 {
			b.WriteString("、")
		}
		b.WriteString(f.chinese)
	}
	return b.String()
}

// known is the share of the Han characters that terms and cues explain.
func (d *detail) known() float64 {
	covered := make([]bool, len(d.clause.tokens))
	for _, h := range d.clause.terms {
		fill(covered[h.from:h.to])
	}
	for _, s := range d.clause.scopes {
		fill(covered[s.from:s.to])
	}
	han, known := 0, 0
	for i, t := range d.clause.tokens {
		if t.class == classHan {
			han++
			if covered[i] {
				known++
			}
		}
	}
	if han == 0 {
		return 1
	}
	return float64(known) / float64(han)
}

func fill(b []bool) {
	for i := range b {
		b[i] = true
	}
}
