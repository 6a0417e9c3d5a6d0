package node_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"concord/dicom"
	"concord/node"
	"concord/node/store"
)

// dying is an index whose process dies at its n-th update: from then on no
// update goes on, as when a process is killed.
type dying struct {
	node.Index
	at        int64 // 0: never
	committed bool  // it dies after the commit, else before
	count     atomic.Int64
	dead      chan struct{}
}

func (d *dying) Update(ctx context.Context, fn func(node.Tx) error) error {
	return d.run(ctx, fn, d.Index.Update)
}

func (d *dying) Advance(ctx context.Context, fn func(node.Tx) error) error {
	return d.run(ctx, fn, d.Index.Advance)
}

func (d *dying) run(ctx context.Context, fn func(node.Tx) error, update func(context.Context, func(node.Tx) error) error) error {
	n := d.count.Add(1)
	if d.at == 0 || n < d.at {
		return update(ctx, fn)
	}
	if n == d.at && d.committed {
		if err := update(ctx, fn); err != nil {
			return err
		}
	}
	if n == d.at {
		close(d.dead)
	}
	<-ctx.Done()
	return ctx.Err()
}

// peers are PACS and RIS, which outlive the node.
type peers struct {
	pacs, ris recorder
	committer node.Committer // of the PACS; nil: none
}

// step is what a sender does. It does it again until it is acknowledged.
type step func(ctx context.Context, n *node.Node) error

func stores(i image) step {
	return func(ctx context.Context, n *node.Node) error {
		return n.ReceiveObject(ctx, node.Incoming{Caller: "PACS", SOPClassUID: crStorage, SOPInstanceUID: i.uid,
			TransferSyntax: dicom.ExplicitVRLittleEndian}, bytes.NewReader(i.dataSet()))
	}
}

func sends(m message) step {
	return func(ctx context.Context, n *node.Node) error {
		if ack := n.ReceiveMessage(ctx, "test", m.bytes()); !bytes.Contains(ack, []byte("MSA|AA|")) {
			return fmt.Errorf("not acknowledged: %q", ack)
		}
		return nil
	}
}

// life is one run of a node over a folder, from its start to its death or to
// the given states. It does the steps and returns those that are still to do.
func (p *peers) life(t *testing.T, dir string, d *dying, steps []step, want ...node.State) (rest []step) {
	t.Helper()
	var s *store.Store
	h, stop := openNode(t, dir, func(h *harness, opened *store.Store) {
		s = opened
		d.Index, d.dead = s, make(chan struct{})
		h.node.Index, h.pacs, h.ris, h.committer = d, &p.pacs, &p.ris, p.committer
	})
	defer stop()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		select {
		case <-d.dead:
			cancel()
		case <-ctx.Done():
		}
	}()
	for len(steps) > 0 {
		if err := steps[0](ctx, h.node); err != nil {
			if ctx.Err() == nil {
				t.Fatal(err)
			}
			return steps
		}
		steps = steps[1:]
		if len(steps) > 0 && !p.settled(ctx, h.node) {
			return steps
		}
	}
	for ctx.Err() == nil && !p.reached(t, s, want) {
		time.Sleep(2 * time.Millisecond)
	}
	return nil
}

// settled waits until the step before is indexed, so that each run takes the
// steps in the same order. It is false when the node died.
func (p *peers) settled(ctx context.Context, n *node.Node) bool {
	for ctx.Err() == nil {
		cases, err := n.Cases(ctx, node.CaseFilter{Limit: 10})
		if err == nil && len(cases) > 0 && cases[0].State != node.Delivering && cases[0].State != node.Judging {
			return true
		}
		time.Sleep(2 * time.Millisecond)
	}
	return false
}

// reached says whether the cases, oldest first, are in the states and nothing
// is on its way any more.
func (p *peers) reached(t *testing.T, s *store.Store, want []node.State) (yes bool) {
	err := s.View(t.Context(), func(tx node.Tx) error {
		cases, err := tx.Cases(node.CaseFilter{Limit: 10})
		if err != nil || len(cases) != len(want) {
			return err
		}
		slices.Reverse(cases)
		yes = true
		for i, c := range cases {
			yes = yes && c.State == want[i]
			deliveries, err := tx.CaseDeliveries(c.ID)
			if err != nil {
				return err
			}
			for _, d := range deliveries {
				yes = yes && d.State == node.DeliverySent
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return yes
}

// inEffect is what a receiver has when it keeps one of each UID. It fails when
// one UID came with different bytes.
func inEffect(t *testing.T, r *recorder) (uids []string) {
	t.Helper()
	payloads := map[string][]byte{}
	for _, d := range r.all() {
		if before, again := payloads[d.UID]; again && !bytes.Equal(before, d.Payload) {
			t.Errorf("%s %s was sent with two contents", d.Kind, d.UID)
		} else if !again {
			payloads[d.UID] = d.Payload
			uids = append(uids, d.UID)
		}
	}
	return uids
}

// memoryDir is a folder that a dying process leaves as any other does, though
// nobody waits for a disk there. Where memory is short it lies on disk.
func memoryDir(t *testing.T) string {
	t.Helper()
	const shm = "/dev/shm"
	var st syscall.Statfs_t
	if err := syscall.Statfs(shm, &st); err != nil || int64(st.Bavail)*st.Bsize < 1<<30 {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(shm, "concord-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestDeathAtEveryUpdate kills the node before and after each commit of a
// case's way, and lets the next process go on: the end is always the same.
func TestDeathAtEveryUpdate(t *testing.T) {
	first, late := chest(study1, "A1"), chest(study1, "A1")
	late.uid = study1 + ".1.2"
	corrected, withdrawn := reportOf(study1), reportOf(study1)
	corrected.control, corrected.status, corrected.text = "M2", "C", "Enlarged heart."
	withdrawn.control, withdrawn.status = "M3", "X"
	for name, c := range map[string]struct {
		before    []step // done without a death, until states
		states    []node.State
		steps     []step
		want      []node.State
		srs, orus int
	}{
		"images first": {steps: []step{stores(first), sends(reportOf(study1))}, want: []node.State{node.Done}, srs: 1, orus: 1},
		"report first": {steps: []step{sends(reportOf(study1)), stores(first)}, want: []node.State{node.Done}, srs: 1, orus: 1},
		"corrected report": {before: []step{stores(first), sends(reportOf(study1))}, states: []node.State{node.Done},
			steps: []step{sends(corrected)}, want: []node.State{node.Superseded, node.Done}, srs: 2, orus: 2},
		"late images": {before: []step{stores(first), sends(reportOf(study1))}, states: []node.State{node.Done},
			steps: []step{stores(late)}, want: []node.State{node.Superseded, node.Done}, srs: 2, orus: 2},
		"withdrawn report": {before: []step{stores(first), sends(reportOf(study1))}, states: []node.State{node.Done},
			steps: []step{sends(withdrawn)}, want: []node.State{node.Withdrawn}, srs: 2, orus: 2},
	} {
		t.Run(name, func(t *testing.T) {
			begun, prepared := &peers{}, memoryDir(t)
			begun.life(t, prepared, &dying{}, c.before, c.states...) // the schema, at least
			run := func(t *testing.T, at int64, committed bool) (updates int64, uids []string) {
				p, dir := &peers{}, filepath.Join(memoryDir(t), "data")
				p.pacs.sent, p.ris.sent = slices.Clone(begun.pacs.sent), slices.Clone(begun.ris.sent)
				if err := os.CopyFS(dir, os.DirFS(prepared)); err != nil {
					t.Fatal(err)
				}
				d := &dying{at: at, committed: committed}
				if rest := p.life(t, dir, d, c.steps, c.want...); at > 0 {
					p.life(t, dir, &dying{}, rest, c.want...)
				}
				srs, orus := inEffect(t, &p.pacs), inEffect(t, &p.ris)
				if len(srs) != c.srs || len(orus) != c.orus {
					t.Errorf("PACS has %d results and RIS %d, want %d and %d", len(srs), len(orus), c.srs, c.orus)
				}
				return d.count.Load(), append(srs, orus...)
			}
			updates, want := run(t, 0, false)
			for at := int64(1); at <= updates; at++ {
				for _, committed := range []bool{false, true} {
					t.Run(fmt.Sprintf("update %d committed=%v", at, committed), func(t *testing.T) {
						t.Parallel()
						if _, uids := run(t, at, committed); !slices.Equal(uids, want) {
							t.Errorf("results %v, without a death %v", uids, want)
						}
					})
				}
			}
		})
	}
}

// TestDeathDuringRemoval kills the node before and after each commit of the
// removal of a study: its images go, the case stays, and none is made of them.
func TestDeathDuringRemoval(t *testing.T) {
	i := chest(study1, "A1")
	for at := int64(1); at <= 8; at++ {
		for _, committed := range []bool{false, true} {
			t.Run(fmt.Sprintf("update %d committed=%v", at, committed), func(t *testing.T) {
				t.Parallel()
				p, dir := &peers{}, memoryDir(t)
				p.life(t, dir, &dying{}, []step{stores(i), sends(reportOf(study1))}, node.Done)
				d := &dying{at: at, committed: committed, dead: make(chan struct{})}
				_, stop := openNode(t, dir, func(h *harness, s *store.Store) {
					d.Index = s
					h.node.Index, h.node.Config.Keep = d, time.Millisecond
				})
				<-d.dead
				stop()
				h, stop := openNode(t, dir, func(h *harness, _ *store.Store) { h.node.Config.Keep = time.Millisecond })
				defer stop()
				h.until("the images go", func() bool { return !h.has(i.uid) })
				h.wait(node.Done)
				h.until("the files go, too", func() bool {
					files, _ := filepath.Glob(filepath.Join(dir, "objects", "*", "*"))
					return len(files) == 0
				})
			})
		}
	}
}

// A study that came before the clock was set back by an hour does not wait
// for that hour.
func TestClockSetBack(t *testing.T) {
	h := newHarness(t, nil)
	i := chest(study1, "A1")
	h.store(i)
	h.wait(node.WaitingReport)
	err := h.node.Index.Update(t.Context(), func(tx node.Tx) error {
		study, err := tx.Study(study1)
		if err != nil {
			return err
		}
		study.LastObjectAt = time.Now().Add(time.Hour)
		return tx.PutStudy(study)
	})
	if err != nil {
		t.Fatal(err)
	}
	h.send(reportOf(study1))
	h.wait(node.Done)
}
