package store

import (
	"context"
	"fmt"
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
	loose  bool        // see Advance
	claim  atomic.Bool // set by the writer that starts it or the caller that gives up, whoever is first
	wake   []string    // queues whose schedule it changed
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
	return s.run(ctx, &request{fn: fn, answer: make(chan error, 1)})
}

// Advance is an Update that does not wait for the disk.
func (s *Store) Advance(ctx context.Context, fn func(node.Tx) error) error {
	return s.run(ctx, &request{fn: fn, loose: true, answer: make(chan error, 1)})
}

func (s *Store) run(ctx context.Context, u *request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !s.calls.enter() {
		return errClosed
	}
	defer s.calls.leave()
	if s.address != nil && s.OnJob != nil {
		s.listening.Do(s.listen)
	}
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
	t := &tx{store: s, conn: conn}
	defer func() {
		t.conn = nil
		_ = conn.Close() // it goes back to its pool
	}()
	if _, err := t.exec(s.dialect.view); err != nil {
		return failed("view", err)
	}
	defer func() {
		if _, err := t.exec("ROLLBACK"); err != nil {
			s.log.Error("store: cannot end a read transaction", zap.Error(err))
		}
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
	Commits     int64 // transactions
	Flushes     int64 // of transactions, some together
	Objects     int64 // objects committed
	FileSyncs   int64 // flushes of object data; also one for many files of recent objects
	FolderSyncs int64 // flushes of object names
	RecordSyncs int64 // flushes of the journal of recent objects
}

type counters struct {
	updates, commits, flushes, objects, fileSyncs, folderSyncs atomic.Int64
}

// Counts returns the counters so far.
func (s *Store) Counts() Counts {
	c := &s.counts
	return Counts{Updates: c.updates.Load(), Commits: c.commits.Load(), Flushes: c.flushes.Load(), Objects: c.objects.Load(),
		FileSyncs: c.fileSyncs.Load(), FolderSyncs: c.folderSyncs.Load(), RecordSyncs: s.files.recent.journal.flushes.Load()}
}
