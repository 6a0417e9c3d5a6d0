package evaluation

import "fmt"

// Way is how rows were answered when their statements reached the pack in one way.
type Way struct {
	Coverage Share `json:"coverage"`      // verdicts yes or no, of all rows
	Accuracy Share `json:"accuracy"`      // right, of the verdicts yes or no
	Right    Share `json:"right_of_rows"` // right verdicts yes or no, of all rows
}

// Extraction compares the ways of rows that are not in English.
type Extraction struct {
	Rows    int `json:"rows"`
	Written Way `json:"as_written"`
	Terms   Way `json:"terms_only"` // their terms in English, as they were extracted
	Both    Way `json:"as_a_node"`  // as a node asks: as written, and by the terms what the pack cannot read
	Gain    Way `json:"gain"`       // of Both over Written, drawn together
}

// CompareExtraction takes the same rows, answered in each way.
func CompareExtraction(written, terms, both []Row) *Extraction {
	e := &Extraction{Rows: len(both), Written: wayOf(figureOf(written)), Terms: wayOf(figureOf(terms)), Both: wayOf(figureOf(both))}
	e.Gain = wayOf(func(f figure) Share {
		return interval(both, func(rows []Row, weight []int) (float64, int) {
			after, n := f(rows, weight)
			before, m := f(written, weight)
			return after - before, min(n, m)
		})
	})
	return e
}

func figureOf(rows []Row) func(figure) Share {
	return func(f figure) Share { return interval(rows, f) }
}

func wayOf(measure func(figure) Share) Way {
	answered := func(r Row) bool { return r.Answer.answered() }
	return Way{
		Coverage: measure(ratio(every, answered)),
		Accuracy: measure(ratio(answered, Row.right)),
		Right:    measure(ratio(every, func(r Row) bool { return answered(r) && r.right() })),
	}
}

func (e *Extraction) table() table {
	t := table{"How statements that are not in English reach the pack", line{"", "rows", "coverage", "accuracy of yes and no", "right of all rows"}, nil}
	for _, w := range []struct {
		name string
		Way
	}{{"as written", e.Written}, {"terms only, in English", e.Terms}, {"as a node asks", e.Both}, {"gain over as written", e.Gain}} {
		t.Lines = append(t.Lines, line{w.name, fmt.Sprint(e.Rows), percent(w.Coverage), percent(w.Accuracy), percent(w.Right)})
	}
	return t
}
