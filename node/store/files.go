package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"concord/node"
)

// files is the folder of objects. A folder holds what one hour (UTC) brought,
// so that no directory grows without bound and the oldest go first.
type files struct {
	dir      string // <data dir>/objects
	incoming string // <data dir>/incoming
	root     *os.Root
	nameless bool // the file system makes files without a name (O_TMPFILE) and links them later
	direct   bool // it lets their bytes bypass the page cache (O_DIRECT)
	index    node.Index
	counts   *counters
	buffers  buffers
	recent   *recent

	mu      sync.Mutex
	current *folder
	used    map[string]bool // names of the folders that drafts of this process may be in

	reserved map[string]bool // paths that objects about to be named have claimed, or of files being deleted
}

func openFiles(dataDir string, index node.Index, counts *counters) (*files, error) {
	f := &files{dir: filepath.Join(dataDir, "objects"), incoming: filepath.Join(dataDir, "incoming"),
		index: index, counts: counts, used: map[string]bool{}, reserved: map[string]bool{}}
	if err := os.RemoveAll(f.incoming); err != nil { // what a crash left of drafts
		return nil, fmt.Errorf("store: remove unfinished objects: %w", err)
	}
	for _, dir := range []string{f.dir, f.incoming} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
	}
	var err error
	if f.root, err = os.OpenRoot(f.dir); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	f.nameless = linksNameless(f.incoming)
	if file, err := openNameless(f.incoming, true); f.nameless && err == nil {
		f.direct = true
		file.Close()
	}
	return f, nil
}

func (f *files) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.root.Close()
	if f.current != nil {
		err = errors.Join(err, f.current.names.Close())
	}
	if f.recent != nil {
		err = errors.Join(err, f.recent.journal.close())
	}
	f.buffers.close()
	return err
}

// linksNameless tries whether a file can be made without a name and get one
// later. NFS, overlay file systems of old kernels and a system without /proc
// cannot do it.
func linksNameless(dir string) bool {
	file, err := openNameless(dir, false)
	if err != nil {
		return false
	}
	defer file.Close()
	probe := filepath.Join(dir, "probe")
	if linkNameless(file, probe) != nil {
		return false
	}
	return os.Remove(probe) == nil
}

// openNameless spares the four calls with which os.OpenFile finds out that a
// file cannot be polled. What is written to a direct one bypasses the page
// cache.
func openNameless(dir string, direct bool) (*os.File, error) {
	flags := unix.O_RDWR | unix.O_TMPFILE | unix.O_CLOEXEC
	if direct {
		flags |= unix.O_DIRECT
	}
	fd, err := unix.Open(dir, flags, 0o640)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	return os.NewFile(uintptr(fd), dir), nil
}

func linkNameless(file *os.File, name string) error {
	self := fmt.Sprintf("/proc/self/fd/%d", file.Fd())
	return unix.Linkat(unix.AT_FDCWD, self, unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
}

// folder is one hour's folder. Drafts of an hour that has passed keep theirs;
// the last of them to go closes it through the garbage collector.
type folder struct {
	name  string
	path  string
	names *os.File // the directory, to be synced
	syncs groupSync
}

// now returns the folder of the current hour.
func (f *files) now() (*folder, error) {
	name := time.Now().UTC().Format("2006010215")
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current != nil && f.current.name == name {
		return f.current, nil
	}
	if err := f.unseal(name); err != nil {
		return nil, err
	}
	d := &folder{name: name, path: filepath.Join(f.dir, name)}
	if err := os.Mkdir(d.path, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("store: %w", err)
	}
	var err error
	if d.names, err = os.Open(d.path); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := syncDir(f.dir); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	f.used[name] = true
	f.current = d
	return d, nil
}

// maxTwins bounds the objects of one name in a folder.
const maxTwins = 1000

// claim finds the path for an object of a name in a folder, and keeps others
// from getting it until it is released.
func (f *files) claim(d *folder, base string) (string, error) {
	for n := 1; n <= maxTwins; n++ {
		name := base + suffix
		if n > 1 {
			name = base + "~" + strconv.Itoa(n) + suffix
		}
		if claimed, err := f.claimPath(path.Join(d.name, name)); claimed || err != nil {
			return path.Join(d.name, name), err
		}
	}
	return "", fmt.Errorf("%d different objects with this SOP Instance UID came within the hour; look at their sender", maxTwins)
}

func (f *files) claimPath(p string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reserved[p] {
		return false, nil
	}
	err := unix.Access(filepath.Join(f.dir, p), unix.F_OK)
	if err != unix.ENOENT {
		return false, err
	}
	f.reserved[p] = true
	return true, nil
}

// unseal makes the next start look into the folder again. A folder is sealed
// already if the clock went back.
func (f *files) unseal(name string) error {
	sealed, err := f.isSealed(name)
	if err != nil || !sealed {
		return err
	}
	return f.index.Update(context.Background(), func(t node.Tx) error { return t.(*tx).unseal(name) })
}

func (f *files) isSealed(name string) (sealed bool, err error) {
	err = f.index.View(context.Background(), func(t node.Tx) error {
		sealed, err = t.(*tx).sealed(name)
		return err
	})
	return sealed, err
}

// groupSync lets callers that come while a sync runs share the next one.
type groupSync struct {
	mu      sync.Mutex
	running *syncRun // the last that began
	next    *syncRun // waits for running to end, and for callers
}

type syncRun struct {
	done chan struct{}
	err  error
}

// do returns after a sync that began after the call.
func (g *groupSync) do(sync func() error) error {
	g.mu.Lock()
	run, before, leads := g.next, g.running, g.next == nil
	if leads {
		run = &syncRun{done: make(chan struct{})}
		g.next = run
	}
	g.mu.Unlock()
	if !leads {
		<-run.done
		return run.err
	}
	if before != nil {
		<-before.done
	}
	g.mu.Lock()
	g.running, g.next = run, nil
	g.mu.Unlock()
	run.err = sync()
	close(run.done)
	return run.err
}

// storedFile is a committed object.
type storedFile struct {
	*os.File
	size int64
}

func (f *storedFile) Size() int64 { return f.size }

// Open reads the object at a path that Commit returned. A path that leaves the
// object store is refused, also through symbolic links.
func (s *Store) Open(path string) (node.ObjectFile, error) {
	file, err := s.files.root.Open(path)
	if err != nil {
		return nil, fmt.Errorf("store: open object: %w", err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("store: open object: %s is not a file", path)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &storedFile{File: file, size: info.Size()}, nil
}

// Unindexed calls fn with the path of each committed object that the index
// lacks, folder by folder. Folders that hold no such object, and that this
// process has not written to, are sealed: later starts skip them.
func (s *Store) Unindexed(fn func(path string) error) error {
	entries, err := os.ReadDir(s.files.dir)
	if err != nil {
		return fmt.Errorf("store: list objects: %w", err)
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		if err := s.unindexedIn(entry.Name(), fn); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) unindexedIn(folder string, fn func(path string) error) error {
	sealed, err := s.files.isSealed(folder)
	if err != nil || sealed {
		return err
	}
	missing, err := s.missing(folder)
	if err != nil {
		return err
	}
	if len(missing) == 0 {
		return s.files.seal(folder)
	}
	for _, path := range missing {
		if err := fn(path); err != nil {
			return err
		}
	}
	return nil
}

// missing lists the objects of a folder that the index lacks, in the order of
// their names, so that an object comes before its twins.
func (s *Store) missing(folder string) (paths []string, err error) {
	entries, err := os.ReadDir(filepath.Join(s.files.dir, folder))
	if err != nil {
		return nil, fmt.Errorf("store: list objects: %w", err)
	}
	var known map[string]bool
	err = s.View(context.Background(), func(t node.Tx) error {
		known, err = t.(*tx).folderPaths(folder)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		name := path.Join(folder, entry.Name())
		if entry.Type().IsRegular() && strings.HasSuffix(name, suffix) && !known[name] {
			paths = append(paths, name)
		}
	}
	return paths, nil
}

// seal holds the lock that now needs to hand the folder out.
func (f *files) seal(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.used[name] {
		return nil
	}
	return f.index.Update(context.Background(), func(t node.Tx) error { return t.(*tx).seal(name) })
}
