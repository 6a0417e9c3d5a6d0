package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"concord/node"
)

const lease = 10 * time.Second

func addJobs(t *testing.T, index node.Index, jobs ...node.Job) {
	t.Helper()
	update(t, index, func(tx node.Tx) error {
		for _, j := range jobs {
			if err := tx.AddJob(j); err != nil {
				return err
			}
		}
		return nil
	})
}

func job(key string, runAt time.Time) node.Job {
	return node.Job{Queue: "q", Key: key, CaseID: 7, RunAt: runAt}
}

// claim says which job is claimed at a time: its key with the number of the
// attempt, or when to look again, as seconds after day.
func claim(t *testing.T, index node.Index, fifo bool, at time.Time) (string, *node.Job) {
	t.Helper()
	var claimed *node.Job
	var next time.Time
	update(t, index, func(tx node.Tx) (err error) {
		claimed, next, err = tx.ClaimJob("q", fifo, at, lease)
		return err
	})
	switch {
	case claimed != nil:
		return fmt.Sprintf("%s#%d", claimed.Key, claimed.Attempts), claimed
	case next.IsZero():
		return "none", nil
	default:
		return fmt.Sprintf("at %v", next.Sub(day)), nil
	}
}

func wantClaim(t *testing.T, index node.Index, fifo bool, at time.Time, want string) *node.Job {
	t.Helper()
	got, claimed := claim(t, index, fifo, at)
	if got != want {
		t.Fatalf("claimed %q, want %q", got, want)
	}
	return claimed
}

func finish(t *testing.T, index node.Index, j *node.Job) {
	t.Helper()
	update(t, index, func(tx node.Tx) error { return tx.FinishJob(j.ID) })
}

func testJobOrder(t *testing.T, index node.Index) {
	wantClaim(t, index, false, day, "none")
	addJobs(t, index, job("late", day.Add(5*time.Second)), job("b", day.Add(-time.Second)), job("a", day.Add(-2*time.Second)),
		node.Job{Queue: "other", Key: "a", RunAt: day.Add(-time.Hour)})
	first := wantClaim(t, index, false, day, "a#1")
	equal(t, "job", *first, node.Job{ID: first.ID, Queue: "q", Key: "a", CaseID: 7, RunAt: day.Add(-2 * time.Second), Attempts: 1})
	second := wantClaim(t, index, false, day, "b#1")
	wantClaim(t, index, false, day, "at 5s")
	wantClaim(t, index, false, day.Add(5*time.Second), "late#1")
	wantClaim(t, index, false, day.Add(5*time.Second), "at 10s") // the first lease to end
	finish(t, index, first)
	finish(t, index, second)
	wantClaim(t, index, false, day.Add(5*time.Second), "at 15s")
}

func testJobFIFO(t *testing.T, index node.Index) {
	addJobs(t, index, job("1", day), job("2", day.Add(-time.Hour)), job("3", day))
	first := wantClaim(t, index, true, day, "1#1")
	wantClaim(t, index, true, day, "at 10s") // nothing overtakes the head
	update(t, index, func(tx node.Tx) error { return tx.RetryJob(first.ID, day.Add(time.Minute)) })
	wantClaim(t, index, true, day.Add(30*time.Second), "at 1m0s")
	finish(t, index, wantClaim(t, index, true, day.Add(time.Minute), "1#2"))
	finish(t, index, wantClaim(t, index, true, day.Add(time.Minute), "2#1"))
	finish(t, index, wantClaim(t, index, true, day.Add(time.Minute), "3#1"))
	wantClaim(t, index, true, day.Add(time.Minute), "none")
}

func testJobMoves(t *testing.T, index node.Index) {
	addJobs(t, index, job("a", day))
	addJobs(t, index, job("a", day.Add(time.Minute)))
	wantClaim(t, index, false, day, "at 1m0s")
	addJobs(t, index, job("a", day.Add(time.Second)))
	finish(t, index, wantClaim(t, index, false, day.Add(time.Second), "a#1"))
	wantClaim(t, index, false, day.Add(time.Hour), "none")
}

func testJobLease(t *testing.T, index node.Index) {
	addJobs(t, index, job("a", day))
	first := wantClaim(t, index, false, day, "a#1")
	update(t, index, func(tx node.Tx) error { return tx.RenewJob(first.ID, day.Add(30*time.Second)) })
	wantClaim(t, index, false, day.Add(lease), "at 30s")
	second := wantClaim(t, index, false, day.Add(30*time.Second), "a#2") // its worker is dead
	update(t, index, func(tx node.Tx) error { return tx.RetryJob(second.ID, day.Add(time.Minute)) })
	notHeld(t, index, second.ID)
	finish(t, index, wantClaim(t, index, false, day.Add(time.Minute), "a#3"))
	notHeld(t, index, first.ID)
	wantClaim(t, index, false, day.Add(time.Hour), "none")
}

// notHeld wants all that a worker may do with its job to fail, with the rest of
// the update.
func notHeld(t *testing.T, index node.Index, id int64) {
	t.Helper()
	for name, do := range map[string]func(node.Tx) error{
		"renew":  func(tx node.Tx) error { return tx.RenewJob(id, day.Add(time.Hour)) },
		"retry":  func(tx node.Tx) error { return tx.RetryJob(id, day) },
		"finish": func(tx node.Tx) error { return tx.FinishJob(id) },
	} {
		err := index.Update(t.Context(), func(tx node.Tx) error { return errors.Join(tx.PutStudy(&node.Study{UID: name}), do(tx)) })
		if !errors.Is(err, node.ErrLeaseLost) {
			t.Errorf("%s a job that is not held: %v", name, err)
		}
		view(t, index, func(tx node.Tx) error {
			study, err := tx.Study(name)
			equal(t, "done with a lost lease", study, (*node.Study)(nil))
			return err
		})
	}
}

func testJobAskedAgain(t *testing.T, index node.Index) {
	addJobs(t, index, job("a", day), job("b", day))
	first := wantClaim(t, index, true, day, "a#1")
	addJobs(t, index, job("a", day.Add(time.Minute)))
	wantClaim(t, index, true, day, "at 10s") // still the worker's
	finish(t, index, first)
	finish(t, index, wantClaim(t, index, true, day, "b#1")) // a went to the end
	wantClaim(t, index, true, day, "at 1m0s")
	again := wantClaim(t, index, true, day.Add(time.Minute), "a#1")
	addJobs(t, index, job("a", day.Add(2*time.Minute)))
	update(t, index, func(tx node.Tx) error { return tx.RetryJob(again.ID, day.Add(time.Hour)) })
	finish(t, index, wantClaim(t, index, true, day.Add(2*time.Minute), "a#2"))
	wantClaim(t, index, true, day.Add(time.Hour), "none")
}

func testJobMovedThenTakenOver(t *testing.T, index node.Index) {
	addJobs(t, index, job("a", day))
	wantClaim(t, index, false, day, "a#1")
	addJobs(t, index, job("a", day.Add(time.Minute)))
	wantClaim(t, index, false, day.Add(lease), "at 1m0s") // not before the time that was asked for
	wantClaim(t, index, false, day.Add(time.Minute), "a#2")
}

// The lock on the directory proves that the process that held the leases is
// gone, so a restart takes its jobs over at once.
func TestOpenFreesTheJobsOfTheProcessBefore(t *testing.T) {
	onBoth(t, testOpenFreesTheJobsOfTheProcessBefore)
}

func testOpenFreesTheJobsOfTheProcessBefore(t *testing.T, open opener) {
	dir := t.TempDir()
	s := open(t, dir)
	addJobs(t, s, job("a", day))
	wantClaim(t, s, true, day, "a#1")
	wantClaim(t, s, true, day, "at 10s")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantClaim(t, open(t, dir), true, day, "a#2")
}

// testJobsFollowTheClock sets the clock back by an hour: what was due in a
// minute still is, and a lease that runs goes on.
func testJobsFollowTheClock(t *testing.T, index node.Index) {
	addJobs(t, index, job("leased", day), job("later", day.Add(time.Minute)))
	_, leased := claim(t, index, false, day)
	equal(t, "leased", leased.Key, "leased")
	back := day.Add(-time.Hour)
	update(t, index, func(tx node.Tx) error { return tx.ShiftJobs(-time.Hour) })
	if _, none := claim(t, index, false, back.Add(lease-time.Second)); none != nil {
		t.Errorf("%s was claimed before its time", none.Key)
	}
	update(t, index, func(tx node.Tx) error { return tx.FinishJob(leased.ID) })
	if _, later := claim(t, index, false, back.Add(time.Minute)); later == nil || later.Key != "later" {
		t.Errorf("claimed %v, want the job that is due", later)
	}
}
