package report

import "slices"

// mirrored: the findings have the lesion q of statement i of the impression at the same place on the other side,
// nothing that could be it on its own, and the impression passes over the one on the other side. Unlike
// onlyOpposite it weighs lesion against lesion, so it can tell in a report full of both sides.
func (k *checker) mirrored(q *lesion, i int) bool {
	t := k.twinOf(q, &k.r.details[i])
	if t.likeness == unlike {
		return false
	}
	unsided := k.sideNamed(q)
	for j := range k.r.Statements {
		s, d := &k.r.Statements[j], &k.r.details[j]
		finds, concludes := s.Section == "findings", s.Section == "impression"
		if !finds && !concludes {
			continue
		}
		if finds && d.sides()&q.side != 0 && d.concerns(q) == inOrgan && d.unknown(sizeWords) > unreadWords[t.likeness] && !d.clears(s) {
			return false
		}
		for n := range d.lesions {
			f := &d.lesions[n]
			switch {
			case f.denied || j == i && f.side == q.side:
			case concludes && f.side == q.side:
			case finds && f.side == sideNone && !unsided:
			case finds && f.side == q.side.opposite() && !d.sharesSides():
			case finds && t.size > 0 && t.otherSize(d.lesionSize(f)):
			case t.rivals(q, f) && !d.clears(s):
				return false
			}
		}
	}
	return true
}

// deniedHere: the findings deny the very lesion q on its side and affirm it on the other, and the impression passes
// over that one.
func (k *checker) deniedHere(q *lesion, i int) bool {
	denied, twin := false, false
	for j := range k.r.Statements {
		s, d := &k.r.Statements[j], &k.r.details[j]
		finds, concludes := s.Section == "findings", s.Section == "impression"
		for n := range d.lesions {
			f := &d.lesions[n]
			if !finds && !concludes || j == i || !related(f.finding, q.finding) || f.apart(q) {
				continue
			}
			switch {
			case finds && f.denied:
				denied = denied || f.side == q.side && d.deniesPlainly(&d.mentions[f.at])
			case f.denied || f.side == sideNone || concludes && f.side == q.side:
			case concludes || f.side != q.side.opposite() || d.sharesSides():
				return false
			default:
				twin = true
			}
		}
	}
	return denied && twin
}

// deniesPlainly: nothing but the denial stands before the finding, and it is of today: not 'no large effusion'.
func (d *detail) deniesPlainly(m *mention) bool {
	c := d.clause
	if m.from == 0 || c.colours&(cuePrior|cueRecommend|cueHistory|cueUncertain) != 0 || c.besides(m.from) {
		return false
	}
	before := m.from - 1
	return denialWords[c.lower(before)] || slices.ContainsFunc(c.scopes, func(s sighting) bool { return s.from <= before && before < s.to })
}

// likeness is how well a lesion on the other side agrees with the one of the impression.
type likeness uint8

const (
	unlike  likeness = iota
	located          // in the same organ, by a name that tells nothing against it
	named            // in the same organ, by its own name
)

// unreadWords is how many words out of the lexicon a statement about the organ may hold and still be understood.
var unreadWords = map[likeness]int{located: 0, named: 2}

// twin is what the findings have on the other side; size is that of both lesions in millimetres, 0 if unknown or not
// the same.
type twin struct {
	likeness
	size float64
}

func (k *checker) twinOf(q *lesion, of *detail) (t twin) {
	size := of.lesionSize(q)
	for j := range k.r.Statements {
		s, d := &k.r.Statements[j], &k.r.details[j]
		if s.Section != "findings" || s.Uncertain && s.Skip != "" {
			continue
		}
		for n := range d.lesions {
			f := &d.lesions[n]
			if f.denied || f.side != q.side.opposite() {
				continue
			}
			alike := q.like(f)
			if alike == unlike || d.sharesSides() || d.clause.comparesSides() || d.clears(s) {
				continue
			}
			t.likeness = max(t.likeness, alike)
			if size > 0 && closeTo(size, d.lesionSize(f)) {
				t.size = size
			}
		}
	}
	return t
}

// like compares q with a lesion on the other side.
func (q *lesion) like(f *lesion) likeness {
	a, b := f.place(), q.place()
	switch {
	case f.finding == unnamed && a != nil && a == b:
		return located
	case f.finding == q.finding && a != nil && a == b:
		return named
	case !q.finding.has("vague") && related(f.finding, q.finding) && (a == nil || b == nil || related(a, b)):
		return named
	case a != nil && a == b && mayBe(f.finding, q.finding):
		return located
	}
	return unlike
}

// lesionSize is the size the statement gives lesion f, 0 for none.
func (d *detail) lesionSize(f *lesion) float64 {
	if size, ok := d.sizeOf(f.at); ok {
		return size.largest()
	}
	return 0
}

// otherSize: the size that the twins share is another.
func (t twin) otherSize(mm float64) bool { return mm > 0 && !closeTo(t.size, mm) }

// rivals: the lesion f, which is not on the other side, could be what the impression calls q. Beside a twin by its
// own name only what is vague in the organ itself counts, or the name again.
func (t twin) rivals(q, f *lesion) bool {
	a, b, apart := f.place(), q.place(), f.apart(q)
	switch {
	case related(f.finding, q.finding):
		return !apart || a.region == b.region && (q.finding.has("vague") && q.finding.english != "stenosis" || fluid(a.region) && a.has("paired"))
	case !mayBe(f.finding, q.finding) || apart:
		return false
	case t.likeness == named:
		return f.finding.has("vague") && a != nil && b != nil && a.kind != "region" && related(a, b)
	}
	return true
}

// apart: both lesions have an organ, and neither is part of the other.
func (q *lesion) apart(f *lesion) bool {
	a, b := f.place(), q.place()
	return a != nil && b != nil && !related(a, b) && a.kind != "region" && b.kind != "region"
}

// sideNamed: the findings name the side of q at all, so a lesion without a side may be on it.
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
