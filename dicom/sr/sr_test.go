package sr

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"

	part10 "github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/tag"

	"concord/dicom"
)

func decoded(t *testing.T, file string) *Document {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mustEncode(t *testing.T, d *Document) []byte {
	t.Helper()
	b, err := Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRoundTrip: what Encode was given comes back from Decode.
func TestRoundTrip(t *testing.T) {
	for _, name := range []string{"example", "revision 2", "chinese", "comprehensive", "enhanced", "prior"} {
		want := documents()[name]
		got, err := Decode(mustEncode(t, want))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if name == "chinese" { // the two codes of Concord's own table gain their Chinese meaning
			want.Groups[0].Finding.Meaning += " 报告语句核对"
			want.Groups[2].Finding.Meaning += " 报告语句核对"
			want.Groups[3].Finding.Meaning += " 侧别不符"
		}
		if !got.ContentTime.Equal(want.ContentTime) {
			t.Errorf("%s: content time %v, want %v", name, got.ContentTime, want.ContentTime)
		}
		got.ContentTime = want.ContentTime
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
	}
}

// TestStable: the same Document gives the same bytes, and so does what Decode
// made of them.
func TestStable(t *testing.T) {
	for name, d := range documents() {
		first := mustEncode(t, d)
		if !bytes.Equal(first, mustEncode(t, d)) {
			t.Errorf("%s: two encodings differ", name)
		}
		again, err := Decode(first)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(first, mustEncode(t, again)) {
			t.Errorf("%s: encoding what was decoded differs", name)
		}
	}
}

func TestDefaults(t *testing.T) {
	d, err := Decode(mustEncode(t, minimalDocument()))
	if err != nil {
		t.Fatal(err)
	}
	if d.SOPClassUID != Comprehensive3D || d.Language != "en" || d.Assessment != Incomplete ||
		!d.Procedure.same(imagingProcedure) || d.UseLimitation != useLimitations["en"] {
		t.Errorf("defaults are %+v", d)
	}
	if d.Patient != (Patient{}) || len(d.Images) > 0 || len(d.Groups) > 0 {
		t.Errorf("empty facts came back as %+v", d)
	}
	finding := Group{TrackingID: "1", TrackingUID: "1.2", Finding: Code{Value: "CC104"}}
	full := minimalDocument()
	full.Groups = []Group{finding}
	if d, err = Decode(mustEncode(t, full)); err != nil || d.Groups[0].Finding != Findings[4] {
		t.Errorf("finding CC104 came back as %+v, %v", d.Groups, err)
	}
}

// TestHostileText: dirt goes out, the rest and its offsets stay.
func TestHostileText(t *testing.T) {
	d, err := Decode(mustEncode(t, hostileDocument()))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Patient{Name: d.Patient.Name}); d.Patient != want {
		t.Errorf("an identifier or date that does not fit was written: %+v", d.Patient)
	}
	for i, group := range strings.Split(d.Patient.Name, "=") {
		if i > 2 || len([]rune(group)) > 64 || strings.Count(group, "^") > 4 {
			t.Errorf("person name %q", d.Patient.Name)
		}
	}
	if n := len([]rune(d.Study.Description)); n > 64 || n < 60 {
		t.Errorf("study description has %d characters", n)
	}
	got := []rune(d.Groups[0].Statement)
	const clean = "a b $B\\c d e f\ufffdg\ufffd\ufffd<&]]>\"'\u202eh^i=j|~"
	if string(got[:len([]rune(clean))]) != clean || len(got) != 400*len([]rune(clean)) {
		t.Errorf("statement begins with %q and has %d characters", string(got[:40]), len(got))
	}
	if g := d.Groups[1]; g.Statement != "" || g.Comment != "" || g.Locator != "first\r\nsecond" {
		t.Errorf("blank texts came back as %q, %q; lines as %q", g.Statement, g.Comment, g.Locator)
	}
}

func TestEncodeRefuses(t *testing.T) {
	tests := map[string]func(*Document){
		"SOP class":              func(d *Document) { d.SOPClassUID = ctImage },
		"a UID of the report":    func(d *Document) { d.SOPInstanceUID = "1.02.3" },
		"a UID of the device":    func(d *Document) { d.Device.UID = "" },
		"a UID of the image 2":   func(d *Document) { d.Images[1].SeriesUID = "x" },
		"image 1 region":         func(d *Document) { d.Images[0].Region.Scheme = "" },
		"predecessor":            func(d *Document) { d.Predecessor = &Reference{} },
		"group 2: a UID":         func(d *Document) { d.Groups[1].TrackingUID = strings.Repeat("1", 65) },
		"tracking identifier":    func(d *Document) { d.Groups[0].TrackingID = " " },
		"language":               func(d *Document) { d.Language = "fr" },
		"assessment":             func(d *Document) { d.Assessment = "fine" },
		"revision":               func(d *Document) { d.Revision = 0 },
		"content time":           func(d *Document) { d.ContentTime = minimalDocument().ContentTime.AddDate(9000, 0, 0) },
		"device serial number":   func(d *Document) { d.Device.Serial = "\t" },
		"among the images":       func(d *Document) { d.Groups[0].Images[0].SOPInstanceUID = "1.2" },
		"frames count from 1":    func(d *Document) { d.Groups[0].Images[0].Frames = []int{2, 0} },
		"certainty":              func(d *Document) { d.Groups[0].Certainty = percentOf(100.1) },
		"verdict":                func(d *Document) { d.Groups[0].Supported = "perhaps" },
		"severity":               func(d *Document) { d.Groups[0].Severity = "high" },
		"value of the finding":   func(d *Document) { d.Groups[0].Finding.Value = "CC100567890123456" },
		"finding has no meaning": func(d *Document) { d.Groups[0].Finding = Code{Value: "CC199"} },
		"scheme of the site":     func(d *Document) { d.Groups[0].Site.Scheme = "" },
		"value of the procedure": func(d *Document) { d.Procedure.Value = `1\2` },
	}
	for want, spoil := range tests {
		d := exampleDocument()
		spoil(d)
		if _, err := Encode(d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v", want, err)
		} else if strings.Contains(err.Error(), "DOE") || strings.Contains(err.Error(), "4711") || strings.Contains(err.Error(), "effusion") {
			t.Errorf("patient data in: %v", err)
		}
	}
}

func TestUIDs(t *testing.T) {
	base := []string{
		SeriesUID("a", "1.2", "r"), TrackingUID("1.2", "r", "1"),
		InstanceUID("a", "1.2", "r", 1, "p", Comprehensive3D), InstanceUID("a", "1.2", "r", 2, "p", Comprehensive3D),
		InstanceUID("a", "1.2", "r", 1, "q", Comprehensive3D), InstanceUID("a", "1.2", "r", 1, "p", Enhanced),
		InstanceUID("b", "1.2", "r", 1, "p", Comprehensive3D), InstanceUID("a", "1.2", "s", 1, "p", Comprehensive3D),
		SeriesUID("b", "1.2", "r"), SeriesUID("a", "1.3", "r"), SeriesUID("a", "1.2", "s"), TrackingUID("1.2", "r", "2"),
	}
	seen := map[string]bool{}
	for i, uid := range base {
		if !dicom.ValidUID(uid) || !strings.HasPrefix(uid, "2.25.") || seen[uid] {
			t.Errorf("UID %d is %s", i, uid)
		}
		seen[uid] = true
	}
	if SeriesUID("a", "1.2", "r") != base[0] {
		t.Error("the same parts gave another UID")
	}
}

// TestTree: every item of the content tree is whole.
func TestTree(t *testing.T) {
	for name, d := range documents() {
		b := mustEncode(t, d)
		object, err := dicom.Scan(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		set := dataSet{object.DataSet}
		checkItem(t, name, tree(set))
		if got := set.text(tag.SpecificCharacterSet); got != "ISO_IR 192" {
			t.Errorf("%s: character set %q", name, got)
		}
	}
}

// TestOrder: tags rise in the data set and in every item (PS3.5 7.1).
func TestOrder(t *testing.T) {
	b := mustEncode(t, revisedDocument())
	set, err := part10.Parse(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := checkOrder(t, set.Elements); n < 700 {
		t.Errorf("only %d elements were seen", n)
	}
}

func checkOrder(t *testing.T, elements []*part10.Element) int {
	t.Helper()
	count := len(elements)
	for i, element := range elements {
		if i > 0 && elements[i-1].Tag.Compare(element.Tag) >= 0 {
			t.Errorf("%v follows %v", element.Tag, elements[i-1].Tag)
		}
		if element.Value.ValueType() != part10.Sequences {
			continue
		}
		for _, it := range element.Value.GetValue().([]*part10.SequenceItemValue) {
			count += checkOrder(t, it.GetValue().([]*part10.Element))
		}
	}
	return count
}

func checkItem(t *testing.T, name string, it item) {
	t.Helper()
	switch it.valueType {
	case "CODE":
		if it.code.Value == "" || it.code.Scheme == "" || it.code.Meaning == "" {
			t.Errorf("%s: code %+v", name, it)
		}
	case "TEXT", "UIDREF":
		if it.text == "" {
			t.Errorf("%s: empty %+v", name, it)
		}
	case "NUM":
		if it.unit != percent || it.relation != contains {
			t.Errorf("%s: number %+v", name, it)
		}
	}
	if (it.concept == Code{}) && it.valueType != "IMAGE" {
		t.Errorf("%s: no concept name in %+v", name, it)
	}
	if len([]rune(it.concept.Meaning)) > 64 || len([]rune(it.code.Meaning)) > 64 {
		t.Errorf("%s: long meaning in %+v", name, it)
	}
	for _, child := range it.content {
		checkItem(t, name, child)
	}
}

func TestRegion(t *testing.T) {
	if got := Region(" chest "); got != sct("51185008", "Chest") {
		t.Errorf("chest is %+v", got)
	}
	if got := Region("TAIL"); got != (Code{}) {
		t.Errorf("tail is %+v", got)
	}
}
