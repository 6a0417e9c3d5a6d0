package codec

import "encoding/binary"

// dctMaxRatio: a block of 64 samples of at most 2 bytes takes a bit at least,
// and with chroma subsampled a pixel may have a quarter of the blocks.
const dctMaxRatio = 4096

// zigzag is the place in a block of the k-th coefficient (ISO/IEC 10918-1
// Figure A.6).
var zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// roomDCT makes room for the samples, in whole minimum coded units (A.2.4),
// and for the coefficients of a progressive image.
func (j *jpegStream) roomDCT() error {
	if err := j.format.checkRatio(j.data, dctMaxRatio); err != nil {
		return err
	}
	unitsX, unitsY := ceil(j.columns, 8*j.maxH), ceil(j.rows, 8*j.maxV)
	for i := range j.components {
		c := &j.components[i]
		c.columns, c.rows = ceil(j.columns*c.h, j.maxH), ceil(j.rows*c.v, j.maxV)
		c.stride = unitsX * c.h * 8
		size := c.stride * unitsY * c.v * 8
		c.samples = make([]uint16, size)
		if j.process == markerSOF2 {
			c.coefficients = make([]int32, size)
		}
	}
	return nil
}

func ceil(a, b int) int { return (a + b - 1) / b }

// dct decodes a scan of a DCT-based process.
func (s *scan) dct() error {
	if err := s.checkDCT(); err != nil {
		return err
	}
	decode := s.sequentialBlock
	if s.process == markerSOF2 {
		decode = s.progressiveBlock()
	}
	unitsX, unitsY := ceil(s.columns, 8*s.maxH), ceil(s.rows, 8*s.maxV)
	if len(s.components) == 1 { // A.2.2: blocks that only fill up are left out
		unitsX, unitsY = ceil(s.components[0].columns, 8), ceil(s.components[0].rows, 8)
	}
	interval := s.restartInterval
	if interval == 0 {
		interval = unitsX * unitsY
	}
	var r *bitReader
	for unit := range unitsX * unitsY {
		if unit%interval == 0 {
			var err error
			if r, err = s.nextInterval(); err != nil {
				return err
			}
			for _, c := range s.components {
				c.previous, c.endOfBs = 0, 0
			}
		}
		if !s.unit(r, unit%unitsX, unit/unitsX, decode) {
			return failf(Malformed, "the JPEG has a code that is not in its table")
		}
		if r.overrun() {
			return errOverrun
		}
	}
	return nil
}

// checkDCT checks the parameters of a scan (Table B.3) and that its tables are
// there.
func (s *scan) checkDCT() error {
	progressive := s.process == markerSOF2
	if !progressive {
		s.start, s.end, s.high, s.low = 0, 63, 0, 0
	}
	if s.end > 63 || s.start > s.end || s.low > 13 || s.high > 0 && s.high != s.low+1 ||
		progressive && (s.start == 0) != (s.end == 0) || s.start > 0 && len(s.components) > 1 {
		return failf(Malformed, "a progressive scan of the JPEG has impossible parameters")
	}
	for _, c := range s.components {
		if s.quantization[c.table] == nil && !progressive {
			return failf(Malformed, "the JPEG lacks a quantization table")
		}
		if s.start == 0 && s.high == 0 && s.dc[c.dcTable] == nil || s.end > 0 && s.ac[c.acTable] == nil {
			return failf(Malformed, "the JPEG lacks a Huffman table")
		}
	}
	return nil
}

// unit decodes a minimum coded unit (A.2.3).
func (s *scan) unit(r *bitReader, x, y int, decode func(*bitReader, *component, int, int) bool) bool {
	if len(s.components) == 1 {
		return decode(r, s.components[0], x, y)
	}
	for _, c := range s.components {
		for v := range c.v {
			for h := range c.h {
				if !decode(r, c, x*c.h+h, y*c.v+v) {
					return false
				}
			}
		}
	}
	return true
}

// sequentialBlock decodes block x, y of a component to samples (F.2).
func (s *scan) sequentialBlock(r *bitReader, c *component, x, y int) bool {
	var block [64]int32
	quantization := s.quantization[c.table]
	difference, ok := s.dc[c.dcTable].difference(r)
	if !ok {
		return false
	}
	c.previous += difference
	block[0] = int32(c.previous) * quantization[0]
	last, ok := s.ac[c.acTable].coefficients(r, &block, quantization)
	if !ok {
		return false
	}
	inverseDCT(c.samples[8*y*c.stride+8*x:], c.stride, &block, last)
	return true
}

// coefficients decodes the AC coefficients of a block (F.2.2.2), times their
// quantization, and returns the index of the last one in zigzag order.
func (h *huffman) coefficients(reader *bitReader, block, quantization *[64]int32) (last int, ok bool) {
	r := *reader
	for k := 1; k < 64; k++ {
		if r.n < 32 {
			if r.at+8 <= len(r.data) {
				r.acc |= binary.BigEndian.Uint64(r.data[r.at:]) >> (r.n & 63)
			}
			r.at += int((63 - r.n) >> 3)
			r.n |= 56
		}
		e := h.fast[r.acc>>(64-lookBits)]
		run, value := int(e>>(symbolShift+4)&15), e>>valueShift
		if e&entryComplete != 0 {
			r.acc <<= e & entryLength
			r.n -= uint(e & entryLength)
		} else {
			*reader = r
			symbol, found := h.symbol(reader)
			size := uint(symbol & 15)
			value = int32(extend(reader.take(size), size))
			r = *reader
			run = int(symbol >> 4)
			if !found {
				return 0, false
			}
			if size == 0 {
				if run < 15 {
					break // end of block
				}
				k += 15
				continue
			}
		}
		k += run
		if k > 63 {
			return 0, false
		}
		natural := zigzag[k] & 63
		block[natural] = value * quantization[natural]
		last = k
	}
	*reader = r
	return last, true
}

// storeDCT brings the components to the image's size and writes them.
func (j *jpegStream) storeDCT(dst []byte) (Layout, error) {
	if j.process == markerSOF2 {
		if err := j.transformAll(); err != nil {
			return Layout{}, err
		}
	}
	layout := Layout{Photometric: j.photometric()}
	if j.maxH*j.maxV == 1 {
		j.interleave(dst)
	} else {
		j.upsample(dst)
	}
	return layout, nil
}

// photometric says what the components are: the codestream knows better than
// the header.
func (j *jpegStream) photometric() string {
	switch {
	case len(j.components) == 1:
		return j.format.Photometric
	case j.adobe == 0 || j.components[0].id == 'R' && j.components[1].id == 'G' && j.components[2].id == 'B':
		return "RGB"
	case j.adobe < 0 && !j.jfif && j.maxH*j.maxV == 1 && j.format.Photometric == "RGB":
		return "RGB"
	}
	return "YBR_FULL"
}
