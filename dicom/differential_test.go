package dicom

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grailbio/go-dicom"
	"github.com/grailbio/go-dicom/dicomlog"
	suyash "github.com/suyashkumar/dicom"
)

// TestAgainstSuyashkumar compares every value of every real file with what
// suyashkumar/dicom reads, behind the guard: it sees only what Scan accepts.
func TestAgainstSuyashkumar(t *testing.T) {
	log.SetOutput(io.Discard)
	defer log.SetOutput(os.Stderr)
	compared := 0
	for _, name := range corpus(t) {
		data := readFile(t, name)
		obj, err := Scan(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			continue
		}
		other, err := parseSuyash(data)
		if err != nil {
			t.Logf("%s: not read by the other: %v", filepath.Base(name), err)
		}
		c := comparison{t: t, file: filepath.Base(name)}
		c.elements(obj, other.Elements)
		compared += c.compared
	}
	if compared == 0 {
		t.Skip("no DICOM files are at hand")
	}
	t.Logf("%d values compared", compared)
}

// parseSuyash calls the other parser where its panics do no harm.
func parseSuyash(data []byte) (set suyash.Dataset, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return suyash.Parse(bytes.NewReader(data), int64(len(data)), nil, suyash.SkipPixelData(),
		suyash.AllowMissingMetaElementGroupLength(), suyash.AllowUnknownSpecificCharacterSet())
}

type comparison struct {
	t        *testing.T
	file     string
	compared int
}

func (c *comparison) elements(obj *Object, elements []*suyash.Element) {
	for _, e := range elements {
		set := obj.DataSet
		if e.Tag.Group == 2 {
			set = obj.Meta
		}
		c.element(set, e)
	}
}

func (c *comparison) element(set *DataSet, e *suyash.Element) {
	tag := Tag(e.Tag.Group)<<16 | Tag(e.Tag.Element)
	if tag.Element() == 0 || tag.Group() == Item.Group() || isPixelData(tag) {
		return
	}
	if !set.Has(tag) {
		c.t.Errorf("%s: %v is missing", c.file, tag)
		return
	}
	switch value := e.Value.GetValue().(type) {
	case []*suyash.SequenceItemValue:
		c.sequence(set, tag, value)
	case []string:
		c.strings(set, tag, value)
	case []int:
		c.ints(set, tag, value)
	case []float64:
		c.floats(set, tag, value)
	case []byte:
		if got := set.Bytes(tag); got != nil && set.find(tag).vr != SQ && !bytes.Equal(got, value) {
			c.t.Errorf("%s: %v holds %d bytes, elsewhere %d others", c.file, tag, len(got), len(value))
		}
	}
	c.compared++
}

func (c *comparison) sequence(set *DataSet, tag Tag, other []*suyash.SequenceItemValue) {
	items := set.Items(tag)
	if len(items) != len(other) {
		c.t.Errorf("%s: %v has %d items, elsewhere %d", c.file, tag, len(items), len(other))
		return
	}
	for i, item := range items {
		for _, e := range other[i].GetValue().([]*suyash.Element) {
			c.element(item, e)
		}
	}
}

// strings compares texts where both sides decode: the other does not split in
// ISO 2022, and reads no set but the first of a list.
func (c *comparison) strings(set *DataSet, tag Tag, other []string) {
	e := set.find(tag)
	if e.value == nil && e.length > 0 || !isASCII(e.value) && len(set.setNames()) > 1 {
		return
	}
	got, want := trimmed(set.Strings(tag)), trimmed(other)
	if got != want && e.vr != UN {
		c.t.Errorf("%s: %v %v is %q, elsewhere %q", c.file, tag, e.vr, got, want)
	}
}

func (d *DataSet) setNames() []string {
	for ; d != nil; d = d.parent {
		if d.Has(SpecificCharacterSet) {
			return d.Strings(SpecificCharacterSet)
		}
	}
	return nil
}

func (c *comparison) ints(set *DataSet, tag Tag, other []int) {
	if e := set.find(tag); e.value == nil && e.length > 0 || e.vr == UN || e.vr == AT {
		return
	}
	if got := set.Ints(tag); fmt.Sprint(got) != fmt.Sprint(other) {
		c.t.Errorf("%s: %v is %v, elsewhere %v", c.file, tag, got, other)
	}
}

func (c *comparison) floats(set *DataSet, tag Tag, other []float64) {
	got := set.Floats(tag)
	if got == nil && len(other) > 0 {
		return // not finite
	}
	for i := range other {
		if i >= len(got) || math.Abs(got[i]-other[i]) > 1e-6*math.Abs(other[i]) {
			c.t.Errorf("%s: %v is %v, elsewhere %v", c.file, tag, got, other)
			return
		}
	}
}

// TestAgainstGrailbio compares the texts at the top of every file that
// grailbio/go-dicom can read.
func TestAgainstGrailbio(t *testing.T) {
	dicomlog.SetLevel(-1)
	read, compared := 0, 0
	for _, name := range corpus(t) {
		data := readFile(t, name)
		obj, err := Scan(bytes.NewReader(data), int64(len(data)))
		if err != nil || obj.TransferSyntax == DeflatedExplicitVRLittleEndian {
			continue
		}
		other, err := parseGrailbio(data)
		if err != nil {
			continue
		}
		read++
		for _, e := range other.Elements {
			tag := Tag(e.Tag.Group)<<16 | Tag(e.Tag.Element)
			if tag.Group() == 2 || tag.Element() == 0 || e.VR == "UN" {
				continue
			}
			mine := obj.find(tag)
			if mine == nil {
				t.Errorf("%s: %v is missing", filepath.Base(name), tag)
				continue
			}
			want, ok := grailbioText(e.Value)
			if !ok || mine.value == nil || !isASCII(mine.value) {
				continue
			}
			compared++
			if got := trimmed(obj.Strings(tag)); got != want {
				t.Errorf("%s: %v %s is %q, elsewhere %q", filepath.Base(name), tag, e.VR, got, want)
			}
		}
	}
	if read == 0 {
		t.Skip("no DICOM files are at hand")
	}
	t.Logf("%d files read by both, %d texts compared", read, compared)
}

func parseGrailbio(data []byte) (set *dicom.DataSet, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return dicom.ReadDataSetInBytes(data, dicom.ReadOptions{DropPixelData: true})
}

func grailbioText(values []any) (string, bool) {
	var texts []string
	for _, v := range values {
		text, ok := v.(string)
		if !ok {
			return "", false
		}
		texts = append(texts, text)
	}
	return trimmed(texts), true
}

// trimmed joins values without the padding that parsers treat differently.
func trimmed(values []string) string {
	for i, v := range values {
		values[i] = strings.Trim(v, " \x00")
	}
	return strings.Trim(strings.Join(values, `\`), " \x00")
}
