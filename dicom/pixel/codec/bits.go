package codec

import (
	"bytes"
	"encoding/binary"
)

// bitReader reads the bits of an entropy-coded segment whose stuffing is gone
// (ISO/IEC 10918-1 F.2.2.5). Past its end it reads zeros.
type bitReader struct {
	data []byte // with bitPadding bytes behind the last
	at   int    // of the next byte that is not in acc; may pass the end
	acc  uint64 // the next bits, the first one highest
	n    uint   // how many of them are valid
}

// bitPadding lets refill read 8 bytes at any byte of the segment.
const bitPadding = 8

// refill brings 56 bits or more into acc.
func (r *bitReader) refill() {
	if r.at+8 <= len(r.data) {
		r.acc |= binary.BigEndian.Uint64(r.data[r.at:]) >> (r.n & 63)
	}
	r.at += int((63 - r.n) >> 3)
	r.n |= 56
}

// skip drops k bits, which are there.
func (r *bitReader) skip(k uint) {
	r.acc <<= k & 63
	r.n -= k
}

// take returns the next k bits, 0 to 16.
func (r *bitReader) take(k uint) int {
	if r.n < 16 {
		r.refill()
	}
	v := int(r.acc >> 32 >> (32 - k&63)) // in two steps, as k may be 0
	r.skip(k)
	return v
}

// overrun says whether more bits were read than the segment has.
func (r *bitReader) overrun() bool {
	return r.at*8-int(r.n) > (len(r.data)-bitPadding)*8
}

// extend makes the k bits of v a signed difference (F.2.2.1, Figure F.12).
func extend(v int, k uint) int {
	if k > 0 && v < 1<<(k-1) {
		v += 1 - 1<<k
	}
	return v
}

// splitScan removes the stuffing of the entropy-coded data at the start of
// data and cuts them at the restart markers (B.1.1.5, F.1.2.3). It returns one
// reader for each interval and the number of bytes up to the next marker.
func splitScan(data []byte) (intervals []bitReader, length int) {
	plain := make([]byte, 0, len(data)+bitPadding)
	start, at := 0, 0
	cut := func() {
		plain = append(plain, make([]byte, bitPadding)...)
		intervals = append(intervals, bitReader{data: plain[start:]})
		start = len(plain)
	}
	for {
		n := bytes.IndexByte(data[at:], 0xFF)
		if n < 0 || at+n+1 >= len(data) {
			plain = append(plain, data[at:]...)
			cut()
			return intervals, len(data)
		}
		plain = append(plain, data[at:at+n]...)
		at += n
		switch next := data[at+1]; {
		case next == 0:
			plain = append(plain, 0xFF)
			at += 2
		case next == 0xFF: // a fill byte
			at++
		case next >= markerRST0 && next <= markerRST0+7:
			cut()
			at += 2
		default:
			cut()
			return intervals, at
		}
	}
}
