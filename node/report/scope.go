package report

import (
	"slices"
	"strings"
)

// negate marks the tokens that a negation of the sentence covers: forward from a cue such as 'no' to
// the next stop, backward from a cue such as 'is not seen' to the last one.
func (c *clause) negate() {
	c.denied = make([]bool, len(c.tokens))
	covered := 0 // a cue before this token adds nothing to the one before it
	for n, s := range c.scopes {
		back := s.cue&cueNegationBack != 0
		ahead := s.cue&cueNegation != 0
		if back && ahead || ahead && c.trails(s) {
			back = c.closes(s.to)
			ahead = !back
		}
		if ahead && s.from >= covered {
			covered = c.denyAhead(n)
		}
		if back && !c.elsewhen(s) {
			c.denyBack(n)
		}
	}
}

// closes: nothing but a mark or a stop follows, so a cue that works both ways looks back.
func (c *clause) closes(at int) bool {
	return at >= len(c.tokens) || c.mark(at, ".,;。，；)") || at+1 < len(c.tokens) && c.word(at) == "at" || c.word(at) == "by"
}

// elsewhen: 'not seen on the previous film' says that it is seen now.
func (c *clause) elsewhen(s sighting) bool {
	if c.lower(s.from) != "not" {
		return false
	}
	for i := s.to; i < len(c.tokens) && i < s.to+5; i++ {
		switch c.lower(i) {
		case "prior", "previous", "previously", "earlier", "before", "last", "old":
			return true
		}
	}
	return false
}

// trails: a cue of Chinese, or one behind a colon, that ends its clause denies what stands before it:
// 气胸亦未见, 'effusion: no'.
func (c *clause) trails(s sighting) bool {
	return s.from > 0 && c.closes(s.to) && (c.tokens[s.from].class == classHan || c.mark(s.from-1, ":："))
}

// denyAhead denies what follows cue n and returns where it stopped.
func (c *clause) denyAhead(n int) int {
	end := len(c.tokens)
	if c.lower(c.scopes[n].from) == "non" {
		end = min(end, c.scopes[n].to+1)
	}
	for _, s := range c.scopes[n+1:] {
		if s.cue&cueStop != 0 && s.cue&cueContinue == 0 && s.from > c.scopes[n].to {
			end = s.from
			break
		}
	}
	if to := c.adjectival(c.scopes[n]); to > 0 {
		end = min(end, to)
	}
	i := c.scopes[n].from
	for ; i < end && !c.barrier(i); i++ {
		c.denied[i] = true
	}
	return i
}

// adjectival: 见无强化囊状影 tells of a cyst that lacks enhancement; the denial ends with its first term.
// It returns the end of that, 0 where the cue denies all that follows.
func (c *clause) adjectival(s sighting) int {
	if s.from == 0 || c.word(s.from) != "无" || !strings.Contains("见呈为示", c.word(s.from-1)) {
		return 0
	}
	for _, h := range c.terms {
		if h.from >= s.to {
			return h.to
		}
	}
	return 0
}

func (c *clause) denyBack(n int) {
	start := 0
	for _, s := range c.scopes[:n] {
		if s.cue&(cueStop|cuePseudo) != 0 && s.cue&cueContinue == 0 && s.to < c.scopes[n].from {
			start = s.to
		}
	}
	i := c.scopes[n].from - 1
	if i >= 0 && c.mark(i, ":：") {
		i--
	}
	for ; i >= start && !c.barrier(i); i-- {
		c.denied[i] = true
	}
}

// barrier is a mark no negation crosses. A comma binds a list in English; in Chinese the list
// mark is 、 and a comma ends the clause.
func (c *clause) barrier(i int) bool {
	if c.mark(i, ";；。:：") {
		return true
	}
	if c.mark(i, "，") || c.mark(i, ",") && i > 0 && c.tokens[i-1].class == classHan {
		return true
	}
	return c.mark(i, ",") && c.newSubject(i+1)
}

var subjects = strings.Fields("the he she it there this these they his her patient we i both")

// newSubject: ', the patient remained stable' is no longer the list that a negation opened.
func (c *clause) newSubject(i int) bool {
	if i < len(c.tokens) && slices.Contains(conjunctions, c.lower(i)) {
		i++
	}
	if i >= len(c.tokens) || !slices.Contains(subjects, c.lower(i)) {
		return false
	}
	for ; i < len(c.tokens) && !c.mark(i, ",;"); i++ {
		if verbs[c.lower(i)] {
			return true
		}
	}
	return false
}

// deniedSpan: most words between two offsets are denied by words outside them; a phrase that holds its own
// negation is not negated again.
func (c *clause) deniedSpan(start, end int) bool {
	for _, s := range c.scopes {
		if s.cue&cueNegation != 0 && c.tokens[s.from].start >= start && c.tokens[s.to-1].end <= end {
			return false
		}
	}
	denied, all := 0, 0
	for i, t := range c.tokens {
		if t.start >= start && t.end <= end {
			all++
			if c.denied[i] {
				denied++
			}
		}
	}
	return denied*2 > all
}
