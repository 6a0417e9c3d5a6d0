package store

import (
	"errors"
	"testing"
	"time"

	"concord/node"
)

func testAnnouncements(t *testing.T, index node.Index) {
	here := object("1.1", 1, 1)
	step := node.Announcement{Source: node.ByStep, UID: "9.1", From: "CT1", Status: node.StepInProgress,
		StudyUIDs: []string{"1.2.3", "1.2.4"}, Accessions: []string{"A1"}, At: day}
	notified := node.Announcement{Source: node.ByNotification, UID: "9.1", From: "PACS", StudyUIDs: []string{"1.2.3"}, Count: 2, At: day.Add(time.Second),
		Instances: []node.Reference{{ClassUID: "c", SeriesUID: "1.2.3.4", SOPUID: "1.1"}, {ClassUID: "c", SeriesUID: "1.2.3.4", SOPUID: "1.2"}}}
	old := node.Announcement{Source: node.ByStep, UID: "9.9", From: "CT1", StudyUIDs: []string{"1.2.3"}, At: day.Add(-31 * 24 * time.Hour)}
	update(t, index, func(tx node.Tx) error {
		return errors.Join(tx.AddObject(here), tx.PutAnnouncement(&old), tx.PutAnnouncement(&step), tx.PutAnnouncement(&notified))
	})
	update(t, index, func(tx node.Tx) error { // changes what it says, and leaves the instances
		step.Status, step.Count = node.StepCompleted, 2
		notified.Pulls = 1
		again := notified
		again.Instances = nil
		return errors.Join(tx.PutAnnouncement(&step), tx.PutAnnouncement(&again))
	})
	notified.Instances = nil
	view(t, index, func(tx node.Tx) error {
		got, err := tx.Announcement(node.ByStep, "9.1")
		equal(t, "step", got, &step)
		none, err2 := tx.Announcement(node.ByStep, "9.9")
		equal(t, "an old one", none, (*node.Announcement)(nil))
		list, err3 := tx.Announcements("1.2.3", "A9")
		equal(t, "of a study", list, []node.Announcement{step, notified})
		byAccession, err4 := tx.Announcements("1.2.5", "A1")
		equal(t, "of an accession number", byAccession, []node.Announcement{step})
		nothing, err5 := tx.Announcements("", "")
		equal(t, "of no key", len(nothing), 0)
		missing, err6 := tx.MissingInstances(node.ByNotification, "9.1")
		equal(t, "missing", missing, []node.Reference{{ClassUID: "c", SeriesUID: "1.2.3.4", SOPUID: "1.2"}})
		return errors.Join(err, err2, err3, err4, err5, err6)
	})
}

func testCommitments(t *testing.T, index node.Index) {
	d := node.Delivery{Destination: "pacs", Kind: node.SR, UID: "1.2", State: node.DeliveryStored, At: day}
	owed := node.Owed{Transaction: "5.1", Caller: "M", Address: "10.0.0.7", Instances: []node.Reference{{ClassUID: "c", SOPUID: "1.1"}}, At: day}
	update(t, index, func(tx node.Tx) error {
		c := node.Case{Revision: 1, State: node.Delivering}
		if err := tx.AddCase(&c); err != nil {
			return err
		}
		d.CaseID = c.ID
		return errors.Join(tx.AddDelivery(&d), tx.AddCommitment("5.1", d.ID, day), tx.AddCommitment("5.2", d.ID, day), tx.RemoveCommitment("5.2"), tx.PutOwed(&owed))
	})
	check := func(wantID int64, wantCount int, wantOwed *node.Owed) {
		t.Helper()
		view(t, index, func(tx node.Tx) error {
			id, err := tx.Commitment("5.1")
			equal(t, "delivery", id, wantID)
			n, err2 := tx.CountCommitments(d.ID)
			equal(t, "asked", n, wantCount)
			none, err3 := tx.Commitment("5.2")
			equal(t, "of an unknown transaction", none, int64(0))
			got, err4 := tx.Owed(owed.Key())
			equal(t, "owed", got, wantOwed)
			return errors.Join(err, err2, err3, err4)
		})
	}
	check(d.ID, 1, &owed)
	owed.Instances = nil
	update(t, index, func(tx node.Tx) error { return tx.PutOwed(&owed) })
	check(d.ID, 1, &owed)
	update(t, index, func(tx node.Tx) error { return errors.Join(tx.ForgetCommitments(d.ID), tx.RemoveOwed(owed.Key())) })
	check(0, 0, nil)
}

func testJobsHastened(t *testing.T, index node.Index) {
	update(t, index, func(tx node.Tx) error {
		return errors.Join(tx.AddJob(node.Job{Queue: "q", Key: "1", RunAt: day.Add(time.Hour)}), tx.AddJob(node.Job{Queue: "other", Key: "2", RunAt: day.Add(time.Hour)}),
			tx.HastenJobs("q", day))
	})
	update(t, index, func(tx node.Tx) error {
		job, _, err := tx.ClaimJob("q", true, day, time.Minute)
		if job == nil {
			t.Error("a job that was hastened is not due")
		}
		other, _, err2 := tx.ClaimJob("other", true, day, time.Minute)
		equal(t, "a job of another queue", other, (*node.Job)(nil))
		err3 := tx.HastenJobs("q", day.Add(time.Second))
		leased, _, err4 := tx.ClaimJob("q", true, day.Add(2*time.Second), time.Minute)
		equal(t, "a job that is claimed", leased, (*node.Job)(nil))
		return errors.Join(err, err2, err3, err4)
	})
}
