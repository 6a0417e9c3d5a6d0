package codec

import (
	"encoding/binary"
	"slices"
)

// losslessMaxRatio: a sample takes a bit at least, and has 16 at most.
const losslessMaxRatio = 16

// overflowing6 stands for predictor 6 computed in signed words of 16 bits.
const overflowing6 = 106

// roomLossless makes room for the samples of a lossless image.
func (j *jpegStream) roomLossless() error {
	if j.maxH*j.maxV != 1 {
		return failf(Unsupported, "a lossless JPEG with components of different sizes is not read")
	}
	if err := j.format.checkRatio(j.data, losslessMaxRatio); err != nil {
		return err
	}
	for i := range j.components {
		c := &j.components[i]
		c.stride, c.samples = j.columns, make([]uint16, j.rows*j.columns)
	}
	return nil
}

// lossless decodes a scan of the lossless process (ISO/IEC 10918-1 Annex H).
func (s *scan) lossless() error {
	if s.start < 1 || s.start > 7 || s.low >= s.precision {
		return failf(Malformed, "the JPEG has an impossible predictor %d or point transform %d", s.start, s.low)
	}
	for _, c := range s.components {
		if s.dc[c.dcTable] == nil {
			return failf(Malformed, "the JPEG lacks a Huffman table")
		}
	}
	restartRows := s.rows
	if s.restartInterval > 0 {
		if s.restartInterval%s.columns != 0 { // H.1.1
			return failf(Malformed, "a restart interval of the JPEG is not made of whole rows")
		}
		restartRows = s.restartInterval / s.columns
	}
	if s.start == 6 && s.precision == 16 {
		return s.losslessEitherWay(restartRows)
	}
	return s.losslessRows(restartRows)
}

// losslessEitherWay decodes a scan as it should be and as some encoders make
// it, whose words of 16 bits overflow in predictor 6. It keeps the first unless
// the second is far smoother.
func (s *scan) losslessEitherWay(restartRows int) error {
	intervals := slices.Clone(s.intervals)
	if err := s.losslessRows(restartRows); err != nil {
		return err
	}
	right := make([][]uint16, len(s.components))
	for i, c := range s.components {
		right[i], c.samples = c.samples, make([]uint16, len(c.samples))
	}
	s.intervals, s.start = intervals, overflowing6
	if err := s.losslessRows(restartRows); err != nil {
		return err
	}
	for i, c := range s.components {
		if roughness(right[i]) < 2*roughness(c.samples) {
			c.samples = right[i]
		}
	}
	return nil
}

// roughness is the sum of the steps from each sample to the next, modulo 65536.
func roughness(samples []uint16) (sum int) {
	for i := 1; i < len(samples); i++ {
		step := int(int16(samples[i] - samples[i-1]))
		sum += max(step, -step)
	}
	return sum
}

// losslessRows decodes the samples of a scan.
func (s *scan) losslessRows(restartRows int) error {
	for first := 0; first < s.rows; first += restartRows {
		r, err := s.nextInterval()
		if err != nil {
			return err
		}
		for y := first; y < min(first+restartRows, s.rows); y++ {
			if err := s.losslessRow(r, y, y == first); err != nil {
				return err
			}
		}
	}
	for _, c := range s.components {
		for i := range c.samples {
			c.samples[i] <<= s.low & 15
		}
	}
	return nil
}

// losslessRow decodes row y of all components: first the differences, which
// are modulo 65536, then the predictions (H.1.2.1).
func (s *scan) losslessRow(r *bitReader, y int, first bool) error {
	ok := true
	if len(s.components) == 1 {
		c := s.components[0]
		ok = s.dc[c.dcTable].differences(r, s.row(c, y))
	} else {
		for x := y * s.columns; x < (y+1)*s.columns; x++ {
			for _, c := range s.components {
				d, found := s.dc[c.dcTable].difference(r)
				c.samples[x] = uint16(d)
				ok = ok && found
			}
		}
	}
	if !ok {
		return failf(Malformed, "the JPEG has a code that is not in its table")
	}
	if r.overrun() {
		return errOverrun
	}
	for _, c := range s.components {
		row := s.row(c, y)
		if first {
			row[0] += 1 << (s.precision - s.low - 1)
			predictLeft(row)
			continue
		}
		above := s.row(c, y-1)
		row[0] += above[0]
		predict(s.start, row, above)
	}
	return nil
}

func (s *scan) row(c *component, y int) []uint16 { return c.samples[y*s.columns : (y+1)*s.columns] }

// differences decodes a row of one component. It is the innermost loop, so the
// reader lives in registers.
func (h *huffman) differences(reader *bitReader, row []uint16) bool {
	r := *reader
	for i := range row {
		if r.n < 32 {
			if r.at+8 <= len(r.data) {
				r.acc |= binary.BigEndian.Uint64(r.data[r.at:]) >> (r.n & 63)
			}
			r.at += int((63 - r.n) >> 3)
			r.n |= 56
		}
		e := h.fast[r.acc>>(64-lookBits)]
		if e&entryComplete != 0 {
			r.acc <<= e & entryLength
			r.n -= uint(e & entryLength)
			row[i] = uint16(e >> valueShift)
			continue
		}
		*reader = r
		d, ok := h.difference(reader)
		if !ok {
			return false
		}
		row[i] = uint16(d)
		r = *reader
	}
	*reader = r
	return true
}

func predictLeft(row []uint16) {
	left := uint16(0)
	for i, d := range row {
		left += d
		row[i] = left
	}
}

// predict adds the predictions of Table H.1 to all differences of a row but the
// first, which is a sample already.
func predict(selection int, row, above []uint16) {
	if selection == 1 {
		predictLeft(row)
		return
	}
	above = above[:len(row)]
	a := int(row[0]) // Ra: to the left
	for i := 1; i < len(row); i++ {
		b, c := int(above[i]), int(above[i-1]) // Rb: above, Rc: above to the left
		var p int
		switch selection {
		case 2:
			p = b
		case 3:
			p = c
		case 4:
			p = a + b - c
		case 5:
			p = a + (b-c)>>1
		case 6:
			p = b + (a-c)>>1
		case overflowing6:
			p = b + int(int16(a-c))>>1
		case 7:
			p = (a + b) >> 1
		}
		a = (p + int(row[i])) & 0xFFFF
		row[i] = uint16(a)
	}
}

// storeLossless writes the samples pixel by pixel.
func (j *jpegStream) storeLossless(dst []byte) (Layout, error) {
	j.interleave(dst)
	return Layout{Photometric: j.format.Photometric}, nil
}

// interleave writes the samples of components of the image's size pixel by
// pixel.
func (j *jpegStream) interleave(dst []byte) {
	n := len(j.components)
	for k := range j.components {
		c := &j.components[k]
		for y := range j.rows {
			row, at := c.samples[y*c.stride:][:j.columns], n*y*j.columns+k
			storeRow(dst, row, at, n, j.format.BitsAllocated)
		}
	}
}

// storeRow writes a row as every step-th sample of dst from the given one on.
func storeRow(dst []byte, row []uint16, at, step, bits int) {
	switch {
	case bits == 8:
		for _, v := range row {
			dst[at] = byte(v)
			at += step
		}
	case step == 1:
		dst = dst[2*at : 2*at+2*len(row)]
		for i, v := range row {
			binary.LittleEndian.PutUint16(dst[2*i:], v)
		}
	default:
		for _, v := range row {
			binary.LittleEndian.PutUint16(dst[2*at:], v)
			at += step
		}
	}
}
