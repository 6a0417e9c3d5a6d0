package dicom

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// elem builds the bytes of a data element by PS3.5 7.1; length undefined leaves
// the value to bring its own delimiters.
func elem(enc layout, tag Tag, vr VR, value string) string {
	return head(enc, tag, vr, uint32(len(value))) + value
}

// open builds an element of undefined length.
func open(enc layout, tag Tag, vr VR, value string) string {
	return head(enc, tag, vr, undefined) + value
}

func head(enc layout, tag Tag, vr VR, length uint32) string {
	order := enc.order().(binary.AppendByteOrder)
	b := order.AppendUint16(nil, tag.Group())
	b = order.AppendUint16(b, tag.Element())
	switch {
	case enc.implicit || tag.Group() == Item.Group():
		b = order.AppendUint32(b, length)
	case vr.long():
		b = append(b, byte(vr>>8), byte(vr), 0, 0)
		b = order.AppendUint32(b, length)
	default:
		b = append(b, byte(vr>>8), byte(vr))
		b = order.AppendUint16(b, uint16(length))
	}
	return string(b)
}

// us builds the bytes of 16-bit values.
func us(enc layout, values ...uint16) string {
	var b []byte
	for _, v := range values {
		b = enc.order().(binary.AppendByteOrder).AppendUint16(b, v)
	}
	return string(b)
}

// part10 puts preamble, prefix and meta information before a data set.
func part10(t testing.TB, transferSyntax, dataSet string) string {
	t.Helper()
	var b bytes.Buffer
	_, err := WriteMeta(&b, Meta{SOPClassUID: CTImageStorage, SOPInstanceUID: "1.2.3", TransferSyntax: transferSyntax})
	if err != nil {
		t.Fatal(err)
	}
	return b.String() + dataSet
}

func deflated(t testing.TB, data string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func scanString(s string) (*Object, error) { return Scan(strings.NewReader(s), int64(len(s))) }

// corpus returns the real files that are at hand: the shared data beside the
// repository and the test data of the two parsers in the module cache.
func corpus(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "shared", "data", "dicom", "*__*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Log("shared/data/dicom is not beside the repository: its files are left out")
	}
	for _, module := range []string{"github.com/suyashkumar/dicom/testdata", "github.com/grailbio/go-dicom/examples"} {
		root := filepath.Dir(module)
		out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", root).Output()
		if err != nil {
			t.Logf("%s is not in the module cache: its files are left out", root)
			continue
		}
		more, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), filepath.Base(module), "*.dcm"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, more...)
	}
	return files
}

func stringReader(s string) *strings.Reader { return strings.NewReader(s) }

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
