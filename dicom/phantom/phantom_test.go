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
	for number := 1; number <= 3*len(Kinds); number++ {
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
	if len(found) < 8 {
		t.Errorf("only %v were planted", found)
	}
}

func TestTheSeedDecides(t *testing.T) {
	for number := 1; number <= len(Kinds); number++ {
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
	if checked < 8 {
		t.Errorf("%d findings checked", checked)
	}
}

// Right reports hold true statements only; the others one slip, of the same kind in both languages.
func TestReportsKnowTheirTruth(t *testing.T) {
	for number := 1; number <= 3*len(Kinds); number++ {
		s := Make(5, number)
		if len(s.Reports) != 6 {
			t.Fatalf("study %d: %+v", number, s.Reports)
		}
		for i, r := range s.Reports {
			slips := map[string]bool{}
			for _, statement := range r.Statements {
				if strings.ContainsAny(statement.Text, "{}") || statement.Text == "" || !utf8.ValidString(statement.Text) {
					t.Errorf("study %d: %q", number, statement.Text)
				}
				if !statement.True && statement.About != "normal" {
					slips[statement.About] = true
				}
			}
			if want := map[bool]int{true: 0, false: 1}[r.Name == "right"]; len(slips) != want || (r.Fault == "") != (want == 0) {
				t.Errorf("study %d, %s, fault %q: false about %v", number, r.Name, r.Fault, slips)
			}
			if r.Fault != s.Reports[(i+3)%6].Fault || r.Name != s.Reports[(i+3)%6].Name {
				t.Errorf("study %d: the languages have other reports: %+v", number, s.Reports)
			}
		}
	}
}

// Sections come in their order, each once, and a denial of all there was leaves an impression that is false.
func TestReportsAreInOrder(t *testing.T) {
	order := []string{Technique, Findings, Impression}
	for number := 1; number <= 2*len(Kinds); number++ {
		s := Make(6, number)
		for _, r := range s.Reports {
			last := 0
			for _, statement := range r.Statements {
				at := slices.Index(order, statement.Section)
				if at < last {
					t.Errorf("study %d, %s: %s comes after %s", number, r.Name, statement.Section, order[last])
				}
				last = at
				if statement.About == "normal" && statement.True != (len(s.Findings) == 0) {
					t.Errorf("study %d, %s: %+v with %d findings", number, r.Name, statement, len(s.Findings))
				}
			}
			if last != 2 {
				t.Errorf("study %d, %s: no impression", number, r.Name)
			}
		}
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
