package node

import (
	"context"
	"errors"
	"sync"
	"time"
)

// judgeJob queues the judging of a case. Those with a preliminary report have a
// queue of their own, so that they wait for no others.
func judgeJob(c *Case, now time.Time) Job {
	queue := judgeQueue
	if c.Report != nil && preliminary(c.Report.Status) {
		queue = urgentQueue
	}
	return Job{Queue: queue, Key: caseKey(c.ID), CaseID: c.ID, RunAt: now}
}

// judgings are the cases that this process judges now: one that is withdrawn,
// replaced or gets more images meanwhile costs no more work. The zero value is
// ready.
type judgings struct {
	mu    sync.Mutex
	stops map[int64]context.CancelFunc // by case ID
}

// begin gives the judging of a case a context of its own; done ends it.
func (j *judgings) begin(ctx context.Context, caseID int64) (wanted context.Context, done func()) {
	wanted, stop := context.WithCancel(ctx)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stops == nil {
		j.stops = map[int64]context.CancelFunc{}
	}
	j.stops[caseID] = stop
	return wanted, func() {
		stop()
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(j.stops, caseID)
	}
}

// stop ends the judging of a case, where there is one.
func (j *judgings) stop(caseID int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if stop := j.stops[caseID]; stop != nil {
		stop()
	}
}

var errStillWanted = errors.New("the case was to change while it was judged, and did not; it is judged again")

// stopJudging ends the job of a case that went on while it was judged. When
// that was not committed, the job is done again.
func (n *Node) stopJudging(ctx context.Context, job *Job) error {
	return n.Index.Update(ctx, func(tx Tx) error {
		c, err := tx.Case(job.CaseID)
		if err != nil {
			return err
		}
		if c.State == Judging {
			return errStillWanted
		}
		return tx.FinishJob(job.ID)
	})
}
