package report

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestDbg(t *testing.T) {
	ids := os.Getenv("ID")
	if ids == "" {
		t.Skip()
	}
	for _, b := range append(realEnglish(t), realChinese(t)...) {
		if !strings.Contains(ids, b.id) {
			continue
		}
		r := Read(b.blocks)
		for i := range r.Statements {
			d := &r.details[i]
			for _, l := range d.lesions() {
				o := "-"
				if l.organ != nil {
					o = l.organ.english
				}
				fmt.Println(b.id, r.Statements[i].Section, r.Statements[i].N, "|", l.finding.english, "|", o, "|", l.side, l.denied, l.region())
			}
		}
	}
}
