package dicom

import (
	"bufio"
	"compress/flate"
	"errors"
	"io"
	"sync"
)

const (
	// windowSize holds the whole header of most objects, so that one read is
	// enough.
	windowSize = 16 << 10
	// maxInflated bounds what a deflated data set may grow to.
	maxInflated = 1 << 30
)

// source reads forward through the bytes of an object by one reusable window.
type source struct {
	r    io.ReaderAt
	size int64 // bytes in r; the limit if inflating
	// inflating means that where the data end is only known on arrival.
	inflating bool

	buf  []byte // windowSize bytes, from windows
	base int64  // position of buf[0]
	n    int    // valid bytes of buf
}

var windows = sync.Pool{New: func() any { return new([windowSize]byte) }}

func newSource(r io.ReaderAt, size int64) *source {
	return &source{r: r, size: size, buf: windows.Get().(*[windowSize]byte)[:]}
}

// close gives the window back; slices that peek returned end with it.
func (s *source) close() {
	windows.Put((*[windowSize]byte)(s.buf))
	s.buf = nil
}

// inflate goes on with the raw deflate stream (PS3.5 A.5) that starts at pos;
// positions count inflated bytes from there on.
func (s *source) inflate(pos int64) {
	deflated := bufio.NewReader(io.NewSectionReader(s.r, pos, s.size-pos))
	s.r = &inflater{r: flate.NewReader(deflated)}
	s.size, s.inflating, s.base, s.n = maxInflated, true, 0, 0
}

// left returns how many bytes there may be after pos.
func (s *source) left(pos int64) int64 { return s.size - pos }

// peek returns n bytes (at most windowSize) at pos, fewer only where the data
// end. It reads up to ahead bytes when it has to read at all.
func (s *source) peek(pos int64, n, ahead int) ([]byte, error) {
	if pos < s.base || pos+int64(n) > s.base+int64(s.n) {
		if err := s.fill(pos, max(n, ahead)); err != nil {
			return nil, err
		}
	}
	start := int(pos - s.base)
	return s.buf[start:min(start+n, s.n)], nil
}

// fill moves the window to pos and reads up to want bytes into it.
func (s *source) fill(pos int64, want int) error {
	kept := 0
	if pos >= s.base && pos < s.base+int64(s.n) {
		kept = copy(s.buf, s.buf[pos-s.base:s.n])
	}
	s.base, s.n = pos, kept
	want = int(min(int64(want), s.left(pos)))
	for s.n < want {
		n, err := s.r.ReadAt(s.buf[s.n:want], pos+int64(s.n))
		s.n += n
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
	return nil
}

// read fills dst with the bytes at pos and returns how many there are.
func (s *source) read(dst []byte, pos int64) (int, error) {
	if len(dst) <= windowSize {
		b, err := s.peek(pos, len(dst), windowSize)
		return copy(dst, b), err
	}
	n := 0
	if pos >= s.base && pos < s.base+int64(s.n) {
		n = copy(dst, s.buf[pos-s.base:s.n])
	}
	m, err := s.r.ReadAt(dst[n:], pos+int64(n))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	s.base, s.n = pos+int64(len(dst)), 0
	return n + m, err
}

// inflater is an io.ReaderAt over a deflate stream for a reader that only
// moves forward.
type inflater struct {
	r   io.Reader
	pos int64
}

// ReadAt discards what lies before off, then reads. A stream that is cut reads
// like one that ends; a corrupt one is an error.
func (f *inflater) ReadAt(p []byte, off int64) (int, error) {
	skipped, err := io.CopyN(io.Discard, f.r, off-f.pos)
	f.pos += skipped
	n := 0
	if err == nil {
		n, err = io.ReadFull(f.r, p)
		f.pos += int64(n)
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return n, io.EOF
	case err != nil && !errors.Is(err, io.EOF):
		return n, &FormatError{Offset: f.pos, Reason: "the deflated data set is corrupt: " + err.Error()}
	}
	return n, err
}

// Inflate returns the data set of an object in a deflated transfer syntax, whose
// offsets then hold for it. It refuses with a [LimitError] what would grow
// beyond limit bytes.
func (o *Object) Inflate(r io.ReaderAt, size, limit int64) ([]byte, error) {
	deflated := flate.NewReader(bufio.NewReader(io.NewSectionReader(r, o.DataSetOffset, size-o.DataSetOffset)))
	data, err := io.ReadAll(io.LimitReader(deflated, limit+1))
	if int64(len(data)) > limit {
		return nil, &LimitError{What: "the inflated data set", Limit: limit}
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, &FormatError{Offset: int64(len(data)), Reason: "the deflated data set is corrupt: " + err.Error()}
	}
	return data, nil
}
