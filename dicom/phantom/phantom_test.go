package phantom

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"concord/dicom"
)

// Every kind makes objects that read back as what they are, with findings inside their pictures.
func TestStudiesReadBack(t *testing.T) {
	found := map[string]bool{}
	for number := 1; number <= 2*len(Kinds); number++ {
		s := Make(7, number)
		for _, object := range s.Objects {
			o, err := dicom.Scan(bytes.NewReader(object.Bytes), int64(len(object.Bytes)))
			if err != nil {
				t.Fatalf("study %d, %s: %v", number, s.Kind, err)
			}
			if got := o.String(dicom.SOPInstanceUID); got != object.SOPInstanceUID || o.PixelData == nil {
				t.Errorf("study %d: SOP Instance UID %s; want %s, with pixels", number, got, object.SOPInstanceUID)
			}
		}
		for _, f := range s.Findings {
			found[s.Kind+" "+f.Name] = true
			if f.Object >= len(s.Objects) || f.X <= 0 || f.Y <= 0 || f.X > 900 || f.Y > 900 || f.Radius < 3 {
				t.Errorf("study %d, %s: %+v", number, s.Kind, f)
			}
		}
	}
	if len(found) < 5 {
		t.Errorf("only %v were planted", found)
	}
}

func TestTheSeedDecides(t *testing.T) {
	for _, number := range []int{1, 4} {
		a, b, other := Make(3, number), Make(3, number), Make(4, number)
		if !bytes.Equal(a.Objects[0].Bytes, b.Objects[0].Bytes) || bytes.Equal(a.Objects[0].Bytes, other.Objects[0].Bytes) {
			t.Errorf("%s: a seed must decide the picture", a.Kind)
		}
		if a.UID != b.UID || a.UID == other.UID {
			t.Errorf("%s: a seed must decide the study", a.Kind)
		}
	}
}

// The patient's right is at the left of a radiograph.
func TestFindingsAreOnTheirSide(t *testing.T) {
	checked := 0
	for number := 1; number <= 23*len(Kinds); number += len(Kinds) {
		for _, f := range Make(11, number).Findings {
			checked++
			if right := f.X < 768/2; right != (f.Side == "right") {
				t.Errorf("study %d: %+v is on the other side of the picture", number, f)
			}
		}
	}
	if checked < 5 {
		t.Errorf("%d findings checked", checked)
	}
}

// eachScene goes through every kind with nothing, one thing and two things found.
func eachScene(check func(k kind, s *Study)) {
	for _, name := range Kinds {
		k := kinds[name]
		for i := range len(k.vocabulary) + 1 {
			for j := range i + 1 {
				s := &Study{Kind: name, Patient: Patient{Sex: []string{"M", "F"}[(i+j)%2]}}
				for _, at := range []int{i, j}[:min(i, 1)+min(j, 1)] {
					f := Finding{Name: k.vocabulary[at-1].name, Zone: "lower"}
					if k.vocabulary[at-1].sided {
						f.Side = []string{"left", "right"}[at%2]
					}
					if find(s.Findings, f.Name) == nil {
						s.Findings = append(s.Findings, f)
					}
				}
				check(k, s)
			}
		}
	}
}

// Right reports hold true statements only; each slip makes exactly what is said of its finding false; sections come in order,
// each at least once; no place is left unsaid.
func TestReportsKnowTheirTruth(t *testing.T) {
	check := func(s *Study, r Report, about string) {
		order, last := []string{Technique, Findings, Impression}, 0
		wrong := map[string]bool{}
		for _, statement := range r.Statements {
			if strings.ContainsAny(statement.Text, "{}") || statement.Text == "" || !utf8.ValidString(statement.Text) {
				t.Errorf("%s, %s: %q", s.Kind, r.Name, statement.Text)
			}
			at := slices.Index(order, statement.Section)
			if at < last || at > last+1 {
				t.Errorf("%s, %s: %s comes after %s", s.Kind, r.Name, statement.Section, order[last])
			}
			last = at
			if !statement.True && statement.About != "normal" {
				wrong[statement.About] = true
			}
		}
		if last != 2 || len(wrong) > 1 || (about != "") != wrong[about] || (r.Fault == "") != (about == "") {
			t.Errorf("%s, %v: %s report, fault %q, false about %v; want %q", s.Kind, s.Findings, r.Name, r.Fault, wrong, about)
		}
	}
	slips := map[string]int{}
	eachScene(func(k kind, s *Study) {
		for _, language := range []string{"en", "zh"} {
			check(s, rightReport(k, s.Findings, language), "")
			for _, slip := range k.pictureSlips(s.Findings) {
				slips[slip.kind]++
				check(s, wrongReport(k, s.Findings, language, slip), slip.about)
			}
			for _, slip := range k.wordSlips(s.Findings) {
				slips[slip.kind]++
				check(s, inconsistentReport(k, s, language, slip), slip.about)
			}
		}
	})
	for _, kind := range []string{"side", "denied", "invented", "modality", "sex", "impression"} {
		if slips[kind] < 20 {
			t.Errorf("only %d slips of the kind %s", slips[kind], kind)
		}
	}
}

// A study has a report of each name in each language, with the same slip.
func TestStudyHasItsReports(t *testing.T) {
	s := Make(5, 4)
	var names []string
	for i, r := range s.Reports {
		names = append(names, r.Name+"-"+r.Language)
		if other := s.Reports[(i+3)%len(s.Reports)]; r.Fault != other.Fault {
			t.Errorf("the fault of %s is %q in one language, %q in the other", r.Name, r.Fault, other.Fault)
		}
	}
	if got := strings.Join(names, " "); got != "right-en wrong-en inconsistent-en right-zh wrong-zh inconsistent-zh" {
		t.Errorf("reports %s", got)
	}
}

// dciodvfy knows the modules of every class.
func TestObjectsAreOfTheirClass(t *testing.T) {
	tool, err := exec.LookPath("dciodvfy")
	if err != nil {
		t.Skip("dciodvfy (Debian: dicom3tools) is not installed")
	}
	for number := 1; number <= len(Kinds); number++ {
		s := Make(1, number)
		file := filepath.Join(t.TempDir(), "object.dcm")
		if err := os.WriteFile(file, s.Objects[0].Bytes, 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := exec.Command(tool, file).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if strings.HasPrefix(line, "Error") {
				t.Errorf("%s: %s", s.Kind, line)
			}
		}
	}
}
