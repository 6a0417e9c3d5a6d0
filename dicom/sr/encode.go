package sr

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	part10 "github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/tag"
	"github.com/suyashkumar/dicom/pkg/uid"

	"concord/dicom"
)

// The series of a check looks the same in every study.
const (
	seriesNumber          = "9701"
	seriesDescription     = "Concord report check - UNVERIFIED, not for diagnosis"
	completionDescription = "Automated check complete; no human verification"
)

// Encode writes d as a Part 10 file in Explicit VR Little Endian, ISO_IR 192.
// The error says which part of d cannot be written; it holds no patient data.
func Encode(d *Document) ([]byte, error) {
	d, err := d.checked()
	if err != nil {
		return nil, err
	}
	set := d.header()
	set = append(set, d.report().attributes()...)
	set.sort()
	var out bytes.Buffer
	if err := part10.Write(&out, part10.Dataset{Elements: append(d.meta(), set...)}); err != nil {
		return nil, fmt.Errorf("sr: %w", err)
	}
	return out.Bytes(), nil
}

// attributes are the elements of a data set or of a sequence item.
type attributes []*part10.Element

// put appends an element; no value at all gives it the length 0.
func (a *attributes) put(t tag.Tag, values ...string) { a.element(t, values) }

// optional appends an element of type 3 if it has a value.
func (a *attributes) optional(t tag.Tag, value string) {
	if value != "" {
		a.put(t, value)
	}
}

// sequence appends a sequence and sorts its items, as the encoder does not.
func (a *attributes) sequence(t tag.Tag, items ...attributes) {
	value := make([][]*part10.Element, len(items))
	for i, it := range items {
		it.sort()
		value[i] = it
	}
	a.element(t, value)
}

func (a *attributes) element(t tag.Tag, value any) {
	element, err := part10.NewElement(t, value)
	if err != nil {
		panic(err) // only for a tag that is not in the dictionary; all tags here are constants
	}
	*a = append(*a, element)
}

func (a attributes) sort() {
	slices.SortFunc(a, func(x, y *part10.Element) int { return x.Tag.Compare(y.Tag) })
}

// code is a Code Sequence Macro item (PS3.3 Table 8.8-1).
func (c Code) attributes() (a attributes) {
	a.put(tag.CodeValue, c.Value)
	a.put(tag.CodingSchemeDesignator, c.Scheme)
	a.put(tag.CodeMeaning, shortText(c.Meaning, 64))
	return a
}

// attributes of a content item (PS3.3 Tables C.17-5, C.17-6, C.18-1 to C.18-8).
func (it item) attributes() (a attributes) {
	a.optional(tag.RelationshipType, it.relation)
	a.put(tag.ValueType, it.valueType)
	if it.concept != (Code{}) {
		a.sequence(tag.ConceptNameCodeSequence, it.concept.attributes())
	}
	switch it.valueType {
	case "CONTAINER":
		a.put(tag.ContinuityOfContent, "SEPARATE")
	case "CODE":
		a.sequence(tag.ConceptCodeSequence, it.code.attributes())
	case "TEXT":
		a.put(tag.TextValue, it.text)
	case "UIDREF":
		a.put(tag.UID, it.text)
	case "NUM":
		a.sequence(tag.MeasuredValueSequence, it.measured())
	case "IMAGE":
		a.sequence(tag.ReferencedSOPSequence, it.image.attributes())
	}
	if len(it.content) > 0 {
		children := make([]attributes, len(it.content))
		for i, child := range it.content {
			children[i] = child.attributes()
		}
		a.sequence(tag.ContentSequence, children...)
	}
	return a
}

func (it item) measured() (a attributes) {
	a.put(tag.NumericValue, it.number)
	a.sequence(tag.MeasurementUnitsCodeSequence, it.unit.attributes())
	return a
}

func (image imageOf) attributes() (a attributes) {
	a.put(tag.ReferencedSOPClassUID, image.sopClass)
	a.put(tag.ReferencedSOPInstanceUID, image.sopInstance)
	if len(image.frames) > 0 {
		frames := make([]string, len(image.frames))
		for i, frame := range image.frames {
			frames[i] = strconv.Itoa(frame)
		}
		a.put(tag.ReferencedFrameNumber, frames...)
	}
	return a
}

// meta is the File Meta Information (PS3.10 7.1).
func (d *Document) meta() (a attributes) {
	a.element(tag.FileMetaInformationVersion, []byte{0, 1})
	a.put(tag.MediaStorageSOPClassUID, d.SOPClassUID)
	a.put(tag.MediaStorageSOPInstanceUID, d.SOPInstanceUID)
	a.put(tag.TransferSyntaxUID, uid.ExplicitVRLittleEndian)
	a.put(tag.ImplementationClassUID, dicom.ImplementationClassUID)
	a.put(tag.ImplementationVersionName, dicom.ImplementationVersionName)
	return a
}
