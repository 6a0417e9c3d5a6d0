package hl7

import (
	"runtime"
	"strings"
	"testing"
)

// TestHostile has messages of 4 MB that are made to multiply; reading one, and answering
// it, takes memory in proportion.
func TestHostile(t *testing.T) {
	const size = 4 << 20
	head := `MSH|^~\&|A|B|C|D|20260101||ORU^R01|1|P|2.5` + "\r"
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for name, raw := range map[string]string{
		"fields in MSH":          `MSH|^~\&|A|B|C|D|20260101||ORU^R01|1|P|2.5` + fill("|") + "\xff",
		"a long sender":          `MSH|^~\&|` + fill("x") + "|B|C|D|20260101||ORU^R01|1|P|2.5\r",
		"segments":               head + fill("Z01|\r"),
		"orders":                 head + "PID|1||7\r" + fill("OBR|1\rOBX|1|TX|||a\r"),
		"orders and notes":       head + strings.Repeat("NTE|1\r", 90000) + strings.Repeat("OBR|1||F\rOBX|1|TX|||a\r", 990) + strings.Repeat("NTE|1\r", 90000),
		"a patient of megabytes": head + "PID|1||7||" + fill("n") + "\r" + strings.Repeat("OBR|1||F\rOBX|1|TX|||a\r", 900),
		"patient IDs":            head + "PID|1||" + fill("1~") + "\rOBR|1\rOBX|1|TX|||a\r",
		"study UIDs":             head + "OBR|1\r" + fill("OBX|1|ST|113014||1.2.3.4\r"),
		"lines":                  head + "OBR|1\rOBX|1|TX|||" + fill("a~") + "\r",
		"lines in many":          head + "OBR|1\r" + fill("OBX|1|TX|||"+strings.Repeat("a~", 1000)+"\r"),
		"vertical space":         head + "OBR|1\rOBX|1|TX|||x" + fill(`\.sp20\`) + "y\r",
		"escape characters":      head + "OBR|1\rOBX|1|TX|||" + fill(`\`) + "\r",
		"hexadecimal":            head + "OBR|1\rOBX|1|TX|||" + fill(`\X41\`) + "\r",
		"CDA without end":        head + "OBR|1\rOBX|1|ED|||^text^xml^A^<ClinicalDocument>" + strings.Repeat("<section>", 100000) + "\r",
		"components":             head + "OBR|1|" + fill("^") + "\rOBX|1|TX|||a\r",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m, err := Parse([]byte(raw), Options{})
		if err == nil {
			if found, _ := Reports(m, Mapping{}); len(found) > maxOrders {
				t.Errorf("%s: %d reports", name, len(found))
			}
			if ack := m.Ack(AA, ""); len(ack) > 20*maxEcho {
				t.Errorf("%s: the ack has %d bytes", name, len(ack))
			}
		} else {
			Nack([]byte(raw), err.Error())
		}
		runtime.ReadMemStats(&after)
		if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 25*size>>20 {
			t.Errorf("%s: %d MB were allocated for a message of %d", name, used, size>>20)
		} else {
			t.Logf("%s: %d MB, %v", name, used, err)
		}
	}
}
