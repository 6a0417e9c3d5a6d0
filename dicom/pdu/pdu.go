// Package pdu turns bytes into DICOM Upper Layer protocol data units and back
// (PS3.8 9.3). It is pure: it reads no socket and keeps no state.
//
// A receiver reads [HeaderSize] bytes, calls [DecodeHeader], refuses a length
// above [Header.Limit], reads the body and calls [Decode]. The body of a
// P-DATA-TF may be gigabytes of pixel data, so a receiver that streams decodes
// its PDV items one header at a time with [DecodePDVHeader] instead.
package pdu

import (
	"encoding/binary"
	"fmt"
)

// PDU types (PS3.8 9.3.1).
const (
	TypeAssociateRQ byte = 0x01
	TypeAssociateAC byte = 0x02
	TypeAssociateRJ byte = 0x03
	TypeDataTF      byte = 0x04
	TypeReleaseRQ   byte = 0x05
	TypeReleaseRP   byte = 0x06
	TypeAbort       byte = 0x07
)

const (
	// HeaderSize is the size in bytes of a PDU header: type, reserved, length.
	HeaderSize = 6

	// MaxAssociateLength bounds the body of an A-ASSOCIATE-RQ or -AC. 128
	// contexts with every transfer syntax of the standard need about 150 KiB.
	MaxAssociateLength = 1 << 20

	// fixedLength is the body length of A-ASSOCIATE-RJ, A-RELEASE-RQ,
	// A-RELEASE-RP and A-ABORT (PS3.8 9.3.4, 9.3.6 to 9.3.8).
	fixedLength = 4
)

// PDU is one of [AssociateRQ], [AssociateAC], [AssociateRJ], [DataTF],
// [ReleaseRQ], [ReleaseRP] and [Abort].
type PDU interface {
	pduType() byte
	encode(*encoder)
}

// Header is what precedes each PDU's body (PS3.8 9.3.1). Length counts the
// bytes that follow the header.
type Header struct {
	Type   byte
	Length uint32
}

// DecodeHeader reads the first HeaderSize bytes of b, which must hold them.
func DecodeHeader(b []byte) Header {
	return Header{Type: b[0], Length: binary.BigEndian.Uint32(b[2:HeaderSize])}
}

// Limit returns the longest body that h's type may have, given the maximum
// P-DATA-TF length that the receiver advertised (0: no limit). Check it before
// the body is read or allocated. An unknown type has the limit 0.
func (h Header) Limit(maxData uint32) uint32 {
	switch h.Type {
	case TypeAssociateRQ, TypeAssociateAC:
		return MaxAssociateLength
	case TypeDataTF:
		if maxData == 0 {
			return 1<<32 - 1
		}
		return maxData
	case TypeAssociateRJ, TypeReleaseRQ, TypeReleaseRP, TypeAbort:
		return fixedLength
	}
	return 0
}

// Error says why bytes are not a PDU. Reason is the A-ABORT reason that the
// service provider answers with (PS3.8 9.3.8, Table 9-26).
type Error struct {
	Reason byte
	Text   string
}

func (e *Error) Error() string { return "invalid PDU: " + e.Text }

// invalid reports a parameter whose value breaks the standard.
func invalid(format string, args ...any) error {
	return &Error{Reason: ReasonInvalidParameter, Text: fmt.Sprintf(format, args...)}
}

// Decode reads the body of a PDU of the given type. The result shares no
// memory with body, except for the fragments of a DataTF. Bytes that are not
// such a PDU give an *Error.
func Decode(pduType byte, body []byte) (PDU, error) {
	switch pduType {
	case TypeAssociateRQ:
		return decodeAssociateRQ(body)
	case TypeAssociateAC:
		return decodeAssociateAC(body)
	case TypeDataTF:
		return decodeDataTF(body)
	case TypeAssociateRJ, TypeReleaseRQ, TypeReleaseRP, TypeAbort:
		return decodeFixed(pduType, body)
	}
	return nil, &Error{Reason: ReasonUnrecognizedPDU, Text: fmt.Sprintf("type %02XH is not one of 01H to 07H", pduType)}
}

// Encode returns p with its header. It fails if a value does not fit its
// field, for instance an AE title above 16 characters.
func Encode(p PDU) ([]byte, error) {
	e := encoder{b: []byte{p.pduType(), 0, 0, 0, 0, 0}}
	p.encode(&e)
	if e.err != nil {
		return nil, e.err
	}
	binary.BigEndian.PutUint32(e.b[2:], uint32(len(e.b)-HeaderSize))
	return e.b, nil
}
