package node

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// When says which results a destination gets.
type When string

// The choices of When.
const (
	Always  When = "always"
	Flagged When = "flagged" // only those with a flag of the destination's severity or worse
)

// Window is a time of day in which a destination takes results, as offsets
// from local midnight. The zero Window is open all day; one whose end is before
// its start runs over midnight.
type Window struct{ From, To time.Duration }

// opens returns now when the window is open, else the time at which it opens.
func (w Window) opens(now time.Time) time.Time {
	if w.From == w.To {
		return now
	}
	at := now.Sub(midnight(now))
	inside := w.From <= at && at < w.To
	if w.To < w.From {
		inside = at >= w.From || at < w.To
	}
	if inside {
		return now
	}
	open := midnight(now).Add(w.From)
	if open.Before(now) {
		open = midnight(now.Add(24 * time.Hour)).Add(w.From)
	}
	return open
}

func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

// holds says whether a destination gets nothing for now: the report is not final.
func (d *Destination) holds(c *Case) bool { return preliminary(c.Report.Status) && d.HoldPreliminary }

// wants says whether a destination gets the result of a judged case.
func (d *Destination) wants(c *Case) bool {
	if d.When != Flagged {
		return true
	}
	for _, f := range c.Flags {
		if severityRank[f.Severity] >= severityRank[d.MinSeverity] {
			return true
		}
	}
	return false
}

var severityRank = map[Severity]int{Info: 0, Warning: 1, Critical: 2}

// outlet is what the worker of a destination knows of it.
type outlet struct {
	name string
	node *Node
	last time.Time // when the last result went out
}

// opens is the time before which no result may go out.
func (o *outlet) opens(ctx context.Context, now time.Time) time.Time {
	to := o.node.destination(o.name)
	paused, err := o.node.paused(ctx)
	if err != nil && ctx.Err() == nil {
		o.node.Log.Error("cannot read which destinations are paused; trying again", zap.String("destination", o.name), zap.Error(err))
		return now.Add(time.Second)
	}
	if to == nil || !paused[o.name].IsZero() {
		return now.Add(time.Hour) // resuming wakes the worker, as does another destination
	}
	open := to.Window.opens(now)
	if to.PerMinute > 0 {
		if next := o.last.Add(time.Minute / time.Duration(to.PerMinute)); next.After(open) {
			open = next
		}
	}
	return open
}

// sendsNow says whether a result for a destination goes out soon: it is open,
// and took or answered the last one.
func (n *Node) sendsNow(name string, paused map[string]time.Time) bool {
	to, now := n.destination(name), time.Now()
	_, away := n.away.Load(name)
	return to != nil && !away && paused[name].IsZero() && to.Window.opens(now).Equal(now)
}

// paused says since when destinations are paused, by whichever node.
func (n *Node) paused(ctx context.Context) (since map[string]time.Time, err error) {
	err = n.Index.View(ctx, func(tx Tx) error {
		since, err = tx.PausedDestinations()
		return err
	})
	return since, err
}

// Pause holds the results of a destination back, in their order, until Resume.
func (n *Node) Pause(ctx context.Context, destination string) error {
	return n.setPause(ctx, destination, func(tx Tx) error { return tx.PauseDestination(destination, time.Now()) })
}

// Resume sends what waits for a destination.
func (n *Node) Resume(ctx context.Context, destination string) error {
	return n.setPause(ctx, destination, func(tx Tx) error {
		if err := tx.ResumeDestination(destination); err != nil {
			return err
		}
		return tx.HastenJobs(deliverQueue(destination), time.Now()) // which wakes the worker of each node
	})
}

// TryNow ends the waits after failed tries: what they failed for may be mended.
func (n *Node) TryNow(ctx context.Context) error {
	return n.Index.Update(ctx, func(tx Tx) error {
		for _, d := range n.Destinations() {
			if err := tx.HastenJobs(deliverQueue(d.Name), time.Now()); err != nil {
				return err
			}
		}
		return nil
	})
}

func (n *Node) setPause(ctx context.Context, destination string, change func(Tx) error) error {
	if n.destination(destination) == nil {
		return &NotFoundError{"destination " + destination}
	}
	return n.Index.Update(ctx, change)
}

// DestinationStatus is a destination as the API shows it.
type DestinationStatus struct {
	Name        string     `json:"name"`
	Kind        Kind       `json:"kind"`
	PausedSince *time.Time `json:"paused_since,omitempty"`
}

// DestinationStatuses lists the destinations in the order of the configuration.
func (n *Node) DestinationStatuses(ctx context.Context) ([]DestinationStatus, error) {
	paused, err := n.paused(ctx)
	if err != nil {
		return nil, err
	}
	list := []DestinationStatus{}
	for _, d := range n.Destinations() {
		status := DestinationStatus{Name: d.Name, Kind: d.Kind}
		if since, ok := paused[d.Name]; ok {
			status.PausedSince = &since
		}
		list = append(list, status)
	}
	return list, nil
}

// Resend queues a result that was given up once more, behind those that wait,
// because a person asks for it.
func (n *Node) Resend(ctx context.Context, deliveryID int64, by string) error {
	return n.Index.Update(ctx, func(tx Tx) error {
		d, err := tx.Delivery(deliveryID)
		switch {
		case err != nil:
			return err
		case d == nil:
			return &NotFoundError{fmt.Sprintf("delivery %d", deliveryID)}
		case d.State != DeliveryDead:
			return &InputError{fmt.Sprintf("delivery %d is %s; only one that was given up can be sent again", d.ID, d.State)}
		}
		now := time.Now()
		d.State, d.Refusals, d.At = DeliveryWaiting, 0, now
		if err := tx.PutDelivery(d); err != nil {
			return err
		}
		if err := tx.AddJob(Job{Queue: deliverQueue(d.Destination), Key: caseKey(d.ID), CaseID: d.CaseID, RunAt: now}); err != nil {
			return err
		}
		c, err := tx.Case(d.CaseID)
		if err != nil || c == nil {
			return err
		}
		if !c.Accepts(DeliveryRetried) {
			return tx.AddEvent(c.ID, CaseEvent{At: now, Event: string(DeliveryRetried), By: by})
		}
		c.Reason = ""
		return decide(tx, c, DeliveryRetried, by, now)
	})
}
