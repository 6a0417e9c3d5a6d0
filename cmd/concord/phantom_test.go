package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"concord/dicom"
	"concord/dicom/phantom"
	"concord/hl7"
	"concord/node"
)

// What phantom writes reads back: its messages as reports of its studies, its pairs as eval's.
func TestPhantomWritesWhatOthersRead(t *testing.T) {
	out := filepath.Join(t.TempDir(), "phantoms")
	if err := (phantomCommand{Out: out, Number: 2, Seed: 9}).Run(); err != nil {
		t.Fatal(err)
	}
	pairs, err := readPairs(filepath.Join(out, "pairs.tsv"))
	if err != nil || len(pairs) < 14 {
		t.Fatalf("%d pairs, %v", len(pairs), err)
	}
	for _, p := range pairs {
		if _, err := os.Stat(p.Picture); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
	var truth struct {
		Accession string `json:"accession"`
		UID       string `json:"study_uid"`
	}
	text, err := os.ReadFile(filepath.Join(out, "0001-chest", "truth.json"))
	if err != nil || json.Unmarshal(text, &truth) != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"right-en", "wrong-zh"} {
		reports, err := readReports(filepath.Join(out, "0001-chest", name+".hl7"), "", hl7.Mapping{})
		if err != nil || len(reports) != 1 {
			t.Fatalf("%s: %d reports, %v", name, len(reports), err)
		}
		r := reports[0]
		if r.Accession != truth.Accession || len(r.StudyUIDs) != 1 || r.StudyUIDs[0] != truth.UID {
			t.Errorf("%s: accession %q, study %v; want %+v", name, r.Accession, r.StudyUIDs, truth)
		}
		if plain, err := os.ReadFile(filepath.Join(out, "0001-chest", name+".txt")); err != nil || strings.Count(string(plain), "\n") < 10 {
			t.Errorf("%s.txt: %v\n%s", name, err, plain)
		}
	}
}

func TestPhantomKeepsWhatIsThere(t *testing.T) {
	if err := (phantomCommand{Out: t.TempDir() + "/..", Number: 1}).Run(); err == nil {
		t.Error("a folder with files in it must be refused")
	}
}

// The rules flag each report that is at odds with itself or its headers, under the slip's own code, and none of the others,
// which only a picture could refute.
func TestRulesJudgePhantomReports(t *testing.T) {
	codes := map[string]string{"": "", "side": "", "denied": "", "invented": "", "modality": "CC103", "sex": "CC104", "impression": "CC101"}
	faults := map[string]int{}
	for number := 1; number <= 3*len(phantom.Kinds); number++ {
		s := phantom.Make(13, number)
		objects := objectsOf(t, s)
		for _, r := range s.Reports {
			faults[r.Fault]++
			code, flags := codes[r.Fault], judgePhantom(t, s, r, objects).Flags
			if code == "" && len(flags) > 0 || code != "" && !strings.Contains(fmt.Sprint(flags), code) {
				t.Errorf("study %d, %s, %s report in %s (%s): %+v; want %q", number, s.Kind, r.Name, r.Language, r.Fault, flags, code)
			}
		}
	}
	for fault := range codes {
		if faults[fault] < 2 {
			t.Errorf("only %d reports with the fault %q", faults[fault], fault)
		}
	}
}

// objectsOf is what a node knows of a study's objects, without their pixels.
func objectsOf(t *testing.T, s *phantom.Study) (objects []node.Object) {
	t.Helper()
	for _, object := range s.Objects {
		scanned, err := dicom.Scan(bytes.NewReader(object.Bytes), int64(len(object.Bytes)))
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, *node.ObjectOf(scanned, int64(len(object.Bytes)), ""))
	}
	return objects
}

// judgePhantom reads the report from its message and judges it by the rules alone.
func judgePhantom(t *testing.T, s *phantom.Study, r phantom.Report, objects []node.Object) *node.Judgement {
	t.Helper()
	message, err := hl7.Parse(messageOf(s, r), hl7.Options{})
	if err != nil {
		t.Fatal(err)
	}
	reports, err := hl7.Reports(message, hl7.Mapping{})
	if err != nil || len(reports) != 1 {
		t.Fatalf("%d reports, %v", len(reports), err)
	}
	judgement, err := new(node.Judge).Judge(t.Context(), &reports[0], objects)
	if err != nil {
		t.Fatal(err)
	}
	return judgement
}
