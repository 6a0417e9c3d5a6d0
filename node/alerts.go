package node

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// hasBudgets says whether any destination has a budget of false alerts. Then
// one case at a time is weighed, until the index has what was decided. Nodes
// that share an index may each go over a budget by the case that they weigh at
// the same time; the next reports make up for it.
func (n *Node) hasBudgets() bool {
	return slices.ContainsFunc(n.Destinations(), func(d Destination) bool { return d.MaxFalseAlerts > 0 })
}

// weigh decides which flags of a judged case each destination with a budget
// gets. The same index gives the same answer: a try that the process did not
// live to store is made again.
func (n *Node) weigh(ctx context.Context, c *Case) (decided []Alerts, err error) {
	if !n.hasBudgets() {
		return nil, nil
	}
	list := n.Destinations()
	err = n.Index.View(ctx, func(tx Tx) error {
		decided = nil
		for i := range list {
			d := &list[i]
			if d.MaxFalseAlerts == 0 || d.holds(c) {
				continue
			}
			b, err := loadBudget(tx, d)
			if err != nil {
				return err
			}
			decided = append(decided, b.decide(c, d, time.Now()))
		}
		return nil
	})
	return decided, err
}

// alertsFor are what was decided for a destination; nil: it has no budget.
func alertsFor(decided []Alerts, destination string) *Alerts {
	i := slices.IndexFunc(decided, func(a Alerts) bool { return a.Destination == destination })
	if i < 0 {
		return nil
	}
	return &decided[i]
}

// held lists the flags that were held back.
func (a *Alerts) held() (list []Alert) {
	if a != nil {
		list = slices.DeleteFunc(slices.Clone(a.Flags), func(f Alert) bool { return f.Held == "" })
	}
	return list
}

// without is the case as it goes out without some flags. A verdict that is not
// sure enough to alert is no verdict there.
func (c *Case) without(held []Alert, words *words) *Case {
	if len(held) == 0 {
		return c
	}
	shown := *c
	shown.Flags = slices.DeleteFunc(slices.Clone(c.Flags), func(f Flag) bool {
		return slices.ContainsFunc(held, func(a Alert) bool { return a.Rule == f.Rule && a.Statement == f.Statement })
	})
	shown.Statements = slices.Clone(c.Statements)
	for _, a := range held {
		if a.Rule == supportRule {
			s := &shown.Statements[a.Statement-1]
			s.Verdict, s.Reason, s.Confidence = NotJudged, words.heldBack, 0
		}
	}
	return &shown
}

// recordAlerts stores what was decided with a line for each flag held back.
func recordAlerts(tx Tx, decided []Alerts, now time.Time) error {
	for _, a := range decided {
		if err := tx.AddAlerts(a); err != nil {
			return err
		}
		for _, f := range a.held() {
			event := fmt.Sprintf("held back from %s: %s on statement %d, doubt %.0f %%: %s", a.Destination, f.Rule, f.Statement, 100*f.Doubt, f.Held)
			if err := tx.AddEvent(a.CaseID, CaseEvent{At: now, Event: event}); err != nil {
				return err
			}
		}
	}
	return nil
}

// HeldFlag is a flag that a destination did not get, as the API shows it.
type HeldFlag struct {
	Destination string  `json:"destination"`
	Statement   int     `json:"statement"`
	Rule        string  `json:"rule"`
	Doubt       float64 `json:"doubt"` // probability that it is false, as was known
	Reason      string  `json:"reason"`
}

func (a *Alerts) heldFlags() (list []HeldFlag) {
	for _, f := range a.held() {
		list = append(list, HeldFlag{a.Destination, f.Statement, f.Rule, f.Doubt, f.Held})
	}
	return list
}

// BudgetStatus is what became of a destination's budget of false alerts over
// the newest reports.
type BudgetStatus struct {
	Limit   float64 `json:"limit"`   // false alerts that may be among Span reports
	Span    int     `json:"span"`    // reports
	Reports int     `json:"reports"` // of them judged so far
	Spent   float64 `json:"spent"`   // false alerts, known and expected
	Sent    int     `json:"sent"`    // flags
	Held    int     `json:"held"`
	Right   int     `json:"right"` // of those sent, by feedback
	Wrong   int     `json:"wrong"`
}

// Budget says how a destination's budget stands; nil: it has none.
func (n *Node) Budget(ctx context.Context, destination string) (status *BudgetStatus, err error) {
	d := n.destination(destination)
	if d == nil || d.MaxFalseAlerts == 0 {
		return nil, nil
	}
	err = n.Index.View(ctx, func(tx Tx) error {
		b, err := loadBudget(tx, d)
		if err == nil {
			status = b.status(reportsOf(d.MaxFalseAlerts))
		}
		return err
	})
	return status, err
}

func (b *budget) status(span int) *BudgetStatus {
	s := &BudgetStatus{Limit: b.limit, Span: span, Reports: len(b.recent), Spent: b.spent()}
	for _, report := range b.recent {
		for _, a := range report.Flags {
			o := b.said[keyOf(report.CaseID, a)]
			switch {
			case a.Held != "":
				s.Held++
				continue
			case o.right > o.wrong:
				s.Right++
			case o.wrong > o.right:
				s.Wrong++
			}
			s.Sent++
		}
	}
	return s
}
