package node_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"concord/node"
)

// A PACS that is away for an hour gets everything soon after it is back, in
// order and once; the RIS does not wait for it. The clock is the test's.
func TestPACSAwayForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, nil)
		begin := time.Now()
		back := begin.Add(time.Hour)
		h.pacs.fail = func(int) error {
			if time.Now().Before(back) {
				return errors.New("connection refused")
			}
			return nil
		}
		const cases = 40
		for i := range cases {
			study := fmt.Sprintf("2.25.7%03d", i)
			h.store(chest(study, fmt.Sprintf("A%d", i)))
			h.send(message{control: fmt.Sprintf("M%d", i), filler: fmt.Sprintf("F%d", i), study: study, patient: "P1", status: "F", text: "Normal heart size."})
			time.Sleep(time.Minute)
		}
		if got := len(h.ris.all()); got != cases {
			t.Errorf("the RIS has %d results while the PACS is away, want %d", got, cases)
		}
		time.Sleep(time.Until(back))
		if got := len(h.pacs.all()); got != 0 {
			t.Fatalf("the PACS got %d results while it was away", got)
		}
		time.Sleep(31 * time.Second)
		sent := h.pacs.all()
		if len(sent) != cases {
			t.Fatalf("31 s after it is back the PACS has %d results, want %d", len(sent), cases)
		}
		if !slices.IsSortedFunc(sent, func(a, b node.Delivery) int { return int(a.CaseID - b.CaseID) }) {
			t.Error("the results came out of order")
		}
		if uids := inEffect(t, h.pacs); len(uids) != cases {
			t.Errorf("%d different results, want %d", len(uids), cases)
		}
		first, err := h.node.Case(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, e := range first.Timeline {
			if strings.HasPrefix(e.Event, "sr ") {
				lines = append(lines, e.Event)
			}
		}
		if want := []string{"sr to pacs: retrying, connection refused", "sr to pacs: sent, taken"}; !slices.Equal(lines, want) {
			t.Errorf("the timeline has %q, want %q", lines, want)
		}
	})
}

// A peer that refuses is tried at growing intervals. When a person mends the
// cause, resuming the destination or another network ends the wait at once.
func TestWaitEndsWhenTheCauseIsMended(t *testing.T) {
	for name, mend := range map[string]func(*harness) error{
		"resumed":      func(h *harness) error { return h.node.Resume(h.Context(), "pacs") },
		"other peers":  func(h *harness) error { return h.node.TryNow(h.Context()) },
		"nothing done": func(*harness) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mended := time.Now().Add(2 * time.Hour)
				h := newHarness(t, nil)
				h.pacs.fail = func(int) error {
					if time.Now().Before(mended) {
						return &node.RefusedError{Detail: "not authorized", Attempts: 1000}
					}
					return nil
				}
				h.judged()
				time.Sleep(time.Until(mended) + time.Second)
				if err := mend(h); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				if at := len(h.pacs.all()) == 1; at != (name != "nothing done") {
					t.Errorf("sent within a second: %v", at)
				}
				time.Sleep(5 * time.Minute)
				h.wait(node.Done)
			})
		})
	}
}
