package node

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestNextTry(t *testing.T) {
	away := errors.New("connection refused")
	refused := fmt.Errorf("send: %w", &RefusedError{Detail: "MSA-1 AE", Attempts: 5})
	final := &RefusedError{Detail: "MSA-1 AR", Attempts: 1}
	for _, c := range []struct {
		attempts, refusals int
		err                error
		wait               time.Duration
		again              bool
	}{
		{1, 0, away, time.Second, true},
		{4, 0, away, 8 * time.Second, true},
		{5000, 4, away, 30 * time.Second, true}, // a peer that is away is never given up
		{4, 4, refused, 8 * time.Second, true},
		{5, 5, refused, 0, false},
		{17, 1, refused, time.Second, true}, // it was away before
		{5, 4, &RefusedError{Attempts: 99}, 8 * time.Second, true},
		{30, 20, &RefusedError{Attempts: 99}, 5 * time.Minute, true},
		{1, 1, final, 0, false},
	} {
		wait, again := nextTry(c.attempts, c.refusals, c.err)
		if wait != c.wait || again != c.again {
			t.Errorf("nextTry(%d, %d, %v) = %v, %v; want %v, %v", c.attempts, c.refusals, c.err, wait, again, c.wait, c.again)
		}
	}
}
