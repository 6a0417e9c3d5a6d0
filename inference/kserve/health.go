package kserve

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"concord/inference/kserve/protocol"
)

// How long a server that failed is left alone: doubled with each failure in a row.
const (
	firstRest = 250 * time.Millisecond
	lastRest  = 15 * time.Second
)

// A server is one address with how it does.
type server struct {
	protocol.GRPCInferenceServiceClient
	address string
	conn    *grpc.ClientConn

	mu       sync.Mutex
	busy     int             // runs under way
	failures int             // in a row
	rests    time.Time       // no run before
	checked  map[string]bool // models whose metadata was seen since the last failure
}

// pick takes the server for a run: one that works and is the least busy, else the one that rests the shortest.
// done gives it back.
func (e *Engine) pick() *server {
	best := e.servers[0]
	rests, busy := best.state()
	for _, s := range e.servers[1:] {
		if r, b := s.state(); r < rests || r == rests && b < busy {
			best, rests, busy = s, r, b
		}
	}
	best.mu.Lock()
	defer best.mu.Unlock()
	best.busy++
	return best
}

// state says how long a server rests yet and how many runs it has.
func (s *server) state() (rests time.Duration, busy int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(0, time.Until(s.rests)), s.busy
}

// wait lets a server rest.
func (s *server) wait(ctx context.Context) error {
	rests, _ := s.state()
	timer := time.NewTimer(rests)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// done says how a run ended. After a failure the server rests, and its models are checked anew: it may come back
// with others.
func (s *server) done(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
	switch status.Code(err) {
	case codes.OK:
		s.failures = 0
	case codes.InvalidArgument: // the request is at fault
	default:
		s.rests = time.Now().Add(min(firstRest<<min(s.failures, 10), lastRest))
		s.failures++
		s.checked = nil
		s.conn.ResetConnectBackoff() // the rest is the only wait
	}
}

func (s *server) isChecked(model string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checked[model]
}

func (s *server) setChecked(model string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.checked == nil {
		s.checked = map[string]bool{}
	}
	s.checked[model] = true
}
