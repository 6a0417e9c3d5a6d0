package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"concord/dicom/ae"
)

// associationIdle is how long an association is kept for its next use.
const associationIdle = 10 * time.Second

// pool keeps one association with a peer, with the contexts of one service,
// for a while after its use.
type pool struct {
	client   *ae.Client
	contexts []ae.Context

	mu   sync.Mutex
	kept *ae.Association // nil: none
	idle *time.Timer     // releases kept
}

// use performs operations on the kept association or a new one. Where the peer
// ended the kept one meanwhile, do is called once more, on a new one.
func (p *pool) use(ctx context.Context, do func(*ae.Association) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, reused, err := p.associate(ctx)
	if err != nil {
		return err
	}
	err = do(a)
	if err != nil && reused && !isStatus(err) {
		if a, _, err = p.associate(ctx); err != nil {
			return err
		}
		err = do(a)
	}
	if err == nil || isStatus(err) {
		p.keep(a)
	} else {
		a.Abort()
	}
	return err
}

func isStatus(err error) bool { return errors.As(err, new(*ae.StatusError)) }

// associate takes the kept association or requests one.
func (p *pool) associate(ctx context.Context) (a *ae.Association, reused bool, err error) {
	if p.kept != nil {
		a, p.kept = p.kept, nil
		p.idle.Stop()
		return a, true, nil
	}
	a, err = p.client.Dial(ctx, p.contexts)
	return a, false, err
}

// keep holds the association for the next use.
func (p *pool) keep(a *ae.Association) {
	p.kept = a
	p.idle = time.AfterFunc(associationIdle, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.kept != a {
			return // in use again
		}
		p.kept = nil
		ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
		defer cancel()
		_ = a.Release(ctx) // whatever comes of it, nothing is lost
	})
}
