package node

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// Owed is the result of a storage commitment that a peer asked this node for
// and has not got yet (PS3.4 J.3.3).
type Owed struct {
	Transaction string // Transaction UID
	Caller      string // AE title that asked
	Address     string // that it called from
	Instances   []Reference
	At          time.Time
}

// Key tells one owed result from another: requestors choose Transaction UIDs,
// and might choose the same.
func (o *Owed) Key() string { return o.Caller + " " + o.Transaction }

// owedTries are the waits before each try to deliver a result on an association
// of its own. A requestor that gets none asks again (PS3.4 J.3.2).
var owedTries = []time.Duration{0, 5 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour, 12 * time.Hour}

// owedGrace is how long a result may take on the association that asked.
const owedGrace = 30 * time.Second

// Owe makes a request for a commitment durable: its result goes out after
// owedGrace by Report, unless Paid is called before.
func (n *Node) Owe(ctx context.Context, o *Owed) error {
	return n.Index.Update(ctx, func(tx Tx) error {
		if err := tx.PutOwed(o); err != nil {
			return err
		}
		return tx.AddJob(Job{Queue: oweQueue, Key: o.Key(), RunAt: time.Now().Add(owedGrace)})
	})
}

// Paid says that a result reached its requestor, or, with an error, that it
// did not and has to go another way.
func (n *Node) Paid(ctx context.Context, o *Owed, err error) error {
	return n.Index.Update(ctx, func(tx Tx) error {
		if err == nil {
			if err := tx.RemoveOwed(o.Key()); err != nil {
				return err
			}
		}
		return tx.AddJob(Job{Queue: oweQueue, Key: o.Key(), RunAt: time.Now()})
	})
}

// payOwed delivers a result on an association of its own.
func (n *Node) payOwed(ctx context.Context, job *Job) error {
	var o *Owed
	err := n.Index.View(ctx, func(tx Tx) (err error) {
		o, err = tx.Owed(job.Key)
		return err
	})
	if err != nil {
		return err
	}
	if o == nil {
		return n.finish(ctx, job)
	}
	why := n.Report(ctx, o)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if why != nil && job.Attempts < len(owedTries) {
		return n.retry(ctx, job, time.Now().Add(owedTries[job.Attempts]))
	}
	if why != nil {
		n.Log.Warn("a storage commitment's result did not reach its requestor, which will ask again; look whether the peer's address is right",
			zap.String("ae_title", o.Caller), zap.Error(why))
	}
	return n.Index.Update(ctx, func(tx Tx) error {
		if err := tx.RemoveOwed(o.Key()); err != nil {
			return err
		}
		return tx.FinishJob(job.ID)
	})
}
