package hl7

import (
	"cmp"
	"slices"
	"strings"
)

// order reads what identifies the study of a group.
func (r *rules) order(g group) Order {
	obr, orc := g.find("OBR", 1), g.find("ORC", 1)
	o := Order{
		OBR:                  g.number,
		StudyUIDs:            r.studyUIDs(g),
		Procedure:            coded(obr.Field(4)),
		Modality:             r.first(g, r.modality),
		RequestedProcedureID: r.first(g, r.requestedID),
		ObservedAt:           ParseTime(obr.Field(7).Component(1).String()),
	}
	o.Placer, o.PlacerNamespace = firstEntity(obr.Field(2), orc.Field(2))
	o.Filler, o.FillerNamespace = firstEntity(obr.Field(3), orc.Field(3))
	o.Accession, o.AccessionIssuer = r.accessionOf(g)
	return o
}

// accessionOf takes the first place that holds something like a number: some senders
// keep a body part in OBR-18. If no place has a digit the first that has anything counts.
func (r *rules) accessionOf(g group) (accession, issuer string) {
	for _, p := range r.accession {
		v := g.at(p)
		id, namespace := leaf(v, p), ""
		if p.Component == 0 {
			_, namespace = entity(v)
		}
		if id == "" || strings.IndexFunc(id, isDigit) < 0 && accession != "" {
			continue
		}
		if strings.IndexFunc(id, isDigit) >= 0 {
			return r.AccessionStrip.Apply(id), namespace
		}
		accession, issuer = id, namespace
	}
	return r.AccessionStrip.Apply(accession), issuer
}

func isDigit(c rune) bool { return c >= '0' && c <= '9' }

// leaf is the text at a path; where the path stops above it, the first leaf.
func leaf(v Value, p Path) string {
	if p.Component == 0 {
		v = v.Component(1)
	}
	if p.Subcomponent == 0 {
		v = v.Subcomponent(1)
	}
	return v.trimmed()
}

// first is the first of the paths that has a text.
func (r *rules) first(g group, paths []Path) string {
	for _, p := range paths {
		if text := leaf(g.at(p), p); text != "" {
			return text
		}
	}
	return ""
}

// studyUIDs looks in observations named 'DICOM Study' (113014, DCM) or 'Study Instance
// UID' (110180, DCM), in ST or HD form, then at the mapping's paths.
func (r *rules) studyUIDs(g group) []string {
	var uids []string
	add := func(v Value) bool {
		uid := v.trimmed()
		if !isUID(uid) {
			return false
		}
		if len(uids) < maxKeys && !slices.Contains(uids, uid) {
			uids = append(uids, uid)
		}
		return true
	}
	for _, s := range g.own {
		if s.Name() != "OBX" || !namesStudy(s.Field(3)) {
			continue
		}
		if v := s.Field(5); !add(v.Component(1)) {
			add(v.Component(2))
		}
	}
	for _, p := range r.studyUID {
		v := g.at(p)
		if p.Component == 0 {
			v = v.Component(1)
		}
		add(v)
	}
	return uids
}

func namesStudy(identifier Value) bool {
	switch identifier.Component(1).Subcomponent(1).trimmed() {
	case "113014", "110180":
		return true
	}
	name := identifier.Component(2).trimmed()
	return strings.EqualFold(name, "Study Instance UID") || strings.EqualFold(name, "DICOM Study")
}

// isUID follows PS3.5 9.1: digits and dots, 64 at most; a single number is no UID.
func isUID(s string) bool {
	if len(s) > 64 || strings.Count(s, ".") < 2 || s[0] == '.' || s[len(s)-1] == '.' {
		return false
	}
	return strings.Trim(s, "0123456789.") == "" && !strings.Contains(s, "..")
}

func coded(v Value) Coded {
	return Coded{v.Component(1).trimmed(), v.Component(2).trimmed(), v.Component(3).trimmed()}
}

// entity reads an EI: the identifier and its namespace, else its universal ID.
func entity(v Value) (id, namespace string) {
	return v.Component(1).trimmed(), cmp.Or(v.Component(2).trimmed(), v.Component(3).trimmed())
}

func firstEntity(values ...Value) (id, namespace string) {
	for _, v := range values {
		if id, namespace = entity(v); id != "" {
			return id, namespace
		}
	}
	return "", ""
}

// patient reads PID. Messages of 2.2 and before may have no PID-3 but PID-2.
func (r *rules) patient(pid Segment) Patient {
	p := Patient{
		Name:      familyGiven(pid.Field(5), true),
		BirthDate: birthDate(pid.Field(7).Component(1).trimmed()),
		Sex:       strings.ToUpper(pid.Field(8).Component(1).trimmed()),
		Segment:   restated(pid, 8),
	}
	p.IDs = identifiers(pid.Field(3))
	if len(p.IDs) == 0 {
		p.IDs = identifiers(pid.Field(2))
	}
	if i := r.choose(p.IDs); i >= 0 {
		p.ID, p.Issuer = r.PatientIDStrip.Apply(p.IDs[i].Value), p.IDs[i].Issuer
	}
	return p
}

// choose finds the patient's ID: by the configured authorities, else by type, else the
// only one. Several of unknown meaning give none (-1): identity is not guessed.
func (r *rules) choose(ids []ID) int {
	for _, authority := range r.PatientAuthorities {
		if i := slices.IndexFunc(ids, func(id ID) bool {
			return strings.EqualFold(id.Issuer, authority) || id.UniversalID == authority
		}); i >= 0 {
			return i
		}
	}
	if len(r.PatientAuthorities) > 0 {
		return -1
	}
	for _, kind := range r.PatientIDTypes {
		if i := slices.IndexFunc(ids, func(id ID) bool { return strings.EqualFold(id.Type, kind) }); i >= 0 {
			return i
		}
	}
	if len(ids) == 1 {
		return 0
	}
	return -1
}

// maxKeys bounds the IDs of a patient and the study UIDs of an order.
const maxKeys = 100

func identifiers(field Value) []ID {
	var ids []ID
	for v := range field.Repetitions() {
		if len(ids) == maxKeys {
			break
		}
		if id := cx(v); id.Value != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// cx reads a CX: ID, check digit, its scheme, authority (namespace & universal ID & type),
// type of the ID.
func cx(v Value) ID {
	authority := v.Component(4)
	id := ID{
		Value:       v.Component(1).trimmed(),
		UniversalID: authority.Subcomponent(2).trimmed(), UniversalIDType: authority.Subcomponent(3).trimmed(),
		Type: v.Component(5).trimmed(),
	}
	id.Issuer = cmp.Or(authority.Subcomponent(1).trimmed(), id.UniversalID)
	return id
}

func birthDate(s string) string {
	if len(s) < 8 || strings.TrimLeft(s[:8], "0123456789") != "" {
		return ""
	}
	return s[:8]
}

// familyGiven writes an XPN as a DICOM person name: XPN has suffix before prefix.
func familyGiven(v Value, whole bool) string {
	parts := []string{v.Component(1).Subcomponent(1).trimmed(), v.Component(2).trimmed(), v.Component(3).trimmed()}
	if whole {
		parts = append(parts, v.Component(5).trimmed(), v.Component(4).trimmed())
	}
	return strings.TrimRight(strings.Join(parts, "^"), "^")
}

func visit(pv1 Segment) Visit {
	return Visit{Class: pv1.Field(2).trimmed(), Number: cx(pv1.Field(19))}
}

// person reads an XCN (ID^family^given^middle), or the same as subcomponents of a first
// component (CNN in NDL, OBR-32).
func person(v Value) Person {
	if v.Empty() {
		return Person{}
	}
	first := v.Component(1)
	if sub := first.Subcomponent(2); !sub.Empty() {
		name := []string{sub.trimmed(), first.Subcomponent(3).trimmed(), first.Subcomponent(4).trimmed()}
		return Person{first.Subcomponent(1).trimmed(), strings.TrimRight(strings.Join(name, "^"), "^")}
	}
	p := Person{ID: first.trimmed()}
	name := []string{v.Component(2).Subcomponent(1).trimmed(), v.Component(3).trimmed(), v.Component(4).trimmed()}
	p.Name = strings.TrimRight(strings.Join(name, "^"), "^")
	return p
}

// author is the interpreter of OBR-32, else the observer of the text, else the assistant,
// technician or transcriptionist of OBR-33, 34, 35.
func author(g group, observer Person) Person {
	obr := g.find("OBR", 1)
	return cmp.Or(person(obr.Field(32)), observer, person(obr.Field(33)), person(obr.Field(34)), person(obr.Field(35)))
}

// referring is PV1-8, else who ordered: OBR-16, ORC-12.
func referring(g group) Person {
	return cmp.Or(person(g.find("PV1", 1).Field(8)), person(g.find("OBR", 1).Field(16)), person(g.find("ORC", 1).Field(12)))
}

// restated gives the fields 1 to last of a segment as sent, in the standard delimiters.
func restated(s Segment, last int) string {
	if s.text == "" {
		return ""
	}
	fields := make([]string, last)
	for n := range fields {
		fields[n] = oneLine(s.Field(n + 1).Raw())
	}
	d := s.in.Delimiters
	if d != StandardDelimiters {
		for n := range fields {
			fields[n] = redelimit(fields[n], d)
		}
	}
	return strings.TrimRight(s.Name()+"|"+strings.Join(fields, "|"), "|")
}

// redelimit writes a field of other delimiters in the standard ones: a delimiter becomes
// its counterpart, text that now looks like one is escaped, and \F\ stays an escape.
func redelimit(raw string, d Delimiters) string {
	counterpart := map[byte]byte{d.Component: '^', d.Repetition: '~', d.Escape: '\\', d.Subcomponent: '&'}
	delete(counterpart, 0)
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if c, is := counterpart[raw[i]]; is {
			b.WriteByte(c)
		} else {
			b.WriteString(Escape(raw[i:i+1], StandardDelimiters, " "))
		}
	}
	return b.String()
}
