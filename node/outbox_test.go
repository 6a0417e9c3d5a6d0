package node

import (
	"context"
	"testing"
	"time"
)

func TestWindowOpens(t *testing.T) {
	day := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	at := func(hours float64) time.Time { return day.Add(time.Duration(hours * float64(time.Hour))) }
	office := Window{8 * time.Hour, 18 * time.Hour}
	night := Window{22 * time.Hour, 6 * time.Hour}
	for _, c := range []struct {
		window    Window
		now, want time.Time
	}{
		{Window{}, at(3), at(3)},
		{office, at(8), at(8)},
		{office, at(17.9), at(17.9)},
		{office, at(18), at(32)},
		{office, at(7), at(8)},
		{night, at(23), at(23)},
		{night, at(5), at(5)},
		{night, at(6), at(22)},
		{night, at(12), at(22)},
	} {
		if got := c.window.opens(c.now); !got.Equal(c.want) {
			t.Errorf("window %v at %v opens %v, want %v", c.window, c.now, got, c.want)
		}
	}
}

// unpaused is an index in which no destination is paused.
type unpaused struct{ Index }

func (unpaused) View(context.Context, func(Tx) error) error { return nil }

func TestOutletKeepsItsRate(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	n := &Node{Config: Config{Destinations: []Destination{{Name: "ris", PerMinute: 30}}}, Index: unpaused{}}
	o := outlet{name: "ris", node: n, last: now}
	if got := o.opens(t.Context(), now); got.Sub(now) != 2*time.Second {
		t.Errorf("30 a minute: the next goes out after %v, want 2s", got.Sub(now))
	}
	n.SetDestinations(nil)
	if got := o.opens(t.Context(), now); !got.After(now) {
		t.Error("a destination that is gone is open")
	}
}
