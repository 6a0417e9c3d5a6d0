package evaluation

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// made are rows whose support is drawn around the truth: skill 0 is chance.
func made(pictures, each int, skill float64) (rows []Row) {
	random := rand.New(rand.NewPCG(1, 1))
	for i := range pictures {
		for j := range each {
			truth := random.IntN(2) == 1
			lean := random.NormFloat64()
			if truth {
				lean += skill
			} else {
				lean -= skill
			}
			yes := 1 / (1 + math.Exp(-2*skill*lean)) // the true chance, for this drawing
			a := Answer{Verdict: Yes, Probabilities: [3]float64{1 - yes, yes, 0}}
			if yes < 0.5 {
				a.Verdict = No
			}
			rows = append(rows, Row{Picture: fmt.Sprint(i), Statement: fmt.Sprintf("statement %d", j), Category: fmt.Sprint(i % 3),
				Language: []string{"en", "zh"}[j%2], Supported: truth, Answer: a})
		}
	}
	return rows
}

func near(t *testing.T, what string, got, want, by float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > by {
		t.Errorf("%s is %.4f; want %.4f ± %.4f", what, got, want, by)
	}
}

// By hand: four rows, one of them wrong.
func TestFiguresByHand(t *testing.T) {
	answer := func(verdict string, no, yes, maybe float64) Answer {
		return Answer{Verdict: verdict, Probabilities: [3]float64{no, yes, maybe}}
	}
	rows := []Row{
		{Picture: "a", Supported: true, Answer: answer(Yes, 0.1, 0.9, 0)},
		{Picture: "a", Supported: false, Answer: answer(No, 0.8, 0.2, 0)},
		{Picture: "b", Supported: false, Answer: answer(Yes, 0.3, 0.7, 0)},
		{Picture: "b", Supported: true, Answer: answer(Maybe, 0.3, 0.4, 0.3)},
		{Picture: "c", Supported: true, Answer: Answer{Verdict: NotJudged}},
	}
	f := Measure(rows)
	near(t, "coverage", f.Coverage.Value, 3.0/5, 0)
	near(t, "accuracy", f.Accuracy.Value, 2.0/3, 1e-12)
	near(t, "leaning", f.Leaning.Value, 3.0/4, 0)
	near(t, "balanced", f.Balanced.Value, (1+0.5)/2, 0)
	near(t, "at half coverage", f.HalfRight.Value, 1, 0)
	near(t, "no verdicts right", f.NoRight.Value, 1, 0)
	near(t, "yes verdicts right", f.YesRight.Value, 0.5, 0)
	// Supports 0.9, 0.55 are true and 0.2, 0.7 are not: of the four pairs one is the wrong way round.
	near(t, "ROC AUC", f.AUC.Value, 0.75, 1e-12)
	// Alarms in order: 0.2 (true), 0.55 (false), 0.7 (true): precision 1 and 2/3.
	near(t, "average precision", f.Precision.Value, (1+2.0/3)/2, 1e-12)
	near(t, "ECE", f.ECE, (0.1+0.2+0.7)/3, 1e-12)
	if f.Confusion[No][Yes] != 1 || f.Confusion[Yes][Maybe] != 1 || f.Confusion[Yes][NotJudged] != 1 {
		t.Errorf("confusion %v", f.Confusion)
	}
}

// The intervals hold the truth about as often as they say.
func TestIntervalsHoldTheTruth(t *testing.T) {
	const want = 0.8413 // Φ(1)
	held, trials := 0, 60
	for trial := range trials {
		random := rand.New(rand.NewPCG(uint64(trial), 9))
		var rows []Row
		for i := range 60 {
			for range 4 {
				right := random.NormFloat64() < 1
				rows = append(rows, Row{Picture: fmt.Sprint(i), Supported: right, Answer: Answer{Verdict: Yes, Probabilities: [3]float64{0, 1, 0}}})
			}
		}
		s := interval(rows, ratio(every, Row.right))
		if s.Low <= want && want <= s.High {
			held++
		}
	}
	if held < trials*85/100 {
		t.Errorf("%d of %d intervals hold the truth", held, trials)
	}
}

// A skilled pack is better than its controls; words that tell nothing give chance.
func TestControls(t *testing.T) {
	rows := made(120, 6, 1)
	skilled, text := Measure(rows), Measure(TextOnly(rows))
	near(t, "leaning of a skilled pack", skilled.Leaning.Value, 0.84, 0.04)
	near(t, "leaning of words that tell nothing", text.Leaning.Value, 0.5, 0.07)
	if skilled.ECE > 0.04 {
		t.Errorf("ECE %.3f of true probabilities", skilled.ECE)
	}
	telling := made(120, 6, 0)
	for i := range telling {
		telling[i].Statement = map[bool]string{true: "no effusion", false: "未见气胸"}[telling[i].Supported]
	}
	if got := Measure(TextOnly(telling)).Leaning.Value; got < 0.99 {
		t.Errorf("words that tell all lean right in %.3f", got)
	}
	for i, r := range Shuffle(rows) {
		if r.Picture == rows[i].Picture || r.Category != rows[i].Category || mod3(r.Picture) != mod3(rows[i].Picture) {
			t.Fatalf("row %d of picture %s got %s", i, rows[i].Picture, r.Picture)
		}
	}
}

func mod3(name string) int {
	n := 0
	fmt.Sscan(name, &n)
	return n % 3
}

// Overconfident probabilities are brought back, and the false alerts kept to what was asked for.
func TestFitMendsOverconfidence(t *testing.T) {
	rows := made(400, 3, 0.8)
	for i := range rows {
		rows[i].Answer.Probabilities = Calibration{Temperature: 0.4}.temper(rows[i].Answer.Probabilities)
	}
	f, err := Fit(rows, 5)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "temperature", f.All.Temperature, 2.5, 0.5)
	if f.After.ECE > f.Before.ECE/2 {
		t.Errorf("ECE %.3f before, %.3f after", f.Before.ECE, f.After.ECE)
	}
	if f.Alerts.Low > 0.05 || f.Alerts.Value > 0.08 {
		t.Errorf("false alerts %+v; asked for 5 in 100", f.Alerts)
	}
	if f.After.Coverage.Value < 0.1 {
		t.Errorf("coverage %+v", f.After.Coverage)
	}
	loose, err := Fit(rows, 20)
	if err != nil || loose.All.No >= f.All.No {
		t.Errorf("threshold %.3f for 20 in 100, %.3f for 5 (%v)", loose.All.No, f.All.No, err)
	}
}

// The sigmoid of a contrastive pack: the logit over the temperature, and no remains what it never says.
func TestTemperOfAPackWithoutNo(t *testing.T) {
	p := Calibration{Temperature: 2}.temper([3]float64{0, 0.8, 0.2})
	if p[0] != 0 || math.Abs(p[1]/p[2]-2) > 1e-12 || math.Abs(p[1]+p[2]-1) > 1e-12 {
		t.Errorf("%v", p)
	}
}

func TestFitRefuses(t *testing.T) {
	if _, err := Fit(made(10, 3, 1), 2); err == nil {
		t.Error("30 rows are too few")
	}
	if _, err := Fit(made(100, 3, 1), -1); err == nil {
		t.Error("a negative number of alerts")
	}
}

// A pack that is always sure and wrong may never say no.
func TestFitGivesUpOnAnUselessPack(t *testing.T) {
	rows := made(100, 3, 1)
	for i := range rows {
		rows[i].Answer = Answer{Verdict: No, Probabilities: [3]float64{1, 0, 0}}
		rows[i].Supported = i%5 != 0
	}
	f, err := Fit(rows, 1)
	if err != nil {
		t.Fatal(err)
	}
	if f.Alerts.Value > 0.01 {
		t.Errorf("no from %.3f on, with false alerts %+v", f.All.No, f.Alerts)
	}
}

func TestReportsAreWhole(t *testing.T) {
	rows := made(60, 4, 1)
	rows[0].Category = "a|b <script>"
	fitted, err := Fit(rows, 2)
	if err != nil {
		t.Fatal(err)
	}
	r := &Result{Pack: "pack 1", Digest: "00", Rows: len(rows), Pictures: Measure(rows), Shuffled: Measure(rows), Blank: Measure(rows),
		TextOnly: Measure(TextOnly(rows)), Fitted: fitted, Extraction: CompareExtraction(rows, rows, rows)}
	for name, write := range map[string]func(io.Writer) error{"Markdown": r.Markdown, "HTML": r.HTML, "Text": r.Text} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, part := range []string{"pictures shuffled", "words only", "expected calibration error", "as a node asks", "95"} {
			if !strings.Contains(b.String(), part) {
				t.Errorf("%s lacks %q", name, part)
			}
		}
		if name == "HTML" && (strings.Contains(b.String(), "<script>") || strings.Count(b.String(), "<svg") != 4) {
			t.Error("the page must hold four plots and no foreign markup")
		}
	}
	for _, p := range r.plots() {
		if err := xml.Unmarshal([]byte(p.SVG), new(struct{})); err != nil {
			t.Errorf("%s: %v", p.Title, err)
		}
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

// The gain is drawn together: where every picture gains alike, its interval has no width, though those of the ways have.
func TestExtractionIsCompared(t *testing.T) {
	var written, both []Row
	for i := range 40 {
		for _, supported := range []bool{true, false} {
			r := Row{Picture: fmt.Sprint(i), Language: "zh", Supported: supported, Answer: Answer{Verdict: NotJudged}}
			if i%2 == 0 && supported {
				r.Answer = Answer{Verdict: Yes, Probabilities: [3]float64{0, 1, 0}}
			}
			written = append(written, r)
			if !supported {
				r.Answer = Answer{Verdict: No, Probabilities: [3]float64{1, 0, 0}}
			}
			both = append(both, r)
		}
	}
	e := CompareExtraction(written, written, both)
	near(t, "coverage as written", e.Written.Coverage.Value, 0.25, 0)
	near(t, "coverage of terms", e.Terms.Coverage.Value, 0.25, 0)
	near(t, "gain of coverage", e.Gain.Coverage.Value, 0.5, 0)
	near(t, "gain of right verdicts", e.Gain.Right.Value, 0.5, 0)
	if g, w := e.Gain.Right, e.Written.Right; g.High-g.Low > 1e-9 || w.High-w.Low < 0.05 {
		t.Errorf("gain %+v, as written %+v", g, w)
	}
}

// Rows of one label, or none that is judged, give figures and no NaN.
func TestPoorRows(t *testing.T) {
	for name, rows := range map[string][]Row{
		"none":       nil,
		"one label":  {{Picture: "a", Supported: true, Answer: Answer{Verdict: Yes, Probabilities: [3]float64{0, 1, 0}}}, {Picture: "b", Supported: true}},
		"not judged": {{Picture: "a", Answer: Answer{Verdict: NotJudged}}, {Picture: "b", Answer: Answer{Verdict: NotJudged}}},
	} {
		if _, err := json.Marshal(Measure(rows)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
