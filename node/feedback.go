package node

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"concord/hl7"
)

// Opinion is what a radiologist says of a verdict or flag.
type Opinion string

// The opinions.
const (
	OpinionRight   Opinion = "right"
	OpinionWrong   Opinion = "wrong"
	OpinionNotSure Opinion = "not_sure"
)

func (o Opinion) known() bool { return o == OpinionRight || o == OpinionWrong || o == OpinionNotSure }

// Feedback is one person's opinion; a later one of the same person counts.
type Feedback struct {
	ID        int64     `json:"id"`
	CaseID    int64     `json:"case"`
	Statement int       `json:"statement"` // Statement.N; 0: the whole report
	Rule      string    `json:"rule"`      // of the flag that is meant; empty: the verdict
	Opinion   Opinion   `json:"opinion"`
	Author    string    `json:"author"`
	Note      string    `json:"note"`
	At        time.Time `json:"at"`
}

// maxFeedbackText bounds what one opinion may say, in bytes.
const maxFeedbackText = 4 << 10

// InputError says what is wrong with a request of a person or program.
type InputError struct{ Text string }

func (e *InputError) Error() string { return e.Text }

// NotFoundError says that what a request names is not there.
type NotFoundError struct{ What string }

func (e *NotFoundError) Error() string { return "there is no " + e.What }

// AddFeedback stores an opinion about a judged case.
func (n *Node) AddFeedback(ctx context.Context, f Feedback) error {
	switch {
	case !f.Opinion.known():
		return &InputError{"opinion must be right, wrong or not_sure"}
	case len(f.Author)+len(f.Note)+len(f.Rule) > maxFeedbackText:
		return &InputError{fmt.Sprintf("author, rule and note have more than %d bytes", maxFeedbackText)}
	}
	return n.Index.Update(ctx, func(tx Tx) error {
		c, err := findCase(tx, f.CaseID)
		if err != nil {
			return err
		}
		if f.Statement < 0 || f.Statement > len(c.Statements) {
			return &InputError{fmt.Sprintf("the case has statements 1 to %d; 0 means the whole report", len(c.Statements))}
		}
		f.At = time.Now()
		return addFeedback(tx, f)
	})
}

func addFeedback(tx Tx, f Feedback) error {
	if err := tx.AddFeedback(f); err != nil {
		return err
	}
	return tx.AddEvent(f.CaseID, CaseEvent{At: f.At, Event: fmt.Sprintf("feedback on statement %d: %s", f.Statement, f.Opinion), By: f.Author})
}

// noteOpinion stores feedback that came by HL7. It speaks of the newest judged
// revision of the report; one that fits no report, or says nothing known, is
// kept with its message only.
func noteOpinion(tx Tx, o *hl7.Opinion, now time.Time) error {
	cases, err := tx.ReportCases(reportKey(&hl7.Report{SendingApplication: o.SendingApplication,
		SendingFacility: o.SendingFacility, Order: hl7.Order{Filler: o.Filler}}))
	if err != nil || !Opinion(o.Value).known() {
		return err
	}
	var judged *Case
	for _, c := range cases {
		if len(c.Statements) > 0 && (judged == nil || c.Revision > judged.Revision) {
			judged = c
		}
	}
	if judged == nil {
		return nil
	}
	f := Feedback{CaseID: judged.ID, Opinion: Opinion(o.Value), Author: cmp.Or(o.Author.Name, o.Author.ID), At: now}
	f.Statement, f.Rule = judged.group(o.Group)
	return addFeedback(tx, f)
}

// group says which statement or flag an OBX-4 of the ORU stands for.
func (c *Case) group(n int) (statement int, rule string) {
	if n <= len(c.Statements) {
		return max(n, 0), ""
	}
	if i := n - len(c.Statements) - 1; i < len(c.Flags) {
		return c.Flags[i].Statement, c.Flags[i].Rule
	}
	return 0, ""
}

func findCase(tx Tx, id int64) (*Case, error) {
	c, err := tx.Case(id)
	if err == nil && c == nil {
		err = &NotFoundError{fmt.Sprintf("case %d", id)}
	}
	return c, err
}
