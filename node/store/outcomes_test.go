package store

import (
	"testing"
	"time"

	"concord/node"
)

// judgedCase enters a case in a state.
func judgedCase(t *testing.T, index node.Index, state node.State) *node.Case {
	t.Helper()
	c := &node.Case{Revision: 1, State: state, CreatedAt: day}
	update(t, index, func(tx node.Tx) error { return tx.AddCase(c) })
	return c
}

func testAlerts(t *testing.T, index node.Index) {
	a, b, old := judgedCase(t, index, node.Done), judgedCase(t, index, node.Done), judgedCase(t, index, node.Superseded)
	sure := node.Alerts{CaseID: a.ID, Destination: "ris", At: day, Flags: []node.Alert{{Statement: 3, Rule: "LAT-001", Prior: 0.05, Doubt: 0.04, Held: "spent"}, {Rule: "DUP-001", Critical: true}}}
	silent := node.Alerts{CaseID: b.ID, Destination: "ris", At: day}
	other := node.Alerts{CaseID: b.ID, Destination: "pacs", At: day, Flags: []node.Alert{{Rule: "DUP-001"}}}
	said := node.Feedback{CaseID: a.ID, Statement: 3, Rule: "LAT-001", Opinion: node.OpinionWrong, Author: "Dr Li", At: day}
	update(t, index, func(tx node.Tx) error {
		for _, alerts := range []node.Alerts{sure, {CaseID: old.ID, Destination: "ris", Flags: sure.Flags, At: day}, silent, other} {
			if err := tx.AddAlerts(alerts); err != nil {
				return err
			}
		}
		if err := tx.AddFeedback(node.Feedback{CaseID: b.ID, Opinion: node.OpinionRight, At: day}); err != nil {
			return err
		}
		return tx.AddFeedback(said)
	})
	view(t, index, func(tx node.Tx) error {
		for _, ask := range []struct {
			what    string
			flagged bool
			limit   int
			want    []node.Alerts
		}{{"all", false, 10, []node.Alerts{silent, sure}}, {"newest", false, 1, []node.Alerts{silent}}, {"flagged", true, 10, []node.Alerts{sure}}} {
			got, err := tx.RecentAlerts("ris", ask.flagged, ask.limit)
			if err != nil {
				return err
			}
			equal(t, ask.what, got, ask.want)
		}
		feedback, err := tx.AlertFeedback("ris", 10)
		if err != nil {
			return err
		}
		if len(feedback) == 1 {
			said.ID = feedback[0].ID
		}
		equal(t, "feedback", feedback, []node.Feedback{said})
		got, err := tx.CaseAlerts(a.ID, b.ID)
		equal(t, "of cases", got, []node.Alerts{sure, silent, other})
		return err
	})
}

func testSums(t *testing.T, index node.Index) {
	week := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	sum := func(author string, week time.Time) node.AuthorWeek {
		return node.AuthorWeek{Author: author, Week: week, Statements: 5, No: 1, Maybe: 2, Vague: 1, Flags: 3}
	}
	states := []node.State{node.Done, node.Done, node.Done, node.Superseded, node.Withdrawn, node.Failed}
	authors := []string{"old", "Li", "Wu", "Li", "Li", "Li"}
	for i, state := range states {
		c := judgedCase(t, index, state)
		update(t, index, func(tx node.Tx) error {
			if err := tx.PutSum(c.ID, node.AuthorWeek{Author: "before it was judged again"}); err != nil {
				return err
			}
			return tx.PutSum(c.ID, sum(authors[i], week))
		})
	}
	view(t, index, func(tx node.Tx) error {
		got, err := tx.Sums(len(states) - 1)
		equal(t, "sums", got, []node.AuthorWeek{
			{Author: "Li", Week: week, Reports: 2, Statements: 10, No: 2, Maybe: 4, Vague: 2, Flags: 6},
			{Author: "Wu", Week: week, Reports: 1, Statements: 5, No: 1, Maybe: 2, Vague: 1, Flags: 3}})
		return err
	})
}
