package node

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"concord/hl7"
)

// State is where a case stands on its way from arrival to delivery.
type State string

// The states of a case. The order is the order of the way through.
const (
	WaitingReport State = "waiting_report" // images are here, no report yet
	WaitingImages State = "waiting_images" // a report is here, no images yet
	Settling      State = "settling"       // both are here; the quiet timer runs
	Ready         State = "ready"          // complete; waits for a judge
	Judging       State = "judging"        // a worker judges it
	Judged        State = "judged"         // verdicts are stored
	Delivering    State = "delivering"     // results are on their way
	Done          State = "done"           // every destination has the result
	Ambiguous     State = "ambiguous"      // several studies fit; a person chooses
	Withdrawn     State = "withdrawn"      // the report was withdrawn
	Superseded    State = "superseded"     // a newer revision took its place
	Expired       State = "expired"        // the other half never came
	Failed        State = "failed"         // see Reason
)

// Event is what may happen to a case.
type Event string

// The events of a case.
const (
	ImagesArrived    Event = "images arrived"
	ReportArrived    Event = "report arrived"
	ReportReplaced   Event = "report replaced"
	ReportWithdrawn  Event = "report withdrawn"
	KeysConflict     Event = "several studies fit"
	StudyChosen      Event = "study chosen by a person"
	StudyTaken       Event = "a person joined another case's report to the study"
	Forced           Event = "judging asked for by a person"
	QuietElapsed     Event = "quiet timer elapsed"
	JudgeStarted     Event = "judging started"
	JudgeInterrupted Event = "judging interrupted"
	JudgeFinished    Event = "judged"
	JudgeFailed      Event = "judging failed"
	ResultsQueued    Event = "results queued"
	NothingToSend    Event = "nothing to send"
	AllDelivered     Event = "all delivered"
	DeliveryFailed   Event = "delivery failed for good"
	DeliveryRetried  Event = "delivery tried again"
	WaitedTooLong    Event = "waited too long"
)

// transitions is the state table: an absent cell means that the event cannot
// happen in that state, and Case.Apply refuses it.
var transitions = map[State]map[Event]State{
	WaitingReport: {ImagesArrived: WaitingReport, ReportArrived: Settling, StudyTaken: Superseded, WaitedTooLong: Expired},
	WaitingImages: {ImagesArrived: Settling, StudyChosen: Settling, ReportReplaced: Superseded, ReportWithdrawn: Withdrawn,
		KeysConflict: Ambiguous, WaitedTooLong: Expired},
	Settling: {ImagesArrived: Settling, QuietElapsed: Ready, Forced: Ready, ReportReplaced: Superseded, ReportWithdrawn: Withdrawn},
	Ready:    {ImagesArrived: Settling, JudgeStarted: Judging, ReportReplaced: Superseded, ReportWithdrawn: Withdrawn},
	Judging: {ImagesArrived: Settling, JudgeInterrupted: Ready, JudgeFinished: Judged, JudgeFailed: Failed,
		ReportReplaced: Superseded, ReportWithdrawn: Withdrawn},
	Judged: {ResultsQueued: Delivering, NothingToSend: Done},
	Delivering: {AllDelivered: Done, DeliveryFailed: Failed, ImagesArrived: Superseded,
		ReportReplaced: Superseded, ReportWithdrawn: Withdrawn},
	Done:      {ImagesArrived: Superseded, ReportReplaced: Superseded, ReportWithdrawn: Withdrawn},
	Ambiguous: {ImagesArrived: Settling, StudyChosen: Settling, ReportReplaced: Superseded, ReportWithdrawn: Withdrawn, WaitedTooLong: Expired},
	Expired: {ImagesArrived: Settling, StudyChosen: Settling, ReportArrived: Settling, StudyTaken: Superseded,
		ReportReplaced: Superseded, ReportWithdrawn: Withdrawn},
	Failed: {Forced: Ready, DeliveryRetried: Delivering, ImagesArrived: Superseded, ReportReplaced: Superseded,
		ReportWithdrawn: Withdrawn},
	Withdrawn:  {},
	Superseded: {},
}

// TransitionError says that an event does not fit the state of a case.
type TransitionError struct {
	State State
	Event Event
}

func (e *TransitionError) Error() string {
	return fmt.Sprintf("a case in state %s cannot take the event %q", e.State, e.Event)
}

// Case is one study with one revision of its report. Either half may be
// missing while the case waits for it.
type Case struct {
	ID       int64
	Revision int // 1 for the first report of a study, +1 for each that replaces it
	State    State
	Reason   string // why it waits, failed or expired, in words an operator acts on

	StudyUID  string
	ReportKey string // which report of which RIS; the same over its revisions
	Accession string
	PatientID string
	Modality  string

	Candidates []Candidate // studies that a person may choose from

	Report     *hl7.Report // nil while the report is missing
	Statements []Statement
	Flags      []Flag
	// Fingerprint of the judged text; empty when it says nothing particular.
	Fingerprint string
	Pack        string // name and digest of the model pack that judged

	CreatedAt, UpdatedAt time.Time
	DismissedAt          time.Time // when a person gave the failed case up, see RetentionTx
}

// Candidate is a study that may belong to a report, with the keys that say so.
type Candidate struct {
	StudyUID string `json:"study_uid"`
	Keys     string `json:"keys"`
	Weak     bool   `json:"weak"` // patient, day and modality only: never joined by the node itself
}

// Awaited says whether images that come later may still join the case by its
// report's keys: not when studies that are here contend for it.
func (c *Case) Awaited() bool {
	if c.Report == nil {
		return false
	}
	switch c.State {
	case WaitingImages:
		return true
	case Expired:
		return c.StudyUID == ""
	case Ambiguous:
		return !slices.ContainsFunc(c.Candidates, func(o Candidate) bool { return !o.Weak })
	}
	return false
}

// Apply moves the case along the state table.
func (c *Case) Apply(e Event) error {
	next, ok := transitions[c.State][e]
	if !ok {
		return &TransitionError{State: c.State, Event: e}
	}
	c.State = next
	return nil
}

// Accepts says whether the event fits the case's state.
func (c *Case) Accepts(e Event) bool {
	_, ok := transitions[c.State][e]
	return ok
}

// Verdict is the answer to 'do these images support this statement?'.
type Verdict string

// The verdicts. NotJudged always comes with a reason.
const (
	Yes       Verdict = "yes"
	No        Verdict = "no"
	Maybe     Verdict = "maybe"
	NotJudged Verdict = "not_judged"
)

// ImageRef names a picture in the words of the PACS.
type ImageRef struct {
	SOPUID         string `json:"sop_uid"`
	SOPClassUID    string `json:"sop_class_uid"`
	SeriesUID      string `json:"series_uid"`
	SeriesNumber   int    `json:"series_number"`
	InstanceNumber int    `json:"instance_number"`
	Frame          int    `json:"frame"`    // from 1
	Position       int    `json:"position"` // which of the case's pictures, from 1
}

// Term is a medical term found in a statement.
type Term struct {
	Concept string `json:"concept"`
	Kind    string `json:"kind"`
	Text    string `json:"text"`
}

// Statement is one checkable claim of the report with its verdict.
type Statement struct {
	N          int        `json:"n"` // from 1 over the report
	Section    string     `json:"section"`
	Paragraph  int        `json:"paragraph"`
	Text       string     `json:"text"`    // verbatim
	Locator    string     `json:"locator"` // where in the message: MSH-10, OBR, OBX, characters
	Terms      []Term     `json:"terms"`
	Verdict    Verdict    `json:"verdict"`
	Reason     string     `json:"reason,omitempty"`
	Confidence float64    `json:"confidence"` // of the verdict, 0 to 1
	Images     []ImageRef `json:"images"`
}

// Severity of a flag.
type Severity string

// The severities, mildest first.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Flag is a discrepancy that a person should look at.
type Flag struct {
	Code      string   `json:"code"` // CC100 … of the scheme 99CONCORD
	Rule      string   `json:"rule"`
	Severity  Severity `json:"severity"`
	Statement int      `json:"statement"` // Statement.N, 0 for the whole report
	Text      string   `json:"text"`      // as a person would say it, in the report's language
}

// CaseEvent is one line of a case's timeline.
type CaseEvent struct {
	At    time.Time `json:"at"`
	Event string    `json:"event"`
	By    string    `json:"by,omitempty"` // the person who did it, where one did and is known
}

// MarshalJSON writes the case as the API shows it. Patient identity stays out
// but for the keys that a caller needs to find the case again.
func (c *Case) MarshalJSON() ([]byte, error) {
	type reportView struct {
		ControlID string `json:"control_id"`
		Status    string `json:"status"`
		Author    string `json:"author"`
		Filler    string `json:"filler"`
	}
	view := struct {
		ID         int64       `json:"id"`
		Revision   int         `json:"revision"`
		State      State       `json:"state"`
		Reason     string      `json:"reason,omitempty"`
		StudyUID   string      `json:"study_uid"`
		Accession  string      `json:"accession"`
		Modality   string      `json:"modality"`
		Report     *reportView `json:"report"`
		Statements []Statement `json:"statements"`
		Flags      []Flag      `json:"flags"`
		Candidates []Candidate `json:"candidates,omitempty"`
		Pack       string      `json:"pack,omitempty"`
		Dismissed  *time.Time  `json:"dismissed_at,omitempty"`
		CreatedAt  time.Time   `json:"created_at"`
		UpdatedAt  time.Time   `json:"updated_at"`
	}{ID: c.ID, Revision: c.Revision, State: c.State, Reason: c.Reason, StudyUID: c.StudyUID,
		Accession: c.Accession, Modality: c.Modality, Statements: orEmpty(c.Statements), Flags: orEmpty(c.Flags), Candidates: c.Candidates, Pack: c.Pack,
		CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt}
	if !c.DismissedAt.IsZero() {
		view.Dismissed = &c.DismissedAt
	}
	if c.Report != nil {
		view.Report = &reportView{ControlID: c.Report.ControlID, Status: c.Report.Status, Author: c.Report.Author.Name, Filler: c.Report.Filler}
	}
	return json.Marshal(view)
}

// orEmpty makes a JSON list of a list that may be nil.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
