package node

import (
	"cmp"
	"context"
	"slices"
	"time"

	"concord/node/report"
)

// AuthorWeek sums up the judged reports that one author wrote in one week.
type AuthorWeek struct {
	Author     string    // as the RIS names the author; empty when it does not
	Week       time.Time // its Monday
	Reports    int
	Statements int
	No, Maybe  int // statements that the images contradict, or leave open
	Vague      int // statements too vague to be checked
	Flags      int
}

// Teaching sums up the newest cases, at most limit, by author and week: what a
// department learns from. Revisions that were replaced do not count.
func (n *Node) Teaching(ctx context.Context, limit int) ([]AuthorWeek, error) {
	type key struct {
		author string
		week   time.Time
	}
	sums := map[key]*AuthorWeek{}
	err := n.eachCase(ctx, limit, func(c *Case) {
		if c.Report == nil || len(c.Statements) == 0 || c.State == Superseded || c.State == Withdrawn {
			return
		}
		k := key{cmp.Or(c.Report.Author.Name, c.Report.Author.ID), monday(writtenAt(c))}
		if sums[k] == nil {
			sums[k] = &AuthorWeek{Author: k.author, Week: k.week}
		}
		sums[k].add(c)
	})
	list := []AuthorWeek{}
	for _, sum := range sums {
		list = append(list, *sum)
	}
	slices.SortFunc(list, func(a, b AuthorWeek) int {
		return cmp.Or(cmp.Compare(a.Author, b.Author), a.Week.Compare(b.Week))
	})
	return list, err
}

// casePage is how many cases are read at once.
const casePage = 500

func (n *Node) eachCase(ctx context.Context, limit int, see func(*Case)) error {
	var before int64
	for limit > 0 {
		var cases []*Case
		err := n.Index.View(ctx, func(tx Tx) (err error) {
			cases, err = tx.Cases(CaseFilter{BeforeID: before, Limit: min(limit, casePage)})
			return err
		})
		if err != nil || len(cases) == 0 {
			return err
		}
		for _, c := range cases {
			see(c)
		}
		limit -= len(cases)
		before = cases[len(cases)-1].ID
	}
	return nil
}

func (w *AuthorWeek) add(c *Case) {
	w.Reports++
	w.Statements += len(c.Statements)
	w.Flags += len(c.Flags)
	for i := range c.Statements {
		switch s := &c.Statements[i]; {
		case s.Verdict == No:
			w.No++
		case s.Verdict == Maybe:
			w.Maybe++
		case s.Verdict == NotJudged && (s.Reason == english.skip(report.SkipVague) || s.Reason == chinese.skip(report.SkipVague)):
			w.Vague++
		}
	}
}

// writtenAt is the time of the message that brought the report.
func writtenAt(c *Case) time.Time {
	if t := c.Report.MessageTime; !t.IsZero() {
		return t
	}
	return c.CreatedAt
}

func monday(t time.Time) time.Time {
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
}
