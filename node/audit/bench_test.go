package audit

import "testing"

// BenchmarkTransferred is what an event costs the one who records it: the XML
// and a write to the spool.
func BenchmarkTransferred(b *testing.B) {
	r := recorder(b)
	r.spool.limit = 1 << 40
	for b.Loop() {
		r.Transferred(pacs, patient, ct, Success)
	}
}

// BenchmarkIntake is what an object of an association costs.
func BenchmarkIntake(b *testing.B) {
	i := recorder(b).Intake(pacs)
	for b.Loop() {
		i.Add(patient, "1.2.3", "1.2.840.10008.5.1.4.1.1.2", false)
	}
}
