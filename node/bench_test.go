package node_test

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"concord/node"
	"concord/node/store"
)

// BenchmarkReceiveMessage measures messages of 1 kB from their receipt to
// their effect, from some senders at once; 'acks/s' is what the senders see.
func BenchmarkReceiveMessage(b *testing.B) {
	for _, senders := range []int{1, 16} {
		b.Run(fmt.Sprint(senders), func(b *testing.B) {
			s, err := store.Open(b.Context(), b.TempDir(), zap.NewNop())
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			n := &node.Node{Index: s, Objects: s, Journal: s.Journal, Log: zap.NewNop(), Judge: &node.Judge{Open: s.Open},
				Config: node.Config{Expire: time.Hour}}
			s.OnJob = n.Wake
			go n.Run(b.Context())
			messages := make([][]byte, b.N)
			for i := range messages {
				messages[i] = message{control: fmt.Sprint("M", i), filler: fmt.Sprint("F", i), accession: fmt.Sprint("A", i),
					patient: fmt.Sprint("P", i), status: "F", text: benchText}.bytes()
			}
			b.ReportAllocs()
			began := cpuTime(b)
			b.ResetTimer()
			var next atomic.Int64
			var running sync.WaitGroup
			for range senders {
				running.Go(func() {
					for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
						if ack := n.ReceiveMessage(b.Context(), "bench", messages[i]); !bytes.Contains(ack, []byte("MSA|AA|")) {
							b.Errorf("not acknowledged: %q", ack)
							return
						}
					}
				})
			}
			running.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "acks/s")
			for done := 0; done < b.N; time.Sleep(time.Millisecond) {
				err := s.View(b.Context(), func(tx node.Tx) error {
					n, err := tx.Processed()
					done = int(n)
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpuTime(b)-began).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

// cpuTime is what the process has used, user and system.
func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

var benchText = fmt.Sprintf("%0750d", 0)
