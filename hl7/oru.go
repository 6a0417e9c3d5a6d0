package hl7

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Result is what Concord tells a RIS about one report: the message of ORU. Texts are
// plain; ORU escapes them. Empty values leave their fields empty.
type Result struct {
	ControlID                               string // MSH-10, required: at most 20 characters before 2.7
	SendingApplication, SendingFacility     string
	ReceivingApplication, ReceivingFacility string
	Time                                    time.Time // of the message and of the status change, MSH-7 and OBR-22
	Version                                 string    // 2.5.1 (also for ""), 2.4 or 2.3.1
	Charset                                 string    // UNICODE UTF-8 (also for ""), or any of MSH-18; what it lacks becomes a question mark
	Layout                                  string    // LayoutCoded (also for ""), LayoutFlags or LayoutText
	ProcessingID                            string    // P (also for ""), T or D

	Patient Patient // its Segment, if there is one, is sent as it is; else the rest
	Visit   Visit

	Placer, PlacerNamespace string
	Filler, FillerNamespace string // of the report; the message gets a filler number of its own
	Accession               string
	RequestedProcedureID    string
	Procedure               Coded
	AcquiredAt              time.Time // of the images, OBR-7 and OBX-14

	StudyUID, SRInstanceUID string
	Assessment              Coded
	Abnormal                bool   // the assessment is that there are discrepancies: OBX-8 A
	Status                  string // OBR-25 and OBX-11: R (also for ""), P, F, C, or D, W, X to withdraw
	Note                    string // about the whole: NTE under the assessment, or the beginning of the text
	Device                  Device
	Findings                []Finding
}

// Layouts of a result. All keep the order, and LayoutText for a RIS that shows any OBX as
// text only one OBX.
const (
	LayoutCoded = "coded" // the assessment, and coded rows for each finding
	LayoutFlags = "flags" // the assessment, and one OBX of text for each finding with a severity
	LayoutText  = "text"  // one OBX of text
)

// Device is the equipment of OBX-18: its name and UID.
type Device struct{ Name, UID string }

// Verdicts of a Finding. NotJudged is sent as an observation without a result (OBX-11 X).
const (
	VerdictYes       = "yes"
	VerdictNo        = "no"
	VerdictMaybe     = "maybe"
	VerdictNotJudged = "not_judged"
)

// Finding is one checked statement; its observations share OBX-4.
type Finding struct {
	Group      int     // OBX-4: the statement's number in the report
	Verdict    string  // one of the constants
	Certainty  float64 // of the verdict, 0 to 1; 0 is none
	Critical   bool    // a 'no' is AA in OBX-8, not A
	Statement  string  // as the report has it
	Locator    string  // as Report.Locator gives it
	Severity   Coded
	Rule       string // the identifier of the rule that was applied
	Comment    string // for the reader: NTE, or the text of a flag
	Algorithm  Coded  // OBX-17
	AnalysedAt time.Time
}

var verdictCodes = map[string]struct {
	value    [6]string
	abnormal string // OBX-8
}{
	VerdictYes:   {[6]string{"373066001", "Yes", "SCT", "Y", "Yes", "HL70136"}, "N"},
	VerdictNo:    {[6]string{"373067005", "No", "SCT", "N", "No", "HL70136"}, "A"},
	VerdictMaybe: {[6]string{"373068000", "Undetermined", "SCT", "M", "Maybe", "99CONCORD"}, ""},
}

// ORU writes the result as ORU^R01. The same result gives the same bytes. Versions before
// 2.5 have no CWE (they get CE) and no OBX beyond field 17. The error says what a result
// or a destination's settings lack.
func ORU(r Result) ([]byte, error) {
	if r.Version == "" {
		r.Version = "2.5.1"
	}
	set := utf8Set
	if r.Charset != "" {
		var err error
		if set, err = configured(r.Charset); err != nil {
			return nil, err
		}
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	if r.Status == "" {
		r.Status = "R"
	}
	w := oruWriter{writer: writer{d: StandardDelimiters}, Result: r, coded: "CWE"}
	if !atLeast(r.Version, "2.5") {
		w.coded = "CE"
	}
	w.header(set)
	w.patient()
	w.order()
	switch r.Layout {
	case LayoutText:
		w.text()
	case LayoutFlags:
		w.study()
		for f := range r.flags() {
			w.flag(f)
		}
	default:
		w.study()
		for _, f := range r.Findings {
			w.finding(f)
		}
	}
	return set.encode(w.buf), nil
}

// flags yields the findings that are one.
func (r Result) flags() iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		for _, f := range r.Findings {
			if f.Severity != (Coded{}) && !yield(f) {
				return
			}
		}
	}
}

func (r Result) check() error {
	if !slices.Contains([]string{"2.5.1", "2.4", "2.3.1"}, r.Version) {
		return fmt.Errorf("hl7: version %.10q cannot be written; set the destination to 2.5.1, 2.4 or 2.3.1", r.Version)
	}
	if n := len(r.ControlID); n == 0 || n > 20 {
		return fmt.Errorf("hl7: the control ID has %d characters; MSH-10 takes 1 to 20", n)
	}
	if !slices.Contains([]string{"", LayoutCoded, LayoutFlags, LayoutText}, r.Layout) {
		return fmt.Errorf("hl7: layout %.10q is not coded, flags or text", r.Layout)
	}
	for _, f := range r.Findings {
		if _, known := verdictCodes[f.Verdict]; !known && f.Verdict != VerdictNotJudged {
			return fmt.Errorf("hl7: verdict %.20q is not yes, no, maybe or not_judged", f.Verdict)
		}
	}
	return nil
}

// oruWriter writes the segments of one result and counts its OBX.
type oruWriter struct {
	writer
	Result
	coded string // the type of coded values: CWE or CE
	rows  int
}

func (w *oruWriter) header(set *charset) {
	kind := w.components("ORU", "R01", "ORU_R01")
	if !atLeast(w.Version, "2.4") {
		kind = w.components("ORU", "R01")
	}
	w.segment("MSH", fields{
		3: w.leaf(w.SendingApplication), 4: w.leaf(w.SendingFacility),
		5: w.leaf(w.ReceivingApplication), 6: w.leaf(w.ReceivingFacility),
		7: FormatTime(w.Time), 9: kind, 10: w.leaf(w.ControlID),
		11: cmp.Or(w.leaf(w.ProcessingID), "P"), 12: w.Version, 18: set.name,
	})
}

func (w *oruWriter) patient() {
	if segment := w.Patient.Segment; segment != "" {
		w.buf = append(append(w.buf, oneLine(segment)...), '\r')
	} else {
		w.segment("PID", fields{
			1: "1", 3: w.identifiers(w.Patient.IDs), 5: w.name(w.Patient.Name),
			7: w.leaf(w.Patient.BirthDate), 8: w.leaf(w.Patient.Sex),
		})
	}
	if w.Visit != (Visit{}) {
		w.segment("PV1", fields{
			1: "1", 2: cmp.Or(w.leaf(w.Visit.Class), "U"), 19: w.cx(w.Visit.Number),
		})
	}
}

func (w *oruWriter) identifiers(ids []ID) string {
	var all []string
	for _, id := range ids {
		all = append(all, w.cx(id))
	}
	return strings.Join(all, string(rune(w.d.Repetition)))
}

func (w *oruWriter) cx(id ID) string {
	namespace := id.Issuer
	if namespace == id.UniversalID {
		namespace = ""
	}
	authority := w.subcomponents(namespace, id.UniversalID, id.UniversalIDType)
	return w.join([]string{w.leaf(id.Value), "", "", authority, w.leaf(id.Type)})
}

// name writes a name in DICOM's order as XPN, where the suffix comes before the prefix.
func (w *oruWriter) name(dicom string) string {
	parts := append(strings.Split(dicom, "^"), "", "", "", "")[:5]
	parts[3], parts[4] = parts[4], parts[3]
	return w.components(parts...)
}

// fillerNumber is Concord's own: a receiver would replace the radiology report by a
// message with the original one.
func (w *oruWriter) fillerNumber() string {
	return w.components(cmp.Or(w.Filler, w.Accession, w.ControlID)+ownFiller, "CONCORD")
}

func (w *oruWriter) order() {
	placer := w.components(w.Placer, w.PlacerNamespace)
	parent := ""
	if w.Placer != "" || w.Filler != "" {
		parent = w.join([]string{w.subcomponents(w.Placer, w.PlacerNamespace), w.subcomponents(w.Filler, w.FillerNamespace)})
	}
	w.segment("ORC", fields{1: "RE", 2: placer, 3: w.fillerNumber(), 5: "CM", 8: parent})
	p := w.Procedure
	w.segment("OBR", fields{
		1: "1", 2: placer, 3: w.fillerNumber(),
		4: w.components(checkCode, "Report/image concordance check", ownScheme, p.Code, p.Text, p.Scheme),
		7: FormatTime(w.AcquiredAt), 18: w.leaf(w.Accession), 19: w.leaf(w.RequestedProcedureID),
		22: FormatTime(w.Time), 24: "RAD", 25: w.leaf(w.Status), 29: parent,
	})
}

// study names the images and the SR, and gives the overall assessment. The UIDs are ST:
// with HD one receiver takes the message for something else.
func (w *oruWriter) study() {
	if w.StudyUID != "" {
		w.row(fields{2: "ST", 3: w.components("113014", "DICOM Study", "DCM"), 5: w.leaf(w.StudyUID), 11: "O"})
	}
	if w.SRInstanceUID != "" {
		w.row(fields{2: "ST", 3: w.components("", "SR Instance UID"), 5: w.leaf(w.SRInstanceUID), 11: "O"})
	}
	w.row(fields{2: w.coded, 3: w.components("111413", "Overall Assessment", "DCM"), 4: "0", 5: w.code(w.Assessment), 8: w.abnormal()})
	w.comment(w.Note)
}

// abnormal is OBX-8 of what is about the whole.
func (w *oruWriter) abnormal() string {
	if w.Abnormal {
		return "A"
	}
	return ""
}

// text writes the result as one text.
func (w *oruWriter) text() {
	lines := []string{w.Note}
	for f := range w.flags() {
		lines = append(lines, "- "+f.Comment)
	}
	w.row(fields{2: "FT", 3: w.components("121111", "Summary", "DCM"), 4: "0",
		5: Escape(strings.Join(lines, "\n"), w.d, `\.br\`), 8: w.abnormal()})
}

// flag writes a finding as one text.
func (w *oruWriter) flag(f Finding) {
	w.row(fields{2: "TX", 3: w.components("121106", "Comment", "DCM"), 4: strconv.Itoa(f.Group), 5: w.lines(f.Comment),
		8: f.abnormal(), 14: FormatTime(w.AcquiredAt), 17: w.code(f.Algorithm), 19: FormatTime(f.AnalysedAt)})
}

// lines is a text for TX: its lines are repetitions.
func (w *oruWriter) lines(text string) string {
	return Escape(text, w.d, string(rune(w.d.Repetition)))
}

// row writes an OBX with its number and, where it has none of its own, the status.
func (w *oruWriter) row(f fields) {
	w.rows++
	f[1] = strconv.Itoa(w.rows)
	f[11] = cmp.Or(f[11], w.leaf(w.Status))
	if !atLeast(w.Version, "2.5") {
		clear(f[18:])
	}
	w.segment("OBX", f)
}

func (w *oruWriter) code(c Coded) string { return w.components(c.Code, c.Text, c.Scheme) }

func (w *oruWriter) comment(text string) {
	if text != "" {
		w.segment("NTE", fields{1: "1", 2: "L", 3: Escape(text, w.d, `\.br\`)})
	}
}

func (w *oruWriter) finding(f Finding) {
	w.verdict(f)
	group := strconv.Itoa(f.Group)
	if f.Certainty > 0 {
		percent := strconv.Itoa(int(math.Round(min(f.Certainty, 1) * 100)))
		w.row(fields{2: "NM", 3: w.components("111012", "Certainty of Finding", "DCM"), 4: group, 5: percent,
			6: w.components("%", "percent", "UCUM")})
	}
	private := func(kind, code, meaning, value string) {
		if value != "" {
			w.row(fields{2: kind, 3: w.components(code, meaning, ownScheme), 4: group, 5: value})
		}
	}
	private("TX", "CC001", "Report statement", w.lines(f.Statement))
	private("ST", "CC009", "Report segment locator", w.leaf(f.Locator))
	private(w.coded, "CC007", "Flag severity", w.code(f.Severity))
	private("ST", "CC004", "Rule identifier", w.leaf(f.Rule))
	w.comment(f.Comment)
}

// abnormal is OBX-8: a statement that the images support is normal.
func (f Finding) abnormal() string {
	abnormal := verdictCodes[f.Verdict].abnormal
	if f.Critical && abnormal == "A" {
		return "AA"
	}
	return abnormal
}

// verdict writes the row that says whether the images support the statement.
func (w *oruWriter) verdict(f Finding) {
	v := verdictCodes[f.Verdict]
	row := fields{
		2: w.coded, 3: w.components("CC003", "Statement supported by images", ownScheme), 4: strconv.Itoa(f.Group),
		5: w.components(v.value[:]...), 8: f.abnormal(),
		14: FormatTime(w.AcquiredAt), 17: w.code(f.Algorithm), 19: FormatTime(f.AnalysedAt),
	}
	if w.Device != (Device{}) {
		row[18] = w.components(w.Device.Name, "", w.Device.UID, "ISO")
	}
	if f.Verdict == VerdictNotJudged && !withdraws(w.Status) {
		row[11] = "X"
	}
	w.row(row)
}
