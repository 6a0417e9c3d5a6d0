package hl7

import (
	"fmt"
	"testing"
)

// oneKilobyte is a report of about that size, as lines of a vendor's shape.
func oneKilobyte() []byte {
	segments := []string{
		"PID|1||4711^^^HOSP^MR||DOE^JANE||19610203|F", "PV1|1|O||||||5^REF^ERRER", "ORC|RE|PL1^RIS|FI1^RIS",
		"OBR|1|PL1^RIS|FI1^RIS|CTCH^CT CHEST^L|||20260102030405|||||||||||ACC1|RP1||||||CT|F|||||||7^LI^WEI",
	}
	for i := 1; i <= 10; i++ {
		segments = append(segments, fmt.Sprintf("OBX|%d|TX|&GDT^FINDINGS||The lungs are clear and the heart is of normal size.||||||F", i))
	}
	return []byte(msg(append(segments, `OBX|11|TX|&IMP||No acute disease \T\ no effusion.||||||F`)...))
}

func BenchmarkParse(b *testing.B) {
	raw := oneKilobyte()
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(raw, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseAndReports(b *testing.B) {
	raw := oneKilobyte()
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		m, err := Parse(raw, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if found, err := Reports(m, Mapping{}); err != nil || len(found) != 1 {
			b.Fatal(found, err)
		}
	}
}

func BenchmarkAck(b *testing.B) {
	m := parse(b, string(oneKilobyte()))
	b.ReportAllocs()
	for b.Loop() {
		m.Ack(AA, "")
	}
}

func BenchmarkORU(b *testing.B) {
	r := exampleResult()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ORU(r); err != nil {
			b.Fatal(err)
		}
	}
}
