package node_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"concord/node"
	"concord/node/store"
)

// promises is a PACS that is asked for storage commitment. answer decides on
// the n-th question, from 1; nil: it says nothing.
type promises struct {
	mu           sync.Mutex
	transactions []string
	times        []time.Time
	answer       func(n int) (*node.CommitmentResult, error)
}

func (p *promises) RequestCommitment(_ context.Context, transaction string, document node.Reference) (*node.CommitmentResult, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.transactions, p.times = append(p.transactions, transaction), append(p.times, time.Now())
	if p.answer == nil {
		return nil, nil
	}
	result, err := p.answer(len(p.transactions))
	if result != nil {
		result.Committed = []string{document.SOPUID}
	}
	return result, err
}

func (p *promises) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.transactions)
}

func given(int) (*node.CommitmentResult, error) { return &node.CommitmentResult{}, nil }

// judged runs a case of study1 up to its results.
func (h *harness) judged() {
	h.Helper()
	h.store(chest(study1, "A1"))
	h.send(reportOfStudy1)
}

// A peer that stored a document and says nothing is asked again under new
// Transaction UIDs, for a day and a half; then a person is told. The result of
// any of the questions counts.
func TestCommitmentIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &promises{}
		h := newHarness(t, func(c *node.Config) { c.Destinations[0].Committer = p })
		h.judged()
		time.Sleep(2 * time.Minute)
		if got := p.asked(); len(got) != 2 || got[0] == got[1] {
			t.Fatalf("after 2 minutes it was asked under %v, want two", got)
		}
		h.wait(node.Delivering)
		time.Sleep(48 * time.Hour)
		c := h.wait(node.Failed)[0]
		if got := len(p.asked()); got != 5 || !strings.Contains(c.Reason, "asked 5 times") || len(h.pacs.all()) != 1 {
			t.Errorf("asked %d times, stored %d times: %q", got, len(h.pacs.all()), c.Reason)
		}
		p.mu.Lock()
		p.answer = given
		p.mu.Unlock()
		if err := h.node.Resend(t.Context(), c.Deliveries[0].ID, ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		h.wait(node.Done)
		if got := len(inEffect(t, h.pacs)); got != 1 {
			t.Errorf("%d different documents, want 1", got)
		}
	})
}

// A peer whose commitment service is away is asked for as long as it is.
func TestCommitmentServiceThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := time.Now().Add(9 * time.Hour)
		p := &promises{answer: func(n int) (*node.CommitmentResult, error) {
			if time.Now().Before(back) {
				return nil, errors.New("connection refused")
			}
			return given(n)
		}}
		h := newHarness(t, func(c *node.Config) { c.Destinations[0].Committer = p })
		h.judged()
		time.Sleep(8 * time.Hour)
		h.wait(node.Delivering)
		time.Sleep(2 * time.Hour)
		h.wait(node.Done)
		h.says("sr to pacs: stored, taken", "storage commitment asked of pacs: connection refused", "sr to pacs: sent, taken, storage commitment given", "all delivered")
	})
}

// The result comes to a process that did not ask.
func TestCommitmentOutlivesTheProcess(t *testing.T) {
	dir, p := t.TempDir(), &promises{}
	h, stop := openNode(t, dir, func(h *harness, _ *store.Store) { h.committer = p })
	h.judged()
	h.until("the question", func() bool { return len(p.asked()) == 1 })
	document := h.pacs.all()[0].UID
	stop()
	h, stop = openNode(t, dir, func(h *harness, _ *store.Store) { h.committer = p })
	defer stop()
	h.wait(node.Delivering)
	if err := h.node.CommitmentCame(t.Context(), p.asked()[0], node.CommitmentResult{Committed: []string{document}}); err != nil {
		t.Fatal(err)
	}
	h.wait(node.Done)
	if len(h.pacs.all()) != 0 {
		t.Error("the document went out again")
	}
}

// TestDeathDuringCommitment kills the node before and after each commit of a
// case whose PACS commits: one document, and the case is done.
func TestDeathDuringCommitment(t *testing.T) {
	run := func(t *testing.T, at int64, committed bool) int64 {
		p, dir := &peers{committer: &promises{answer: given}}, filepath.Join(t.TempDir(), "data")
		d := &dying{at: at, committed: committed}
		rest := p.life(t, dir, d, []step{stores(chest(study1, "A1")), sends(reportOf(study1))}, node.Done)
		if at > 0 {
			p.life(t, dir, &dying{}, rest, node.Done)
		}
		if srs, orus := inEffect(t, &p.pacs), inEffect(t, &p.ris); len(srs) != 1 || len(orus) != 1 {
			t.Errorf("PACS has %d results and RIS %d, want one each", len(srs), len(orus))
		}
		return d.count.Load()
	}
	for at := range run(t, 0, false) {
		for _, committed := range []bool{false, true} {
			t.Run(fmt.Sprintf("update %d committed=%v", at+1, committed), func(t *testing.T) {
				t.Parallel()
				run(t, at+1, committed)
			})
		}
	}
}

// A PACS that takes another SOP class stores the document under another UID:
// an ORU that did not go out yet names that one.
func TestORUNamesTheDocumentThatIsStored(t *testing.T) {
	recast := func(r *recorder) {
		r.change = func(d *node.Delivery) { d.UID = "2.25.9"; d.Payload = []byte("recast") }
	}
	named := func(t *testing.T, h *harness) (uid string) {
		t.Helper()
		for _, segment := range strings.Split(string(h.ris.all()[0].Payload), "\r") {
			if fields := strings.Split(segment, "|"); len(fields) > 5 && strings.Contains(fields[3], "SR Instance UID") {
				uid = fields[5]
			}
		}
		return uid
	}
	t.Run("at once", func(t *testing.T) {
		h := newHarness(t, nil)
		recast(h.pacs)
		h.judged()
		h.wait(node.Done)
		if got := named(t, h); got != "2.25.9" {
			t.Errorf("the ORU names %s, the PACS has 2.25.9", got)
		}
	})
	t.Run("after an outage", func(t *testing.T) { // what was said stays
		h := newHarness(t, nil)
		recast(h.pacs)
		h.pacs.fail = func(try int) error {
			if try == 1 {
				return errors.New("connection refused")
			}
			return nil
		}
		h.judged()
		h.wait(node.Done)
		if got := named(t, h); got == "2.25.9" || !strings.HasPrefix(got, "2.25.") {
			t.Errorf("the ORU names %s", got)
		}
		inEffect(t, h.ris)
	})
	t.Run("of a PACS that is known to be away", func(t *testing.T) { // no later result waits for it
		synctest.Test(t, func(t *testing.T) {
			h := newHarness(t, nil)
			h.pacs.fail = func(int) error { return errors.New("connection refused") }
			h.judged()
			time.Sleep(time.Second)
			h.store(chest(study2, "A2"))
			h.send(message{control: "M2", filler: "F2", study: study2, patient: "P1", status: "F", text: "Normal heart size."})
			time.Sleep(time.Second)
			if got := len(h.ris.all()); got != 2 {
				t.Errorf("the RIS has %d results, want 2", got)
			}
		})
	})
	t.Run("of a PACS that hangs", func(t *testing.T) { // the RIS waits some seconds, and no more
		synctest.Test(t, func(t *testing.T) {
			h := newHarness(t, nil)
			h.pacs.fail = func(int) error { time.Sleep(30 * time.Second); return errors.New("time-out") }
			h.judged()
			time.Sleep(4 * time.Second)
			if got := len(h.ris.all()); got != 0 {
				t.Errorf("the RIS has %d results before the PACS answered", got)
			}
			time.Sleep(2 * time.Second)
			if got := len(h.ris.all()); got != 1 {
				t.Errorf("the RIS has %d results, want 1", got)
			}
		})
	})
}
