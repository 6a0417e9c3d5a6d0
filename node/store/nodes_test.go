package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"concord/node"
)

// two are nodes with one index.
func two(t *testing.T) (a, b *Store) {
	t.Helper()
	address := database(t, t.TempDir())
	return openAt(t, t.TempDir(), address), openAt(t, t.TempDir(), address)
}

// hears collects the queues that a node is told of.
func hears(s *Store) (queues chan string) {
	queues = make(chan string, 100)
	s.OnJob = func(queue string) { queues <- queue }
	return queues
}

// await waits for a queue; a node may be told of the same one more than once.
func await(queues chan string, queue string) {
	for got := range queues {
		if got == queue {
			return
		}
	}
}

func TestNodesHearOfJobsAtOnce(t *testing.T) {
	a, b := two(t)
	ofA, ofB := hears(a), hears(b)
	addJobs(t, a, node.Job{Queue: "early", Key: "1"})
	await(ofA, "early")
	wantClaim(t, b, true, day, "none") // b begins to listen
	await(ofB, "early")                // it was there before
	addJobs(t, a, node.Job{Queue: "with a space", Key: "1"})
	await(ofB, "with a space")
	addJobs(t, b, node.Job{Queue: "back", Key: "1"})
	await(ofA, "back")
}

// TestJobsStayInOrderOverNodes has two nodes, each with two workers, empty a
// queue: no job begins before the one ahead of it is finished.
func TestJobsStayInOrderOverNodes(t *testing.T) {
	a, b := two(t)
	const n = 40
	var want []string
	for i := range n {
		want = append(want, fmt.Sprintf("%02d", i))
		addJobs(t, a, job(want[i], day))
	}
	var mu sync.Mutex
	var done []string
	var workers sync.WaitGroup
	for _, s := range []*Store{a, b, a, b} {
		workers.Go(func() {
			for {
				var j *node.Job
				err := s.Advance(t.Context(), func(tx node.Tx) (err error) {
					j, _, err = tx.ClaimJob("q", true, day, lease)
					return err
				})
				mu.Lock()
				if j != nil {
					done = append(done, j.Key)
				}
				finished := len(done) == n
				mu.Unlock()
				if j != nil {
					err = errors.Join(err, s.Update(t.Context(), func(tx node.Tx) error { return tx.FinishJob(j.ID) }))
				}
				if err != nil {
					t.Error(err)
				}
				if err != nil || finished {
					return
				}
			}
		})
	}
	workers.Wait()
	equal(t, "jobs in the order in which they began", done, want)
}

// TestJobOfADeadNodeIsTakenOver: the node that was thought dead cannot finish
// what another has taken over, nor change anything else for it.
func TestJobOfADeadNodeIsTakenOver(t *testing.T) {
	a, b := two(t)
	addJobs(t, a, job("x", day))
	ofA := wantClaim(t, a, true, day, "x#1")
	wantClaim(t, b, true, day, "at 10s")
	ofB := wantClaim(t, b, true, day.Add(lease), "x#2")
	equal(t, "the same job", ofB.ID, ofA.ID)
	notHeld(t, a, ofA.ID)
	update(t, b, func(tx node.Tx) error { return tx.RenewJob(ofB.ID, day.Add(time.Minute)) })
	wantClaim(t, a, true, day.Add(lease), "at 1m0s")
	finish(t, b, ofB)
	notHeld(t, a, ofA.ID) // it is done
}

// TestRestartFreesOwnJobsOnly: a node that comes back knows that it was gone,
// and nothing of the others.
func TestRestartFreesOwnJobsOnly(t *testing.T) {
	dir := t.TempDir()
	address := database(t, dir)
	a, b := openAt(t, dir, address), openAt(t, t.TempDir(), address)
	addJobs(t, a, job("x", day), job("y", day))
	wantClaim(t, a, false, day, "x#1")
	wantClaim(t, b, false, day, "y#1")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, dir, address)
	wantClaim(t, again, false, day, "x#2")
	wantClaim(t, again, false, day, "at 10s")
}

func TestNodesTakeAMessageOnce(t *testing.T) {
	a, b := two(t)
	for i, s := range []*Store{a, b} {
		var added bool
		update(t, s, func(tx node.Tx) (err error) {
			added, err = tx.AddMessage(&node.Message{Raw: []byte("MSH|1")})
			return errors.Join(err, tx.SetProcessed(uint64(10+i)))
		})
		equal(t, "added", added, i == 0)
	}
	for i, s := range []*Store{a, b} { // each has its own journal
		view(t, s, func(tx node.Tx) error {
			n, err := tx.Processed()
			equal(t, "processed", n, uint64(10+i))
			return err
		})
	}
}

// TestOneNodeKeepsTheObjects, and so judges and removes them.
func TestOneNodeKeepsTheObjects(t *testing.T) {
	a, b := two(t)
	addJobs(t, b, job("x", day), job("y", day))
	finish(t, b, wantClaim(t, b, false, day, "x#1")) // nobody has objects yet
	paths := doneStudy(t, a, 3)
	for range 2 {
		if _, err := b.Create(); err == nil || !strings.Contains(err.Error(), "send them there") {
			t.Errorf("the second node takes an object: %v", err)
		}
	}
	wantClaim(t, b, false, day, "none")
	wantClaim(t, a, false, day, "y#1")
	view(t, b, func(tx node.Tx) error {
		list, err := tx.FinishedStudies(day.Add(time.Hour), 10)
		equal(t, "studies for the second node to remove", list, []string(nil))
		return err
	})
	update(t, a, func(tx node.Tx) error {
		_, err := tx.RemoveStudy("1.2.3", day.Add(time.Hour))
		return err
	})
	for _, s := range []*Store{b, a} {
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := a.Open(paths[0])
		equal(t, "the file is there", err == nil, s == b)
	}
}

// TestNodeThatHangs: one that stops in the middle of a transaction keeps the
// others waiting for some seconds, and then loses it.
func TestNodeThatHangs(t *testing.T) {
	address := database(t, t.TempDir())
	a := openAt(t, t.TempDir(), address+" idle_in_transaction_session_timeout=300")
	b := openAt(t, t.TempDir(), address)
	began, done := make(chan struct{}), make(chan struct{})
	hung := make(chan error)
	go func() {
		hung <- a.Update(context.Background(), func(tx node.Tx) error {
			err := tx.PutStudy(&node.Study{UID: "1"})
			close(began)
			<-done
			return err
		})
	}()
	<-began
	update(t, b, func(tx node.Tx) error { return tx.PutStudy(&node.Study{UID: "2"}) })
	close(done)
	if err := <-hung; !errors.Is(err, node.ErrUnavailable) {
		t.Errorf("the node that hung: %v", err)
	}
	update(t, a, func(tx node.Tx) error {
		study, err := tx.Study("1")
		equal(t, "what it did", study, (*node.Study)(nil))
		return err
	})
}

// TestLostConnections cuts all connections to the database: what was
// acknowledged stays, and the node goes on.
func TestLostConnections(t *testing.T) {
	a, b := two(t)
	hears(a)
	heard := hears(b)
	addJobs(t, b, node.Job{Queue: "before", Key: "1"})
	await(heard, "before")
	update(t, a, func(tx node.Tx) error { return tx.PutStudy(&node.Study{UID: "1"}) })
	cut := func() {
		_, err := a.read.ExecContext(context.Background(),
			`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		if err != nil {
			t.Fatal(err)
		}
	}
	cut()
	update(t, a, func(tx node.Tx) error {
		return errors.Join(tx.PutStudy(&node.Study{UID: "2"}), tx.AddJob(node.Job{Queue: "after", Key: "1"}))
	})
	await(heard, "after") // once b listens again
	err := a.Update(t.Context(), func(tx node.Tx) error {
		err := tx.PutStudy(&node.Study{UID: "3"})
		cut()
		return err
	})
	if !errors.Is(err, node.ErrUnavailable) {
		t.Errorf("an update whose connection was cut: %v", err)
	}
	var there []bool
	err = retried(func() error {
		return b.View(t.Context(), func(tx node.Tx) error {
			there = nil
			for _, uid := range []string{"1", "2", "3"} {
				study, err := tx.Study(uid)
				if err != nil {
					return err
				}
				there = append(there, study != nil)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "studies", there, []bool{true, true, false})
}

// retried tries again: a pool may hold more than one dead connection.
func retried(do func() error) (err error) {
	for range 10 {
		if err = do(); err == nil {
			return nil
		}
	}
	return err
}

// TestOutcomeOfACommitWithoutAnAnswer asks for transactions whose end is known.
func TestOutcomeOfACommitWithoutAnAnswer(t *testing.T) {
	s := openAt(t, t.TempDir(), database(t, t.TempDir()))
	lost := errors.New("the connection was lost")
	for end, want := range map[string]error{"COMMIT": nil, "ROLLBACK": lost} {
		tx, err := s.write.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var number string
		for _, statement := range []string{"BEGIN", "INSERT INTO sealed_folders (name) VALUES ('x')", end} {
			if statement == end {
				if err := tx.QueryRowContext(t.Context(), "SELECT pg_current_xact_id()::text").Scan(&number); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := tx.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		if err := tx.Close(); err != nil {
			t.Fatal(err)
		}
		equal(t, end, s.outcome(number, lost), want)
		if _, err := s.read.Exec("DELETE FROM sealed_folders"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHostileTextInPostgreSQL: what SQLite takes PostgreSQL takes, too, and
// finds it again.
func TestHostileText(t *testing.T) { onBoth(t, testHostileText) }

func testHostileText(t *testing.T, open opener) {
	s := open(t, t.TempDir())
	long := fmt.Sprintf("%x", random(50_000)) + "\xff"
	update(t, s, func(tx node.Tx) error {
		for i, text := range []string{"a\x00b", "\xff\xfe", long, long[:1000] + strings.Repeat("字", 1000)} {
			study := &node.Study{UID: fmt.Sprint(i, text), Accession: text, Placer: text, Filler: text, Date: text, Patient: node.Patient{ID: text}}
			c := &node.Case{State: node.WaitingImages, ReportKey: text, Accession: text, PatientID: text, Reason: text,
				Report: report(text, text, text, text)}
			err := errors.Join(tx.PutStudy(study), tx.AddCase(c), tx.AddEvent(c.ID, node.CaseEvent{Event: text}),
				tx.AddJob(node.Job{Queue: "q", Key: text}), tx.AddOrder(node.Order{Placer: text, Filler: text}), tx.AddMerge(text, text, text, day))
			if err != nil {
				return err
			}
			found, err := tx.FindStudies(node.StudyKeys{Accessions: []string{text}})
			equal(t, "studies", len(found), 1)
			cases, err2 := tx.Cases(node.CaseFilter{Accession: text, PatientID: text})
			equal(t, "cases", len(cases), 1)
			waiting, err3 := tx.WaitingFor(node.Study{Accession: text})
			equal(t, "waiting cases", len(waiting), 1)
			if err := errors.Join(err, err2, err3); err != nil {
				return err
			}
			if got := cases[0].Reason; i == 2 && len(got) < 100_000 {
				t.Errorf("prose was cut to %d bytes", len(got))
			}
		}
		return nil
	})
}

func TestAddressErrorsHideThePassword(t *testing.T) {
	for _, address := range []string{
		"postgres://concord:sec%zzret@127.0.0.1:1/x", "postgres://concord:secret@127.0.0.1:1:2/x", "postgres://concord:secret@127.0.0.1:1/x?connect_timeout=1",
	} {
		_, err := OpenAt(t.Context(), t.TempDir(), address, nil)
		if err == nil || strings.Contains(err.Error(), "sec") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
