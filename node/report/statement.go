package report

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// side of the body.
type side uint8

const (
	sideNone side = iota
	sideLeft
	sideRight
	sideBoth
)

func (s side) opposite() side {
	switch s {
	case sideLeft:
		return sideRight
	case sideRight:
		return sideLeft
	}
	return sideNone
}

// mention is a term of a statement with what the words around it say of it.
type mention struct {
	hit
	side   side
	denied bool
	organ  int // for a finding: index of the mention of its organ, -1 for none
}

// detail is what the rules need of a statement beyond its public face.
type detail struct {
	clause   *clause
	mentions []mention
	measures []measure
	lesions  []lesion
	carried  *mention // the organ of an earlier statement of the same paragraph, where this one names none
	label    label
	title    bool
}

// label is what the words before a colon say of the statements behind it: 'RIGHT EAR: …', '右侧：…'.
type label struct {
	at    int // tokens up to the colon, in the statement that holds it; 0 in the others
	side  side
	organ *mention // nil for none or several
}

// append adds the statement of clause c.
func (r *Report) append(p paragraph, c *clause) {
	start, end := c.tokens[0].start, c.tokens[len(c.tokens)-1].end
	s := Statement{N: len(r.Statements) + 1, Section: p.section, Block: p.block, Paragraph: p.number,
		Start: start, End: end, Text: p.text[start:end]}
	if p.section == signature {
		s.Section = ""
	}
	s.Language = languageOf(countScripts(s.Text))
	d := detail{clause: c, mentions: c.mentions(), measures: c.measures(), title: p.title}
	d.carry(r, &s)
	d.lesions = d.findLesions()
	s.Terms = terms(p.text, &d)
	s.colour(&d)
	s.Skip = skip(p, &s, &d)
	s.Judge = s.Skip == ""
	s.Short, s.English = d.simplify(s.Language)
	r.Statements = append(r.Statements, s)
	r.details = append(r.details, d)
}

// carry takes over from the statement before what this one leaves unsaid: the label of the paragraph, and in
// the same sentence the organ, as in '左侧附件区见囊性灶，无强化'. A part of an organ with its side at the
// start of a sentence ('右叶见结节') is a part of the organ spoken of.
func (d *detail) carry(r *Report, s *Statement) {
	d.label = d.ownLabel()
	n := len(r.details) - 1
	if n < 0 || r.Statements[n].Block != s.Block || r.Statements[n].Paragraph != s.Paragraph {
		return
	}
	last := &r.details[n]
	if d.label.at == 0 {
		d.label = label{side: last.label.side, organ: last.label.organ}
	}
	if d.organ() != nil {
		return
	}
	switch m := last.organ(); {
	case !d.clause.runsOn && !d.clause.opensPart():
		d.carried = d.label.organ
	case m != nil:
		d.carried = m
	default:
		d.carried = last.carried
	}
}

// ownLabel reads the label the statement opens with.
func (d *detail) ownLabel() label {
	colon := d.clause.colon()
	l := label{at: colon}
	places := 0
	for i := range d.mentions {
		m := &d.mentions[i]
		if m.to > colon {
			break
		}
		if m.side != sideNone {
			l.side = m.side
		}
		if m.place() && m.kind != "region" {
			l.organ = m
			places++
		}
	}
	if places != 1 {
		l.organ = nil
	}
	return l
}

// colon is the index of a colon among the first words of a sentence, 0 for none.
func (c *clause) colon() int {
	for i := 1; i < len(c.tokens) && i <= 10 && !c.runsOn; i++ {
		switch {
		case c.mark(i, ":："):
			return i
		case c.mark(i, ".,;，。；、") || c.tokens[i].class == classNumber:
			return 0
		}
	}
	return 0
}

// opensPart: the sentence begins with a side and a part that many organs have: 右叶, 左侧叶.
func (c *clause) opensPart() bool {
	for i := 1; i < len(c.tokens) && i <= 2; i++ {
		if c.word(i) == "叶" {
			return c.word(0) == "左" || c.word(0) == "右"
		}
	}
	return false
}

// organ is the last named organ or region, nil for none.
func (d *detail) organ() *mention {
	for i := len(d.mentions) - 1; i >= 0; i-- {
		if m := &d.mentions[i]; m.place() {
			return m
		}
	}
	return nil
}

func (m *mention) place() bool {
	return m.kind == "organ" || m.kind == "sex-organ" || m.kind == "region"
}

// colour sets the flags of the statement from its section and cues.
func (s *Statement) colour(d *detail) {
	c := d.clause
	s.Historical = s.Section == "history" || c.colours&cueHistory != 0
	s.Comparison = s.Section == "comparison" || c.colours&cuePrior != 0
	s.Recommendation = s.Section == "recommendation" || c.colours&cueRecommend != 0
	s.Uncertain = c.colours&cueUncertain != 0
	s.Vague = c.colours&cueVague != 0
	s.Negated = d.allDenied()
}

// allDenied: every finding is denied and nothing is called normal; without either, most words are denied.
func (d *detail) allDenied() bool {
	found := false
	for _, m := range d.mentions {
		switch m.kind {
		case "finding", "device":
			if !m.denied {
				return false
			}
			found = true
		case "normal":
			if !m.denied {
				return false
			}
		}
	}
	return found || d.clause.mostlyDenied()
}

// mostlyDenied: at least half of the words stand in the scope of a negation.
func (c *clause) mostlyDenied() bool {
	denied, all := 0, 0
	for i, t := range c.tokens {
		if t.class != classMark {
			all++
			if c.denied[i] {
				denied++
			}
		}
	}
	return denied > 0 && denied*2 >= all
}

func (d *detail) names(kinds ...string) bool { return d.clause.names(kinds...) }

// skip is why the statement must not be asked of today's images, "" if it may.
func skip(p paragraph, s *Statement, d *detail) string {
	specific := d.names("organ", "sex-organ", "region") && d.names("finding", "normal", "device", "sign")
	switch {
	case d.title || d.heading(p):
		return SkipHeading
	case s.Historical:
		return SkipHistory
	case s.Recommendation:
		return SkipRecommendation
	case s.Comparison:
		return SkipComparison
	case s.Section == "technique":
		return SkipTechnique
	case p.section == signature || d.clause.colours&cueTalk != 0:
		return SkipNotImage
	case s.Vague && !specific:
		return SkipVague
	case !d.names("finding", "normal", "device", "sign", "organ", "sex-organ", "region", "modality", "view", "plane"):
		return SkipUnknown
	}
	return ""
}

// heading: a line of capitals that names an organ or examination and says nothing of it.
func (d *detail) heading(p paragraph) bool {
	c := d.clause
	return c.tokens[0].start == p.start && c.tokens[len(c.tokens)-1].end == p.end &&
		len(c.tokens) <= 8 && allUpper(c.tokens) && !d.names("finding", "normal")
}

// terms lists the mentions and measurements in the order of the text.
func terms(text string, d *detail) []Term {
	var out []Term
	for _, m := range d.mentions {
		start, end := d.clause.tokens[m.from].start, d.clause.tokens[m.to-1].end
		out = append(out, Term{m.id, m.kind, text[start:end], m.english, m.denied, start, end})
	}
	for _, m := range d.measures {
		start, end := d.clause.tokens[m.from].start, d.clause.tokens[m.to-1].end
		out = append(out, Term{"CC-measurement-length", "measurement", text[start:end], text[start:end], d.clause.denied[m.from], start, end})
	}
	slices.SortStableFunc(out, func(a, b Term) int { return a.Start - b.Start })
	return out
}

// mentions gives every term its side, its polarity and, for findings, its organ.
func (c *clause) mentions() []mention {
	out := make([]mention, len(c.terms))
	for i, h := range c.terms {
		out[i] = mention{hit: h, denied: c.denied[h.from], organ: -1}
	}
	c.assignSides(out)
	for i := range out {
		if out[i].kind == "finding" || out[i].kind == "normal" || out[i].kind == "device" {
			out[i].organ = c.organOf(out, i)
		}
	}
	return out
}

// assignSides: a side belongs to the terms that follow it until a comma or another side; in English
// also to what stands before it when it closes the phrase ('effusion on the left').
func (c *clause) assignSides(ms []mention) {
	for i := range ms {
		if ms[i].kind == "side" {
			ms[i].side = sideOf(ms[i].english)
		} else {
			ms[i].side = c.ownSide(ms[i].hit)
		}
	}
	current, at := sideNone, -1
	for i := range ms {
		switch {
		case ms[i].kind == "side":
			current, at = ms[i].side, ms[i].to
		case ms[i].side != sideNone && ms[i].place():
			current, at = ms[i].side, ms[i].to
		case current != sideNone && ms[i].sided():
			if c.reaches(at, ms[i].from) {
				ms[i].side = current
			} else {
				current = sideNone
			}
		}
	}
	c.assignTrailing(ms)
}

// sided kinds take a side from the words around them.
func (m *mention) sided() bool {
	return (m.place() || m.kind == "finding" || m.kind == "normal" || m.kind == "device") && m.region != "heart"
}

// reaches: no clause mark lies between a side and the term it may belong to; English allows it
// fewer words, since there the side stands right before its noun.
func (c *clause) reaches(from, to int) bool {
	han := false
	for i := from; i < to; i++ {
		if c.mark(i, ",，;；。.:：") {
			return false
		}
		switch w := c.word(i); {
		case w == "and" || w == "or" || w == "with" || w == "without" || w == "is" || w == "are" || w == "of" || w == "in" || w == "no" || w == "but":
			return false
		case c.tokens[i].class == classHan:
			han = true
		}
	}
	return han || to-from <= 4
}

// assignTrailing gives the side of 'on the left' or 'in the right lower lobe' to unsided findings before it.
func (c *clause) assignTrailing(ms []mention) {
	only := sideNone
	for _, m := range ms {
		if m.kind == "side" || m.side != sideNone {
			if only != sideNone && m.side != only {
				return
			}
			only = m.side
		}
	}
	if only == sideNone {
		return
	}
	colon := c.colon()
	for i := range ms {
		if ms[i].side == sideNone && ms[i].from >= colon && (ms[i].kind == "finding" || ms[i].kind == "device") {
			ms[i].side = only
		}
	}
}

func sideOf(english string) side {
	switch english {
	case "left":
		return sideLeft
	case "right":
		return sideRight
	}
	return sideBoth
}

// ownSide reads the side inside a term: RUL, 左乳, 双肺; the lingula is left, the middle lobe right.
func (c *clause) ownSide(h hit) side {
	switch {
	case h.region == "heart" || h.kind != "organ" && h.kind != "sex-organ" && h.kind != "region":
		return sideNone
	case h.has("left"):
		return sideLeft
	case h.has("right"):
		return sideRight
	}
	w := c.word(h.from)
	r, _ := utf8.DecodeRuneInString(w)
	switch {
	case r == '左' || r == '右' || r == '双' || r == '两':
		return map[rune]side{'左': sideLeft, '右': sideRight, '双': sideBoth, '两': sideBoth}[r]
	case len(w) == 3 && strings.Contains("LUL LLL LLE LUE", w):
		return sideLeft
	case len(w) == 3 && strings.Contains("RUL RML RLL RLE RUE", w):
		return sideRight
	}
	return sideNone
}

// organOf finds the organ of finding i: the nearest place before it, or after it behind 'in', 'of', 'within'.
func (c *clause) organOf(ms []mention, i int) int {
	after := -1
	for j := i + 1; j < len(ms) && after < 0; j++ {
		if ms[j].place() && (c.preposition(ms[i].to, ms[j].from) || c.apposed(ms, i, j)) {
			after = j
		} else if ms[j].kind == "finding" {
			break
		}
	}
	for j := i - 1; j >= 0; j-- {
		if ms[j].place() && !(ms[j].from > 0 && c.word(ms[j].from-1) == "距") {
			if after >= 0 && ms[i].from-ms[j].to > 1 {
				return after
			}
			if j > 0 && ms[j].has("generic") && ms[j-1].place() && ms[j-1].to == ms[j].from {
				return j - 1 // 股骨颈骨质 is the femoral neck
			}
			return j
		}
	}
	if after < 0 {
		return c.modified(ms, i)
	}
	return after
}

// modified is the place right behind finding i, as in 'dilated left atrium'.
func (c *clause) modified(ms []mention, i int) int {
	for j := i + 1; j < len(ms) && ms[j].from-ms[i].to <= 3; j++ {
		if ms[j].place() {
			for t := ms[i].to; t < ms[j].from; t++ {
				if c.tokens[t].class == classMark {
					return -1
				}
			}
			return j
		}
		if ms[j].kind != "side" && ms[j].kind != "attribute" {
			break
		}
	}
	return -1
}

// apposed: place j follows finding i behind a comma and closes the statement: 'nodule, left upper lobe'.
func (c *clause) apposed(ms []mention, i, j int) bool {
	if !c.mark(ms[i].to, ",") || ms[j].to < len(c.tokens) && c.tokens[ms[j].to].class != classMark {
		return false
	}
	at := ms[i].to + 1
	for n := i + 1; n < j && ms[n].kind == "side"; n++ {
		at = ms[n].to
	}
	return at == ms[j].from
}

func (c *clause) preposition(from, to int) bool {
	if to-from > 9 {
		return false
	}
	for i := from; i < to; i++ {
		switch c.word(i) {
		case "in", "of", "within", "at", "involving", "along", "on", "through", "near", "overlying", "from":
			return true
		case ",", "，", "and":
			return false
		}
	}
	return false
}
