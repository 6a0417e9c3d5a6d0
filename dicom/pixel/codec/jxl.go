package codec

// #cgo LDFLAGS: -ljxl
// #include "jxl.h"
import "C"

import (
	"encoding/binary"
	"unsafe"
)

// decodeJXL reads JPEG XL (ISO/IEC 18181-1; PS3.5 8.2.20) by libjxl: lossless,
// lossy, and JPEG that was packed again. Colour comes as RGB, whatever is coded.
func decodeJXL(f *Format, data, dst []byte) (Layout, error) {
	if len(data) == 0 || f.BitsAllocated != 8 && f.BitsAllocated != 16 {
		return Layout{}, failf(Unsupported, "JPEG XL of %d bytes in pixels of %d bits is not read", len(data), f.BitsAllocated)
	}
	c := C.concord_jxl_format{rows: C.uint32_t(f.Rows), columns: C.uint32_t(f.Columns), samples: C.uint32_t(f.Samples),
		bytes: C.uint32_t(f.BitsAllocated / 8)}
	status := C.concord_jxl_decode((*C.uint8_t)(unsafe.Pointer(&data[0])), C.size_t(len(data)), (*C.uint8_t)(unsafe.Pointer(&dst[0])), &c)
	switch status {
	case C.concord_jxl_broken:
		return Layout{}, failf(Malformed, "the JPEG XL codestream cannot be decoded")
	case C.concord_jxl_truncated:
		return Layout{}, failf(Truncated, "the JPEG XL codestream ends early")
	case C.concord_jxl_other:
		return Layout{}, failf(Malformed, "the JPEG XL codestream has another size, number of components or more bits than the object's %d × %d pixels",
			f.Columns, f.Rows)
	case C.concord_jxl_float:
		return Layout{}, failf(Unsupported, "JPEG XL with floating-point samples is not read")
	}
	narrow(dst, f.BitsAllocated, int(c.bits))
	layout := Layout{Photometric: f.Photometric}
	if f.Samples == 3 {
		layout.Photometric = "RGB"
	}
	return layout, nil
}

// narrow brings samples that are spread over all bits of a word back to those
// of the codestream.
func narrow(dst []byte, allocated, bits int) {
	if bits == allocated {
		return
	}
	full, highest := uint32(1)<<allocated-1, uint32(1)<<bits-1
	if allocated == 8 {
		for i, v := range dst {
			dst[i] = byte((uint32(v)*highest + full/2) / full)
		}
		return
	}
	for i := 0; i < len(dst); i += 2 {
		v := uint32(binary.LittleEndian.Uint16(dst[i:]))
		binary.LittleEndian.PutUint16(dst[i:], uint16((v*highest+full/2)/full))
	}
}
