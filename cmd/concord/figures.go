package main

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"concord/node"
)

// evalResult is what concord eval prints.
type evalResult struct {
	Pack     string       `json:"pack"`
	Pairs    int          `json:"pairs"`
	Pictures *evalFigures `json:"pictures"`
	Shuffled *evalFigures `json:"pictures_shuffled"`
}

// tally counts rows. Accuracy is over the rows that got yes or no.
type tally struct {
	Rows     int     `json:"rows"`
	Judged   int     `json:"judged"` // yes or no
	Right    int     `json:"right"`
	Accuracy float64 `json:"accuracy"`
	Coverage float64 `json:"coverage"`
}

func (t *tally) add(verdict node.Verdict, right bool) {
	t.Rows++
	if verdict == node.Yes || verdict == node.No {
		t.Judged++
		if right {
			t.Right++
		}
	}
}

func (t *tally) finish() {
	if t.Judged > 0 {
		t.Accuracy = float64(t.Right) / float64(t.Judged)
	}
	if t.Rows > 0 {
		t.Coverage = float64(t.Judged) / float64(t.Rows)
	}
}

// evalFigures are the figures of one pass over the pairs.
type evalFigures struct {
	All        tally                     `json:"all"`
	Categories map[string]*tally         `json:"categories"`
	Confusion  map[string]map[string]int `json:"confusion"` // label → verdict → rows
	ECE        float64                   `json:"expected_calibration_error"`

	bins [10]struct {
		n           int
		sum, rights float64
	}
}

func newFigures() *evalFigures {
	return &evalFigures{Categories: map[string]*tally{}, Confusion: map[string]map[string]int{}}
}

func (f *evalFigures) add(p pair, verdict node.Verdict, confidence float64) {
	right := string(verdict) == p.label
	f.All.add(verdict, right)
	if f.Categories[p.category] == nil {
		f.Categories[p.category] = &tally{}
	}
	f.Categories[p.category].add(verdict, right)
	if f.Confusion[p.label] == nil {
		f.Confusion[p.label] = map[string]int{}
	}
	f.Confusion[p.label][string(verdict)]++
	if verdict != node.Yes && verdict != node.No {
		return
	}
	bin := &f.bins[min(int(confidence*10), 9)]
	bin.n++
	bin.sum += confidence
	if right {
		bin.rights++
	}
}

// finish computes the shares and the expected calibration error: the mean
// distance of confidence and accuracy over ten bins, weighted by their rows.
func (f *evalFigures) finish() {
	f.All.finish()
	for _, t := range f.Categories {
		t.finish()
	}
	for _, b := range f.bins {
		if b.n > 0 {
			f.ECE += math.Abs(b.sum-b.rights) / float64(f.All.Judged)
		}
	}
}

func (r evalResult) print() {
	fmt.Printf("pack %s, %d pairs\n", r.Pack, r.Pairs)
	fmt.Printf("%-24s %6s %7s %9s %9s %18s\n", "category", "rows", "judged", "accuracy", "coverage", "pictures shuffled")
	line := func(name string, t, control *tally) {
		fmt.Printf("%-24s %6d %7d %8.1f%% %8.1f%% %17.1f%%\n", name, t.Rows, t.Judged, 100*t.Accuracy, 100*t.Coverage, 100*control.Accuracy)
	}
	line("all", &r.Pictures.All, &r.Shuffled.All)
	for _, name := range slices.Sorted(maps.Keys(r.Pictures.Categories)) {
		line(name, r.Pictures.Categories[name], r.Shuffled.Categories[name])
	}
	fmt.Printf("expected calibration error %.3f\n", r.Pictures.ECE)
	for _, label := range slices.Sorted(maps.Keys(r.Pictures.Confusion)) {
		row := r.Pictures.Confusion[label]
		fmt.Printf("label %-6s → yes %d, no %d, maybe %d, not judged %d\n", label, row["yes"], row["no"], row["maybe"], row["not_judged"])
	}
}
