package node

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Objects gather for a moment and go in batches; none is lost or waits for more
// to come.
func TestObjectsGatherForTheIndex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var x indexer
		x.init()
		for _, count := range []int{1, 2, indexBatch - 1, indexBatch, indexBatch + 1, 2*indexBatch + 1} {
			for i := range count {
				x.enqueue(t.Context(), Object{SOPInstanceUID: fmt.Sprint(i)})
			}
			began, got := time.Now(), 0
			for got < count {
				batch := x.next(t.Context())
				if len(batch) == 0 || len(batch) > indexBatch {
					t.Fatalf("a batch of %d", len(batch))
				}
				for _, o := range batch {
					if o.SOPInstanceUID != fmt.Sprint(got) {
						t.Fatalf("object %s came as number %d of %d", o.SOPInstanceUID, got, count)
					}
					got++
				}
			}
			if waited := time.Since(began); waited > indexDelay || count%indexBatch != 0 && waited == 0 {
				t.Errorf("%d objects waited %v", count, waited)
			}
		}
	})
}

// Who stores waits while the index lags too much, until it follows or the node
// stops.
func TestTheIndexMayLagSoMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var x indexer
		x.init()
		ctx, stop := context.WithCancel(t.Context())
		var done, waiting sync.WaitGroup
		for range indexBacklog {
			x.enqueue(ctx, Object{Aside: true})
		}
		for range 3 {
			done.Go(func() { x.enqueue(ctx, Object{Aside: true}) })
		}
		synctest.Wait()
		if n := x.waiting(); n != indexBacklog {
			t.Errorf("%d objects wait for the index, want %d", n, indexBacklog)
		}
		if n := len(x.next(ctx)); n != indexBatch {
			t.Errorf("a batch of %d, want %d", n, indexBatch)
		}
		done.Wait()
		for x.waiting() < indexBacklog {
			x.enqueue(ctx, Object{Aside: true})
		}
		waiting.Go(func() { x.enqueue(ctx, Object{Aside: true}) })
		synctest.Wait()
		stop()
		waiting.Wait()
		if batch := (&indexer{told: make(chan struct{})}).next(ctx); batch != nil {
			t.Errorf("a batch of %d after the end", len(batch))
		}
	})
}
