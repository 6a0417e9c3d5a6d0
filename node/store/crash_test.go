package store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"concord/node"
)

// A process of this test with one of the first two set writes into the store
// there, or into its journal, until it is killed.
const (
	victimDir        = "CONCORD_STORE_TEST_VICTIM"
	journalVictimDir = "CONCORD_STORE_TEST_JOURNAL_VICTIM"
	victimIndex      = "CONCORD_STORE_TEST_INDEX" // its address
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		fmt.Fprintln(os.Stderr, beVictim(dir))
		os.Exit(1)
	}
	if dir := os.Getenv(journalVictimDir); dir != "" {
		fmt.Fprintln(os.Stderr, beJournalVictim(dir))
		os.Exit(1)
	}
	status := m.Run()
	if s, err := startServer(); err == nil {
		s.stop()
	}
	os.Exit(status)
}

// content is what the object of a UID holds: from a few bytes to 300 kB.
func content(uid string) []byte {
	seed := [32]byte{}
	copy(seed[:], uid)
	random := rand.NewChaCha8(seed)
	data := make([]byte, random.Uint64()%300_000)
	random.Read(data)
	return data
}

// beVictim stores objects and index entries and prints what is acknowledged,
// one line each: 'object PATH' and 'indexed PATH'.
func beVictim(dir string) error {
	s, err := OpenAt(context.Background(), dir, os.Getenv(victimIndex), zap.NewNop())
	if err != nil {
		return err
	}
	errs := make(chan error)
	var out sync.Mutex
	acknowledge := func(what, path string) {
		out.Lock()
		defer out.Unlock()
		fmt.Println(what, path)
	}
	for range 4 {
		go func() {
			for {
				if err := victimStep(s, acknowledge); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	return <-errs
}

func victimStep(s *Store, acknowledge func(what, path string)) error {
	uid := fmt.Sprintf("1.%d", rand.Uint64())
	d, err := s.Create()
	if err != nil {
		return err
	}
	defer d.Abort()
	for part := range bytes.SplitSeq(content(uid), []byte{0}) {
		if _, err := d.Write(append(part, 0)); err != nil {
			return err
		}
	}
	stored, err := d.Commit(uid)
	if err != nil {
		return err
	}
	acknowledge("object", stored)
	err = s.Update(context.Background(), func(tx node.Tx) error {
		_, err := tx.AddMessage(&node.Message{Raw: []byte(stored)})
		return errors.Join(err, tx.AddObject(node.Object{SOPInstanceUID: uid, Path: stored}),
			tx.AddJob(node.Job{Queue: "settle", Key: uid}))
	})
	if err != nil {
		return err
	}
	acknowledge("indexed", stored)
	return nil
}

// killVictim lets a process store until it has acknowledged n times, kills it
// and returns all that it acknowledged.
func killVictim(t *testing.T, variable, dir string, n int) (lines []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	victim := exec.Command(self)
	victim.Env = append(os.Environ(), variable+"="+dir)
	var complaints bytes.Buffer
	victim.Stderr = &complaints
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(out)
	for {
		line, err := reader.ReadString('\n')
		if err != nil { // the rest of the pipe was read
			break
		}
		if lines = append(lines, strings.TrimSpace(line)); len(lines) == n {
			victim.Process.Kill()
		}
	}
	victim.Wait()
	if status, ok := victim.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the victim ended by itself: %s", complaints.String())
	}
	return lines
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { killRounds(t, t.TempDir(), "") })
	t.Run("PostgreSQL", func(t *testing.T) {
		dir := t.TempDir()
		killRounds(t, dir, database(t, dir))
	})
}

func killRounds(t *testing.T, dir, address string) {
	t.Setenv(victimIndex, address)
	var acknowledged []string
	for round := range 3 {
		acknowledged = append(acknowledged, killVictim(t, victimDir, dir, 60+50*round)...)
		s, err := OpenAt(t.Context(), dir, address, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		checkAcknowledged(t, s, acknowledged)
		checkWhole(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func checkAcknowledged(t *testing.T, s *Store, acknowledged []string) {
	t.Helper()
	missing := map[string]bool{}
	for _, path := range unindexed(t, s) {
		missing[path] = true
	}
	view(t, s, func(tx node.Tx) error {
		for _, line := range acknowledged {
			what, stored, _ := strings.Cut(line, " ")
			uid := strings.TrimSuffix(path.Base(stored), suffix)
			o, err := tx.Object(uid)
			if err != nil {
				return err
			}
			switch {
			case what == "object" && o == nil && !missing[stored]:
				t.Errorf("%s is neither in the index nor found as missing there", stored)
			case what == "indexed" && (o == nil || o.Path != stored):
				t.Errorf("the index lost %s", stored)
			}
		}
		return nil
	})
}

// checkWhole wants each object whole, and for each indexed one its message and job.
func checkWhole(t *testing.T, s *Store) {
	t.Helper()
	files := tree(t, s.files.dir)
	for _, stored := range files {
		uid := strings.TrimSuffix(path.Base(stored), suffix)
		want := append(content(uid), 0)
		if !bytes.Equal(load(t, s, stored), want) {
			t.Errorf("%s is not whole", stored)
		}
	}
	indexed := len(files) - len(unindexed(t, s))
	for _, table := range []string{"objects", "messages", "jobs"} {
		var n int
		if err := s.read.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		equal(t, table, n, indexed)
	}
}

// TestFullDisk fills a small file system: what does not fit is refused, what
// was acknowledged stays, and the store works on when there is room again.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("needs the right to mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	s := open(t, dir)
	added := fillIndex(t, s, 20)
	var stored []string
	var full error
	for i := 0; full == nil; i++ {
		uid := fmt.Sprintf("1.%d", i)
		if full = tryStore(s, uid); full == nil {
			stored = append(stored, uid)
		}
	}
	if !errors.Is(full, unix.ENOSPC) {
		t.Errorf("a full disk gave %v", full)
	}
	used, err := s.Usage()
	if err != nil || used < 0.8 {
		t.Errorf("used %v of a full disk, %v", used, err)
	}
	added = append(added, fillIndex(t, s, 10_000)...)
	if len(stored) == 0 || len(added) < 20 || len(added) > 10_000 {
		t.Fatalf("%d objects and %d messages fitted", len(stored), len(added))
	}

	files := tree(t, s.files.dir)
	if err := os.Remove(path.Join(s.files.dir, files[0])); err != nil {
		t.Fatal(err)
	}
	for _, file := range files[1:] {
		uid := strings.TrimSuffix(path.Base(file), suffix)
		equal(t, file, bytes.Equal(load(t, s, file), content(uid)), true)
	}
	equal(t, "files", len(files), len(stored))
	update(t, s, func(tx node.Tx) error {
		for _, raw := range added {
			again, err := tx.AddMessage(&node.Message{Raw: raw})
			if err != nil || again {
				return fmt.Errorf("an acknowledged message was lost: %w", err)
			}
		}
		return nil
	})
}

func tryStore(s *Store, uid string) error {
	d, err := s.Create()
	if err != nil {
		return err
	}
	defer d.Abort()
	if _, err := d.Write(content(uid)); err != nil {
		return err
	}
	_, err = d.Commit(uid)
	return err
}

// fillIndex adds n messages, or less when the disk is full before, and returns
// those that were acknowledged.
func fillIndex(t *testing.T, s *Store, n int) (added [][]byte) {
	t.Helper()
	for range n {
		raw := random(1000)
		err := s.Update(t.Context(), func(tx node.Tx) error {
			_, err := tx.AddMessage(&node.Message{Raw: raw})
			return err
		})
		if err != nil {
			return added
		}
		added = append(added, raw)
	}
	return added
}
