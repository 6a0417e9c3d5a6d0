package store

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"concord/hl7"
	"concord/node"
)

// TestOnlyFinishedStudiesGo names each reason for which a study stays.
func TestOnlyFinishedStudiesGo(t *testing.T) {
	old, before, since := day, day.Add(time.Hour), day.Add(2*time.Hour)
	finished := func(state node.State) *node.Case { return &node.Case{State: state, UpdatedAt: old} }
	for name, c := range map[string]struct {
		cases     []*node.Case
		delivery  node.DeliveryState
		last      time.Time
		candidate bool
		goes      bool
	}{
		"done":                     {cases: []*node.Case{finished(node.Done)}, goes: true},
		"withdrawn":                {cases: []*node.Case{finished(node.Withdrawn)}, goes: true},
		"expired":                  {cases: []*node.Case{finished(node.Expired)}, goes: true},
		"superseded and done":      {cases: []*node.Case{finished(node.Superseded), finished(node.Done)}, goes: true},
		"no case at all":           {goes: true},
		"sent":                     {cases: []*node.Case{finished(node.Done)}, delivery: node.DeliverySent, goes: true},
		"waits for its report":     {cases: []*node.Case{finished(node.WaitingReport)}},
		"settling":                 {cases: []*node.Case{finished(node.Settling)}},
		"ready":                    {cases: []*node.Case{finished(node.Ready)}},
		"judging":                  {cases: []*node.Case{finished(node.Judging)}},
		"delivering":               {cases: []*node.Case{finished(node.Delivering)}},
		"failed":                   {cases: []*node.Case{finished(node.Failed)}},
		"one of two is open":       {cases: []*node.Case{finished(node.Done), finished(node.Settling)}},
		"waits to be delivered":    {cases: []*node.Case{finished(node.Withdrawn)}, delivery: node.DeliveryWaiting},
		"is tried again":           {cases: []*node.Case{finished(node.Superseded)}, delivery: node.DeliveryRetrying},
		"finished a moment ago":    {cases: []*node.Case{{State: node.Done, UpdatedAt: since}}},
		"images came a moment ago": {cases: []*node.Case{finished(node.Done)}, last: since},
		"a person may choose it":   {cases: []*node.Case{finished(node.Done)}, candidate: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			if c.last.IsZero() {
				c.last = old
			}
			update(t, s, func(tx node.Tx) error {
				err := tx.PutStudy(&node.Study{UID: "1.2.3", LastObjectAt: c.last})
				for _, open := range c.cases {
					open.StudyUID = "1.2.3"
					err = errors.Join(err, tx.AddCase(open))
				}
				if c.delivery != "" {
					err = errors.Join(err, tx.AddDelivery(&node.Delivery{CaseID: c.cases[0].ID, State: c.delivery}))
				}
				if c.candidate {
					err = errors.Join(err, tx.AddCase(&node.Case{State: node.Ambiguous, UpdatedAt: old,
						Candidates: []node.Candidate{{StudyUID: "1.2.3"}}}))
				}
				return errors.Join(err, tx.AddObject(object("1.1", 1, 1)))
			})
			var listed []string
			view(t, s, func(tx node.Tx) (err error) {
				listed, err = tx.FinishedStudies(before, 10)
				return err
			})
			equal(t, "listed", len(listed) == 1, c.goes)
			var removed *node.Removed
			update(t, s, func(tx node.Tx) (err error) {
				removed, err = tx.RemoveStudy("1.2.3", before)
				return err
			})
			equal(t, "removed", removed != nil, c.goes)
			view(t, s, func(tx node.Tx) error {
				study, err := tx.Study("1.2.3")
				o, err2 := tx.Object("1.1")
				equal(t, "is here", []bool{study != nil, o != nil}, []bool{!c.goes, !c.goes})
				return errors.Join(err, err2)
			})
		})
	}
}

// TestDismissedCasesAreFinished: a person who gives a failed case up lets its
// images go, until the case moves on.
func TestDismissedCasesAreFinished(t *testing.T) {
	s := open(t, t.TempDir())
	dismissed := day.Add(time.Hour)
	failed, done := &node.Case{StudyUID: "1.2.3", State: node.Failed, UpdatedAt: day}, &node.Case{State: node.Done}
	dismiss := func(c *node.Case) (ok bool) {
		update(t, s, func(tx node.Tx) (err error) {
			ok, err = tx.Dismiss(c.ID, dismissed)
			return err
		})
		return ok
	}
	finished := func(before time.Time) (list []string) {
		view(t, s, func(tx node.Tx) (err error) {
			list, err = tx.FinishedStudies(before, 10)
			return err
		})
		return list
	}
	put := func(state node.State) {
		failed.State = state
		update(t, s, func(tx node.Tx) error { return tx.PutCase(failed) })
	}
	update(t, s, func(tx node.Tx) error {
		return errors.Join(tx.PutStudy(&node.Study{UID: "1.2.3", LastObjectAt: day}), tx.AddCase(failed), tx.AddCase(done))
	})
	equal(t, "a case that is done was dismissed", dismiss(done), false)
	equal(t, "finished while failed", finished(dismissed.Add(time.Hour)), []string(nil))
	equal(t, "the failed case was dismissed", dismiss(failed), true)
	put(node.Failed) // with another reason, say
	view(t, s, func(tx node.Tx) error {
		c, err := tx.Case(failed.ID)
		equal(t, "dismissed at", c.DismissedAt, dismissed)
		return err
	})
	equal(t, "finished at the moment of dismissal", finished(dismissed), []string(nil))
	equal(t, "finished after it", finished(dismissed.Add(time.Hour)), []string{"1.2.3"})
	put(node.Delivering)
	put(node.Failed)
	equal(t, "finished after it was tried again", finished(dismissed.Add(time.Hour)), []string(nil))
}

func TestOldestStudiesComeFirst(t *testing.T) {
	s := open(t, t.TempDir())
	update(t, s, func(tx node.Tx) error {
		return errors.Join(tx.PutStudy(&node.Study{UID: "1.2", LastObjectAt: day.Add(2)}),
			tx.PutStudy(&node.Study{UID: "1.3", LastObjectAt: day.Add(-time.Minute)}),
			tx.PutStudy(&node.Study{UID: "1.1", LastObjectAt: day.Add(time.Minute)}))
	})
	view(t, s, func(tx node.Tx) error {
		list, err := tx.FinishedStudies(day.Add(time.Hour), 2)
		equal(t, "studies", list, []string{"1.3", "1.2"})
		return err
	})
}

// doneStudy stores a finished study of n objects and returns their paths.
func doneStudy(t *testing.T, s *Store, n int) (paths []string) {
	t.Helper()
	for i := range n {
		paths = append(paths, store(t, s, fmt.Sprintf("1.2.%d", i), random(1000)))
	}
	update(t, s, func(tx node.Tx) error {
		err := tx.PutStudy(&node.Study{UID: "1.2.3", LastObjectAt: day})
		for i, p := range paths {
			o := object(fmt.Sprintf("1.2.%d", i), 1, i)
			o.Path = p
			err = errors.Join(err, tx.AddObject(o))
		}
		return errors.Join(err, tx.AddCase(&node.Case{StudyUID: "1.2.3", State: node.Done, UpdatedAt: day}))
	})
	return paths
}

func removeStudy(t *testing.T, s *Store) {
	t.Helper()
	update(t, s, func(tx node.Tx) error {
		removed, err := tx.RemoveStudy("1.2.3", day.Add(time.Hour))
		if err == nil && removed == nil {
			err = errors.New("the study stays")
		}
		return err
	})
}

func TestSweepDeletesRemovedObjects(t *testing.T) {
	s := open(t, t.TempDir())
	doneStudy(t, s, 3)
	other := store(t, s, "1.9", []byte("of another study"))
	removeStudy(t, s)
	equal(t, "files before the sweep", len(tree(t, s.files.dir)), 4)
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	equal(t, "files", tree(t, s.files.dir), []string{other})
	view(t, s, func(tx node.Tx) error {
		kept, err := tx.RemovedImage(1)
		want := object("1.2.0", 1, 0)
		want.Path = ""
		equal(t, "what is kept of the images", kept, &want)
		return err
	})
}

// What a crash left of a removal, at any of its steps, is no new object to the
// next start, and goes.
func TestRemovalSurvivesACrash(t *testing.T) {
	for deleted := range 3 {
		dir := t.TempDir()
		s := open(t, dir)
		paths := doneStudy(t, s, 2)
		removeStudy(t, s)
		for _, p := range paths[:deleted] {
			if err := os.Remove(filepath.Join(s.files.dir, p)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir)
		equal(t, "new objects", len(unindexed(t, s)), 0)
		equal(t, "files", len(tree(t, s.files.dir)), 0)
		if _, err := os.Stat(filepath.Join(s.files.dir, path.Dir(paths[0]))); !os.IsNotExist(err) {
			t.Errorf("the empty folder is left over: %v", err)
		}
	}
}

// An object that comes again while its old file is being deleted gets a name
// of its own: a crash must not delete it with the old one.
func TestNewObjectDoesNotTakeANameThatGoes(t *testing.T) {
	s := open(t, t.TempDir())
	paths := doneStudy(t, s, 1)
	removeStudy(t, s)
	s.files.reserve(paths)
	if err := s.files.delete(paths); err != nil {
		t.Fatal(err)
	}
	again := store(t, s, "1.2.0", []byte("new"))
	if again == paths[0] {
		t.Error("the new object took the name")
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	equal(t, "files", tree(t, s.files.dir), []string{again})
	if freed := store(t, s, "1.2.0", []byte("newer")); freed != paths[0] {
		t.Errorf("the name stays taken: %s", freed)
	}
}

func TestMessagesLoseTheirBytesWithAge(t *testing.T) {
	s := open(t, t.TempDir())
	read := &node.Message{Raw: []byte("MSH|old"), ReceivedAt: day}
	unread := &node.Message{Raw: []byte("rubbish"), Problem: "no MSH", ReceivedAt: day}
	fresh := &node.Message{Raw: []byte("MSH|new"), ReceivedAt: day.Add(2 * time.Hour)}
	update(t, s, func(tx node.Tx) error {
		for _, m := range []*node.Message{read, unread, fresh} {
			if added, err := tx.AddMessage(m); err != nil || !added {
				return fmt.Errorf("added %v: %w", added, err)
			}
		}
		return tx.AddCase(&node.Case{State: node.WaitingImages, CreatedAt: day.Add(-time.Second)})
	})
	remove := func() (n int64) {
		update(t, s, func(tx node.Tx) (err error) {
			n, err = tx.RemoveMessages(day.Add(time.Hour))
			return err
		})
		return n
	}
	equal(t, "messages emptied while a case waits", remove(), int64(0))
	update(t, s, func(tx node.Tx) error { return tx.PutCase(&node.Case{ID: 1, State: node.Done}) })
	equal(t, "messages emptied", remove(), int64(1))
	equal(t, "messages emptied again", remove(), int64(0))
	update(t, s, func(tx node.Tx) error {
		added, err := tx.AddMessage(&node.Message{Raw: []byte("MSH|old")})
		equal(t, "a repetition counts as new", added, false)
		return err
	})
}

// TestOldCasesGetThin names each reason for which a case stays whole.
func TestOldCasesGetThin(t *testing.T) { onBoth(t, testOldCasesGetThin) }

func testOldCasesGetThin(t *testing.T, open opener) {
	s := open(t, t.TempDir())
	before := day.Add(time.Hour)
	kept := map[string]*node.Case{}
	add := func(name string, c node.Case, and func(tx node.Tx, id int64) error) {
		c.CreatedAt, c.Report, c.Statements, c.Flags = day, report("A", "", "", "F"), make([]node.Statement, 2), make([]node.Flag, 1)
		c.Report.Blocks = []hl7.Block{{Section: hl7.SectionFindings}}
		if c.UpdatedAt.IsZero() {
			c.UpdatedAt = day
		}
		update(t, s, func(tx node.Tx) error {
			return errors.Join(tx.AddCase(&c), tx.AddEvent(c.ID, node.CaseEvent{At: day, Event: "judged"}), and(tx, c.ID))
		})
		kept[name] = &c
	}
	nothing := func(node.Tx, int64) error { return nil }
	delivery := func(state node.DeliveryState) func(tx node.Tx, id int64) error {
		return func(tx node.Tx, id int64) error {
			return tx.AddDelivery(&node.Delivery{CaseID: id, UID: "2.25.1", State: state, Payload: []byte("SR")})
		}
	}
	add("done", node.Case{State: node.Done, StudyUID: "1.2"}, delivery(node.DeliverySent))
	add("failed", node.Case{State: node.Failed}, delivery(node.DeliveryDead))
	add("dismissed", node.Case{State: node.Failed}, func(tx node.Tx, id int64) error {
		_, err := tx.Dismiss(id, day)
		return errors.Join(err, delivery(node.DeliveryDead)(tx, id))
	})
	add("with feedback", node.Case{State: node.Done}, func(tx node.Tx, id int64) error {
		return tx.AddFeedback(node.Feedback{CaseID: id, Opinion: node.OpinionRight, At: day})
	})
	add("with images", node.Case{State: node.Done, StudyUID: "1.2.3"}, func(tx node.Tx, _ int64) error {
		return tx.PutStudy(&node.Study{UID: "1.2.3"})
	})
	add("to be sent", node.Case{State: node.Withdrawn}, delivery(node.DeliveryRetrying))
	add("changed since", node.Case{State: node.Done, UpdatedAt: before}, nothing)
	add("waiting", node.Case{State: node.WaitingImages}, nothing)
	update(t, s, func(tx node.Tx) error {
		last, err := tx.ThinCases(before, 0)
		equal(t, "last case that was looked at", last, kept["waiting"].ID)
		again, err2 := tx.ThinCases(before, last)
		equal(t, "nothing behind it", again, int64(0))
		young, err3 := tx.ThinCases(day, 0)
		equal(t, "none is that old", young, int64(0))
		return errors.Join(err, err2, err3)
	})
	thin := map[string]bool{"done": true, "dismissed": true}
	view(t, s, func(tx node.Tx) error {
		for name, c := range kept {
			got, err := tx.Case(c.ID)
			events, err2 := tx.Timelines(c.ID)
			deliveries, err3 := tx.CaseDeliveries(c.ID)
			if err := errors.Join(err, err2, err3); err != nil {
				return err
			}
			whole := []bool{len(got.Statements) > 0, len(got.Flags) > 0, len(got.Report.Blocks) > 0, len(events) > 0}
			equal(t, name+" is whole", whole, slices.Repeat([]bool{!thin[name]}, len(whole)))
			equal(t, name+" has its key", got.Report.Filler, "F")
			for _, d := range deliveries {
				sent, err := tx.Delivery(d.ID)
				if err != nil {
					return err
				}
				equal(t, name+" has the bytes it sent", len(sent.Payload) > 0, !thin[name])
				equal(t, name+" knows what it sent", sent.UID, "2.25.1")
			}
		}
		return nil
	})
}
