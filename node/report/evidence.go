package report

import (
	"math"
	"slices"
)

// onlyOpposite: the findings affirm on the other side what may be q, and each statement that bears on its place
// is either about that other side, or denies, calls normal or measures. One that is about the side of q or about
// both and says more, or that tells of q without a side, may be where q comes from.
func (k *checker) onlyOpposite(q *lesion) bool {
	seen, exact, both, near := false, false, false, unsaid
	for i := range k.r.Statements {
		s, d := &k.r.Statements[i], &k.r.details[i]
		if s.Section != "findings" {
			continue
		}
		said := d.concerns(q)
		if said == elsewhere && d.inRegionOf(q) {
			near = inRegion // the organ beside it: a statement without a place may come back to q's
		} else if said != unsaid {
			near = said
		}
		if said == unsaid && near == elsewhere && !d.maySay(q, false) || said == elsewhere {
			continue
		}
		on := d.sides()
		switch {
		case d.clears(s):
		case on == q.side.opposite() && d.clause.comparesSides():
		case on == q.side.opposite():
			if (said == inOrgan || !q.named() || fluid(q.region())) && d.maySay(q, said != unsaid) {
				seen, exact = true, exact || said == inOrgan
			}
		case on == sideBoth && said == inRegion && q.named():
			both = true
		case on == sideNone && !d.maySay(q, said == inOrgan):
		default:
			return false
		}
	}
	return seen && (exact || !both)
}

// nearness is how close to the place of a lesion a statement is.
type nearness uint8

const (
	unsaid    nearness = iota // it names no place
	elsewhere                 // it names other places only
	inRegion                  // it names the region, or an organ that goes by the name of the lesion's
	inOrgan                   // it names the organ
)

// sides is every side a statement names, or else the one it has from those before.
func (d *detail) sides() side {
	on := sideNone
	for i := range d.mentions {
		on |= d.mentions[i].side
	}
	if on == sideNone && d.carried != nil {
		on = d.carried.side
	}
	if on == sideNone {
		on = d.label.side
	}
	return on
}

// concerns tells how near to q a statement is. Where organs go by each other's names (lung and pleura, the parts
// of the brain) the region stands for the organ.
func (d *detail) concerns(q *lesion) nearness {
	near := unsaid
	for i := range d.mentions {
		switch m := &d.mentions[i]; {
		case m.place():
			near = max(near, q.nearTo(m.concept))
		case m.kind == "finding":
			near = max(near, q.nearTo(m.concept), q.nearTo(m.up))
		}
	}
	if near == unsaid && d.carried != nil {
		return q.nearTo(d.carried.concept)
	}
	return near
}

// named: the lesion is said to be in an organ, not only in a region.
func (q *lesion) named() bool { return q.organ != nil && q.organ.kind != "region" }

func (d *detail) inRegionOf(q *lesion) bool {
	return slices.ContainsFunc(d.mentions, func(m mention) bool { return m.region == q.region() })
}

func (q *lesion) nearTo(c *concept) nearness {
	organ, region := q.place(), q.region()
	switch {
	case c == nil || c.has("generic") || c.region == "any" || c.region == "-":
		return unsaid
	case related(c, q.finding), organ != nil && (related(c, organ) || c.twin != "" && c.twin == organ.english):
		return inOrgan
	case region == "", sameRegion(c.region, region) && (c.kind == "finding" || organ == nil || organ.has("generic") || c.kind == "region" || organ.kind == "region" || fluid(region)):
		return inRegion
	}
	return elsewhere
}

// sameRegion: an ear or an orbit is of the face or of the head, whoever writes.
func sameRegion(a, b string) bool {
	return a == b || a == "head" && b == "face" || a == "face" && b == "head"
}

// maySay: the statement affirms what may be q; without a place, what bears its name.
func (d *detail) maySay(q *lesion, placed bool) bool {
	return slices.ContainsFunc(d.lesions, func(f lesion) bool {
		return !f.denied && (related(f.finding, q.finding) || placed && mayBe(f.finding, q.finding))
	})
}

// measuresOnly: the statement gives the size of an organ and nothing else.
func (d *detail) measuresOnly() bool {
	return len(d.measures) > 0 && !slices.ContainsFunc(d.mentions, func(m mention) bool { return m.kind == "finding" }) && d.unknown(sizeWords) == 0
}

// unknown counts the words outside terms, denials, measurements and the words known besides.
func (d *detail) unknown(known map[string]bool) int {
	c, n := d.clause, 0
	for i, t := range c.tokens {
		if t.class == classMark || t.class == classNumber || c.denied[i] || fillers[c.lower(i)] || known[c.lower(i)] || lengths[c.lower(i)] > 0 {
			continue
		}
		if !slices.ContainsFunc(c.terms, func(h hit) bool { return h.from <= i && i < h.to }) {
			n++
		}
	}
	return n
}

// sharesSides: the statement names both sides and fewer findings than sides, so one of them is on both:
// 'fractures of the right body and the left condyle'.
func (d *detail) sharesSides() bool {
	sides, findings := 0, 0
	for i := range d.mentions {
		switch m := &d.mentions[i]; {
		case m.kind == "finding":
			findings++
		case m.side == sideLeft || m.side == sideRight:
			sides |= int(m.side)
		}
	}
	return sides == int(sideLeft|sideRight) && findings < 2
}

// sameSize: two statements each give one size, and it is the same.
func sameSize(a, b *detail) bool {
	if len(a.measures) != 1 || len(b.measures) != 1 || a.measures[0].prior || b.measures[0].prior {
		return false
	}
	x, y := a.measures[0].largest(), b.measures[0].largest()
	return x > 0 && math.Abs(x-y) < 0.02*x
}
