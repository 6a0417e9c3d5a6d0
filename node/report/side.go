package report

import "slices"

// LAT-001: a limb or breast of the other side than the one examined.
func (k *checker) examinedSide() {
	e := k.exam.examined()
	if e == sideNone || k.bilateralTitle() {
		return
	}
	check := func(s *Statement, d *detail) bool {
		if d.clause.comparesSides() {
			return true
		}
		for i := range d.mentions {
			m := &d.mentions[i]
			if m.place() && m.side == e.opposite() && k.sameLimb(m.region) {
				k.flag("LAT-001", s.N, k.sideName(m.side), k.name(m.concept), k.sideName(e))
				break
			}
		}
		return true
	}
	k.described(check)
	k.observed(check)
}

// bilateralTitle: the report itself says it covers both sides.
func (k *checker) bilateralTitle() bool {
	both := false
	k.described(func(_ *Statement, d *detail) bool {
		sides := map[side]bool{}
		for _, m := range d.mentions {
			sides[m.side] = true
		}
		both = both || sides[sideBoth] || sides[sideLeft] && sides[sideRight]
		return !both
	})
	return both
}

// sameLimb: the region is one of those examined or the next one along the same limb.
func (k *checker) sameLimb(region string) bool {
	if !slices.Contains(limbRegions, region) {
		return false
	}
	return slices.ContainsFunc(k.exam.regions, func(r string) bool {
		return r == region || k.lex.adjacent(r, region)
	})
}

var sideComparisons = []string{"contralateral", "opposite", "compared", "comparison", "asymmetric", "asymmetry", "than", "对侧", "健侧"}

// comparesSides: the statement speaks of the other side on purpose.
func (c *clause) comparesSides() bool {
	for i := range c.tokens {
		if slices.Contains(sideComparisons, c.word(i)) {
			return true
		}
		if i > 0 && slices.Contains(sideComparisons, c.word(i-1)+c.word(i)) {
			return true
		}
	}
	return false
}

// LAT-002: order and descriptions name one side, the headers mark the other.
func (k *checker) orderedSide() {
	e := &k.exam
	if e.limb && e.order != sideNone && e.order == e.images.opposite() {
		k.flag("LAT-002", 0, k.sideName(e.order), k.sideName(e.images))
	}
}

// LAT-003: the impression puts an organ on a side where the findings never mention it, though they
// mention it on the other.
func (k *checker) impressionSide() {
	k.observed(func(s *Statement, d *detail) bool {
		if s.Section != "impression" || s.Negated || d.clause.comparesSides() {
			return true
		}
		for i := range d.mentions {
			m := &d.mentions[i]
			if (m.side != sideLeft && m.side != sideRight) || m.denied || !m.place() && (m.kind != "finding" || m.organ >= 0) {
				continue
			}
			if k.onlyOpposite(m) {
				k.flag("LAT-003", s.N, k.sideName(m.side), k.name(m.concept), k.sideName(m.side.opposite()))
				break
			}
		}
		return true
	})
}

// onlyOpposite: the findings affirm m's concept on the opposite side, and nothing in them puts it,
// a part of it or the same lesion on m's side or on no side.
func (k *checker) onlyOpposite(m *mention) bool {
	opposite, own := false, false
	k.observed(func(s *Statement, d *detail) bool {
		if s.Section != "findings" {
			return true
		}
		related := false
		for i := range d.mentions {
			o := &d.mentions[i]
			if !k.lex.related(o.concept, m.concept) {
				continue
			}
			related = true
			switch o.side {
			case m.side, sideBoth:
				own = true
			case m.side.opposite():
				opposite = opposite || !o.denied
			}
		}
		// a statement of the other side that speaks of the organ by another word counts for m
		own = own || !related && k.sidedAlike(d, m)
		return !own
	})
	return opposite && !own
}

// sidedAlike: the statement affirms something on m's side in m's region.
func (k *checker) sidedAlike(d *detail, m *mention) bool {
	region := m.region
	if w, ok := k.lex.byName[m.within]; ok && region == "-" {
		region = k.lex.concepts[w].region
	}
	for i := range d.mentions {
		o := &d.mentions[i]
		if o.side == m.side && (o.place() || o.kind == "finding") && (o.region == region || region == "-" || o.region == "any") && !d.clause.allDeniedOrNormal() {
			return true
		}
	}
	return false
}

// allDeniedOrNormal: the clause reports nothing abnormal.
func (c *clause) allDeniedOrNormal() bool {
	for _, h := range c.terms {
		if h.kind == "finding" && !c.denied[h.from] {
			return false
		}
	}
	return c.names("finding", "normal")
}

// related: the same concept, or one within or a kind of the other.
func (l *Lexicon) related(a, b *concept) bool {
	return a == b || l.partOf(a, b) || l.partOf(b, a)
}

// partOf follows 'in=' and 'isa=' upwards from a.
func (l *Lexicon) partOf(a, b *concept) bool {
	for range 4 {
		if a == b {
			return true
		}
		up, ok := l.byName[a.within]
		if !ok {
			break
		}
		a = &l.concepts[up]
	}
	return a.isa != "" && a.isa == b.english
}

// LAT-004: a middle lobe on the left, a lingula on the right.
func (k *checker) impossibleSide() {
	k.observed(func(s *Statement, d *detail) bool {
		for i := 1; i < len(d.mentions); i++ {
			m := &d.mentions[i]
			if m.has("left") || m.has("right") {
				k.wrongSide(s, d, i)
			}
		}
		return true
	})
}

// wrongSide looks for a side word that stands right before mention i, the lung itself aside.
func (k *checker) wrongSide(s *Statement, d *detail, i int) {
	m := &d.mentions[i]
	j := i - 1
	for j > 0 && d.mentions[j].english == "lung" && d.mentions[j].to == d.mentions[j+1].from && d.mentions[j].side != m.side.opposite() {
		j--
	}
	p := &d.mentions[j]
	if p.to != d.mentions[j+1].from || p.side != m.side.opposite() || p.kind != "side" && p.english != "lung" {
		return
	}
	k.flag("LAT-004", s.N, k.sideName(p.side), k.name(m.concept), k.sideName(m.side))
}
