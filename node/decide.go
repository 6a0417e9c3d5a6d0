package node

import (
	"context"
	"fmt"
	"time"
)

// CanBeJudged says whether a person may have the case judged at once: while it
// settles, or when judging it failed and the cause is mended.
func (c *Case) CanBeJudged() bool {
	return c.Accepts(Forced) && (c.State != Failed || len(c.Statements) == 0)
}

// JudgeNow ends the quiet timer of a case, because a person says that the study
// is complete, or has a case judged again whose judging failed.
func (n *Node) JudgeNow(ctx context.Context, caseID int64, by string) error {
	return n.Index.Update(ctx, func(tx Tx) error {
		c, err := findCase(tx, caseID)
		if err != nil {
			return err
		}
		if !c.CanBeJudged() {
			return &InputError{fmt.Sprintf("the case is %s; only one that settles, or whose judging failed, can be judged at once", c.State)}
		}
		c.Reason = ""
		now := time.Now()
		if err := decide(tx, c, Forced, by, now); err != nil {
			return err
		}
		return tx.AddJob(judgeJob(c, now))
	})
}

// ChooseStudy joins a case to the study that a person chose for it.
func (n *Node) ChooseStudy(ctx context.Context, caseID int64, studyUID, by string) error {
	return n.Index.Update(ctx, func(tx Tx) error {
		c, err := findCase(tx, caseID)
		if err != nil {
			return err
		}
		if c.Report == nil || !c.Accepts(StudyChosen) {
			return &InputError{fmt.Sprintf("the case is %s; a study can be chosen for a report that waits for one", c.State)}
		}
		study, err := tx.Study(studyUID)
		if err != nil {
			return err
		}
		if study == nil {
			return &NotFoundError{"study with this UID"}
		}
		now := time.Now()
		adoptStudy(c, study)
		if err := decide(tx, c, StudyChosen, by, now); err != nil {
			return err
		}
		if err := takeStudy(tx, c, by, now); err != nil {
			return err
		}
		return n.scheduleSettle(tx, c, study, now)
	})
}

// takeStudy closes the case in which the study of c waited for a report of its own.
func takeStudy(tx Tx, c *Case, by string, now time.Time) error {
	cases, err := tx.StudyCases(c.StudyUID)
	if err != nil {
		return err
	}
	for _, waiting := range cases {
		if waiting.ID == c.ID || waiting.Report != nil || !waiting.Accepts(StudyTaken) {
			continue
		}
		waiting.Reason = fmt.Sprintf("its report is in case %d", c.ID)
		if err := decide(tx, waiting, StudyTaken, by, now); err != nil {
			return err
		}
	}
	return nil
}

// maxDismissal bounds the reason of a dismissal, in bytes.
const maxDismissal = 1 << 10

// Dismiss gives up a failed case because a person says why: it stays failed,
// and its images may go as those of any finished case.
func (n *Node) Dismiss(ctx context.Context, caseID int64, why, by string) error {
	if why == "" || len(why) > maxDismissal {
		return &InputError{fmt.Sprintf("give a reason of 1 to %d bytes", maxDismissal)}
	}
	return n.Index.Update(ctx, func(tx Tx) error {
		c, err := findCase(tx, caseID)
		if err != nil {
			return err
		}
		if c.State != Failed || !c.DismissedAt.IsZero() {
			return &InputError{"only a case that failed can be dismissed, and only once"}
		}
		now := time.Now()
		if _, err := tx.Dismiss(c.ID, now); err != nil {
			return err
		}
		return tx.AddEvent(c.ID, CaseEvent{At: now, Event: "dismissed: " + why, By: by})
	})
}

// decide applies what a person decided to a stored case.
func decide(tx Tx, c *Case, e Event, by string, now time.Time) error {
	if err := c.Apply(e); err != nil {
		return err
	}
	c.UpdatedAt = now
	if err := tx.PutCase(c); err != nil {
		return err
	}
	return tx.AddEvent(c.ID, CaseEvent{At: now, Event: string(e) + " → " + string(c.State), By: by})
}
