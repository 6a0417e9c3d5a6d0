package dicom

import (
	"encoding/binary"
	"fmt"
	"io"
)

const (
	// ImplementationClassUID names Concord's implementation (PS3.7 D.3.3.2); it
	// is DeriveUID("implementation class").
	ImplementationClassUID = "2.25.19262345432982330287709737181313441477"
	// ImplementationVersionName goes with it.
	ImplementationVersionName = "CONCORD_1"
)

// Meta is what the file meta information says of a data set (PS3.10 7.1).
type Meta struct {
	SOPClassUID, SOPInstanceUID string
	TransferSyntax              string // of the data set, as it was negotiated
	SourceAE                    string // of the sender, "" if unknown
}

// WriteMeta writes preamble, prefix and file meta information and returns their
// length. The data set's bytes follow as they were received.
func WriteMeta(w io.Writer, m Meta) (int64, error) {
	group := append([]byte{2, 0, 1, 0, 'O', 'B', 0, 0, 2, 0, 0, 0}, 0, 1) // version 1
	for _, e := range []struct {
		tag   Tag
		vr    VR
		value string
	}{
		{MediaStorageSOPClassUID, UI, m.SOPClassUID},
		{MediaStorageSOPInstanceUID, UI, m.SOPInstanceUID},
		{TransferSyntaxUID, UI, m.TransferSyntax},
		{ImplementationClassUIDTag, UI, ImplementationClassUID},
		{ImplementationVersionNameTag, SH, ImplementationVersionName},
		{SourceApplicationEntityTitle, AE, m.SourceAE},
	} {
		if e.value == "" && e.tag == SourceApplicationEntityTitle {
			continue
		}
		if e.value == "" || len(e.value) > 64 {
			return 0, fmt.Errorf("file meta information: %v has %d characters; 1 to 64 are allowed", e.tag, len(e.value))
		}
		group = appendShort(group, e.tag, e.vr, e.value)
	}
	head := make([]byte, preamble, preamble+len("DICM")+shortHeader+4+len(group))
	head = append(head, "DICM"...)
	head = append(head, 2, 0, 0, 0, 'U', 'L', 4, 0)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(group)))
	n, err := w.Write(append(head, group...))
	return int64(n), err
}

// appendShort appends an element with a short header in explicit VR little
// endian (PS3.5 7.1.2), padded to even length.
func appendShort(b []byte, tag Tag, vr VR, value string) []byte {
	pad := byte(' ')
	if vr == UI {
		pad = 0
	}
	if len(value)%2 == 1 {
		value += string(pad)
	}
	b = binary.LittleEndian.AppendUint16(b, tag.Group())
	b = binary.LittleEndian.AppendUint16(b, tag.Element())
	b = append(b, byte(vr>>8), byte(vr))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	return append(b, value...)
}
