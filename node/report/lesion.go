package report

import (
	"slices"
	"strings"
)

// lesion is a finding with its place, as one statement affirms or denies it.
type lesion struct {
	finding *concept
	organ   *concept // nil when unsaid
	side    side
	denied  bool
	at      int // index of its mention
}

// maxLesions bounds the work on one statement: what lists more is no sentence.
const maxLesions = 16

// findLesions lists what a statement says of findings and devices. Where it affirms none the lexicon knows and
// calls nothing normal, its organs stand for something unnamed.
func (d *detail) findLesions() []lesion {
	var out []lesion
	affirmed := false
	for i := range d.mentions {
		m := &d.mentions[i]
		if m.kind != "finding" && m.kind != "device" || d.adjective(i) || len(out) == maxLesions {
			continue
		}
		out = append(out, d.lesionOf(m, i))
		affirmed = affirmed || !m.denied
	}
	if affirmed || d.names("normal") || len(out) > 0 && !d.clause.exists() || len(out) == 0 && slices.Contains(d.clause.denied, true) {
		return out
	}
	for i := range d.mentions {
		if m := &d.mentions[i]; m.place() && m.side != sideNone && !m.denied {
			out = append(out, lesion{finding: unnamed, organ: m.concept, side: m.side, at: i})
		}
	}
	return out
}

func (d *detail) lesionOf(m *mention, at int) lesion {
	l := lesion{finding: m.concept, side: m.side, denied: m.denied, at: at}
	if o := d.organOf(m); o != nil {
		l.organ = o.concept
		if o.side != sideNone && (o != d.carried || l.side == sideNone) {
			l.side = o.side
		}
		if o.twin != "" {
			l.side = sideOf(strings.Fields(o.english)[0])
		}
	}
	if l.side == sideNone {
		l.side = d.label.side
	}
	if l.side == sideNone && l.organ != nil && l.organ.has("paired") {
		l.side = d.ran
	}
	return l
}

// adjective: a vague finding right before a telling one describes it: 强回声斑块.
func (d *detail) adjective(i int) bool {
	if i+1 == len(d.mentions) {
		return false
	}
	m, next := &d.mentions[i], &d.mentions[i+1]
	return m.has("vague") && next.kind == "finding" && next.from == m.to && m.denied == next.denied && d.clause.tokens[next.from].class == classHan
}

// exists: the statement says outside any denial that something is there.
func (c *clause) exists() bool {
	for i := range c.tokens {
		if !c.denied[i] && (c.word(i) == "见" || c.word(i) == "示") {
			return true
		}
	}
	return false
}

// unnamed is a finding in words out of the lexicon.
var unnamed = &concept{kind: "finding", region: "-", flags: []string{"vague"}}

// place is the organ a lesion sits in, by name or by its kind; nil when unknown.
func (q *lesion) place() *concept {
	if q.organ != nil {
		return q.organ
	}
	return q.finding.up
}

// mayBe: one of two findings is vague enough to be the other, or they are of one kind.
func mayBe(a, b *concept) bool {
	return related(a, b) || a.kind == b.kind && (a.has("vague") || b.has("vague") || a.kind == "device")
}

// region is where the lesion sits, by its organ or by itself; "" when neither says.
func (q *lesion) region() string {
	for _, c := range []*concept{q.organ, q.finding} {
		if c != nil && c.region != "-" && c.region != "any" {
			return c.region
		}
	}
	return ""
}

// fluid regions are those whose organs go by each other's names in findings and impression.
func fluid(region string) bool {
	return slices.Contains([]string{"chest", "heart", "head", "spine", "cspine", "tspine", "lspine", ""}, region)
}

// related: the same concept, or one within or a kind of the other.
func related(a, b *concept) bool { return partOf(a, b) || partOf(b, a) }

// partOf: a is b, a kind of b, or sits in b through at most three organs.
func partOf(a, b *concept) bool {
	if a.kindOf == b && b != nil {
		return true
	}
	for n := 0; n < 4 && a != nil; n++ {
		if a == b {
			return true
		}
		a = a.up
	}
	return false
}
