package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"concord/node"
	"concord/node/store"
)

// failing is an index on which some messages cannot be entered, and which may
// be out of order for a while.
type failing struct {
	node.Index
	poison string       // text of messages that make AddMessage panic
	away   atomic.Int64 // updates that find the index unavailable
	blocks chan struct{}
}

func (f *failing) Update(ctx context.Context, fn func(node.Tx) error) error {
	if f.blocks != nil {
		select {
		case <-f.blocks:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if f.away.Add(-1) >= 0 {
		return fmt.Errorf("no room: %w", node.ErrUnavailable)
	}
	return f.Index.Update(ctx, func(tx node.Tx) error { return fn(&failingTx{tx, f.poison}) })
}

type failingTx struct {
	node.Tx
	poison string
}

func (t *failingTx) AddMessage(m *node.Message) (bool, error) {
	if t.poison != "" && m.Problem == "" && bytes.Contains(m.Raw, []byte(t.poison)) {
		panic("a mistake in the program")
	}
	return t.Tx.AddMessage(m)
}

func openFailing(t *testing.T, dir string, f *failing) (*harness, func()) {
	t.Helper()
	return openNode(t, dir, func(h *harness, s *store.Store) {
		f.Index = s
		h.node.Index = f
		h.node.Config.Quiet = time.Hour
	})
}

// A message that cannot be processed goes to quarantine, visibly, and does not
// hold up those around it.
func TestOneBadMessageHoldsNothingUp(t *testing.T) {
	h, stop := openFailing(t, t.TempDir(), &failing{poison: "POISON"})
	defer stop()
	var want []node.State
	for i := range 20 {
		text := "Normal heart."
		if i%7 == 3 {
			text = "POISON"
		} else {
			want = append(want, node.WaitingImages)
		}
		h.send(message{control: fmt.Sprint("M", i), filler: fmt.Sprint("F", i), patient: "P1", status: "F", text: text})
	}
	h.wait(want...)
	h.until("the bad ones are in quarantine", func() bool { return h.node.Stats.MessagesQuarantined.Load() == 3 })
}

// While the index cannot be changed, messages are acknowledged and wait; they
// are not taken for bad ones.
func TestMessagesOutlastAnIndexThatIsAway(t *testing.T) {
	f := &failing{}
	h, stop := openFailing(t, t.TempDir(), f)
	defer stop()
	f.away.Store(2)
	h.send(message{control: "M1", filler: "F1", patient: "P1", status: "F", text: "Normal heart."})
	h.wait(node.WaitingImages)
	if n := h.node.Stats.MessagesQuarantined.Load(); n != 0 {
		t.Errorf("%d messages are in quarantine", n)
	}
}

// When too much waits for its processing the intake waits, too; what it took
// in is there after a restart, in its order, and what it did not take in was
// not acknowledged.
func TestIntakeWaitsForProcessing(t *testing.T) {
	dir := t.TempDir()
	f := &failing{blocks: make(chan struct{})}
	h, stop := openFailing(t, dir, f)
	text := strings.Repeat("Normal heart. ", 1<<20)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	taken := 0
	for ; ; taken++ {
		m := message{control: fmt.Sprint("M", taken), filler: "F1", patient: "P1", status: "C", text: text}
		ack := h.node.ReceiveMessage(ctx, "test", m.bytes())
		if bytes.Contains(ack, []byte("MSA|AE|")) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			break
		}
		if !bytes.Contains(ack, []byte("MSA|AA|")) || taken > 10 {
			t.Fatalf("after %d messages: %.100q", taken, ack)
		}
	}
	if taken < 4 {
		t.Errorf("only %d messages of 14 MB were taken in", taken)
	}
	stop()

	h, stop = openFailing(t, dir, &failing{})
	defer stop()
	want := make([]node.State, taken)
	for i := range want {
		want[i] = node.Superseded
	}
	want[taken-1] = node.WaitingImages
	cases := h.wait(want...)
	if last := cases[taken-1].Report.ControlID; last != fmt.Sprint("M", taken-1) {
		t.Errorf("the newest report is %s", last)
	}
}

// A batch is as many messages, and gets a batch of answers.
func TestBatchOfMessages(t *testing.T) {
	h := newHarness(t, func(c *node.Config) { c.Quiet = time.Hour })
	var batch []byte
	batch = append(batch, "FHS|^~\\&|RIS|HOSP|CONCORD|HOSP|||||FILE7\rBHS|^~\\&|RIS|HOSP|CONCORD|HOSP|||||BATCH8\r"...)
	for i := range 3 {
		m := message{control: fmt.Sprint("M", i), filler: fmt.Sprint("F", i), patient: "P1", status: "F", text: "Normal."}
		batch = append(append(batch, bytes.TrimRight(m.bytes(), "\r")...), '\r')
	}
	batch = append(batch, "MSH|^~\\&\xff\rBTS|4\rFTS|1\r"...)
	answer := string(h.node.ReceiveMessage(t.Context(), "test", batch))
	for _, part := range []string{"FHS|^~\\&|CONCORD|HOSP|RIS|HOSP|", "|FILE7\rBHS|", "|BATCH8\rMSH|", "MSA|AA|M0", "MSA|AA|M1", "MSA|AA|M2",
		"MSA|AE", "\rBTS|4\rFTS|1\r"} {
		if !strings.Contains(answer, part) {
			t.Errorf("%q is not in the answer %q", part, answer)
		}
	}
	h.wait(node.WaitingImages, node.WaitingImages, node.WaitingImages)
}

// Whoever asks after an acknowledgement is told of what was acknowledged,
// though messages gather before they are processed; of an order, too.
func TestReadersSeeWhatWasAcknowledged(t *testing.T) {
	h := newHarness(t, func(c *node.Config) { c.Quiet = time.Hour })
	h.store(chest(study1, "A1"))
	h.wait(node.WaitingReport)
	for round := range 3 {
		var senders sync.WaitGroup
		for i := range 40 {
			senders.Go(func() {
				h.send(message{control: fmt.Sprint("M", round, i), filler: fmt.Sprint("F", round, i), patient: "P2", status: "F", text: "Normal."})
			})
		}
		senders.Wait()
		cases, err := h.node.Cases(t.Context(), node.CaseFilter{Limit: 500})
		if want := 1 + 40*(round+1); err != nil || len(cases) != want {
			t.Fatalf("%d cases, %v; want %d", len(cases), err, want)
		}
	}
	order := "MSH|^~\\&|RIS|HOSP|CONCORD|HOSP|20261124||ORM^O01|O1|P|2.5.1\rPID|1||P1\rORC|NW|PL1|FI1\rOBR|1|PL1|FI1|XR^Chest^L||||||||||||||A1\r"
	if ack := h.node.ReceiveMessage(t.Context(), "test", []byte(order)); !bytes.Contains(ack, []byte("MSA|AA|")) {
		t.Fatalf("not acknowledged: %q", ack)
	}
	report := message{control: "M9", filler: "FI1", patient: "P1", status: "P", text: "Normal prostate."} // no accession number
	checked, err := h.node.Check(t.Context(), node.CheckRequest{HL7: report.bytes()})
	if err != nil || len(checked) != 1 || checked[0].StudyUID != study1 {
		t.Errorf("the check found %+v, %v", checked, err)
	}
}

// A reader does not wait for ever, nor does it get an answer that lacks
// something, while the index cannot be changed.
func TestReadersOfAnIndexThatIsAway(t *testing.T) {
	f := &failing{}
	h, stop := openFailing(t, t.TempDir(), f)
	defer stop()
	f.away.Store(1 << 40)
	h.send(message{control: "M1", filler: "F1", patient: "P1", status: "F", text: "Normal heart."})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := h.node.Cases(ctx, node.CaseFilter{Limit: 10}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	f.away.Store(0)
	h.wait(node.WaitingImages)
}
