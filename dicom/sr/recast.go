package sr

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"concord/dicom"
)

// Fallbacks are the SOP classes that a document may be stored as, best first:
// its tree has neither SCOORD3D nor by-reference items, so it fits all.
var Fallbacks = []string{Comprehensive3D, Comprehensive, Enhanced}

// Recast makes the object of another SOP class of an encoded document: the same
// content, and an SOP Instance UID that follows from the first and the class.
// The same arguments give the same bytes.
func Recast(part10 []byte, class string) (object []byte, instance string, err error) {
	o, err := dicom.Scan(bytes.NewReader(part10), int64(len(part10)))
	if err != nil {
		return nil, "", err
	}
	was := o.String(dicom.SOPInstanceUID)
	if o.String(dicom.SOPClassUID) == class {
		return part10, was, nil
	}
	if o.TransferSyntax != dicom.ExplicitVRLittleEndian || !slices.Contains(Fallbacks, class) {
		return nil, "", fmt.Errorf("sr: a document in %s cannot become a %s", o.TransferSyntax, class)
	}
	instance = dicom.DeriveUID("sr recast", was, class)
	var b bytes.Buffer
	if _, err := dicom.WriteMeta(&b, dicom.Meta{SOPClassUID: class, SOPInstanceUID: instance, TransferSyntax: o.TransferSyntax}); err != nil {
		return nil, "", err
	}
	at := o.DataSetOffset
	for _, e := range []struct {
		tag   dicom.Tag
		value string
	}{{dicom.SOPClassUID, class}, {dicom.SOPInstanceUID, instance}} {
		span, ok := o.Span(e.tag)
		if !ok {
			return nil, "", fmt.Errorf("sr: the document has no %v", e.tag)
		}
		value := []byte(e.value)
		if len(value)%2 == 1 {
			value = append(value, 0)
		}
		b.Write(part10[at : span.Offset-2]) // up to the length of the value (PS3.5 7.1.2)
		b.Write(binary.LittleEndian.AppendUint16(nil, uint16(len(value))))
		b.Write(value)
		at = span.Offset + span.Length
	}
	b.Write(part10[at:])
	return b.Bytes(), instance, nil
}
