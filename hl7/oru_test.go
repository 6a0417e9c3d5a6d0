package hl7

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// exampleResult is the case of the example message: one statement that the images do not
// support.
func exampleResult() Result {
	at := ParseTime
	return Result{
		ControlID:          "CC0000000000000042",
		SendingApplication: "CONCORD", SendingFacility: "HOSPA",
		ReceivingApplication: "RIS", ReceivingFacility: "HOSPA",
		Time: at("20261124061000+0000"),
		Patient: Patient{
			IDs:  []ID{{Value: "PID-4711", Issuer: "HOSPA", UniversalID: "1.2.3.4", UniversalIDType: "ISO", Type: "MR"}},
			Name: "DOE^JANE", BirthDate: "19610203", Sex: "F",
		},
		Visit:  Visit{Class: "O", Number: ID{Value: "V123", Issuer: "HOSPA"}},
		Placer: "PL-1", PlacerNamespace: "RIS", Filler: "FI-1", FillerNamespace: "RISX",
		Accession: "ACC12345", RequestedProcedureID: "RP1", Procedure: Coded{"CTCHEST", "CT CHEST", "L"},
		AcquiredAt: at("20261123141500+0000"),
		StudyUID:   "1.2.826.0.1.3680043.8.498.1.1", SRInstanceUID: "2.25.138193176934957832533324243570601614909",
		Assessment: Coded{"CC120", "Discrepancies flagged", "99CONCORD"}, Abnormal: true,
		Device: Device{"CONCORD1", "2.25.742"},
		Findings: []Finding{{
			Group: 3, Verdict: VerdictNo, Certainty: 0.87,
			Statement: "Right-sided pleural effusion.", Locator: "RIS0001/OBR1/OBX4/120-149",
			Severity: Coded{"CC111", "Warning", "99CONCORD"}, Rule: "VLM-SUPPORT",
			Comment:    "Effusion seen on the left only. Automated check, not for diagnosis, not verified by a human.",
			Algorithm:  Coded{"VLM", "concord-vlm 2026.11", "99CONCORD"},
			AnalysedAt: at("20261124060930+0000"),
		}},
	}
}

// exampleORU is that result field by field, written from the standard (chapters 2.14.9,
// 4.5.1, 4.5.3, 7.4.2) and the tables of codes.
var exampleORU = []string{
	`MSH|^~\&|CONCORD|HOSPA|RIS|HOSPA|20261124061000+0000||ORU^R01^ORU_R01|CC0000000000000042|P|2.5.1||||||UNICODE UTF-8`,
	`PID|1||PID-4711^^^HOSPA&1.2.3.4&ISO^MR||DOE^JANE||19610203|F`,
	`PV1|1|O|||||||||||||||||V123^^^HOSPA`,
	`ORC|RE|PL-1^RIS|FI-1.CC^CONCORD||CM|||PL-1&RIS^FI-1&RISX`,
	`OBR|1|PL-1^RIS|FI-1.CC^CONCORD|CCCHK^Report/image concordance check^99CONCORD^CTCHEST^CT CHEST^L|||20261123141500+0000|||||||||||ACC12345|RP1|||20261124061000+0000||RAD|R||||PL-1&RIS^FI-1&RISX`,
	`OBX|1|ST|113014^DICOM Study^DCM||1.2.826.0.1.3680043.8.498.1.1||||||O`,
	`OBX|2|ST|^SR Instance UID||2.25.138193176934957832533324243570601614909||||||O`,
	`OBX|3|CWE|111413^Overall Assessment^DCM|0|CC120^Discrepancies flagged^99CONCORD|||A|||R`,
	`OBX|4|CWE|CC003^Statement supported by images^99CONCORD|3|373067005^No^SCT^N^No^HL70136|||A|||R|||20261123141500+0000|||VLM^concord-vlm 2026.11^99CONCORD|CONCORD1^^2.25.742^ISO|20261124060930+0000`,
	`OBX|5|NM|111012^Certainty of Finding^DCM|3|87|%^percent^UCUM|||||R`,
	`OBX|6|TX|CC001^Report statement^99CONCORD|3|Right-sided pleural effusion.||||||R`,
	`OBX|7|ST|CC009^Report segment locator^99CONCORD|3|RIS0001/OBR1/OBX4/120-149||||||R`,
	`OBX|8|CWE|CC007^Flag severity^99CONCORD|3|CC111^Warning^99CONCORD||||||R`,
	`OBX|9|ST|CC004^Rule identifier^99CONCORD|3|VLM-SUPPORT||||||R`,
	`NTE|1|L|Effusion seen on the left only. Automated check, not for diagnosis, not verified by a human.`,
}

func mustORU(t *testing.T, r Result) []byte {
	t.Helper()
	raw, err := ORU(r)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestORU(t *testing.T) {
	got := mustORU(t, exampleResult())
	if want := strings.Join(exampleORU, "\r") + "\r"; string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", strings.ReplaceAll(string(got), "\r", "\n"), strings.ReplaceAll(want, "\r", "\n"))
	}
	if again := mustORU(t, exampleResult()); !bytes.Equal(got, again) {
		t.Error("the same result gave other bytes")
	}
}

// TestORUAgainstExample compares every field of every segment with the example file.
func TestORUAgainstExample(t *testing.T) {
	want, err := Parse(readFile(t, sharedFiles(t, "examples/example_oru.hl7")[0]), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(mustORU(t, exampleResult()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.All()) != len(want.All()) {
		t.Fatalf("%d segments, want %d", len(got.All()), len(want.All()))
	}
	for i, s := range want.All() {
		for n := 1; n < 50; n++ {
			if g := got.All()[i].Field(n).Raw(); g != s.Field(n).Raw() {
				t.Errorf("segment %d %s-%d is %q, want %q", i+1, s.Name(), n, g, s.Field(n).Raw())
			}
		}
	}
}

func TestORUVersions(t *testing.T) {
	for version, want := range map[string]struct{ kind, coded string }{
		"2.5.1": {"ORU^R01^ORU_R01", "CWE"}, "2.4": {"ORU^R01^ORU_R01", "CE"}, "2.3.1": {"ORU^R01", "CE"},
	} {
		r := exampleResult()
		r.Version = version
		m, err := Parse(mustORU(t, r), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if m.Get("MSH-9") != want.kind || m.Version() != version || m.Get("OBX[3]-2") != want.coded {
			t.Errorf("%s: MSH-9 %s, OBX-2 %s", version, m.Get("MSH-9"), m.Get("OBX[3]-2"))
		}
		equipment, method := m.Get("OBX[4]-18"), m.Get("OBX[4]-17.1")
		if method != "VLM" || (equipment != "") != (version == "2.5.1") {
			t.Errorf("%s: OBX-17 %q, OBX-18 %q", version, method, equipment)
		}
	}
}

func TestORUVerdicts(t *testing.T) {
	for _, c := range []struct {
		verdict  string
		critical bool
		status   string
		code     string
		abnormal string
		obx11    string
	}{
		{VerdictYes, false, "", "373066001", "N", "R"},
		{VerdictNo, false, "P", "373067005", "A", "P"},
		{VerdictNo, true, "", "373067005", "AA", "R"},
		{VerdictMaybe, true, "", "373068000", "", "R"},
		{VerdictNotJudged, false, "", "", "", "X"},
		{VerdictNo, false, "D", "373067005", "A", "D"},
	} {
		r := exampleResult()
		r.Status = c.status
		r.Findings[0].Verdict, r.Findings[0].Critical = c.verdict, c.critical
		m, err := Parse(mustORU(t, r), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if code, abnormal, status := m.Get("OBX[4]-5.1"), m.Get("OBX[4]-8"), m.Get("OBX[4]-11"); code != c.code || abnormal != c.abnormal || status != c.obx11 {
			t.Errorf("%+v: OBX-5 %q OBX-8 %q OBX-11 %q", c, code, abnormal, status)
		}
	}
}

// TestORUText sends text that is made of delimiters, line breaks and Chinese.
func TestORUText(t *testing.T) {
	const statement = "右肺 a|b^c&d~e\\f\x0b，珅琝東𬱖\n次行"
	for _, charset := range []string{"", "GB18030"} {
		r := exampleResult()
		r.Charset = charset
		r.Findings[0].Statement = statement
		r.Findings[0].Comment = "一\n二"
		r.Patient.Name = "張^珅^^教授^Jr"
		raw := mustORU(t, r)
		m, err := Parse(raw, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Segments("OBX"); got == nil || m.Get("OBX[6]-5") != "右肺 a|b^c&d~e\\f\x0b，珅琝東𬱖" || m.Get("OBX[6]-5[2]") != "次行" {
			t.Errorf("%q: statement came back as %q", charset, m.Get("OBX[6]-5"))
		}
		if m.Get("NTE-3") != "一\n二" {
			t.Errorf("%q: note came back as %q", charset, m.Get("NTE-3"))
		}
		if m.Get("PID-5") != "張^珅^^Jr^教授" {
			t.Errorf("%q: name is %q", charset, m.Get("PID-5"))
		}
		if bytes.ContainsAny(raw, "\x0b\x1c\n") {
			t.Errorf("%q: a framing byte or a line feed is in the message", charset)
		}
		if charset != "" && m.Charset() != "GB 18030-2000" {
			t.Errorf("MSH-18 is %s", m.Charset())
		}
	}
}

// TestORULayouts sends a flag between two findings that are none: as one OBX of its own,
// and as a part of one text.
func TestORULayouts(t *testing.T) {
	r := exampleResult()
	r.Note = "3 statements & 1 flag."
	r.Findings[0].Comment = "第3段与图像2不符。\nSee | check."
	supported := Finding{Group: 1, Verdict: VerdictYes, Statement: "Normal heart."}
	r.Findings = []Finding{supported, r.Findings[0], supported}
	for layout, want := range map[string][]string{
		LayoutFlags: {"ST 113014  1.2.826.0.1.3680043.8.498.1.1  O", "ST   2.25.138193176934957832533324243570601614909  O",
			"CWE 111413 0 CC120^Discrepancies flagged^99CONCORD A R", "TX 121106 3 第3段与图像2不符。~See | check. A R"},
		LayoutText: {"FT 121111 0 3 statements & 1 flag.\n- 第3段与图像2不符。\nSee | check. A R"},
	} {
		r.Layout = layout
		m, err := Parse(mustORU(t, r), Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for s := range m.Segments("OBX") {
			got = append(got, strings.Join([]string{s.Field(2).String(), s.Field(3).Component(1).String(), s.Field(4).String(),
				s.Field(5).String(), s.Field(8).String(), s.Field(11).String()}, " "))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", layout, got, want)
		}
	}
}

func TestORURefuses(t *testing.T) {
	for want, change := range map[string]func(*Result){
		"2.5.1, 2.4 or 2.3.1": func(r *Result) { r.Version = "2.9" },
		"MSH-10 takes":        func(r *Result) { r.ControlID = "" },
		"cannot be used":      func(r *Result) { r.Charset = "UTF-16" },
		"is not coded, flags": func(r *Result) { r.Layout = "rows" },
		"is not yes, no":      func(r *Result) { r.Findings[0].Verdict = "perhaps" },
	} {
		r := exampleResult()
		change(&r)
		if _, err := ORU(r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
