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
	c.assignTitle(ms)
}

// assignTitle gives a limb the side right behind it where nothing but the examination follows: 'ANKLE LEFT',
// 'XR KNEE RIGHT 2 VIEWS'.
func (c *clause) assignTitle(ms []mention) {
	for i := 0; i+1 < len(ms); i++ {
		m, on := &ms[i], &ms[i+1]
		if m.kind != "region" || !m.has("paired") || m.side != sideNone || on.kind != "side" || on.from != m.to {
			continue
		}
		if !slices.ContainsFunc(ms[i+2:], func(o mention) bool { return o.kind != "modality" && o.kind != "view" && o.kind != "contrast" }) {
			m.side = on.side
		}
	}
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
	if h.from > 0 && h.kind == "organ" && h.has("paired") && c.gap(h.from-1, h.from) == " " {
		switch c.word(h.from - 1) { // 'R kidney'
		case "L":
			return sideLeft
		case "R":
			return sideRight
		}
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
