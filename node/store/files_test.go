package store

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"concord/node"
)

// eachWay runs a test with each way in which objects get on the disk: by
// files that have no name until they are committed, past the page cache and
// through it, by the names that other file systems need, and by the journal.
func eachWay(t *testing.T, run func(t *testing.T, s *Store)) {
	for name, choose := range map[string]func(f *files) (possible bool){
		"direct":  func(f *files) bool { return f.direct },
		"cached":  func(f *files) bool { f.direct = false; return f.nameless },
		"named":   func(f *files) bool { f.nameless = false; return true },
		"journal": func(f *files) bool { warm(t, f); return true },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			if !choose(s.files) {
				t.Skip("not on this file system")
			}
			run(t, s)
		})
	}
}

// warm makes the journal ready.
func warm(t testing.TB, f *files) {
	t.Helper()
	for range recentSegments {
		f.recent.lengthen()
	}
	if f.recent.capacity.Load() == 0 {
		t.Skip("the disk is too full for the journal")
	}
}

func store(t testing.TB, s *Store, name string, data []byte) string {
	t.Helper()
	d, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Abort()
	if _, err := d.Write(data); err != nil {
		t.Fatal(err)
	}
	path, err := d.Commit(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t testing.TB, s *Store, path string) []byte {
	t.Helper()
	f, err := s.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// tree lists the files below a directory.
func tree(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func random(n int) []byte {
	data := make([]byte, n)
	rand.Read(data)
	return data
}

func TestObjectComesBackAsItCame(t *testing.T) {
	eachWay(t, func(t *testing.T, s *Store) {
		for _, sizes := range [][]int{{0}, {1}, {5000}, {300, bufferSize - 300}, {300, bufferSize}, {bufferSize, 1}, {directFrom}, {directFrom + 1, 7},
			{bufferSize, bufferSize - headSize, blockSize}, slices.Repeat([]int{100 << 10}, 40), slices.Repeat([]int{writeBack / 3}, 7)} {
			var want []byte
			d, err := s.Create()
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range sizes {
				part := random(n)
				want = append(want, part...)
				if written, err := d.Write(part); written != n || err != nil {
					t.Fatalf("wrote %d of %d: %v", written, n, err)
				}
				got, err := io.ReadAll(io.NewSectionReader(d, 0, int64(len(want))+1))
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("draft of %v holds %d bytes, want %d: %v", sizes, len(got), len(want), err)
				}
			}
			path, err := d.Commit("1.2.3")
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(load(t, s, path), want) {
				t.Errorf("object of %v came back otherwise", sizes)
			}
		}
	})
}

func TestReadFrom(t *testing.T) {
	s := open(t, t.TempDir())
	for _, n := range []int{0, 1, bufferSize - 100, bufferSize, 2*bufferSize - headSize - 100, 3*bufferSize + 17} {
		want := random(n + 100)
		d, err := s.Create()
		if err != nil {
			t.Fatal(err)
		}
		d.Write(want[:100])
		copied, err := io.Copy(d, iotest.HalfReader(bytes.NewReader(want[100:])))
		if copied != int64(n) || err != nil {
			t.Fatalf("copied %d of %d: %v", copied, n, err)
		}
		path, err := d.Commit("1.2")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(load(t, s, path), want) {
			t.Errorf("object of %d bytes came back otherwise", n)
		}
	}
	d, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Abort()
	broken := errors.New("connection reset")
	if _, err := io.Copy(d, iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("a reader's error became %v", err)
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	eachWay(t, func(t *testing.T, s *Store) {
		d, err := s.Create()
		if err != nil {
			t.Fatal(err)
		}
		d.Write(random(bufferSize * 2))
		d.Abort()
		d.Abort()
		if _, err := d.Write([]byte{1}); err == nil {
			t.Error("wrote after Abort")
		}
		if _, err := d.ReadAt(make([]byte, 1), 0); err == nil {
			t.Error("read after Abort")
		}
		if _, err := d.Commit("1.2"); err == nil {
			t.Error("committed after Abort")
		}
		path := store(t, s, "1.2.3", []byte("x"))
		equal(t, "files", append(tree(t, s.files.dir), tree(t, s.files.incoming)...), []string{path})
	})
}

var storedPath = regexp.MustCompile(`^\d{10}/[0-9a-z.~]+\.dcm$`)

func TestHostileNames(t *testing.T) {
	eachWay(t, func(t *testing.T, s *Store) {
		seen := map[string]bool{}
		for _, name := range []string{"", ".", "..", "../../etc/passwd", "/etc/passwd", "1.2/../../3", "a\x00b", "1.2.3~2", "1.2.3.dcm",
			strings.Repeat("1", 65), strings.Repeat("../", 2000), "1..2", "01.2", "1.2.3 ", "\xff\xfe", "CON", "1.2.3"} {
			path := store(t, s, name, []byte(name))
			if !storedPath.MatchString(path) || seen[path] {
				t.Errorf("name %.20q became %q", name, path)
			}
			seen[path] = true
			if got := load(t, s, path); string(got) != name {
				t.Errorf("%s holds %q", path, got)
			}
		}
		equal(t, "files", len(tree(t, filepath.Dir(s.files.dir))), len(seen)+len(tree(t, s.files.incoming))+
			len(tree(t, s.files.recent.journal.dir))+len([]string{"lock", "db", "wal", "shm"}))
	})
}

func FuzzFileName(f *testing.F) {
	for _, seed := range []string{"", "1.2.840.10008.1.1", "..", "../x", "1..2", "1.2\x00", strings.Repeat("9", 64), strings.Repeat("9", 65)} {
		f.Add(seed)
	}
	plain := regexp.MustCompile(`^[0-9a-z.]{1,64}$`)
	f.Fuzz(func(t *testing.T, uid string) {
		name := fileName(uid)
		if !plain.MatchString(name) || name[0] == '.' {
			t.Errorf("%q became %q", uid, name)
		}
		if name != fileName(uid) || (name != uid && name == fileName(name)) {
			t.Errorf("%q shares its name with another UID", uid)
		}
	})
}

func TestOpenStaysInTheStore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	path := store(t, s, "1.2.3", []byte("x"))
	folder := filepath.Join(s.files.dir, filepath.Dir(path))
	if err := os.Symlink(filepath.Join(dir, "concord.db"), filepath.Join(folder, "9.9.dcm")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", ".", "..", "../concord.db", "/etc/passwd", filepath.Dir(path), filepath.Dir(path) + "/../../concord.db",
		filepath.Dir(path) + "/9.9.dcm", "a\x00b", filepath.Join(s.files.dir, path)} {
		if f, err := s.Open(path); err == nil {
			f.Close()
			t.Errorf("opened %q", path)
		}
	}
}

func TestSameNameAtTheSameTime(t *testing.T) {
	eachWay(t, func(t *testing.T, s *Store) {
		const n = 40
		paths := make([]string, n)
		var writers sync.WaitGroup
		for i := range n {
			writers.Go(func() { paths[i] = store(t, s, "1.2.3", []byte{byte(i)}) })
		}
		writers.Wait()
		for i, path := range paths {
			equal(t, path, load(t, s, path), []byte{byte(i)})
		}
		slices.Sort(paths)
		equal(t, "different paths", len(slices.Compact(paths)), n)
		equal(t, "names left in the incoming folder", len(tree(t, s.files.incoming)), 0)
	})
}

func TestTooManyTwins(t *testing.T) {
	s := open(t, t.TempDir())
	d, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Abort()
	folder := filepath.Join(s.files.dir, d.(*draft).folder.name)
	for n := 1; n <= maxTwins; n++ {
		name := strings.Replace(fmt.Sprintf("1.2~%d.dcm", n), "~1.", ".", 1)
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Commit("1.2"); err == nil {
		t.Error("no limit to objects of one name")
	}
}

func TestCommitsShareAFolderSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g groupSync
		var runs int
		goOn := make(chan struct{})
		go g.do(func() error {
			runs++
			<-goOn
			return nil
		})
		synctest.Wait()
		broken := errors.New("disk")
		for range 20 {
			go func() {
				err := g.do(func() error {
					runs++
					return broken
				})
				if !errors.Is(err, broken) {
					t.Errorf("got %v", err)
				}
			}()
		}
		synctest.Wait()
		close(goOn)
		synctest.Wait()
		equal(t, "syncs for a first caller and twenty that came meanwhile", runs, 2)
	})
}

func TestDraftsOfACrashAreRemoved(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	path := store(t, s, "1.2.3", []byte("x"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "incoming", "123.part"), random(10), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	equal(t, "drafts", len(tree(t, s.files.incoming)), 0)
	equal(t, "object", load(t, s, path), []byte("x"))
}

func unindexed(t *testing.T, s *Store) (paths []string) {
	t.Helper()
	err := s.Unindexed(func(path string) error {
		paths = append(paths, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func putFile(t *testing.T, s *Store, path string) {
	t.Helper()
	path = filepath.Join(s.files.dir, path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func addPath(t *testing.T, s *Store, path string) {
	t.Helper()
	update(t, s, func(tx node.Tx) error { return tx.AddObject(node.Object{Path: path, SOPInstanceUID: path}) })
}

func TestUnindexed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, path := range []string{"2025010100/1.2.dcm", "2025010100/1.2~2.dcm", "2025010100/1.10.dcm", "2025010100/notes.txt",
		"2024123123/9.dcm", "2025010101/7.dcm"} {
		putFile(t, s, path)
	}
	addPath(t, s, "2025010100/1.10.dcm")
	addPath(t, s, "2025010101/7.dcm")
	addPath(t, s, "2025010100/gone.dcm")
	mine := store(t, s, "3.3", []byte("x"))
	want := []string{"2024123123/9.dcm", "2025010100/1.2.dcm", "2025010100/1.2~2.dcm", mine}
	equal(t, "unindexed", unindexed(t, s), want)
	equal(t, "unindexed, asked again", unindexed(t, s), want)

	putFile(t, s, "2025010101/8.dcm") // not by Commit: a sealed folder is not looked at
	for _, path := range want[:3] {
		addPath(t, s, path)
	}
	equal(t, "unindexed once three are indexed", unindexed(t, s), []string{mine})
	stop := errors.New("stop")
	if err := s.Unindexed(func(string) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

func TestFolderInUseIsNotSealed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	addPath(t, s, store(t, s, "1.1", []byte("x")))
	equal(t, "unindexed", len(unindexed(t, s)), 0)
	late := store(t, s, "1.2", []byte("x"))
	equal(t, "unindexed after another commit", unindexed(t, s), []string{late})
	addPath(t, s, late)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, dir) // now the folder gets its seal, and loses it with the next commit
	equal(t, "unindexed after a restart", len(unindexed(t, s)), 0)
	last := store(t, s, "1.3", []byte("x"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	equal(t, "unindexed after a commit into a sealed folder", unindexed(t, s), []string{last})
}

func TestUsage(t *testing.T) {
	s := open(t, t.TempDir())
	used, err := s.Usage()
	if err != nil || used < 0 || used > 1 {
		t.Errorf("used %v, %v", used, err)
	}
}
