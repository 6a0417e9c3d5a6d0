package pdu

import "encoding/binary"

// Bits of a PDV's message control header (PS3.8 E.2).
const (
	ControlCommand byte = 1 << 0 // the fragment is of a command set, else of a data set
	ControlLast    byte = 1 << 1 // the fragment is the last of its command or data set
)

// PDVHeaderSize is the size in bytes of a PDV item's length, context ID and
// message control header.
const PDVHeaderSize = 6

// pdvOverhead is the part of a PDV item that its length field counts beside
// the fragment: context ID and message control header.
const pdvOverhead = 2

// DataTF is the P-DATA-TF PDU (PS3.8 9.3.5).
type DataTF struct{ PDVs []PDV }

// PDV is a presentation data value item (PS3.8 9.3.5.1).
type PDV struct {
	ContextID byte
	Control   byte // bits ControlCommand and ControlLast
	Fragment  []byte
}

// PDVHeader is a PDV item without its fragment. Length counts the fragment's
// bytes only.
type PDVHeader struct {
	ContextID byte
	Control   byte
	Length    uint32
}

// DecodePDVHeader reads a PDV item's first PDVHeaderSize bytes (PS3.8 9.3.5.1,
// Table 9-23; E.2); b must hold them. left is the number of bytes that its
// P-DATA-TF has left, with this header: an item may not pass it.
func DecodePDVHeader(b []byte, left uint32) (PDVHeader, error) {
	n := binary.BigEndian.Uint32(b)
	if n < pdvOverhead {
		return PDVHeader{}, invalid("a PDV item has the length %d and must have 2 at least", n)
	}
	if left < PDVHeaderSize || n-pdvOverhead > left-PDVHeaderSize {
		return PDVHeader{}, invalid("a PDV item has the length %d, beyond the end of its P-DATA-TF", n)
	}
	return PDVHeader{ContextID: b[4], Control: b[5], Length: n - pdvOverhead}, nil
}

// AppendDataHeader appends the header of a P-DATA-TF with one PDV item and
// that item's header; h.Length bytes of fragment must follow on the wire. The
// P-DATA-TF has the length PDVHeaderSize + h.Length.
func AppendDataHeader(dst []byte, h PDVHeader) []byte {
	dst = append(dst, TypeDataTF, 0)
	dst = binary.BigEndian.AppendUint32(dst, h.Length+PDVHeaderSize)
	return appendPDVHeader(dst, h)
}

func appendPDVHeader(dst []byte, h PDVHeader) []byte {
	dst = binary.BigEndian.AppendUint32(dst, h.Length+pdvOverhead)
	return append(dst, h.ContextID, h.Control)
}

func (*DataTF) pduType() byte { return TypeDataTF }

func (p *DataTF) encode(e *encoder) {
	for _, v := range p.PDVs {
		e.b = appendPDVHeader(e.b, PDVHeader{v.ContextID, v.Control, uint32(len(v.Fragment))})
		e.b = append(e.b, v.Fragment...)
	}
}

// decodeDataTF reads a whole P-DATA-TF: PS3.8 9.3.5, Table 9-22. The
// fragments are parts of body.
func decodeDataTF(body []byte) (*DataTF, error) {
	p := &DataTF{}
	for len(body) > 0 {
		if len(body) < PDVHeaderSize {
			return nil, invalid("a P-DATA-TF ends inside a PDV item")
		}
		h, err := DecodePDVHeader(body, uint32(len(body)))
		if err != nil {
			return nil, err
		}
		end := PDVHeaderSize + int(h.Length)
		p.PDVs = append(p.PDVs, PDV{h.ContextID, h.Control, body[PDVHeaderSize:end]})
		body = body[end:]
	}
	if len(p.PDVs) == 0 {
		return nil, invalid("a P-DATA-TF has no PDV item")
	}
	return p, nil
}
