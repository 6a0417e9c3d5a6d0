package hl7

import (
	"fmt"
	"strings"
)

// Explanation is one thing that was read in a message: what, from where, and why it was
// taken or passed over. Values are the sender's and may be patient data: for the terminal
// of who holds the file, not for logs.
type Explanation struct {
	Item, Path, Value string
	Note              string
}

// Explain tells what Reports reads in a message by a mapping, and why. The error is about
// the mapping.
func Explain(m *Message, mapping Mapping) ([]Explanation, error) {
	r, err := mapping.rules()
	if err != nil {
		return nil, err
	}
	code, event := m.Type()
	e := explainer{rules: r}
	e.say("character set", "MSH-18", m.Get("MSH-18"), "read as "+m.Charset())
	e.say("message", "MSH-9", code+"^"+event, fmt.Sprintf("version %s, %d segments", m.Version(), len(m.segments)))
	reports, err := Reports(m, mapping)
	if err != nil {
		return nil, err
	}
	if len(reports) == 0 {
		e.say("reports", "", "none", "only ORU and MDM with text, a document or a withdrawal give reports")
	}
	e.patient(m.Segment("PID"))
	for _, g := range groups(m.segments) {
		e.group(g)
	}
	for i := range reports {
		e.report(i+1, &reports[i])
	}
	return e.said, nil
}

type explainer struct {
	*rules
	said []Explanation
}

func (e *explainer) say(item, path, value, note string) {
	e.said = append(e.said, Explanation{item, path, value, note})
}

func (e *explainer) patient(pid Segment) {
	p := e.rules.patient(pid)
	chosen := e.choose(p.IDs)
	for i, id := range p.IDs {
		note := "its authority or type is not the one looked for"
		switch {
		case i == chosen:
			note = "taken as the patient's ID"
		case chosen >= 0:
			note = "another fits better"
		}
		e.say("patient ID", fmt.Sprintf("PID-3[%d]", i+1), id.Value, fmt.Sprintf("authority %s, type %s: %s", id.Issuer, id.Type, note))
	}
	if chosen < 0 {
		e.say("patient ID", "PID-3", "", "none can be told to be the patient's; set patient_authorities or patient_id_types")
	}
}

// group explains the keys of one order.
func (e *explainer) group(g group) {
	o := e.order(g)
	name := fmt.Sprintf("OBR %d: ", g.number)
	taken := false
	for _, p := range e.accession {
		value := leaf(g.at(p), p)
		note := "empty"
		switch {
		case value == "":
		case !taken && e.AccessionStrip.Apply(value) == o.Accession:
			taken = true
			note = "taken as " + o.Accession
		case taken:
			note = "not needed"
		default:
			note = "passed over: it has no digit"
		}
		e.say(name+"accession", p.String(), value, note)
	}
	e.say(name+"study UID", "OBX 113014, 110180; "+joinPaths(e.studyUID), strings.Join(o.StudyUIDs, " "), fmt.Sprintf("%d found", len(o.StudyUIDs)))
	e.say(name+"requested procedure", joinPaths(e.requestedID), o.RequestedProcedureID, "")
	e.say(name+"modality", joinPaths(e.modality), o.Modality, "")
	e.say(name+"filler, placer", "OBR-3, OBR-2; ORC-3, ORC-2", o.Filler+", "+o.Placer, "")
	status := g.find("OBR", 1).Field(25).trimmed()
	e.say(name+"status", "OBR-25", status, "letter '"+statusLetter(status)+"'")
}

func (e *explainer) report(n int, r *Report) {
	name := fmt.Sprintf("report %d", n)
	var notes []string
	if r.Author.Name != "" {
		notes = append(notes, "author "+r.Author.Name)
	}
	if n := len(r.Further); n > 0 {
		notes = append(notes, fmt.Sprintf("also for %d of the other orders", n))
	}
	e.say(name, "", r.Status, strings.Join(notes, "; "))
	for _, b := range r.Blocks {
		section := b.Section
		if section == SectionUnknown {
			section = "by its headings"
		}
		e.say(name+": text", fmt.Sprintf("OBR %d, OBX %d-%d", b.OBR, b.OBX, b.Lines[len(b.Lines)-1].OBX), b.Text, "section "+section+", from "+b.Label)
	}
	for _, why := range r.NotChecked {
		e.say(name+": not checked", "", "", why)
	}
}

// String writes a path as ParsePath reads it.
func (p Path) String() string {
	s := p.Segment
	if p.Occurrence > 1 {
		s += fmt.Sprintf("[%d]", p.Occurrence)
	}
	s += fmt.Sprintf("-%d", p.Field)
	if p.Repetition > 1 {
		s += fmt.Sprintf("[%d]", p.Repetition)
	}
	if p.Component > 0 {
		s += fmt.Sprintf(".%d", p.Component)
	}
	if p.Subcomponent > 0 {
		s += fmt.Sprintf(".%d", p.Subcomponent)
	}
	return s
}

func joinPaths(paths []Path) string {
	texts := make([]string, len(paths))
	for i, p := range paths {
		texts[i] = p.String()
	}
	return strings.Join(texts, ", ")
}
