package hl7

import (
	"strconv"
	"strings"
)

// Opinion is what a radiologist says of one of Concord's results: an OBX with the code
// CC005 (Feedback, 99CONCORD) in an ORU about the order that the result was sent under.
type Opinion struct {
	SendingApplication, SendingFacility string // MSH-3.1, MSH-4.1, as those of the report

	Filler string // of the checked report: OBR-3 or ORC-3 without the .CC of Concord's own number
	Group  int    // OBX-4 of the result; 0: the whole
	Value  string // OBX-5, its code in lower case: right, wrong or not_sure
	Author Person // OBX-16
}

// Concord's own coding scheme and some of its codes.
const (
	ownScheme    = "99CONCORD"
	checkCode    = "CCCHK" // OBR-4 of a result
	feedbackCode = "CC005" // OBX-3 of an Opinion
	ownFiller    = ".CC"   // what ORU adds to the filler number of a report
)

// Opinions finds the feedback in a message.
func Opinions(m *Message) (found []Opinion) {
	if code, _ := m.Type(); code != "ORU" {
		return nil
	}
	for _, g := range groups(m.segments) {
		filler, _ := entity(g.find("OBR", 1).Field(3))
		if filler == "" {
			filler, _ = entity(g.find("ORC", 1).Field(3))
		}
		for _, s := range g.own {
			if s.Name() != "OBX" || s.Field(3).Component(1).trimmed() != feedbackCode {
				continue
			}
			n, _ := strconv.Atoi(s.Field(4).trimmed()) // no number: about the whole
			msh := m.segments[0]
			found = append(found, Opinion{SendingApplication: msh.Field(3).Component(1).String(),
				SendingFacility: msh.Field(4).Component(1).String(), Filler: strings.TrimSuffix(filler, ownFiller), Group: n,
				Value: strings.ToLower(s.Field(5).Component(1).trimmed()), Author: person(s.Field(16))})
		}
	}
	return found
}
