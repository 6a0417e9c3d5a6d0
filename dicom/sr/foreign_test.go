package sr

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"concord/dicom"
)

// shared finds files beside the repository that are no part of it.
func shared(t *testing.T, pattern string) []string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join("../../../shared", pattern))
	if len(files) == 0 {
		t.Skipf("../shared/%s is not there", pattern)
	}
	return files
}

// TestExamples: the reports wanted come out of Decode and Encode as they are,
// but for the confidence that Encode adds to a comment and the Chinese meanings.
func TestExamples(t *testing.T) {
	additions := regexp.MustCompile(` (Confidence of the verdict: |判定置信度：)[\d.]+ %[.。]`)
	chineseMeaning := regexp.MustCompile(`([A-Za-z]) [一-龥]+"`)
	for _, file := range shared(t, "examples/*.dcm") {
		d := decoded(t, file)
		again := filepath.Join(t.TempDir(), "again.dcm")
		if err := os.WriteFile(again, mustEncode(t, d), 0o600); err != nil {
			t.Fatal(err)
		}
		got := additions.ReplaceAllString(dump(t, again, "+Pc"), "")
		got = chineseMeaning.ReplaceAllString(got, `$1"`)
		compareLines(t, filepath.Base(file), dump(t, file, "+Pc"), got)
		compareHeaders(t, filepath.Base(file), file, again)
	}
}

// compareHeaders compares all elements outside the content tree.
func compareHeaders(t *testing.T, name, wantFile, gotFile string) {
	t.Helper()
	// Lengths, delimiters and the UID of the creator are free.
	free := regexp.MustCompile(`(?m) *#.*$|\(Sequence with.*|\(Item with.*|^ *\(fffe,e0[0d]d\).*$|^\(0008,0014\).*$`)
	header := func(file string) string {
		stdout, _ := run(t, tool(t, "dcmdump"), "+U8", "+L", file)
		_, set, _ := strings.Cut(stdout, "# Dicom-Data-Set")
		set, _, _ = strings.Cut(set, "\n(0040,a730)")
		return free.ReplaceAllString(set, "")
	}
	compareLines(t, name+" header", header(wantFile), header(gotFile))
}

// TestForeign decodes every real object: a report comes back, anything else is
// refused.
func TestForeign(t *testing.T) {
	index, err := os.ReadFile(shared(t, "data/dicom/INDEX.tsv")[0])
	if err != nil {
		t.Fatal(err)
	}
	reports := 0
	for _, file := range shared(t, "data/dicom/*") {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Decode(b)
		if err != nil {
			continue
		}
		reports++
		t.Logf("%s: class %s, %d images, %d groups", filepath.Base(file), d.SOPClassUID, len(d.Images), len(d.Groups))
		if !dicom.ValidUID(d.SOPInstanceUID) {
			t.Errorf("%s: SOP Instance UID %q", filepath.Base(file), d.SOPInstanceUID)
		}
	}
	if want := strings.Count(string(index), "\tSR\t"); reports != want {
		t.Errorf("%d objects are reports, want %d", reports, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	whole := mustEncode(t, exampleDocument())
	root := bytes.Replace(whole, []byte("CONTAINER "), []byte("TEXT      "), 1)
	if _, err := Decode(root); !errors.Is(err, errNoReport) {
		t.Errorf("a root of another value type: %v", err)
	}
	for _, b := range [][]byte{nil, []byte("rubbish"), whole[:200], whole[:len(whole)-9]} {
		if d, err := Decode(b); err == nil {
			t.Errorf("%d bytes gave %+v", len(b), d)
		}
	}
}

// FuzzDecode: no input may crash Decode, and what it takes for a valid report
// is written in a form that does not change any more.
func FuzzDecode(f *testing.F) {
	for _, d := range documents() {
		b, err := Encode(d)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
		f.Add(bytes.ReplaceAll(b, []byte("HAS OBS CONTEXT "), []byte("CONTAINS        ")))
		f.Add(bytes.ReplaceAll(b, []byte("UMLS"), []byte("\\\xff\x00\n")))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Decode(b)
		if err != nil {
			return
		}
		first, err := Encode(d)
		if err != nil {
			return
		}
		again, err := Decode(first)
		if err != nil {
			t.Fatalf("what was encoded cannot be decoded: %v", err)
		}
		second, err := Encode(again)
		if err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
		if !bytes.Equal(first, second) {
			t.Fatal("the second encoding differs from the first")
		}
	})
}
