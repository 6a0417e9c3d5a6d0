package node

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// clockSlack is by how much the wall clock may drift from the steady clock
// between two looks: time servers slew it by less.
const clockSlack = time.Second

// setBack is by how much the clock must lie behind the newest event at the
// start to have been set back: those of several nodes differ a little.
const setBack = time.Minute

// ClockTx tells how late it was before.
type ClockTx interface {
	NewestEvent() (time.Time, error) // zero: nothing has happened yet
}

// followClock moves the jobs back when the clock was set back while no node
// ran: a result that was to go out in a minute does not wait for hours.
func (n *Node) followClock(ctx context.Context, now time.Time) error {
	return n.Index.Update(ctx, func(tx Tx) error {
		newest, err := tx.NewestEvent()
		if err != nil || !newest.After(now.Add(setBack)) {
			return err
		}
		by := now.Sub(newest)
		n.Log.Warn("the clock was set back since the node ran last; jobs keep their distance to it", zap.Duration("by", by))
		return tx.ShiftJobs(by)
	})
}

// watchClock moves the jobs with the wall clock when that is set: a job that
// was due in a minute stays so, and leases last as long as they should.
func (n *Node) watchClock(ctx context.Context) {
	if err := n.followClock(ctx, time.Now()); err != nil && ctx.Err() == nil {
		n.Log.Error("cannot tell whether the clock was set back", zap.Error(err))
	}
	ticker := time.NewTicker(clockSlack)
	defer ticker.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Now()
		jump := clockJump(now.Round(0).Sub(last.Round(0)), now.Sub(last))
		if jump == 0 {
			last = now
			continue
		}
		err := n.Index.Update(ctx, func(tx Tx) error { return tx.ShiftJobs(jump) })
		if err != nil {
			n.Log.Error("the clock was set, and the jobs cannot follow; trying again", zap.Duration("by", jump), zap.Error(err))
			continue
		}
		n.Log.Warn("the clock was set; jobs keep their distance to it", zap.Duration("by", jump))
		last = now
	}
}

// clockJump is by how much the wall clock was set while it went from one look
// to the next, 0 when it went like the steady clock.
func clockJump(wall, steady time.Duration) time.Duration {
	if jump := wall - steady; jump.Abs() > clockSlack {
		return jump
	}
	return 0
}

// quietEnd is when no object of a study has come for long enough. A last
// object in the future says that the clock was set back since; one that is
// little later than now came while the caller was on its way.
func (n *Node) quietEnd(study *Study, now time.Time) time.Time {
	if study.LastObjectAt.After(now.Add(clockSlack)) {
		return now
	}
	return study.LastObjectAt.Add(n.Config.Quiet)
}
