package report

import (
	"strings"
	"testing"
)

func TestHeldOut(t *testing.T) {
	n, bad := 0, 0
	for _, row := range readTable(t, sharedData(t, "reports/en.tsv")) {
		if row[2] == "radiology" && row[1] != "EPS" && row[1] != "RTPLAN" || row[2] == "vendor-demo" {
			continue
		}
		m := map[string]string{"PATH": "SM", "EPS": "XA", "RTPLAN": "CT"}[row[1]]
		if m == "" {
			m = row[1]
		}
		b := []Block{{"", strings.ReplaceAll(row[5], `\n`, "\n")}}
		r := Read(b)
		n++
		out := Check(r, fittingFacts(r, m, row[3]))
		if len(out) > 0 {
			bad++
		}
		for _, f := range out {
			text := ""
			if f.Statement > 0 {
				text = r.Statements[f.Statement-1].Text
			}
			t.Logf("%s %s %s [%s]", row[0], f.Rule, f.Text, text)
		}
	}
	t.Logf("%d of %d", bad, n)
}
