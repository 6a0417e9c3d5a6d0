package hl7

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sharedFiles are the files of a folder beside the repository; the test is skipped where
// it is absent.
func sharedFiles(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "shared", pattern))
	if err != nil || len(files) == 0 {
		t.Skip("no ../shared data beside the repository: " + pattern)
	}
	return files
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// refused are the files that hold no readable message, with a part of the reason.
var refused = map[string]string{
	"cosyte__malformed_no-msh-segment.hl7": "does not start with an MSH",
	"nHapi__so.hl7":                        "different punctuation marks",
	"scout__20190106.log":                  "does not start with an MSH",
	"scout__20240102.log":                  "does not start with an MSH",
	"INDEX.tsv":                            "does not start with an MSH",
}

func TestRealFiles(t *testing.T) {
	for _, file := range sharedFiles(t, "data/hl7/*") {
		name := filepath.Base(file)
		raw := readFile(t, file)
		messages := slices.Collect(Split(raw))
		for i, one := range messages {
			m, err := Parse(one, Options{})
			if err != nil {
				checkRefusal(t, name, one, err)
				continue
			}
			if refused[name] != "" {
				t.Errorf("%s: read, though it should be refused: %s", name, refused[name])
			}
			code, event := m.Type()
			reports, err := Reports(m, Mapping{})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s[%d] %s^%s %q %s segments=%d reports=%d", name, i, code, event, m.Version(), m.Charset(), len(m.All()), len(reports))
			checkNothingLost(t, name, m, reports)
			for _, r := range reports {
				checkReport(t, name, r)
				t.Logf("    accession=%s filler=%s uids=%v modality=%s status=%s patient-ids=%d blocks=%s notchecked=%v further=%d author=%t",
					r.Accession, r.Filler, r.StudyUIDs, r.Modality, r.Status, len(r.Patient.IDs), outline(r.Blocks), r.NotChecked, len(r.Further), r.Author.Name != "")
			}
			checkAck(t, name, m)
		}
	}
}

func outline(blocks []Block) string {
	var parts []string
	for _, b := range blocks {
		parts = append(parts, b.Section+"/"+b.Label)
	}
	return strings.Join(parts, ",")
}

func checkRefusal(t *testing.T, name string, raw []byte, err error) {
	t.Helper()
	t.Logf("%s refused: %v", name, err)
	want := refused[name]
	if name == "scout__20250814.log" {
		want = "configure this peer's character set"
	}
	if want == "" || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: refused: %v", name, err)
	}
	answer, ackErr := ParseAck(Nack(raw, err.Error(), *err.(*Error)))
	if ackErr != nil || answer.Code != AE || answer.ErrorCode == 0 {
		t.Errorf("%s: the refusal's ack reads back as %+v, %v", name, answer, ackErr)
	}
}

func checkReport(t *testing.T, name string, r Report) {
	t.Helper()
	if len(r.Blocks) == 0 && len(r.NotChecked) == 0 && !withdraws(r.Status) {
		t.Errorf("%s: a report that says nothing", name)
	}
	for _, b := range r.Blocks {
		if strings.TrimSpace(b.Text) == "" || len(b.Lines) != strings.Count(b.Text, "\n")+1 {
			t.Errorf("%s: block with %d lines mapped for %d", name, len(b.Lines), strings.Count(b.Text, "\n")+1)
		}
	}
}

func checkAck(t *testing.T, name string, m *Message) {
	t.Helper()
	raw := m.Ack(AA, "")
	answer, err := ParseAck(raw)
	if err != nil || answer.Code != AA || answer.ControlID != m.ControlID() || !bytes.HasSuffix(raw, []byte("\r")) {
		t.Errorf("%s: ack reads back as %+v, %v", name, answer, err)
	}
}

// checkNothingLost holds that each line of text in a message with a report is in one of
// its blocks, and that the radiology samples give their accession and study UID.
func checkNothingLost(t *testing.T, name string, m *Message, reports []Report) {
	t.Helper()
	var all strings.Builder
	for _, r := range reports {
		for _, b := range r.Blocks {
			all.WriteString(b.Text + "\n")
		}
	}
	for s := range m.Segments("OBX") {
		kind := s.Field(2).Raw()
		if len(reports) == 0 || kind != "TX" && kind != "FT" && !(kind == "ST" && strings.Contains(s.Field(3).Raw(), "&")) {
			continue
		}
		for v := range s.Field(5).Repetitions() {
			if line := strings.TrimSpace(v.String()); line != "" && !strings.Contains(all.String(), line) {
				t.Errorf("%s: a line of OBX %s is in no block", name, s.Field(1).Raw())
			}
		}
	}
	if !strings.HasSuffix(name, ".hl7") || !strings.HasPrefix(name, "scout") || m.Segment("OBX").Name() == "" {
		return
	}
	if len(reports) != 1 || reports[0].Accession != m.Get("OBR-3.1") || reports[0].Status == "" || reports[0].Author == (Person{}) {
		t.Errorf("%s: %d reports, %+v", name, len(reports), reports)
	} else if m.Segment("ZDS").Name() != "" && len(reports[0].StudyUIDs) != 1 {
		t.Errorf("%s: study UIDs %v", name, reports[0].StudyUIDs)
	}
}

func TestRealNotices(t *testing.T) {
	for _, file := range sharedFiles(t, "data/hl7/*O[MR][MIG]*.hl7") {
		name := filepath.Base(file)
		m, err := Parse(slices.Collect(Split(readFile(t, file)))[0], Options{})
		if err != nil {
			t.Fatal(err)
		}
		notices, err := Notices(m, Mapping{})
		if err != nil || len(notices) == 0 || len(notices[0].Orders) == 0 {
			t.Errorf("%s: %+v, %v", name, notices, err)
			continue
		}
		for _, o := range notices[0].Orders {
			t.Logf("%s: %s accession=%s uids=%v modality=%s procedure=%s", name, o.Control, o.Accession, o.StudyUIDs, o.Modality, o.Procedure.Text)
		}
	}
}
