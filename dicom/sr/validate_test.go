package sr

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// tool finds a validator or skips the test.
func tool(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed", names[0])
	return ""
}

// run returns stdout and stderr of a command, whatever its exit status: some of
// the validators always exit 1.
func run(t *testing.T, name string, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	command := exec.Command(name, args...)
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil && command.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String()
}

// written encodes each of the documents to a file of its own.
func written(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for name, d := range documents() {
		b, err := Encode(d)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		files[name] = filepath.Join(t.TempDir(), "report.dcm")
		if err := os.WriteFile(files[name], b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestDciodvfy allows no error, and of warnings only those that private codes
// and empty facts of the patient bring.
func TestDciodvfy(t *testing.T) {
	dciodvfy := tool(t, "dciodvfy")
	for name, file := range written(t) {
		_, report := run(t, dciodvfy, file)
		if !strings.Contains(report, "SR") {
			t.Errorf("%s: dciodvfy did not recognise the IOD:\n%s", name, report)
		}
		for line := range strings.Lines(report) {
			if (strings.HasPrefix(line, "Error") || strings.Contains(line, "Abort") || strings.HasPrefix(line, "Warning")) &&
				!tolerated.MatchString(line) && !countsBytes(line) && (name != "hostile" || !strings.Contains(line, "contains invalid data values")) {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}

var tolerated = regexp.MustCompile(`^Warning - (Unrecognized defined term|Missing attribute or value that would be needed to build DICOMDIR)`)

var tooLong = regexp.MustCompile(`(LO|SH|PN) \[1\] = <(.*)> - Length invalid for this VR = \d+, expected <= (\d+)`)

// countsBytes says whether line complains about a value that is short enough:
// dciodvfy counts bytes, PS3.5 6.2 characters (in a person name, of each group).
func countsBytes(line string) bool {
	match := tooLong.FindStringSubmatch(line)
	if match == nil {
		return false
	}
	limit, _ := strconv.Atoi(match[3])
	parts := []string{match[2]}
	if match[1] == "PN" {
		parts = strings.Split(match[2], "=")
	}
	for _, part := range parts {
		if utf8.RuneCountInString(part) > limit {
			return false
		}
	}
	return true
}

// TestDciodvfySeesErrors makes sure that the gate above can close.
func TestDciodvfySeesErrors(t *testing.T) {
	dciodvfy := tool(t, "dciodvfy")
	b, err := Encode(exampleDocument())
	if err != nil {
		t.Fatal(err)
	}
	evidence := []byte{0x40, 0x00, 0x75, 0xa3, 'S', 'Q'}
	spoilt := bytes.Replace(b, evidence, []byte{0x40, 0x00, 0x76, 0xa3, 'S', 'Q'}, 1)
	file := filepath.Join(t.TempDir(), "spoilt.dcm")
	if err := os.WriteFile(file, spoilt, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, report := run(t, dciodvfy, file); !strings.Contains(report, "Error") {
		t.Errorf("an image without evidence passed:\n%s", report)
	}
}

// characterSetWarning is a limit of DCMTK, not of the object.
var characterSetWarning = regexp.MustCompile(`(?m)^W: The VR checker does not support this Specific Character Set: ISO_IR 192\n`)

func dump(t *testing.T, file string, flags ...string) string {
	t.Helper()
	stdout, stderr := run(t, tool(t, "dsrdump"), append(flags, "+Pl", "+U8", file)...)
	if rest := characterSetWarning.ReplaceAllString(stderr, ""); rest != "" {
		t.Errorf("dsrdump: %s", rest)
	}
	return stdout
}

func TestDsrdump(t *testing.T) {
	for name, file := range written(t) {
		text := dump(t, file, "-Ec", "+Pc")
		for _, want := range []string{`(126000,DCM,"Imaging Measurement Report")=SEPARATE`, "UNVERIFIED", `(111413,DCM,"Overall Assessment")=`} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %s is missing:\n%s", name, want, text)
			}
		}
	}
}

func TestXMLRoundTrip(t *testing.T) {
	dsr2xml, xml2dsr := tool(t, "dsr2xml"), tool(t, "xml2dsr")
	for name, file := range written(t) {
		if name == "minimal" {
			continue // xml2dsr wants some fact of the patient, though all may be empty
		}
		xml, back := file+".xml", file+".back"
		for _, command := range [][]string{{dsr2xml, "+U8", file, xml}, {xml2dsr, xml, back}} {
			_, stderr := run(t, command[0], command[1:]...)
			if rest := characterSetWarning.ReplaceAllString(stderr, ""); rest != "" {
				t.Errorf("%s: %s: %s", name, command[0], rest)
			}
		}
		// Of a person name xml2dsr keeps the first group only, so the content is compared.
		_, before, _ := strings.Cut(dump(t, file, "+Pc"), "\n<")
		_, after, _ := strings.Cut(dump(t, back, "+Pc"), "\n<")
		compareLines(t, name, before, after)
	}
}

// compareLines shows the first line that differs.
func compareLines(t *testing.T, name, want, got string) {
	t.Helper()
	wantLines, gotLines := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i, line := range wantLines {
		if i >= len(gotLines) || gotLines[i] != line {
			t.Errorf("%s: line %d of %d and %d differs:\n%.300s\n%.300s", name, i, len(wantLines), len(gotLines),
				line, strings.Join(gotLines[min(i, len(gotLines)):], "\n"))
			return
		}
	}
}

// readByPydicom prints what pydicom finds, for comparison with the Document.
const readByPydicom = `
import sys, json, pydicom
set = pydicom.dcmread(sys.argv[1])
texts = []
def walk(item):
    if item.ValueType == 'TEXT' and item.ConceptNameCodeSequence[0].CodeValue == 'CC001':
        texts.append(item.TextValue)
    for child in item.get('ContentSequence', []):
        walk(child)
walk(set)
print(json.dumps({'class': set.SOPClassUID, 'instance': set.SOPInstanceUID, 'name': str(set.PatientName),
    'id': set.PatientID, 'number': int(set.InstanceNumber), 'statements': texts}))
`

func TestPydicom(t *testing.T) {
	python := tool(t, "/usr/bin/python3", "python3")
	if _, stderr := run(t, python, "-c", "import pydicom"); stderr != "" {
		t.Skip("pydicom is not installed")
	}
	for name, file := range written(t) {
		stdout, stderr := run(t, python, "-c", readByPydicom, file)
		var got struct {
			Class, Instance, Name, ID string
			Number                    int
			Statements                []string
		}
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Errorf("%s: %v\n%s", name, err, stderr)
			continue
		}
		want := decoded(t, file)
		if got.Class != want.SOPClassUID || got.Instance != want.SOPInstanceUID || got.Name != want.Patient.Name ||
			got.ID != want.Patient.ID || got.Number != want.Revision {
			t.Errorf("%s: pydicom reads %+v", name, got)
		}
		var statements []string
		for _, g := range want.Groups {
			if g.Statement != "" {
				statements = append(statements, g.Statement)
			}
		}
		if strings.Join(got.Statements, "|") != strings.Join(statements, "|") {
			t.Errorf("%s: pydicom reads the statements %q, want %q", name, got.Statements, statements)
		}
	}
}

// TestPixelMed checks against the templates of PS3.16. Private items are 'not in
// template' there, which an extensible template allows.
func TestPixelMed(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("the validator takes seconds to start")
	}
	java := tool(t, "java")
	const jar = "/usr/share/java/pixelmed.jar"
	if _, err := os.Stat(jar); err != nil {
		t.Skip("pixelmed-apps is not installed")
	}
	files := written(t)
	for _, name := range []string{"revision 2", "withdrawn", "chinese"} {
		// The limits of the JDK's XSLT are too low for the validator's style sheet.
		stdout, stderr := run(t, java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Djdk.xml.xpathTotalOpLimit=0", "-Djdk.xml.xpathExprOpLimit=0",
			"-Djdk.xml.xpathExprGrpLimit=0", "-cp", jar, "com.pixelmed.validate.DicomSRValidator",
			"-checkambiguoustemplate", "-checkcontentitemorder", "-checktemplateid", files[name])
		report := stdout + stderr
		if !strings.Contains(report, "IOD validation complete") {
			t.Errorf("%s: the validator did not come to an end:\n%s", name, report)
		}
		if !strings.Contains(report, "Found Root Template TID_1500") {
			t.Errorf("%s: the validator did not find TID 1500:\n%s", name, report)
		}
		for line := range strings.Lines(report) {
			if strings.HasPrefix(line, "Error") || strings.HasPrefix(line, "Warning") && !strings.Contains(line, "Content Item not in template") {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}

// Recast documents are valid objects of their class with the same content, and
// the same arguments give the same bytes.
func TestRecast(t *testing.T) {
	original, err := Encode(exampleDocument())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, class := range Fallbacks {
		object, instance, err := Recast(original, class)
		if err != nil {
			t.Fatal(err)
		}
		again, _, _ := Recast(original, class)
		if seen[instance] || !bytes.Equal(object, again) {
			t.Errorf("%s: instance %s is not its own, or the bytes differ", class, instance)
		}
		seen[instance] = true
		got, err := Decode(object)
		if err != nil {
			t.Fatal(err)
		}
		if got.SOPClassUID != class || got.SOPInstanceUID != instance {
			t.Errorf("got %s of %s, want %s of %s", got.SOPInstanceUID, got.SOPClassUID, instance, class)
		}
		want, _ := Decode(original)
		want.SOPClassUID, want.SOPInstanceUID = class, instance
		if a, b := asJSON(t, want), asJSON(t, got); a != b {
			t.Errorf("%s: other content\n%s\n%s", class, a, b)
		}
		if dciodvfy, err := exec.LookPath("dciodvfy"); err == nil {
			file := filepath.Join(t.TempDir(), "recast.dcm")
			if err := os.WriteFile(file, object, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, report := run(t, dciodvfy, file); strings.Contains(report, "Error") {
				t.Errorf("%s: %s", class, report)
			}
		}
	}
	if _, _, err := Recast(original, "1.2.840.10008.5.1.4.1.1.2"); err == nil {
		t.Error("a document became a CT image")
	}
}

func asJSON(t *testing.T, d *Document) string {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
