package evaluation

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Share is a part of a whole with its 95 % interval.
type Share struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Of    int     `json:"of"` // rows
}

// Point is one point of a curve.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Bin is one step of the reliability plot.
type Bin struct {
	Rows       int     `json:"rows"`
	Confidence float64 `json:"confidence"` // mean
	Accuracy   float64 `json:"accuracy"`
}

// Summary is what is said of all rows and of each part of them.
type Summary struct {
	Rows     int   `json:"rows"`
	Coverage Share `json:"coverage"` // verdicts yes or no, of all rows
	Accuracy Share `json:"accuracy"` // right, of the verdicts yes or no
	Leaning  Share `json:"leaning"`  // right if every judged row had to be yes or no
}

// Figures are those of one pass over the rows.
type Figures struct {
	Summary
	Balanced   Share                     `json:"balanced_accuracy"` // mean of both labels' accuracies, of yes and no
	HalfRight  Share                     `json:"accuracy_at_half_coverage"`
	NoRight    Share                     `json:"no_verdicts_right"` // what would be alerts
	YesRight   Share                     `json:"yes_verdicts_right"`
	AUC        Share                     `json:"roc_auc"`           // of telling what is not supported
	Precision  Share                     `json:"average_precision"` // of the same
	ECE        float64                   `json:"expected_calibration_error"`
	Confusion  map[string]map[string]int `json:"confusion"` // label → verdict → rows
	Categories map[string]Summary        `json:"categories"`
	Languages  map[string]Summary        `json:"languages"`
	ROC        []Point                   `json:"roc"`         // false alarm rate → found
	PR         []Point                   `json:"pr"`          // found → precision
	Risk       []Point                   `json:"by_coverage"` // coverage → accuracy, most confident first
	Bins       []Bin                     `json:"reliability"`
	Median     time.Duration             `json:"median_ns"` // a question
	P95        time.Duration             `json:"p95_ns"`
}

// Measure computes the figures of answered rows.
func Measure(rows []Row) *Figures {
	f := &Figures{Summary: summarize(rows), Categories: map[string]Summary{}, Languages: map[string]Summary{}}
	judged := filter(rows, func(r Row) bool { return r.Answer.judged() })
	f.Balanced = interval(judged, balanced)
	f.HalfRight = interval(byConfidence(judged), rightHalf)
	f.NoRight = interval(rows, ratio(func(r Row) bool { return r.Answer.Verdict == No }, Row.right))
	f.YesRight = interval(rows, ratio(func(r Row) bool { return r.Answer.Verdict == Yes }, Row.right))
	f.AUC = interval(alarms(judged), auc)
	f.Precision = interval(alarms(judged), averagePrecision)
	f.Confusion = confusion(rows)
	for name, rows := range partition(rows, func(r Row) string { return r.Category }) {
		f.Categories[name] = summarize(rows)
	}
	for name, rows := range partition(rows, func(r Row) string { return r.Language }) {
		f.Languages[name] = summarize(rows)
	}
	f.ROC, f.PR = curves(alarms(judged))
	f.Risk = riskCurve(byConfidence(judged))
	f.Bins, f.ECE = reliability(rows)
	f.Median, f.P95 = times(judged)
	return f
}

func summarize(rows []Row) Summary {
	answered := func(r Row) bool { return r.Answer.answered() }
	return Summary{
		Rows:     len(rows),
		Coverage: interval(rows, ratio(every, answered)),
		Accuracy: interval(rows, ratio(answered, Row.right)),
		Leaning:  interval(rows, ratio(func(r Row) bool { return r.Answer.judged() }, Row.guessedRight)),
	}
}

func filter(rows []Row, keep func(Row) bool) (out []Row) {
	for _, r := range rows {
		if keep(r) {
			out = append(out, r)
		}
	}
	return out
}

func partition(rows []Row, key func(Row) string) map[string][]Row {
	parts := map[string][]Row{}
	for _, r := range rows {
		parts[key(r)] = append(parts[key(r)], r)
	}
	return parts
}

func every(Row) bool { return true }

// ratio is the figure of how many rows of one kind have a property.
func ratio(of, has func(Row) bool) figure {
	return func(rows []Row, weight []int) (float64, int) {
		n, k := 0, 0
		for i, r := range rows {
			if weight[i] > 0 && of(r) {
				n += weight[i]
				if has(r) {
					k += weight[i]
				}
			}
		}
		return float64(k) / float64(max(n, 1)), n
	}
}

// balanced is the mean of how often each label is recognised, by leaning.
func balanced(rows []Row, weight []int) (float64, int) {
	yes, n := ratio(func(r Row) bool { return r.Supported }, Row.guessedRight)(rows, weight)
	no, m := ratio(func(r Row) bool { return !r.Supported }, Row.guessedRight)(rows, weight)
	switch {
	case n == 0:
		return no, m
	case m == 0:
		return yes, n
	}
	return (yes + no) / 2, n + m
}

// byConfidence orders rows, those that lean most first.
func byConfidence(rows []Row) []Row {
	ordered := slices.Clone(rows)
	lean := func(r Row) float64 { return math.Abs(r.Answer.Support() - 0.5) }
	slices.SortStableFunc(ordered, func(a, b Row) int { return cmp.Compare(lean(b), lean(a)) })
	return ordered
}

// rightHalf is how many of the more confident half lean right; the rows are ordered by confidence.
func rightHalf(rows []Row, weight []int) (float64, int) {
	all := 0
	for _, w := range weight {
		all += w
	}
	half, n, right := (all+1)/2, 0, 0
	for i := 0; n < half; i++ {
		w := min(weight[i], half-n)
		n += w
		if rows[i].guessedRight() {
			right += w
		}
	}
	return float64(right) / float64(max(n, 1)), n
}

// riskCurve is the accuracy of ever more rows, which are ordered by confidence.
func riskCurve(rows []Row) (curve []Point) {
	right := 0
	for i, r := range rows {
		if r.guessedRight() {
			right++
		}
		curve = append(curve, Point{float64(i+1) / float64(len(rows)), float64(right) / float64(i+1)})
	}
	return thin(curve)
}

// maxPoints is how many points of a curve are kept.
const maxPoints = 200

func thin(curve []Point) []Point {
	if len(curve) <= maxPoints {
		return curve
	}
	var kept []Point
	for i := range maxPoints {
		kept = append(kept, curve[i*(len(curve)-1)/(maxPoints-1)])
	}
	return kept
}

func confusion(rows []Row) map[string]map[string]int {
	table := map[string]map[string]int{Yes: {}, No: {}}
	for _, r := range rows {
		label := No
		if r.Supported {
			label = Yes
		}
		table[label][r.Answer.Verdict]++
	}
	return table
}

// reliability holds confidence against accuracy over ten bins, for the verdicts yes and no; the expected calibration
// error is their mean distance weighted by rows.
func reliability(rows []Row) (bins []Bin, ece float64) {
	bins = make([]Bin, 10)
	answered := filter(rows, func(r Row) bool { return r.Answer.answered() })
	for _, r := range answered {
		confidence := max(r.Answer.Probabilities[0], r.Answer.Probabilities[1])
		b := &bins[min(int(confidence*10), 9)]
		b.Rows++
		b.Confidence += confidence
		if r.right() {
			b.Accuracy++
		}
	}
	for i := range bins {
		b := &bins[i]
		if b.Rows > 0 {
			ece += math.Abs(b.Confidence-b.Accuracy) / float64(len(answered))
			b.Confidence /= float64(b.Rows)
			b.Accuracy /= float64(b.Rows)
		}
	}
	return bins, ece
}

func times(rows []Row) (median, p95 time.Duration) {
	if len(rows) == 0 {
		return 0, 0
	}
	took := make([]time.Duration, len(rows))
	for i, r := range rows {
		took[i] = r.Answer.Took
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)*95/100]
}
