package ae

import (
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"concord/dicom/pdu"
)

const (
	// smallBuffer is what an association has that moves no data sets yet: an
	// idle connection costs little more.
	smallBuffer = 4 << 10

	// largeBuffer is what it has from its first longer P-DATA-TF on. It is the
	// most that an association buffers of its input: data sets go from the
	// connection to where they are wanted.
	largeBuffer = 16 << 10
)

// reader reads a connection into one reused buffer, of which it hands out
// parts, and into buffers of the caller. A part is valid until the next call.
type reader struct {
	conn       net.Conn
	scatter    *scatter // nil: the connection has no readv
	buf        []byte
	start, end int // unread bytes are buf[start:end]

	// limit says how long the reads of a header, and then those of its body,
	// may wait in all. Time that the local user takes between them does not
	// count, and a sender of one byte a minute does not live for ever.
	limit    func() time.Duration
	patience time.Duration // what is left of it

	// interrupted, once set, fails each read like an expired limit. Whoever
	// sets it then sets a deadline in the past, to end a read under way.
	interrupted atomic.Bool

	body uint32 // bytes left of the PDU under way that are not read yet
}

func newReader(conn net.Conn, limit func() time.Duration) reader {
	return reader{conn: conn, scatter: newScatter(conn), buf: make([]byte, smallBuffer), limit: limit}
}

// fill reads once; there is room for a byte at least.
func (r *reader) fill() error {
	if r.start == r.end {
		r.start, r.end = 0, 0
	}
	n, err := r.read(nil, r.buf[r.end:])
	r.end += n
	return err
}

// read reads once, first into p and what is more into rest, where the
// connection can do both at once.
func (r *reader) read(p, rest []byte) (n int, err error) {
	began := time.Now()
	if err := r.conn.SetReadDeadline(began.Add(r.patience)); err != nil {
		return 0, err
	}
	if r.interrupted.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	switch {
	case len(p) == 0:
		n, err = r.conn.Read(rest)
	case r.scatter == nil:
		n, err = r.conn.Read(p)
	default:
		n, err = r.scatter.read(p, rest)
	}
	r.patience -= time.Since(began)
	if n > 0 {
		return n, nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return 0, err
}

// take returns the next n bytes, which must fit the buffer.
func (r *reader) take(n int) ([]byte, error) {
	if r.start+n > len(r.buf) {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
	for r.end-r.start < n {
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	b := r.buf[r.start : r.start+n]
	r.start += n
	return b, nil
}

// some returns at least 1 and at most limit bytes.
func (r *reader) some(limit uint32) ([]byte, error) {
	if r.start == r.end {
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	n := int(min(uint32(r.end-r.start), limit))
	b := r.buf[r.start : r.start+n]
	r.start += n
	return b, nil
}

// header reads the header of the next PDU. io.EOF means that the connection
// was closed between two PDUs.
func (r *reader) header() (pdu.Header, error) {
	r.patience = r.limit()
	b, err := r.take(pdu.HeaderSize)
	if err == io.EOF && r.end > r.start {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return pdu.Header{}, err
	}
	r.patience = r.limit()
	return pdu.DecodeHeader(b), nil
}

// whole reads the body of a PDU of n bytes. What does not fit the buffer is
// allocated as it comes, so that a length alone costs nothing.
func (r *reader) whole(n uint32) ([]byte, error) {
	if int(n) <= len(r.buf) {
		return r.take(int(n))
	}
	var body []byte
	for left := n; left > 0; {
		b, err := r.some(left)
		if err != nil {
			return nil, err
		}
		body = append(body, b...)
		left -= uint32(len(b))
	}
	return body, nil
}

// begin starts the body of a P-DATA-TF of n bytes, with a large buffer if it
// does not fit the small one.
func (r *reader) begin(n uint32) {
	r.body = n
	if int64(n) > int64(len(r.buf)) && len(r.buf) < largeBuffer {
		buf := make([]byte, largeBuffer)
		r.end = copy(buf, r.buf[r.start:r.end])
		r.start = 0
		r.buf = buf
	}
}

// pdvHeader reads the header of the next PDV item of the P-DATA-TF under way.
func (r *reader) pdvHeader() (pdu.PDVHeader, error) {
	if r.body < pdu.PDVHeaderSize {
		return pdu.PDVHeader{}, &pdu.Error{Reason: pdu.ReasonInvalidParameter, Text: "a P-DATA-TF ends inside a PDV item"}
	}
	b, err := r.take(pdu.PDVHeaderSize)
	if err != nil {
		return pdu.PDVHeader{}, err
	}
	h, err := pdu.DecodePDVHeader(b, r.body)
	r.body -= pdu.PDVHeaderSize
	return h, err
}

// fragment returns at least 1 and at most limit bytes of the P-DATA-TF under
// way.
func (r *reader) fragment(limit uint32) ([]byte, error) {
	b, err := r.some(limit)
	r.body -= uint32(len(b))
	return b, err
}

// into fills p with 1 byte at least of the P-DATA-TF under way, which has as
// many left. What is not buffered goes straight from the connection to p.
func (r *reader) into(p []byte) (n int, err error) {
	if r.start < r.end || len(p) < len(r.buf) {
		b, err := r.fragment(uint32(len(p)))
		return copy(p, b), err
	}
	n, err = r.read(p, r.buf)
	if n > len(p) {
		r.start, r.end = 0, n-len(p)
		n = len(p)
	}
	r.body -= uint32(n)
	return n, err
}

// shrink goes back to the small buffer if what is unread fits it.
func (r *reader) shrink() {
	if len(r.buf) > smallBuffer && r.end-r.start <= smallBuffer {
		buf := make([]byte, smallBuffer)
		r.end = copy(buf, r.buf[r.start:r.end])
		r.start = 0
		r.buf = buf
	}
}

// discard drops n bytes.
func (r *reader) discard(n uint32) error {
	for n > 0 {
		b, err := r.some(n)
		if err != nil {
			return err
		}
		n -= uint32(len(b))
	}
	return nil
}
