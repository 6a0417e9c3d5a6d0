// Package node joins studies to reports, has them judged and sends the results
// out. It is the domain of Concord: a Case is one study with one revision of
// its report, and moves along a state table that is data.
//
// ReceiveObject and ReceiveMessage take what the network brings and return
// after it is durable; Run works on what they committed. Everything in between
// is a job in the index, so a process that dies loses nothing.
package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"concord/hl7"
)

// The queues of jobs. Each destination has one more, see deliverQueue.
const (
	settleQueue = "settle"
	judgeQueue  = "judge"
	urgentQueue = "judge-urgent"
	expireQueue = "expire"
)

// jobLease is how long a job of a dead process rests before another takes it.
const jobLease = 15 * time.Second

// Config is what a site decides about its node.
type Config struct {
	Quiet         time.Duration                 // a study is complete when no object came for so long
	Wait          time.Duration                 // a study waits so long for what was announced and has not come
	Expire        time.Duration                 // a case gives up waiting for its other half; 0: never
	Shadow        bool                          // judge and record, send nothing
	Reading       func(peer string) hl7.Options // how the HL7 messages of a peer are read; nil: as they say
	Mapping       hl7.Mapping                   // which fields hold the keys of the join
	Site          Site
	Destinations  []Destination // until SetDestinations
	JudgeWorkers  int           // cases judged at once; 0: one
	Keep          time.Duration // images of a finished case stay so long; 0: until the disk is full
	Records       time.Duration // texts and verdicts of a finished case stay so long; 0: for ever
	HighWatermark float64       // used share of the disk from which on nothing more is taken in; 0: none
}

// Site is how the node calls itself in what it sends.
type Site struct {
	Name     string // part of every UID that is derived
	Issuer   string // assigning authority of identifiers without one
	AETitle  string
	Language string // of results: en or zh; empty: each report's own
	Version  string // of the software
}

// Node is the running product. Its fields are set before Run.
type Node struct {
	Config  Config
	Index   Index
	Objects ObjectStore
	Journal Journal
	Judge   *Judge
	// Report delivers the result of a storage commitment to who asked for it.
	Report func(context.Context, *Owed) error
	Log    *zap.Logger
	Stats  Stats

	intake       indexer
	backlog      backlog
	destinations destinations
	asked        atomic.Pointer[[]Archive]
	away         sync.Map // names of destinations of which the last try failed
	judgings     judgings
	wakers       sync.Map   // queue name → chan struct{} of capacity 1
	weighing     sync.Mutex // from what a budget of false alerts allows to what it was spent on
	started      atomic.Bool
	full         atomic.Bool // the disk, when it was last looked at
	records      records
}

// Stats counts what passed since the start.
type Stats struct {
	Objects, ObjectBytes, Duplicates, ObjectsRefused atomic.Int64
	Messages, MessagesQuarantined                    atomic.Int64
	CasesJudged, Flags                               atomic.Int64
	Delivered, DeliveriesRetried, DeliveriesDead     atomic.Int64
	StudiesRemoved, ObjectsRemoved, BytesRemoved     atomic.Int64
	Steps, Notifications, Inquiries                  atomic.Int64 // MPPS, IAN, and answers to C-FIND that say what studies hold
	Retrieved, RetrievalsFailed                      atomic.Int64 // C-MOVE or C-GET of an archive
	Judging, Sending                                 Durations    // of one case; of one try of a delivery
}

// Wake tells the workers of a queue that a job was committed. The index calls it.
func (n *Node) Wake(queue string) {
	select {
	case n.waker(queue) <- struct{}{}:
	default: // a wake-up is already on its way
	}
}

func (n *Node) waker(queue string) chan struct{} {
	c, _ := n.wakers.LoadOrStore(queue, make(chan struct{}, 1))
	return c.(chan struct{})
}

// Run works until ctx ends: it indexes what was received and does the jobs.
func (n *Node) Run(ctx context.Context) error {
	if !n.started.CompareAndSwap(false, true) {
		return fmt.Errorf("node: Run was called twice")
	}
	var running sync.WaitGroup
	start := func(queue string, fifo bool, do func(context.Context, *Job) error) {
		running.Go(func() { n.work(ctx, queue, fifo, atOnce, do) })
	}
	running.Go(func() { n.indexObjects(ctx) })
	running.Go(func() { n.processMessages(ctx) })
	running.Go(func() { n.retain(ctx) })
	running.Go(func() { n.watchClock(ctx) })
	start(settleQueue, false, n.settle)
	start(expireQueue, false, n.expire)
	start(oweQueue, false, n.payOwed)
	for range 2 { // one slow peer does not hold up the others
		start(inquireQueue, false, n.inquire)
		start(commitQueue, false, n.askCommitment)
	}
	for range max(1, n.Config.JudgeWorkers) {
		start(judgeQueue, false, n.judgeCase)
	}
	start(urgentQueue, false, n.judgeCase)
	n.runDestinations(ctx, &running)
	<-ctx.Done()
	n.dismissDestinations()
	running.Wait()
	return nil
}

// atOnce opens a queue at any time.
func atOnce(_ context.Context, now time.Time) time.Time { return now }

// work claims and does the jobs of one queue, one at a time, while it is open.
func (n *Node) work(ctx context.Context, queue string, fifo bool, opens func(context.Context, time.Time) time.Time,
	do func(context.Context, *Job) error) {
	wake := n.waker(queue)
	for ctx.Err() == nil {
		now := time.Now()
		if open := opens(ctx, now); open.After(now) {
			rest(ctx, wake, open)
			continue
		}
		job, next, err := n.claim(ctx, queue, fifo)
		if err != nil && ctx.Err() == nil {
			n.Log.Error("cannot claim a job; trying again", zap.String("queue", queue), zap.Error(err))
			next = time.Now().Add(time.Second)
		}
		if job == nil {
			rest(ctx, wake, next)
			continue
		}
		n.do(ctx, job, do)
	}
}

// rest waits for a wake-up, the time of the next job or the end of ctx.
func rest(ctx context.Context, wake <-chan struct{}, next time.Time) {
	var due <-chan time.Time
	if !next.IsZero() {
		timer := time.NewTimer(time.Until(next))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
	case <-wake:
	case <-due:
	}
}

func (n *Node) claim(ctx context.Context, queue string, fifo bool) (job *Job, next time.Time, err error) {
	err = n.Index.Advance(ctx, func(tx Tx) error {
		var err error
		job, next, err = tx.ClaimJob(queue, fifo, time.Now(), jobLease)
		return err
	})
	return job, next, err
}

// do runs one job and keeps its lease fresh meanwhile. A job that fails goes
// back to the queue; one that another node took over is let go.
func (n *Node) do(ctx context.Context, job *Job, do func(context.Context, *Job) error) {
	held, letGo := context.WithCancel(ctx)
	defer letGo()
	go n.keepLease(held, letGo, job.ID)
	err := n.guard(held, job, do)
	if err == nil || held.Err() != nil {
		return
	}
	if errors.Is(err, ErrLeaseLost) {
		n.Log.Warn("another node took a job over", zap.String("queue", job.Queue), zap.Int64("case", job.CaseID))
		return
	}
	wait := retryDelay(job.Attempts)
	n.Log.Error("job failed; it will be tried again", zap.String("queue", job.Queue),
		zap.Int64("case", job.CaseID), zap.Duration("in", wait), zap.Error(err))
	if err := n.Index.Update(ctx, func(tx Tx) error { return tx.RetryJob(job.ID, time.Now().Add(wait)) }); err != nil {
		n.Log.Error("cannot give the job back; its lease will run out", zap.Int64("case", job.CaseID), zap.Error(err))
	}
}

// guard turns a panic of one case into that case's error.
func (n *Node) guard(ctx context.Context, job *Job, do func(context.Context, *Job) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			n.Log.Error("panic in a job", zap.String("queue", job.Queue), zap.Int64("case", job.CaseID), zap.Stack("stack"))
			err = fmt.Errorf("internal error in %s", job.Queue) // r may hold report text
		}
	}()
	return do(ctx, job)
}

// keepLease renews a lease until its job ends, and calls lost when another node
// has it.
func (n *Node) keepLease(ctx context.Context, lost func(), id int64) {
	ticker := time.NewTicker(jobLease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			err := n.Index.Advance(ctx, func(tx Tx) error { return tx.RenewJob(id, now.Add(jobLease)) })
			if err != nil && ctx.Err() == nil {
				n.Log.Warn("cannot renew a job's lease", zap.Error(err))
			}
			if errors.Is(err, ErrLeaseLost) {
				lost()
			}
		}
	}
}
