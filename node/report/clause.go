package report

import (
	"slices"
	"strings"
)

// clause is a sentence, or a statement cut out of one, with everything the lexicon knows about it.
type clause struct {
	text    string // the whole block
	tokens  []token
	ids     []int32
	terms   []hit
	scopes  []sighting // negation cues, in order
	shades  []sighting // the other cues, in order
	colours cue        // shades, united
	denied  []bool     // per token: stands in the scope of a negation
	runsOn  bool       // a later part of its sentence
}

// hit is a term of the lexicon at tokens [from, to).
type hit struct {
	*concept
	from, to int
}

// analyse tokenises text[start:end] and finds terms and cues.
func (l *Lexicon) analyse(text string, start, end int) *clause {
	c := &clause{text: text, tokens: tokenize(text[start:end], start, make([]token, 0, (end-start)/4+4))}
	c.ids = l.identify(text, c.tokens)
	c.findTerms(l)
	c.scopes = c.sightings(&l.scopes)
	c.dropFalseNormals()
	c.negate()
	c.shades = c.sightings(&l.colours)
	c.dropDeniedDoubts()
	c.colours = union(c.shades)
	return c
}

// dropFalseNormals: 均匀 in 不均匀 and 'clear' in 'not clearly' say nothing is normal.
func (c *clause) dropFalseNormals() {
	c.terms = slices.DeleteFunc(c.terms, func(h hit) bool {
		return h.kind == "normal" && slices.ContainsFunc(c.scopes, func(s sighting) bool {
			return s.cue&cuePseudo != 0 && s.from < h.to && h.from < s.to
		})
	})
}

// dropDeniedDoubts: 'not suggestive of', 未见可疑钙化: a doubt that is denied is none.
func (c *clause) dropDeniedDoubts() {
	for i := range c.shades {
		if s := &c.shades[i]; c.denied[s.from] && c.denied[s.to-1] {
			s.cue &^= cueUncertain
		}
	}
}

func (c *clause) findTerms(l *Lexicon) {
	for i := 0; i < len(c.ids); {
		v, n := l.terms.longest(c.ids[i:], c.tokens[i:])
		if n == 0 {
			i++
			continue
		}
		c.terms = append(c.terms, hit{&l.concepts[v], i, i + n})
		i += n
	}
}

// sightings finds the cues of one set. A cue inside a term is part of the term (无回声, 'no' in none).
func (c *clause) sightings(set *phrases) []sighting {
	var out []sighting
	for i := 0; i < len(c.ids); {
		v, n := set.longest(c.ids[i:], c.tokens[i:])
		if n == 0 {
			i++
			continue
		}
		if !c.insideTerm(i, i+n) {
			out = append(out, sighting{cue(v), i, i + n})
		}
		i += n
	}
	return out
}

// insideTerm: some longer term covers tokens [from, to).
func (c *clause) insideTerm(from, to int) bool {
	i, _ := slices.BinarySearchFunc(c.terms, from, func(h hit, at int) int { return h.to - at - 1 })
	return i < len(c.terms) && c.terms[i].from <= from && to <= c.terms[i].to && c.terms[i].to-c.terms[i].from > to-from
}

func (c *clause) word(i int) string { return c.text[c.tokens[i].start:c.tokens[i].end] }

func (c *clause) lower(i int) string { return strings.ToLower(c.word(i)) }

// mark tells whether token i is one of the given marks.
func (c *clause) mark(i int, marks string) bool {
	if c.tokens[i].class != classMark {
		return false
	}
	w := firstRune(c.word(i))
	for _, m := range marks {
		if w == m {
			return true
		}
	}
	return false
}

// part is the clause of tokens [from, to).
func (c *clause) part(from, to int) *clause {
	p := &clause{text: c.text, tokens: c.tokens[from:to], ids: c.ids[from:to], denied: c.denied[from:to]}
	for _, h := range c.terms {
		if h.from >= from && h.to <= to {
			p.terms = append(p.terms, hit{h.concept, h.from - from, h.to - from})
		}
	}
	p.scopes = within(c.scopes, from, to)
	p.shades = within(c.shades, from, to)
	p.colours = union(p.shades)
	return p
}

// within keeps the sightings inside tokens [from, to), counted from there.
func within(all []sighting, from, to int) []sighting {
	var out []sighting
	for _, s := range all {
		if s.from >= from && s.to <= to {
			out = append(out, sighting{s.cue, s.from - from, s.to - from})
		}
	}
	return out
}

func union(all []sighting) cue {
	var u cue
	for _, s := range all {
		u |= s.cue
	}
	return u
}
