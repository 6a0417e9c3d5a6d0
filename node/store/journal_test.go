package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"concord/node"
)

const (
	smallSegment  = 4000     // no whole blocks: it goes through the page cache, record behind record
	directSegment = 64 << 10 // whole blocks: it bypasses the page cache, each group in its own
)

func openSmall(t testing.TB, dir string, processed uint64) *Journal {
	t.Helper()
	return openSized(t, dir, smallSegment, processed)
}

func openSized(t testing.TB, dir string, size int64, processed uint64) *Journal {
	t.Helper()
	j, err := openJournal(dir, size, processed, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

func appendRecord(t testing.TB, j *Journal, payload []byte) (sequence uint64) {
	t.Helper()
	if err := j.Append(func(n uint64) { sequence = n }, payload[:len(payload)/3], payload[len(payload)/3:]); err != nil {
		t.Fatal(err)
	}
	return sequence
}

func replayed(t testing.TB, j *Journal, after uint64) (found []record) {
	t.Helper()
	err := j.Replay(after, func(sequence uint64, payload []byte) error {
		found = append(found, record{sequence, bytes.Clone(payload)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func segments(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestJournalComesBack(t *testing.T) {
	for _, size := range []int64{smallSegment, directSegment} {
		t.Run(strconv.FormatInt(size, 10), func(t *testing.T) { comesBack(t, size) })
	}
}

func comesBack(t *testing.T, segment int64) {
	dir := t.TempDir()
	var want []record
	for life := range 3 { // each life leaves records to the next
		j := openSized(t, dir, segment, 0)
		if got := replayed(t, j, 0); !slices.EqualFunc(got, want, sameRecord) {
			t.Fatalf("life %d: %d records came back, want %d", life, len(got), len(want))
		}
		for i, size := range []int{0, 1, 100, int(segment) / 2, int(segment) - headerSize - recordHeaderSize, int(segment), 3, bufferSize, 3 * bufferSize, 7} {
			payload := random(size)
			n := appendRecord(t, j, payload)
			if i > 0 && n != want[len(want)-1].sequence+1 {
				t.Fatalf("sequence %d after %d", n, want[len(want)-1].sequence)
			}
			want = append(want, record{n, payload})
		}
		if err := j.close(); err != nil {
			t.Fatal(err)
		}
		if err := j.Append(func(uint64) {}, nil); !errors.Is(err, node.ErrUnavailable) {
			t.Errorf("a closed journal gave %v", err)
		}
	}
	middle := want[12].sequence
	j := openSized(t, dir, segment, middle)
	if got := replayed(t, j, middle); !slices.EqualFunc(got, want[13:], sameRecord) {
		t.Fatalf("%d records came back behind %d", len(got), middle)
	}
	j.Release(want[len(want)-1].sequence)
	if got := replayed(t, j, middle); len(got) > 0 {
		t.Errorf("%d records came back that were given up", len(got))
	}
}

// Groups in blocks of their own: a torn last one is nothing, a damaged one
// before others is missed.
func TestDamagedBlocks(t *testing.T) {
	dir := t.TempDir()
	j := openSized(t, dir, directSegment, 0)
	for range 3 {
		appendRecord(t, j, random(3000))
	}
	if !j.active.direct {
		t.Skip("this file system has no writes that bypass the page cache")
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(segments(t, dir)[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ block, found, missing int }{{3, 3, 0}, {2, 2, 0}, {1, 2, 1}, {0, 2, 1}} {
		damaged := slices.Clone(data)
		clear(damaged[c.block*blockSize+blockSize/2 : (c.block+1)*blockSize])
		found, missing := readRecords(damaged)
		if len(found) != c.found || missing != uint64(c.missing) {
			t.Errorf("block %d: %d records, %d missing; want %d, %d", c.block, len(found), missing, c.found, c.missing)
		}
	}
}

func sameRecord(a, b record) bool {
	return a.sequence == b.sequence && bytes.Equal(a.payload, b.payload)
}

// A journal whose records are given up takes no more room, however much goes
// through it.
func TestJournalUsesItsFilesAgain(t *testing.T) {
	dir := t.TempDir()
	j := openSmall(t, dir, 0)
	for i := range 500 {
		n := appendRecord(t, j, random(i%smallSegment))
		j.Release(n)
	}
	if names := segments(t, dir); len(names) > maxSpare+3 {
		t.Errorf("%d files are left", len(names))
	}
	last := appendRecord(t, j, []byte("last"))
	j.close()
	again := openSmall(t, dir, last-1)
	if got := replayed(t, again, last-1); len(got) != 1 || string(got[0].payload) != "last" {
		t.Errorf("%d records came back", len(got))
	}
	if names := segments(t, dir); len(names) > maxSpare+1 {
		t.Errorf("%d files are left after a start", len(names))
	}
}

// An index that is restored from a backup, or a journal that was removed, must
// not bring sequences back that were used before.
func TestJournalSequencesOnlyGrow(t *testing.T) {
	dir := t.TempDir()
	j := openSmall(t, dir, 1000)
	if n := appendRecord(t, j, []byte("a")); n != 1001 {
		t.Errorf("the first sequence behind 1000 is %d", n)
	}
	j.close()
	if n := appendRecord(t, openSmall(t, dir, 0), []byte("b")); n <= 1001 {
		t.Errorf("sequence %d came twice", n)
	}
}

func TestAppendsShareAFlushInOrder(t *testing.T) {
	j := openSmall(t, t.TempDir(), 0)
	var mu sync.Mutex
	var order []uint64
	var callers sync.WaitGroup
	for c := range 16 {
		callers.Go(func() {
			last := uint64(0)
			for i := range 50 {
				var mine uint64
				err := j.Append(func(n uint64) {
					mu.Lock()
					defer mu.Unlock()
					order, mine = append(order, n), n
				}, fmt.Appendf(nil, "%d %d", c, i))
				if err != nil || mine <= last {
					t.Errorf("sequence %d after %d, %v", mine, last, err)
					return
				}
				last = mine
			}
		})
	}
	callers.Wait()
	if len(order) != 800 || !slices.IsSorted(order) || order[0] != 1 || order[799] != 800 {
		t.Errorf("%d records became durable, in order: %v", len(order), slices.IsSorted(order))
	}
}

// oneSegment is the file of a closed journal of three records, and the end of each.
func oneSegment(t testing.TB) (data []byte, ends []int, payloads [][]byte) {
	t.Helper()
	dir := t.TempDir()
	j := openSmall(t, dir, 0)
	ends = []int{headerSize}
	for _, size := range []int{40, 300, 20} {
		payloads = append(payloads, random(size))
		appendRecord(t, j, payloads[len(payloads)-1])
		ends = append(ends, ends[len(ends)-1]+recordHeaderSize+size)
	}
	j.close()
	data, err := os.ReadFile(segments(t, dir)[0])
	if err != nil {
		t.Fatal(err)
	}
	return data, ends, payloads
}

// A write that a crash cut off anywhere leaves the records before it.
func TestTornTail(t *testing.T) {
	data, ends, payloads := oneSegment(t)
	for cut := headerSize; cut <= ends[3]; cut++ {
		for _, rest := range []byte{0, 0xff} {
			torn := slices.Concat(data[:cut], bytes.Repeat([]byte{rest}, len(data)-cut))
			whole := 0
			for whole < 3 && ends[whole+1] <= cut {
				whole++
			}
			// Bytes of the payload may by chance be what the rest is filled with.
			found, missing := readRecords(torn)
			if len(found) < whole || missing > 0 || len(found) > whole && !bytes.Equal(torn[:ends[len(found)]], data[:ends[len(found)]]) {
				t.Fatalf("cut at %d: %d records, %d missing; want %d", cut, len(found), missing, whole)
			}
			for i, r := range found {
				if r.sequence != uint64(i+1) || !bytes.Equal(r.payload, payloads[i]) {
					t.Fatalf("cut at %d: record %d is not what was written", cut, i)
				}
			}
		}
	}
}

// A flipped bit costs the record that it is in, and no other.
func TestFlippedBit(t *testing.T) {
	data, ends, payloads := oneSegment(t)
	for bit := headerSize * 8; bit < ends[3]*8; bit++ {
		flipped := slices.Clone(data)
		flipped[bit/8] ^= 1 << (bit % 8)
		hit := 0
		for ends[hit+1] <= bit/8 {
			hit++
		}
		found, missing := readRecords(flipped)
		wantMissing := uint64(1)
		if hit == 2 {
			wantMissing = 0 // it looks like a torn tail
		}
		if len(found) != 2 || missing != wantMissing {
			t.Fatalf("bit %d: %d records, %d missing", bit, len(found), missing)
		}
		for _, r := range found {
			if int(r.sequence) == hit+1 || !bytes.Equal(r.payload, payloads[r.sequence-1]) {
				t.Fatalf("bit %d: record %d came back changed", bit, r.sequence)
			}
		}
	}
}

// A damaged segment stays for a person to look at, and holds nothing up.
func TestDamagedSegmentsAreKept(t *testing.T) {
	for what, at := range map[string]int64{"header": 9, "record": headerSize + recordHeaderSize + 3} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			j := openSmall(t, dir, 0)
			for range 3 {
				appendRecord(t, j, random(1000))
			}
			j.close()
			name := segments(t, dir)[0]
			f, err := os.OpenFile(name, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt([]byte{0x55}, at); err != nil {
				t.Fatal(err)
			}
			again := openSmall(t, dir, 0)
			found := replayed(t, again, 0)
			if want := map[string]int{"header": 0, "record": 2}[what]; len(found) != want {
				t.Errorf("%d records came back, want %d", len(found), want)
			}
			n := appendRecord(t, again, []byte("on"))
			again.Release(n)
			if _, err := os.Stat(name + damagedSuffix); err != nil {
				t.Errorf("the damaged segment is gone: %v", err)
			}
			again.close()
			if third := openSmall(t, dir, n); len(replayed(t, third, n)) > 0 {
				t.Error("records came back that were given up")
			}
		})
	}
}

// FuzzReadRecords: whatever a file holds, what comes out was written: records
// whose sequences grow and whose sums fit, within bounded work.
func FuzzReadRecords(f *testing.F) {
	data, ends, _ := oneSegment(f)
	f.Add(data[:ends[3]])
	f.Add(data[:ends[2]-1])
	f.Add(slices.Concat(data[:ends[1]], []byte{1, 2, 3}, data[ends[1]:ends[3]]))
	f.Add(appendHeader(nil, 1, 2))
	header, _ := hex.DecodeString("434f4e434a524e31ffffffffffffffff0000000000000000")
	f.Add(header)
	f.Fuzz(func(t *testing.T, data []byte) {
		found, _ := readRecords(data)
		first, salt, ok := readHeader(data)
		if !ok && len(found) > 0 {
			t.Fatal("records without a header")
		}
		next := first
		for _, r := range found {
			if r.sequence < next || !bytes.Contains(data, appendRecordHeader(nil, salt, r.sequence, r.payload)) {
				t.Fatalf("record %d was not written", r.sequence)
			}
			next = r.sequence + 1
		}
	})
}

// On a full disk an append fails, what was appended stays, and when there is
// room again the journal goes on.
func TestJournalOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("needs the right to mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	j := openSmall(t, dir, 0)
	var durable uint64
	var err error
	for err == nil {
		err = j.Append(func(n uint64) { durable = n }, random(1000))
	}
	if !errors.Is(err, unix.ENOSPC) || durable < 50 {
		t.Fatalf("%v after %d records", err, durable)
	}
	if found := replayedAll(t, dir); len(found) != int(durable) {
		t.Errorf("%d records are there, want %d", len(found), durable)
	}
	j.Release(durable)
	if n := appendRecord(t, j, []byte("on")); n <= durable {
		t.Errorf("sequence %d after %d", n, durable)
	}
	j.close()
}

// replayedAll reads the files of a journal that is open, and may be trying to
// make another.
func replayedAll(t *testing.T, dir string) (found []record) {
	t.Helper()
	for _, name := range segments(t, dir) {
		data, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		records, missing := readRecords(data)
		if missing > 0 {
			t.Errorf("%s lacks %d records", name, missing)
		}
		found = append(found, records...)
	}
	return found
}

// beJournalVictim appends records and gives them an effect that would show if
// it came twice: an order each, which it prints once it is durable.
func beJournalVictim(dir string) error {
	s, err := Open(context.Background(), dir, zap.NewNop())
	if err != nil {
		return err
	}
	s.Journal.size = 64 << 10 // so that segments change often
	queue := make(chan record, 1000)
	errs := make(chan error)
	var out sync.Mutex
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				payload := fmt.Appendf(nil, "%d-%d-%d", os.Getpid(), w, i)
				if i%40 == 20 {
					payload = append(payload, bytes.Repeat([]byte("."), 100<<10)...)
				}
				if err := s.Journal.Append(func(n uint64) { queue <- record{n, payload} }, payload); err != nil {
					errs <- err
					return
				}
				out.Lock()
				fmt.Println(placerOf(payload))
				out.Unlock()
			}
		}()
	}
	go func() {
		for r := range queue {
			batch := []record{r}
			for len(queue) > 0 && len(batch) < 20 {
				batch = append(batch, <-queue)
			}
			if err := giveEffect(s, batch...); err != nil {
				errs <- err
				return
			}
			s.Journal.Release(batch[len(batch)-1].sequence)
		}
	}()
	return <-errs
}

func placerOf(payload []byte) string { return string(bytes.TrimRight(payload, ".")) }

func giveEffect(s *Store, batch ...record) error {
	return s.Update(context.Background(), func(tx node.Tx) error {
		for _, r := range batch {
			if err := tx.AddOrder(node.Order{Placer: placerOf(r.payload)}); err != nil {
				return err
			}
		}
		return tx.SetProcessed(batch[len(batch)-1].sequence)
	})
}

// Law 2: kill -9 in the middle of appends and of their processing, again and
// again; every acknowledged record has its effect exactly once.
func TestKillLeavesEachEffectOnce(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	back := 0
	for round := range 12 {
		for _, placer := range killVictim(t, journalVictimDir, dir, 20+37*round) {
			acknowledged[placer] = true
		}
		s, err := Open(t.Context(), dir, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		back += processRest(t, s)
		checkEffects(t, s, acknowledged)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d records acknowledged; %d came back from the journal", len(acknowledged), back)
	if back == 0 {
		t.Error("nothing was left to be processed: the test shows nothing")
	}
}

// processRest does what a start does. It stops halfway once, as if killed.
func processRest(t *testing.T, s *Store) (back int) {
	t.Helper()
	stopped := errors.New("stopped")
	for _, limit := range []int{3, 1 << 30} {
		var processed uint64
		view(t, s, func(tx node.Tx) (err error) {
			processed, err = tx.Processed()
			return err
		})
		n := 0
		err := s.Journal.Replay(processed, func(sequence uint64, payload []byte) error {
			if n++; n > limit {
				return stopped
			}
			back++
			return giveEffect(s, record{sequence, payload})
		})
		if err != nil && !errors.Is(err, stopped) {
			t.Fatal(err)
		}
	}
	return back
}

func checkEffects(t *testing.T, s *Store, acknowledged map[string]bool) {
	t.Helper()
	rows, err := s.read.Query(`SELECT placer, count(*) FROM orders GROUP BY placer`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	seen := map[string]bool{}
	for rows.Next() {
		var placer string
		var n int
		if err := rows.Scan(&placer, &n); err != nil {
			t.Fatal(err)
		}
		if seen[placer] = true; n != 1 {
			t.Errorf("%s took effect %d times", placer, n)
		}
	}
	for placer := range acknowledged {
		if !seen[placer] {
			t.Errorf("%s was acknowledged and has no effect", placer)
		}
	}
}
