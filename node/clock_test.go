package node

import (
	"testing"
	"time"
)

func TestClockJump(t *testing.T) {
	for _, c := range []struct{ wall, steady, want time.Duration }{
		{time.Second, time.Second, 0},
		{time.Second + 200*time.Millisecond, time.Second, 0}, // slewed
		{2 * time.Hour, 2 * time.Hour, 0},                    // the process was stopped
		{time.Hour, time.Second, time.Hour - time.Second},
		{-time.Hour, time.Second, -time.Hour - time.Second},
	} {
		if got := clockJump(c.wall, c.steady); got != c.want {
			t.Errorf("clockJump(%v, %v) = %v, want %v", c.wall, c.steady, got, c.want)
		}
	}
}
