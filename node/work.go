package node

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"concord/inference"
)

// expire gives up a case whose other half never came.
func (n *Node) expire(ctx context.Context, job *Job) error {
	return n.Index.Update(ctx, func(tx Tx) error {
		c, err := tx.Case(job.CaseID)
		if err != nil {
			return err
		}
		if c != nil && c.Accepts(WaitedTooLong) {
			if err := n.move(tx, c, WaitedTooLong, time.Now()); err != nil {
				return err
			}
		}
		return tx.FinishJob(job.ID)
	})
}

// maxJudgeAttempts is how often a case that cannot be judged is tried before it
// fails visibly.
const maxJudgeAttempts = 5

// judgeCase judges a case and queues its results.
func (n *Node) judgeCase(ctx context.Context, job *Job) error {
	c, objects, err := n.startJudging(ctx, job)
	if err != nil || c == nil {
		return err
	}
	began := time.Now()
	wanted, done := n.judgings.begin(ctx, c.ID)
	defer done()
	judgement, err := n.Judge.Judge(wanted, c.Report, objects)
	if err != nil {
		switch {
		case ctx.Err() == nil && wanted.Err() != nil:
			return n.stopJudging(ctx, job)
		case ctx.Err() != nil:
			return err
		case job.Attempts < maxJudgeAttempts || errors.Is(err, inference.ErrUnavailable):
			return errors.Join(err, n.noteTrouble(ctx, job, err))
		}
		return n.failJudging(ctx, job, err)
	}
	n.Stats.Judging.Observe(time.Since(began))
	if err := n.flagCopy(ctx, c, judgement); err != nil {
		return err
	}
	c.Statements, c.Flags, c.Pack = judgement.Statements, judgement.Flags, judgement.Pack
	c.Fingerprint = judgement.Fingerprint
	if n.hasBudgets() {
		n.weighing.Lock()
		defer n.weighing.Unlock()
	}
	results, err := n.results(ctx, c, judgement, objects)
	if err != nil {
		return n.failJudging(ctx, job, err)
	}
	n.Log.Info("case judged", zap.Int64("case", c.ID), zap.Int("statements", len(c.Statements)),
		zap.Int("flags", len(c.Flags)), zap.Duration("took", time.Since(began)))
	return n.finishJudging(ctx, job, c, results)
}

// flagCopy adds a flag when another patient's report has the same text.
func (n *Node) flagCopy(ctx context.Context, c *Case, j *Judgement) error {
	if j.Fingerprint == "" {
		return nil
	}
	return n.Index.View(ctx, func(tx Tx) error {
		copied, err := tx.SameText(j.Fingerprint, c.PatientID)
		if copied {
			j.Flags = append(j.Flags, j.Copied)
		}
		return err
	})
}

// startJudging takes the case of a job, or nil when there is nothing to judge
// any more.
func (n *Node) startJudging(ctx context.Context, job *Job) (c *Case, objects []Object, err error) {
	err = n.Index.Advance(ctx, func(tx Tx) error {
		now := time.Now()
		if c, err = tx.Case(job.CaseID); err != nil {
			return err
		}
		if c != nil && c.State == Judging { // its judge died or failed
			if err := n.move(tx, c, JudgeInterrupted, now); err != nil {
				return err
			}
		}
		if c == nil || c.State != Ready {
			c = nil
			return tx.FinishJob(job.ID)
		}
		if objects, err = tx.StudyObjects(c.StudyUID); err != nil {
			return err
		}
		c.Reason = ""
		if err := n.move(tx, c, JudgeStarted, now); err != nil {
			return err
		}
		c.Report, err = withEvents(tx, c.Report, objects)
		return err
	})
	return c, objects, err
}

// finishJudging stores the verdicts with the deliveries they call for. When
// the case moved on meanwhile the judgement is dropped.
func (n *Node) finishJudging(ctx context.Context, job *Job, judged *Case, results outcome) error {
	err := n.Index.Update(ctx, func(tx Tx) error {
		now := time.Now()
		c, err := tx.Case(job.CaseID)
		if err != nil {
			return err
		}
		if c.State != Judging { // when it settled again meanwhile, its job was queued again, too
			return tx.FinishJob(job.ID)
		}
		c.Statements, c.Flags, c.Pack = judged.Statements, judged.Flags, judged.Pack
		c.Fingerprint = judged.Fingerprint
		if err := n.move(tx, c, JudgeFinished, now); err != nil {
			return err
		}
		if len(c.Statements) > 0 {
			if err := tx.PutSum(c.ID, c.sum()); err != nil {
				return err
			}
		}
		if err := recordAlerts(tx, results.alerts, now); err != nil {
			return err
		}
		if err := n.queueResults(tx, c, results.deliveries, now); err != nil {
			return err
		}
		return tx.FinishJob(job.ID)
	})
	if err == nil {
		n.Stats.CasesJudged.Add(1)
		n.Stats.Flags.Add(int64(len(judged.Flags)))
	}
	return err
}

func (n *Node) queueResults(tx Tx, c *Case, deliveries []Delivery, now time.Time) error {
	if len(deliveries) == 0 {
		return n.move(tx, c, NothingToSend, now)
	}
	for i := range deliveries {
		if err := n.queueResult(tx, c, &deliveries[i], now); err != nil {
			return err
		}
	}
	return n.move(tx, c, ResultsQueued, now)
}

func (n *Node) queueResult(tx Tx, c *Case, d *Delivery, now time.Time) error {
	d.CaseID, d.State, d.At = c.ID, DeliveryWaiting, now
	if err := tx.AddDelivery(d); err != nil {
		return err
	}
	return tx.AddJob(Job{Queue: deliverQueue(d.Destination), Key: caseKey(d.ID), CaseID: c.ID, RunAt: now})
}

// noteTrouble says on a case why it is not judged yet.
func (n *Node) noteTrouble(ctx context.Context, job *Job, cause error) error {
	return n.Index.Update(ctx, func(tx Tx) error {
		c, err := tx.Case(job.CaseID)
		if err != nil || c == nil || c.State != Judging {
			return err
		}
		c.Reason = "judging failed and is tried again: " + cause.Error()
		if err := tx.PutCase(c); err != nil || job.Attempts > 1 {
			return err
		}
		return tx.AddEvent(c.ID, CaseEvent{At: time.Now(), Event: c.Reason})
	})
}

func (n *Node) failJudging(ctx context.Context, job *Job, cause error) error {
	n.Log.Error("a case cannot be judged", zap.Int64("case", job.CaseID), zap.Error(cause))
	return n.Index.Update(ctx, func(tx Tx) error {
		c, err := tx.Case(job.CaseID)
		if err != nil {
			return err
		}
		if c.Accepts(JudgeFailed) {
			c.Reason = cause.Error()
			if err := n.move(tx, c, JudgeFailed, time.Now()); err != nil {
				return err
			}
		}
		return tx.FinishJob(job.ID)
	})
}

func deliverQueue(destination string) string { return "deliver:" + destination }

// deliver sends one result. The destination's queue is first in, first out:
// the next result waits until this one is sent or given up.
func (n *Node) deliver(ctx context.Context, to *outlet, job *Job) error {
	d, err := n.delivery(ctx, job)
	if err != nil {
		return err
	}
	if d == nil || d.State != DeliveryWaiting && d.State != DeliveryRetrying { // asked for again while it was settled
		return n.finish(ctx, job)
	}
	sender := n.destination(to.name)
	if sender == nil { // removed just now
		return &NotFoundError{"destination " + to.name}
	}
	if d.Kind == ORU && d.Attempts == 0 {
		if held, err := n.awaitDocument(ctx, job, d); err != nil || held {
			return err
		}
	}
	if d.State == DeliveryWaiting {
		d.planned = d.UID
	}
	began := time.Now()
	detail, sendErr := sender.Sender.Send(ctx, d)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	n.Stats.Sending.Observe(time.Since(began))
	d.At, d.Attempts, d.Detail = time.Now(), d.Attempts+1, detail
	to.last = d.At
	if sendErr != nil {
		return n.notTaken(ctx, job, d, sendErr)
	}
	n.away.Delete(to.name)
	if d.Kind == SR && sender.Committer != nil {
		return n.stored(ctx, job, d)
	}
	return n.delivered(ctx, job, d)
}

// notTaken decides what becomes of a result that its peer did not take.
func (n *Node) notTaken(ctx context.Context, job *Job, d *Delivery, why error) error {
	n.away.Store(d.Destination, true)
	d.Detail = why.Error()
	if errors.As(why, new(*RefusedError)) {
		d.Refusals++
	}
	wait, again := nextTry(d.Attempts, d.Refusals, why)
	if again {
		return n.deliverLater(ctx, job, d, wait)
	}
	return n.giveUp(ctx, job, d)
}

// delivery reads the delivery of a job; the job's key is its ID.
func (n *Node) delivery(ctx context.Context, job *Job) (d *Delivery, err error) {
	id, err := parseKey(job.Key)
	if err != nil {
		return nil, err
	}
	err = n.Index.View(ctx, func(tx Tx) error {
		d, err = tx.Delivery(id)
		return err
	})
	return d, err
}

func (n *Node) delivered(ctx context.Context, job *Job, d *Delivery) error {
	d.State = DeliverySent
	n.Stats.Delivered.Add(1)
	n.Log.Info("result delivered", zap.Int64("case", d.CaseID), zap.String("destination", d.Destination),
		zap.String("kind", string(d.Kind)))
	return n.settleDelivery(ctx, job, d, func(tx Tx, c *Case, all []Delivery) error {
		if err := releaseMessages(tx, d, all); err != nil {
			return err
		}
		for _, other := range all {
			if other.State != DeliverySent {
				return nil
			}
		}
		if c.Accepts(AllDelivered) {
			return n.move(tx, c, AllDelivered, d.At)
		}
		return nil
	})
}

func (n *Node) giveUp(ctx context.Context, job *Job, d *Delivery) error {
	d.State = DeliveryDead
	n.Stats.DeliveriesDead.Add(1)
	n.Log.Error("a result was given up", zap.Int64("case", d.CaseID), zap.String("destination", d.Destination),
		zap.String("kind", string(d.Kind))) // the peer's words may name a patient: they stay in the store
	return n.settleDelivery(ctx, job, d, func(tx Tx, c *Case, all []Delivery) error {
		if err := releaseMessages(tx, d, all); err != nil {
			return err
		}
		if !c.Accepts(DeliveryFailed) {
			return nil
		}
		c.Reason = d.Destination + " refused the result: " + d.Detail
		return n.move(tx, c, DeliveryFailed, d.At)
	})
}

// settleDelivery stores the end of a delivery with what follows for its case.
// job is what came to it; nil: none, as when a peer speaks of its own accord.
func (n *Node) settleDelivery(ctx context.Context, job *Job, d *Delivery, then func(Tx, *Case, []Delivery) error) error {
	return n.Index.Update(ctx, func(tx Tx) error {
		if err := tx.PutDelivery(d); err != nil {
			return err
		}
		if err := tx.AddEvent(d.CaseID, eventOf(d)); err != nil {
			return err
		}
		c, err := tx.Case(d.CaseID)
		if err != nil {
			return err
		}
		all, err := tx.CaseDeliveries(d.CaseID)
		if err != nil {
			return err
		}
		if err := then(tx, c, all); err != nil || job == nil {
			return err
		}
		return tx.FinishJob(job.ID)
	})
}

// firstFailure writes it into the timeline, and holds nothing else up.
func firstFailure(tx Tx, d *Delivery) error {
	if err := tx.AddEvent(d.CaseID, eventOf(d)); err != nil {
		return err
	}
	all, err := tx.CaseDeliveries(d.CaseID)
	if err != nil {
		return err
	}
	return releaseMessages(tx, d, all)
}

// eventOf is where a delivery stands, as a line of the timeline.
func eventOf(d *Delivery) CaseEvent {
	return CaseEvent{At: d.At, Event: string(d.Kind) + " to " + d.Destination + ": " + string(d.State) + ", " + d.Detail}
}

func (n *Node) deliverLater(ctx context.Context, job *Job, d *Delivery, wait time.Duration) error {
	n.Stats.DeliveriesRetried.Add(1)
	first := d.State != DeliveryRetrying
	if first { // say the change, not each try
		n.Log.Warn("a result cannot be delivered; trying on", zap.Int64("case", d.CaseID),
			zap.String("destination", d.Destination))
	}
	d.State = DeliveryRetrying
	return n.Index.Update(ctx, func(tx Tx) error {
		if err := tx.PutDelivery(d); err != nil {
			return err
		}
		if first {
			if err := firstFailure(tx, d); err != nil {
				return err
			}
		}
		return tx.RetryJob(job.ID, d.At.Add(wait))
	})
}
