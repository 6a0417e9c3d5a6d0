package report

import (
	"slices"
	"strings"
)

// claim is a finding that a statement affirms.
type claim struct {
	lesion
	statement *Statement
	detail    *detail
}

// CONTRA-001: one section affirms what the other denies at the same place.
func (k *checker) contradiction() {
	affirmed := k.claims()
	k.observed(func(s *Statement, d *detail) bool {
		for i := range d.lesions {
			q := &d.lesions[i]
			if !q.denied {
				continue
			}
			qualified := d.qualified(q.at)
			for _, a := range affirmed {
				if a.statement.Section == s.Section || qualified && !sameSize(d, a.detail) || !denies(q, &a.lesion) {
					continue
				}
				if samePlace(q, &a.lesion) || s.Section == "impression" && q.everywhere() && !k.affirmedIn(affirmed, "impression", q.finding) {
					k.flag("CONTRA-001", max(s.N, a.statement.N), k.name(q.finding), quote(a.statement.Text))
					return true
				}
			}
		}
		return true
	})
}

// denies: what q denies is what a affirms, a kind of it, or that in the organ q's name holds (gallstones, and
// a stone in the gallbladder).
func denies(q, a *lesion) bool {
	return a.finding == q.finding || a.finding.kindOf == q.finding || q.finding.kindOf == a.finding && q.finding.up != nil && a.place() == q.finding.up
}

// everywhere: 'no fracture' names no place, so it denies those of all bones; 'no stones' may speak of the
// kidneys alone.
func (q *lesion) everywhere() bool {
	return q.place() == nil && q.side == sideNone && (q.finding.english == "fracture" || q.finding.english == "dislocation")
}

// affirmedIn: some claim of the section is of the finding or a kind of it.
func (k *checker) affirmedIn(claims []claim, section string, f *concept) bool {
	return slices.ContainsFunc(claims, func(c claim) bool { return c.statement.Section == section && related(c.finding, f) })
}

// claims lists the findings affirmed without reserve that are definite enough to be contradicted.
func (k *checker) claims() []claim {
	var out []claim
	k.observed(func(s *Statement, d *detail) bool {
		if d.past() || d.clause.ruling() {
			return true
		}
		for _, l := range d.lesions {
			if !l.denied && l.finding != unnamed && !d.doubtful(&d.mentions[l.at]) && (l.finding.has("critical") || l.finding.has("definite")) {
				out = append(out, claim{l, s, d})
			}
		}
		return len(out) < maxConclusions
	})
	return out
}

// ruling: the clause weighs a finding rather than reporting it.
func (c *clause) ruling() bool {
	return c.hasWord([]string{"if", "If", "unless", "should", "would", "could", "might", "may"})
}

// qualified: the denial is of a special kind: 'no drainable abscess', 'no large effusion'. A plain one has no
// other word between the denial and the comma behind finding i than terms and fillers.
func (d *detail) qualified(i int) bool {
	c, m := d.clause, &d.mentions[i]
	if c.colours&(cuePrior|cueRecommend|cueHistory|cueUncertain) != 0 || c.besides(m.from) {
		return true
	}
	if i > 0 && d.mentions[i-1].kind == "finding" && d.mentions[i-1].to == m.from && c.tokens[m.from].class == classWord {
		return true // 'no enhancing masses'
	}
	from := 0
	for _, s := range c.scopes {
		if s.to <= m.from {
			from = s.to
		}
	}
	for j := from; j < len(c.tokens); j++ {
		if c.mark(j, ",，;；.。") {
			if j > m.to {
				break
			}
			continue
		}
		if fillers[c.lower(j)] || denialWords[c.lower(j)] || c.covered(j) {
			continue
		}
		return true
	}
	return slices.ContainsFunc(d.mentions, func(a mention) bool { return a.kind == "attribute" && a.from >= from })
}

var denialWords = setOf("or in of any there seen identified evident present noted on at for evidence 见 及 或 和 与 征 象 确 在 中 明")

// covered: token i is part of a term or a cue.
func (c *clause) covered(i int) bool {
	return slices.ContainsFunc(c.terms, func(h hit) bool { return h.from <= i && i < h.to }) ||
		slices.ContainsFunc(c.scopes, func(s sighting) bool { return s.from <= i && i < s.to })
}

// samePlace: sides and organs agree as far as both are said; a denial without an organ covers every place
// of a finding that has a region of its own (pleural effusion), not of one that may sit anywhere (cyst).
func samePlace(denied, affirmed *lesion) bool {
	a, b := affirmed.place(), denied.place()
	if denied.side != sideNone && denied.side != sideBoth && denied.side != affirmed.side && (affirmed.side != sideNone || a != b || a == nil) {
		return false
	}
	if a == nil && b == nil && denied.side != sideNone {
		return denied.side == affirmed.side
	}
	if a != nil && a.has("generic") || b != nil && b.has("generic") {
		return false
	}
	if a == nil || b == nil {
		return denied.finding.region != "-" || denied.finding.has("critical") && a == b
	}
	return partOf(a, b)
}

// NORM-002: an organ called normal without reserve, as templates do, beside an important finding in it.
func (k *checker) normalOrgan() {
	affirmed := k.claims()
	k.observed(func(s *Statement, d *detail) bool {
		o := d.whollyNormal()
		if o == nil {
			return true
		}
		for _, a := range affirmed {
			if a.statement != s && a.organ != nil && a.finding.has("important") && partOf(a.organ, o.concept) && covers(d.sideOf(o), a.side) {
				k.flag("NORM-002", max(s.N, a.statement.N), k.name(o.concept), quote(a.statement.Text))
				return true
			}
		}
		return true
	})
}

// sideOf is the side of place m, by itself or by the label of its paragraph.
func (d *detail) sideOf(m *mention) side {
	if m.side == sideNone {
		return d.label.side
	}
	return m.side
}

// covers: what is said of side s is said of side t, too.
func covers(s, t side) bool { return s == sideNone || s == sideBoth || s == t }

var fillers = setOf("the is are appear appears a an and both within limits grossly also 均 亦 也 各 明 显")

// whollyNormal is the one organ of which the statement says that it is normal and nothing else.
func (d *detail) whollyNormal() *mention {
	var organ *mention
	said := false
	for i := range d.mentions {
		switch m := &d.mentions[i]; {
		case m.kind == "side":
		case strings.HasSuffix(d.clause.spanText(m.hit), "大小"): // 肝脏大小正常
			return nil
		case m.place() && organ == nil && m.kind != "region" && !m.has("loose") && !m.has("generic"):
			organ = m
		case m.english == "normal" && !m.denied, m.english == "clear" && !m.denied && organ != nil && organ.english == "lung", m.english == "abnormality" && m.denied:
			said = true
		default:
			return nil
		}
	}
	if !said || !d.plain() {
		return nil
	}
	return organ
}

// plain: besides terms, cues and fillers the statement holds no word, so it sets no limits.
func (d *detail) plain() bool {
	c := d.clause
	for i, t := range c.tokens {
		if t.class != classMark && !fillers[c.lower(i)] && !c.covered(i) {
			return false
		}
	}
	return true
}

// CONTRA-002: a finding, or a normal look, of an organ that the same report says was removed.
func (k *checker) removedOrgan() {
	for _, r := range k.lex.removals {
		if !k.removed(r.phrases) {
			continue
		}
		organ := r.organ
		k.observed(func(s *Statement, d *detail) bool {
			for i := range d.mentions {
				m := &d.mentions[i]
				if m.kind != "finding" && m.kind != "normal" || m.denied || d.aged() || d.clause.hasWord([]string{"fossa", "bed", "clips", "absent", "cuff", "窝", "区", "术"}) {
					continue
				}
				o := d.organOf(m)
				if m.within == organ.english && m.region != "-" || o != nil && o.concept == organ {
					k.flag("CONTRA-002", s.N, k.name(organ), quote(s.Text))
					return true
				}
			}
			return true
		})
	}
}

// removed: some statement about the past or an absence says so in as many words, without hedging.
func (k *checker) removed(words []string) bool {
	for _, t := range k.pastTexts() {
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(t, w) }) {
			return true
		}
	}
	return false
}

// pastTexts lists, in lower case, the statements that tell of operations and of organs that are gone.
func (k *checker) pastTexts() []string {
	if k.past != nil {
		return k.past
	}
	k.past = []string{}
	for i := range k.r.Statements {
		s := &k.r.Statements[i]
		t := strings.ToLower(s.Text)
		absent := strings.Contains(t, "absent") || strings.Contains(t, "缺如")
		gone := absent || !s.Negated && (s.Historical || s.Comparison || strings.Contains(t, "removed") || strings.Contains(t, "post"))
		if gone && !s.Recommendation && !s.Uncertain && !strings.Contains(t, "partial") {
			k.past = append(k.past, t)
		}
	}
	return k.past
}
