package store

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap"
)

const (
	segmentSuffix = ".journal"
	damagedSuffix = ".damaged"
	maxPayload    = math.MaxInt32
)

// openJournal finds the segments that crashes and restarts left. processed is
// the sequence up to which the index holds the effects of records.
func openJournal(dir string, size int64, processed uint64, log *zap.Logger) (_ *Journal, err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	j := &Journal{dir: dir, size: size, log: log, sequence: processed}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("store: open the journal: %w", err), j.close())
		}
	}()
	if j.buffer, err = newBuffer(); err != nil {
		return nil, err
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix+"*"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := j.open(name); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(j.full, func(a, b *segment) int { return cmp.Compare(a.first, b.first) })
	for i, s := range j.full {
		if i < len(j.full)-1 {
			s.last = j.full[i+1].first - 1
			continue
		}
		if s.last, err = lastSequence(s); err != nil {
			return nil, err
		}
		j.sequence = max(j.sequence, s.last)
	}
	j.Release(processed)
	return j, nil
}

// open takes a file that is there. One that was never written to is removed.
func (j *Journal) open(name string) error {
	number, _, _ := strings.Cut(filepath.Base(name), ".")
	if n, err := strconv.Atoi(number); err == nil {
		j.files = max(j.files, n)
	}
	if strings.HasSuffix(name, damagedSuffix) {
		return nil
	}
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	var header [headerSize]byte
	if _, err := file.ReadAt(header[:], 0); err != nil && err != io.EOF {
		return errors.Join(err, file.Close())
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	s := &segment{file: file, size: info.Size()}
	var ok bool
	switch s.first, s.salt, ok = readHeader(header[:]); {
	case ok:
		j.full = append(j.full, s)
		return nil
	case header == [headerSize]byte{}:
		return errors.Join(file.Close(), os.Remove(name))
	}
	j.log.Error("store: a segment of the journal has a damaged header; messages that were acknowledged may be in it: "+
		"it is kept, give it to support", zap.String("file", filepath.Base(name)+damagedSuffix))
	return errors.Join(file.Close(), os.Rename(name, name+damagedSuffix))
}

// lastSequence is that of the last record in a segment that nothing follows.
// It is the first's also when there is none: another segment must not begin
// with the same.
func lastSequence(s *segment) (uint64, error) {
	data, err := s.read()
	if err != nil {
		return 0, err
	}
	last := s.first
	if found, _ := readRecords(data); len(found) > 0 {
		last = found[len(found)-1].sequence
	}
	return last, nil
}

func (s *segment) read() ([]byte, error) {
	data := make([]byte, s.size)
	_, err := io.ReadFull(io.NewSectionReader(s.file, 0, s.size), data)
	return data, err
}

// Replay calls fn, in their order, with the records behind a sequence that
// were there when the journal was opened. It runs before the first Append.
func (j *Journal) Replay(after uint64, fn func(sequence uint64, payload []byte) error) error {
	j.mu.Lock()
	segments := slices.Clone(j.full)
	j.mu.Unlock()
	for _, s := range segments {
		if s.last <= after {
			continue
		}
		if err := j.replay(s, after, fn); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) replay(s *segment, after uint64, fn func(uint64, []byte) error) error {
	data, err := s.read()
	if err != nil {
		return fmt.Errorf("store: read the journal: %w", err)
	}
	found, missing := readRecords(data)
	if missing > 0 {
		s.damaged = true
		j.log.Error("store: a segment of the journal has damaged records: the end of a write that a crash cut off, whose "+
			"senders had no answer, or an error of the disk; the segment is kept when it is done with",
			zap.String("file", filepath.Base(s.file.Name())), zap.Uint64("records", missing))
	}
	for _, r := range found {
		if r.sequence <= after || r.sequence > s.last {
			continue
		}
		if err := fn(r.sequence, r.payload); err != nil {
			return err
		}
	}
	return nil
}
