package hl7

import (
	"reflect"
	"testing"
)

func TestOpinions(t *testing.T) {
	for name, c := range map[string]struct {
		message string
		want    []Opinion
	}{
		"two statements": {"MSH|^~\\&|RIS|H|CONCORD|H|2026||ORU^R01|1|P|2.5.1\rPID|1||P1\rOBR|1|PL-1|FI-1.CC^CONCORD|CCCHK^^99CONCORD\r" +
			"OBX|1|CWE|CC005^Feedback^99CONCORD|3|wrong^Wrong^99CONCORD||||||F|||||7^Reader^Ruth\r" +
			"OBX|2|ST|CC005|4|Right||||||F\r",
			[]Opinion{{"RIS", "H", "FI-1", 3, "wrong", Person{"7", "Reader^Ruth"}}, {"RIS", "H", "FI-1", 4, "right", Person{}}}},
		"the order in ORC": {"MSH|^~\\&|RIS|H|CONCORD|H|2026||ORU^R01|1|P|2.5.1\rORC|RE|PL-1|FI-2.CC\rOBR|1\rOBX|1|ST|CC005||not_sure||||||F\r",
			[]Opinion{{"RIS", "H", "FI-2", 0, "not_sure", Person{}}}},
		"a report": {"MSH|^~\\&|RIS|H|CONCORD|H|2026||ORU^R01|1|P|2.5.1\rOBR|1||FI-1\rOBX|1|TX|&GDT||right||||||F\r", nil},
		"no ORU":   {"MSH|^~\\&|RIS|H|CONCORD|H|2026||ADT^A08|1|P|2.5.1\rPID|1||P1\rOBX|1|ST|CC005||right||||||F\r", nil},
		"not a number": {"MSH|^~\\&|RIS|H|CONCORD|H|2026||ORU^R01|1|P|2.5.1\rOBR|1||FI-1\rOBX|1|ST|CC005|x|right||||||F\r",
			[]Opinion{{"RIS", "H", "FI-1", 0, "right", Person{}}}},
	} {
		m, err := Parse([]byte(c.message), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := Opinions(m); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v; want %+v", name, got, c.want)
		}
	}
}

// Concord's own results are no reports, should somebody send them back.
func TestOwnResultIsNoReport(t *testing.T) {
	raw, err := ORU(Result{ControlID: "CC1", Filler: "FI-1", StudyUID: "1.2", Findings: []Finding{{Group: 1, Verdict: VerdictNo,
		Statement: "Right pleural effusion."}}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(raw, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if reports, err := Reports(m, Mapping{}); err != nil || len(reports) != 0 {
		t.Errorf("got %d reports, %v", len(reports), err)
	}
}
