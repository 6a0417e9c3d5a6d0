package node

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// indexer bounds the work on incoming objects, holds those that are on disk
// but not yet in the index, and keeps two associations from storing one SOP
// instance at the same time.
type indexer struct {
	once    sync.Once
	mu      sync.Mutex
	freed   *sync.Cond
	busy    map[string]bool    // SOP instances being compared and committed
	pending map[string]*Object // committed, not indexed
	queue   []Object           // at most indexBacklog × about 1 KB
	told    chan struct{}      // room for one: the queue is not empty any more, or holds a batch
	scans   map[string]int     // header scans under way, by caller
	scanned int                // … of all callers
}

const (
	indexBacklog = 4096                   // objects whose index entry may lag; then C-STORE waits
	indexBatch   = 1000                   // objects in one transaction
	indexDelay   = 100 * time.Millisecond // so long one waits for others: the index then flushes seldom, and leaves the disk to the objects
	maxScans     = 4                      // at once: a hostile header may cost 40 MiB, an honest one some 50 µs
	callerScans  = 2                      // of these for one caller: the others never wait for it
)

func (x *indexer) init() {
	x.once.Do(func() {
		x.freed = sync.NewCond(&x.mu)
		x.busy, x.pending = map[string]bool{}, map[string]*Object{}
		x.told, x.scans = make(chan struct{}, 1), map[string]int{}
	})
}

// read is readObject, for some objects at once.
func (x *indexer) read(r io.ReaderAt, size int64, in Incoming) (*Object, error) {
	x.beginScan(in.Caller)
	defer x.endScan(in.Caller)
	return readObject(r, size, in)
}

func (x *indexer) beginScan(caller string) {
	x.init()
	x.mu.Lock()
	defer x.mu.Unlock()
	for x.scanned >= maxScans || x.scans[caller] >= callerScans {
		x.freed.Wait()
	}
	x.scanned++
	x.scans[caller]++
}

func (x *indexer) endScan(caller string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.scanned--
	if x.scans[caller]--; x.scans[caller] == 0 {
		delete(x.scans, caller)
	}
	x.freed.Broadcast()
}

func (x *indexer) lock(uid string) {
	x.init()
	x.mu.Lock()
	defer x.mu.Unlock()
	for x.busy[uid] {
		x.freed.Wait()
	}
	x.busy[uid] = true
}

func (x *indexer) unlock(uid string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.busy, uid)
	x.freed.Broadcast()
}

func (x *indexer) find(uid string) *Object {
	x.init()
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.pending[uid]
}

// enqueue hands a durable object to the index and waits while the backlog is
// full. When the node stops first, the next start finds it on disk. Objects in
// between wake nobody: a switch of threads costs as much as the rest of this.
func (x *indexer) enqueue(ctx context.Context, o Object) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !o.Aside {
		x.pending[o.SOPInstanceUID] = &o
	}
	if len(x.queue) >= indexBacklog {
		defer context.AfterFunc(ctx, x.wake)()
	}
	for len(x.queue) >= indexBacklog && ctx.Err() == nil {
		x.freed.Wait()
	}
	x.queue = append(x.queue, o)
	if n := len(x.queue); n == 1 || n == indexBatch {
		select {
		case x.told <- struct{}{}:
		default:
		}
	}
}

// wake makes all who wait look again.
func (x *indexer) wake() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.freed.Broadcast()
}

// indexObjects moves stored objects into the index, many in one transaction.
func (n *Node) indexObjects(ctx context.Context) {
	n.intake.init()
	if draft, err := n.Objects.Create(); err == nil { // or the first object would wait for its folder
		draft.Abort()
	}
	for {
		batch := n.intake.next(ctx)
		if batch == nil {
			return
		}
		for attempt := 1; ; attempt++ {
			err := n.index(ctx, batch)
			if err == nil || ctx.Err() != nil {
				break
			}
			n.Log.Error("cannot index stored objects; trying again", zap.Int("objects", len(batch)), zap.Error(err))
			rest(ctx, nil, time.Now().Add(retryDelay(attempt)))
		}
		n.intake.forget(batch)
	}
}

func (x *indexer) forget(batch []Object) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, o := range batch {
		delete(x.pending, o.SOPInstanceUID)
	}
}

// next waits for an object and takes those that come within indexDelay.
func (x *indexer) next(ctx context.Context) []Object {
	var due <-chan time.Time
	for {
		waiting := x.waiting()
		if waiting >= indexBatch {
			return x.take()
		}
		if waiting > 0 && due == nil {
			due = time.After(indexDelay)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-x.told:
		case <-due:
			return x.take()
		}
	}
}

func (x *indexer) waiting() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.queue)
}

func (x *indexer) take() []Object {
	x.mu.Lock()
	defer x.mu.Unlock()
	batch := slices.Clone(x.queue[:min(len(x.queue), indexBatch)])
	x.queue = slices.Delete(x.queue, 0, len(batch))
	x.freed.Broadcast()
	return batch
}

// index enters objects and what follows from them for their cases.
func (n *Node) index(ctx context.Context, batch []Object) error {
	return n.Index.Update(ctx, func(tx Tx) error {
		var order []string
		byStudy := map[string][]Object{}
		for _, o := range batch {
			enter := tx.AddObject
			if o.Restored {
				enter = tx.ReplaceObject
			}
			if err := enter(o); err != nil {
				return err
			}
			if o.Aside || o.Restored {
				continue
			}
			uid := o.Header.StudyUID
			if byStudy[uid] == nil {
				order = append(order, uid)
			}
			byStudy[uid] = append(byStudy[uid], o)
		}
		for _, uid := range order {
			if err := n.joinObjects(tx, byStudy[uid], time.Now()); err != nil {
				return err
			}
		}
		return nil
	})
}
