package node

import (
	"testing"
	"time"
)

// Messages of steady traffic are due about when they come; those of a burst
// gather, but not for longer than maxLag.
func TestWhenMessagesAreDue(t *testing.T) {
	start := time.Now()
	for _, c := range []struct {
		name  string
		count int
		every time.Duration // one came
		due   time.Duration // after the first came
	}{
		{"the only one", 1, 0, patience},
		{"200 a second", 2, 5 * time.Millisecond, 2 * patience},
		{"a few at once", 5, 0, 5 * patience},
		{"the end of a burst", 500, 100 * time.Microsecond, 499*100*time.Microsecond + lull},
		{"amid a burst", 10000, 100 * time.Microsecond, maxLag},
	} {
		var b backlog
		for i := range c.count {
			b.add(&received{sequence: uint64(i + 1), Message: Message{ReceivedAt: start.Add(time.Duration(i) * c.every)}})
		}
		if due := b.due(start).Sub(start); due != c.due {
			t.Errorf("%s: due after %v, want %v", c.name, due, c.due)
		}
		b.wanted = 1
		if now := start.Add(time.Microsecond); !b.due(now).Equal(now) {
			t.Errorf("%s: not due at once for one who waits for it", c.name)
		}
	}
	if due := new(backlog).due(start); !due.IsZero() {
		t.Errorf("nothing waits, and it is due at %v", due)
	}
}
