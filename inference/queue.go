package inference

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// gather is how long a run waits for rows of other callers to go along. It waits only while there are other callers.
const gather = 2 * time.Millisecond

// A request is what one call waits for: pictures to encode or rows to score.
type request struct {
	ctx    context.Context
	urgent bool
	since  time.Time
	done   chan outcome // has room for all outcomes: a worker never waits for a caller
}

// A task is one picture or one row of a request.
type task struct {
	*request
	picture *prepared // nil: row is to be scored
	row     row
	number  int  // among the tasks of the request
	dropped bool // from the queue: a worker took it, or nobody wants it
}

// An outcome is the end of a task.
type outcome struct {
	number  int
	encoded *Encoded
	logits  []float32
	err     error
}

func (t *task) end(o outcome) {
	o.number = t.number
	t.done <- o
}

// A queue holds the tasks of all callers until a worker takes them: urgent ones first, rows in batches.
type queue struct {
	rows    int // of one run at most
	mu      sync.Mutex
	changed sync.Cond
	tasks   [2][]*task // routine, urgent; each first in, first out
	callers int        // that may add tasks
	closed  bool

	pictures, runs, rowsRun atomic.Int64
}

// Stats counts the work of a model since it was opened.
type Stats struct {
	Pictures int64 // that the vision graph encoded
	Runs     int64 // of the score graph
	Rows     int64 // in them: pairs of a statement and a picture
	Waiting  int64 // pictures and rows, now
}

// Stats says what the model did and what waits for it.
func (m *Model) Stats() Stats {
	q := m.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	return Stats{q.pictures.Load(), q.runs.Load(), q.rowsRun.Load(), int64(len(q.tasks[0]) + len(q.tasks[1]))}
}

func newQueue(rows int) *queue {
	q := &queue{rows: rows}
	q.changed.L = &q.mu
	return q
}

// enter and leave count the callers.
func (q *queue) enter() {
	q.mu.Lock()
	q.callers++
	q.mu.Unlock()
}

func (q *queue) leave() {
	q.mu.Lock()
	q.callers--
	q.mu.Unlock()
	q.changed.Broadcast() // nobody is left to wait for
}

var errClosed = errors.New("inference: the pack was closed")

// add enters the tasks of one request.
func (q *queue) add(tasks []*task) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return errClosed
	}
	lane := &q.tasks[0]
	if tasks[0].urgent {
		lane = &q.tasks[1]
	}
	*lane = append(*lane, tasks...)
	q.changed.Broadcast()
	time.AfterFunc(gather, q.endGathering)
	return nil
}

// endGathering wakes the workers. It takes the lock, or a worker that has just seen rows gather, and does not wait
// yet, would miss it.
func (q *queue) endGathering() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.changed.Broadcast()
}

// close ends the workers; tasks that wait get an error.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for i, lane := range q.tasks {
		for _, t := range lane {
			t.end(outcome{err: errClosed})
		}
		q.tasks[i] = nil
	}
	q.changed.Broadcast()
}

// next waits for tasks that make one run: a picture, or rows that fit together. None: the queue is closed.
func (q *queue) next() []*task {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.closed {
		if batch := q.take(time.Now()); len(batch) > 0 {
			return batch
		}
		q.changed.Wait()
	}
	return nil
}

// take removes the tasks of the next run, or none while rows gather.
func (q *queue) take(now time.Time) []*task {
	var batch []*task
	requests := map[*request]bool{}
	for _, lane := range [][]*task{q.tasks[1], q.tasks[0]} {
		for _, t := range lane {
			if len(batch) == q.rows {
				break
			}
			if t.dropped = t.ctx.Err() != nil; !t.dropped && (len(batch) == 0 || batch[0].fits(t)) {
				batch = append(batch, t)
				requests[t.request] = true
			}
		}
	}
	gathering := len(batch) > 0 && batch[0].picture == nil && len(batch) < q.rows &&
		q.callers > len(requests) && now.Sub(batch[0].since) < gather
	if gathering {
		batch = nil
	}
	for _, t := range batch {
		t.dropped = true
	}
	for i := range q.tasks {
		q.tasks[i] = slices.DeleteFunc(q.tasks[i], func(t *task) bool { return t.dropped })
	}
	return batch
}

// fits says whether another row can go along in one run. Tokens that the engine keeps cannot be laid side by
// side, so such a run is of one picture.
func (t *task) fits(other *task) bool {
	if t.picture != nil || other.picture != nil {
		return false
	}
	a, b := t.row.image, other.row.image
	return a.tokens == b.tokens || a.tokens.Kept == nil && a.w == b.w && a.h == b.h && slices.Equal(a.tokens.Shape, b.tokens.Shape)
}

// work runs what the queue holds until it is closed.
func (m *Model) work() {
	for batch := m.queue.next(); len(batch) > 0; batch = m.queue.next() {
		m.do(batch)
	}
}

// do runs one batch. Where it fails, each of several requests runs again alone, so that one cannot fail another.
func (m *Model) do(batch []*task) {
	ctx, stop := whileWanted(batch)
	defer stop()
	outcomes, err := m.attempt(ctx, batch)
	if err == nil {
		for i, t := range batch {
			t.end(outcomes[i])
		}
		return
	}
	first := slices.IndexFunc(batch, func(t *task) bool { return t.request != batch[0].request })
	if first < 0 || ctx.Err() != nil || errors.Is(err, ErrUnavailable) {
		for _, t := range batch {
			t.end(outcome{err: err})
		}
		return
	}
	alone := func(t *task) bool { return t.request == batch[0].request }
	m.do(slices.DeleteFunc(slices.Clone(batch), func(t *task) bool { return !alone(t) }))
	m.do(slices.DeleteFunc(slices.Clone(batch), alone))
}

// attempt is one run; a panic in it is an error of its requests only.
func (m *Model) attempt(ctx context.Context, batch []*task) (outcomes []outcome, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("inference: pack %s: internal error in a run: %v", m.manifest.Name, r)
		}
	}()
	if p := batch[0].picture; p != nil {
		encoded, err := m.encode(ctx, p)
		return []outcome{{encoded: encoded}}, err
	}
	m.queue.runs.Add(1)
	m.queue.rowsRun.Add(int64(len(batch)))
	rows := make([]row, len(batch))
	for i, t := range batch {
		rows[i] = t.row
	}
	logits, err := m.scorer.logits(ctx, rows)
	if err != nil {
		return nil, fmt.Errorf("inference: pack %s: score: %w", m.manifest.Name, err)
	}
	outcomes = make([]outcome, len(batch))
	for i, values := range logits {
		if outcomes[i].logits = values; !finite(values) {
			outcomes[i].err = fmt.Errorf("inference: pack %s: the graphs gave NaN or infinite logits", m.manifest.Name)
		}
	}
	return outcomes, nil
}

// whileWanted is a context that ends when the last of the batch's requests has.
func whileWanted(batch []*task) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(batch[0].ctx))
	var mu sync.Mutex
	wanted := map[*request]func() bool{}
	for _, t := range batch {
		wanted[t.request] = nil
	}
	left := len(wanted)
	for r := range wanted {
		wanted[r] = context.AfterFunc(r.ctx, func() {
			mu.Lock()
			defer mu.Unlock()
			if left--; left == 0 {
				cancel()
			}
		})
	}
	return ctx, func() {
		for _, stopWatching := range wanted {
			stopWatching()
		}
		cancel()
	}
}

// submit hands the tasks of one request to the workers and takes each outcome as it comes, until all are there,
// one is an error, or ctx ends.
func (m *Model) submit(ctx context.Context, urgent bool, tasks []task, take func(outcome)) error {
	if err := ctx.Err(); err != nil || len(tasks) == 0 {
		return err
	}
	own, done := context.WithCancel(ctx)
	defer done() // what still waits after an error is not wanted any more
	r := &request{own, urgent, time.Now(), make(chan outcome, len(tasks))}
	waiting := make([]*task, len(tasks))
	for i := range tasks {
		tasks[i].request, tasks[i].number = r, i
		waiting[i] = &tasks[i]
	}
	if err := m.queue.add(waiting); err != nil {
		return err
	}
	for range tasks {
		select {
		case o := <-r.done:
			if o.err != nil {
				return errors.Join(ctx.Err(), o.err)
			}
			take(o)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
