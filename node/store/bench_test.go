package store

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"concord/node"
)

// share runs do b.N times, spread over writers.
func share(b *testing.B, writers int, do func(i int64) error) {
	var next atomic.Int64
	var running sync.WaitGroup
	for range writers {
		running.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				if err := do(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
}

// BenchmarkUpdate is a message of 1 kB with its job.
func BenchmarkUpdate(b *testing.B) {
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := open(b, b.TempDir())
			body := random(1000)
			before := s.Counts()
			b.ResetTimer()
			share(b, writers, func(i int64) error {
				m := &node.Message{ControlID: fmt.Sprint(i), Raw: fmt.Appendf(nil, "%d%s", i, body), ReceivedAt: time.Now()}
				return s.Update(context.Background(), func(tx node.Tx) error {
					if _, err := tx.AddMessage(m); err != nil {
						return err
					}
					return tx.AddJob(node.Job{Queue: "q", Key: m.ControlID, RunAt: m.ReceivedAt})
				})
			})
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
			b.ReportMetric(float64(s.Counts().Commits-before.Commits)/float64(b.N), "commits/update")
		})
	}
}

func BenchmarkCommit(b *testing.B) {
	for _, size := range []int{5_000, 500_000, 15_000_000, 110_000_000} {
		data := random(size)
		for _, writers := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("bytes=%d/writers=%d", size, writers), func(b *testing.B) {
				s := open(b, b.TempDir())
				b.SetBytes(int64(size))
				b.ResetTimer()
				share(b, writers, func(i int64) error { return benchObject(s, i, data) })
				b.StopTimer()
				c := s.Counts()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "objects/s")
				b.ReportMetric(float64(c.FileSyncs+c.FolderSyncs+c.RecordSyncs)/float64(b.N), "fsyncs/object")
			})
		}
	}
}

// benchObject writes an object as it comes from the wire, 128 KiB at a time.
func benchObject(s *Store, i int64, data []byte) error {
	d, err := s.Create()
	if err != nil {
		return err
	}
	defer d.Abort()
	for off := 0; off < len(data); off += 128 << 10 {
		if _, err := d.Write(data[off:min(off+128<<10, len(data))]); err != nil {
			return err
		}
	}
	_, err = d.Commit(fmt.Sprintf("1.2.%d", i))
	return err
}

// BenchmarkCases lists and looks up in an index of so many cases as
// CONCORD_STORE_CASES says.
func BenchmarkCases(b *testing.B) {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("CONCORD_STORE_CASES"), "20000"))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("SQLite", func(b *testing.B) { benchCases(b, open(b, b.TempDir()), n) })
	b.Run("PostgreSQL", func(b *testing.B) {
		benchCases(b, openAt(b, b.TempDir(), database(b, b.TempDir())), n)
	})
}

func benchCases(b *testing.B, s *Store, n int) {
	for first := 0; first < n; first += 1000 {
		if err := s.Update(b.Context(), func(tx node.Tx) error { return addBenchCases(tx, first, min(first+1000, n)) }); err != nil {
			b.Fatal(err)
		}
	}
	if s.address != nil { // as autovacuum does in its time
		if _, err := s.read.Exec("ANALYZE"); err != nil {
			b.Fatal(err)
		}
	}
	for name, ask := range map[string]func(node.Tx) error{
		"list":      func(tx node.Tx) error { return listBenchCases(tx, node.CaseFilter{State: node.Done, Limit: 50}) },
		"rare":      func(tx node.Tx) error { return listBenchCases(tx, node.CaseFilter{State: node.Failed, Limit: 50}) },
		"page":      func(tx node.Tx) error { return listBenchCases(tx, node.CaseFilter{BeforeID: int64(n) / 2, Limit: 50}) },
		"accession": func(tx node.Tx) error { return listBenchCases(tx, node.CaseFilter{Accession: "A77", State: node.Done}) },
		"patient":   func(tx node.Tx) error { return listBenchCases(tx, node.CaseFilter{PatientID: "P77", Limit: 50}) },
		"waiting": func(tx node.Tx) error {
			return ignore(tx.WaitingFor(node.Study{UID: "1.77", Accession: "A77", Filler: "F7"}))
		},
		"teaching": func(tx node.Tx) error { return ignore(tx.Sums(5000)) },
		"count":    func(tx node.Tx) error { return ignore(tx.CountCases()) },
	} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				if err := s.View(b.Context(), ask); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// listBenchCases reads cases with all that a list shows of them.
func listBenchCases(tx node.Tx, filter node.CaseFilter) error {
	cases, err := tx.Cases(filter)
	if err != nil {
		return err
	}
	ids := make([]int64, len(cases))
	for i, c := range cases {
		ids[i] = c.ID
	}
	if _, err := tx.CaseDeliveries(ids...); err != nil {
		return err
	}
	return ignore(tx.Timelines(ids...))
}

func ignore[T any](_ T, err error) error { return err }

// addBenchCases adds cases of about 4 kB, one in ten of which waits for images.
func addBenchCases(tx node.Tx, from, to int) error {
	statement := node.Statement{Text: "The cardiac silhouette is within normal limits.", Terms: make([]node.Term, 3), Images: make([]node.ImageRef, 2)}
	for i := from; i < to; i++ {
		c := &node.Case{State: node.Done, StudyUID: fmt.Sprintf("1.%d", i), Accession: fmt.Sprintf("A%d", i), PatientID: fmt.Sprintf("P%d", i/3),
			ReportKey: fmt.Sprint(i), Report: report(fmt.Sprintf("A%d", i), "", "", ""), Statements: slices.Repeat([]node.Statement{statement}, 5)}
		if i%10 == 0 {
			c.State, c.StudyUID = node.WaitingImages, ""
		}
		if err := tx.AddCase(c); err != nil {
			return err
		}
		if err := addBenchHistory(tx, c.ID); err != nil {
			return err
		}
		if err := tx.PutSum(c.ID, node.AuthorWeek{Author: fmt.Sprint(i % 30), Week: day.AddDate(0, 0, -7*(i%26)), Statements: 5}); err != nil {
			return err
		}
	}
	return nil
}

func addBenchHistory(tx node.Tx, id int64) error {
	for _, event := range []string{"report received", "judged", "sr to pacs: sent"} {
		if err := tx.AddEvent(id, node.CaseEvent{At: day, Event: event}); err != nil {
			return err
		}
	}
	return tx.AddDelivery(&node.Delivery{CaseID: id, Destination: "pacs", Kind: node.SR, State: node.DeliverySent, At: day, Payload: make([]byte, 100)})
}
