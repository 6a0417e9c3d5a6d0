package report

import (
	"slices"
	"strings"
	"unicode/utf8"
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
	side       side // of the findings, where no place has one
	places     []place
	levels     []string // of the spine
	attributes []*concept
	findings   []*concept
	denied     bool
}

// place is an organ with its side.
type place struct {
	*concept
	side side
}

// kernel takes the polarity of the first finding and all findings that share it.
func (d *detail) kernel() *kernel {
	lead := slices.IndexFunc(d.mentions, func(m mention) bool { return m.kind == "finding" || m.kind == "device" })
	if lead < 0 {
		lead = slices.IndexFunc(d.mentions, func(m mention) bool { return m.kind == "normal" })
	}
	if lead < 0 {
		return nil
	}
	normal := d.mentions[lead].kind == "normal"
	k := &kernel{denied: d.mentions[lead].denied}
	for i := range d.mentions {
		m := &d.mentions[i]
		switch {
		case reports(m.kind) && m.denied == k.denied && normal == (m.kind == "normal") && !d.adjective(i):
			k.findings = appendConcept(k.findings, m.concept)
		case m.kind == "attribute" && i < lead && !d.clause.cued(m.hit):
			k.attributes = appendConcept(k.attributes, m.concept)
		}
		if k.side == sideNone && m.side != sideNone {
			k.side = m.side
		}
	}
	k.places = d.placesOf(lead)
	k.dropVague()
	if len(k.places) == 0 && d.carried != nil && k.findings[0].region == "-" {
		on := k.side
		if on == sideNone {
			on = d.carried.side
		}
		k.places = append(k.places, place{d.carried.concept, on})
	}
	if len(k.places) == 0 && normal {
		return nil
	}
	if k.spinal() {
		k.levels = d.clause.levels()
	}
	return k
}

// spinal: the statement is of the spine, so L5 and S1 are vertebrae and no segments of the liver.
func (k *kernel) spinal() bool {
	for _, p := range k.places {
		if !strings.HasSuffix(p.region, "spine") {
			return false
		}
	}
	return len(k.places) > 0 || slices.Contains(levelFindings, k.findings[0].english)
}

// placesOf lists the places of what the statement reports from mention lead on: those before it, label and
// tissue aside, or else those after it.
func (d *detail) placesOf(lead int) []place {
	var before, after, all []place
	for i := range d.mentions {
		m := &d.mentions[i]
		if !m.place() || d.examined(i) {
			continue
		}
		p := place{m.concept, m.side}
		switch {
		case i > lead:
			after = appendPlace(after, p)
		case m.from >= d.label.at:
			before = appendPlace(before, p)
		}
		all = appendPlace(all, p)
	}
	out, m := before, &d.mentions[lead]
	if len(out) == 0 && m.within == "" || m.organ > lead && d.organOf(m) != nil {
		out = append(out, after...)
	}
	if len(out) == 0 && m.within == "" {
		out = all
	}
	specific := slices.DeleteFunc(slices.Clone(out), func(p place) bool { return p.has("generic") })
	if len(specific) > 0 {
		return specific
	}
	return out
}

// examined: the region of mention i is that of an examination (胸部CT), and another place is named.
func (d *detail) examined(i int) bool {
	m := &d.mentions[i]
	if m.kind != "region" || i+1 == len(d.mentions) || d.mentions[i+1].kind != "modality" || d.mentions[i+1].from != m.to {
		return false
	}
	return slices.ContainsFunc(d.mentions, func(o mention) bool { return o.place() && o.concept != m.concept })
}

func appendPlace(list []place, p place) []place {
	if slices.Contains(list, p) {
		return list
	}
	return append(list, p)
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
	if len(k.levels) > 0 {
		b.WriteString(" at " + strings.Join(k.levels, ", "))
	}
	return b.String()
}

var sideWord = map[side]string{sideLeft: "left ", sideRight: "right ", sideBoth: "bilateral "}

// sided is the side to say of the place: both sides of an organ that is single, or a side its name holds, say nothing.
func (p place) sided() side {
	if p.side == sideBoth && !p.has("paired") || p.twin != "" || p.has("left") || p.has("right") || strings.Contains(p.chinese, "右") || strings.Contains(p.chinese, "左") {
		return sideNone
	}
	return p.side
}

// placeEnglish names the part before the whole: 右肺上叶 is the right upper lobe of the lung.
func (k *kernel) placeEnglish() string {
	var parts []string
	last := sideNone
	nested := k.nested()
	for i, p := range k.places {
		word := p.english
		if s := p.sided(); s != last && (!nested || i == len(k.places)-1) {
			word = sideWord[s] + word
			last = s
		}
		parts = append(parts, word)
	}
	if !nested {
		return strings.Join(parts, " and ")
	}
	slices.Reverse(parts)
	return strings.Join(parts, " of the ")
}

// nested: each place but the first is part of the one before it.
func (k *kernel) nested() bool {
	for i := 1; i < len(k.places); i++ {
		if !partOf(k.places[i].concept, k.places[i-1].concept) {
			return false
		}
	}
	return len(k.places) > 1
}

func names(cs []*concept, sep string) string {
	var out []string
	for _, c := range cs {
		out = append(out, c.english)
	}
	return strings.Join(out, sep)
}

var sideHan = map[side]string{sideLeft: "左", sideRight: "右", sideBoth: "双"}

// chinese: 右肺上叶未见结节.
func (k *kernel) chinese() string {
	var b strings.Builder
	b.WriteString(strings.Join(k.levels, "、"))
	b.WriteString(k.placeChinese())
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

// placeChinese names the places in their order; one that the finding's name holds is left out.
func (k *kernel) placeChinese() string {
	if len(k.places) == 0 && k.side != sideNone {
		return sideHan[k.side] + "侧"
	}
	var b strings.Builder
	last := sideNone
	nested := k.nested()
	for i, p := range k.places {
		if nested && i+1 < len(k.places) && strings.HasPrefix(k.places[i+1].chinese, p.chinese) {
			continue // 肺 before 肺上叶
		}
		if len(k.places) == 1 && strings.Contains(k.findings[0].chinese, p.chinese) {
			if s := p.sided(); s != sideNone {
				b.WriteString(sideHan[s] + "侧")
			}
			continue
		}
		if i > 0 && !nested {
			b.WriteString("、")
		}
		if s := p.sided(); s != last && s != sideNone {
			b.WriteString(sideHan[s])
			if utf8.RuneCountInString(p.chinese) > 1 && !strings.HasPrefix(p.chinese, "肺") {
				b.WriteString("侧")
			}
			last = s
		}
		b.WriteString(p.chinese)
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
