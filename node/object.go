package node

import (
	"slices"
	"time"

	"concord/dicom"
	"concord/dicom/pixel"
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
	Restored       bool   // on its way to the index: the file of the known SOP instance was gone
	ReceivedAt     time.Time
	Header         Header
}

// Header holds what the join, the rules and the results need of an object. It
// is stored with the index, so that judging opens only the pictures it shows.
type Header struct {
	StudyUID           string
	SeriesUID          string
	SeriesNumber       int      `json:",omitempty"`
	InstanceNumber     int      `json:",omitempty"`
	Frames             int      `json:",omitempty"` // 0: no picture
	NotShown           string   `json:",omitempty"` // why its frames say nothing about the patient, as a localizer's
	Modality           string   `json:",omitempty"`
	BodyPart           string   `json:",omitempty"`
	Laterality         string   `json:",omitempty"` // of the series (0020,0060)
	ImageLaterality    string   `json:",omitempty"` // of the image (0020,0062)
	ViewPosition       string   `json:",omitempty"`
	StudyDescription   string   `json:",omitempty"`
	SeriesDescription  string   `json:",omitempty"`
	ProtocolName       string   `json:",omitempty"`
	ContrastAgent      string   `json:",omitempty"`
	ContrastPhases     []string `json:",omitempty"` // of enhanced images (0018,9344): ARTERIAL, PORTAL_VENOUS, …
	StudyDate          string   `json:",omitempty"`
	StudyTime          string   `json:",omitempty"`
	StudyID            string   `json:",omitempty"`
	AcquiredAt         string   `json:",omitempty"` // DICOM DT without offset
	TimezoneOffset     string   `json:",omitempty"`
	Accession          string   `json:",omitempty"`
	AccessionIssuer    string   `json:",omitempty"`
	Placer             string   `json:",omitempty"` // (0040,2016)
	Filler             string   `json:",omitempty"` // (0040,2017)
	ProcedureID        string   `json:",omitempty"` // Requested Procedure ID
	Procedure          string   `json:",omitempty"` // Requested Procedure Description
	ReferringPhysician string   `json:",omitempty"`
	Institution        string   `json:",omitempty"`
	Patient            Patient
}

// Patient is the identity that objects or messages carry. It never leaves the
// store but in the results themselves.
type Patient struct {
	ID        string `json:",omitempty"`
	Issuer    string `json:",omitempty"`
	Name      string `json:",omitempty"`
	BirthDate string `json:",omitempty"` // YYYYMMDD
	Sex       string `json:",omitempty"` // M, F, O
	Age       string `json:",omitempty"` // DICOM AS
}

// maxFrames bounds what a header may claim: a longer loop has frames enough.
const maxFrames = 1 << 20

// HeaderOf reads the header of a scanned object.
func HeaderOf(o *dicom.Object) Header {
	h := Header{
		StudyUID: o.String(dicom.StudyInstanceUID), SeriesUID: o.String(dicom.SeriesInstanceUID),
		Modality: o.String(dicom.Modality), BodyPart: o.String(dicom.BodyPartExamined),
		Laterality: o.String(dicom.Laterality), ImageLaterality: o.String(dicom.ImageLaterality),
		ViewPosition:      o.String(dicom.ViewPosition),
		StudyDescription:  o.String(dicom.StudyDescription),
		SeriesDescription: o.String(dicom.SeriesDescription),
		ProtocolName:      o.String(dicom.ProtocolName),
		ContrastAgent:     o.String(dicom.ContrastBolusAgent),
		StudyDate:         o.String(dicom.StudyDate), StudyTime: o.String(dicom.StudyTime), StudyID: o.String(dicom.StudyID),
		AcquiredAt: acquisitionTime(o), TimezoneOffset: o.String(dicom.TimezoneOffsetFromUTC),
		Accession:          o.String(dicom.AccessionNumber),
		AccessionIssuer:    issuer(o.Items(dicom.IssuerOfAccessionNumberSequence)),
		Placer:             o.String(dicom.PlacerOrderNumberImagingServiceRequest),
		Filler:             o.String(dicom.FillerOrderNumberImagingServiceRequest),
		ReferringPhysician: o.String(dicom.ReferringPhysicianName),
		Institution:        o.String(dicom.InstitutionName),
		Patient: Patient{ID: o.String(dicom.PatientID), Issuer: o.String(dicom.IssuerOfPatientID),
			Name: o.String(dicom.PatientName), BirthDate: o.String(dicom.PatientBirthDate),
			Sex: o.String(dicom.PatientSex), Age: o.String(dicom.PatientAge)},
	}
	h.SeriesNumber, _ = o.Int(dicom.SeriesNumber)
	h.InstanceNumber, _ = o.Int(dicom.InstanceNumber)
	if o.PixelData != nil {
		frames, _ := o.Int(dicom.NumberOfFrames)
		h.Frames = min(max(frames, 1), maxFrames)
		_, h.NotShown = pixel.Displayable(o)
	}
	h.readContrast(o)
	h.readRequest(o)
	return h
}

// readContrast reads what enhanced images say of contrast: the agent in a sequence, and the phases of their frames
// (PS3.3 C.7.6.16.2.12, Contrast/Bolus Usage).
func (h *Header) readContrast(o *dicom.Object) {
	for _, agent := range o.Items(dicom.ContrastBolusAgentSequence) {
		setDefault(&h.ContrastAgent, agent.String(dicom.CodeMeaning))
	}
	groups := slices.Concat(o.Items(dicom.SharedFunctionalGroupsSequence), o.Items(dicom.PerFrameFunctionalGroupsSequence))
	for _, group := range groups {
		for _, usage := range group.Items(dicom.ContrastBolusUsageSequence) {
			addFact(&h.ContrastPhases, usage.String(dicom.ContrastBolusAgentPhase))
		}
	}
}

// readRequest fills the order's keys from the Request Attributes Sequence
// (PS3.3 C.7.3.1.1.1) where the study level lacks them.
func (h *Header) readRequest(o *dicom.Object) {
	for _, item := range o.Items(dicom.RequestAttributesSequence) {
		setDefault(&h.ProcedureID, item.String(dicom.RequestedProcedureID))
		setDefault(&h.Procedure, item.String(dicom.RequestedProcedureDescription))
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
	ProcedureID     string // Requested Procedure ID
	Patient         Patient
	Date            string // Study Date
	Modality        string // of its first picture
	Objects         int
	LastObjectAt    time.Time
}
