package node_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"concord/dicom"
	"concord/node"
	"concord/node/store"
)

// gauge is a store on a disk as full as the test says.
type gauge struct {
	*store.Store
	used atomic.Uint64 // bits of a float64
}

func (g *gauge) Usage() (float64, error) { return math.Float64frombits(g.used.Load()), nil }
func (g *gauge) set(used float64)        { g.used.Store(math.Float64bits(used)) }

// openNode is a harness over a folder that outlives it. It has not begun to
// work: change may still set what it likes. stop ends it and closes the store.
func openNode(t *testing.T, dir string, change func(*harness, *store.Store)) (h *harness, stop func()) {
	t.Helper()
	log := zap.NewNop()
	s, err := store.Open(t.Context(), dir, log)
	if err != nil {
		t.Fatal(err)
	}
	h = &harness{T: t, pacs: &recorder{}, ris: &recorder{}}
	h.node = &node.Node{Index: s, Objects: s, Journal: s.Journal, Log: log, Judge: &node.Judge{Open: s.Open}, Config: node.Config{
		Quiet: 20 * time.Millisecond, Site: node.Site{Name: "test", AETitle: "CONCORD", Version: "test"}}}
	if change != nil {
		change(h, s)
	}
	h.node.Config.Destinations = []node.Destination{
		{Name: "pacs", Kind: node.SR, Sender: h.pacs, Committer: h.committer},
		{Name: "ris", Kind: node.ORU, Sender: h.ris, HL7Version: "2.5.1", HL7Status: "R"},
	}
	s.OnJob = h.node.Wake
	if err := h.node.Recover(t.Context(), s.Unindexed); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = h.node.Run(ctx) }()
	return h, func() {
		cancel()
		<-done
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func (h *harness) has(uid string) bool {
	h.Helper()
	o, file, err := h.node.Object(h.Context(), uid)
	if err != nil {
		h.Fatal(err)
	}
	if o != nil {
		file.Close()
	}
	return o != nil
}

// until waits for something to become true.
func (h *harness) until(what string, done func() bool) {
	h.Helper()
	for range 500 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.Fatalf("waited in vain: %s", what)
}

func reportOf(study string) message {
	return message{control: "M" + study, filler: "F" + study, study: study, patient: "P1", status: "F", text: "Normal heart."}
}

func TestFinishedCasesLoseTheirImagesWithAge(t *testing.T) {
	h, stop := openNode(t, t.TempDir(), func(h *harness, _ *store.Store) { h.node.Config.Keep = 100 * time.Millisecond })
	defer stop()
	kept, gone := chest(study2, "A2"), chest(study1, "A1")
	h.store(kept)
	h.store(gone)
	h.wait(node.WaitingReport, node.WaitingReport)
	h.send(reportOf(study1))
	h.until("the images go", func() bool { return !h.has(gone.uid) })
	c := h.wait(node.WaitingReport, node.Done)[1]
	if !h.has(kept.uid) {
		t.Error("images that wait for their report were removed")
	}
	if last := c.Timeline[len(c.Timeline)-1].Event; len(c.Statements) != 1 || len(c.Deliveries) != 2 || !strings.HasPrefix(last, "images removed: kept 100ms") {
		t.Errorf("the case is not told without its images: %d statements, %d deliveries, %q", len(c.Statements), len(c.Deliveries), last)
	}
	h.until("the object is counted", func() bool { return h.node.Stats.ObjectsRemoved.Load() == 1 })
}

// After its images are gone a case can still be withdrawn, be corrected, and
// get the same images again, which changes nothing.
func TestCaseLivesOnWithoutItsImages(t *testing.T) {
	h, stop := openNode(t, t.TempDir(), func(h *harness, _ *store.Store) { h.node.Config.Keep = time.Second })
	defer stop()
	i := chest(study1, "A1")
	h.store(i)
	h.send(reportOf(study1))
	h.until("the images go", func() bool { return h.node.Stats.ObjectsRemoved.Load() == 1 })
	h.store(i)
	h.until("the images come again", func() bool { return h.has(i.uid) && h.node.Stats.Objects.Load() == 2 })
	h.wait(node.Done)
	h.until("they go again", func() bool { return h.node.Stats.ObjectsRemoved.Load() == 2 })
	if n := len(h.pacs.all()); n != 1 {
		t.Errorf("the PACS got %d results, want 1", n)
	}

	corrected := reportOf(study1)
	corrected.control, corrected.status, corrected.text = "M2", "C", "Enlarged heart."
	h.send(corrected)
	if c := h.wait(node.Superseded, node.WaitingImages)[1]; c.Reason == "" {
		t.Error("a corrected report whose images are gone must say what to do")
	}
	h.store(i)
	h.wait(node.Superseded, node.Done)
	h.until("they go once more", func() bool { return h.node.Stats.ObjectsRemoved.Load() == 3 })
	withdrawn := corrected
	withdrawn.control, withdrawn.status = "M3", "X"
	h.send(withdrawn)
	h.until("the withdrawal is sent", func() bool { return len(h.ris.all()) == 3 })
	if last := h.ris.all()[2].Payload; !bytes.Contains(last, []byte("|RAD|D|")) {
		t.Errorf("no withdrawal: %q", last)
	}
}

func TestFullDiskTakesOldestFinishedFirst(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	var disk *gauge
	h, stop := openNode(t, t.TempDir(), func(h *harness, s *store.Store) {
		disk = &gauge{Store: s}
		h.node.Objects, h.node.Log, h.node.Config.HighWatermark = disk, zap.New(core), 0.9
	})
	defer stop()
	open, first, second := chest("2.25.1", "A1"), chest("2.25.2", "A2"), chest("2.25.3", "A3")
	h.store(open)
	h.wait(node.WaitingReport)
	for n, i := range []image{first, second} {
		h.store(i)
		h.send(reportOf(i.study))
		h.wait(append([]node.State{node.WaitingReport}, []node.State{node.Done, node.Done}[:n+1]...)...)
	}

	disk.set(0.95)
	refused := chest("2.25.4", "A4")
	in := node.Incoming{Caller: "PACS", SOPClassUID: crStorage, SOPInstanceUID: refused.uid, TransferSyntax: dicom.ExplicitVRLittleEndian}
	for range 3 {
		if err := h.node.ReceiveObject(t.Context(), in, bytes.NewReader(refused.dataSet())); !errors.As(err, new(*node.FullError)) {
			t.Fatalf("got %v, want a FullError", err)
		}
		if ack := h.node.ReceiveMessage(t.Context(), "test", reportOf("2.25.9").bytes()); !bytes.Contains(ack, []byte("MSA|AE|")) {
			t.Fatalf("got %q, want AE", ack)
		}
	}
	if h.node.Ready() == nil {
		t.Error("a full node says that it is ready")
	}
	h.until("finished images go", func() bool { return !h.has(first.uid) && !h.has(second.uid) })
	if !h.has(open.uid) {
		t.Error("the images of an open case went")
	}
	disk.set(0.5)
	h.store(refused) // takes it without a restart
	if ack := h.node.ReceiveMessage(t.Context(), "test", reportOf("2.25.9").bytes()); !bytes.Contains(ack, []byte("MSA|AA|")) {
		t.Errorf("got %q, want AA", ack)
	}
	for text, want := range map[string]int{"the disk is full": 1, "there is room again": 1} {
		n := logs.Filter(func(e observer.LoggedEntry) bool { return strings.HasPrefix(e.Message, text) }).Len()
		if n != want {
			t.Errorf("%q is logged %d times, want %d", text, n, want)
		}
	}
}

// Just below the watermark only as much goes as is needed, the oldest first,
// and nothing is refused.
func TestNearlyFullDiskTakesNoMoreThanNeeded(t *testing.T) {
	var disk *sweeping
	h, stop := openNode(t, t.TempDir(), func(h *harness, s *store.Store) {
		disk = &sweeping{gauge: gauge{Store: s}}
		h.node.Objects, h.node.Config.HighWatermark = disk, 0.9
	})
	defer stop()
	old, fresh := chest("2.25.2", "A2"), chest("2.25.3", "A3")
	h.store(old)
	h.send(reportOf(old.study))
	h.wait(node.Done)
	h.store(fresh)
	h.send(reportOf(fresh.study))
	h.wait(node.Done, node.Done)
	disk.set(0.895)
	if err := h.node.Ready(); err != nil {
		t.Errorf("not ready below the watermark: %v", err)
	}
	h.until("the oldest goes", func() bool { return !h.has(old.uid) })
	if !h.has(fresh.uid) {
		t.Error("more went than was needed")
	}
}

// sweeping is a disk that has room after the first sweep.
type sweeping struct{ gauge }

func (s *sweeping) Sweep(ctx context.Context) error {
	s.set(0.8)
	return s.gauge.Sweep(ctx)
}
