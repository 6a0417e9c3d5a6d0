package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"concord/node"
)

const (
	// maxWaiting updates may queue for the writer. Each belongs to a caller
	// that is blocked in Update, so the queue holds 256 pointers and no data
	// that its callers would not hold anyway.
	maxWaiting = 256
	// maxGroup and groupTime end a transaction, so that the first update of a
	// group does not wait for ever for its commit.
	maxGroup  = 256
	groupTime = 10 * time.Millisecond
)

var errClosed = fmt.Errorf("store: closed; the node is shutting down: %w", node.ErrUnavailable)

// request is one closure on its way through the writer.
type request struct {
	fn     func(node.Tx) error
	claim  atomic.Bool // set by the writer that starts it or the caller that gives up, whoever is first
	err    error
	answer chan error
}

// Update runs fn in a transaction and returns after the commit is on disk.
// Updates that wait together share one transaction, each in its own savepoint:
// when fn fails or panics, its own changes are undone and those of others
// stay. ctx counts while the update waits; once fn runs, Update waits for the
// outcome. fn runs on the store's writer: it must be quick and must not call
// Update.
func (s *Store) Update(ctx context.Context, fn func(node.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !s.calls.enter() {
		return errClosed
	}
	defer s.calls.leave()
	u := &request{fn: fn, answer: make(chan error, 1)}
	select {
	case s.waiting <- u:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-u.answer:
		return err
	case <-ctx.Done():
		if u.claim.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-u.answer
	}
}

// View runs fn on a snapshot of the index; what fn tries to write is an error.
func (s *Store) View(ctx context.Context, fn func(node.Tx) error) error {
	if !s.calls.enter() {
		return errClosed
	}
	defer s.calls.leave()
	conn, err := s.read.Conn(ctx)
	if err != nil {
		return fmt.Errorf("store: view: %w", err)
	}
	t := &tx{conn: conn}
	defer func() {
		t.conn = nil
		_ = conn.Close() // it goes back to its pool
	}()
	if _, err := t.exec("BEGIN"); err != nil {
		return fmt.Errorf("store: view: %w", err)
	}
	defer func() {
		if _, err := t.exec("ROLLBACK"); err != nil {
			s.log.Error("store: cannot end a read transaction", zap.Error(err))
		}
	}()
	return fn(t)
}

// startWriter begins to serve updates until the queue is closed.
func (s *Store) startWriter(ctx context.Context) error {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	for _, pragma := range []string{
		"journal_size_limit = 67108864", // else the log keeps the size that the largest transaction gave it
		"temp_store = MEMORY",           // else a savepoint writes each page that is changed to a file first
	} {
		if _, err := conn.ExecContext(ctx, "PRAGMA "+pragma); err != nil {
			return errors.Join(fmt.Errorf("store: %w", err), conn.Close())
		}
	}
	s.writer.Go(func() {
		for first := range s.waiting {
			s.commit(conn, first)
		}
		_ = conn.Close() // it goes back to its pool, which release closes
	})
	return nil
}

// commit runs one transaction: the update first and those that come while it
// is open.
func (s *Store) commit(conn *sql.Conn, first *request) {
	t := &tx{conn: conn}
	if _, err := t.exec("BEGIN IMMEDIATE"); err != nil {
		s.refuse(first, fmt.Errorf("store: begin: %w: %w", node.ErrUnavailable, err))
		return
	}
	group, woken, err := s.runGroup(t, first)
	if err == nil {
		_, err = t.exec("COMMIT")
	}
	if err != nil {
		err = fmt.Errorf("store: commit: %w: %w", node.ErrUnavailable, err)
		if _, rollback := t.exec("ROLLBACK"); rollback != nil {
			s.log.Warn("store: the index had ended a failed transaction itself", zap.Error(rollback))
		}
	}
	s.counts.commits.Add(1)
	s.counts.updates.Add(int64(len(group)))
	if err == nil && s.OnJob != nil {
		for queue := range woken {
			s.OnJob(queue)
		}
	}
	for _, u := range group {
		if err != nil {
			u.err = err
		}
		u.answer <- u.err
	}
}

// refuse answers the first update and all that waited with it for an index
// that another process holds: one after the other they would wait for minutes,
// longer than a sender waits for its acknowledgement.
func (s *Store) refuse(first *request, err error) {
	for u := first; u != nil; {
		if u.claim.CompareAndSwap(false, true) {
			u.answer <- err
		}
		select {
		case u = <-s.waiting: // nil when closed
		default:
			return
		}
	}
}

// runGroup runs the closures of one transaction. An error means that the
// transaction is lost with all of them.
func (s *Store) runGroup(t *tx, first *request) (group []*request, woken map[string]bool, err error) {
	woken = map[string]bool{}
	end := time.Now().Add(groupTime)
	alone := true // nothing that counts is in the transaction yet
	counts := map[node.State]int{}
	for u := first; u != nil; u = s.next(len(group), end) {
		if !u.claim.CompareAndSwap(false, true) {
			continue
		}
		group = append(group, u)
		if err := s.runOne(t.conn, u, alone, woken, counts); err != nil {
			return group, nil, err
		}
		alone = alone && u.err != nil
	}
	t.counts = counts
	return group, woken, t.flushCounts()
}

// next is an update that waits, if the group may still grow.
func (s *Store) next(n int, end time.Time) *request {
	if n >= maxGroup || time.Now().After(end) {
		return nil
	}
	select {
	case u := <-s.waiting: // nil when closed
		return u
	default:
		return nil
	}
}

// runOne runs a closure in its own savepoint, or in the bare transaction while
// it is alone there: a savepoint costs a copy of each page that changes. The
// error is that of the transaction; the closure's own goes to u.err.
func (s *Store) runOne(conn *sql.Conn, u *request, alone bool, woken map[string]bool, counts map[node.State]int) error {
	t := &tx{conn: conn}
	defer func() { t.conn = nil }()
	if !alone {
		if _, err := t.exec("SAVEPOINT one"); err != nil {
			return err
		}
	}
	if u.err = s.call(t, u.fn); u.err != nil {
		undo := []string{"ROLLBACK", "BEGIN IMMEDIATE"}
		if !alone {
			undo = []string{"ROLLBACK TO one", "RELEASE one"}
		}
		for _, statement := range undo {
			if _, err := t.exec(statement); err != nil {
				return fmt.Errorf("%w (after: %w)", err, u.err)
			}
		}
		return nil
	}
	if !alone {
		if _, err := t.exec("RELEASE one"); err != nil {
			return err
		}
	}
	for _, queue := range t.wake {
		woken[queue] = true
	}
	for state, n := range t.counts {
		counts[state] += n
	}
	return nil
}

// call turns a panic of fn into an error. The panic's value may hold patient
// data and stays out of error and log unless the runtime made it.
func (s *Store) call(t *tx, fn func(node.Tx) error) (err error) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		var runtimeErr runtime.Error
		if e, ok := r.(error); ok && errors.As(e, &runtimeErr) {
			err = fmt.Errorf("store: panic in an update: %w", runtimeErr)
		} else {
			err = fmt.Errorf("store: panic in an update (%T)", r)
		}
		s.log.Error("store: panic in an update; its changes were undone", zap.Error(err), zap.Stack("stack"))
	}()
	return fn(t)
}

// gate counts calls that run and lets no more in once it is closed.
type gate struct {
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.running.Add(1)
	}
	return !g.closed
}

func (g *gate) leave() { g.running.Done() }

// close waits for the calls that run. It is false when the gate was closed.
func (g *gate) close() bool {
	g.mu.Lock()
	was := g.closed
	g.closed = true
	g.mu.Unlock()
	g.running.Wait()
	return !was
}

// Counts tells what the store did since Open; flushes are what a real disk
// makes you wait for.
type Counts struct {
	Updates     int64 // closures run
	Commits     int64 // transactions, one flush each where they wrote
	Objects     int64 // objects committed
	FileSyncs   int64 // flushes of object data; also one for many files of recent objects
	FolderSyncs int64 // flushes of object names
	RecordSyncs int64 // flushes of the journal of recent objects
}

type counters struct {
	updates, commits, objects, fileSyncs, folderSyncs atomic.Int64
}

// Counts returns the counters so far.
func (s *Store) Counts() Counts {
	c := &s.counts
	return Counts{Updates: c.updates.Load(), Commits: c.commits.Load(), Objects: c.objects.Load(),
		FileSyncs: c.fileSyncs.Load(), FolderSyncs: c.folderSyncs.Load(), RecordSyncs: s.files.recent.journal.flushes.Load()}
}
