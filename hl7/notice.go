package hl7

// Notice is what orders and patient events say that matters to the join of reports and
// studies: which study is expected under which accession, and which patients are the same.
type Notice struct {
	Code, Event string // MSH-9.1, MSH-9.2
	Patient     Patient
	Merged      []ID // MRG-1: IDs that are now the patient's (A40, A18, A34, A47, …)
	Orders      []Ordered
}

// Ordered is one order: its control code (ORC-1: NW new, CA cancel, XO change, SC status, …)
// and state (ORC-5).
type Ordered struct {
	Control, State string
	Order
}

// Notices reads orders (ORM, OMI, OMG) and patient events (ADT); other messages have
// none. A message about several patients gives one each. The error is about the mapping.
func Notices(m *Message, mapping Mapping) ([]Notice, error) {
	r, err := mapping.rules()
	if err != nil {
		return nil, err
	}
	code, event := m.Type()
	var notices []Notice
	var pid Segment
	switch code {
	case "ADT":
		for _, s := range m.segments {
			if s.Name() == "PID" {
				notices = append(notices, Notice{Code: code, Event: event, Patient: r.patient(s)})
			} else if s.Name() == "MRG" && len(notices) > 0 {
				last := &notices[len(notices)-1]
				last.Merged = append(last.Merged, identifiers(s.Field(1))...)
			}
		}
	case "ORM", "OMI", "OMG":
		for _, g := range groups(m.segments) {
			if s := g.find("PID", 1); len(notices) == 0 || s.text != pid.text {
				pid = s
				notices = append(notices, Notice{Code: code, Event: event, Patient: r.patient(s)})
			}
			orc, last := g.find("ORC", 1), &notices[len(notices)-1]
			last.Orders = append(last.Orders, Ordered{orc.Field(1).trimmed(), orc.Field(5).trimmed(), r.order(g)})
		}
	}
	return notices, nil
}
