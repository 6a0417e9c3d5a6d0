package audit

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"net"
	"strings"
	"time"
	"unicode"
)

// message is an audit message (PS3.15 A.5.1.1): the order of the elements is
// the schema's.
type message struct {
	XMLName      xml.Name      `xml:"AuditMessage"`
	Event        event         `xml:"EventIdentification"`
	Participants []participant `xml:"ActiveParticipant"`
	Source       source        `xml:"AuditSourceIdentification"`
	Objects      []object      `xml:"ParticipantObjectIdentification"`
}

// code is a CodedValueType.
type code struct {
	Value   string `xml:"csd-code,attr"`
	System  string `xml:"codeSystemName,attr"`
	Meaning string `xml:"originalText,attr"`
}

// event is an EventIdentification.
type event struct {
	Action   Action  `xml:"EventActionCode,attr"`
	DateTime string  `xml:"EventDateTime,attr"`
	Outcome  Outcome `xml:"EventOutcomeIndicator,attr"`
	ID       code    `xml:"EventID"`
	Types    []code  `xml:"EventTypeCode"`
}

// participant is an ActiveParticipant.
type participant struct {
	UserID            string `xml:"UserID,attr"`
	AlternativeUserID string `xml:"AlternativeUserID,attr,omitempty"`
	UserName          string `xml:"UserName,attr,omitempty"`
	Requestor         bool   `xml:"UserIsRequestor,attr"`
	AccessPoint       string `xml:"NetworkAccessPointID,attr,omitempty"`
	AccessPointType   string `xml:"NetworkAccessPointTypeCode,attr,omitempty"`
	Roles             []code `xml:"RoleIDCode"`
}

// source is an AuditSourceIdentification.
type source struct {
	Site string     `xml:"AuditEnterpriseSiteID,attr,omitempty"`
	ID   string     `xml:"AuditSourceID,attr"`
	Type sourceType `xml:"AuditSourceTypeCode"`
}

// sourceType is one of the digits of PS3.15 A.5.1.2.1, which need no coding
// scheme.
type sourceType struct {
	Value string `xml:"csd-code,attr"`
}

// applicationServer is what PS3.15 Table A.5.2-1 proposes for a PACS or RIS.
var applicationServer = sourceType{"4"}

// object is a ParticipantObjectIdentification. The schema wants a name or a
// query in each; the name stays empty where it would be a patient's.
type object struct {
	ID          string       `xml:"ParticipantObjectID,attr"`
	TypeCode    string       `xml:"ParticipantObjectTypeCode,attr"`
	Role        string       `xml:"ParticipantObjectTypeCodeRole,attr"`
	IDType      code         `xml:"ParticipantObjectIDTypeCode"`
	Name        *string      `xml:"ParticipantObjectName"`
	Query       *string      `xml:"ParticipantObjectQuery"` // base64
	Details     []detail     `xml:"ParticipantObjectDetail"`
	Description *description `xml:"ParticipantObjectDescription"`
}

// detail is a ValuePair; its value is written in base64.
type detail struct {
	Type  string `xml:"type,attr"`
	Value string `xml:"value,attr"`
}

// description is DICOMObjectDescriptionContents.
type description struct {
	Classes []sopClass `xml:"SOPClass"`
}

type sopClass struct {
	UID       string `xml:"UID,attr"`
	Instances int    `xml:"NumberOfInstances,attr"`
}

// dcm is a code of PS3.16 Annex D, rfc3881 one of PS3.15 A.5.1.2.4.
func dcm(value, meaning string) code     { return code{value, "DCM", meaning} }
func rfc3881(value, meaning string) code { return code{value, "RFC-3881", meaning} }

// The events (PS3.16 CID 400) and their types (CID 401, CID 403).
var (
	applicationActivity  = dcm("110100", "Application Activity")
	beginTransferring    = dcm("110102", "Begin Transferring DICOM Instances")
	instancesAccessed    = dcm("110103", "DICOM Instances Accessed")
	instancesTransferred = dcm("110104", "DICOM Instances Transferred")
	procedureRecord      = dcm("110111", "Procedure Record")
	queryIssued          = dcm("110112", "Query")
	securityAlert        = dcm("110113", "Security Alert")
	userAuthentication   = dcm("110114", "User Authentication")

	applicationStart      = dcm("110120", "Application Start")
	applicationStop       = dcm("110121", "Application Stop")
	login                 = dcm("110122", "Login")
	networkConfiguration  = dcm("110128", "Network Configuration")
	nodeAuthentication    = dcm("110126", "Node Authentication")
	auditRecordingStarted = dcm("110134", "Audit Recording Started")
)

// The roles of participants (CID 402) and the types of object identifiers
// (CID 404).
var (
	roleApplication = dcm("110150", "Application")
	roleDestination = dcm("110152", "Destination Role ID")
	roleSource      = dcm("110153", "Source Role ID")

	studyInstanceUID = dcm("110180", "Study Instance UID")
	sopClassUID      = dcm("110181", "SOP Class UID")
	nodeID           = dcm("110182", "Node ID")
	patientNumber    = rfc3881("2", "Patient Number")
	uri              = rfc3881("12", "URI")
)

// Values of ParticipantObjectTypeCode and ParticipantObjectTypeCodeRole
// (PS3.15 A.5.1.2.2, A.5.2.6).
const (
	typePerson           = "1"
	typeSystem           = "2"
	rolePatient          = "1"
	roleReport           = "3"
	roleSecurityResource = "13"
)

// Lengths in characters after which what a peer sent is cut, so that no
// message grows beyond maxMessage.
const (
	maxUID         = 64
	maxTitle       = 64
	maxPatientID   = 128
	maxDescription = 512
	maxQuery       = 2048
)

// noPatientID stands where an object has no patient ID: the attribute is
// mandatory.
const noPatientID = "<none>"

// patientObject is the patient of PS3.15 A.5.3.3 and its like. The identifier
// is a CX when its authority is known.
func patientObject(p Patient) object {
	id := p.ID
	if p.ID != "" && p.Issuer != "" {
		id += "^^^" + p.Issuer
	}
	return object{ID: cmp.Or(text(id, maxPatientID), noPatientID), TypeCode: typePerson, Role: rolePatient,
		IDType: patientNumber, Name: new(string)}
}

// studyObject is the study of PS3.15 A.5.3.3 and its like.
func studyObject(s Study) object {
	o := object{ID: text(s.UID, maxUID), TypeCode: typeSystem, Role: roleReport, IDType: studyInstanceUID, Name: new(string)}
	if len(s.Classes) > 0 {
		o.Description = &description{}
	}
	for _, c := range s.Classes {
		o.Description.Classes = append(o.Description.Classes, sopClass{text(c.UID, maxUID), c.Instances})
	}
	return o
}

// participant is a peer as an active participant (PS3.15 A.5.2.1 to A.5.2.4).
func (p Peer) participant(requestor bool, roles ...code) participant {
	out := participant{UserID: text(cmp.Or(p.AETitle, p.Name, p.Address, "unknown"), maxTitle), Requestor: requestor,
		AccessPoint: text(p.Address, maxTitle), Roles: roles}
	if p.AETitle != "" {
		out.AlternativeUserID = "AETITLES=" + text(p.AETitle, maxTitle)
	}
	switch {
	case p.Address == "":
	case net.ParseIP(p.Address) != nil:
		out.AccessPointType = "2"
	default:
		out.AccessPointType = "1"
	}
	return out
}

// text cuts s after n characters and replaces control characters, which syslog
// receivers need not take (RFC 5424 6.4) and most of which XML cannot hold.
func text(s string, n int) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, clip(s, n))
}

// clip cuts s after n characters.
func clip(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// dateTime is an xsd:dateTime in UTC (PS3.15 A.5.2.5).
func dateTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// encode writes the XML of a message on one line. What XML cannot hold becomes
// U+FFFD.
func (m *message) encode() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>`)
	if err := xml.NewEncoder(&b).Encode(m); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
