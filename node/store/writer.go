package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"concord/node"
)

// connectTime bounds the wait for a connection.
const connectTime = 10 * time.Second

// checkpointAfter statements that change the index, which are some megabytes of
// its log, it gets a checkpoint: seldom, since others wait for the same disk.
const checkpointAfter = 8192

// errNotKept is what every update gets once a flush has failed. What of the
// last commits is on disk is not known then, and a second flush would not tell:
// the system drops what it could not write.
var errNotKept = fmt.Errorf("store: the disk did not keep what was committed; mend it and restart the node: %w", node.ErrUnavailable)

// startWriter begins to serve updates until the queue is closed.
func (s *Store) startWriter() {
	s.writer.Go(func() {
		w := &writer{Store: s}
		for first := range s.waiting {
			w.commit(first)
		}
		w.drop()
		close(s.unflushed)
	})
	s.writer.Go(s.flushCommits)
	s.writer.Go(s.checkpoint)
}

// writer runs the transactions that write, one after the other.
type writer struct {
	*Store
	conn *sql.Conn // nil: none yet, or the last one is lost
}

// begin opens a transaction. A connection that was lost is replaced.
func (w *writer) begin() (*tx, error) {
	t, err := w.tryBegin()
	if err != nil && w.address != nil && !busy(err) {
		w.drop()
		t, err = w.tryBegin()
	}
	if err != nil {
		w.drop()
		return nil, fmt.Errorf("store: begin: %w: %w", node.ErrUnavailable, err)
	}
	return t, nil
}

func (w *writer) tryBegin() (*tx, error) {
	ctx, cancel := context.WithTimeout(context.Background(), connectTime)
	defer cancel()
	if w.conn == nil {
		conn, err := w.write.Conn(ctx)
		if err != nil {
			return nil, err
		}
		w.conn = conn
		if err := (&tx{store: w.Store, conn: conn}).execAll(w.prepare); err != nil {
			return nil, err
		}
	}
	t := &tx{store: w.Store, conn: w.conn}
	return t, t.begin()
}

// drop gives the connection back to its pool, which knows whether it is lost.
func (w *writer) drop() {
	if w.conn != nil {
		_ = w.conn.Close()
		w.conn = nil
	}
}

// commit runs one transaction: the update first and those that come while it
// is open. It answers those that do not wait for the disk; the next transaction
// runs while flushCommits has this one.
func (w *writer) commit(first *request) {
	if w.notKept.Load() {
		w.refuse(first, errNotKept)
		return
	}
	t, err := w.begin()
	if err != nil {
		w.refuse(first, err)
		return
	}
	group, err := w.runGroup(t, first)
	waits := func(u *request) bool { return !u.loose && u.err == nil }
	if err == nil {
		err = w.end(t, group, slices.ContainsFunc(group, waits))
	}
	w.counts.commits.Add(1)
	w.counts.updates.Add(int64(len(group)))
	if err != nil {
		w.finish(group, fmt.Errorf("store: commit: %w: %w", node.ErrUnavailable, err))
		if _, err := t.exec("ROLLBACK"); err != nil {
			w.log.Warn("store: the index had ended a failed transaction itself", zap.Error(err))
			w.drop()
		}
		return
	}
	if w.wal == nil {
		w.finish(group, nil)
		return
	}
	w.finish(slices.DeleteFunc(slices.Clone(group), waits), nil)
	if group = slices.DeleteFunc(group, func(u *request) bool { return !waits(u) }); len(group) > 0 {
		w.unflushed <- group
	}
}

// end commits; wait: not before it is on disk.
func (w *writer) end(t *tx, group []*request, wait bool) error {
	if w.wal == nil {
		return t.endShared(group, wait)
	}
	_, err := t.exec("COMMIT")
	return err
}

// flushCommits makes commits durable and answers for them.
func (s *Store) flushCommits() {
	defer close(s.grown)
	tidied := s.changes.Load()
	for group := range s.unflushed {
		err := unix.Fdatasync(int(s.wal.Fd()))
		if err != nil && !s.notKept.Swap(true) {
			s.log.Error("store: the disk did not keep what was committed; mend it and restart the node", zap.Error(err))
		}
		if s.notKept.Load() {
			err = errNotKept
		}
		s.counts.flushes.Add(1)
		s.finish(group, err)
		if changes := s.changes.Load(); changes-tidied > checkpointAfter {
			tidied = changes
			select {
			case s.grown <- struct{}{}:
			default: // one is under way
			}
		}
	}
}

// finish answers updates after their commit, and wakes those who wait for the
// jobs of it.
func (s *Store) finish(group []*request, err error) {
	for _, u := range group {
		if err != nil {
			u.err = err
		}
		if u.err == nil && s.OnJob != nil {
			for _, queue := range u.wake {
				s.OnJob(queue)
			}
		}
		u.answer <- u.err
	}
}

// refuse answers the first update and all that waited with it for an index
// that cannot be changed now: one after the other they would wait for minutes,
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
func (s *Store) runGroup(t *tx, first *request) (group []*request, err error) {
	end := time.Now().Add(groupTime)
	alone := true // no closure has changed anything yet
	for u := first; u != nil; u = s.next(len(group), end) {
		if !u.claim.CompareAndSwap(false, true) {
			continue
		}
		group = append(group, u)
		if err := s.runOne(t, u, alone); err != nil {
			return group, err
		}
		alone = alone && u.err != nil
	}
	return group, t.flushCounts()
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
func (s *Store) runOne(group *tx, u *request, alone bool) error {
	if !alone {
		if _, err := group.exec("SAVEPOINT one"); err != nil {
			return err
		}
	}
	t := &tx{store: s, conn: group.conn}
	u.err = s.call(t, u.fn)
	t.conn = nil
	if u.err != nil {
		if err := group.undo(alone); err != nil {
			return fmt.Errorf("%w (after: %w)", err, u.err)
		}
		return nil
	}
	slices.Sort(t.wake)
	u.wake = slices.Compact(t.wake)
	for state, n := range t.counts {
		group.count(state, n)
	}
	if alone {
		return nil
	}
	_, err := group.exec("RELEASE one")
	return err
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
