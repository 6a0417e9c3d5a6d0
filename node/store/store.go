// Package store keeps what the node must not lose: objects as plain Part 10
// files on disk, and the index of objects, messages, cases, jobs and
// deliveries in SQLite or, for several nodes, in PostgreSQL. Open gives both as
// one Store, which is a node.Index and a node.ObjectStore.
//
// Everything that returns without an error is on disk, but for Advance. To make
// that cheap, callers that come together share a flush: updates share the
// commit of one transaction, object commits share the sync of their folder.
//
//	<dir>/concord.lock               held while a node uses the directory
//	<dir>/concord.db, -wal, -shm     the index, in SQLite
//	<dir>/node                       the name of the node, with PostgreSQL
//	<dir>/journal/<number>.journal   messages whose effects the index does not hold yet
//	<dir>/objects/<yyyymmddhh>/<SOP Instance UID>.dcm
//	<dir>/recent/<number>.journal    objects whose files the disk may not hold yet
//	<dir>/incoming/<random>.part     objects being received, where the file system has no nameless files
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"concord/node"
)

// Store is a node's data directory.
type Store struct {
	// OnJob is called for each queue that a commit added a job to, after the
	// commit and before Update returns. It must not block. Set it before the
	// first Update.
	OnJob func(queue string)
	// Journal holds messages until the index has their effects.
	Journal *Journal

	log   *zap.Logger
	lock  *os.File
	files *files

	// The index.
	dialect *dialect
	name    string   // of this node among those that share the index; empty: it shares it with none
	write   *sql.DB  // one connection, held by the writer
	prepare []string // statements that a connection of the writer begins with
	read    *sql.DB
	tidy    *sql.DB         // for checkpoints of SQLite
	wal     *os.File        // SQLite's log of commits, to be flushed; nil: commits wait for the disk
	address *pgx.ConnConfig // of PostgreSQL
	holder  atomic.Int32    // who keeps the objects, as far as this node knows

	waiting   chan *request
	unflushed chan []*request // committed
	grown     chan struct{}   // the log needs a checkpoint
	changes   atomic.Int64    // statements so far that changed the index
	notKept   atomic.Bool     // a flush failed
	writer    sync.WaitGroup
	listening sync.Once
	stop      context.CancelFunc // ends listening
	calls     gate
	counts    counters
}

// Open opens the data directory, which it creates or brings to the current
// schema, and holds it until Close: a second Open of the directory fails.
func Open(ctx context.Context, dir string, log *zap.Logger) (*Store, error) {
	return OpenAt(ctx, dir, "", log)
}

// OpenAt is Open with the index in PostgreSQL, at an address of the form
// postgres://user@host:5432/database, where several nodes may share it; empty:
// in the data directory. Each node has a data directory of its own.
func OpenAt(ctx context.Context, dir, address string, log *zap.Logger) (opened *Store, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("store: create the data directory: %w; set data_dir to a place that may be written", err)
	}
	s := &Store{log: log, waiting: make(chan *request, maxWaiting), unflushed: make(chan []*request), grown: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			opened, err = nil, errors.Join(err, s.release())
		}
	}()
	if s.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	if err := s.openIndex(ctx, dir, address); err != nil {
		return nil, err
	}
	if s.files, err = openFiles(dir, s, &s.counts); err != nil {
		return nil, err
	}
	if err := s.openJournal(ctx, filepath.Join(dir, "journal")); err != nil {
		return nil, err
	}
	for _, made := range []string{dir, filepath.Dir(dir)} {
		if err := syncDir(made); err != nil && !errors.Is(err, fs.ErrPermission) { // the parent may be another's
			return nil, fmt.Errorf("store: %w", err)
		}
	}
	s.startWriter()
	return s, s.mend(ctx, dir)
}

// mend does what a crash left: objects that only the journal holds for sure,
// and removed ones whose files are still there.
func (s *Store) mend(ctx context.Context, dir string) (err error) {
	if s.files.recent, err = openRecent(filepath.Join(dir, "recent"), s.files, s.log); err != nil {
		return err
	}
	return s.Sweep(ctx)
}

// Close waits for calls that run and gives the directory free. Drafts that are
// open then cannot be committed any more.
func (s *Store) Close() error {
	settled := s.files.recent.close()
	if !s.calls.close() {
		return nil
	}
	return errors.Join(settled, s.release())
}

// release closes whatever is open.
func (s *Store) release() error {
	var errs []error
	if s.stop != nil {
		s.stop()
	}
	close(s.waiting)
	s.writer.Wait()
	if s.Journal != nil {
		errs = append(errs, s.Journal.close())
	}
	for _, db := range []*sql.DB{s.tidy, s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.wal != nil {
		errs = append(errs, s.wal.Close())
	}
	if s.files != nil {
		errs = append(errs, s.files.close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// openIndex opens the index in its database and brings it to the current schema.
func (s *Store) openIndex(ctx context.Context, dir, address string) (err error) {
	if address == "" {
		err = s.openSQLite(ctx, dir)
	} else {
		err = s.openPostgres(ctx, dir, address)
	}
	if err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	readers := max(4, runtime.GOMAXPROCS(0))
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	return s.endLeases(ctx)
}

func (s *Store) openJournal(ctx context.Context, dir string) error {
	var processed uint64
	err := s.View(ctx, func(tx node.Tx) (err error) {
		processed, err = tx.Processed()
		return err
	})
	if err != nil {
		return err
	}
	s.Journal, err = openJournal(dir, segmentSize, processed, s.log)
	return err
}

// endLeases frees the jobs of the process that had the directory before: the
// lock says that it is gone.
func (s *Store) endLeases(ctx context.Context) error {
	_, err := s.write.ExecContext(ctx, `UPDATE jobs SET due_at = run_at, leased = 0, moved = 0 WHERE leased = 1 AND owner = $1`, s.name)
	return failed("free jobs", err)
}

// lockDir keeps a second node out of the directory. The kernel drops the lock
// with the process, however that ends.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, "concord.lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("store: %w; let the user that runs Concord own the data directory", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		owner := make([]byte, 100)
		n, _ := f.Read(owner)
		return nil, fmt.Errorf("store: the data directory %s is in use by another node (%s): stop it, or set another data_dir: %w", dir, owner[:n], err)
	}
	host, _ := os.Hostname()
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(fmt.Errorf("store: %w", err), f.Close())
	}
	if _, err := fmt.Fprintf(f, "process %d on %s", os.Getpid(), host); err != nil {
		return nil, errors.Join(fmt.Errorf("store: %w", err), f.Close())
	}
	return f, nil
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Usage is how full the file system of the data directory is, 0 to 1, as df
// shows it to a user without privileges.
func (s *Store) Usage() (float64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(s.files.dir, &st); err != nil {
		return 0, fmt.Errorf("store: free space of %s: %w", s.files.dir, err)
	}
	used := float64(st.Blocks - st.Bfree)
	if total := used + float64(st.Bavail); total > 0 {
		return used / total, nil
	}
	return 1, nil
}
