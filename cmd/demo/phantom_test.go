package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Phantoms of every kind go from `concord phantom` by C-STORE and MLLP through a node: a report that is at odds with itself or
// the headers is flagged for that, in either language, and a right one is not.
func TestPhantomsThroughANode(t *testing.T) {
	n := testNode(t, "study.quiet=100ms")
	dir := filepath.Join(t.TempDir(), "phantoms")
	concord := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(concordBinary, args...).CombinedOutput(); err != nil {
			t.Fatalf("concord %s: %v\n%s", args[0], err, out)
		}
	}
	concord("phantom", "--out", dir, "-n", "6", "--seed", "21")
	studies, err := filepath.Glob(filepath.Join(dir, "*", "truth.json"))
	if err != nil || len(studies) != 6 {
		t.Fatalf("%d studies, %v", len(studies), err)
	}
	codes := map[string]string{"modality": "CC103", "sex": "CC104", "impression": "CC101"}
	for i, path := range studies {
		name := []string{"right-en", "inconsistent-zh", "right-zh", "inconsistent-en"}[i%4]
		truth, fault := readTruth(t, path, name)
		objects, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.dcm"))
		if err != nil {
			t.Fatal(err)
		}
		concord(append([]string{"send", "CONCORD@" + n.dicom}, objects...)...)
		concord("hl7-send", n.hl7, filepath.Join(filepath.Dir(path), name+".hl7"))
		c := caseOf(t, n, truth.Accession, "done")
		var flagged []string
		for _, f := range c.Flags {
			if f.Rule != "VLM-SUPPORT" {
				flagged = append(flagged, f.Code)
			}
		}
		if want := codes[fault]; want == "" && len(flagged) > 0 || want != "" && !slices.Contains(flagged, want) {
			t.Errorf("%s, %s (%s): flags %v; want %q", filepath.Base(filepath.Dir(path)), name, fault, flagged, want)
		}
		if len(c.Statements) != len(truth.Reports[0].Statements) && strings.HasPrefix(name, "right") {
			t.Errorf("%s, %s: %d statements; want %d", filepath.Base(filepath.Dir(path)), name, len(c.Statements), len(truth.Reports[0].Statements))
		}
	}
}

type phantomTruth struct {
	Accession string
	Reports   []struct {
		Name, Language, Fault string
		Statements            []struct{ Text string }
	}
}

// readTruth reads what was planted, and the fault of the report name-language.
func readTruth(t *testing.T, path, report string) (truth phantomTruth, fault string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &truth); err != nil {
		t.Fatal(err)
	}
	for _, r := range truth.Reports {
		if r.Name+"-"+r.Language == report {
			return truth, r.Fault
		}
	}
	t.Fatalf("%s has no report %s", path, report)
	return truth, ""
}
