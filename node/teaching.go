package node

import (
	"cmp"
	"context"
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

// TeachingTx keeps the sum of each judged case.
type TeachingTx interface {
	PutSum(caseID int64, sum AuthorWeek) error
	// Sums adds the sums of the newest judged cases, at most limit, by author
	// and week. Revisions that were replaced or withdrawn do not count.
	Sums(limit int) ([]AuthorWeek, error)
}

// Teaching sums up the newest judged cases, at most limit, by author and week:
// what a department learns from.
func (n *Node) Teaching(ctx context.Context, limit int) (list []AuthorWeek, err error) {
	err = n.Index.View(ctx, func(tx Tx) error {
		list, err = tx.Sums(limit)
		return err
	})
	return list, err
}

// sum is what a judged case adds to its author's week.
func (c *Case) sum() AuthorWeek {
	w := AuthorWeek{Author: cmp.Or(c.Report.Author.Name, c.Report.Author.ID), Week: monday(writtenAt(c)), Reports: 1,
		Statements: len(c.Statements), Flags: len(c.Flags)}
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
	return w
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
