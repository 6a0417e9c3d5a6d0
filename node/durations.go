package node

import (
	"sync/atomic"
	"time"
)

// durationBounds are the upper bounds of the buckets of Durations.
var durationBounds = [...]time.Duration{5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second,
	5 * time.Second / 2, 5 * time.Second, 10 * time.Second, 30 * time.Second}

// Durations counts how often something took how long. The zero value is ready.
type Durations struct {
	counts [len(durationBounds) + 1]atomic.Int64
	sum    atomic.Int64 // nanoseconds
}

// Observe counts one duration.
func (d *Durations) Observe(took time.Duration) {
	i := 0
	for i < len(durationBounds) && took > durationBounds[i] {
		i++
	}
	d.counts[i].Add(1)
	d.sum.Add(int64(took))
}

// Histogram gives the number of durations, their sum, and how many were at
// most as long as each bound, in seconds.
func (d *Durations) Histogram() (count uint64, sum float64, atMost map[float64]uint64) {
	atMost = make(map[float64]uint64, len(durationBounds))
	for i := range d.counts {
		count += uint64(d.counts[i].Load())
		if i < len(durationBounds) {
			atMost[durationBounds[i].Seconds()] = count
		}
	}
	return count, time.Duration(d.sum.Load()).Seconds(), atMost
}
