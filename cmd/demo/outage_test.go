package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"concord/dicom/ae"
	"concord/hl7"
)

// A PACS and a RIS that take a result and never answer get the same bytes
// again after the time-out of 30 s, and then have them once in effect.
func TestPeersThatSayNothing(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for a time-out of 30 s")
	}
	pacsAddress, risAddress, sets := faultAddresses(t)
	var calls atomic.Int32
	pacs := testPACS(t, pacsAddress, func(*ae.Caller) error {
		if calls.Add(1) == 1 {
			time.Sleep(40 * time.Second)
		}
		return nil
	})
	ris := testRIS(t, risAddress, func(n int, m *hl7.Message) ([]byte, bool) {
		if n == 1 {
			return nil, false
		}
		return agree(n, m)
	})
	n := faultNode(t, t.TempDir(), sets)
	defer n.stop()
	if !storeCase(t, n, 1) {
		t.Fatal("not acknowledged")
	}
	for _, destination := range []string{"pacs", "ris"} {
		if detail := deliveryOf(t, n, "FAULT1", destination, "retrying"); detail == "" {
			t.Errorf("%s is tried again, and nobody says why", destination)
		}
	}
	deliveryOf(t, n, "FAULT1", "pacs", "sent")
	deliveryOf(t, n, "FAULT1", "ris", "sent")
	caseOf(t, n, "FAULT1", "done")
	pacs.check(t, "PACS", 1)
	ris.check(t, "RIS", 1)
	if ris.repeat != 1 {
		t.Errorf("the RIS got its message %d times more, want once", ris.repeat)
	}
}

// The clock is set back by a day, or forward, while the node is down: what
// waited for another try goes out all the same.
func TestClockSetWhileTheNodeIsDown(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"back": 24 * time.Hour, "forward": -24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pacsAddress, risAddress, sets := faultAddresses(t)
			dir := t.TempDir()
			n := faultNode(t, dir, sets)
			if !storeCase(t, n, 1) {
				t.Fatal("not acknowledged")
			}
			deliveryOf(t, n, "FAULT1", "pacs", "retrying")
			deliveryOf(t, n, "FAULT1", "ris", "retrying")
			n.stop()
			moveIndex(t, filepath.Join(dir, "node", "concord.db"), ahead)
			pacs, ris := testPACS(t, pacsAddress, nil), testRIS(t, risAddress, agree)
			n = faultNode(t, dir, sets)
			defer n.stop()
			caseOf(t, n, "FAULT1", "done")
			pacs.check(t, "PACS", 1)
			ris.check(t, "RIS", 1)
		})
	}
}

// moveIndex makes an index of one that was written at another time.
func moveIndex(t *testing.T, path string, by time.Duration) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, change := range []string{
		`UPDATE jobs SET run_at = run_at + ?, due_at = due_at + ?1`, `UPDATE case_events SET at = at + ?`,
		`UPDATE deliveries SET at = at + ?`, `UPDATE cases SET created_at = created_at + ?, updated_at = updated_at + ?1`,
		`UPDATE studies SET last_object_at = last_object_at + ?`,
	} {
		if _, err := db.Exec(change, by.Milliseconds()); err != nil {
			t.Fatal(err)
		}
	}
}

// A disk without a byte left, whatever the watermark: intake is refused in the
// protocols' words, the node lives on, and all goes on when there is room.
func TestDiskWithoutAByteLeft(t *testing.T) {
	dir := smallDisk(t, "120m")
	pacsAddress, risAddress, sets := faultAddresses(t)
	pacs, ris := testPACS(t, pacsAddress, nil), testRIS(t, risAddress, agree)
	n := faultNode(t, dir, append(sets, "retention.high_watermark=100%"))
	defer n.stop()
	if !storeCase(t, n, 1) {
		t.Fatal("not acknowledged")
	}
	caseOf(t, n, "FAULT1", "done")
	fill := filepath.Join(dir, "fill")
	fillUp(t, fill)
	object := syntheticObject(t, 2, "FAULT2", 1024) // more than any room that was set aside
	var status *ae.StatusError
	if err := object.store(t.Context(), n, "LOAD"); !errors.As(err, &status) || status.Status != ae.StatusOutOfResources {
		t.Errorf("got %v, want A700H", err)
	}
	taken := 0 // messages that found room in the journal
	message := func(i int) hl7.AckCode {
		accession := fmt.Sprintf("FULL%d", i)
		return sendMessage(t, n, report(accession, accession, strings.Repeat("Follow-up in six months is recommended. ", 5000))).Code
	}
	for message(taken) == hl7.AA {
		if taken++; taken == 1000 {
			t.Fatal("the disk is full, and messages are taken in still")
		}
	}
	if code := message(taken); code != hl7.AE {
		t.Errorf("got %s, want AE", code)
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	err := poll(t.Context(), 30*time.Second, "intake to go on", func() (bool, error) {
		return object.store(t.Context(), n, "LOAD") == nil && message(taken) == hl7.AA, nil
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, n.tail())
	}
	if !storeCase(t, n, 3) {
		t.Fatal("not acknowledged")
	}
	caseOf(t, n, "FAULT3", "done")
	for i := range taken + 1 {
		caseOf(t, n, fmt.Sprintf("FULL%d", i), "waiting_images")
	}
	if !object.intact(t, n) {
		t.Error("the object that came after is not whole")
	}
	pacs.check(t, "PACS", 2)
	ris.check(t, "RIS", 2)
	t.Logf("%d messages were acknowledged on the full disk, and all are there", taken)
}

// fillUp takes all the room there is.
func fillUp(t *testing.T, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}

// The PACS starts after the node, as after a power cut: it gets what waited.
func TestOrthancThatStartsLate(t *testing.T) {
	t.Parallel()
	needs(t, "/usr/sbin/Orthanc")
	pacsAddress, risAddress, sets := faultAddresses(t)
	ris := testRIS(t, risAddress, agree)
	n := faultNode(t, t.TempDir(), sets)
	defer n.stop()
	if !storeCase(t, n, 1) {
		t.Fatal("not acknowledged")
	}
	deliveryOf(t, n, "FAULT1", "ris", "sent")
	deliveryOf(t, n, "FAULT1", "pacs", "retrying")
	pacs, err := startOrthanc(t.Context(), t.TempDir(), pacsAddress, n.dicom)
	if err != nil {
		t.Fatal(err)
	}
	defer pacs.stop()
	caseOf(t, n, "FAULT1", "done")
	reports, err := pacs.reports(context.Background())
	if err != nil || len(reports) != 1 {
		t.Errorf("Orthanc has %d reports (%v), want 1", len(reports), err)
	}
	ris.check(t, "RIS", 1)
}
