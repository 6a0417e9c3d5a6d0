package dicom

import (
	"fmt"
	"math"
	"testing"
)

func numbers(t *testing.T, enc layout, vr VR, value string) *DataSet {
	t.Helper()
	obj, err := ScanDataSet(stringReader(elem(enc, Modality, CS, "CT")+elem(enc, 0x00189999, vr, value)),
		int64(len(elem(enc, Modality, CS, "CT")+elem(enc, 0x00189999, vr, value))), enc.uid())
	if err != nil {
		t.Fatal(err)
	}
	return obj.DataSet
}

func TestNumbers(t *testing.T) {
	const tag = Tag(0x00189999)
	inf := math.Float32bits(float32(math.Inf(1)))
	for _, c := range []struct {
		vr             VR
		little, big    string
		ints, floats   string
		first, strings string
	}{
		{US, "\x01\x00\xff\xff", "\x00\x01\xff\xff", "[1 65535]", "[1 65535]", "1", "[1 65535]"},
		{SS, "\x01\x00\xff\xff", "\x00\x01\xff\xff", "[1 -1]", "[1 -1]", "1", "[1 -1]"},
		{UL, "\x01\x00\x00\x80", "\x80\x00\x00\x01", "[2147483649]", "[2.147483649e+09]", "2147483649", "[2147483649]"},
		{SL, "\xfe\xff\xff\xff", "\xff\xff\xff\xfe", "[-2]", "[-2]", "-2", "[-2]"},
		{SV, "\xfe\xff\xff\xff\xff\xff\xff\xff", "\xff\xff\xff\xff\xff\xff\xff\xfe", "[-2]", "[-2]", "-2", "[-2]"},
		{AT, "\x10\x00\x20\x00", "\x00\x10\x00\x20", "[1048608]", "[1.048608e+06]", "1048608", "[1048608]"},
		{OW, "\x01\x02", "\x02\x01", "[513]", "[513]", "513", "[513]"},
		{OB, "\x01\x02", "\x01\x02", "[1 2]", "[1 2]", "1", "[1 2]"},
		{FL, "\x00\x00\xc0\x3f", "\x3f\xc0\x00\x00", "[]", "[1.5]", "1.5", "[1.5]"},
		{FL, "\x00\x00\x00\x40", "\x40\x00\x00\x00", "[2]", "[2]", "2", "[2]"},
		{FD, "\x00\x00\x00\x00\x00\x00\xf8\x3f", "\x3f\xf8\x00\x00\x00\x00\x00\x00", "[]", "[1.5]", "1.5", "[1.5]"},
		{FL, us(explicitLE, uint16(inf), uint16(inf>>16)), us(explicitBE, uint16(inf>>16), uint16(inf)), "[]", "[]", "+Inf", "[+Inf]"},
		{US, "\x01", "\x01", "[]", "[]", "", "[]"},
		{IS, "12\\-3 ", "12\\-3 ", "[12 -3]", "[12 -3]", "12", "[12 -3]"},
		{IS, "12.0", "12.0", "[12]", "[12]", "12.0", "[12.0]"},
		{IS, "1A", "1A", "[]", "[]", "1A", "[1A]"},
		{IS, "", "", "[]", "[]", "", "[]"},
		{DS, " 1.5\\2e1 ", " 1.5\\2e1 ", "[]", "[1.5 20]", "1.5", "[1.5 2e1]"},
		{DS, "0,25", "0,25", "[]", "[0.25]", "0,25", "[0,25]"},
		{DS, "NaN ", "NaN ", "[]", "[]", "NaN", "[NaN]"},
	} {
		for enc, value := range map[layout]string{explicitLE: c.little, explicitBE: c.big} {
			d := numbers(t, enc, c.vr, value)
			got := fmt.Sprint(d.Ints(tag), d.Floats(tag), " ", d.String(tag), " ", d.Strings(tag))
			want := c.ints + " " + c.floats + " " + c.first + " " + c.strings
			if got != want {
				t.Errorf("%v % x in %s: got %s, want %s", c.vr, value, enc.uid(), got, want)
			}
			first, ok := d.Int(tag)
			if all := d.Ints(tag); len(all) > 0 && (!ok || first != all[0]) {
				t.Errorf("%v % x: Int is %d, %v", c.vr, value, first, ok)
			}
			real, ok := d.Float(tag)
			if all := d.Floats(tag); len(all) > 0 && (!ok || real != all[0]) {
				t.Errorf("%v % x: Float is %g, %v", c.vr, value, real, ok)
			}
		}
	}
}

func TestTexts(t *testing.T) {
	e := explicitLE
	body := elem(e, ImageType, CS, "ORIGINAL\\PRIMARY \\ ") + elem(e, SOPInstanceUID, UI, "1.2.3\x00") +
		elem(e, ImageComments, LT, "  a\\b  ") + elem(e, StudyID, SH, "") + elem(e, PatientID, LO, " 7 ")
	obj, err := scanString(part10(t, ExplicitVRLittleEndian, body))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		tag         Tag
		first, list string
	}{
		{ImageType, "ORIGINAL", `["ORIGINAL" "PRIMARY" ""]`},
		{SOPInstanceUID, "1.2.3", `["1.2.3"]`},
		{ImageComments, `  a\b`, `["  a\\b"]`},
		{StudyID, "", `[]`},
		{PatientID, "7", `["7"]`},
		{AccessionNumber, "", `[]`},
	} {
		if got := obj.String(c.tag); got != c.first {
			t.Errorf("%v: String is %q, want %q", c.tag, got, c.first)
		}
		if got := fmt.Sprintf("%q", obj.Strings(c.tag)); got != c.list {
			t.Errorf("%v: Strings is %s, want %s", c.tag, got, c.list)
		}
	}
	if !obj.Has(StudyID) || obj.Has(AccessionNumber) {
		t.Error("Has confuses an empty element with a missing one")
	}
	if span, ok := obj.Span(PatientID); !ok || span.Length != 3 || string(obj.Bytes(PatientID)) != " 7 " {
		t.Errorf("patient ID lies at %+v and holds %q", span, obj.Bytes(PatientID))
	}
}

// TestNilDataSet: a chain of lookups through a missing sequence finds nothing.
func TestNilDataSet(t *testing.T) {
	missing := new(DataSet).Item(SharedFunctionalGroupsSequence)
	_, isInt := missing.Int(Rows)
	_, isFloat := missing.Float(RescaleSlope)
	_, isSpan := missing.Span(Rows)
	if missing != nil || isInt || isFloat || isSpan || missing.Has(Rows) || missing.String(Rows) != "" || missing.Len() != 0 ||
		missing.Strings(Rows) != nil || missing.Ints(Rows) != nil || missing.Floats(Rows) != nil || missing.Bytes(Rows) != nil {
		t.Error("a nil data set holds something")
	}
}

func TestLongValuesStayOnDisk(t *testing.T) {
	e := explicitLE
	for _, c := range []struct {
		tag    Tag
		length int
		kept   bool
	}{
		{LUTData, maxValue, true},
		{LUTData, maxValue + 2, false},
		{0x00291010, maxPrivateValue, true},
		{0x00291010, maxPrivateValue + 2, false},
		{LUTData, windowSize + 2, true},
	} {
		value := make([]byte, c.length)
		value[0], value[c.length-1] = 1, 2
		body := elem(e, Modality, CS, "CT") + elem(e, c.tag, OW, string(value)) + elem(e, 0x7FDF0010, SH, "end ")
		for _, file := range []string{part10(t, ExplicitVRLittleEndian, body),
			part10(t, DeflatedExplicitVRLittleEndian, deflated(t, body))} {
			obj, err := scanString(file)
			if err != nil {
				t.Fatal(err)
			}
			got := obj.Bytes(c.tag)
			if c.kept && string(got) != string(value) || !c.kept && got != nil {
				t.Errorf("%v of %d bytes: %d kept", c.tag, c.length, len(got))
			}
			if span, ok := obj.Span(c.tag); !ok || span.Length != int64(c.length) {
				t.Errorf("%v of %d bytes lies at %+v", c.tag, c.length, span)
			}
			if obj.String(0x7FDF0010) != "end" {
				t.Errorf("%v of %d bytes: the element behind is lost", c.tag, c.length)
			}
		}
	}
}
