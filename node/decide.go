package node

import (
	"context"
	"fmt"
	"time"
)

// JudgeNow ends the quiet timer of a case: a person says that the study is
// complete.
func (n *Node) JudgeNow(ctx context.Context, caseID int64) error {
	return n.Index.Update(ctx, func(tx Tx) error {
		c, err := findCase(tx, caseID)
		if err != nil {
			return err
		}
		if !c.Accepts(Forced) {
			return &InputError{fmt.Sprintf("the case is %s; only one that settles can be judged at once", c.State)}
		}
		now := time.Now()
		if err := n.move(tx, c, Forced, now); err != nil {
			return err
		}
		return tx.AddJob(Job{Queue: judgeQueue, Key: caseKey(c.ID), CaseID: c.ID, RunAt: now})
	})
}

// ChooseStudy joins a case to the study that a person chose for it.
func (n *Node) ChooseStudy(ctx context.Context, caseID int64, studyUID string) error {
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
		if err := n.move(tx, c, StudyChosen, now); err != nil {
			return err
		}
		return n.scheduleSettle(tx, c, study, now)
	})
}
