package codec

// #cgo LDFLAGS: -lcharls
// #include "jpegls.h"
import "C"

import (
	"bytes"
	"slices"
	"unsafe"
)

// jpegLSMaxRatio: a run of up to 32768 samples takes a bit (ISO/IEC 14495-1
// A.7.1.2).
const jpegLSMaxRatio = 1 << 19

var endOfImage = []byte{0xFF, markerEOI}

// decodeJPEGLS reads JPEG-LS, lossless and near-lossless (ISO/IEC 14495-1;
// PS3.5 8.2.3), by CharLS.
func decodeJPEGLS(f *Format, data, dst []byte) (Layout, error) {
	if f.BitsAllocated != 8 && f.BitsAllocated != 16 {
		return Layout{}, failf(Unsupported, "JPEG-LS in pixels of %d bits is not read", f.BitsAllocated)
	}
	if err := f.checkRatio(data, jpegLSMaxRatio); err != nil {
		return Layout{}, err
	}
	if !bytes.HasSuffix(bytes.TrimRight(data, "\x00"), endOfImage) { // CharLS may search for it forever
		data = slices.Concat(data, endOfImage)
	}
	wanted := C.charls_frame_info{width: C.uint32_t(f.Columns), height: C.uint32_t(f.Rows),
		bits_per_sample: C.int32_t(f.BitsAllocated), component_count: C.int32_t(f.Samples)}
	var info C.charls_frame_info
	var mode C.charls_interleave_mode
	var fits C.int
	status := C.concord_jpegls_decode((*C.uint8_t)(unsafe.Pointer(&data[0])), C.size_t(len(data)),
		(*C.uint8_t)(unsafe.Pointer(&dst[0])), C.size_t(len(dst)), &wanted, &info, &mode, &fits)
	switch {
	case status == C.CHARLS_JPEGLS_ERRC_SOURCE_BUFFER_TOO_SMALL:
		return Layout{}, failf(Truncated, "the JPEG-LS codestream ends early")
	case status != C.CHARLS_JPEGLS_ERRC_SUCCESS:
		return Layout{}, failf(Malformed, "the JPEG-LS codestream cannot be decoded: %s", C.GoString(C.charls_get_error_message(status)))
	case fits == 0:
		return Layout{}, failf(Malformed, "the JPEG-LS has %d × %d pixels of %d components with %d bits, the object %d × %d of %d with %d",
			info.width, info.height, info.component_count, info.bits_per_sample, f.Columns, f.Rows, f.Samples, f.BitsAllocated)
	}
	if info.bits_per_sample <= 8 && f.BitsAllocated == 16 { // CharLS gave bytes
		widen(dst)
	}
	return Layout{Planar: f.Samples > 1 && mode == C.CHARLS_INTERLEAVE_MODE_NONE, Photometric: f.Photometric}, nil
}

// widen makes little-endian words of the bytes in the first half of b.
func widen(b []byte) {
	for i := len(b)/2 - 1; i >= 0; i-- {
		b[2*i], b[2*i+1] = b[i], 0
	}
}
