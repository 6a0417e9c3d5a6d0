package pixel

import (
	"errors"
	"io"
	"sync"

	"concord/dicom"
)

// frame holds the samples of one frame in the layout of native pixel data
// (PS3.5 8): cells of bitsAllocated bits, the first in the lowest bits.
type frame struct {
	data        []byte
	bit         int64 // where the first cell starts in data, 0 to 7
	bigEndian   bool
	planar      bool   // all of one sample, then all of the next
	photometric string // of data: a decoder may have converted it
	buffer      *[]byte
	worker      *worker // whose memory data is
}

// buffers holds frame-sized buffers for the next frame.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// newFrame returns a frame with room for n bytes, to be released.
func (m *Image) newFrame(n int64) frame {
	buffer := buffers.Get().(*[]byte)
	if int64(cap(*buffer)) < n {
		*buffer = make([]byte, n)
	}
	return frame{data: (*buffer)[:n], planar: m.planar, bigEndian: m.bigEndian, photometric: m.photometric, buffer: buffer}
}

func (f frame) release() {
	if f.buffer != nil {
		buffers.Put(f.buffer)
	}
	if f.worker != nil {
		f.worker.release()
	}
}

// frame reads and decodes frame n.
func (m *Image) frame(n int) (frame, error) {
	if !m.pixels.Encapsulated {
		return m.nativeFrame(n)
	}
	return m.decodeFrame(m.spans[n-1])
}

func (m *Image) read(p []byte, offset int64) error {
	n, err := m.r.ReadAt(p, offset)
	if n == len(p) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return failf(Truncated, "pixel data end early: %d bytes of %d are there", n, len(p))
	}
	return err
}

// checkNative compares the size of native pixel data with what their
// attributes ask for, before anything is allocated for them. Frames that are
// missing at the end are refused one by one.
func (m *Image) checkNative() error {
	if m.syntax.Encapsulated {
		return failf(Malformed, "pixel data in %s must come in fragments", m.syntax.Name)
	}
	if have := m.pixels.Length; have < (m.frameBits+7)/8 {
		return failf(Truncated, "a frame of %d × %d pixels needs %d bytes; %d are there", m.columns, m.rows, (m.frameBits+7)/8, have)
	}
	return nil
}

// nativeFrame reads a frame of native pixel data; those of 1 bit follow each
// other without a gap and may start inside a byte (PS3.5 8.1.1).
func (m *Image) nativeFrame(n int) (frame, error) {
	first := int64(n-1) * m.frameBits
	start, end := first/8, (first+m.frameBits+7)/8
	if end > m.pixels.Length {
		return frame{}, failf(Truncated, "frame %d is not there: pixel data of %d frames end in frame %d",
			n, m.frames, m.pixels.Length*8/m.frameBits+1)
	}
	words := m.bigEndian && m.pixels.VR == dicom.OW && m.bitsAllocated <= 8
	if words { // PS3.5 7.3: the bytes of each word are swapped
		start, end = start&^1, min((end+1)&^1, m.pixels.Length)
	}
	f := m.newFrame(end - start)
	if err := m.read(f.data, m.pixels.Offset+start); err != nil {
		f.release()
		return frame{}, err
	}
	if words {
		for i := 0; i+1 < len(f.data); i += 2 {
			f.data[i], f.data[i+1] = f.data[i+1], f.data[i]
		}
	}
	skipped := first - start*8
	f.data, f.bit = f.data[skipped/8:], skipped%8
	return f, nil
}
