package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

const (
	// segmentSize bytes of a segment are written with zeros before its first
	// use, so that a flush waits for data only and not for the file system's
	// own records. Records that come together and need more get a segment of
	// their own.
	segmentSize = 16 << 20
	// maxSpare segments are kept for another use.
	maxSpare = 4
)

// Journal makes records durable before what they call for is done. A record is
// needed until the index holds its effect together with its sequence (see
// SetProcessed), so that it has its effect once, whatever crashes. Callers of
// Append that come together share one write and one flush; what they hold is
// theirs to bound.
type Journal struct {
	dir   string
	size  int64 // of a segment
	log   *zap.Logger
	calls gate
	group groupSync

	flushes atomic.Int64 // so far

	mu      sync.Mutex
	pending []*entry
	full    []*segment // not written any more, oldest first
	spare   []*segment
	files   int // number of the newest file
	making  bool
	makers  sync.WaitGroup

	// Of the caller that flushes:
	active   *segment
	sequence uint64 // of the last record
	buffer   *buffer
	used     int // bytes of buffer that are not written yet
}

// entry is a record on its way to the disk.
type entry struct {
	parts   [][]byte
	size    int64 // of the parts together
	durable func(sequence uint64)
	err     error
}

// Append makes a record of parts durable. Sequences grow; durable is called in
// their order, before Append returns. Errors of a full disk wrap syscall.ENOSPC.
func (j *Journal) Append(durable func(sequence uint64), parts ...[]byte) error {
	if !j.calls.enter() {
		return errClosed
	}
	defer j.calls.leave()
	e := &entry{parts: parts, durable: durable}
	for _, p := range parts {
		e.size += int64(len(p))
	}
	if e.size > maxPayload {
		return fmt.Errorf("store: a record of %d bytes is too long for the journal", e.size)
	}
	j.mu.Lock()
	j.pending = append(j.pending, e)
	j.mu.Unlock()
	if err := j.group.do(j.flush); err != nil {
		return err
	}
	return e.err
}

// flush writes what waits. Errors go to the entries. It lets others run first,
// who may have records for the same flush.
func (j *Journal) flush() error {
	runtime.Gosched()
	j.mu.Lock()
	group := j.pending
	j.pending = nil
	j.mu.Unlock()
	if len(group) == 0 { // an earlier flush took it along
		return nil
	}
	err := j.write(group)
	for i, e := range group {
		if err != nil {
			e.err = fmt.Errorf("store: write the journal: %w", err)
			continue
		}
		e.durable(j.sequence - uint64(len(group)-1-i))
	}
	return nil
}

// write makes a group durable in the active segment or the next one.
func (j *Journal) write(group []*entry) error {
	need := int64(headerSize)
	for _, e := range group {
		need += recordHeaderSize + e.size
	}
	if j.size%blockSize == 0 {
		need = wholeBlocks(need)
	}
	if j.active == nil || j.active.end+need > j.active.size {
		if err := j.rotate(need); err != nil {
			return err
		}
	}
	err := j.put(group)
	if err == nil {
		err = unix.Fdatasync(int(j.active.file.Fd()))
		j.flushes.Add(1)
	}
	j.sequence += uint64(len(group))
	if err != nil {
		// What of it is on disk is not known: neither the place nor the
		// sequences are used again.
		j.retire()
		return err
	}
	j.prepare()
	return nil
}

// put writes the records of a group, behind the header in a new segment.
func (j *Journal) put(group []*entry) error {
	var head []byte
	j.used = 0 // also after an error
	if s := j.active; s.end == 0 {
		head = appendHeader(head, s.first, s.salt)
	}
	for i, e := range group {
		head = appendRecordHeader(head, j.active.salt, j.sequence+uint64(i)+1, e.parts...)
		for _, part := range append([][]byte{head}, e.parts...) {
			if err := j.collect(part); err != nil {
				return err
			}
		}
		head = head[:0]
	}
	return j.drain()
}

// collect puts bytes into the buffer, which it writes when it is full.
func (j *Journal) collect(p []byte) error {
	for len(p) > 0 {
		if j.used == len(j.buffer) {
			if err := j.drain(); err != nil {
				return err
			}
		}
		n := copy(j.buffer[j.used:], p)
		j.used += n
		p = p[n:]
	}
	return nil
}

// drain writes the buffer, with zeros up to a whole block where that bypasses
// the page cache: the next group then begins behind them.
func (j *Journal) drain() error {
	s := j.active
	n := j.used
	if s.direct {
		n = int(wholeBlocks(int64(n)))
		clear(j.buffer[j.used:n])
	}
	j.used = 0
	written, err := s.file.WriteAt(j.buffer[:n], s.end)
	s.end += int64(written)
	return err
}

// wholeBlocks rounds up.
func wholeBlocks(n int64) int64 { return (n + blockSize - 1) &^ (blockSize - 1) }

// rotate begins another segment with room for need bytes.
func (j *Journal) rotate(need int64) error {
	var salt [4]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return err
	}
	s, err := j.take(need)
	if err != nil {
		return err
	}
	j.retire()
	s.end, s.salt, s.first = 0, little.Uint32(salt[:]), j.sequence+1
	j.bypass(s)
	j.active = s
	return nil
}

// bypass makes what is written to a segment bypass the page cache, which would
// only cost: a segment is read after a crash. Not every file system can do it.
func (j *Journal) bypass(s *segment) {
	if s.direct || s.size != j.size || s.size%blockSize != 0 {
		return
	}
	_, err := unix.FcntlInt(s.file.Fd(), unix.F_SETFL, unix.O_RDWR|unix.O_DIRECT)
	s.direct = err == nil
}

// retire ends the active segment.
func (j *Journal) retire() {
	if j.active == nil {
		return
	}
	j.active.last = j.sequence
	j.mu.Lock()
	j.full = append(j.full, j.active)
	j.mu.Unlock()
	j.active = nil
}

// take finds or makes a segment.
func (j *Journal) take(need int64) (*segment, error) {
	if need > j.size {
		return j.create(need)
	}
	j.mu.Lock()
	if n := len(j.spare); n > 0 {
		s := j.spare[n-1]
		j.spare = j.spare[:n-1]
		j.mu.Unlock()
		return s, nil
	}
	j.mu.Unlock()
	return j.create(j.size)
}

// prepare makes the next segment while the active one fills.
func (j *Journal) prepare() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.active.end < j.size/2 || len(j.spare) > 0 || j.making {
		return
	}
	j.making = true
	j.makers.Go(func() {
		if err := j.addSpare(); err != nil {
			j.log.Warn("store: cannot prepare the next segment of the journal", zap.Error(err))
		}
		j.mu.Lock()
		defer j.mu.Unlock()
		j.making = false
	})
}

// addSpare makes a segment before it is needed.
func (j *Journal) addSpare() error {
	s, err := j.create(j.size)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.spare = append(j.spare, s)
	return nil
}

// create makes a file with a durable name, filled with zeros unless it is for
// one group.
func (j *Journal) create(size int64) (_ *segment, err error) {
	j.mu.Lock()
	j.files++
	name := filepath.Join(j.dir, fmt.Sprintf("%08d%s", j.files, segmentSuffix))
	j.mu.Unlock()
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close(), os.Remove(name))
		}
	}()
	s := &segment{file: file, size: size}
	j.bypass(s)
	if size == j.size {
		err = s.fill()
	}
	if err != nil {
		return nil, err
	}
	if err := file.Sync(); err != nil {
		return nil, err
	}
	if err := syncDir(j.dir); err != nil {
		return nil, err
	}
	return s, nil
}

// fill writes zeros.
func (s *segment) fill() error {
	zeros, err := newBuffer()
	if err != nil {
		return err
	}
	defer zeros.free()
	for at := int64(0); at < s.size; at += int64(len(zeros)) {
		if _, err := s.file.WriteAt(zeros[:min(int64(len(zeros)), s.size-at)], at); err != nil {
			return err
		}
	}
	return nil
}

// Release gives up the records up to a sequence: the index holds their effects.
func (j *Journal) Release(sequence uint64) {
	if !j.calls.enter() {
		return
	}
	defer j.calls.leave()
	j.mu.Lock()
	n := 0
	for n < len(j.full) && j.full[n].last <= sequence {
		n++
	}
	done := slices.Clone(j.full[:n])
	j.full = slices.Delete(j.full, 0, n)
	j.mu.Unlock()
	for _, s := range done {
		if err := j.free(s); err != nil {
			j.log.Warn("store: cannot give up a segment of the journal; the next start will", zap.Error(err))
		}
	}
}

// free keeps a segment for another use, or removes it. A damaged one stays for
// a person to look at.
func (j *Journal) free(s *segment) error {
	j.mu.Lock()
	keep := !s.damaged && s.size == j.size && len(j.spare) < maxSpare
	if keep {
		j.spare = append(j.spare, s)
	}
	j.mu.Unlock()
	if keep {
		return nil
	}
	name := s.file.Name()
	err := s.file.Close()
	if s.damaged {
		return errors.Join(err, os.Rename(name, name+damagedSuffix))
	}
	return errors.Join(err, os.Remove(name))
}

// close waits for calls that run and closes the files.
func (j *Journal) close() error {
	if !j.calls.close() {
		return nil
	}
	j.makers.Wait()
	var errs []error
	for _, s := range slices.Concat(j.full, j.spare, []*segment{j.active}) {
		if s != nil {
			errs = append(errs, s.file.Close())
		}
	}
	if j.buffer != nil {
		j.buffer.free()
	}
	return errors.Join(errs...)
}
