package pixel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"maps"
	"slices"
	"strconv"
	"testing"

	"concord/dicom"
)

// leOrder is the byte order of nearly all objects.
var leOrder binary.AppendByteOrder = binary.LittleEndian

// attributes describes a test object: an int is written as US (IS for
// NumberOfFrames), a float64 as DS, a string as CS, []uint16 as OW, []byte as
// OB, []attributes as a sequence.
type attributes map[dicom.Tag]any

// gray16 describes a monochrome object of 16 bits.
func gray16(rows, columns, stored int, cells ...uint16) attributes {
	return attributes{
		dicom.SamplesPerPixel: 1, dicom.PhotometricInterpretation: "MONOCHROME2", dicom.Rows: rows, dicom.Columns: columns,
		dicom.BitsAllocated: 16, dicom.BitsStored: stored, dicom.HighBit: stored - 1, dicom.PixelRepresentation: 0,
		dicom.PixelDataTag: cells,
	}
}

// with returns a copy with other values; nil takes an attribute away.
func (a attributes) with(changes attributes) attributes {
	changed := maps.Clone(a)
	maps.Copy(changed, changes)
	maps.DeleteFunc(changed, func(_ dicom.Tag, v any) bool { return v == nil })
	return changed
}

// encode writes the attributes in explicit VR, in the given byte order.
func (a attributes) encode(order binary.AppendByteOrder) []byte {
	var b []byte
	for _, tag := range slices.Sorted(maps.Keys(a)) {
		var vr string
		var value []byte
		switch v := a[tag].(type) {
		case int:
			vr, value = "US", order.AppendUint16(nil, uint16(v))
			if tag == dicom.NumberOfFrames {
				vr, value = "IS", pad(strconv.Itoa(v))
			}
		case float64:
			vr, value = "DS", pad(strconv.FormatFloat(v, 'g', -1, 64))
		case string:
			vr, value = "CS", pad(v)
			if dicomDecimal[tag] {
				vr = "DS"
			}
			if tag == dicom.SOPClassUID {
				vr = "UI"
			}
		case []uint16:
			vr = "OW"
			for _, n := range v {
				value = order.AppendUint16(value, n)
			}
			if len(v) == 3 && tag != dicom.PixelDataTag {
				vr = "US" // a LUT descriptor
			}
		case []byte:
			vr, value = "OB", v
		case []attributes:
			vr = "SQ"
			for _, item := range v {
				body := item.encode(order)
				value = order.AppendUint16(order.AppendUint16(value, 0xFFFE), 0xE000)
				value = append(order.AppendUint32(value, uint32(len(body))), body...)
			}
		case fragments:
			b = v.append(b, tag)
			continue
		}
		b = order.AppendUint16(order.AppendUint16(b, tag.Group()), tag.Element())
		b = append(b, vr...)
		if vr == "OW" || vr == "OB" || vr == "SQ" {
			b = order.AppendUint32(append(b, 0, 0), uint32(len(value)))
		} else {
			b = order.AppendUint16(b, uint16(len(value)))
		}
		b = append(b, value...)
	}
	return b
}

// fragments is an encapsulated value; the first is the offset table.
type fragments [][]byte

func (f fragments) append(b []byte, tag dicom.Tag) []byte {
	order := binary.LittleEndian
	b = order.AppendUint16(order.AppendUint16(b, tag.Group()), tag.Element())
	b = append(b, 'O', 'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF)
	for _, fragment := range f {
		b = append(b, 0xFE, 0xFF, 0x00, 0xE0)
		b = append(order.AppendUint32(b, uint32(len(fragment))), fragment...)
	}
	return append(b, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0)
}

func pad(s string) []byte {
	if len(s)%2 == 1 {
		s += " "
	}
	return []byte(s)
}

// open scans and opens the object in a transfer syntax.
func (a attributes) open(t testing.TB, syntax string) (*Image, error) {
	t.Helper()
	var order binary.AppendByteOrder = binary.LittleEndian
	if syntax == dicom.ExplicitVRBigEndian {
		order = binary.BigEndian
	}
	body := a.with(attributes{dicom.SpecificCharacterSet: "ISO_IR 192"}).encode(order)
	obj, err := dicom.ScanDataSet(bytes.NewReader(body), int64(len(body)), syntax)
	if err != nil {
		t.Fatal(err)
	}
	return Open(bytes.NewReader(body), int64(len(body)), obj)
}

// render opens the object in explicit VR little endian and renders frame n.
func (a attributes) render(t testing.TB, n int, w Window) (image.Image, error) {
	t.Helper()
	m, err := a.open(t, dicom.ExplicitVRLittleEndian)
	if err != nil {
		return nil, err
	}
	return m.Frame(n, w)
}

// grey renders frame 1 and returns its grey levels.
func (a attributes) grey(t testing.TB, w Window) []byte {
	t.Helper()
	picture, err := a.render(t, 1, w)
	if err != nil {
		t.Fatal(err)
	}
	return picture.(*image.Gray).Pix
}

// samples prints the samples of a picture, "[0 128 255]".
func samples(picture image.Image) string {
	pix, _ := picturePix(picture)
	return levels(pix)
}

func levels(pix []byte) string {
	list := make([]int, len(pix))
	for i, v := range pix {
		list[i] = int(v)
	}
	return fmt.Sprint(list)
}

func codeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// dicomDecimal are the attributes that a string is written to as DS.
var dicomDecimal = map[dicom.Tag]bool{dicom.WindowCenter: true, dicom.WindowWidth: true, dicom.ImageOrientationPatient: true,
	dicom.PixelSpacing: true, dicom.PixelAspectRatio: true}
