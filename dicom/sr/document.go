// Package sr writes and reads Concord's result for a PACS: a Structured Report
// by template TID 1500 Imaging Measurement Report (PS3.16 A) in one of the
// classes Comprehensive 3D SR, Comprehensive SR and Enhanced SR (PS3.3 A.35.13,
// A.35.3, A.35.2).
//
// Fill a Document and call Encode; Decode gives the Document of any TID 1500
// report. Encode is deterministic: the same Document gives the same bytes.
package sr

import "time"

// The storage classes a Document can be written as. Its content is the same in
// all three; a different class needs a different SOP Instance UID (InstanceUID).
const (
	Comprehensive3D = "1.2.840.10008.5.1.4.1.1.88.34"
	Comprehensive   = "1.2.840.10008.5.1.4.1.1.88.33"
	Enhanced        = "1.2.840.10008.5.1.4.1.1.88.22"
)

// Document is one report of Concord about one radiology report.
//
// Patient, Study and Request are copied from the images, never from the report.
// Text is UTF-8. Text that is too long for its field is cut (in characters);
// an identifier that does not fit is left empty, as a cut one names another
// thing; a date, time or sex that is none by the standard is left empty too.
type Document struct {
	SOPClassUID    string // Comprehensive3D if empty
	SOPInstanceUID string // InstanceUID
	SeriesUID      string // SeriesUID
	Revision       int    // 1 and up; the Instance Number
	Predecessor    *Reference
	// ContentTime is written as the wall clock of Study.TimezoneOffset, or of
	// its own location if the images give no offset. Decode reads a report
	// without offset as UTC.
	ContentTime time.Time
	Language    string // "en" (if empty) or "zh"

	Patient Patient
	Study   Study
	Request Request
	Device  Device

	// Images are all images that were looked at, those of the groups included.
	// Each is listed once; their order is kept within study, series and
	// (Modality, Region).
	Images []Image
	// Procedure is the procedure reported, (363679005, SCT, Imaging procedure)
	// if empty.
	Procedure Code
	Groups    []Group

	Assessment    Assessment
	Summary       string
	SourceReport  string // identifies the checked report: control ID, order, digest
	UseLimitation string // a sentence in Language if empty
}

// Reference names one composite instance. In Image an empty StudyUID means the
// study of the Document.
type Reference struct {
	SOPClassUID, SOPInstanceUID, SeriesUID, StudyUID string
}

// Image is one image as evidence.
type Image struct {
	Reference
	Modality string // (0008,0060), "CT"; written if it is of CID 29
	Region   Code   // Region(BodyPartExamined); may be empty
}

// ImageRef refers to one of Document.Images, or to some of its frames.
type ImageRef struct {
	SOPInstanceUID string
	Frames         []int // from 1; none means the whole image
}

// Patient holds the facts of the Patient module (PS3.3 C.7.1.1).
type Patient struct {
	Name, ID, Issuer string
	BirthDate        string // YYYYMMDD
	Sex              string // M, F, O
}

// Study holds the facts of the General Study module (PS3.3 C.7.2.1).
type Study struct {
	UID, ID            string
	Date, Time         string // YYYYMMDD, HHMMSS.FFFFFF
	TimezoneOffset     string // (0008,0201), "+0800"
	Accession          string
	AccessionIssuer    Issuer
	ReferringPhysician string
	Description        string
}

// Issuer is an assigning authority (PS3.3 Table 10-17, HL7v2 Hierarchic Designator).
type Issuer struct {
	Namespace, UniversalID, UniversalIDType string
}

// Request identifies the order that the study fulfils (PS3.3 C.17.2.1,
// Referenced Request Sequence). Study UID and accession come from Study.
type Request struct {
	PlacerNumber, FillerNumber string
	ProcedureID, Description   string
	Procedure                  Code
}

// Device is the observer: the node that made the report.
type Device struct {
	UID, Name, Manufacturer, Model, Serial string
	Software                               string // version of the node
	Institution                            string
}

// Algorithm identifies what came to a verdict (PS3.16 TID 4019).
type Algorithm struct {
	Name, Version, Manufacturer, Parameters string
}

// Verdict says whether the images support a statement.
type Verdict string

// The verdicts; the empty Verdict means that none was given.
const (
	Yes   Verdict = "yes"
	No    Verdict = "no"
	Maybe Verdict = "maybe"
)

// Severity grades a flag; it says nothing about a disease.
type Severity string

// The severities; the empty Severity means that there is no flag.
const (
	Information Severity = "information"
	Warning     Severity = "warning"
	Critical    Severity = "critical"
)

// Assessment sums the whole check up.
type Assessment string

// The assessments; the empty Assessment is written as Incomplete.
const (
	Flagged    Assessment = "flagged"
	NotFlagged Assessment = "not_flagged"
	Incomplete Assessment = "incomplete"
)

// Group is one checked statement or one rule that fired (PS3.16 TID 1501).
type Group struct {
	TrackingID  string // "STMT-003"
	TrackingUID string // TrackingUID
	// Finding says what the group is. Its scheme is 99CONCORD if empty; the
	// meaning may be left out for the codes of Findings.
	Finding    Code
	Site       Code // finding site; may be empty
	Laterality Code // Right, Left or Bilateral; stands beneath Site and is left out without one
	Algorithm  Algorithm
	Images     []ImageRef
	Certainty  *float64 // confidence of the verdict in percent, 0 to 100; nil for a rule
	Supported  Verdict
	Severity   Severity
	Statement  string // verbatim
	Segment    int    // number of the paragraph, from 1; 0 if none
	Locator    string // where the statement stands in the message
	Rule       string // identifier of the rule
	Comment    string // for the reader; the confidence is added to it
}
