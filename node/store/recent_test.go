package store

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// crashed opens what a power cut would leave of a store: the files at their
// paths as damage makes them, the journal and the index.
func crashed(t *testing.T, s *Store, damage func(path string)) *Store {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Dir(s.files.dir))); err != nil {
		t.Fatal(err)
	}
	for _, path := range tree(t, filepath.Join(dir, "objects")) {
		damage(filepath.Join(dir, "objects", path))
	}
	return open(t, dir)
}

func TestJournalBringsObjectsBack(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"kept":      func(string) error { return nil },
		"gone":      os.Remove,
		"empty":     func(path string) error { return os.Truncate(path, 0) },
		"damaged":   func(path string) error { return os.WriteFile(path, make([]byte, 5000), 0o640) },
		"no folder": func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			warm(t, s.files)
			want := map[string][]byte{}
			for i, n := range []int{0, 1, 5000, directFrom - 1} {
				data := random(n)
				want[store(t, s, "1."+strconv.Itoa(i), data)] = data
			}
			twin := random(100)
			want[store(t, s, "1.2", twin)] = twin
			again := crashed(t, s, func(path string) {
				if err := damage(path); err != nil {
					t.Fatal(err)
				}
			})
			for path, data := range want {
				equal(t, path, load(t, again, path), data)
			}
			equal(t, "files", len(tree(t, again.files.dir)), len(want))
			equal(t, "unindexed", len(unindexed(t, again)), len(want))
		})
	}
}

func TestSettledObjectsStayAway(t *testing.T) {
	s := open(t, t.TempDir())
	warm(t, s.files)
	removed := store(t, s, "1.1", random(10))
	if err := s.files.recent.settle(); err != nil {
		t.Fatal(err)
	}
	kept := store(t, s, "1.2", random(10))
	again := crashed(t, s, func(path string) { os.Remove(path) })
	equal(t, "brought back", tree(t, again.files.dir), []string{kept})
	if f, err := again.Open(removed); err == nil {
		f.Close()
		t.Error("a removed object came back")
	}
}

func TestRecentObjectsShareFlushes(t *testing.T) {
	s := open(t, t.TempDir())
	warm(t, s.files)
	before := s.Counts()
	const n = 400
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := range n / 8 {
				store(t, s, "1."+strconv.Itoa(w)+"."+strconv.Itoa(i), random(100))
			}
		})
	}
	writers.Wait()
	after := s.Counts()
	if flushes := after.RecordSyncs - before.RecordSyncs; flushes > n || flushes == 0 {
		t.Errorf("%d flushes of the journal for %d objects", flushes, n)
	}
	equal(t, "flushes of files and folders", after.FileSyncs+after.FolderSyncs, before.FileSyncs+before.FolderSyncs)
}

func TestACleanEndLeavesNothingToBringBack(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	warm(t, s.files)
	path := store(t, s, "1.1", random(10))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "objects", path)); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	equal(t, "files", len(tree(t, s.files.dir)), 0)
	if s.files.recent.capacity.Load() == 0 {
		t.Error("the journal of the last run is not used again")
	}
}

func TestManyRecentObjectsAreSettled(t *testing.T) {
	s := open(t, t.TempDir())
	warm(t, s.files)
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 160 {
				store(t, s, strconv.Itoa(w)+"."+strconv.Itoa(i), make([]byte, directFrom-1))
			}
		})
	}
	writers.Wait()
	s.files.recent.workers.Wait()
	r := s.files.recent
	if n := r.unsettled.Load(); n > r.capacity.Load()/2 || n < 0 {
		t.Errorf("%d bytes are in the journal alone", n)
	}
	if n := len(tree(t, r.journal.dir)); n > recentSegments+1 {
		t.Errorf("the journal has %d segments", n)
	}
}

func TestDamagedRecords(t *testing.T) {
	for _, record := range []string{"", "\x01", "\x05\x00ab", "\x0c\x00../../escape", "\x04\x00/etc", "\xff\xff"} {
		if path, _, _, err := readRecord([]byte(record)); err == nil {
			t.Errorf("%q names %q", record, path)
		}
	}
}

// An object whose file could not be written was refused: it does not come back,
// but what another process stores under its name later does.
func TestRevokedRecord(t *testing.T) {
	s := open(t, t.TempDir())
	warm(t, s.files)
	kept := store(t, s, "1.1", []byte("kept"))
	d, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Abort()
	d.Write([]byte("refused"))
	if err := os.RemoveAll(filepath.Join(s.files.dir, filepath.Dir(kept))); err != nil { // no file can be made
		t.Fatal(err)
	}
	if path, err := d.Commit("1.2"); err == nil {
		t.Fatalf("stored as %s without a file", path)
	}
	again := crashed(t, s, func(path string) { os.Remove(path) })
	equal(t, "files", tree(t, again.files.dir), []string{kept})

	warm(t, again.files)
	later := store(t, again, "1.2", []byte("later"))
	again = crashed(t, again, func(path string) { os.Remove(path) })
	equal(t, later, load(t, again, later), []byte("later"))
}
