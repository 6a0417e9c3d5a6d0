package sr

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/suyashkumar/dicom/pkg/tag"

	"concord/dicom"
)

var errNoReport = errors.New("sr: the object is no Structured Report: its root is no CONTAINER with a Content Sequence")

// Decode reads a TID 1500 report from the bytes of a Part 10 file of any
// transfer syntax. What Encode wrote comes back as its Document; other items,
// as measurements of other makers, are passed over. Decode refuses an object
// that cannot be parsed or has no SR content, and nothing else.
func Decode(part10 []byte) (*Document, error) {
	object, err := dicom.Scan(bytes.NewReader(part10), int64(len(part10)))
	if err != nil {
		return nil, fmt.Errorf("sr: %w", err)
	}
	set := dataSet{object.DataSet}
	if set.text(tag.ValueType) != "CONTAINER" || len(set.items(tag.ContentSequence)) == 0 {
		return nil, errNoReport
	}
	d := &Document{
		SOPClassUID:    set.text(tag.SOPClassUID),
		SOPInstanceUID: set.text(tag.SOPInstanceUID),
		SeriesUID:      set.text(tag.SeriesInstanceUID),
		Patient: Patient{Name: set.text(tag.PatientName), ID: set.text(tag.PatientID), Issuer: set.text(tag.IssuerOfPatientID),
			BirthDate: set.text(tag.PatientBirthDate), Sex: set.text(tag.PatientSex)},
		Study:       readStudy(set),
		ContentTime: readTime(set),
	}
	d.Revision, _ = strconv.Atoi(set.text(tag.InstanceNumber))
	d.Device = Device{Manufacturer: set.text(tag.Manufacturer), Model: set.text(tag.ManufacturerModelName),
		Serial: set.text(tag.DeviceSerialNumber), Software: set.text(tag.SoftwareVersions)}
	d.readGeneral(set)
	d.readTree(tree(set))
	return d, nil
}

func readStudy(set dataSet) Study {
	return Study{
		UID: set.text(tag.StudyInstanceUID), ID: set.text(tag.StudyID),
		Date: set.text(tag.StudyDate), Time: set.text(tag.StudyTime),
		TimezoneOffset:     set.text(tag.TimezoneOffsetFromUTC),
		Accession:          set.text(tag.AccessionNumber),
		AccessionIssuer:    readIssuer(set.first(tag.IssuerOfAccessionNumberSequence)),
		ReferringPhysician: set.text(tag.ReferringPhysicianName),
		Description:        set.text(tag.StudyDescription),
	}
}

func readIssuer(set dataSet) Issuer {
	return Issuer{set.text(tag.LocalNamespaceEntityID), set.text(tag.UniversalEntityID), set.text(tag.UniversalEntityIDType)}
}

func readTime(set dataSet) time.Time {
	location := zone(set.text(tag.TimezoneOffsetFromUTC))
	if location == nil {
		location = time.UTC
	}
	whole, _, _ := strings.Cut(set.text(tag.ContentTime), ".")
	stamp := set.text(tag.ContentDate) + whole + "000000"
	if len(stamp) < 14 {
		return time.Time{}
	}
	t, _ := time.ParseInLocation("20060102150405", stamp[:14], location)
	return t
}

// readGeneral reads the SR Document General module.
func (d *Document) readGeneral(set dataSet) {
	author := set.first(tag.AuthorObserverSequence)
	d.Device.Institution = author.text(tag.InstitutionName)
	request := set.first(tag.ReferencedRequestSequence)
	d.Request = Request{
		PlacerNumber: request.text(tag.PlacerOrderNumberImagingServiceRequest),
		FillerNumber: request.text(tag.FillerOrderNumberImagingServiceRequest),
		ProcedureID:  request.text(tag.RequestedProcedureID),
		Description:  request.text(tag.RequestedProcedureDescription),
		Procedure:    readCode(request.first(tag.RequestedProcedureCodeSequence)),
	}
	if before := readReferences(set, tag.PredecessorDocumentsSequence); len(before) > 0 {
		d.Predecessor = &before[0]
	}
	for _, t := range []tag.Tag{tag.CurrentRequestedProcedureEvidenceSequence, tag.PertinentOtherEvidenceSequence} {
		for _, r := range readReferences(set, t) {
			d.Images = append(d.Images, Image{Reference: r})
		}
	}
}

// readReferences reads the Hierarchical SOP Instance Reference Macro (PS3.3
// Table C.17-3).
func readReferences(set dataSet, t tag.Tag) (references []Reference) {
	for _, study := range set.items(t) {
		for _, series := range study.items(tag.ReferencedSeriesSequence) {
			for _, instance := range series.items(tag.ReferencedSOPSequence) {
				references = append(references, Reference{
					instance.text(tag.ReferencedSOPClassUID), instance.text(tag.ReferencedSOPInstanceUID),
					series.text(tag.SeriesInstanceUID), study.text(tag.StudyInstanceUID),
				})
			}
		}
	}
	return references
}

func readCode(set dataSet) Code {
	value := set.text(tag.CodeValue)
	for _, t := range []tag.Tag{tag.LongCodeValue, tag.URNCodeValue} {
		if value == "" {
			value = set.text(t)
		}
	}
	return Code{value, set.text(tag.CodingSchemeDesignator), set.text(tag.CodeMeaning)}
}

// tree reads a content item with all beneath it. It recurses no deeper than
// dicom.Scan lets sequences nest.
func tree(set dataSet) item {
	measured := set.first(tag.MeasuredValueSequence)
	it := item{
		relation:  set.text(tag.RelationshipType),
		valueType: set.text(tag.ValueType),
		concept:   readCode(set.first(tag.ConceptNameCodeSequence)),
		code:      readCode(set.first(tag.ConceptCodeSequence)),
		text:      set.text(tag.TextValue),
		number:    measured.text(tag.NumericValue),
		unit:      readCode(measured.first(tag.MeasurementUnitsCodeSequence)),
		image:     readImage(set.first(tag.ReferencedSOPSequence)),
	}
	if it.valueType == "UIDREF" {
		it.text = set.text(tag.UID)
	}
	for _, child := range set.items(tag.ContentSequence) {
		it.content = append(it.content, tree(child))
	}
	return it
}

func readImage(set dataSet) imageOf {
	return imageOf{set.text(tag.ReferencedSOPClassUID), set.text(tag.ReferencedSOPInstanceUID),
		set.Ints(dicom.Tag(tag.ReferencedFrameNumber.Uint32()))}
}

// dataSet is read by the tags that the encoder writes.
type dataSet struct{ *dicom.DataSet }

func (s dataSet) text(t tag.Tag) string { return s.String(dicom.Tag(t.Uint32())) }

func (s dataSet) first(t tag.Tag) dataSet { return dataSet{s.Item(dicom.Tag(t.Uint32()))} }

func (s dataSet) items(t tag.Tag) []dataSet {
	sets := s.Items(dicom.Tag(t.Uint32()))
	items := make([]dataSet, len(sets))
	for i, set := range sets {
		items[i] = dataSet{set}
	}
	return items
}
