package node

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// settle looks again at a case whose study settles.
func (n *Node) settle(ctx context.Context, job *Job) error {
	return n.Index.Advance(ctx, func(tx Tx) error {
		now := time.Now()
		c, err := tx.Case(job.CaseID)
		if err != nil {
			return err
		}
		if c == nil || c.State != Settling {
			return tx.FinishJob(job.ID)
		}
		study, err := tx.Study(c.StudyUID)
		if err != nil {
			return err
		}
		if study == nil {
			study = &Study{UID: c.StudyUID}
		}
		if err := n.scheduleSettle(tx, c, study, now); err != nil {
			return err
		}
		return tx.FinishJob(job.ID) // or do it again, at the time that was just set
	})
}

// scheduleSettle lets a case go on when its study is complete, and sets the
// time at which to look again when it is not.
func (n *Node) scheduleSettle(tx Tx, c *Case, study *Study, now time.Time) error {
	o, err := n.outlook(tx, study)
	if err != nil {
		return err
	}
	s := settling(o, n.quietEnd(study, now), n.Config.Wait, len(n.archives()) > 0, now)
	if s.ask {
		if err := tx.AddJob(Job{Queue: inquireQueue, Key: caseKey(c.ID), CaseID: c.ID, RunAt: now}); err != nil {
			return err
		}
	}
	if !s.due.After(now) {
		return n.endSettling(tx, c, s.note, now)
	}
	if s.note != c.Reason {
		c.Reason = s.note
		if err := tx.PutCase(c); err != nil {
			return err
		}
	}
	return tx.AddJob(Job{Queue: settleQueue, Key: caseKey(c.ID), CaseID: c.ID, RunAt: s.due})
}

func (n *Node) endSettling(tx Tx, c *Case, note string, now time.Time) error {
	c.Reason = ""
	if note != "" {
		if err := tx.AddEvent(c.ID, CaseEvent{At: now, Event: note}); err != nil {
			return err
		}
	}
	if err := n.move(tx, c, QuietElapsed, now); err != nil {
		return err
	}
	return tx.AddJob(judgeJob(c, now))
}

// outlook is what is known of the completeness of a study.
type outlook struct {
	told    []string // announcements of what it holds that are fulfilled
	pending []string // what is still to come, in words
	asked   bool     // peers were asked since its last object came
	beyond  bool     // it holds more than was announced: nobody knows how much
}

func (o *outlook) complete() bool { return len(o.told) > 0 && len(o.pending) == 0 && !o.beyond }

func (n *Node) outlook(tx Tx, study *Study) (o outlook, err error) {
	known, err := tx.Announcements(study.UID, study.Accession)
	if err != nil {
		return o, err
	}
	promised := map[Source]int{}
	for i := range known {
		a := &known[i]
		promised[a.Source] += a.Count
		if a.Source == ByQuery && !a.At.Before(study.LastObjectAt) {
			o.asked = true
		}
		switch {
		case a.Status == unanswered || a.Status == StepDiscontinued:
			continue
		case a.Status == StepInProgress:
			o.pending = append(o.pending, a.String())
			continue
		case a.Count == 0:
			continue // it says nothing
		}
		missing, err := missingOf(tx, a, study)
		if err != nil {
			return o, err
		}
		if missing > 0 {
			o.pending = append(o.pending, fmt.Sprintf("%s, %d of them not here", a, missing))
		} else {
			o.told = append(o.told, a.String())
		}
	}
	o.beyond = study.Objects > max(promised[ByStep], promised[ByNotification], promised[ByQuery])
	return o, nil
}

// missingOf counts the announced instances that are not here. While the study
// has fewer objects than that, none needs to be looked for.
func missingOf(tx Tx, a *Announcement, study *Study) (int, error) {
	if short := a.Count - study.Objects; short > 0 && len(a.StudyUIDs) <= 1 {
		return short, nil
	}
	list, err := tx.MissingInstances(a.Source, a.UID)
	return len(list), err
}

// settled says when a study goes on to be judged, and why.
type settled struct {
	due  time.Time
	note string // for the timeline when it is due, else the reason for waiting
	ask  bool   // peers have to be asked now
}

// settling decides: at once where all that was announced is here; when the
// study is quiet where nothing was; and where something is missing when the
// wait after that is over.
func settling(o outlook, quiet time.Time, wait time.Duration, archives bool, now time.Time) settled {
	limit := quiet.Add(wait)
	pending := strings.Join(o.pending, "; ")
	switch {
	case o.complete():
		return settled{due: now, note: "the study is complete: " + strings.Join(o.told, "; ")}
	case quiet.After(now):
		return settled{due: quiet, note: pending}
	case archives && !o.asked && limit.After(now):
		return settled{due: limit, note: pending, ask: true}
	case pending == "":
		return settled{due: now}
	case limit.After(now):
		return settled{due: limit, note: pending}
	}
	return settled{due: now, note: "waited long enough, and goes on with what is here: " + pending +
		"; look why the rest was not forwarded, or send it: late images are judged, too"}
}
