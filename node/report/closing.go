package report

import "slices"

// maxClosing is how many statements a conclusion has at most.
const maxClosing = 30

// closing finds the conclusion of a report without headings: its last paragraph, if it takes up again what the
// text before it says, in fewer words. Without such a paragraph nothing changes.
func (r *Report) closing(doc *layout) {
	n := len(doc.paragraphs)
	if doc.seen || n < 2 {
		return
	}
	last := doc.paragraphs[n-1]
	first := slices.IndexFunc(r.Statements, func(s Statement) bool { return s.Paragraph == last.number })
	if first < 3 || len(r.Statements)-first > maxClosing || r.Statements[first].Start*2 < 3*(last.end-last.start) {
		return
	}
	again := false
	for i := first; i < len(r.Statements); i++ {
		d := &r.details[i]
		if d.describes() {
			return
		}
		again = again || slices.ContainsFunc(d.lesions, func(l lesion) bool { return r.saidBefore(first, &l) })
	}
	for i := first; again && i < len(r.Statements); i++ {
		r.Statements[i].Section = "impression"
	}
}

// describes: the statement tells what is seen rather than what it is: it says so, measures or has a label.
func (d *detail) describes() bool {
	return d.clause.exists() || d.clause.colon() > 0 || d.clause.verb() || len(d.measures) > 0 || slices.Contains(d.clause.denied, true)
}

// saidBefore: a statement before the given one affirms the same lesion at the same place.
func (r *Report) saidBefore(first int, l *lesion) bool {
	return !l.denied && l.finding != unnamed && slices.ContainsFunc(r.details[:first], func(d detail) bool {
		return slices.ContainsFunc(d.lesions, func(f lesion) bool {
			return !f.denied && f.side == l.side && related(f.finding, l.finding) && (l.organ == nil || f.organ != nil && related(f.organ, l.organ))
		})
	})
}
