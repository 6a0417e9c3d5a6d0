package node

import (
	"context"
	"sync"
	"time"
)

// destinations are where results go now, with a worker for each.
type destinations struct {
	mu      sync.RWMutex
	list    []Destination // never changed, only replaced
	set     bool
	workers map[string]context.CancelFunc
	start   func(name string) context.CancelFunc // nil before Run
}

// Destinations lists where results go.
func (n *Node) Destinations() []Destination {
	d := &n.destinations
	d.mu.RLock()
	defer d.mu.RUnlock()
	if !d.set {
		return n.Config.Destinations
	}
	return d.list
}

// SetDestinations replaces the destinations while the node runs. What waits for
// one that is gone stays in its queue, and goes out when one of the name is
// there again.
func (n *Node) SetDestinations(list []Destination) {
	d := &n.destinations
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list, d.set = list, true
	d.staff()
	for _, to := range list {
		n.Wake(deliverQueue(to.Name)) // it may be open now, or take more
	}
}

// staff starts and ends workers so that each destination has one.
func (d *destinations) staff() {
	if d.start == nil {
		return
	}
	wanted := map[string]bool{}
	for _, to := range d.list {
		wanted[to.Name] = true
		if d.workers[to.Name] == nil {
			d.workers[to.Name] = d.start(to.Name)
		}
	}
	for name, stop := range d.workers {
		if !wanted[name] {
			stop()
			delete(d.workers, name)
		}
	}
}

// runDestinations staffs the destinations until ctx ends.
func (n *Node) runDestinations(ctx context.Context, running *sync.WaitGroup) {
	list := n.Destinations()
	d := &n.destinations
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.set {
		d.list, d.set = list, true
	}
	d.workers = map[string]context.CancelFunc{}
	d.start = func(name string) context.CancelFunc {
		own, stop := context.WithCancel(ctx)
		out := &outlet{name: name, node: n}
		running.Go(func() {
			n.work(own, deliverQueue(name), true, out.opens, func(own context.Context, j *Job) error {
				err := n.deliver(own, out, j)
				if own.Err() != nil && ctx.Err() == nil { // dismissed at work: the next of the name need not wait for the lease
					return n.retry(ctx, j, time.Now())
				}
				return err
			})
		})
		return stop
	}
	d.staff()
}

// dismissDestinations ends the hiring of workers: Run waits for those there are.
func (n *Node) dismissDestinations() {
	d := &n.destinations
	d.mu.Lock()
	defer d.mu.Unlock()
	d.start = nil
}

// destination finds a destination by its name, nil when there is none.
func (n *Node) destination(name string) *Destination {
	list := n.Destinations()
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}
