package node_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"concord/node"
	"concord/node/store"
)

// ledger is how owed results go out: when each was tried.
type ledger struct {
	mu    sync.Mutex
	start time.Time
	tries []time.Duration
	back  time.Duration // when the requestor answers
	last  *node.Owed
}

func (l *ledger) report(_ context.Context, o *node.Owed) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	since := time.Since(l.start)
	l.tries, l.last = append(l.tries, since.Round(time.Second)), o
	if since < l.back {
		return errors.New("connection refused")
	}
	return nil
}

// A result that is owed goes out although the process that promised it died,
// again while the requestor is away, and not at all once it is paid.
func TestOwedResults(t *testing.T) {
	second := time.Second
	for name, c := range map[string]struct {
		dies  bool
		paid  error // how the association of the request ended; see dies
		back  time.Duration
		tries []time.Duration
	}{
		"paid":                        {paid: nil},
		"lost":                        {paid: errors.New("released"), tries: []time.Duration{0}},
		"lost, the requestor is away": {paid: errors.New("released"), back: 4 * time.Minute, tries: []time.Duration{0, 5 * second, 65 * second, 365 * second}},
		"the process dies":            {dies: true, tries: []time.Duration{30 * second}},
		"the requestor never comes": {paid: errors.New("released"), back: 1000 * time.Hour,
			tries: []time.Duration{0, 5 * second, 65 * second, 365 * second, 1265 * second, 4865 * second, 19265 * second, 62465 * second}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, l := t.TempDir(), &ledger{start: time.Now(), back: c.back}
				open := func(h *harness, _ *store.Store) { h.node.Report = l.report }
				h, stop := openNode(t, dir, open)
				owed := &node.Owed{Transaction: "1.2.3", Caller: "CT1", Address: "10.0.0.7", Instances: references(study1, 1, 2), At: time.Now()}
				err := h.node.Owe(t.Context(), owed)
				if err == nil && !c.dies {
					err = h.node.Paid(t.Context(), owed, c.paid)
				}
				if err != nil {
					t.Fatal(err)
				}
				if c.dies {
					stop()
					_, stop = openNode(t, dir, open)
				}
				defer stop()
				time.Sleep(72 * time.Hour)
				l.mu.Lock()
				defer l.mu.Unlock()
				if !slices.Equal(l.tries, c.tries) {
					t.Errorf("tried at %v, want %v", l.tries, c.tries)
				}
				if len(l.tries) > 0 && (l.last.Key() != owed.Key() || len(l.last.Instances) != 2) {
					t.Errorf("owed %+v, want %+v", l.last, owed)
				}
			})
		})
	}
}
