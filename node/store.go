package node

import (
	"context"
	"errors"
	"io"
	"time"
)

// ErrUnavailable marks errors of an index that cannot be changed for now,
// whatever is asked of it: a full or failing disk, a node that stops.
var ErrUnavailable = errors.New("the index cannot be changed now")

// ErrLeaseLost says that a job is held by this node no more: another took it
// over, or did it.
var ErrLeaseLost = errors.New("the job is held by this node no more")

// Index is the durable memory of the node. Update returns after the commit is
// on disk; what fn did is undone when fn or the commit fails.
type Index interface {
	Update(ctx context.Context, fn func(Tx) error) error
	// Advance is Update for what the node does again by itself when it gets
	// lost: it returns after the commit, which reaches the disk with the next
	// Update. Only a machine that dies in between loses it, never a process.
	Advance(ctx context.Context, fn func(Tx) error) error
	View(ctx context.Context, fn func(Tx) error) error
}

// Journal makes received messages durable before the index holds what they
// call for.
type Journal interface {
	// Append returns after the record, whose parts may lie apart in memory, is
	// on disk. Sequences grow; durable is called in their order, before Append
	// returns.
	Append(durable func(sequence uint64), parts ...[]byte) error
	// Replay calls fn, in their order, with the records behind a sequence that
	// an earlier process left.
	Replay(after uint64, fn func(sequence uint64, record []byte) error) error
	// Release gives up the records up to a sequence.
	Release(sequence uint64)
}

// JournalTx is the place in the journal up to which the index holds the
// effects of its records.
type JournalTx interface {
	Processed() (uint64, error)
	SetProcessed(sequence uint64) error
}

// ObjectStore keeps the bytes of objects as they came.
type ObjectStore interface {
	// Create starts an object that is invisible until it is committed.
	Create() (Draft, error)
	// Open reads a committed object. The caller closes it.
	Open(path string) (ObjectFile, error)
	// Usage is the used share of the file system, 0 to 1.
	Usage() (float64, error)
	// Sweep deletes the files of objects that RemoveStudy took out of the index.
	Sweep(ctx context.Context) error
}

// Draft is an object being received. A draft that is neither committed nor
// aborted vanishes with the process.
type Draft interface {
	io.Writer
	io.ReaderAt
	// Commit makes the object durable under a path derived from the name and
	// returns the path; an existing path is never overwritten.
	Commit(name string) (path string, err error)
	// Abort gives the draft up; after Commit it does nothing but close.
	Abort()
}

// ObjectFile is the Part 10 file of a stored object.
type ObjectFile interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Tx is what the node does inside one transaction.
type Tx interface {
	ObjectTx
	CaseTx
	JobTx
	DeliveryTx
	OrderTx
	JournalTx
	RetentionTx
	AnnouncementTx
	CommitmentTx
	AlertTx
	TeachingTx
	ClockTx
	QuarantineTx
}

// ObjectTx indexes objects, studies and messages.
type ObjectTx interface {
	AddObject(Object) error
	ReplaceObject(Object) error                     // that of the same SOP instance, whose file is gone
	Object(sopInstanceUID string) (*Object, error)  // nil when unknown; never one kept aside
	StudyObjects(studyUID string) ([]Object, error) // by series, instance number; without those kept aside
	PutStudy(*Study) error
	Study(uid string) (*Study, error)
	// FindStudies returns the studies that any of the keys names; empty keys match nothing.
	FindStudies(StudyKeys) ([]Study, error)
	// PatientStudies returns the studies of a patient on a day (YYYYMMDD).
	PatientStudies(patientID, date string) ([]Study, error)
	// AddMessage stores a received message as it came. It reports false, and
	// stores nothing, when the same bytes from the same sender are there.
	AddMessage(*Message) (added bool, err error)
}

// StudyKeys are keys of an order that objects may carry, too.
type StudyKeys struct {
	UIDs           []string
	Accessions     []string
	Placer, Filler string
}

// CaseTx keeps cases and their timelines.
type CaseTx interface {
	AddCase(*Case) error // sets ID
	PutCase(*Case) error
	Case(id int64) (*Case, error) // nil when unknown
	StudyCases(studyUID string) ([]*Case, error)
	ReportCases(reportKey string) ([]*Case, error)
	// WaitingFor returns the cases that are Awaited and that one of the study's keys names.
	WaitingFor(Study) ([]*Case, error)
	Cases(CaseFilter) ([]*Case, error)
	// SameText says whether a judged report of another patient has the fingerprint.
	SameText(fingerprint, patientID string) (bool, error)
	CountCases() (map[State]int, error)
	AddEvent(caseID int64, e CaseEvent) error
	Timelines(caseIDs ...int64) (map[int64][]CaseEvent, error)
	AddFeedback(Feedback) error
	CaseFeedback(caseID int64) ([]Feedback, error)
	// Feedback lists what was said after the given entry, oldest first.
	Feedback(afterID int64, limit int) ([]Feedback, error)
}

// CaseFilter selects cases for the API; empty fields select all.
type CaseFilter struct {
	Accession string
	PatientID string
	StudyUID  string
	State     State
	BeforeID  int64 // for the next page; 0 for the first
	Limit     int
}

// Message is a received HL7 message.
type Message struct {
	Peer       string // network address of the sender
	ControlID  string // MSH-10
	Raw        []byte
	Problem    string // why it was put in quarantine; empty when it was read
	ReceivedAt time.Time
}

// JobTx is the queue of work that a committed state calls for.
type JobTx interface {
	// AddJob queues a job; a job of the same queue and key moves to RunAt instead.
	AddJob(Job) error
	// ClaimJob leases the next job that is due. With fifo only the oldest job
	// of the queue may go. When there is none it returns nil and the time at
	// which to look again (zero: not before something is queued).
	ClaimJob(queue string, fifo bool, now time.Time, lease time.Duration) (*Job, time.Time, error)
	// RenewJob extends the lease of a claimed job. Like the next two it fails
	// with ErrLeaseLost when this node does not hold the job.
	RenewJob(id int64, until time.Time) error
	// FinishJob removes a job that was done.
	FinishJob(id int64) error
	// RetryJob gives a job back, to be tried at the given time.
	RetryJob(id int64, at time.Time) error
	// HastenJobs makes the jobs of a queue that wait for a later time due.
	HastenJobs(queue string, now time.Time) error
	// ShiftJobs moves the times of all jobs, as the clock was.
	ShiftJobs(by time.Duration) error
}

// Job is a piece of work that survives the process. RunAt is kept to the
// millisecond.
type Job struct {
	ID       int64
	Queue    string
	Key      string // unique in the queue while the job is there
	CaseID   int64
	RunAt    time.Time
	Attempts int // counts claims
}

// DeliveryTx keeps results on their way out.
type DeliveryTx interface {
	AddDelivery(*Delivery) error // sets ID
	PutDelivery(*Delivery) error // state, attempts, detail, time; UID with payload where another form was sent
	Delivery(id int64) (*Delivery, error)
	// CaseDeliveries lists those of cases, case by case, without payloads.
	CaseDeliveries(caseIDs ...int64) ([]Delivery, error)
	// Deliveries lists those in a state, oldest first, without payloads.
	Deliveries(state DeliveryState, limit int) ([]Delivery, error)
	// PauseDestination and ResumeDestination are remembered over restarts.
	PauseDestination(name string, at time.Time) error
	ResumeDestination(name string) error
	PausedDestinations() (map[string]time.Time, error)
}

// OrderTx keeps what orders and patient events say for the join.
type OrderTx interface {
	AddOrder(Order) error
	// FindOrder returns the newest order with the placer or filler number.
	FindOrder(placer, filler string) (*Order, error)
	AddMerge(prior, issuer, current string, at time.Time) error
	// CurrentID follows merges from an ID to the one it is now.
	CurrentID(id, issuer string) (string, error)
	// PutPatient remembers what a patient event says of a patient.
	PutPatient(p Patient, at time.Time) error
	// KnownPatients lists what events said of the patient with an ID, newest first.
	KnownPatients(id, issuer string) ([]Patient, error)
}

// Order holds the keys that belong together by an order message.
type Order struct {
	Placer, Filler             string
	Accession, AccessionIssuer string
	StudyUID, ProcedureID      string
	At                         time.Time
}

// RetentionTx removes what was kept long enough. A case is kept, with its
// verdicts, deliveries and timeline: only its images go.
type RetentionTx interface {
	// FinishedStudies lists the studies, oldest first, whose cases are all
	// finished and delivered, and to which nothing happened since a time.
	FinishedStudies(before time.Time, limit int) ([]string, error)
	// RemoveStudy takes such a study and its objects out of the index; nil:
	// something happened to it meanwhile. Sweep then deletes the files.
	RemoveStudy(uid string, before time.Time) (*Removed, error)
	// RemovedImage is one of the objects that were removed from a case, for its
	// header; nil: its images are still here.
	RemovedImage(caseID int64) (*Object, error)
	// Dismiss notes that a person gave up a failed case, so that its images may
	// go like those of a finished one. It is false when the case is not failed.
	// A case that moves on is dismissed no more.
	Dismiss(caseID int64, at time.Time) (bool, error)
	// ThinCases looks at some cases behind one, oldest first, and takes the text
	// of the report, the verdicts, the timeline and the bytes of the results from
	// those that ended before a time, unless somebody gave feedback. It returns
	// the last it looked at; 0: no more are that old.
	ThinCases(before time.Time, afterID int64) (lastID int64, err error)
	// RemoveMessages empties some messages that came before a time and before
	// every case that still waits, and counts them. Those in quarantine stay.
	RemoveMessages(before time.Time) (int64, error)
}
