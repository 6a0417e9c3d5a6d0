package hl7

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// Report is the text of one order group (ORU) or document (MDM) with what joins it to a
// study. Without Blocks it still says something: a withdrawal by its Status, or a
// document that cannot be read by NotChecked.
type Report struct {
	ControlID, Event                    string // MSH-10; MSH-9.2, as R01 or T02
	SendingApplication, SendingFacility string // MSH-3.1, MSH-4.1
	MessageTime                         time.Time
	Order                                       // the first order that the text is for
	Further                             []Order // others that it is for as well
	Patient                             Patient
	Visit                               Visit
	Status                              string // F P C A R, or D W X (withdrawn), U (status only), or ""
	Author, ReferringPhysician          Person
	DocumentID, ParentDocumentID        string // TXA-12, TXA-13 of MDM
	Blocks                              []Block
	NotChecked                          []string // why a part could not be read, for people
}

// Order identifies what was ordered, done and reported.
type Order struct {
	OBR                        int // number of the OBR in the message; 0 if there is none
	Placer, PlacerNamespace    string
	Filler, FillerNamespace    string
	Accession, AccessionIssuer string
	StudyUIDs                  []string
	Procedure                  Coded // OBR-4
	Modality                   string
	RequestedProcedureID       string
	ObservedAt                 time.Time // OBR-7; TXA-4 for a document without OBR
}

// Coded is a CE or CWE: code, text, coding scheme.
type Coded struct{ Code, Text, Scheme string }

// Patient is PID.
type Patient struct {
	ID, Issuer string // the one of IDs that the mapping's authorities or types choose
	IDs        []ID   // all of PID-3
	Name       string // PID-5 in DICOM's order: family^given^middle^prefix^suffix
	BirthDate  string // YYYYMMDD
	Sex        string // M, F, O, … of table 0001
	Segment    string // PID-1 to PID-8 as sent, delimiters |^~\&, for the way back
}

// ID is a CX: Issuer is the namespace of its authority, else the universal ID.
type ID struct {
	Value, Issuer, UniversalID, UniversalIDType, Type string
}

// Visit is PV1: class (PV1-2), and number with its authority (PV1-19).
type Visit struct {
	Class  string
	Number ID
}

// Person is a name with the ID the sender knows it by. The name is family^given^middle.
type Person struct{ ID, Name string }

// Reports finds the reports of a message. ORU has one for each order group that carries
// text, a document or a withdrawal; groups of the same text, and groups with no
// observations of their own beside one that has them, become Further orders of one
// report. MDM T01 to T11 has one at most. Other messages have none. The error is about
// the mapping.
func Reports(m *Message, mapping Mapping) ([]Report, error) {
	r, err := mapping.rules()
	if err != nil {
		return nil, err
	}
	switch code, event := m.Type(); code {
	case "ORU":
		return r.results(m, event), nil
	case "MDM":
		return r.document(m, event), nil
	}
	return nil, nil
}

// group is an order and its observations: ORC, OBR and what follows up to the next, with
// the patient segments that it stands under.
type group struct {
	head, own []Segment
	number    int // of its OBR
}

// maxHead bounds the segments of a patient that are looked at for each order.
const maxHead = 64

// find looks in the group's own segments, then in those of its patient.
func (g group) find(name string, occurrence int) Segment {
	if s := find(g.own, name, occurrence); s.text != "" {
		return s
	}
	return find(g.head, name, occurrence)
}

func (g group) at(p Path) Value { return p.within(g.find(p.Segment, p.Occurrence)) }

// groups follows PATIENT_RESULT { PID … { [ORC] OBR … } } of chapter 7.3.1. A group
// without OBR is none.
func groups(segments []Segment) (found []group) {
	head, start, hasOBR, number := 0, -1, false, 0
	var patient []Segment
	closeAt := func(end int) {
		if start >= 0 && hasOBR {
			found = append(found, group{patient, segments[start:end:end], number})
		}
		start, hasOBR = -1, false
	}
	for i, s := range segments {
		switch s.Name() {
		case "PID":
			closeAt(i)
			if number > 0 {
				head = i
			}
		case "OBR":
			if start < 0 || hasOBR {
				closeAt(i)
				start = i
			}
			hasOBR = true
			number = nextNumber(s, number)
		case "ORC":
			closeAt(i)
			start = i
		}
		if start < 0 {
			patient = segments[head:min(i+1, head+maxHead)]
		}
	}
	closeAt(len(segments))
	return found
}

// nextNumber is the set ID (field 1) where it counts upwards, else one more than the
// last: unique numbers, and the sender's own in messages that number well.
func nextNumber(s Segment, last int) int {
	n, err := strconv.Atoi(s.Field(1).trimmed())
	if err != nil || n <= last || n > maxSegments {
		return last + 1
	}
	return n
}

// ofConcord says whether a group is about a result of Concord: one that is sent back, or
// feedback on it. Its text is no report.
func ofConcord(g group) bool {
	procedure := g.find("OBR", 1).Field(4)
	return procedure.Component(1).trimmed() == checkCode && procedure.Component(3).trimmed() == ownScheme
}

func (r *rules) results(m *Message, event string) (reports []Report) {
	var pid Segment
	var patient Patient
	for _, g := range groups(m.segments) {
		if ofConcord(g) {
			continue
		}
		if s := g.find("PID", 1); s.text != pid.text {
			pid, patient = s, r.patient(s)
		}
		report := r.base(m, g, event)
		report.Patient = patient
		text := r.read(g.own, g.number)
		report.Blocks, report.NotChecked = text.blocks, text.notChecked
		report.Status = cmp.Or(statusLetter(g.find("OBR", 1).Field(25).trimmed()), text.status)
		report.Author = author(g, text.observer)
		switch twin := sameText(reports, report); {
		case twin >= 0:
			reports[twin].Further = append(reports[twin].Further, report.Order)
		case len(report.Blocks) > 0 || len(report.NotChecked) > 0 || withdraws(report.Status) || report.Status == "U":
			reports = append(reports, report)
		case len(reports) > 0 && !text.observed && resulted(report.Status):
			if last := &reports[len(reports)-1]; last.Patient.Segment == patient.Segment {
				last.Further = append(last.Further, report.Order)
			}
		}
	}
	return reports
}

// sameText finds the report of the same patient with the same text: one dictation for
// several orders.
func sameText(reports []Report, report Report) int {
	if len(report.Blocks) == 0 {
		return -1
	}
	return slices.IndexFunc(reports, func(r Report) bool {
		return r.Patient.Segment == report.Patient.Segment && r.Status == report.Status &&
			slices.EqualFunc(r.Blocks, report.Blocks, func(a, b Block) bool {
				return a.Text == b.Text && a.Section == b.Section
			})
	})
}

func (r *rules) base(m *Message, g group, event string) Report {
	msh := m.segments[0]
	return Report{
		ControlID: m.ControlID(), Event: event,
		SendingApplication: msh.Field(3).Component(1).String(),
		SendingFacility:    msh.Field(4).Component(1).String(),
		MessageTime:        ParseTime(msh.Field(7).Component(1).String()),
		Order:              r.order(g),
		Visit:              visit(g.find("PV1", 1)),
		ReferringPhysician: referring(g),
	}
}

// document reads MDM (chapter 9): one document, which may answer several orders. T11
// cancels it, T06 adds to it, T08 and T10 replace what was sent.
func (r *rules) document(m *Message, event string) []Report {
	txa := m.Segment("TXA")
	all := group{own: m.segments}
	orders := groups(m.segments)
	if len(orders) > 0 {
		all.number = orders[0].number
	}
	report := r.base(m, all, event)
	report.Patient = r.patient(m.Segment("PID"))
	text := r.read(m.segments[slices.IndexFunc(m.segments, isTXA)+1:], all.number)
	report.Blocks, report.NotChecked = text.blocks, text.notChecked
	if event == "T06" {
		for i := range report.Blocks {
			report.Blocks[i].Section = SectionAddendum
		}
	}
	for _, g := range orders[min(1, len(orders)):] {
		report.Further = append(report.Further, r.order(g))
	}
	report.Status = cmp.Or(documentStatus(txa, event), text.status)
	report.Author = cmp.Or(person(txa.Field(9)), author(all, text.observer), person(txa.Field(5)))
	report.DocumentID = txa.Field(12).Component(1).trimmed()
	report.ParentDocumentID = txa.Field(13).Component(1).trimmed()
	report.fillFromTXA(txa)
	if len(report.Blocks) == 0 && len(report.NotChecked) == 0 && !withdraws(report.Status) {
		return nil
	}
	return []Report{report}
}

func isTXA(s Segment) bool { return s.Name() == "TXA" }

// fillFromTXA takes the order numbers of TXA-14 and TXA-15 where no ORC or OBR gave them.
func (report *Report) fillFromTXA(txa Segment) {
	if report.Placer == "" {
		report.Placer, report.PlacerNamespace = entity(txa.Field(14))
	}
	if report.Filler == "" {
		report.Filler, report.FillerNamespace = entity(txa.Field(15))
	}
	if report.Accession == "" {
		report.Accession, report.AccessionIssuer = report.Filler, report.FillerNamespace
	}
	if report.ObservedAt.IsZero() {
		report.ObservedAt = ParseTime(txa.Field(4).Component(1).String())
	}
}
