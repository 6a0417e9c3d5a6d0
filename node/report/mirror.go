package report

import "slices"

// mirrored: the findings have the lesion q of statement i of the impression at the same place on the other side,
// nothing that could be it on its own, and the impression passes over the one on the other side. Unlike
// onlyOpposite it weighs lesion against lesion, so it can tell in a report full of both sides.
func (k *checker) mirrored(q *lesion, i int) bool {
	twin, exact := k.twinOf(q)
	if !twin {
		return false
	}
	unsided, unread := k.sideNamed(q), 0
	if exact {
		unread = 2
	}
	for j := range k.r.Statements {
		s, d := &k.r.Statements[j], &k.r.details[j]
		finds, concludes := s.Section == "findings", s.Section == "impression"
		if !finds && !concludes || d.clears(s) {
			continue
		}
		if finds && d.sides()&q.side != 0 && d.concerns(q) == inOrgan && d.unknown(sizeWords) > unread {
			return false // words out of the lexicon
		}
		for n := range d.lesions {
			f := &d.lesions[n]
			switch {
			case f.denied || j == i && f.side == q.side:
			case finds && f.side == q.side.opposite() && !d.sharesSides():
			case finds && f.side == sideNone && !unsided:
			case concludes && f.side == q.side:
			case q.couldBe(f, exact):
				return false
			}
		}
	}
	return true
}

// twinOf tells whether the findings affirm on the other side, in the same organ, what may be q, and whether they
// do so by its own name.
func (k *checker) twinOf(q *lesion) (twin, exact bool) {
	for j := range k.r.Statements {
		s, d := &k.r.Statements[j], &k.r.details[j]
		if s.Section != "findings" || s.Uncertain && s.Skip != "" || d.sharesSides() || d.clause.comparesSides() || d.clears(s) {
			continue
		}
		for n := range d.lesions {
			f := &d.lesions[n]
			if f.denied || f.side != q.side.opposite() {
				continue
			}
			a, b := f.place(), q.place()
			named := related(f.finding, q.finding) && !q.finding.has("vague")
			switch {
			case named && (a == b || a == nil || b == nil):
				twin, exact = true, true
			case a != nil && a == b && mayBe(f.finding, q.finding):
				twin = true
			}
		}
	}
	return twin, exact
}

// couldBe: the lesion f, which is not on the other side, could be what the impression calls q. Beside a twin by its
// own name only the organ itself counts for what has no telling name.
func (q *lesion) couldBe(f *lesion, exact bool) bool {
	a, b := f.place(), q.place()
	apart := a != nil && b != nil && !related(a, b) && a.kind != "region" && b.kind != "region"
	switch {
	case related(f.finding, q.finding):
		return !apart || fluid(q.region())
	case !mayBe(f.finding, q.finding) || apart:
		return false
	case exact:
		return a != nil && b != nil && a.kind != "region" && related(a, b)
	}
	return true
}

// sideNamed: the findings name the side of q in its region at all, so a lesion without a side may be on it.
func (k *checker) sideNamed(q *lesion) bool {
	for j := range k.r.Statements {
		if k.r.Statements[j].Section != "findings" {
			continue
		}
		if on := k.r.details[j].sides(); on != sideNone && on != q.side.opposite() {
			return true
		}
	}
	return false
}

// clears: the statement affirms nothing of today: it denies, calls normal or measures, and no word of it could
// tell of more.
func (d *detail) clears(s *Statement) bool {
	if s.Negated && !s.Comparison || d.names("normal") && !d.affirms() || d.measuresOnly() {
		return true
	}
	return len(d.lesions) == 0 && slices.Contains(d.clause.denied, true) && d.unknown(sizeWords) == 0
}
