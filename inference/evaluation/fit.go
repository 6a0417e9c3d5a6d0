package evaluation

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Calibration is a temperature, relative to the one that the rows were answered with, and thresholds.
type Calibration struct {
	Temperature float64 `json:"temperature"` // the new one is this times the old
	Yes         float64 `json:"yes"`         // a verdict needs at least this probability; above 1: never given
	No          float64 `json:"no"`
}

// Calibrations are one for all rows, and those of modalities with rows enough.
type Calibrations struct {
	All        Calibration            `json:"all"`
	Modalities map[string]Calibration `json:"modalities,omitempty"`
}

// Fitted is what was fitted to all rows, and how such a fit does on other pictures.
type Fitted struct {
	Calibrations
	Before *Figures `json:"before"`
	After  *Figures `json:"after"`        // each fifth of the pictures under a fit to the other four
	Alerts Share    `json:"false_alerts"` // reports with a wrong 'no', of all, in After
}

// never is a threshold that no probability reaches.
const never = 2

// A fit needs so many judged rows with both labels; a modality needs as many of its own.
const fitRows = 60

// Fit finds the temperature under which the probabilities fit the truth best, and then the lowest thresholds under
// which at most so many of 100 reports hold a wrong 'no', and as many a wrong 'yes'.
func Fit(rows []Row, falseAlerts float64) (*Fitted, error) {
	if !(falseAlerts >= 0 && falseAlerts <= 100) {
		return nil, fmt.Errorf("%v false alerts in 100 reports cannot be; give 0 to 100", falseAlerts)
	}
	if !enough(rows) {
		return nil, errors.New("too few rows for a fit: it needs 60 that the pack judges, 10 of them with each label")
	}
	unseen := crossFitted(rows, falseAlerts)
	return &Fitted{Calibrations: fitAll(rows, falseAlerts), Before: Measure(rows), After: Measure(unseen), Alerts: wrongReports(unseen, No)}, nil
}

func enough(rows []Row) bool {
	judged := filter(rows, func(r Row) bool { return r.Answer.judged() })
	supported := len(filter(judged, func(r Row) bool { return r.Supported }))
	return len(judged) >= fitRows && supported >= 10 && len(judged)-supported >= 10
}

// crossFitted answers each fifth of the pictures with a fit to the others.
func crossFitted(rows []Row, falseAlerts float64) (unseen []Row) {
	fold := folds(rows, textFolds)
	for part := range textFolds {
		c := fitAll(filter(rows, func(r Row) bool { return fold[r.Picture] != part }), falseAlerts)
		for _, r := range rows {
			if fold[r.Picture] == part {
				r.Answer = c.of(r.Modality).apply(r.Answer)
				unseen = append(unseen, r)
			}
		}
	}
	return unseen
}

func fitAll(rows []Row, falseAlerts float64) Calibrations {
	c := Calibrations{All: fitOne(rows, falseAlerts), Modalities: map[string]Calibration{}}
	for modality, part := range partition(rows, func(r Row) string { return r.Modality }) {
		if modality != "" && enough(part) {
			c.Modalities[modality] = fitOne(part, falseAlerts)
		}
	}
	return c
}

func (c Calibrations) of(modality string) Calibration {
	if own, ok := c.Modalities[modality]; ok {
		return own
	}
	return c.All
}

func fitOne(rows []Row, falseAlerts float64) Calibration {
	c := Calibration{Temperature: bestTemperature(rows)}
	c.No = c.threshold(rows, No, falseAlerts)
	c.Yes = c.threshold(rows, Yes, falseAlerts)
	return c
}

// bestTemperature minimises the mean negative log likelihood of the labels, by golden section over log T. As Platt did
// (1999), a label counts as (n + 1)/(n + 2) sure among its n rows, so that a small flawless set makes nobody certain.
func bestTemperature(rows []Row) float64 {
	rows = filter(rows, func(r Row) bool { return r.Answer.judged() })
	supported := float64(len(filter(rows, func(r Row) bool { return r.Supported })))
	n := [2]float64{float64(len(rows)) - supported, supported}
	loss := func(logT float64) (all float64) {
		c := Calibration{Temperature: math.Exp(logT)}
		for _, r := range rows {
			at := 0
			if r.Supported {
				at = 1
			}
			// A maybe is half right, so that a pack that abstains is not pushed into confidence.
			p, sure := c.temper(r.Answer.Probabilities), (n[at]+1)/(n[at]+2)
			all -= sure*math.Log(max(p[at]+p[2]/2, 1e-9)) + (1-sure)*math.Log(max(p[1-at]+p[2]/2, 1e-9))
		}
		return all
	}
	low, high := math.Log(0.05), math.Log(20)
	const golden = 0.6180339887498949
	for range 60 {
		a, b := high-golden*(high-low), low+golden*(high-low)
		if loss(a) < loss(b) {
			high = b
		} else {
			low = a
		}
	}
	return math.Exp((low + high) / 2)
}

// temper is the softmax at another temperature: p^(1/T), normalised. A contrastive pack never says no: that stays at 0.
func (c Calibration) temper(p [3]float64) (out [3]float64) {
	whole := 0.0
	for i, v := range p {
		if i == side(No) && v == 0 {
			continue
		}
		out[i] = math.Pow(max(v, 1e-12), 1/c.Temperature)
		whole += out[i]
	}
	for i := range out {
		out[i] /= whole
	}
	return out
}

// apply answers anew.
func (c Calibration) apply(a Answer) Answer {
	if !a.judged() {
		return a
	}
	a.Probabilities = c.temper(a.Probabilities)
	no, yes, maybe := a.Probabilities[0], a.Probabilities[1], a.Probabilities[2]
	switch {
	case a.Held:
		a.Verdict = Maybe
	case yes > no && yes > maybe && yes >= c.Yes:
		a.Verdict = Yes
	case no > yes && no > maybe && no >= c.No:
		a.Verdict = No
	default:
		a.Verdict = Maybe
	}
	return a
}

// threshold is the lowest one under which few enough reports hold a wrong verdict of this kind.
func (c Calibration) threshold(rows []Row, verdict string, per100 float64) float64 {
	open := Calibration{Temperature: c.Temperature, Yes: 0, No: 0}
	var answered []Row
	candidates := []float64{0.5, never}
	for _, r := range rows {
		r.Answer = open.apply(r.Answer)
		answered = append(answered, r)
		if r.Answer.Verdict == verdict {
			candidates = append(candidates, math.Nextafter(r.Answer.Probabilities[side(verdict)], 2))
		}
	}
	slices.Sort(candidates)
	candidates = slices.Compact(candidates)
	wrong := map[string]float64{} // report → its most confident wrong verdict
	reports := map[string]bool{}
	for _, r := range answered {
		reports[r.report()] = true
		if r.Answer.Verdict == verdict && !r.right() {
			wrong[r.report()] = max(wrong[r.report()], r.Answer.Probabilities[side(verdict)])
		}
	}
	for _, t := range candidates {
		n := 0
		for _, p := range wrong {
			if p >= t {
				n++
			}
		}
		if t >= 0.5 && float64(n)*100 <= per100*float64(len(reports)) {
			return t
		}
	}
	return never
}

// side is where a verdict's probability is.
func side(verdict string) int {
	if verdict == Yes {
		return 1
	}
	return 0
}

// wrongReports is the part of the reports that hold a wrong verdict of a kind.
func wrongReports(rows []Row, verdict string) Share {
	return interval(rows, func(rows []Row, weight []int) (float64, int) {
		all, wrong := map[string]int{}, map[string]int{} // report → how often it was drawn
		for i, r := range rows {
			all[r.report()] = weight[i]
			if r.Answer.Verdict == verdict && !r.right() {
				wrong[r.report()] = weight[i]
			}
		}
		return float64(sum(wrong)) / float64(max(sum(all), 1)), sum(all)
	})
}

func sum(drawn map[string]int) (n int) {
	for _, times := range drawn {
		n += times
	}
	return n
}
