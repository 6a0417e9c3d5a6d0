package node

import (
	"context"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"concord/inference"
)

// Shadow asks a second pack what the first one was asked, for figures only:
// what it says is never shown, stored or sent. It works beside the cases and
// leaves out what it cannot keep up with.
type Shadow struct {
	Log   *zap.Logger
	Stats ShadowStats

	queue  chan shadowed
	asking sync.Mutex // held while the pack is asked about a case
	model  atomic.Pointer[inference.Live]
}

// ShadowStats counts what became of the statements since the start.
type ShadowStats struct {
	Skipped, Failed atomic.Int64
	agreement       [len(Verdicts)][len(Verdicts)]atomic.Int64
}

// Verdicts are all verdicts.
var Verdicts = [...]Verdict{Yes, No, Maybe, NotJudged}

// shadowQueue bounds the cases that wait, each with its pictures: some 30 MB.
const shadowQueue = 4

// shadowed is what the first pack was asked, and what it said.
type shadowed struct {
	pictures  []picture
	questions []inference.Statement
	verdicts  []Verdict
}

// NewShadow makes a shadow without a pack; Run lets it work.
func NewShadow(log *zap.Logger) *Shadow {
	return &Shadow{Log: log, queue: make(chan shadowed, shadowQueue)}
}

// Use says which pack is compared from now on; nil: none. The one before is not
// asked any more when it returns.
func (s *Shadow) Use(model *inference.Live) {
	s.asking.Lock()
	defer s.asking.Unlock()
	s.model.Store(model)
}

// offer takes a case where there is a pack, and room.
func (s *Shadow) offer(asked shadowed) {
	if s.model.Load() == nil {
		return
	}
	select {
	case s.queue <- asked:
	default:
		s.Stats.Skipped.Add(int64(len(asked.questions)))
	}
}

// Run compares until ctx ends.
func (s *Shadow) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case asked := <-s.queue:
			if err := s.compare(ctx, asked); err != nil && ctx.Err() == nil {
				s.Stats.Failed.Add(int64(len(asked.questions)))
				s.Log.Warn("the shadow pack failed", zap.Error(err))
			}
		}
	}
}

func (s *Shadow) compare(ctx context.Context, asked shadowed) error {
	s.asking.Lock()
	defer s.asking.Unlock()
	model := s.model.Load()
	if model == nil {
		return nil
	}
	session := model.Begin(false)
	defer session.End()
	scores, err := askSession(ctx, session, asked.pictures, asked.questions)
	if err != nil {
		return err
	}
	for k, first := range asked.verdicts {
		var second Statement
		combine(&second, asked.pictures, func(p int) inference.Score { return scores[p][k] }, &english)
		s.Stats.count(first, second.Verdict)
	}
	return nil
}

func (s *ShadowStats) count(first, second Verdict) {
	for i, a := range Verdicts {
		for j, b := range Verdicts {
			if a == first && b == second {
				s.agreement[i][j].Add(1)
			}
		}
	}
}

// Each calls f for each pair of verdicts with how many statements got it.
func (s *ShadowStats) Each(f func(live, shadow Verdict, n int64)) {
	for i, live := range Verdicts {
		for j, shadow := range Verdicts {
			f(live, shadow, s.agreement[i][j].Load())
		}
	}
}
