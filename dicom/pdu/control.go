package pdu

// Results of an A-ASSOCIATE-RJ (PS3.8 9.3.4, Table 9-21).
const (
	RejectedPermanent byte = 1
	RejectedTransient byte = 2
)

// Sources of an A-ASSOCIATE-RJ (PS3.8 9.3.4, Table 9-21).
const (
	SourceUser         byte = 1
	SourceACSE         byte = 2 // service provider, ACSE related function
	SourcePresentation byte = 3 // service provider, presentation related function
)

// Reasons of an A-ASSOCIATE-RJ, each with the source it belongs to (PS3.8
// 9.3.4, Table 9-21).
const (
	UserNoReason                   byte = 1
	UserApplicationContext         byte = 2
	UserCallingAENotRecognized     byte = 3
	UserCalledAENotRecognized      byte = 7
	ACSEProtocolVersion            byte = 2
	PresentationCongestion         byte = 1
	PresentationLocalLimitExceeded byte = 2
)

// Sources of an A-ABORT (PS3.8 9.3.8, Table 9-26).
const (
	AbortByUser     byte = 0
	AbortByProvider byte = 2
)

// Reasons of an A-ABORT by the service provider (PS3.8 9.3.8, Table 9-26).
const (
	ReasonNotSpecified          byte = 0
	ReasonUnrecognizedPDU       byte = 1
	ReasonUnexpectedPDU         byte = 2
	ReasonUnrecognizedParameter byte = 4
	ReasonUnexpectedParameter   byte = 5
	ReasonInvalidParameter      byte = 6
)

// AssociateRJ is the A-ASSOCIATE-RJ PDU (PS3.8 9.3.4).
type AssociateRJ struct{ Result, Source, Reason byte }

// ReleaseRQ is the A-RELEASE-RQ PDU (PS3.8 9.3.6).
type ReleaseRQ struct{}

// ReleaseRP is the A-RELEASE-RP PDU (PS3.8 9.3.7).
type ReleaseRP struct{}

// Abort is the A-ABORT PDU (PS3.8 9.3.8).
type Abort struct{ Source, Reason byte }

func (*AssociateRJ) pduType() byte { return TypeAssociateRJ }
func (*ReleaseRQ) pduType() byte   { return TypeReleaseRQ }
func (*ReleaseRP) pduType() byte   { return TypeReleaseRP }
func (*Abort) pduType() byte       { return TypeAbort }

func (p *AssociateRJ) encode(e *encoder) { e.bytes(0, p.Result, p.Source, p.Reason) }
func (*ReleaseRQ) encode(e *encoder)     { e.bytes(0, 0, 0, 0) }
func (*ReleaseRP) encode(e *encoder)     { e.bytes(0, 0, 0, 0) }
func (p *Abort) encode(e *encoder)       { e.bytes(0, 0, p.Source, p.Reason) }

// decodeFixed reads the PDUs of four bytes: PS3.8 9.3.4, Table 9-21; 9.3.6,
// Table 9-24; 9.3.7, Table 9-25; 9.3.8, Table 9-26. Reserved bytes are not
// tested, as the tables demand.
func decodeFixed(pduType byte, body []byte) (PDU, error) {
	if len(body) != fixedLength {
		return nil, invalid("type %02XH has %d bytes and must have 4", pduType, len(body))
	}
	switch pduType {
	case TypeAssociateRJ:
		return &AssociateRJ{Result: body[1], Source: body[2], Reason: body[3]}, nil
	case TypeReleaseRQ:
		return &ReleaseRQ{}, nil
	case TypeReleaseRP:
		return &ReleaseRP{}, nil
	}
	return &Abort{Source: body[2], Reason: body[3]}, nil
}
