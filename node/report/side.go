package report

import (
	"slices"
	"strings"
)

// LAT-001: a limb or breast of the other side than the one examined. Where the report names the examined side,
// too, the other one may have been imaged along: then only technique and impression count, if the findings do not
// name it.
func (k *checker) examinedSide() {
	e := k.exam.examined()
	if e == sideNone || k.bilateral() {
		return
	}
	named := k.namesLimb(e, "")
	if named && !k.besideFindings(e.opposite()) {
		return
	}
	check := func(s *Statement, d *detail) bool {
		if named && s.Section == "findings" || s.Comparison || d.clause.comparesSides() || d.clause.accesses() {
			return true
		}
		if m := k.otherLimb(d, e); m != nil {
			k.flag("LAT-001", s.N, k.sideName(m.side), k.name(m.concept), k.sideName(e))
		}
		return true
	}
	k.described(check)
	k.observed(check)
}

// besideFindings: the impression or the technique names the limb on that side, and the findings do not.
func (k *checker) besideFindings(on side) bool {
	return (k.namesLimb(on, "impression") || k.namesLimb(on, "technique")) && !k.namesLimb(on, "findings")
}

// namesLimb: a statement of the section, or of any where that is "", names the examined limb with that side.
func (k *checker) namesLimb(on side, section string) bool {
	for i := range k.r.Statements {
		if section != "" && k.r.Statements[i].Section != section {
			continue
		}
		if slices.ContainsFunc(k.r.details[i].mentions, func(m mention) bool { return m.place() && m.side == on && k.sameLimb(m.region) }) {
			return true
		}
	}
	return false
}

// otherLimb is what the statement names on the other side than e: a limb that was examined or, where it
// names no place, a finding.
func (k *checker) otherLimb(d *detail, e side) *mention {
	places := false
	for i := range d.mentions {
		m := &d.mentions[i]
		if m.place() && m.side == e.opposite() && k.sameLimb(m.region) {
			return m
		}
		places = places || m.place() && !m.has("generic")
	}
	for i := range d.mentions {
		if m := &d.mentions[i]; !places && m.kind == "finding" && m.region == "-" && m.side == e.opposite() && m.english != "displacement" && m.english != "angulation" {
			return m
		}
	}
	return nil
}

// bilateral: the report itself says it covers both sides, in its title or by a paragraph for each.
func (k *checker) bilateral() bool {
	both := false
	k.described(func(_ *Statement, d *detail) bool {
		sides := map[side]bool{}
		for _, m := range d.mentions {
			sides[m.side] = true
		}
		both = both || sides[sideBoth] || sides[sideLeft] && sides[sideRight]
		return !both
	})
	opened := map[side]bool{}
	k.observed(func(s *Statement, d *detail) bool {
		if len(d.mentions) > 0 && d.mentions[0].kind == "side" && d.mentions[0].from == 0 && k.opensParagraph(s) && labelled(s.Text) {
			opened[d.mentions[0].side] = true
		}
		return true
	})
	return both || opened[sideLeft] && opened[sideRight]
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

var accessWords = setOf("access accessed via approach puncture punctured sheath groin cannulated 穿刺 入路 置管")

// accesses: the statement tells where an instrument went in.
func (c *clause) accesses() bool {
	for i := range c.tokens {
		if accessWords[c.lower(i)] || i > 0 && accessWords[c.word(i-1)+c.word(i)] {
			return true
		}
	}
	return false
}

var sideComparisons = []string{"contralateral", "opposite", "compared", "comparison", "asymmetric", "asymmetry", "than", "对侧", "健侧"}

// comparesSides: the statement speaks of the other side on purpose.
func (c *clause) comparesSides() bool {
	for i := range c.tokens {
		if slices.Contains(sideComparisons, c.lower(i)) {
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

// LAT-003: the impression puts a lesion on a side on which the findings affirm nothing of the kind,
// though they affirm it on the other.
func (k *checker) impressionSide() {
	for _, i := range k.concludes() {
		s, d := &k.r.Statements[i], &k.r.details[i]
		if d.sharesSides() {
			continue
		}
		for _, q := range d.lesions {
			if q.denied || q.finding == unnamed || q.finding.kind != "finding" || q.finding.english == "midline shift" || q.side != sideLeft && q.side != sideRight || !d.sidesOwn(&q) || !k.onlyOpposite(&q) && !k.mirrored(&q, i) && !k.deniedHere(&q, i) {
				continue
			}
			what := q.finding
			if q.organ != nil && !q.organ.has("generic") && q.organ.twin == "" {
				what = q.organ
			}
			k.flag("LAT-003", s.N, k.sideName(q.side), k.name(what), k.sideName(q.side.opposite()))
			break
		}
	}
}

// sidesOwn: the side is that of the lesion's organ: where a statement names several places, one of them may own it.
func (d *detail) sidesOwn(q *lesion) bool {
	places := 0
	for i := range d.mentions {
		if m := &d.mentions[i]; m.place() && !m.has("generic") {
			if places++; m.concept == q.organ && m.side == q.side {
				return true
			}
		}
	}
	return places < 2
}

// maxConclusions bounds the work of the rules that weigh each statement of the impression against all
// of the findings.
const maxConclusions = 100

// concludes lists the statements of the impression that tell of lesions seen today, by index.
func (k *checker) concludes() []int {
	var out []int
	for i := range k.r.Statements {
		s, d := &k.r.Statements[i], &k.r.details[i]
		if s.Section == "impression" && !s.Historical && s.Skip != SkipNotImage && len(d.lesions) > 0 && !d.clause.comparesSides() {
			if out = append(out, i); len(out) == maxConclusions {
				break
			}
		}
	}
	return out
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
	own := sideLeft
	if m.has("right") {
		own = sideRight
	}
	for j > 0 && d.mentions[j].english == "lung" && d.mentions[j].to == d.mentions[j+1].from && d.mentions[j].side != own.opposite() {
		j--
	}
	p := &d.mentions[j]
	if p.to != d.mentions[j+1].from || p.side != own.opposite() || p.kind != "side" && p.english != "lung" {
		return
	}
	k.flag("LAT-004", s.N, k.sideName(p.side), k.name(m.concept), k.sideName(own))
}

// LAT-005: the findings describe an organ on both sides, slight on one and marked on the other, and the
// impression names it on the slight side only.
func (k *checker) passedOver() {
	for _, i := range k.concludes() {
		s, d := &k.r.Statements[i], &k.r.details[i]
		for _, q := range d.lesions {
			organ := q.place()
			if q.denied || organ == nil || fluid(organ.region) || q.side != sideLeft && q.side != sideRight {
				continue
			}
			if k.slightHere(organ, q.side) && !k.concludedOn(organ, q.side.opposite()) {
				k.flag("LAT-005", s.N, k.sideName(q.side), k.name(organ), k.sideName(q.side.opposite()))
				break
			}
		}
	}
}

// slightHere: everything affirmed of the organ on this side is slight, and something on the other is not.
func (k *checker) slightHere(organ *concept, here side) bool {
	slight, marked := false, false
	for i := range k.r.Statements {
		s, d := &k.r.Statements[i], &k.r.details[i]
		if s.Section != "findings" || d.clears(s) {
			continue
		}
		for _, f := range d.lesions {
			if f.denied || f.finding.kind == "device" || f.place() != organ {
				continue
			}
			mild := d.mild(f.finding)
			switch {
			case f.side == here && mild:
				slight = true
			case f.side != here.opposite():
				return false
			default:
				marked = marked || !mild
			}
		}
	}
	return slight && marked
}

// mild: the finding is said to be slight or is so by its kind.
func (d *detail) mild(f *concept) bool {
	return f.has("minor") || slices.ContainsFunc(d.mentions, func(m mention) bool {
		return m.kind == "attribute" && (m.english == "mild" || m.english == "small")
	})
}

// concludedOn: the impression says something of the organ on that side, on both or on none.
func (k *checker) concludedOn(organ *concept, there side) bool {
	for i := range k.r.Statements {
		if k.r.Statements[i].Section != "impression" {
			continue
		}
		for _, f := range k.r.details[i].lesions {
			if o := f.place(); o == nil && !f.denied && f.side != there.opposite() || o != nil && related(o, organ) && f.side != there.opposite() {
				return true
			}
		}
	}
	return false
}

// LAT-003 for the midline, whose side is a direction: shifted left in the findings, right in the impression.
func (k *checker) shiftSide() {
	found := map[side]bool{}
	for i := range k.r.Statements {
		s, d := &k.r.Statements[i], &k.r.details[i]
		for j := range d.mentions {
			m := &d.mentions[j]
			to := d.shiftTo(j)
			switch {
			case m.english != "midline shift" || m.denied || to == sideNone:
			case s.Section == "findings":
				found[to] = true
			case s.Section == "impression" && found[to.opposite()] && !found[to]:
				k.flag("LAT-003", s.N, k.sideName(to), k.name(m.concept), k.sideName(to.opposite()))
			}
		}
	}
}

// shiftTo is the direction of the shift that mention i tells of: 中线结构左移, 'rightward midline shift',
// 'midline shift to the left'.
func (d *detail) shiftTo(i int) side {
	m := &d.mentions[i]
	words := d.clause.spanText(m.hit)
	if i > 0 && d.mentions[i-1].kind == "side" && d.mentions[i-1].to == m.from {
		words += " " + d.clause.spanText(d.mentions[i-1].hit)
	}
	if i+1 < len(d.mentions) && d.mentions[i+1].kind == "direction" && d.mentions[i+1].from-m.to <= 1 {
		words += " " + d.clause.spanText(d.mentions[i+1].hit)
	}
	words = strings.ToLower(words)
	left := strings.Contains(words, "left") || strings.Contains(words, "左")
	right := strings.Contains(words, "right") || strings.Contains(words, "右")
	switch {
	case left == right:
		return sideNone
	case left:
		return sideLeft
	}
	return sideRight
}
