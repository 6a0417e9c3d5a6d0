package report

import (
	"slices"
	"strings"
)

// splitStatements cuts a paragraph into sentences and the sentences into statements.
func splitStatements(l *Lexicon, p paragraph) []*clause {
	var out []*clause
	for _, s := range sentences(p.text, p.start, p.end) {
		c := l.analyse(p.text, s.start, s.end)
		if len(c.tokens) == 0 {
			continue
		}
		from := 0
		for _, cut := range append(c.cuts(), cut{at: len(c.tokens)}) {
			part := c.part(from, cut.at)
			part.runsOn = from > 0
			out = append(out, part)
			from = cut.resume
		}
	}
	return out
}

// cut ends one statement before token at and begins the next with token resume.
type cut struct{ at, resume int }

// cuts finds where a compound sentence says a second thing.
func (c *clause) cuts() []cut {
	var out []cut
	from, depth := 0, 0
	for i := 1; i < len(c.tokens)-1; i++ {
		depth = c.depth(depth, i)
		if depth > 0 {
			continue
		}
		resume := c.joint(i)
		if resume == 0 || !c.separable(from, i, resume) {
			continue
		}
		out = append(out, cut{i, resume})
		from, i = resume, resume
	}
	return out
}

func (c *clause) depth(depth, i int) int {
	switch {
	case c.mark(i, "(（"):
		return depth + 1
	case c.mark(i, ")）") && depth > 0:
		return depth - 1
	}
	return depth
}

var conjunctions = []string{"and", "but", "while", "whereas", "yet"}

// joint tells whether clauses may meet at token i: at a comma, a conjunction or both.
// It returns the token after them, 0 for no.
func (c *clause) joint(i int) int {
	next := i
	if c.mark(i, ",，") {
		next++
	} else if c.tokens[i].class != classWord {
		return 0
	}
	if next < len(c.tokens) && slices.Contains(conjunctions, c.lower(next)) {
		next++
	}
	if next == i || next >= len(c.tokens) || c.tokens[next].class == classMark || slices.Contains(conjunctions, c.lower(next)) {
		return 0
	}
	return next
}

// separable: both sides of a joint stand on their own feet.
func (c *clause) separable(from, at, resume int) bool {
	end := c.segmentEnd(resume)
	left, right := c.part(from, at), c.part(resume, end)
	if left.says() && right.advises() && !left.subordinate() {
		return true
	}
	if w := c.lower(resume - 1); (w == "but" || w == "while" || w == "whereas") && left.says() && right.verb() && !right.pronoun() && !left.subordinate() {
		return true
	}
	if c.tokens[resume].class == classHan || c.tokens[at-1].class == classHan {
		return separableChinese(left, right)
	}
	return separableEnglish(left, right)
}

// advises: the clause is a recommendation of its own.
func (c *clause) advises() bool {
	for _, s := range c.shades {
		if s.cue&cueRecommend != 0 && (s.from == 0 || c.verb()) {
			return true
		}
	}
	return false
}

// segmentEnd is the end of the segment that begins at token i: the next comma or the end.
func (c *clause) segmentEnd(i int) int {
	for i++; i < len(c.tokens); i++ {
		if c.mark(i, ",，") {
			return i
		}
	}
	return len(c.tokens)
}

// separableChinese: the second segment names its own organ, or turns the polarity round, or tells a
// finding after a normal look.
func separableChinese(left, right *clause) bool {
	if !left.says() && left.colours&cuePrior != 0 {
		return false // 与前片比较，右肺结节增大
	}
	if right.opensPlace() && left.predicates() && right.predicates() {
		return true
	}
	if !left.says() || !right.names("finding") {
		return false
	}
	if left.names("normal") && !left.names("finding") && left.names("organ", "sex-organ", "region") || right.opens("side") && left.names("side") {
		return true
	}
	return right.opensDenied() != left.endsDenied() || right.endsDenied() && !left.endsDenied() && right.names("organ", "sex-organ", "region")
}

// separableEnglish: a second subject with its own verb, a second side with its own finding,
// or a denial after a finding.
func separableEnglish(left, right *clause) bool {
	if left.subordinate() {
		return false
	}
	if (left.verb() || left.says()) && right.verb() && right.subject() {
		return true
	}
	if right.opensDenied() && len(left.scopes) == 0 && len(left.tokens) > 1 {
		return true
	}
	if !left.says() || !right.names("finding") || !left.names("finding") {
		return false
	}
	return right.opens("side") && left.names("side") || right.opensDenied() && !left.endsDenied()
}

// subordinate: the clause only sets the scene for the next one.
func (c *clause) subordinate() bool {
	switch c.lower(0) {
	case "apart", "other", "except", "aside", "besides", "despite", "if", "when", "although", "though", "since", "because", "as", "given", "while", "after", "in", "on", "at", "within", "along", "for", "by", "with", "due", "from":
		return true
	}
	return false
}

// says: the clause holds something that can be true or false.
func (c *clause) says() bool { return c.names("finding", "normal", "device", "sign") }

func (c *clause) names(kinds ...string) bool {
	return slices.ContainsFunc(c.terms, func(h hit) bool { return slices.Contains(kinds, h.kind) })
}

// opens: the first word but one article is a term of one of the kinds.
func (c *clause) opens(kinds ...string) bool {
	return len(c.terms) > 0 && c.terms[0].from <= 1 && slices.Contains(kinds, c.terms[0].kind)
}

// opensPlace: a Chinese clause begins with an organ, or with a finding that names its organ, levels
// (L4/5), sides and words such as 余 aside.
func (c *clause) opensPlace() bool {
	if _, _, next := c.vertebra(0); next > 0 {
		return true
	}
	at := 0
	for _, h := range c.terms {
		for ; at < h.from; at++ {
			if c.tokens[at].class == classHan && !strings.Contains("余各第、", c.word(at)) {
				return false
			}
		}
		at = h.to
		switch h.kind {
		case "side", "attribute":
		case "organ", "sex-organ", "region":
			return !h.has("generic")
		case "finding", "device":
			return h.region != "-"
		default:
			return false
		}
	}
	return false
}

// predicates: besides place and side the clause says something.
func (c *clause) predicates() bool {
	n := 0
	for i, t := range c.tokens {
		if t.class != classMark && !c.placed(i) {
			n++
		}
	}
	return n > 0
}

// placed: token i belongs to a place or side.
func (c *clause) placed(i int) bool {
	return slices.ContainsFunc(c.terms, func(h hit) bool {
		return h.from <= i && i < h.to && (h.kind == "organ" || h.kind == "sex-organ" || h.kind == "region" || h.kind == "side")
	})
}

// opensDenied: the clause begins with a negation.
func (c *clause) opensDenied() bool {
	return len(c.scopes) > 0 && c.scopes[0].from <= 1 && c.scopes[0].cue&cueNegation != 0
}

// endsDenied: the last finding is denied.
func (c *clause) endsDenied() bool {
	for i := len(c.terms) - 1; i >= 0; i-- {
		if h := c.terms[i]; h.kind == "finding" || h.kind == "normal" {
			return c.denied[h.from]
		}
	}
	return false
}

var verbs = setOf("is are was were has have had shows show showed demonstrates demonstrate demonstrated reveals reveal revealed " +
	"persists persist resolved improved increased decreased appears appear appeared measures measure measured remains remain remained contains contain extends extend there's seems seem")

func (c *clause) verb() bool {
	for i := range c.tokens {
		if c.tokens[i].class == classWord && verbs[c.lower(i)] {
			return true
		}
	}
	return false
}

// subject: the clause opens with a subject of its own rather than a pronoun or a verb.
func (c *clause) subject() bool {
	switch c.lower(0) {
	case "there", "no", "the", "a", "an", "both", "some", "mild", "small", "multiple":
		return true
	}
	return !c.pronoun() && c.opens("organ", "sex-organ", "region", "side", "finding", "attribute")
}

// pronoun: the clause opens with a word that points back, or with its verb.
func (c *clause) pronoun() bool {
	switch w := c.lower(0); w {
	case "it", "this", "these", "they", "which", "that", "with", "he", "she", "to", "of", "in", "i", "we", "does", "do", "did", "not", "can", "could", "may", "still":
		return true
	default:
		return verbs[w]
	}
}
