package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"concord/node"
)

const (
	suffix = ".dcm"
	// bufferSize bytes of an object collect before they are written: 64
	// associations hold 8 MiB.
	bufferSize = 128 << 10
	// directWrite is the size from which a write goes to the file as it is:
	// copying it would cost more than the call saves.
	directWrite = 32 << 10
	// writeBack is how much of a large object may be unwritten before the
	// kernel is asked to begin, so that Commit does not wait for all of it.
	writeBack = 4 << 20
	// maxTwins bounds the objects of one name in a folder.
	maxTwins = 1000
)

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// draft is an object being received: an open file that has no name yet, or one
// in the incoming folder where the file system needs names.
type draft struct {
	files    *files
	folder   *folder
	file     *os.File
	temp     string // its name in the incoming folder, if it has one
	buffer   *[bufferSize]byte
	buffered int
	written  int64 // bytes given to the file
	begun    int64 // bytes the kernel was asked to write back
	err      error // of an earlier write: the draft is spoilt
}

// Create starts an object in the folder of the hour. Errors of a full disk,
// here and in Write and Commit, wrap syscall.ENOSPC.
func (s *Store) Create() (node.Draft, error) {
	f := s.files
	folder, err := f.now()
	if err != nil {
		return nil, err
	}
	d := &draft{files: f, folder: folder}
	if f.nameless {
		d.file, err = openNameless(folder.path)
	} else if d.file, err = os.CreateTemp(f.incoming, "*.part"); err == nil {
		d.temp = d.file.Name()
	}
	if err != nil {
		return nil, fmt.Errorf("store: create object: %w", err)
	}
	d.buffer = buffers.Get().(*[bufferSize]byte)
	return d, nil
}

var errDraftOver = errors.New("store: the object was committed or aborted before")

// Write appends to the object.
func (d *draft) Write(p []byte) (int, error) {
	if err := d.usable(); err != nil {
		return 0, err
	}
	if len(p) >= directWrite || d.buffered+len(p) > bufferSize {
		if err := d.flush(); err != nil {
			return 0, err
		}
	}
	if len(p) >= directWrite {
		return d.put(p)
	}
	d.buffered += copy(d.buffer[d.buffered:], p)
	return len(p), nil
}

// ReadFrom reads r to its end straight into the buffer that is written to the
// file.
func (d *draft) ReadFrom(r io.Reader) (total int64, err error) {
	if err := d.usable(); err != nil {
		return 0, err
	}
	for empty := 0; empty < 100; empty++ {
		if d.buffered == bufferSize {
			if err := d.flush(); err != nil {
				return total, err
			}
		}
		n, err := r.Read(d.buffer[d.buffered:])
		d.buffered += n
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

// ReadAt reads what was written so far.
func (d *draft) ReadAt(p []byte, off int64) (int, error) {
	if err := d.usable(); err != nil {
		return 0, err
	}
	if d.written > 0 {
		if err := d.flush(); err != nil {
			return 0, err
		}
		return d.file.ReadAt(p, off)
	}
	if off < 0 || off >= int64(d.buffered) {
		return 0, io.EOF
	}
	n := copy(p, d.buffer[off:d.buffered])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (d *draft) usable() error {
	if d.buffer == nil {
		return errDraftOver
	}
	return d.err
}

func (d *draft) flush() error {
	if d.buffered == 0 {
		return nil
	}
	_, err := d.put(d.buffer[:d.buffered])
	d.buffered = 0
	return err
}

// put writes to the file and keeps the kernel's write-back going.
func (d *draft) put(p []byte) (int, error) {
	n, err := d.file.Write(p)
	d.written += int64(n)
	if err != nil {
		d.err = fmt.Errorf("store: write object: %w", err)
		return n, d.err
	}
	if d.written-d.begun >= writeBack {
		// Only a hint: the sync in Commit is what counts.
		_ = unix.SyncFileRange(int(d.file.Fd()), d.begun, d.written-d.begun, unix.SYNC_FILE_RANGE_WRITE)
		d.begun = d.written
	}
	return n, nil
}

// Commit makes the bytes durable, then the name, and returns the path.
func (d *draft) Commit(name string) (string, error) {
	if err := d.usable(); err != nil {
		return "", err
	}
	if err := d.flush(); err != nil {
		return "", err
	}
	stored, err := d.publish(fileName(name))
	if err != nil {
		d.err = fmt.Errorf("store: commit object: %w", err)
		return "", d.err
	}
	d.files.counts.objects.Add(1)
	d.Abort()
	return path.Join(d.folder.name, stored), nil
}

// publish is the commit step: the data is flushed before the file gets its
// name, so that no name ever stands for half an object, and the name is
// flushed before the caller may acknowledge.
func (d *draft) publish(base string) (string, error) {
	if err := unix.Fdatasync(int(d.file.Fd())); err != nil {
		return "", fmt.Errorf("flush: %w", err)
	}
	d.files.counts.fileSyncs.Add(1)
	name, err := d.link(base)
	if err != nil {
		return "", err
	}
	return name, d.folder.syncs.do(func() error {
		d.files.counts.folderSyncs.Add(1)
		return d.folder.names.Sync()
	})
}

// link gives the file its name, or the next free one after it.
func (d *draft) link(base string) (string, error) {
	for n := 1; n <= maxTwins; n++ {
		name := base + suffix
		if n > 1 {
			name = base + "~" + strconv.Itoa(n) + suffix
		}
		if d.files.isReserved(path.Join(d.folder.name, name)) {
			continue
		}
		err := d.linkAs(filepath.Join(d.folder.path, name))
		if !errors.Is(err, fs.ErrExist) {
			return name, err
		}
	}
	return "", fmt.Errorf("%d different objects with this SOP Instance UID came within the hour; look at their sender", maxTwins)
}

func (d *draft) linkAs(name string) error {
	if d.temp == "" {
		return linkNameless(d.file, name)
	}
	return os.Link(d.temp, name)
}

// Abort gives the draft up. After Commit it has nothing left to do.
func (d *draft) Abort() {
	if d.buffer == nil {
		return
	}
	buffers.Put(d.buffer)
	d.buffer = nil
	d.file.Close()
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
