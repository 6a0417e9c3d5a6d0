package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"concord/node"
)

const (
	// recentSegments of a journal are used in turn, 64 MiB in all.
	recentSegments = 4
	// segmentUse of each counts: what comes together may leave the rest unused.
	segmentUse = segmentSize / 2
	// warmAfter commits the journal is made: whoever gets a few objects needs none.
	warmAfter = 16
	// minFree is the room on the disk below which there is no journal.
	minFree = 16 * recentSegments * segmentSize
)

// recent makes small objects durable before their files are: a record of each
// in a journal, where objects that come together share one flush, and now and
// then one flush of the file system for all files since the last.
type recent struct {
	files   *files
	log     *zap.Logger
	journal *Journal

	commits  atomic.Int64 // while there is no journal
	capacity atomic.Int64 // bytes of records that fit
	workers  sync.WaitGroup

	naming    sync.RWMutex // read by commits from the record to the name of the file
	unsettled atomic.Int64 // bytes of records
	last      atomic.Uint64
	working   atomic.Bool // on more room
	settles   groupSync
	settled   uint64 // of the caller that settles
}

// openRecent brings back the objects that a crash left in the journal only.
func openRecent(dir string, f *files, log *zap.Logger) (r *recent, err error) {
	r = &recent{files: f, log: log}
	err = f.index.View(context.Background(), func(t node.Tx) error {
		r.settled, err = t.(*tx).position(objectJournal)
		return err
	})
	if err != nil {
		return nil, err
	}
	if r.journal, err = openJournal(dir, segmentSize, r.settled, log); err != nil {
		return nil, err
	}
	restored, err := r.replay()
	if err == nil {
		err = r.settle()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: bring back objects of the journal: %w", err), r.journal.close())
	}
	r.capacity.Store(int64(len(r.journal.spare)) * segmentUse)
	if restored > 0 {
		log.Info("store: the journal brought back objects whose files the disk had not kept", zap.Int("objects", restored))
	}
	return r, nil
}

// replay writes the files of recorded objects that are not there as recorded.
func (r *recent) replay() (restored int, err error) {
	revoked := map[string]uint64{} // sequence of the last that takes back a path's
	err = r.journal.Replay(r.settled, func(sequence uint64, record []byte) error {
		path, _, void, err := readRecord(record)
		if void {
			revoked[path] = sequence
		}
		r.last.Store(sequence)
		return err
	})
	if err != nil {
		return 0, err
	}
	err = r.journal.Replay(r.settled, func(sequence uint64, record []byte) error {
		path, object, void, err := readRecord(record)
		if err != nil || void || revoked[path] > sequence {
			return err
		}
		mended, err := r.files.restore(path, object)
		if mended {
			restored++
		}
		return err
	})
	return restored, err
}

// begin reserves room for a record of so many bytes; without room the object
// has to be flushed by itself. The caller calls end when the file of the record
// has its name, or will not get it.
func (r *recent) begin(size int) (end func(), ok bool) {
	if r.capacity.Load() == 0 && r.commits.Add(1) == warmAfter {
		r.workers.Go(func() { r.lengthen() })
	}
	r.naming.RLock()
	if r.unsettled.Add(int64(size)) <= r.capacity.Load() {
		return r.end, true
	}
	r.unsettled.Add(-int64(size))
	r.end()
	return nil, false
}

// end makes the journal longer once half of its room is used, up to
// recentSegments, or settles what is recorded.
func (r *recent) end() {
	r.naming.RUnlock()
	if r.unsettled.Load() <= r.capacity.Load()/2 || !r.working.CompareAndSwap(false, true) {
		return
	}
	r.workers.Go(func() {
		defer r.working.Store(false)
		if r.lengthen() {
			return
		}
		if err := r.settle(); err != nil {
			r.log.Error("store: cannot flush the files of objects; the journal keeps them", zap.Error(err))
		}
	})
}

// lengthen makes a segment of the journal, if it may have one more.
func (r *recent) lengthen() bool {
	if r.capacity.Load() >= recentSegments*segmentUse || r.files.free() < minFree {
		return false
	}
	if err := r.journal.addSpare(); err != nil {
		r.log.Warn("store: cannot make the journal of objects longer; what does not fit is flushed by itself", zap.Error(err))
		return false
	}
	r.capacity.Add(segmentUse)
	return true
}

// A record is the length of a path in 2 bytes, with or without void, the path
// and the object's bytes.
const void = 1 << 15

// record makes an object durable that is to be stored under a path.
func (r *recent) record(path string, object []byte) error {
	head := append(binary.LittleEndian.AppendUint16(nil, uint16(len(path))), path...)
	return r.journal.Append(r.last.Store, head, object)
}

// revoke takes back the record of an object that was refused after all: a start
// on a full disk would try to write its file.
func (r *recent) revoke(path string) error {
	return r.journal.Append(r.last.Store, binary.LittleEndian.AppendUint16(nil, uint16(len(path))|void), []byte(path))
}

func readRecord(record []byte) (path string, object []byte, revoked bool, err error) {
	if len(record) < 2 {
		return "", nil, false, errors.New("a record of an object is too short")
	}
	n := int(binary.LittleEndian.Uint16(record))
	n, revoked = n&^void, n&void != 0
	if len(record) < 2+n || !filepath.IsLocal(string(record[2:2+n])) {
		return "", nil, false, errors.New("a record of an object has no path of the store")
	}
	return string(record[2 : 2+n]), record[2+n:], revoked, nil
}

// settle flushes the files of the objects so far and gives up their records.
func (r *recent) settle() error { return r.settles.do(r.flush) }

func (r *recent) flush() error {
	r.naming.Lock()
	last, size := r.last.Load(), r.unsettled.Load()
	r.naming.Unlock()
	if last <= r.settled {
		return nil
	}
	if err := r.files.flush(); err != nil {
		return err
	}
	err := r.files.index.Update(context.Background(), func(t node.Tx) error { return t.(*tx).setPosition(objectJournal, last) })
	if err != nil {
		return err
	}
	r.journal.Release(last)
	r.unsettled.Add(-size)
	r.settled = last
	return nil
}

// close settles what there is.
func (r *recent) close() error {
	r.workers.Wait()
	return errors.Join(r.settle(), r.journal.close())
}

// free is the room on the disk in bytes, 0 if that cannot be told.
func (f *files) free() int64 {
	var st unix.Statfs_t
	if unix.Statfs(f.dir, &st) != nil {
		return 0
	}
	return int64(st.Bavail) * st.Bsize
}

// flush makes all files and their names durable.
func (f *files) flush() error {
	d, err := os.Open(f.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	f.counts.fileSyncs.Add(1)
	return unix.Syncfs(int(d.Fd()))
}

// restore writes a recorded object's file unless it is there. Neither its name
// nor its bytes are durable before flush.
func (f *files) restore(path string, object []byte) (mended bool, err error) {
	if there, err := f.root.ReadFile(path); err == nil && bytes.Equal(there, object) {
		return false, nil
	}
	if err := f.root.Mkdir(filepath.Dir(path), 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	temp := filepath.Join(f.incoming, filepath.Base(path))
	if err := os.WriteFile(temp, object, 0o640); err != nil {
		return false, err
	}
	file, err := os.Open(temp)
	if err != nil {
		return false, err
	}
	defer file.Close()
	if err := unix.Fdatasync(int(file.Fd())); err != nil { // before it replaces the name
		return false, err
	}
	return true, os.Rename(temp, filepath.Join(f.dir, path))
}
