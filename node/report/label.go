package report

import "slices"

// label is what the words before a colon say of the statements behind it: 'RIGHT EAR: …', '右侧：…'.
type label struct {
	at    int // tokens up to the colon, in the statement that holds it; 0 in the others
	side  side
	organ *mention // nil for none or several
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
	if on := last.sides(); d.clause.runsOn && d.clause.tokens[0].class == classHan && on != sideBoth {
		d.ran = on
	}
	if d.organ() != nil {
		return
	}
	switch m := last.organ(); {
	case !d.clause.runsOn && !d.clause.opensPart():
		d.carried = d.label.organ
	case m != nil && (d.clause.runsOn || slices.Contains(lobed, m.english)):
		d.carried = m
	case m != nil && m.up != nil && slices.Contains(lobed, m.within):
		d.carried = &mention{hit: hit{concept: m.up, from: m.from, to: m.to}, organ: -1}
	default:
		d.carried = last.carried
	}
}

// lobed organs are those whose lobes are spoken of without their name.
var lobed = []string{"thyroid gland", "lung", "liver", "prostate"}

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
