package audit

import (
	"encoding/base64"
	"fmt"
	"maps"
	"sync"
	"time"
)

// Peer is the other side of an event. What is not known stays empty.
type Peer struct {
	AETitle string // of a DICOM application
	Name    string // of any other system or user, as the logs name it
	Address string // IP address or host name, without port
}

// Patient is whom the data is about. The name is left out on purpose.
type Patient struct{ ID, Issuer string }

// Study says which study and, where that is the matter, how many instances.
type Study struct {
	UID     string
	Classes []Class
}

// Class counts the instances of one SOP class.
type Class struct {
	UID       string
	Instances int
}

// Action is an EventActionCode (PS3.15 A.5.1.1).
type Action string

// The actions.
const (
	Create  Action = "C"
	Read    Action = "R"
	Update  Action = "U"
	execute Action = "E"
)

// Outcome is an EventOutcomeIndicator (PS3.15 Table A.5.2-1).
type Outcome string

// The outcomes: a MinorFailure is tried again, a SeriousFailure ended the action.
const (
	Success        Outcome = "0"
	MinorFailure   Outcome = "4"
	SeriousFailure Outcome = "8"
)

// ApplicationStarted records that the node serves (110100, PS3.15 A.5.3.1).
func (r *Recorder) ApplicationStarted() { r.applicationActivity(applicationStart) }

// ApplicationStopped records that the node ends.
func (r *Recorder) ApplicationStopped() { r.applicationActivity(applicationStop) }

func (r *Recorder) applicationActivity(kind code) {
	if r == nil {
		return
	}
	r.record(applicationActivity, execute, Success, []code{kind}, []participant{r.self(false, roleApplication)})
}

// BeginTransferring records that instances begin to go out to a peer (110102,
// PS3.15 A.5.3.3).
func (r *Recorder) BeginTransferring(to Peer, p Patient, s Study) {
	if r == nil {
		return
	}
	r.record(beginTransferring, execute, Success, nil, r.transfer(to), studyObject(s), patientObject(p))
}

// Transferred records that a transfer of instances to a peer ended (110104,
// PS3.15 A.5.3.7). The action is R: a sender does not know what the receiver
// held before. What a peer sends is recorded by Intake.
func (r *Recorder) Transferred(to Peer, p Patient, s Study, outcome Outcome) {
	if r == nil {
		return
	}
	r.record(instancesTransferred, Read, outcome, nil, r.transfer(to), studyObject(s), patientObject(p))
}

func (r *Recorder) transfer(to Peer) []participant {
	return []participant{r.self(true, roleSource), to.participant(false, roleDestination)}
}

// NotRetrieved records that a peer did not send what this node asked of it, at
// least not all: a transfer that failed (PS3.15 A.5.3.7). What did come is
// recorded by Intake.
func (r *Recorder) NotRetrieved(from Peer, p Patient, s Study) {
	if r == nil {
		return
	}
	who := []participant{from.participant(false, roleSource), r.self(true, roleDestination)}
	r.record(instancesTransferred, Create, MinorFailure, nil, who, studyObject(s), patientObject(p))
}

// InstancesAccessed records that somebody read instances of a study (110103,
// PS3.15 A.5.3.6). Reading on in the same study within a minute belongs to it.
func (r *Recorder) InstancesAccessed(by Peer, p Patient, studyUID string) {
	if r == nil || !r.reading.begins(reading{by, studyUID}, r.now()) {
		return
	}
	r.record(instancesAccessed, Read, Success, nil, r.use(by), studyObject(Study{UID: studyUID}), patientObject(p))
}

// reading is somebody with a study or a query.
type reading struct {
	who  Peer
	what string
}

// readings remember what began when.
type readings struct {
	mu    sync.Mutex
	began map[reading]time.Time
	swept time.Time // when the old ones were forgotten last
}

const (
	readingTime = time.Minute
	maxReadings = 1024 // of 8 KB at most, with a long query; then all of them begin anew
)

// begins tells whether a reading begins at now.
func (l *readings) begins(of reading, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.swept) >= readingTime {
		maps.DeleteFunc(l.began, func(_ reading, at time.Time) bool { return now.Sub(at) >= readingTime })
		l.swept = now
	}
	if at, ok := l.began[of]; ok && now.Sub(at) < readingTime {
		return false
	}
	if l.began == nil || len(l.began) >= maxReadings {
		l.began = map[reading]time.Time{}
	}
	l.began[of] = now
	return true
}

// ProcedureRecord records that somebody brought (Create) or read (Read) the
// report of a study or what was found about it (110111, PS3.15 A.5.3.15). The
// study UID may be empty.
func (r *Recorder) ProcedureRecord(action Action, by Peer, p Patient, studyUID string, outcome Outcome) {
	if r == nil {
		return
	}
	r.record(procedureRecord, action, outcome, nil, r.use(by), reportObjects(p, studyUID)...)
}

// ReportSent records that findings about a study went out to a system that
// does not speak DICOM: a reading of the procedure record by this node.
func (r *Recorder) ReportSent(to Peer, p Patient, studyUID string, outcome Outcome) {
	if r == nil {
		return
	}
	r.record(procedureRecord, Read, outcome, nil, r.transfer(to), reportObjects(p, studyUID)...)
}

func reportObjects(p Patient, studyUID string) []object {
	objects := []object{patientObject(p)}
	if studyUID != "" {
		objects = []object{studyObject(Study{UID: studyUID}), objects[0]}
	}
	return objects
}

func (r *Recorder) use(by Peer) []participant {
	return []participant{by.participant(true), r.self(false)}
}

// Query records that somebody searched the node (110112, PS3.15 A.5.3.10) by
// a query that is not DICOM's: path and query of a URL. Asking the same again
// within a minute, as a page that is left open does, belongs to it.
func (r *Recorder) Query(by Peer, path, query string) {
	path, query = clip(path, maxTitle), clip(query, maxQuery)
	if r == nil || !r.reading.begins(reading{by, path + "?" + query}, r.now()) {
		return
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(query))
	r.record(queryIssued, execute, Success, nil,
		[]participant{by.participant(true, roleSource), r.self(false, roleDestination)},
		object{ID: text(path, maxTitle), TypeCode: typeSystem, Role: roleReport, IDType: uri, Query: &encoded})
}

// Searched records that this node searched a peer by a C-FIND (110112, PS3.15
// A.5.3.10).
func (r *Recorder) Searched(peer Peer, sopClass, transferSyntax string, identifier []byte) {
	if r == nil {
		return
	}
	query := base64.StdEncoding.EncodeToString(identifier[:min(len(identifier), maxQuery)])
	r.record(queryIssued, execute, Success, nil, r.transfer(peer),
		object{ID: text(sopClass, maxUID), TypeCode: typeSystem, Role: roleReport, IDType: sopClassUID, Query: &query,
			Details: []detail{{"TransferSyntax", base64.StdEncoding.EncodeToString([]byte(transferSyntax))}}})
}

// maxAlerts a minute say enough of one who knocks all the time, and leave the
// spool to the other events.
const maxAlerts = 60

// NodeAuthenticationFailed is a security alert (110113, PS3.15 A.5.3.11): a
// peer was turned away. The description is free text, without patient data.
// Of more than 60 alerts in a minute only the number is recorded, in the next.
func (r *Recorder) NodeAuthenticationFailed(peer Peer, description string) {
	if r == nil {
		return
	}
	unrecorded, ok := r.alerts.admit(r.now())
	if !ok {
		return
	}
	if unrecorded > 0 {
		description = fmt.Sprintf("%s (%d alerts before this one came too fast to be recorded)", clip(description, maxDescription/2), unrecorded)
	}
	performing := peer.participant(false)
	r.alert(nodeAuthentication, SeriousFailure, peer.nodeID(), description, r.self(false), performing)
}

// alertLimit bounds the alerts of a minute.
type alertLimit struct {
	mu         sync.Mutex
	minute     time.Time // its begin
	alerts     int       // in the minute
	unrecorded int       // since the last that was recorded
}

// admit tells whether an alert may be recorded, and how many were not before.
func (l *alertLimit) admit(now time.Time) (unrecorded int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.minute) >= time.Minute {
		l.minute, l.alerts = now, 0
	}
	if l.alerts == maxAlerts {
		l.unrecorded++
		return 0, false
	}
	l.alerts++
	unrecorded, l.unrecorded = l.unrecorded, 0
	return unrecorded, true
}

func (p Peer) nodeID() string {
	if p.Address != "" {
		return text(p.Address, maxTitle)
	}
	return p.participant(false).UserID
}

func (r *Recorder) alert(kind code, outcome Outcome, subject, description string, who ...participant) {
	r.record(securityAlert, execute, outcome, []code{kind}, who,
		object{ID: subject, TypeCode: typeSystem, Role: roleSecurityResource, IDType: nodeID, Name: new(string),
			Details: []detail{{"Alert Description",
				base64.StdEncoding.EncodeToString([]byte(clip(description, maxDescription)))}}})
}

// record builds a message, wraps it for syslog and spools it.
func (r *Recorder) record(id code, action Action, outcome Outcome, types []code, who []participant, what ...object) {
	now := r.now()
	m := message{
		Event:        event{Action: action, DateTime: dateTime(now), Outcome: outcome, ID: id, Types: types},
		Participants: who, Source: r.source, Objects: what,
	}
	xml, err := m.encode()
	if err == nil {
		err = r.keep(r.syslog.message(now, outcome, xml))
	}
	r.report(err)
}
