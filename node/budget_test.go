package node

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"concord/node/report"
)

// ward is a destination whose flags' truth is known: the model says how sure
// it is, and is wrong as often as falseAt tells of that; some of what goes out
// is judged by a radiologist.
type ward struct {
	share    float64
	perCase  float64                       // flags in a report, on average
	falseAt  func(claimed float64) float64 // true probability that a flag is false, by the claimed one
	answered float64                       // share of the sent flags that somebody judges

	random   *rand.Rand
	past     []Alerts
	feedback []Feedback
}

func (w *ward) newest(flagged bool, limit int) (list []Alerts) {
	for _, a := range slices.Backward(w.past) {
		if len(list) < limit && (!flagged || len(a.Flags) > 0) {
			list = append(list, a)
		}
	}
	return list
}

// judge has one report judged and says how many of its flags went out, how
// many of those are false, and how many right flags were held back.
func (w *ward) judge(id int64) (sent, wrong, missed int) {
	c := &Case{ID: id}
	for w.random.Float64() < w.perCase/(1+w.perCase) { // geometric
		n := len(c.Statements) + 1
		c.Statements = append(c.Statements, Statement{N: n, Verdict: No, Confidence: 0.5 + 0.5*w.random.Float64()})
		c.Flags = append(c.Flags, Flag{Rule: supportRule, Statement: n, Severity: Warning})
	}
	flagged := w.newest(true, learnReports)
	b := newBudget(w.share, w.newest(false, reportsOf(w.share)-1), flagged, w.feedback)
	decided := b.decide(c, &Destination{Name: "ris", MaxFalseAlerts: w.share}, time.Time{})
	w.past = append(w.past, decided)
	for _, a := range decided.Flags {
		isFalse := w.random.Float64() < w.falseAt(a.Prior)
		if a.Held != "" {
			if !isFalse {
				missed++
			}
			continue
		}
		sent++
		opinion := OpinionRight
		if isFalse {
			wrong++
			opinion = OpinionWrong
		}
		if w.random.Float64() < w.answered {
			w.feedback = append(w.feedback, Feedback{ID: id, CaseID: id, Statement: a.Statement, Opinion: opinion, Author: "Dr Li"})
		}
	}
	if oldest := flagged; len(oldest) == learnReports { // what the index would not find
		w.feedback = slices.DeleteFunc(w.feedback, func(f Feedback) bool { return f.CaseID < oldest[learnReports-1].CaseID })
	}
	return sent, wrong, missed
}

// The rate of false alerts stays within the budget, whatever the model claims,
// as long as it is calibrated or somebody says where it is wrong; and a good
// part of the budget is used.
func TestFalseAlertsStayWithinTheBudget(t *testing.T) {
	calibrated := func(claimed float64) float64 { return claimed }
	overconfident := func(claimed float64) float64 { return math.Min(1, 0.15+1.5*claimed) }
	for name, w := range map[string]ward{
		"calibrated, nobody answers": {share: 0.02, perCase: 0.3, falseAt: calibrated},
		"calibrated, some answer":    {share: 0.02, perCase: 0.3, falseAt: calibrated, answered: 0.3},
		"few flags":                  {share: 0.02, perCase: 0.03, falseAt: calibrated},
		"many flags":                 {share: 0.05, perCase: 2, falseAt: calibrated, answered: 0.2},
		"small budget":               {share: 0.004, perCase: 0.5, falseAt: calibrated},
		"overconfident, many answer": {share: 0.05, perCase: 0.5, falseAt: overconfident, answered: 0.8},
		"overconfident, half answer": {share: 0.05, perCase: 0.5, falseAt: overconfident, answered: 0.5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w.random = rand.New(rand.NewPCG(4711, 1))
			const reports, warmUp = 4000, 500
			var sent, wrong, missed int
			for i := range reports {
				s, x, m := w.judge(int64(i + 1))
				if i >= warmUp {
					sent, wrong, missed = sent+s, wrong+x, missed+m
				}
			}
			allowed := w.share * (reports - warmUp)
			t.Logf("%d alerts sent, %d false (%.0f allowed), %d right ones held back", sent, wrong, allowed, missed)
			if limit := allowed + 2.5*math.Sqrt(allowed); float64(wrong) > limit {
				t.Errorf("%d false alerts in %d reports, want at most %.0f", wrong, reports-warmUp, limit)
			}
			if w.perCase > 0.1 && float64(wrong) < allowed/4 {
				t.Errorf("only %d false alerts of %.0f that the budget allows: too much is held back", wrong, allowed)
			}
		})
	}
}

// What is expected never exceeds the budget in any hundred reports in a row.
func TestBudgetHoldsInEveryWindow(t *testing.T) {
	w := ward{share: 0.02, perCase: 1, falseAt: func(p float64) float64 { return p }, random: rand.New(rand.NewPCG(1, 2))}
	for i := range 1500 {
		w.judge(int64(i + 1))
		if spent := newBudget(w.share, w.newest(false, budgetReports), nil, nil).spent(); spent > 2+1e-9 {
			t.Fatalf("after report %d %.3f false alerts are expected among the last hundred", i+1, spent)
		}
	}
}

func flagged(rules ...string) *Case {
	c := &Case{ID: 1}
	for i, rule := range rules {
		c.Statements = append(c.Statements, Statement{N: i + 1, Verdict: No, Confidence: 0.9})
		c.Flags = append(c.Flags, Flag{Rule: rule, Statement: i + 1, Severity: Warning})
	}
	return c
}

func TestBudgetDecides(t *testing.T) {
	to := &Destination{Name: "ris", MaxFalseAlerts: 0.01} // one in a hundred
	sent := func(doubts ...float64) (list []Alerts) {
		for i, d := range doubts {
			list = append(list, Alerts{CaseID: int64(100 + i), Flags: []Alert{{Statement: 1, Rule: supportRule, Prior: d}}})
		}
		return list
	}
	wrong := func(caseIDs ...int64) (list []Feedback) {
		for _, id := range caseIDs {
			list = append(list, Feedback{CaseID: id, Statement: 1, Opinion: OpinionWrong, Author: "a"})
		}
		return list
	}
	critical := flagged(supportRule)
	critical.Flags[0].Severity = Critical
	mild := flagged("LEN-001", supportRule)
	mild.Flags[0].Severity = Info
	for name, tt := range map[string]struct {
		c        *Case
		recent   []Alerts
		feedback []Feedback
		least    Severity
		want     []string // Held of each alert, the surest first
	}{
		"room":                           {c: flagged(supportRule), want: []string{""}},
		"a rule is surer than the model": {c: flagged(supportRule, "LAT-001"), recent: sent(0.9), want: []string{"", budgetSpent}},
		"spent":                          {c: flagged(supportRule), recent: sent(0.5, 0.45), want: []string{budgetSpent}},
		"a known false alert":            {c: flagged(supportRule), recent: sent(0.01), feedback: wrong(100), want: []string{budgetSpent}},
		"a known right one costs nothing": {c: flagged(supportRule), recent: sent(0.95),
			feedback: []Feedback{{CaseID: 100, Statement: 1, Opinion: OpinionRight, Author: "a"}}, want: []string{""}},
		"critical goes out whatever": {c: critical, recent: sent(0.99), want: []string{""}},
		"what is no alert here":      {c: mild, least: Warning, want: []string{""}},
		"surer flags come":           {c: flagged(supportRule), recent: held(sent(0.05, 0.05, 0.06, 0.07, 0.08, 0.08, 0.09, 0.09, 0.09, 0.09, 0.09, 0.09)), want: []string{budgetRanked}},
	} {
		d := *to
		d.MinSeverity = tt.least
		b := newBudget(d.MaxFalseAlerts, tt.recent, tt.recent, tt.feedback)
		got := b.decide(tt.c, &d, time.Time{})
		var reasons []string
		for _, a := range got.Flags {
			reasons = append(reasons, a.Held)
		}
		if !slices.Equal(reasons, tt.want) {
			t.Errorf("%s: %q, want %q (%+v)", name, reasons, tt.want, got.Flags)
		}
		if again := b.decide(tt.c, &d, time.Time{}); fmt.Sprint(again) != fmt.Sprint(got) {
			t.Errorf("%s: another try decides otherwise", name)
		}
	}
}

func held(list []Alerts) []Alerts {
	for i := range list {
		list[i].Flags[0].Held = budgetSpent
	}
	return list
}

// Opinions move the doubt of flags like theirs, a few of them a little; the
// last word of an author counts, and authors who differ say nothing.
func TestDoubtLearns(t *testing.T) {
	var past []Alerts
	for id := range int64(40) {
		past = append(past, Alerts{CaseID: id, Flags: []Alert{{Statement: 1, Rule: supportRule, Prior: 0.1}, {Statement: 1, Rule: "LAT-001", Prior: ruleDoubt}}})
	}
	say := func(n int64, rule string, opinions ...Opinion) (list []Feedback) {
		for id := range n {
			for i, o := range opinions {
				list = append(list, Feedback{CaseID: id, Statement: 1, Rule: rule, Opinion: o, Author: fmt.Sprint("author ", i%2)})
			}
		}
		return list
	}
	for name, tt := range map[string]struct {
		feedback        []Feedback
		near, far, rule float64 // doubts of the model's flags at 0.12 and 0.4, and of the rule's
	}{
		"nobody said a word": {nil, 0.12, 0.4, 0.05},
		"one is wrong":       {say(1, "", OpinionWrong), (1.2 + 1) / 11, 0.4, 0.05},
		"thirty are wrong":   {say(30, "", OpinionWrong), (1.2 + 30) / 40, 0.4, 0.05},
		"of the rule":        {say(10, "LAT-001", OpinionWrong), 0.12, 0.4, (0.5 + 10) / 20},
		"authors differ":     {say(10, "", OpinionWrong, OpinionRight), 0.12, 0.4, 0.05},
		"changed his mind":   {say(10, "", OpinionWrong, OpinionNotSure, OpinionRight), 1.2 / 20, 0.4, 0.05},
		"not sure":           {say(10, "", OpinionNotSure), 0.12, 0.4, 0.05},
	} {
		b := newBudget(0.02, past, past, tt.feedback)
		for _, got := range [][2]float64{{b.doubt(supportRule, 0.12), tt.near}, {b.doubt(supportRule, 0.4), tt.far}, {b.doubt("LAT-001", ruleDoubt), tt.rule}} {
			if math.Abs(got[0]-got[1]) > 1e-9 {
				t.Errorf("%s: doubt %.4f, want %.4f", name, got[0], got[1])
			}
		}
	}
}

// A verdict of the model whose flag is held back is no verdict there; that of
// a rule leaves the statement as it is. The case itself does not change.
func TestWhatIsHeldBackDoesNotGoOut(t *testing.T) {
	c := flagged(supportRule, "LAT-001")
	shown := c.without([]Alert{{Statement: 1, Rule: supportRule}, {Statement: 2, Rule: "LAT-001"}}, &chinese)
	if len(shown.Flags) != 0 || shown.Statements[0].Verdict != NotJudged || shown.Statements[0].Reason != chinese.heldBack ||
		shown.Statements[0].Confidence != 0 || shown.Statements[1].Verdict != No {
		t.Errorf("goes out as %+v with flags %+v", shown.Statements, shown.Flags)
	}
	if len(c.Flags) != 2 || c.Statements[0].Verdict != No || c.without(nil, &english) != c {
		t.Errorf("the case changed: %+v", c)
	}
}

// What the node itself says of a statement is said in the language asked for.
func TestReasonsInTheOtherLanguage(t *testing.T) {
	for _, tt := range []struct {
		to       *words
		is, want string
	}{
		{&chinese, english.undecided, chinese.undecided}, {&english, chinese.deadline, english.deadline},
		{&english, chinese.skipped[report.SkipVague], report.SkipVague}, {&chinese, report.SkipVague, chinese.skipped[report.SkipVague]},
		{&chinese, "a pack's own reason", "a pack's own reason"}, {&english, "", ""},
	} {
		if got := tt.to.reason(tt.is); got != tt.want {
			t.Errorf("%q in %s: %q, want %q", tt.is, tt.to.language, got, tt.want)
		}
	}
}
