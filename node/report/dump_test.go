package report

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestDump(t *testing.T) {
	f := os.Getenv("DUMP")
	if f == "" {
		t.Skip()
	}
	raw, _ := os.ReadFile(f)
	for _, l := range strings.Split(string(raw), "\n") {
		c := strings.Split(l, "\t")
		want := os.Getenv("ID")
		if len(c) < 6 || want != "" && !strings.Contains(want, c[0]) || c[0] == "id" {
			continue
		}
		var blocks []Block
		if strings.Contains(f, "zh.tsv") {
			blocks = []Block{{"findings", strings.ReplaceAll(c[4], `\n`, "\n")}, {"impression", strings.ReplaceAll(c[5], `\n`, "\n")}}
		} else {
			blocks = []Block{{"", strings.ReplaceAll(c[5], `\n`, "\n")}}
		}
		r := Read(blocks)
		fmt.Println("=====", c[0], c[1], c[3], r.Language)
		for _, s := range r.Statements {
			fl := ""
			for _, x := range []struct {
				b bool
				s string
			}{{s.Negated, "NEG"}, {s.Uncertain, "unc"}, {s.Historical, "hist"}, {s.Comparison, "prior"}, {s.Recommendation, "rec"}, {s.Vague, "vague"}} {
				if x.b {
					fl += x.s + " "
				}
			}
			fmt.Printf("%3d p%d %-10s [%s] skip=%q %s\n      => %s | %s\n", s.N, s.Paragraph, s.Section, strings.ReplaceAll(s.Text, "\n", "⏎"), s.Skip, fl, s.Short, s.English)
		}
	}
}
