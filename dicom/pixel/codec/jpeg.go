package codec

import (
	"encoding/binary"
	"errors"
)

// Markers of ISO/IEC 10918-1 Table B.1.
const (
	markerSOF0  = 0xC0 // baseline DCT
	markerSOF1  = 0xC1 // extended sequential DCT
	markerSOF2  = 0xC2 // progressive DCT
	markerSOF3  = 0xC3 // lossless
	markerDHT   = 0xC4
	markerSOF15 = 0xCF
	markerJPG   = 0xC8
	markerDAC   = 0xCC // conditioning of arithmetic coding
	markerRST0  = 0xD0
	markerSOI   = 0xD8
	markerEOI   = 0xD9
	markerSOS   = 0xDA
	markerDQT   = 0xDB
	markerDRI   = 0xDD
	markerAPP0  = 0xE0
	markerAPP14 = 0xEE
)

// jpegStream is one image in the interchange format (B.2).
type jpegStream struct {
	format *Format
	data   []byte // what has not been read yet

	process         byte // the SOF marker; 0 before it
	header          []byte
	precision       int
	rows, columns   int
	components      []component
	maxH, maxV      int // the largest sampling factors
	quantization    [4]*[64]int32
	dc, ac          [4]*huffman // dc also for lossless
	restartInterval int
	jfif            bool
	adobe           int // colour transform of the Adobe marker, -1 without one
}

// component is one colour of the image (B.2.2).
type component struct {
	id                byte
	h, v              int // sampling factors
	table             int // of quantization
	columns, rows     int // of samples (A.1.1)
	stride            int // samples of a row, those that fill up blocks included
	samples           []uint16
	coefficients      []int32 // of all blocks; for progressive processes
	seen              bool    // in a scan
	dcTable, acTable  int     // of the current scan
	previous, endOfBs int     // DC prediction; blocks left of an end-of-band run
}

// decodeJPEG reads ISO/IEC 10918-1 (PS3.5 8.2.1, A.4.1, A.4.2): lossless and,
// of 12 bits, the DCT-based processes with Huffman coding; those of 8 bits by
// libjpeg-turbo, also with arithmetic coding.
func decodeJPEG(f *Format, data, dst []byte) (Layout, error) {
	j := &jpegStream{format: f, data: data, adobe: -1}
	err := j.read()
	switch {
	case err != nil:
		return Layout{}, err
	case j.eight():
		return j.storeEight(data, dst)
	case j.process == markerSOF3:
		return j.storeLossless(dst)
	}
	return j.storeDCT(dst)
}

var errNoMore = failf(Truncated, "the JPEG ends early")

// next returns the next marker with its parameters.
func (j *jpegStream) next() (marker byte, parameters []byte, err error) {
	for len(j.data) > 0 && j.data[0] != 0xFF { // bytes that belong to nothing
		j.data = j.data[1:]
	}
	for len(j.data) > 1 && j.data[1] == 0xFF {
		j.data = j.data[1:]
	}
	if len(j.data) < 2 {
		return 0, nil, errNoMore
	}
	marker = j.data[1]
	j.data = j.data[2:]
	if marker == markerSOI || marker == markerEOI || marker <= 0x01 || marker&^7 == markerRST0 {
		return marker, nil, nil
	}
	if len(j.data) < 2 {
		return 0, nil, errNoMore
	}
	length := int(binary.BigEndian.Uint16(j.data))
	if length < 2 {
		return 0, nil, failf(Malformed, "a JPEG marker segment has no length")
	}
	if length > len(j.data) {
		return 0, nil, errNoMore
	}
	parameters, j.data = j.data[2:length], j.data[length:]
	return marker, parameters, nil
}

// read goes through the markers to the end of the image, or to the frame header
// if another decoder takes over.
func (j *jpegStream) read() error {
	if len(j.data) < 2 || j.data[0] != 0xFF || j.data[1] != markerSOI {
		return failf(Malformed, "the frame is no JPEG: it does not start with SOI")
	}
	for {
		marker, parameters, err := j.next()
		if errors.Is(err, errNoMore) && j.complete() && j.process != markerSOF2 {
			return nil // all but the end marker is there
		}
		if err != nil {
			return err
		}
		switch {
		case marker == markerEOI:
			if !j.complete() {
				return failf(Truncated, "the JPEG ends before all its components were there")
			}
			return nil
		case marker == markerDHT:
			err = j.readHuffman(parameters)
		case marker == markerDQT:
			err = j.readQuantization(parameters)
		case marker == markerDRI && len(parameters) >= 2:
			j.restartInterval = int(binary.BigEndian.Uint16(parameters))
		case marker == markerSOS:
			err = j.readScan(parameters)
		case marker >= markerSOF0 && marker <= markerSOF15 && marker != markerJPG && marker != markerDAC:
			err = j.readFrame(marker, parameters)
		case marker == markerAPP0 && len(parameters) >= 5 && string(parameters[:5]) == "JFIF\x00":
			j.jfif = true
		case marker == markerAPP14 && len(parameters) >= 12 && string(parameters[:5]) == "Adobe":
			j.adobe = int(parameters[11])
		}
		if err != nil || j.eight() {
			return err
		}
	}
}

// complete says whether every component was in a scan.
func (j *jpegStream) complete() bool {
	for i := range j.components {
		if !j.components[i].seen {
			return false
		}
	}
	return len(j.components) > 0
}

// readHuffman reads the tables of a DHT segment (B.2.4.2).
func (j *jpegStream) readHuffman(p []byte) error {
	for len(p) >= 17 {
		class, target := p[0]>>4, p[0]&15
		total := 0
		for _, n := range p[1:17] {
			total += int(n)
		}
		if class > 1 || target > 3 || total > 256 || len(p) < 17+total {
			return failf(Malformed, "a Huffman table of the JPEG is damaged")
		}
		h := newHuffman(p[1:17], p[17:17+total], class == 1)
		if h == nil {
			return failf(Malformed, "a Huffman table of the JPEG is none")
		}
		if class == 0 {
			j.dc[target] = h
		} else {
			j.ac[target] = h
		}
		p = p[17+total:]
	}
	return nil
}

// readQuantization reads the tables of a DQT segment (B.2.4.1).
func (j *jpegStream) readQuantization(p []byte) error {
	for len(p) > 0 {
		wide, target := p[0]>>4 != 0, p[0]&15
		bytes := 64
		if wide {
			bytes = 128
		}
		if target > 3 || len(p) < 1+bytes {
			return failf(Malformed, "a quantization table of the JPEG is damaged")
		}
		t := new([64]int32)
		for i, natural := range zigzag {
			if wide {
				t[natural] = int32(binary.BigEndian.Uint16(p[1+2*i:]))
			} else {
				t[natural] = int32(p[1+i])
			}
		}
		j.quantization[target] = t
		p = p[1+bytes:]
	}
	return nil
}

// readFrame reads a frame header (B.2.2) and compares it with the object's.
func (j *jpegStream) readFrame(marker byte, p []byte) error {
	switch {
	case marker > markerSOF3 && marker != markerSOF9 && marker != markerSOF10:
		return failf(Unsupported, "JPEG in hierarchical form, or lossless with arithmetic coding (marker FF%02X), is not read: no library reads it", marker)
	case j.process != 0:
		return failf(Malformed, "the JPEG has two frame headers")
	case len(p) < 6 || len(p) < 6+3*int(p[5]):
		return failf(Malformed, "the frame header of the JPEG is too short")
	}
	f := j.format
	j.header = p
	j.process, j.precision = marker, int(p[0])
	j.rows, j.columns = int(binary.BigEndian.Uint16(p[1:])), int(binary.BigEndian.Uint16(p[3:]))
	if j.rows == 0 { // it is in a DNL segment behind the scan (B.2.5)
		j.rows = f.Rows
	}
	switch {
	case j.columns != f.Columns || j.rows != f.Rows:
		return failf(Malformed, "the JPEG has %d × %d pixels, the object %d × %d", j.columns, j.rows, f.Columns, f.Rows)
	case int(p[5]) != f.Samples:
		return failf(Malformed, "the JPEG has %d components, the object %d samples per pixel", p[5], f.Samples)
	case j.precision > f.BitsAllocated || f.BitsAllocated != 8 && f.BitsAllocated != 16:
		return failf(Malformed, "the JPEG has %d bits, the object %d", j.precision, f.BitsAllocated)
	}
	if marker == markerSOF3 {
		if j.precision < 2 || j.precision > 16 {
			return failf(Malformed, "a lossless JPEG has 2 to 16 bits, not %d", j.precision)
		}
		return j.readComponents(p[6:])
	}
	switch {
	case j.precision != 8 && j.precision != 12:
		return failf(Malformed, "a JPEG has 8 or 12 bits, not %d", j.precision)
	case j.precision == 12 && marker > markerSOF3:
		return failf(Unsupported, "JPEG of 12 bits with arithmetic coding is not read: no library reads it")
	}
	return j.readComponents(p[6:])
}

// readComponents reads the components of a frame header and makes room for
// their samples.
func (j *jpegStream) readComponents(p []byte) error {
	j.components = make([]component, j.format.Samples)
	for i := range j.components {
		c := &j.components[i]
		c.id, c.h, c.v, c.table = p[3*i], int(p[3*i+1]>>4), int(p[3*i+1]&15), int(p[3*i+2])
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || c.table > 3 {
			return failf(Malformed, "component %d of the JPEG has impossible sampling factors or tables", i+1)
		}
		if len(j.components) == 1 {
			c.h, c.v = 1, 1 // A.2.2: they mean nothing
		}
		j.maxH, j.maxV = max(j.maxH, c.h), max(j.maxV, c.v)
	}
	switch {
	case j.process == markerSOF3:
		return j.roomLossless()
	case j.eight():
		return nil
	}
	return j.roomDCT()
}

// readScan reads a scan header (B.2.3) and decodes the scan.
func (j *jpegStream) readScan(p []byte) error {
	if j.process == 0 {
		return failf(Malformed, "the JPEG has a scan without a frame header")
	}
	if len(p) < 1 || p[0] < 1 || p[0] > 4 || len(p) < 4+2*int(p[0]) {
		return failf(Malformed, "a scan header of the JPEG is damaged")
	}
	var chosen []*component
	for n := range int(p[0]) {
		c := j.find(p[1+2*n])
		if c == nil {
			return failf(Malformed, "a scan of the JPEG names a component that is not there")
		}
		c.dcTable, c.acTable = int(p[2+2*n]>>4), int(p[2+2*n]&15)
		if c.dcTable > 3 || c.acTable > 3 {
			return failf(Malformed, "a scan of the JPEG names a table that cannot be")
		}
		c.seen = true
		chosen = append(chosen, c)
	}
	rest := p[1+2*int(p[0]):]
	intervals, length := splitScan(j.data)
	j.data = j.data[length:]
	s := scan{jpegStream: j, components: chosen, intervals: intervals,
		start: int(rest[0]), end: int(rest[1]), high: int(rest[2] >> 4), low: int(rest[2] & 15)}
	if j.process == markerSOF3 {
		return s.lossless()
	}
	return s.dct()
}

func (j *jpegStream) find(id byte) *component {
	for i := range j.components {
		if j.components[i].id == id {
			return &j.components[i]
		}
	}
	return nil
}

// scan is one pass over some of the components.
type scan struct {
	*jpegStream
	components []*component
	intervals  []bitReader // between restart markers
	// Spectral selection and successive approximation; for lossless start is
	// the predictor and low the point transform.
	start, end, high, low int
}

// nextInterval returns the reader of the next restart interval.
func (s *scan) nextInterval() (*bitReader, error) {
	if len(s.intervals) == 0 {
		return nil, failf(Truncated, "restart intervals of the JPEG are missing")
	}
	r := &s.intervals[0]
	s.intervals = s.intervals[1:]
	return r, nil
}

var errOverrun = failf(Truncated, "the compressed bytes of the JPEG end early")
