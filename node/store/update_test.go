package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"concord/node"
)

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestIndex(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		testIndex(t, func(t *testing.T) node.Index { return open(t, t.TempDir()) })
	})
}

// hold keeps the writer busy until the returned function is called.
func hold(t *testing.T, s *Store) (release func()) {
	t.Helper()
	busy, free := make(chan struct{}), make(chan struct{})
	var held sync.WaitGroup
	held.Go(func() {
		if err := s.Update(context.Background(), func(node.Tx) error {
			close(busy)
			<-free
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
	<-busy
	return func() {
		close(free)
		held.Wait()
	}
}

func queueLength(t *testing.T, s *Store, n int) {
	t.Helper()
	for len(s.waiting) < n {
		time.Sleep(time.Millisecond)
	}
}

func TestUpdatesShareACommit(t *testing.T) { onBoth(t, testUpdatesShareACommit) }

func testUpdatesShareACommit(t *testing.T, open opener) {
	s := open(t, t.TempDir())
	const n = 200
	release := hold(t, s)
	before := s.Counts()
	var callers sync.WaitGroup
	for i := range n {
		callers.Go(func() {
			err := s.Update(context.Background(), func(tx node.Tx) error {
				if err := tx.PutStudy(&node.Study{UID: fmt.Sprint(i)}); err != nil {
					return err
				}
				switch i % 3 {
				case 1:
					return errors.New("refused")
				case 2:
					panic("a fault of the closure")
				}
				return nil
			})
			if (err == nil) != (i%3 == 0) {
				t.Errorf("update %d: %v", i, err)
			}
		})
	}
	queueLength(t, s, n)
	release()
	callers.Wait()
	counts := s.Counts()
	if got := counts.Updates - before.Updates; got != n+1 {
		t.Errorf("%d updates were counted", got)
	}
	if got := counts.Commits - before.Commits; got > n/10 {
		t.Errorf("%d updates that waited together took %d commits", n, got)
	}
	view(t, s, func(tx node.Tx) error {
		for i := range n {
			study, err := tx.Study(fmt.Sprint(i))
			if err != nil {
				return err
			}
			if (study != nil) != (i%3 == 0) {
				t.Errorf("study %d: %v", i, study)
			}
		}
		return nil
	})
}

func TestPanicTellsNoData(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	s, err := Open(t.Context(), t.TempDir(), zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Update(t.Context(), func(node.Tx) error { panic("Doe^John") })
	if err == nil || strings.Contains(err.Error(), "Doe") {
		t.Errorf("error: %v", err)
	}
	for _, entry := range logs.All() {
		if text := fmt.Sprint(entry.Message, entry.ContextMap()); strings.Contains(text, "Doe") {
			t.Errorf("log: %s", text)
		}
	}
	if logs.Len() != 1 {
		t.Errorf("%d log entries", logs.Len())
	}
}

func TestUpdateGivesUpWhileItWaits(t *testing.T) { onBoth(t, testUpdateGivesUpWhileItWaits) }

func testUpdateGivesUpWhileItWaits(t *testing.T, open opener) {
	s := open(t, t.TempDir())
	release := hold(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		done <- s.Update(ctx, func(tx node.Tx) error { return tx.PutStudy(&node.Study{UID: "1"}) })
	}()
	queueLength(t, s, 1)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	release()
	if err := s.Update(ctx, func(node.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	view(t, s, func(tx node.Tx) error {
		study, err := tx.Study("1")
		equal(t, "study of an update that was given up", study, (*node.Study)(nil))
		return err
	})
}

func TestUpdateThatRunsIsWaitedFor(t *testing.T) { onBoth(t, testUpdateThatRunsIsWaitedFor) }

func testUpdateThatRunsIsWaitedFor(t *testing.T, open opener) {
	s := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	err := s.Update(ctx, func(tx node.Tx) error {
		cancel()
		return tx.PutStudy(&node.Study{UID: "1"})
	})
	if err != nil {
		t.Error(err)
	}
}

func TestViewIsASnapshot(t *testing.T) { onBoth(t, testViewIsASnapshot) }

func testViewIsASnapshot(t *testing.T, open opener) {
	s := open(t, t.TempDir())
	view(t, s, func(tx node.Tx) error {
		if _, err := tx.Study("1"); err != nil {
			return err
		}
		update(t, s, func(tx node.Tx) error { return tx.PutStudy(&node.Study{UID: "1"}) })
		study, err := tx.Study("1")
		equal(t, "study added after the view began", study, (*node.Study)(nil))
		return err
	})
}

// With PostgreSQL a queue may be told of more than once, see TestNodesHearOfJobsAtOnce.
func TestOnJobComesAfterTheCommit(t *testing.T) {
	s := open(t, t.TempDir())
	var woken []string
	s.OnJob = func(queue string) {
		woken = append(woken, queue)
		view(t, s, func(tx node.Tx) error { // the job can be seen
			n, err := tx.CountCases()
			equal(t, "cases when woken", n[node.Ready], 1)
			return err
		})
	}
	add := func(fail error) {
		err := s.Update(t.Context(), func(tx node.Tx) error {
			return errors.Join(tx.AddCase(&node.Case{State: node.Ready}), tx.AddJob(node.Job{Queue: "judge", Key: "1"}),
				tx.AddJob(node.Job{Queue: "judge", Key: "2"}), fail)
		})
		if !errors.Is(err, fail) {
			t.Fatal(err)
		}
	}
	add(errors.New("refused"))
	equal(t, "woken by a failed update", len(woken), 0)
	add(nil)
	equal(t, "woken by two jobs of a queue", woken, []string{"judge"})
	update(t, s, func(tx node.Tx) error {
		j, _, err := tx.ClaimJob("judge", false, day, lease)
		return errors.Join(err, tx.RetryJob(j.ID, day))
	})
	equal(t, "woken by a job that was given back", woken, []string{"judge", "judge"})
}

func TestCloseWaitsAndRefuses(t *testing.T) { onBoth(t, testCloseWaitsAndRefuses) }

func testCloseWaitsAndRefuses(t *testing.T, open opener) {
	dir := t.TempDir()
	s := open(t, dir)
	release := hold(t, s)
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	release()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := s.Update(t.Context(), func(node.Tx) error { return nil }); err == nil {
		t.Error("update after Close")
	}
	if err := s.View(t.Context(), func(node.Tx) error { return nil }); err == nil {
		t.Error("view after Close")
	}
	goleak.VerifyNone(t, goleak.IgnoreTopFunction("testing.(*T).Run"), goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
}

func TestOneNodeADirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "with space? and #%41")
	s := open(t, dir)
	_, err := Open(t.Context(), dir, zap.NewNop())
	if err == nil || !strings.Contains(err.Error(), "in use by another node (process ") {
		t.Errorf("second Open: %v", err)
	}
	update(t, s, func(tx node.Tx) error { return tx.PutStudy(&node.Study{UID: "1"}) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	view(t, again, func(tx node.Tx) error {
		study, err := tx.Study("1")
		equal(t, "study after opening again", study, &node.Study{UID: "1"})
		return err
	})
}

func TestOpenRefusesANewerSchema(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := openFile(filepath.Join(dir, "concord.db"), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, err := Open(t.Context(), dir, zap.NewNop()); err == nil || !strings.Contains(err.Error(), "newer Concord") {
		t.Errorf("got %v", err)
	}
}

func TestOpenSaysWhatToDoAboutADamagedIndex(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "concord.db"), random(8192), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the failed Open gave the directory free
		if _, err := Open(t.Context(), dir, zap.NewNop()); err == nil || !strings.Contains(err.Error(), "restore concord.db from a backup") {
			t.Errorf("got %v", err)
		}
	}
}

// TestFlushThatFails: after a flush that failed nothing more is acknowledged,
// since nobody knows what the disk has.
func TestFlushThatFails(t *testing.T) {
	s := open(t, t.TempDir())
	put := func(uid string) error {
		return s.Update(t.Context(), func(tx node.Tx) error { return tx.PutStudy(&node.Study{UID: uid}) })
	}
	if err := put("1"); err != nil {
		t.Fatal(err)
	}
	if err := s.wal.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := put("2"); !errors.Is(err, node.ErrUnavailable) || !strings.Contains(err.Error(), "restart the node") {
			t.Errorf("got %v", err)
		}
	}
	s.wal = nil // it is closed
}

// TestAdvanceDoesNotWaitForTheDisk, and what comes after it does for both.
func TestAdvanceDoesNotWaitForTheDisk(t *testing.T) { onBoth(t, testAdvanceDoesNotWaitForTheDisk) }

func testAdvanceDoesNotWaitForTheDisk(t *testing.T, open opener) {
	s := open(t, t.TempDir())
	before := s.Counts()
	for i := range 10 {
		err := s.Advance(t.Context(), func(tx node.Tx) error { return tx.PutStudy(&node.Study{UID: fmt.Sprint(i)}) })
		if err != nil {
			t.Fatal(err)
		}
	}
	refused := errors.New("refused")
	if err := s.Advance(t.Context(), func(node.Tx) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	equal(t, "flushes", s.Counts().Flushes-before.Flushes, int64(0))
	view(t, s, func(tx node.Tx) error {
		study, err := tx.Study("9")
		equal(t, "what was advanced", study, &node.Study{UID: "9"})
		return err
	})
	update(t, s, func(tx node.Tx) error { return tx.PutStudy(&node.Study{UID: "x"}) })
	if s.wal != nil {
		equal(t, "flushes", s.Counts().Flushes-before.Flushes, int64(1))
	}
}

// TestBusyIndex: another process that holds the index makes updates fail, all
// that wait at once, and they go on when it is gone.
func TestBusyIndex(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	other, err := openFile(filepath.Join(dir, "concord.db"), "_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	held, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.write.Exec("PRAGMA busy_timeout = 100"); err != nil {
		t.Fatal(err)
	}
	put := func() error {
		return s.Update(t.Context(), func(tx node.Tx) error { return tx.PutStudy(&node.Study{UID: "1"}) })
	}
	var waiting sync.WaitGroup
	for range 5 {
		waiting.Go(func() {
			if err := put(); !errors.Is(err, node.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		})
	}
	waiting.Wait()
	if err := held.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := put(); err != nil {
		t.Error(err)
	}
}
