package node

import (
	"strings"
	"time"

	"concord/dicom"
)

// Object is one stored instance as the index knows it. Its bytes stay on disk
// as they were received.
type Object struct {
	SOPInstanceUID string
	SOPClassUID    string
	TransferSyntax string
	Path           string // relative to the object store
	Size           int64  // bytes of the Part 10 file
	Caller         string // calling AE title
	Aside          bool   // the SOP instance was known with other content; kept, not judged
	ReceivedAt     time.Time
	Header         Header
}

// Header holds what the join, the rules and the results need of an object. It
// is stored with the index, so that judging opens only the pictures it shows.
type Header struct {
	StudyUID, SeriesUID           string
	SeriesNumber, InstanceNumber  int
	Frames                        int
	Modality                      string
	BodyPart                      string
	Laterality, ImageLaterality   string
	ViewPosition                  string
	PatientOrientation            string
	ImageType                     string
	StudyDescription              string
	SeriesDescription             string
	ProtocolName                  string
	ContrastAgent                 string
	StudyDate, StudyTime, StudyID string
	AcquisitionDateTime           string
	TimezoneOffset                string
	Accession, AccessionIssuer    string
	Placer, Filler                string // PlacerOrderNumberImagingServiceRequest, Filler…
	RequestedProcedureID          string
	RequestedProcedure            string
	ReferringPhysician            string
	InstitutionName               string
	Patient                       Patient
}

// Patient is the identity that objects or messages carry. It never leaves the
// store but in the results themselves.
type Patient struct {
	ID, Issuer, Name, BirthDate, Sex, Age string
}

// HeaderOf reads the header of a scanned object.
func HeaderOf(o *dicom.Object) Header {
	h := Header{
		StudyUID: o.String(dicom.StudyInstanceUID), SeriesUID: o.String(dicom.SeriesInstanceUID),
		Modality: o.String(dicom.Modality), BodyPart: o.String(dicom.BodyPartExamined),
		Laterality: o.String(dicom.Laterality), ImageLaterality: o.String(dicom.ImageLaterality),
		ViewPosition:       o.String(dicom.ViewPosition),
		PatientOrientation: strings.Join(o.Strings(dicom.PatientOrientation), `\`),
		ImageType:          strings.Join(o.Strings(dicom.ImageType), `\`),
		StudyDescription:   o.String(dicom.StudyDescription),
		SeriesDescription:  o.String(dicom.SeriesDescription),
		ProtocolName:       o.String(dicom.ProtocolName),
		ContrastAgent:      o.String(dicom.ContrastBolusAgent),
		StudyDate:          o.String(dicom.StudyDate), StudyTime: o.String(dicom.StudyTime), StudyID: o.String(dicom.StudyID),
		AcquisitionDateTime: acquisitionTime(o), TimezoneOffset: o.String(dicom.TimezoneOffsetFromUTC),
		Accession:          o.String(dicom.AccessionNumber),
		AccessionIssuer:    issuer(o.Items(dicom.IssuerOfAccessionNumberSequence)),
		Placer:             o.String(dicom.PlacerOrderNumberImagingServiceRequest),
		Filler:             o.String(dicom.FillerOrderNumberImagingServiceRequest),
		ReferringPhysician: o.String(dicom.ReferringPhysicianName),
		InstitutionName:    o.String(dicom.InstitutionName),
		Patient: Patient{ID: o.String(dicom.PatientID), Issuer: o.String(dicom.IssuerOfPatientID),
			Name: o.String(dicom.PatientName), BirthDate: o.String(dicom.PatientBirthDate),
			Sex: o.String(dicom.PatientSex), Age: o.String(dicom.PatientAge)},
	}
	h.SeriesNumber, _ = o.Int(dicom.SeriesNumber)
	h.InstanceNumber, _ = o.Int(dicom.InstanceNumber)
	if h.Frames, _ = o.Int(dicom.NumberOfFrames); h.Frames < 1 && o.PixelData != nil {
		h.Frames = 1
	}
	h.readRequest(o)
	return h
}

// readRequest fills the order's keys from the Request Attributes Sequence
// (PS3.3 C.7.3.1.1.1) where the study level lacks them.
func (h *Header) readRequest(o *dicom.Object) {
	for _, item := range o.Items(dicom.RequestAttributesSequence) {
		setDefault(&h.RequestedProcedureID, item.String(dicom.RequestedProcedureID))
		setDefault(&h.RequestedProcedure, item.String(dicom.RequestedProcedureDescription))
		setDefault(&h.Accession, item.String(dicom.AccessionNumber))
		setDefault(&h.Placer, item.String(dicom.PlacerOrderNumberImagingServiceRequest))
		setDefault(&h.Filler, item.String(dicom.FillerOrderNumberImagingServiceRequest))
	}
}

func setDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// issuer reads the first item of an issuer sequence (PS3.3 10.14, HL7v2
// Hierarchic Designator Macro).
func issuer(items []*dicom.DataSet) string {
	if len(items) == 0 {
		return ""
	}
	if id := items[0].String(dicom.LocalNamespaceEntityID); id != "" {
		return id
	}
	return items[0].String(dicom.UniversalEntityID)
}

// acquisitionTime is the DICOM DT of the acquisition, or what comes closest.
func acquisitionTime(o *dicom.Object) string {
	if dt := o.String(dicom.AcquisitionDateTime); dt != "" {
		return dt
	}
	for _, pair := range [][2]dicom.Tag{
		{dicom.AcquisitionDate, dicom.AcquisitionTime},
		{dicom.ContentDate, dicom.ContentTime},
		{dicom.StudyDate, dicom.StudyTime},
	} {
		if date := o.String(pair[0]); date != "" {
			return date + o.String(pair[1])
		}
	}
	return ""
}

// Study sums up the objects of one study for the join.
type Study struct {
	UID             string
	Accession       string
	AccessionIssuer string
	Placer, Filler  string
	Patient         Patient
	Modality        string // of its first picture
	Objects         int
	LastObjectAt    time.Time
}
