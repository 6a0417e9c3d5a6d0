package node

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// A destination may have a budget of false alerts: at most so many in a hundred
// reports. What is known of a flag is the probability that it is false, its
// doubt: for the model one less the calibrated confidence of its verdict, for a
// rule a guess (ruleDoubt), both corrected by what radiologists said of such
// flags before. A flag goes out while the false alerts among those that went
// out with the last reports (known ones, and the doubts of the others), its own
// doubt included, stay within the budget, and so do the doubts of all flags of
// those reports that are surer than it: then a sure flag seldom finds that
// doubtful ones have used up the budget.
//
// Critical flags always go out: a wrong patient that nobody hears of harms more
// than a false alert. They count, so others wait for them.

const (
	budgetReports = 100  // that a budget spans at least
	learnReports  = 500  // newest reports with flags whose feedback corrects doubts
	ruleDoubt     = 0.05 // of a rule's flag before anybody said a word of it
	// priorWeight is how many opinions weigh as much as the confidence, or the
	// guess, by itself.
	priorWeight = 10
	// alike is how near the doubts of two flags of the model are for an opinion
	// on one to say something of the other.
	alike = 0.05
)

// Alert is a flag of a report as one destination was to get it.
type Alert struct {
	Statement int     `json:"statement"`
	Rule      string  `json:"rule"`
	Prior     float64 `json:"prior"`          // probability that it is false, before feedback
	Doubt     float64 `json:"doubt"`          // with the feedback that there was
	Critical  bool    `json:"critical"`       // goes out whatever the budget
	Held      string  `json:"held,omitempty"` // why it was held back; empty: it went out
}

// Alerts are the flags of one judged report at a destination with a budget.
type Alerts struct {
	CaseID      int64
	Destination string
	At          time.Time
	Flags       []Alert
}

// AlertTx remembers what the budgets of false alerts were spent on.
type AlertTx interface {
	AddAlerts(Alerts) error
	// RecentAlerts lists the newest reports at a destination, newest first, each
	// by its last revision; with flagged only those that have flags.
	RecentAlerts(destination string, flagged bool, limit int) ([]Alerts, error)
	// AlertFeedback lists what was said of the cases of RecentAlerts with
	// flagged, oldest first.
	AlertFeedback(destination string, limit int) ([]Feedback, error)
	CaseAlerts(caseIDs ...int64) ([]Alerts, error)
}

// Reasons why a flag is held back.
const (
	budgetSpent  = "the alerts that went out use up the budget"
	budgetRanked = "surer flags use up the budget"
)

// budget is what is known when the flags of a report are decided on.
type budget struct {
	limit  float64 // false alerts that may be among the reports
	recent []Alerts
	said   map[alertKey]opinionCount
	graded []gradedAlert
}

type alertKey struct {
	caseID    int64
	statement int
	rule      string
}

// opinionCount is what the authors think of one flag now.
type opinionCount struct{ right, wrong int }

// gradedAlert is a flag of which is known whether it was right.
type gradedAlert struct {
	rule  string
	prior float64
	wrong bool
}

// reportsOf is how many reports a budget spans: a hundred, or as many as have
// one false alert.
func reportsOf(share float64) int {
	return max(budgetReports, int(math.Ceil(1/share)))
}

// loadBudget reads what a destination's budget was spent on.
func loadBudget(tx Tx, d *Destination) (*budget, error) {
	recent, err := tx.RecentAlerts(d.Name, false, reportsOf(d.MaxFalseAlerts)-1)
	if err != nil {
		return nil, err
	}
	flagged, err := tx.RecentAlerts(d.Name, true, learnReports)
	if err != nil {
		return nil, err
	}
	feedback, err := tx.AlertFeedback(d.Name, learnReports)
	if err != nil {
		return nil, err
	}
	return newBudget(d.MaxFalseAlerts, recent, flagged, feedback), nil
}

// newBudget takes the share of false alerts in reports, the recent reports that
// it spans, and those with flags with what radiologists said of them.
func newBudget(share float64, recent, flagged []Alerts, feedback []Feedback) *budget {
	b := &budget{limit: share * float64(reportsOf(share)), recent: recent, said: countOpinions(feedback)}
	for _, report := range flagged {
		for _, a := range report.Flags {
			if o := b.said[keyOf(report.CaseID, a)]; o.right != o.wrong {
				b.graded = append(b.graded, gradedAlert{a.Rule, a.Prior, o.wrong > o.right})
			}
		}
	}
	return b
}

func keyOf(caseID int64, a Alert) alertKey { return alertKey{caseID, a.Statement, a.Rule} }

// countOpinions counts the last word of each author on each flag. A word on the
// verdict of a statement is one on the model's flag.
func countOpinions(feedback []Feedback) map[alertKey]opinionCount {
	type author struct {
		of   alertKey
		name string
	}
	last := map[author]Opinion{}
	for _, f := range feedback {
		last[author{alertKey{f.CaseID, f.Statement, cmp.Or(f.Rule, supportRule)}, f.Author}] = f.Opinion
	}
	counts := map[alertKey]opinionCount{}
	for a, o := range last {
		c := counts[a.of]
		switch o {
		case OpinionRight:
			c.right++
		case OpinionWrong:
			c.wrong++
		}
		counts[a.of] = c
	}
	return counts
}

// doubt is the probability that a flag is false: the mean of a beta
// distribution that begins at its prior and moves with what was said of flags
// of the same rule and, of the model's, a like confidence.
func (b *budget) doubt(rule string, prior float64) float64 {
	wrong, all := 0, 0
	for _, g := range b.graded {
		if g.rule == rule && math.Abs(g.prior-prior) <= alike {
			all++
			if g.wrong {
				wrong++
			}
		}
	}
	return (priorWeight*prior + float64(wrong)) / float64(priorWeight+all)
}

// spent is the number of false alerts among those that went out with the recent
// reports: the known ones, and of the others as many as are expected.
func (b *budget) spent() (sum float64) {
	for _, report := range b.recent {
		for _, a := range report.Flags {
			if a.Held != "" {
				continue
			}
			switch o := b.said[keyOf(report.CaseID, a)]; {
			case o.wrong > o.right:
				sum++
			case o.right == o.wrong:
				sum += b.doubt(a.Rule, a.Prior)
			}
		}
	}
	return sum
}

// surer sums the doubts of the recent flags that are surer than one, sent or
// not, and of those that are as sure and were sent.
func (b *budget) surer(doubt float64) (sum float64) {
	for _, report := range b.recent {
		for _, a := range report.Flags {
			if d := b.doubt(a.Rule, a.Prior); d < doubt || d == doubt && a.Held == "" {
				sum += d
			}
		}
	}
	return sum
}

// decide says which flags of a report go out, the surest first.
func (b *budget) decide(c *Case, d *Destination, now time.Time) Alerts {
	report := Alerts{CaseID: c.ID, Destination: d.Name, At: now}
	for i := range c.Flags {
		if f := &c.Flags[i]; severityRank[f.Severity] >= severityRank[d.MinSeverity] {
			prior := c.prior(f)
			report.Flags = append(report.Flags, Alert{Statement: f.Statement, Rule: f.Rule, Prior: prior,
				Doubt: b.doubt(f.Rule, prior), Critical: f.Severity == Critical})
		}
	}
	slices.SortStableFunc(report.Flags, func(x, y Alert) int {
		switch {
		case x.Critical && !y.Critical:
			return -1
		case y.Critical && !x.Critical:
			return 1
		}
		return cmp.Compare(x.Doubt, y.Doubt)
	})
	spent := b.spent()
	for i := range report.Flags {
		a := &report.Flags[i]
		switch {
		case a.Critical:
		case spent+a.Doubt > b.limit:
			a.Held = budgetSpent
		case b.surer(a.Doubt)+a.Doubt > b.limit:
			a.Held = budgetRanked
		}
		if a.Held == "" {
			spent += a.Doubt
		}
	}
	return report
}

// prior is the probability that a flag is false by what it rests on.
func (c *Case) prior(f *Flag) float64 {
	if f.Rule == supportRule && f.Statement > 0 && f.Statement <= len(c.Statements) {
		return 1 - c.Statements[f.Statement-1].Confidence
	}
	return ruleDoubt
}
