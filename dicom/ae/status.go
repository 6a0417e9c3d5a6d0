package ae

import (
	"errors"
	"fmt"

	"concord/dicom/pdu"
)

// Status codes of a DIMSE response (PS3.7 Annex C; PS3.4 B.2.3 and GG.4 for
// the storage service class).
const (
	StatusSuccess                  uint16 = 0x0000
	StatusCancel                   uint16 = 0xFE00
	StatusPending                  uint16 = 0xFF00
	StatusPendingWarning           uint16 = 0xFF01
	StatusAttributeListWarning     uint16 = 0x0107
	StatusAttributeOutOfRange      uint16 = 0x0116
	StatusNoSuchAttribute          uint16 = 0x0105
	StatusInvalidAttributeValue    uint16 = 0x0106
	StatusProcessingFailure        uint16 = 0x0110
	StatusDuplicateSOPInstance     uint16 = 0x0111
	StatusNoSuchObjectInstance     uint16 = 0x0112
	StatusNoSuchEventType          uint16 = 0x0113
	StatusInvalidArgumentValue     uint16 = 0x0115
	StatusInvalidObjectInstance    uint16 = 0x0117
	StatusNoSuchSOPClass           uint16 = 0x0118
	StatusClassInstanceConflict    uint16 = 0x0119
	StatusMissingAttribute         uint16 = 0x0120
	StatusSOPClassNotSupported     uint16 = 0x0122
	StatusNoSuchActionType         uint16 = 0x0123
	StatusNotAuthorized            uint16 = 0x0124
	StatusDuplicateInvocation      uint16 = 0x0210
	StatusUnrecognizedOperation    uint16 = 0x0211
	StatusMistypedArgument         uint16 = 0x0212
	StatusResourceLimitation       uint16 = 0x0213
	StatusOutOfResources           uint16 = 0xA700
	StatusDataSetDoesNotMatchClass uint16 = 0xA900
	StatusCannotUnderstand         uint16 = 0xC000
	StatusCoercionOfDataElements   uint16 = 0xB000
	StatusElementsDiscarded        uint16 = 0xB006
	StatusWarningDoesNotMatchClass uint16 = 0xB007
)

// meaning gives a status in words; a class A7xx, A9xx or Cxxx has one meaning.
func meaning(status uint16) string {
	switch {
	case status>>8 == 0xA7:
		return "out of resources: the peer's disk or queue is full"
	case status>>8 == 0xA9:
		return "data set does not match SOP class"
	case status>>12 == 0xC:
		return "cannot understand"
	}
	return meanings[status]
}

var meanings = map[uint16]string{
	StatusCancel:                "cancelled",
	StatusNoSuchAttribute:       "no such attribute",
	StatusInvalidAttributeValue: "invalid attribute value",
	StatusProcessingFailure:     "processing failure: look at the performer's log",
	StatusDuplicateSOPInstance:  "duplicate SOP instance",
	StatusNoSuchObjectInstance:  "no such SOP instance",
	StatusNoSuchEventType:       "no such event type",
	StatusInvalidArgumentValue:  "invalid argument value",
	StatusInvalidObjectInstance: "invalid SOP Instance UID",
	StatusNoSuchSOPClass:        "no such SOP class",
	StatusClassInstanceConflict: "SOP class and instance conflict",
	StatusMissingAttribute:      "missing attribute",
	StatusSOPClassNotSupported:  "SOP class not supported",
	StatusNoSuchActionType:      "no such action type",
	StatusNotAuthorized:         "not authorized: enter this AE title at the performer",
	StatusDuplicateInvocation:   "duplicate invocation",
	StatusUnrecognizedOperation: "unrecognized operation",
	StatusMistypedArgument:      "mistyped argument",
	StatusResourceLimitation:    "resource limitation: try again later",
}

// StatusError is a DIMSE status other than success. A handler returns one to
// choose the status of its response; an SCU gets one from a peer.
type StatusError struct {
	Status uint16

	// Comment is the Error Comment of the response, at most 64 characters.
	// What a handler sets must hold no patient data. What a peer set may hold
	// some, so Error leaves it out: do not log it.
	Comment string

	// ErrorID tells failures of one status apart, as some services do (PS3.7
	// C.4.4); 0: none.
	ErrorID uint16

	Err error // the cause; stays on this node
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("DIMSE status %04XH", e.Status)
	if m := meaning(e.Status); m != "" {
		text += " (" + m + ")"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *StatusError) Unwrap() error { return e.Err }

// statusOf is the one place where a handler's error becomes a DIMSE status.
func statusOf(err error) (status uint16, comment string) {
	var s *StatusError
	switch {
	case err == nil:
		return StatusSuccess, ""
	case errors.As(err, &s):
		return s.Status, s.Comment
	}
	return StatusProcessingFailure, ""
}

// isWarning says whether a status means that the operation was done (PS3.7
// C.1.3: 0001H, Bxxx, 0107H, 0116H).
func isWarning(status uint16) bool {
	return status == 0x0001 || status>>12 == 0xB || status == StatusAttributeListWarning || status == StatusAttributeOutOfRange
}

// Rejection is an A-ASSOCIATE-RJ (PS3.8 9.3.4). Server.Authorize returns one
// to choose the answer; Client.Dial returns one when the peer rejects.
type Rejection struct{ Result, Source, Reason byte }

// HandshakeError says that the TLS handshake of a caller failed.
type HandshakeError struct{ Err error }

func (e *HandshakeError) Error() string { return "TLS handshake: " + e.Err.Error() }
func (e *HandshakeError) Unwrap() error { return e.Err }

// The rejections that a Server sends.
var (
	RejectNoReason           = Rejection{pdu.RejectedPermanent, pdu.SourceUser, pdu.UserNoReason}
	RejectApplicationContext = Rejection{pdu.RejectedPermanent, pdu.SourceUser, pdu.UserApplicationContext}
	RejectCallingAE          = Rejection{pdu.RejectedPermanent, pdu.SourceUser, pdu.UserCallingAENotRecognized}
	RejectCalledAE           = Rejection{pdu.RejectedPermanent, pdu.SourceUser, pdu.UserCalledAENotRecognized}
	RejectProtocolVersion    = Rejection{pdu.RejectedPermanent, pdu.SourceACSE, pdu.ACSEProtocolVersion}
	RejectLocalLimit         = Rejection{pdu.RejectedTransient, pdu.SourcePresentation, pdu.PresentationLocalLimitExceeded}
)

// advice says what a rejection means and what to do about it.
var advice = map[Rejection]string{
	RejectNoReason:           "no reason given: look at the acceptor's log",
	RejectApplicationContext: "application context not supported: the requestor does not speak DICOM's",
	RejectCallingAE:          "calling AE title not recognized: enter it, with its address, among the acceptor's peers",
	RejectCalledAE:           "called AE title not recognized: call the acceptor by its own AE title",
	RejectProtocolVersion:    "protocol version not supported: the requestor must propose version 1",
	RejectLocalLimit:         "local limit of associations exceeded: try again later or raise the acceptor's limit",
}

func (r *Rejection) Error() string {
	text := fmt.Sprintf("association rejected (result %d, source %d, reason %d)", r.Result, r.Source, r.Reason)
	if a := advice[*r]; a != "" {
		text += ": " + a
	}
	return text
}

// Transient says whether trying again may help.
func (r *Rejection) Transient() bool { return r.Result == pdu.RejectedTransient }

// AbortError says that an association was aborted (PS3.8 9.3.8): by the peer,
// or by this node because of what the peer sent.
type AbortError struct {
	ByPeer         bool
	Source, Reason byte
	Text           string // why this node aborted
}

func (e *AbortError) Error() string {
	who := "this node"
	if e.ByPeer {
		who = "the peer"
	}
	text := fmt.Sprintf("association aborted by %s (source %d, reason %d)", who, e.Source, e.Reason)
	if e.Text != "" {
		text += ": " + e.Text
	}
	return text
}
