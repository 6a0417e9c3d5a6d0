package hl7

import (
	"fmt"
	"strings"
	"testing"
)

func TestNotices(t *testing.T) {
	for name, c := range map[string]struct {
		kind     string
		segments []string
		want     string // per notice: patient, merged IDs, orders as control:accession:study UIDs
	}{
		"new order":      {"ORM^O01", []string{"PID|1||P^^^H^MR", "ORC|NW|PL1||||SC", "OBR|1|PL1|F1|CT||||||||||||||A1", "ZDS|1.2.3.4^^Application^DICOM"}, "P [] [NW:A1:[1.2.3.4]]"},
		"imaging order":  {"OMI^O23", []string{"PID|1||P", "ORC|NW", "OBR|1", "IPC|A1|RP1|1.2.3.4|SP|CT", "ORC|CA", "OBR|2", "IPC|A2|RP2|1.2.3.5"}, "P [] [NW:A1:[1.2.3.4] CA:A2:[1.2.3.5]]"},
		"update":         {"ADT^A08", []string{"EVN|A08", "PID|1||P^^^H^MR"}, "P [] []"},
		"merge":          {"ADT^A40", []string{"PID|1||P^^^H^MR", "MRG|Q^^^H^MR~R^^^H^PI"}, "P [Q R] []"},
		"two merges":     {"ADT^A40", []string{"PID|1||P", "MRG|Q", "PID|2||S", "MRG|T"}, "P [Q] []; S [T] []"},
		"a report":       {"ORU^R01", []string{"PID|1||P", "OBR|1||F1", "OBX|1|TX|||x"}, ""},
		"MRG before PID": {"ADT^A40", []string{"MRG|Q"}, ""},
	} {
		m := parse(t, strings.Replace(msg(c.segments...), "ORU^R01", c.kind, 1))
		notices, err := Notices(m, Mapping{})
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for _, n := range notices {
			var merged, orders []string
			for _, id := range n.Merged {
				merged = append(merged, id.Value)
			}
			for _, o := range n.Orders {
				orders = append(orders, fmt.Sprintf("%s:%s:%v", o.Control, o.Accession, o.StudyUIDs))
			}
			parts = append(parts, fmt.Sprintf("%s %v %v", n.Patient.ID, merged, orders))
		}
		if got := strings.Join(parts, "; "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if _, err := Notices(parse(t, msg()), Mapping{Modality: []string{"x"}}); err == nil {
		t.Error("a bad mapping was taken")
	}
}

func TestExplain(t *testing.T) {
	m := parse(t, msg("PID|1||9^^^GOV^SS~7^^^HOSP^MR", "OBR|1|PL1|0042|||||||||||||||CHEST||||||CT|Wet Read", "OBX|1|TX|&IMP||Normal.", "OBX|2|ED|||^AP^PDF^Base64^AA"))
	said, err := Explain(m, Mapping{AccessionStrip: Strip{LeadingZeros: true}})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range said {
		all = append(all, fmt.Sprintf("%s <%s> %s (%s)", e.Item, e.Path, e.Value, e.Note))
	}
	for _, want := range []string{
		"character set <MSH-18>  (read as ASCII)",
		"patient ID <PID-3[1]> 9 (authority GOV, type SS: another fits better",
		"patient ID <PID-3[2]> 7 (authority HOSP, type MR: taken",
		"OBR 1: accession <OBR-18> CHEST (passed over: it has no digit)",
		"OBR 1: accession <OBR-3> 0042 (taken as 42)",
		"OBR 1: accession <OBR-20>  (empty)",
		"OBR 1: status <OBR-25> Wet Read (letter 'P')",
		"report 1: text <OBR 1, OBX 1-1> Normal. (section impression, from &IMP)",
		"report 1: not checked <>  (OBX 2: a document of type ap/pdf",
	} {
		if !strings.Contains(strings.Join(all, "\n"), want) {
			t.Errorf("not said: %s\n%s", want, strings.Join(all, "\n"))
		}
	}
	other, err := Explain(parse(t, strings.Replace(msg("PID|1||A~B"), "ORU^R01", "ADT^A08", 1)), Mapping{})
	if text := fmt.Sprint(other); err != nil || !strings.Contains(text, "set patient_authorities") || !strings.Contains(text, "only ORU and MDM") {
		t.Errorf("%v, %v", text, err)
	}
}
