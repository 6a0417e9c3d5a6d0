package report

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestChineseMessages reads the Chinese ORU samples, two of which hold a planted slip.
func TestChineseMessages(t *testing.T) {
	planted := map[string]string{"zh02": "CC101", "zh04": "CC101"}
	files, _ := filepath.Glob(filepath.Join(sharedData(t, "hl7-zh"), "*-utf8.hl7"))
	if len(files) == 0 {
		t.Fatal("no messages")
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		id := filepath.Base(name)[:4]
		s := sample{id: id, facts: Facts{AgeYears: -1}}
		for seg := range strings.SplitSeq(string(raw), "\r") {
			f := strings.Split(seg, "|")
			s.segment(f)
			if f[0] == "OBX" {
				s.blocks[len(s.blocks)-1].Section = map[string]string{"TECH": "technique", "59776-5": "findings", "19005-8": "impression"}[strings.Split(f[3], "^")[0]]
				s.blocks[len(s.blocks)-1].Text = strings.ReplaceAll(strings.ReplaceAll(f[5], `\.br\`, "\n"), "~", "\n")
			}
		}
		var codes []string
		for _, f := range Check(Read(s.blocks), s.facts) {
			codes = append(codes, f.Code)
			t.Log(id, f)
		}
		if want := planted[id]; want == "" && len(codes) > 0 || want != "" && !slices.Contains(codes, want) {
			t.Errorf("%s: got %v, want %q", id, codes, want)
		}
	}
}
