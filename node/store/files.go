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
	if err := f.probe(); err != nil {
		return nil, errors.Join(fmt.Errorf("store: %w", err), f.root.Close())
	}
	return f, nil
}

// probe finds out what the file system can do.
func (f *files) probe() error {
	incoming, err := openFolder(f.incoming)
	if err != nil {
		return err
	}
	defer incoming.names.Close()
	f.nameless = incoming.linksNameless()
	if file, err := incoming.nameless(true); f.nameless && err == nil {
		f.direct = true
		file.Close()
	}
	return nil
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
	dir := filepath.Join(f.dir, name)
	if err := os.Mkdir(dir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("store: %w", err)
	}
	d, err := openFolder(dir)
	if err != nil {
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
		if claimed, err := f.claimName(d, name); claimed || err != nil {
			return path.Join(d.name, name), err
		}
	}
	return "", fmt.Errorf("%d different objects with this SOP Instance UID came within the hour; look at their sender", maxTwins)
}

func (f *files) claimName(d *folder, name string) (bool, error) {
	p := path.Join(d.name, name)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reserved[p] {
		return false, nil
	}
	err := unix.Faccessat(d.fd(), name, unix.F_OK, 0)
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
