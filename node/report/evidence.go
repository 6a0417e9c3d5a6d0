package report

import (
	"math"
	"slices"
)

// onlyOpposite weighs every statement of the findings: what they affirm of the same organ or lesion must
// be all on the opposite side. Where organs go by each other's names (lung and pleura, the parts of the
// brain) the region stands for the organ, unless the very lesion is affirmed or denied of the very organ.
func (k *checker) onlyOpposite(q *lesion, of *detail) bool {
	var w weights
	for i := range k.r.Statements {
		if k.r.Statements[i].Section != "findings" {
			continue
		}
		d := &k.r.details[i]
		sized := sameSize(d, of)
		w.unplaced = w.unplaced || d.unread(q)
		for j := range d.lesions {
			f := &d.lesions[j]
			if !f.denied && sized && mayBe(f.finding, q.finding) {
				w.sized.add(f.side, q.side, d)
			}
			if f.side != q.side || !d.old() || of.old() {
				w.weigh(f, q, d)
			}
		}
	}
	return w.onlyOpposite(fluid(q.region()), q.region() != "")
}

// onlyOpposite decides; fluid says that organs of the region go by each other's names.
func (w *weights) onlyOpposite(fluid, placed bool) bool {
	switch {
	case w.sized.onlyOpposite(), w.named.onlyOpposite() && w.denied:
		return true
	case w.unplaced && !w.named.opposite, w.kin && (fluid || !w.named.opposite):
		return false
	case !fluid:
		return w.same.onlyOpposite()
	case w.same == tally{}:
		return placed && w.region.onlyOpposite()
	}
	return w.same.onlyOpposite() && (w.named.opposite || w.part || !w.region.own)
}

// weights is what the findings say that bears on a lesion of the impression.
type weights struct {
	sized    tally // what may be that lesion and has the very size
	named    tally // the same kind of lesion in the same place
	same     tally // what may be that lesion
	region   tally // anything in the region
	denied   bool  // the lesion is denied where the impression has it
	kin      bool  // the same kind of lesion sits elsewhere on that side
	part     bool  // something is in the very part of an organ on the other side
	unplaced bool  // what may be that lesion is on that side, its place unsaid
}

// unread: the statement affirms something in words that the lexicon lacks, on the side of q and perhaps
// where q is.
func (d *detail) unread(q *lesion) bool {
	sided, elsewhere := false, false
	for i := range d.mentions {
		m := &d.mentions[i]
		sided = sided || m.side == q.side && (m.kind == "side" || m.place())
		elsewhere = elsewhere || m.place() && m.region != q.region() && m.region != "any"
	}
	if d.names("normal") || !sided || elsewhere {
		return false
	}
	if slices.ContainsFunc(d.lesions, func(l lesion) bool { return !l.denied && l.finding != unnamed }) {
		return false
	}
	return d.unknown(nil) >= 2
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

func (w *weights) weigh(f, q *lesion, d *detail) {
	alike, kind := alikeLesion(f, q), related(f.finding, q.finding)
	if d.sharesSides() && !f.denied {
		w.same.own = w.same.own || alike || kind
		w.named.own = w.named.own || kind
		return
	}
	switch {
	case f.denied && d.clause.colours&cuePrior != 0:
		w.same.own = w.same.own || alike && f.side == q.side // it was there before
	case f.denied:
		w.denied = w.denied || alike && kind && (f.side == q.side || f.side == sideBoth)
	case f.finding.english == "midline shift", f.finding == unnamed && (f.side == sideBoth || len(d.measures) > 0 && !d.clause.exists()):
	case f.side == sideNone && (f.organ == nil && q.organ != nil || f.organ != nil && f.organ != q.organ && !kind):
	case alike && !mayBe(f.finding, q.finding):
	case alike:
		w.same.add(f.side, q.side, d)
		if kind {
			w.named.add(f.side, q.side, d)
		}
		w.part = w.part || f.side == q.side.opposite() && f.organ != nil && f.organ == q.organ && f.organ.within != ""
	case f.side == q.side && f.place() == nil && q.organ != nil && mayBe(f.finding, q.finding):
		w.unplaced = true
	case f.region() == q.region():
		if mayBe(f.finding, q.finding) || f.side != q.side.opposite() {
			w.region.add(f.side, q.side, d)
		}
		w.kin = w.kin || kind && f.side == q.side
	}
}

// tally counts on which side something was affirmed.
type tally struct{ own, opposite bool }

func (t *tally) add(side, wanted side, d *detail) {
	if side == wanted.opposite() {
		t.opposite = t.opposite || !d.clause.comparesSides()
	} else {
		t.own = true
	}
}

func (t tally) onlyOpposite() bool { return t.opposite && !t.own }
