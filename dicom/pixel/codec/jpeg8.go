package codec

// #cgo LDFLAGS: -ljpeg
// #include "jpeg8.h"
import "C"

import (
	"bytes"
	"encoding/binary"
	"math"
	"unsafe"
)

// markers of the processes with arithmetic coding that libjpeg reads (ISO/IEC
// 10918-1 Table B.1).
const (
	markerSOF9  = 0xC9 // extended sequential DCT
	markerSOF10 = 0xCA // progressive DCT
)

// eight says whether the frame is one of 8 bits in a DCT-based process.
func (j *jpegStream) eight() bool {
	switch j.process {
	case markerSOF0, markerSOF1, markerSOF2, markerSOF9, markerSOF10:
		return j.precision == 8
	}
	return false
}

// storeEight decodes the whole image in data by libjpeg-turbo. Its components
// become RGB if they are not.
func (j *jpegStream) storeEight(data, dst []byte) (Layout, error) {
	f := j.format
	if err := f.checkRatio(data, dctMaxRatio); err != nil {
		return Layout{}, err
	}
	if binary.BigEndian.Uint16(j.header[1:]) == 0 && f.Rows <= math.MaxUint16 { // libjpeg wants the number of rows there
		data = bytes.Clone(data)
		header := data[len(data)-len(j.data)-len(j.header):]
		binary.BigEndian.PutUint16(header[1:], uint16(f.Rows))
	}
	c := C.concord_jpeg8_format{rows: C.uint32_t(f.Rows), columns: C.uint32_t(f.Columns), samples: C.uint32_t(f.Samples)}
	layout := Layout{Photometric: j.photometric()}
	if layout.Photometric == "YBR_FULL" && f.Samples == 3 {
		c.ycc, layout.Photometric = 1, "RGB"
	}
	status := C.concord_jpeg8_decode((*C.uint8_t)(unsafe.Pointer(&data[0])), C.size_t(len(data)), (*C.uint8_t)(unsafe.Pointer(&dst[0])), &c)
	switch status {
	case C.concord_jpeg8_truncated:
		return Layout{}, errNoMore
	case C.concord_jpeg8_broken:
		return Layout{}, failf(Malformed, "the JPEG cannot be decoded: %s", C.GoString(&c.message[0]))
	case C.concord_jpeg8_other:
		return Layout{}, failf(Malformed, "the JPEG has two frame headers that differ")
	}
	if f.BitsAllocated == 16 {
		widen(dst)
	}
	return layout, nil
}
