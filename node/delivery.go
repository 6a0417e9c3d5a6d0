package node

import (
	"context"
	"errors"
	"time"
)

// Kind is the form in which a result goes out.
type Kind string

// The kinds of result.
const (
	SR  Kind = "sr"  // DICOM Structured Report by C-STORE
	ORU Kind = "oru" // HL7 ORU^R01 by MLLP
)

// DeliveryState is where a delivery stands.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryWaiting  DeliveryState = "waiting"
	DeliveryRetrying DeliveryState = "retrying"
	DeliveryStored   DeliveryState = "stored" // by the peer, which has yet to commit to keep it
	DeliverySent     DeliveryState = "sent"
	DeliveryDead     DeliveryState = "dead" // given up; Detail says why and what to do
)

// Delivery is one result for one destination. Its bytes are made once and
// never again, so that a retry is the same message or object.
type Delivery struct {
	ID          int64         `json:"id"`
	CaseID      int64         `json:"-"`
	Destination string        `json:"destination"`
	Kind        Kind          `json:"kind"`
	UID         string        `json:"uid"` // SOP Instance UID or MSH-10
	State       DeliveryState `json:"state"`
	Attempts    int           `json:"attempts"`
	Refusals    int           `json:"refusals"` // how many of them the peer refused
	Detail      string        `json:"detail"`
	At          time.Time     `json:"at"`
	Payload     []byte        `json:"-"`

	// Names is the SOP Instance UID of the Structured Report that an ORU names.
	Names string `json:"-"`
	// planned is the UID of a document before its first try.
	planned string
}

// Destination is where results of one kind go.
type Destination struct {
	Name   string
	Kind   Kind
	Sender Sender
	// Committer is asked after each document; nil: what the peer stored is sent.
	Committer Committer

	When            When     // Always if empty
	MinSeverity     Severity // of When Flagged; Info if empty
	MaxFalseAlerts  float64  // false alerts in one report at most, on average: 0.02 are two in a hundred; 0: no limit
	Language        string   // of results: en, zh or ReportLanguage; empty: the site's
	HoldPreliminary bool     // nothing goes out for a preliminary report
	PerMinute       int      // results at most; 0: no limit
	Window          Window   // time of day in which results go out

	HL7Version string // of ORU messages: 2.5.1, 2.4 or 2.3.1
	HL7Status  string // OBR-25 and OBX-11 of ORU messages
	HL7Charset string // MSH-18 of ORU messages; empty: UNICODE UTF-8
	HL7Layout  string // of ORU messages: one of hl7's layouts; empty: coded
}

// ReportLanguage gives a destination each result in the language of its report.
const ReportLanguage = "report"

// Sender hands one result to a peer and returns when the peer has taken it.
// The detail is the peer's answer in its own terms. Where the peer took another
// form of the result, Send sets d.UID and d.Payload to it.
type Sender interface {
	Send(ctx context.Context, d *Delivery) (detail string, err error)
}

// RefusedError is a peer's answer that another try of the same bytes within
// seconds will not change.
type RefusedError struct {
	Detail   string // the peer's answer and what to do
	Attempts int    // refusals after which to give up; 1: at once
}

func (e *RefusedError) Error() string { return e.Detail }

// The longest waits between two tries. A peer that is away costs a connection
// request that fails, and is to get what waits soon after it is back; one that
// refuses has to be mended first.
const (
	awayDelay    = 30 * time.Second
	refusedDelay = 5 * time.Minute
)

// retryDelay is the wait before try n+1: 1 s doubled, at most 5 minutes.
func retryDelay(attempts int) time.Duration {
	return min(time.Second<<min(attempts-1, 16), refusedDelay)
}

// nextTry says whether a failed delivery is tried again, and when. A peer that
// is away is tried for ever; one that refuses, as often as its answer allows.
func nextTry(attempts, refusals int, err error) (wait time.Duration, again bool) {
	var refused *RefusedError
	switch {
	case !errors.As(err, &refused):
		return min(retryDelay(attempts), awayDelay), true
	case refusals >= refused.Attempts:
		return 0, false
	}
	return retryDelay(refusals), true
}
