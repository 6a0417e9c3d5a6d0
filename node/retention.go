package node

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// FinishedStates are the states in which a case needs its images no more. A
// failed case is none of them: a person may mend the cause.
var FinishedStates = []State{Done, Withdrawn, Superseded, Expired}

// Removed counts what left the store with a study.
type Removed struct{ Objects, Bytes int64 }

const (
	retentionQueue = "retention" // wakes the removal; no jobs lie there
	// removalMargin below the high watermark the oldest finished studies begin
	// to go, so that objects are refused only when that is not enough.
	removalMargin = 0.01
	removalBatch  = 64 // studies that are looked up at once
)

// FullError says that the disk has no room: the sender shall try again later
// (C-STORE status A700H, MSA-1 AE).
type FullError struct{ Used, Limit float64 }

func (e *FullError) Error() string {
	return fmt.Sprintf("the disk is %.0f %% full (limit %.0f %%); free space or raise retention.high_watermark",
		100*e.Used, 100*e.Limit)
}

// Ready is an error while the node takes nothing in.
func (n *Node) Ready() error { return n.room() }

// room is an error when the disk is fuller than the site allows. It costs one
// statfs, about a microsecond on a local disk, and logs changes only.
func (n *Node) room() error {
	if n.Config.HighWatermark == 0 {
		return nil
	}
	used, err := n.Objects.Usage()
	if err != nil {
		return fmt.Errorf("measure the disk: %w", err)
	}
	if used > n.Config.HighWatermark-removalMargin {
		n.Wake(retentionQueue)
	}
	if n.isFull(used) {
		return &FullError{Used: used, Limit: n.Config.HighWatermark}
	}
	return nil
}

func (n *Node) isFull(used float64) bool {
	full := used > n.Config.HighWatermark
	if n.full.Swap(full) == full {
		return full
	}
	fields := []zap.Field{zap.Float64("used", used), zap.Float64("limit", n.Config.HighWatermark)}
	if full {
		n.Log.Error("the disk is full: objects and messages are refused until there is room; "+
			"free space, look after failed cases or raise retention.high_watermark", fields...)
	} else {
		n.Log.Info("there is room again: objects and messages are taken in", fields...)
	}
	return full
}

// retain removes what was kept long enough, at intervals and when the disk
// gets full.
func (n *Node) retain(ctx context.Context) {
	interval := 10 * time.Second // others may fill the disk, too
	if n.Config.Keep > 0 {
		interval = min(interval, n.Config.Keep/10+time.Millisecond)
	}
	for ctx.Err() == nil {
		if err := n.removeOld(ctx, time.Now()); err != nil && ctx.Err() == nil {
			n.Log.Error("cannot remove old images; trying again", zap.Error(err))
		}
		began := time.Now()
		rest(ctx, nil, began.Add(min(interval, time.Second))) // a full disk wakes it with every object
		rest(ctx, n.waker(retentionQueue), began.Add(interval))
	}
}

func (n *Node) removeOld(ctx context.Context, now time.Time) error {
	if n.Config.Records > 0 {
		if err := n.thinCases(ctx, now); err != nil {
			return err
		}
	}
	if n.Config.Keep > 0 {
		if err := n.removeByAge(ctx, now); err != nil {
			return err
		}
	}
	if n.Config.HighWatermark == 0 {
		return nil
	}
	return n.removeStudies(ctx, now, now, "the disk is nearly full", func() (bool, error) {
		used, err := n.Objects.Usage()
		if err != nil {
			return false, err
		}
		n.isFull(used) // to say so when there is room again
		return used <= n.Config.HighWatermark-removalMargin, nil
	})
}

func (n *Node) removeByAge(ctx context.Context, now time.Time) error {
	before := now.Add(-n.Config.Keep)
	why := "kept " + n.Config.Keep.String() + " after the end"
	if err := n.removeStudies(ctx, before, now, why, func() (bool, error) { return false, nil }); err != nil {
		return err
	}
	for removed := int64(1); removed > 0; {
		err := n.Index.Update(ctx, func(tx Tx) (err error) {
			removed, err = tx.RemoveMessages(before)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// records is how far the cases were looked at for what is too old in them. A
// start looks at all again.
type records struct {
	lastID int64
	next   time.Time // when to go on
}

// recordsInterval is how often old cases are looked for.
const recordsInterval = time.Hour

// thinCases takes the texts, verdicts and results out of old cases.
func (n *Node) thinCases(ctx context.Context, now time.Time) error {
	for !now.Before(n.records.next) {
		var lastID int64
		err := n.Index.Update(ctx, func(tx Tx) (err error) {
			lastID, err = tx.ThinCases(now.Add(-n.Config.Records), n.records.lastID)
			return err
		})
		switch {
		case err != nil:
			return err
		case lastID == 0:
			n.records.next = now.Add(recordsInterval)
		default:
			n.records.lastID = lastID
		}
	}
	return nil
}

// removeStudies removes studies to which nothing happened since before, the
// oldest first, until it is enough or there are no more.
func (n *Node) removeStudies(ctx context.Context, before, now time.Time, why string, enough func() (bool, error)) error {
	for {
		if done, err := enough(); done || err != nil {
			return err
		}
		var uids []string
		err := n.Index.View(ctx, func(tx Tx) (err error) {
			uids, err = tx.FinishedStudies(before, removalBatch)
			return err
		})
		if err != nil || len(uids) == 0 {
			return err
		}
		for _, uid := range uids {
			if err := n.removeStudy(ctx, uid, before, now, why); err != nil {
				return err
			}
			if done, err := enough(); done || err != nil {
				return err
			}
		}
	}
}

// removeStudy removes one study, unless something happened to it meanwhile.
func (n *Node) removeStudy(ctx context.Context, uid string, before, now time.Time, why string) error {
	var removed *Removed
	err := n.Index.Update(ctx, func(tx Tx) (err error) {
		if removed, err = tx.RemoveStudy(uid, before); err != nil || removed == nil {
			return err
		}
		cases, err := tx.StudyCases(uid)
		if err != nil {
			return err
		}
		for _, c := range cases {
			if err := tx.AddEvent(c.ID, CaseEvent{At: now, Event: "images removed: " + why}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || removed == nil {
		return err
	}
	if err := n.Objects.Sweep(ctx); err != nil {
		return err
	}
	n.Stats.StudiesRemoved.Add(1)
	n.Stats.ObjectsRemoved.Add(removed.Objects)
	n.Stats.BytesRemoved.Add(removed.Bytes)
	return nil
}
