package dicom

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWriteMeta checks every byte against PS3.10 Table 7.1-1.
func TestWriteMeta(t *testing.T) {
	var b bytes.Buffer
	n, err := WriteMeta(&b, Meta{SOPClassUID: "1.2", SOPInstanceUID: "1.2.3.4", TransferSyntax: "1.2.5", SourceAE: "CT1"})
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("%d of %d bytes, %v", n, b.Len(), err)
	}
	group := "\x02\x00\x01\x00OB\x00\x00\x02\x00\x00\x00\x00\x01" + // version
		"\x02\x00\x02\x00UI\x04\x001.2\x00" + // class
		"\x02\x00\x03\x00UI\x08\x001.2.3.4\x00" + // instance
		"\x02\x00\x10\x00UI\x06\x001.2.5\x00" + // transfer syntax
		"\x02\x00\x12\x00UI\x2c\x00" + ImplementationClassUID + "\x00" +
		"\x02\x00\x13\x00SH\x0a\x00CONCORD_1 " +
		"\x02\x00\x16\x00AE\x04\x00CT1 "
	want := strings.Repeat("\x00", 128) + "DICM" + "\x02\x00\x00\x00UL\x04\x00" + string([]byte{byte(len(group)), 0, 0, 0}) + group
	if b.String() != want {
		t.Errorf("got %q\nwant %q", b.String(), want)
	}
}

func TestWriteMetaRefuses(t *testing.T) {
	whole := Meta{SOPClassUID: "1.2", SOPInstanceUID: "1.2.3", TransferSyntax: "1.2.5"}
	for name, change := range map[string]func(*Meta){
		"no class":        func(m *Meta) { m.SOPClassUID = "" },
		"no instance":     func(m *Meta) { m.SOPInstanceUID = "" },
		"no syntax":       func(m *Meta) { m.TransferSyntax = "" },
		"a UID too long":  func(m *Meta) { m.SOPInstanceUID = strings.Repeat("1", 65) },
		"an AE too long":  func(m *Meta) { m.SourceAE = strings.Repeat("A", 65) },
		"a failing disk":  nil,
		"nothing changed": func(*Meta) {},
	} {
		m := whole
		var err error
		if change == nil {
			_, err = WriteMeta(failing{}, m)
		} else {
			change(&m)
			_, err = WriteMeta(&bytes.Buffer{}, m)
		}
		if (err == nil) != (name == "nothing changed") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestImplementationClassUID(t *testing.T) {
	if derived := DeriveUID("implementation class"); ImplementationClassUID != derived || !ValidUID(derived) {
		t.Errorf("the constant is %s, derived is %s", ImplementationClassUID, derived)
	}
	if len(ImplementationVersionName) > 16 {
		t.Error("an implementation version name has 16 characters at most")
	}
}

// TestDCMTKReadsMeta: DCMTK reads a data set that was stored behind our meta
// information, without a warning.
func TestDCMTKReadsMeta(t *testing.T) {
	dump, err := exec.LookPath("dcmdump")
	if err != nil {
		t.Skip("dcmdump is not installed: apt-get install dcmtk")
	}
	name := filepath.Join(t.TempDir(), "object.dcm")
	if err := os.WriteFile(name, []byte(part10(t, ExplicitVRLittleEndian, plain(explicitLE))), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(dump, name).CombinedOutput()
	text := string(out)
	if err != nil || strings.Contains(text, "W:") || strings.Contains(text, "E:") ||
		!strings.Contains(text, "[CONCORD_1]") || !strings.Contains(text, "Sequence with explicit length #=2") {
		t.Errorf("%v\n%s", err, text)
	}
}
