package codec

// #cgo CFLAGS: -O2
// #cgo LDFLAGS: -lopenjp2
// #include "j2k.h"
import "C"

import (
	"runtime"
	"unsafe"
)

const (
	// threadedPixels is the size of a frame from which its code blocks are
	// decoded in several threads: to start them costs less than they save.
	threadedPixels = 1 << 16
	// maxThreads bounds the memory of their stacks, 8 MiB each.
	maxThreads = 8
)

// decodeJ2K reads JPEG 2000 and High-Throughput JPEG 2000 (ISO/IEC 15444-1 and
// 15444-15; PS3.5 8.2.4, 8.2.17) by OpenJPEG. An inverse component transform
// has made RGB of YBR_RCT and YBR_ICT, whatever the header calls them.
func decodeJ2K(f *Format, data, dst []byte) (Layout, error) {
	if len(data) == 0 || f.BitsAllocated%8 != 0 {
		return Layout{}, failf(Unsupported, "JPEG 2000 of %d bytes in pixels of %d bits is not read", len(data), f.BitsAllocated)
	}
	c := C.concord_j2k_format{rows: C.uint32_t(f.Rows), columns: C.uint32_t(f.Columns), samples: C.uint32_t(f.Samples),
		bytes: C.uint32_t(f.BitsAllocated / 8)}
	if processors := runtime.NumCPU(); processors > 1 && f.Rows*f.Columns >= threadedPixels {
		c.threads = C.uint32_t(min(processors, maxThreads))
	}
	status := C.concord_j2k_decode((*C.uint8_t)(unsafe.Pointer(&data[0])), C.size_t(len(data)), (*C.uint8_t)(unsafe.Pointer(&dst[0])), &c)
	switch status {
	case C.concord_j2k_broken:
		return Layout{}, failf(Malformed, "the JPEG 2000 codestream cannot be decoded: %s", C.GoString(&c.message[0]))
	case C.concord_j2k_size:
		return Layout{}, failf(Malformed, "the JPEG 2000 codestream has another size than the object's %d × %d pixels", f.Columns, f.Rows)
	case C.concord_j2k_components:
		return Layout{}, failf(Malformed, "the JPEG 2000 codestream and the object differ in their number of components")
	case C.concord_j2k_sampling:
		return Layout{}, failf(Unsupported, "JPEG 2000 whose first component has fewer samples than another is not read")
	case C.concord_j2k_precision:
		return Layout{}, failf(Malformed, "the JPEG 2000 codestream has more bits than the object's %d", f.BitsAllocated)
	}
	layout := Layout{Photometric: f.Photometric}
	switch {
	case f.Samples == 1:
	case c.subsampled != 0: // only colour differences ever are
		layout.Photometric = "YBR_FULL"
	case c.transformed != 0 || f.Photometric == "YBR_RCT" || f.Photometric == "YBR_ICT":
		layout.Photometric = "RGB"
	case c.sycc != 0:
		layout.Photometric = "YBR_FULL"
	}
	return layout, nil
}
