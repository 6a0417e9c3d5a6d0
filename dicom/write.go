package dicom

import "encoding/binary"

// Element is a data element to be written: a value as text, or items.
type Element struct {
	Tag   Tag
	VR    VR // UI, text, US (Number) or SQ (Items)
	Value string
	// Number is the value of a US.
	Number uint16
	Items  [][]Element
}

// AppendDataSet appends elements, which are in the order of their tags, in
// explicit or implicit VR little endian (PS3.5 7.1): for the small data sets of
// DIMSE-N services and queries.
func AppendDataSet(b []byte, explicit bool, elements ...Element) []byte {
	for _, e := range elements {
		b = appendElement(b, explicit, e.Tag, e.VR, e.encode(explicit))
	}
	return b
}

func (e Element) encode(explicit bool) (value []byte) {
	switch e.VR {
	case US:
		return binary.LittleEndian.AppendUint16(nil, e.Number)
	case SQ:
		for _, item := range e.Items {
			value = appendElement(value, false, Item, 0, AppendDataSet(nil, explicit, item...))
		}
		return value
	}
	value = []byte(e.Value)
	if len(value)%2 == 1 {
		value = append(value, map[bool]byte{true: 0, false: ' '}[e.VR == UI])
	}
	return value
}

func appendElement(b []byte, explicit bool, tag Tag, vr VR, value []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, tag.Group())
	b = binary.LittleEndian.AppendUint16(b, tag.Element())
	switch {
	case !explicit:
		b = binary.LittleEndian.AppendUint32(b, uint32(len(value)))
	case vr.long():
		b = append(b, byte(vr>>8), byte(vr), 0, 0)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(value)))
	default:
		b = append(b, byte(vr>>8), byte(vr))
		b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	}
	return append(b, value...)
}
