package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// folder is a directory whose files are named in it, which spares the walk to
// it: one hour's, or the incoming one. Drafts of an hour that has passed keep
// theirs; the last of them to go closes it through the garbage collector.
type folder struct {
	name  string   // below the folder of objects
	names *os.File // the directory, to be synced
	syncs groupSync
}

func openFolder(dir string) (*folder, error) {
	names, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	return &folder{name: filepath.Base(dir), names: names}, nil
}

func (d *folder) fd() int { return int(d.names.Fd()) }

// open spares the four calls with which os.OpenFile finds out that a file
// cannot be polled.
func (d *folder) open(name string, flags int) (*os.File, error) {
	fd, err := unix.Openat(d.fd(), name, flags|unix.O_CLOEXEC, 0o640)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// nameless makes a file without a name. What is written to a direct one
// bypasses the page cache.
func (d *folder) nameless(direct bool) (*os.File, error) {
	flags := unix.O_RDWR | unix.O_TMPFILE
	if direct {
		flags |= unix.O_DIRECT
	}
	return d.open(".", flags)
}

// linksNameless tries whether a file can be made without a name and get one
// later. NFS, overlay file systems of old kernels and a system without /proc
// cannot do it.
func (d *folder) linksNameless() bool {
	file, err := d.nameless(false)
	if err != nil {
		return false
	}
	defer file.Close()
	const probe = "probe"
	return d.link(file, probe) == nil && unix.Unlinkat(d.fd(), probe, 0) == nil
}

// link gives a nameless file its name.
func (d *folder) link(file *os.File, name string) error {
	self := fmt.Sprintf("/proc/self/fd/%d", file.Fd())
	if err := unix.Linkat(unix.AT_FDCWD, self, d.fd(), name, unix.AT_SYMLINK_FOLLOW); err != nil {
		return &fs.PathError{Op: "link", Path: name, Err: err}
	}
	return nil
}

// write makes a file, of which nothing is durable yet.
func (d *folder) write(name string, data []byte) error {
	file, err := d.open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Close()); err != nil {
		err = errors.Join(err, unix.Unlinkat(d.fd(), name, 0))
	}
	return err
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
