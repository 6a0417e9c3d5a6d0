package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"concord/dicom"
)

// The queues of storage commitment (PS3.4 J).
const (
	commitQueue = "commit" // documents that a peer has to answer for
	oweQueue    = "owe"    // results that a peer asked for
)

// Committer asks a peer to answer for a document that it stored.
type Committer interface {
	// RequestCommitment asks under a Transaction UID. The result is nil unless
	// it came at once: else it comes to CommitmentCame.
	RequestCommitment(ctx context.Context, transaction string, document Reference) (*CommitmentResult, error)
}

// CommitmentResult is what a peer says it keeps, and what it does not.
type CommitmentResult struct {
	Committed []string          // SOP Instance UIDs
	Failed    map[string]uint16 // SOP Instance UID → failure reason (PS3.3 C.14.1.1)
}

// CommitmentTx keeps storage commitments under way.
type CommitmentTx interface {
	// AddCommitment remembers under which Transaction UID a peer was asked.
	AddCommitment(transaction string, deliveryID int64, at time.Time) error
	RemoveCommitment(transaction string) error
	ForgetCommitments(deliveryID int64) error
	// Commitment finds the delivery of a transaction, 0 if there is none.
	Commitment(transaction string) (deliveryID int64, err error)
	// CountCommitments counts how often a peer was asked about a delivery.
	CountCommitments(deliveryID int64) (int, error)
	// PutOwed enters a result that is owed, or replaces it.
	PutOwed(*Owed) error
	Owed(key string) (*Owed, error) // nil: none
	RemoveOwed(key string) error
}

// commitmentAsks are the waits for a result before a peer is asked again,
// under a new Transaction UID.
var commitmentAsks = []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}

// maxCommitmentFailures is how often a document goes out again that a peer
// took and then does not keep.
const maxCommitmentFailures = 3

// stored notes that a peer took a document which it has to answer for, too.
func (n *Node) stored(ctx context.Context, job *Job, d *Delivery) error {
	d.State = DeliveryStored
	return n.settleDelivery(ctx, job, d, func(tx Tx, _ *Case, all []Delivery) error {
		if err := releaseMessages(tx, d, all); err != nil {
			return err
		}
		return tx.AddJob(Job{Queue: commitQueue, Key: caseKey(d.ID), CaseID: d.CaseID, RunAt: d.At})
	})
}

// askCommitment asks the peer of a delivery for its commitment, and asks again
// when no answer came.
func (n *Node) askCommitment(ctx context.Context, job *Job) error {
	d, err := n.delivery(ctx, job)
	if err != nil {
		return err
	}
	if d == nil || d.State != DeliveryStored {
		return n.finish(ctx, job)
	}
	to := n.destination(d.Destination)
	if to == nil {
		return n.retry(ctx, job, time.Now().Add(commitmentAsks[1])) // it may come back
	}
	if to.Committer == nil { // commitment was switched off meanwhile
		return n.committed(ctx, d, "stored; no commitment is asked of it any more")
	}
	document, err := documentOf(d)
	if err != nil {
		return err
	}
	transaction := dicom.NewUID()
	asked := 0
	err = n.Index.Update(ctx, func(tx Tx) error {
		var err error
		if asked, err = tx.CountCommitments(d.ID); err != nil || asked == len(commitmentAsks) {
			return err
		}
		return tx.AddCommitment(transaction, d.ID, time.Now())
	})
	switch {
	case err != nil:
		return err
	case asked == len(commitmentAsks):
		return n.uncommitted(ctx, job, d, fmt.Sprintf("stored it, but gave no storage commitment though asked %d times; look at its log for the SOP instance, then send it again", asked), true)
	}
	result, err := to.Committer.RequestCommitment(ctx, transaction, document)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return n.commitmentRefused(ctx, job, d, transaction, asked, err)
	}
	if result != nil {
		if err := n.CommitmentCame(ctx, transaction, *result); err != nil {
			return err
		}
		return n.finish(ctx, job)
	}
	return n.retry(ctx, job, time.Now().Add(commitmentAsks[asked]))
}

// commitmentRefused forgets a question that did not reach its peer, and counts
// one that the peer refuses.
func (n *Node) commitmentRefused(ctx context.Context, job *Job, d *Delivery, transaction string, asked int, why error) error {
	wait := retryDelay(job.Attempts)
	var refused *RefusedError
	if errors.As(why, &refused) {
		wait = commitmentAsks[asked]
	}
	n.Log.Warn("a peer cannot be asked for storage commitment; trying on", zap.String("destination", d.Destination), zap.Int64("case", d.CaseID), zap.Error(why))
	return n.Index.Update(ctx, func(tx Tx) error {
		if refused == nil {
			if err := tx.RemoveCommitment(transaction); err != nil {
				return err
			}
		}
		if job.Attempts == 1 {
			event := CaseEvent{At: time.Now(), Event: "storage commitment asked of " + d.Destination + ": " + why.Error()}
			if err := tx.AddEvent(d.CaseID, event); err != nil {
				return err
			}
		}
		return tx.RetryJob(job.ID, time.Now().Add(wait))
	})
}

// documentOf names the document of a delivery.
func documentOf(d *Delivery) (Reference, error) {
	o, err := dicom.Scan(bytes.NewReader(d.Payload), int64(len(d.Payload)))
	if err != nil {
		return Reference{}, err
	}
	return Reference{ClassUID: o.String(dicom.SOPClassUID), SeriesUID: o.String(dicom.SeriesInstanceUID), SOPUID: d.UID}, nil
}

// CommitmentCame takes the result of a storage commitment that this node asked
// for, and returns once it is durable. A *NotFoundError says that nobody knows
// of the transaction.
func (n *Node) CommitmentCame(ctx context.Context, transaction string, result CommitmentResult) error {
	var d *Delivery
	err := n.Index.View(ctx, func(tx Tx) error {
		id, err := tx.Commitment(transaction)
		if err == nil && id != 0 {
			d, err = tx.Delivery(id)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case d == nil:
		return &NotFoundError{"storage commitment with this Transaction UID"}
	case d.State != DeliveryStored:
		return nil // it was answered before, or the document goes out again
	}
	for _, uid := range result.Committed {
		if uid == d.UID {
			return n.committed(ctx, d, "storage commitment given")
		}
	}
	reason, named := result.Failed[d.UID]
	if !named {
		return &InputError{"the result of the storage commitment does not name the document"}
	}
	return n.uncommitted(ctx, nil, d, fmt.Sprintf("does not keep it: storage commitment failed with reason %04XH", reason), d.Refusals+1 >= maxCommitmentFailures)
}

// committed ends the delivery of a document that its peer answers for.
func (n *Node) committed(ctx context.Context, d *Delivery, how string) error {
	d.At, d.Detail = time.Now(), d.Detail+", "+how
	return n.delivered(ctx, nil, d)
}

// uncommitted sends a document again that its peer does not keep, or gives it
// up. job is the question's, if there is one.
func (n *Node) uncommitted(ctx context.Context, job *Job, d *Delivery, why string, last bool) error {
	d.At, d.Detail = time.Now(), why
	d.Refusals++
	if last { // sent again by hand it may ask as often
		if err := n.Index.Update(ctx, func(tx Tx) error { return tx.ForgetCommitments(d.ID) }); err != nil {
			return err
		}
		return n.giveUp(ctx, job, d)
	}
	d.State = DeliveryRetrying
	return n.settleDelivery(ctx, job, d, func(tx Tx, _ *Case, _ []Delivery) error {
		return tx.AddJob(Job{Queue: deliverQueue(d.Destination), Key: caseKey(d.ID), CaseID: d.CaseID, RunAt: d.At})
	})
}

func (n *Node) finish(ctx context.Context, job *Job) error {
	return n.Index.Update(ctx, func(tx Tx) error { return tx.FinishJob(job.ID) })
}

func (n *Node) retry(ctx context.Context, job *Job, at time.Time) error {
	return n.Index.Update(ctx, func(tx Tx) error { return tx.RetryJob(job.ID, at) })
}
