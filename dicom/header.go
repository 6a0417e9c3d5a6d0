package dicom

import "encoding/binary"

// undefined is the length of a value that ends with a delimiter (PS3.5 7.1.1).
const undefined = 0xFFFFFFFF

// layout is how elements are laid out: PS3.5 7.1.2 and 7.1.3, byte order 7.3.
type layout struct{ implicit, bigEndian bool }

func (e layout) order() binary.ByteOrder {
	if e.bigEndian {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// uid returns the uncompressed transfer syntax of the layout.
func (e layout) uid() string {
	switch {
	case e.implicit:
		return ImplicitVRLittleEndian
	case e.bigEndian:
		return ExplicitVRBigEndian
	}
	return ExplicitVRLittleEndian
}

// header is the part of a data element before its value.
type header struct {
	tag      Tag
	vr       VR // by the dictionary where the header has none
	length   uint32
	size     int64 // bytes of the header
	implicit bool  // no VR was there
}

const (
	shortHeader = 8
	longHeader  = 12
)

// decodeHeader reads an element header (PS3.5 7.1.2, 7.1.3) from b, which holds
// at least 8 bytes; ok is false where a long header is cut off. left is the
// number of bytes from the start of b to the end of the data.
//
// Two common faults are read as meant: an element without a VR in an explicit
// data set, and an unknown VR, whose length has four bytes if the standard's
// rule for new VRs holds (reserved bytes zero, length possible) and two if not.
func decodeHeader(b []byte, enc layout, left int64) (h header, ok bool) {
	order := enc.order()
	h.tag = Tag(order.Uint16(b))<<16 | Tag(order.Uint16(b[2:]))
	h.size = shortHeader
	vr := VR(b[4])<<8 | VR(b[5])
	if enc.implicit || h.tag.Group() == Item.Group() || !vr.letters() {
		h.implicit = true
		h.length = order.Uint32(b[4:])
		h.vr = dictionaryVR(h.tag)
		return h, true
	}
	h.vr = vr
	long := vr.long()
	if !long && !vr.known() {
		long = b[6] == 0 && b[7] == 0 && len(b) >= longHeader &&
			int64(order.Uint32(b[8:])) <= left-longHeader
		h.vr = UN
	}
	if !long {
		h.length = uint32(order.Uint16(b[6:]))
		return h, true
	}
	if len(b) < longHeader {
		return h, false
	}
	h.size = longHeader
	h.length = order.Uint32(b[8:])
	return h, true
}

// plausible says whether b can be the first element of a data set or of an
// item: a tag that exists, a VR that exists, a value that fits.
func plausible(b []byte, enc layout, left int64) bool {
	if len(b) < shortHeader {
		return false
	}
	h, ok := decodeHeader(b, enc, left)
	if !ok || h.tag == 0 || h.implicit != enc.implicit {
		return false
	}
	if dictionaryVR(h.tag) == UN && !h.tag.Private() {
		return false
	}
	if !enc.implicit && !(VR(b[4])<<8 | VR(b[5])).known() {
		return false
	}
	return h.length == undefined && (h.vr == SQ || h.vr == UN || h.tag == PixelDataTag) ||
		int64(h.length) <= left-h.size
}

// guess finds the layout in which b can be the first element; the declared
// one is tried first.
func guess(b []byte, declared layout, left int64) (layout, bool) {
	for _, enc := range [...]layout{declared, {}, {implicit: true}, {bigEndian: true}} {
		if plausible(b, enc, left) {
			return enc, true
		}
	}
	return declared, false
}
