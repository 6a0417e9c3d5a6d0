package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"concord/node"
)

const (
	suffix = ".dcm"
	// headSize bytes from the start of an object stay in memory, for the scan
	// of its header.
	headSize = 64 << 10
	// directFrom is the size from which an object bypasses the page cache, which
	// spares a copy and the making of pages, and the journal: writing so much
	// twice costs more than a flush.
	directFrom = 64 << 10
	// writeBack is how much of a large object may be unwritten before the
	// kernel is asked to begin, where the page cache cannot be bypassed.
	writeBack = 4 << 20
)

// draft is an object being received. It lies in memory until it outgrows that;
// then in a file that has no name yet, or one in the incoming folder where the
// file system needs names.
type draft struct {
	files   *files
	folder  *folder
	memory  *buffer // nil: committed or aborted
	used    int     // bytes in memory
	file    *os.File
	temp    string // its name in the incoming folder, if it has one
	direct  bool   // the file bypasses the page cache
	written int64  // bytes given to the file; memory[headSize:used] follows them
	begun   int64  // bytes the kernel was asked to write back
	err     error  // of an earlier write: the draft is spoilt
}

// Create starts an object in the folder of the hour. Errors of a full disk,
// here and in Write and Commit, wrap syscall.ENOSPC.
func (s *Store) Create() (node.Draft, error) {
	if err := s.hold(); err != nil {
		return nil, err
	}
	folder, err := s.files.now()
	if err != nil {
		return nil, err
	}
	d := &draft{files: s.files, folder: folder}
	if d.memory, err = s.files.buffers.get(); err != nil {
		return nil, fmt.Errorf("store: create object: %w", err)
	}
	return d, nil
}

var errDraftOver = errors.New("store: the object was committed or aborted before")

func (d *draft) usable() error {
	if d.memory == nil {
		return errDraftOver
	}
	return d.err
}

// Write appends to the object.
func (d *draft) Write(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		room, err := d.room()
		if err != nil {
			return n, err
		}
		m := copy(room, p[n:])
		d.used += m
		n += m
	}
	return n, d.usable()
}

// ReadFrom reads r to its end straight into the memory that is written to the
// file.
func (d *draft) ReadFrom(r io.Reader) (total int64, err error) {
	for empty := 0; empty < 100; empty++ {
		room, err := d.room()
		if err != nil {
			return total, err
		}
		n, err := r.Read(room)
		d.used += n
		total += int64(n)
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		if n > 0 {
			empty = -1
		}
	}
	return total, io.ErrNoProgress
}

// room is the memory for what comes next, a byte at least.
func (d *draft) room() ([]byte, error) {
	if err := d.usable(); err != nil {
		return nil, err
	}
	if d.used == len(d.memory) {
		if err := d.spill(); err != nil {
			return nil, err
		}
	}
	return d.memory[d.used:], nil
}

// unwritten are the bytes that only memory holds.
func (d *draft) unwritten() []byte {
	if d.written == 0 {
		return d.memory[:d.used]
	}
	return d.memory[headSize:d.used]
}

// spill writes what memory holds to the file. It is whole blocks while memory
// was full each time.
func (d *draft) spill() error {
	if d.err = d.write(d.unwritten()); d.err != nil {
		return d.err
	}
	d.used = headSize
	return nil
}

// write appends to the file, which it makes.
func (d *draft) write(p []byte) error {
	if err := d.open(); err != nil {
		return fmt.Errorf("store: create object: %w", err)
	}
	whole := len(p)
	if d.direct {
		whole &^= blockSize - 1
	}
	for _, part := range [][]byte{p[:whole], p[whole:]} {
		if len(part) == 0 {
			continue
		}
		if len(part)%blockSize != 0 {
			d.cached()
		}
		n, err := d.file.Write(part)
		d.written += int64(n)
		if err != nil {
			return fmt.Errorf("store: write object: %w", err)
		}
	}
	if !d.direct && d.written-d.begun >= writeBack {
		// Only a hint: the flush is what counts.
		_ = unix.SyncFileRange(int(d.file.Fd()), d.begun, d.written-d.begun, unix.SYNC_FILE_RANGE_WRITE)
		d.begun = d.written
	}
	return nil
}

// open makes the file.
func (d *draft) open() (err error) {
	if d.file != nil {
		return nil
	}
	d.direct = d.files.direct && d.used >= directFrom
	if d.files.nameless {
		d.file, err = d.folder.nameless(d.direct)
		return err
	}
	d.direct = false
	if d.file, err = os.CreateTemp(d.files.incoming, "*.part"); err == nil {
		d.temp = d.file.Name()
	}
	return err
}

// cached makes the file go through the page cache from now on, as parts of
// blocks must. The kernel keeps both ways coherent.
func (d *draft) cached() {
	if !d.direct {
		return
	}
	d.direct = false
	// The only flag of an open file that is set besides; where it fails, so
	// does the write or read that follows, with its own error.
	_, _ = unix.FcntlInt(d.file.Fd(), unix.F_SETFL, unix.O_RDWR)
}

// ReadAt reads what was written so far: the first headSize bytes, and all of a
// small object, from memory.
func (d *draft) ReadAt(p []byte, off int64) (int, error) {
	if err := d.usable(); err != nil {
		return 0, err
	}
	n := 0
	for n < len(p) {
		m, err := d.readSome(p[n:], off+int64(n))
		if n += m; err != nil {
			return n, err
		}
	}
	return n, nil
}

func (d *draft) readSome(p []byte, off int64) (int, error) {
	rest := d.unwritten()
	switch {
	case off < 0 || off >= d.written+int64(len(rest)):
		return 0, io.EOF
	case off >= d.written:
		return copy(p, rest[off-d.written:]), nil
	case off < headSize:
		return copy(p, d.memory[off:headSize]), nil
	}
	d.cached()
	return d.file.ReadAt(p[:min(int64(len(p)), d.written-off)], off)
}

// Commit makes the object durable and gives it its name, and returns the path.
func (d *draft) Commit(name string) (string, error) {
	if err := d.usable(); err != nil {
		return "", err
	}
	stored, err := d.publish(fileName(name))
	if err != nil {
		d.err = fmt.Errorf("store: commit object: %w", err)
		return "", d.err
	}
	d.files.counts.objects.Add(1)
	d.Abort()
	return stored, nil
}

// publish is the commit step, in one of two ways.
func (d *draft) publish(base string) (string, error) {
	name, err := d.files.claim(d.folder, base)
	if err != nil {
		return "", err
	}
	if d.file == nil && d.used < directFrom {
		if end, ok := d.files.recent.begin(d.used); ok {
			defer end()
			return name, d.journal(name)
		}
	}
	return name, d.flush(name)
}

// flush makes file and name durable: the data before the file gets its name,
// so that no name ever stands for half an object, and the name before the
// caller may acknowledge.
func (d *draft) flush(name string) error {
	defer d.files.release([]string{name})
	if err := d.write(d.unwritten()); err != nil {
		return err
	}
	if err := unix.Fdatasync(int(d.file.Fd())); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	d.files.counts.fileSyncs.Add(1)
	if err := d.link(name); err != nil {
		return err
	}
	return d.folder.syncs.do(func() error {
		d.files.counts.folderSyncs.Add(1)
		return d.folder.names.Sync()
	})
}

// journal makes the object durable by a record of it, which many objects flush
// together. Its file follows: what a crash leaves of that, the record mends.
func (d *draft) journal(name string) error {
	if d.files.recent.record(name, d.memory[:d.used]) != nil {
		return d.flush(name) // the journal finds no room, or its disk fails
	}
	if err := d.folder.write(path.Base(name), d.memory[:d.used]); err != nil {
		// The name stays claimed, so that no other object gets a revoked one.
		return errors.Join(err, d.files.recent.revoke(name))
	}
	d.files.release([]string{name})
	return nil
}

func (d *draft) link(name string) error {
	if d.temp == "" {
		return d.folder.link(d.file, path.Base(name))
	}
	return os.Link(d.temp, filepath.Join(d.files.dir, name))
}

// Abort gives the draft up. After Commit it has nothing left to do.
func (d *draft) Abort() {
	if d.memory == nil {
		return
	}
	d.files.buffers.put(d.memory)
	d.memory = nil
	if d.file != nil {
		d.file.Close()
	}
	if d.temp != "" {
		_ = os.Remove(d.temp) // what stays goes with the next Open
	}
}

// fileName is the UID if it looks like one (PS3.5 9.1), else a digest: peers
// choose names, and a name must not choose a folder.
func fileName(uid string) string {
	if len(uid) <= 64 && strings.Trim(uid, "0123456789.") == "" && strings.Trim(uid, ".") == uid && uid != "" {
		return uid
	}
	digest := sha256.Sum256([]byte(uid))
	return "x" + hex.EncodeToString(digest[:16])
}
