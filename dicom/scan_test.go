package dicom

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

var (
	explicitLE = layout{}
	explicitBE = layout{bigEndian: true}
	implicitLE = layout{implicit: true}
)

// plain is a small image data set with a nested sequence.
func plain(enc layout) string {
	return elem(enc, SpecificCharacterSet, CS, "ISO_IR 192") +
		elem(enc, SOPClassUID, UI, CTImageStorage+"\x00") +
		elem(enc, Modality, CS, "CT") +
		elem(enc, PatientName, PN, "Wang^XiaoDong=王^小东") +
		elem(enc, Rows, US, us(enc, 2)) +
		elem(enc, Columns, US, us(enc, 3)) +
		elem(enc, WindowCenter, DS, "40\\-600 ") +
		elem(enc, RequestAttributesSequence, SQ,
			elem(enc, Item, 0, elem(enc, RequestedProcedureID, SH, "RP1 "))+
				open(enc, Item, 0, elem(enc, RequestedProcedureID, SH, "RP2 ")+elem(enc, ItemDelimitationItem, 0, ""))) +
		elem(enc, PixelDataTag, OW, us(enc, 1, 2, 3, 4, 5, 6))
}

func TestScanReadsEveryLayout(t *testing.T) {
	for _, c := range []struct {
		name, syntax string
		file         string
	}{
		{"implicit", ImplicitVRLittleEndian, part10(t, ImplicitVRLittleEndian, plain(implicitLE))},
		{"explicit", ExplicitVRLittleEndian, part10(t, ExplicitVRLittleEndian, plain(explicitLE))},
		{"big endian", ExplicitVRBigEndian, part10(t, ExplicitVRBigEndian, plain(explicitBE))},
		{"deflated", DeflatedExplicitVRLittleEndian, part10(t, DeflatedExplicitVRLittleEndian, deflated(t, plain(explicitLE)))},
		{"no meta, implicit", ImplicitVRLittleEndian, plain(implicitLE)},
		{"no meta, explicit", ExplicitVRLittleEndian, plain(explicitLE)},
		{"no meta, big endian", ExplicitVRBigEndian, plain(explicitBE)},
		{"no preamble", ExplicitVRLittleEndian, part10(t, ExplicitVRLittleEndian, plain(explicitLE))[132:]},
		{"prefix at once", ExplicitVRLittleEndian, part10(t, ExplicitVRLittleEndian, plain(explicitLE))[128:]},
		{"wrong claim", ImplicitVRLittleEndian, part10(t, ExplicitVRLittleEndian, plain(implicitLE))},
		{"unknown syntax", "1.2.3.4", part10(t, "1.2.3.4", plain(explicitLE))},
	} {
		t.Run(c.name, func(t *testing.T) {
			obj, err := scanString(c.file)
			if err != nil {
				t.Fatal(err)
			}
			if obj.TransferSyntax != c.syntax {
				t.Errorf("transfer syntax %s, want %s", obj.TransferSyntax, c.syntax)
			}
			checkPlain(t, obj)
		})
	}
}

func checkPlain(t *testing.T, obj *Object) {
	t.Helper()
	if got := obj.String(PatientName); got != "Wang^XiaoDong=王^小东" {
		t.Errorf("patient name %q", got)
	}
	if got := obj.String(SOPClassUID); got != CTImageStorage {
		t.Errorf("SOP class %q", got)
	}
	if got := fmt.Sprint(obj.Floats(WindowCenter)); got != "[40 -600]" {
		t.Errorf("window centers %s", got)
	}
	rows, ok := obj.Int(Rows)
	if columns := obj.Ints(Columns); !ok || rows != 2 || len(columns) != 1 || columns[0] != 3 {
		t.Errorf("rows %d %v, columns %v", rows, ok, columns)
	}
	items := obj.Items(RequestAttributesSequence)
	if len(items) != 2 || items[0].String(RequestedProcedureID) != "RP1" || items[1].String(RequestedProcedureID) != "RP2" {
		t.Errorf("request attributes %v", items)
	}
	if p := obj.PixelData; p == nil || p.Length != 12 || p.Encapsulated {
		t.Errorf("pixel data %+v", p)
	}
}

func TestScanDataSetOffset(t *testing.T) {
	body := plain(explicitLE)
	file := part10(t, ExplicitVRLittleEndian, body)
	obj, err := scanString(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := file[obj.DataSetOffset:]; got != body {
		t.Errorf("the data set starts at %d with % x", obj.DataSetOffset, got[:8])
	}
	if got := file[obj.PixelData.Offset:][:obj.PixelData.Length]; got != us(explicitLE, 1, 2, 3, 4, 5, 6) {
		t.Errorf("the pixel data are % x", got)
	}
	bare, err := ScanDataSet(strings.NewReader(body), int64(len(body)), ExplicitVRLittleEndian)
	if err != nil || bare.DataSetOffset != 0 || bare.Meta.Len() != 0 {
		t.Errorf("bare data set: offset %d, %d meta elements, %v", bare.DataSetOffset, bare.Meta.Len(), err)
	}
	checkPlain(t, bare)
}

// TestRelease uses the memory of objects again, whole and cut ones.
func TestRelease(t *testing.T) {
	e := explicitLE
	other := part10(t, ExplicitVRLittleEndian, elem(e, Modality, CS, "MR")+strings.Repeat(elem(e, StudyDescription, LO, "other"), 100)+elem(e, PatientName, PN, "Li"))
	for range 3 {
		for cut := range 200 {
			if obj, err := scanString(other[:len(other)-cut]); obj != nil {
				obj.Release()
			} else {
				t.Fatal(err)
			}
		}
		obj, err := scanString(part10(t, ExplicitVRLittleEndian, plain(e)))
		if err != nil {
			t.Fatal(err)
		}
		checkPlain(t, obj)
		if name := obj.String(StudyDescription); name != "" {
			t.Errorf("an element of another object is there: %q", name)
		}
		kept := obj.String(PatientName)
		obj.Release()
		if again, err := scanString(other); err != nil || again.String(PatientName) != "Li" || kept != "Wang^XiaoDong=王^小东" {
			t.Errorf("a string of a released object became %q (%v)", kept, err)
		}
	}
}

func TestInflate(t *testing.T) {
	body := plain(explicitLE)
	file := part10(t, DeflatedExplicitVRLittleEndian, deflated(t, body))
	obj, err := scanString(file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := obj.Inflate(strings.NewReader(file), int64(len(file)), 1<<20)
	if err != nil || string(data) != body {
		t.Errorf("inflated to %d bytes, %v", len(data), err)
	}
	var limit *LimitError
	if _, err := obj.Inflate(strings.NewReader(file), int64(len(file)), int64(len(body))-1); !errors.As(err, &limit) {
		t.Errorf("a limit below the size gives %v", err)
	}
}

// TestScanTolerates holds the faults that real writers make.
func TestScanTolerates(t *testing.T) {
	e := explicitLE
	id := elem(e, RequestedProcedureID, SH, "RP1 ")
	after := elem(e, Rows, US, us(e, 7))
	itemEnd := elem(e, ItemDelimitationItem, 0, "")
	sequenceEnd := elem(e, SequenceDelimitationItem, 0, "")
	private := Tag(0x00091001)
	for _, c := range []struct{ name, body string }{
		{"item delimiter missing before the sequence's", open(e, RequestAttributesSequence, SQ, open(e, Item, 0, id)+sequenceEnd)},
		{"item delimiter missing before the next item",
			open(e, RequestAttributesSequence, SQ, open(e, Item, 0, id)+open(e, Item, 0, itemEnd)+sequenceEnd)},
		{"sequence delimiter missing", open(e, RequestAttributesSequence, SQ, elem(e, Item, 0, id))},
		{"delimiters in items of known length", elem(e, RequestAttributesSequence, SQ, elem(e, Item, 0, id+itemEnd)+sequenceEnd)},
		{"stray delimiters at the top", elem(e, RequestAttributesSequence, SQ, elem(e, Item, 0, id)) + itemEnd + sequenceEnd},
		{"one item delimiter too many", open(e, RequestAttributesSequence, SQ, open(e, Item, 0, id+itemEnd)+itemEnd+sequenceEnd)},
		{"group lengths", elem(e, 0x00080000, UL, "\x10\x00\x00\x00") + elem(e, RequestAttributesSequence, SQ, elem(e, Item, 0, elem(e, 0x00400000, UL, "\x08\x00\x00\x00")+id))},
		{"an odd length", elem(e, StudyDescription, LO, "odd") + elem(e, RequestAttributesSequence, SQ, elem(e, Item, 0, id))},
		{"a private sequence of unknown content", elem(e, private, SQ, "no items at all here") + elem(e, RequestAttributesSequence, SQ, elem(e, Item, 0, id))},
		{"a nested private sequence", open(e, private, SQ, open(e, Item, 0, open(e, private, SQ, open(e, Item, 0, elem(e, private, UN, "xx")+itemEnd)+sequenceEnd)+itemEnd)+sequenceEnd) +
			elem(e, RequestAttributesSequence, SQ, elem(e, Item, 0, id))},
		{"UN of undefined length, implicit inside", open(e, RequestAttributesSequence, UN,
			open(e, Item, 0, elem(implicitLE, RequestedProcedureID, SH, "RP1 ")+itemEnd)+sequenceEnd)},
		{"UN of undefined length, explicit inside", open(e, RequestAttributesSequence, UN, open(e, Item, 0, id+itemEnd)+sequenceEnd)},
		{"UN of known length that is a sequence", elem(e, RequestAttributesSequence, UN,
			elem(e, Item, 0, elem(implicitLE, RequestedProcedureID, SH, "RP1 ")))},
		{"UN for a known tag", elem(e, RequestAttributesSequence, SQ, elem(e, Item, 0, elem(e, RequestedProcedureID, UN, "RP1 ")))},
		{"an unknown VR with a short length", elem(e, 0x00080001, 'Z'<<8|'Z', "abcd") + elem(e, RequestAttributesSequence, SQ, elem(e, Item, 0, id))},
		{"an element without VR", elem(implicitLE, StudyID, SH, "ABC ") + elem(e, RequestAttributesSequence, SQ, elem(e, Item, 0, id))},
		{"an item shorter than its element", elem(e, RequestAttributesSequence, SQ,
			elem(e, Item, 0, id)+elem(e, Item, 0, head(e, StudyID, SH, 200)+"x"))},
		{"tags out of order", elem(e, StudyID, SH, "ABC ") + elem(e, RequestAttributesSequence, SQ, elem(e, Item, 0, id)) + elem(e, Modality, CS, "CT")},
	} {
		t.Run(c.name, func(t *testing.T) {
			obj, err := scanString(part10(t, ExplicitVRLittleEndian, elem(e, Modality, CS, "CT")+c.body+after))
			if err != nil {
				t.Fatal(err)
			}
			if got := obj.Item(RequestAttributesSequence).String(RequestedProcedureID); got != "RP1" {
				t.Errorf("requested procedure %q", got)
			}
			if rows, _ := obj.Int(Rows); rows != 7 {
				t.Errorf("the element behind reads %d", rows)
			}
		})
	}
}

// TestUNInsideBigEndian: PS3.5 6.2.2, a value sent as UN is little endian even
// in a big-endian data set.
func TestUNInsideBigEndian(t *testing.T) {
	e := explicitBE
	body := elem(e, Modality, CS, "CT") +
		open(e, RequestAttributesSequence, UN, open(implicitLE, Item, 0,
			elem(implicitLE, Rows, US, us(implicitLE, 258))+elem(implicitLE, ItemDelimitationItem, 0, ""))+elem(implicitLE, SequenceDelimitationItem, 0, "")) +
		elem(e, Columns, UN, us(implicitLE, 258)) +
		elem(e, BitsAllocated, US, us(e, 16))
	obj, err := scanString(part10(t, ExplicitVRBigEndian, body))
	if err != nil {
		t.Fatal(err)
	}
	rows, _ := obj.Item(RequestAttributesSequence).Int(Rows)
	columns, _ := obj.Int(Columns)
	bits, _ := obj.Int(BitsAllocated)
	if rows != 258 || columns != 258 || bits != 16 {
		t.Errorf("rows %d, columns %d, bits %d", rows, columns, bits)
	}
}

func TestScanFragments(t *testing.T) {
	e := explicitLE
	fragment := func(s string) string { return elem(e, Item, 0, s) }
	icon := elem(e, 0x00880200, SQ, elem(e, Item, 0, open(e, PixelDataTag, OB, fragment("")+fragment("icon")+elem(e, SequenceDelimitationItem, 0, ""))))
	file := part10(t, JPEGBaseline, elem(e, Modality, CS, "US")+icon+
		open(e, PixelDataTag, OB, fragment("\x00\x00\x00\x00")+fragment("first!")+fragment("second")+elem(e, SequenceDelimitationItem, 0, ""))+
		elem(e, 0xFFFCFFFC, OB, "padding "))
	obj, err := scanString(file)
	if err != nil {
		t.Fatal(err)
	}
	p := obj.PixelData
	if p == nil || !p.Encapsulated || len(p.Fragments) != 3 {
		t.Fatalf("pixel data %+v", p)
	}
	if got := file[p.Fragments[2].Offset:][:p.Fragments[2].Length]; got != "second" {
		t.Errorf("fragment 2 is %q", got)
	}
	if end := file[p.Offset+p.Length-8:][:4]; end != "\xfe\xff\xdd\xe0" {
		t.Errorf("the value ends with % x", end)
	}
}

func TestScanTruncated(t *testing.T) {
	whole := part10(t, ExplicitVRLittleEndian, plain(explicitLE))
	obj, err := scanString(whole)
	if err != nil {
		t.Fatal(err)
	}
	var truncated *TruncatedError
	for cut := int(obj.DataSetOffset) + 1; cut < len(whole); cut++ {
		got, err := scanString(whole[:cut])
		if got == nil {
			t.Fatalf("cut at %d: no object, %v", cut, err)
		}
		// A cut between two elements cannot be seen; every other is.
		boundary := false
		for _, e := range obj.elements {
			boundary = boundary || int64(cut) == e.offset+e.length
		}
		if errors.As(err, &truncated) == boundary {
			t.Errorf("cut at %d (boundary %v): %v", cut, boundary, err)
		}
		if int64(cut) > obj.PixelData.Offset && got.PixelData.Length != int64(cut)-obj.PixelData.Offset {
			t.Errorf("cut at %d: %d bytes of pixels", cut, got.PixelData.Length)
		}
	}
	half := deflated(t, plain(explicitLE))
	got, err := scanString(part10(t, DeflatedExplicitVRLittleEndian, half[:len(half)/2]))
	if !errors.As(err, &truncated) || got.String(SOPClassUID) == "" {
		t.Errorf("half a deflated data set: %v", err)
	}
}

func TestScanRefuses(t *testing.T) {
	e := explicitLE
	for _, c := range []struct {
		name, file string
		check      func(error) bool
	}{
		{"nothing", "", isNotDICOM},
		{"text", "To be, or not to be, that is the question: whether 'tis nobler", isNotDICOM},
		{"zeros", strings.Repeat("\x00", 4096), isNotDICOM},
		{"a picture", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x02\x00", isNotDICOM},
		{"an item at the top", part10(t, ExplicitVRLittleEndian, elem(e, Modality, CS, "CT")+elem(e, Item, 0, "abcdefgh")), isFormat},
		{"text of undefined length", part10(t, ExplicitVRLittleEndian, elem(e, Modality, CS, "CT")+open(e, TextValue, UT, "endless text")), isFormat},
		{"no fragments", part10(t, JPEGBaseline, elem(e, Modality, CS, "CT")+open(e, PixelDataTag, OB, "endless pixels")), isFormat},
		{"corrupt deflate", part10(t, DeflatedExplicitVRLittleEndian, "\xff\xff\xff\xff\xff\xff"), isFormat},
		{"33 levels", part10(t, ExplicitVRLittleEndian, elem(e, Modality, CS, "CT")+nested(maxDepth+1)), isLimit},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := scanString(c.file); !c.check(err) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := scanString(part10(t, ExplicitVRLittleEndian, elem(e, Modality, CS, "CT")+nested(maxDepth))); err != nil {
		t.Errorf("%d levels: %v", maxDepth, err)
	}
}

func isNotDICOM(err error) bool { return errors.Is(err, ErrNotDICOM) }

func isFormat(err error) bool {
	var format *FormatError
	return errors.As(err, &format)
}

func isLimit(err error) bool {
	var limit *LimitError
	return errors.As(err, &limit)
}

// nested builds open sequences to the given depth.
func nested(depth int) string {
	return strings.Repeat(open(explicitLE, ContentSequence, SQ, open(explicitLE, Item, 0, "")), depth)
}

// TestScanMemory holds the attacks that make other parsers allocate gigabytes.
func TestScanMemory(t *testing.T) {
	e := explicitLE
	start := elem(e, Modality, CS, "CT")
	for _, c := range []struct{ name, file string }{
		{"2 GB declared in 250 bytes", part10(t, ExplicitVRLittleEndian, start+head(e, 0x00420011, OB, 2<<30)+"x")},
		{"2 GB of text declared", part10(t, ExplicitVRLittleEndian, start+head(e, TextValue, UT, 2<<30)+"x")},
		{"a million nested sequences", part10(t, ExplicitVRLittleEndian, start+nested(1_000_000))},
		{"500 thousand empty elements", part10(t, ExplicitVRLittleEndian, start+strings.Repeat(elem(e, StudyID, SH, ""), 500_000))},
		{"500 thousand empty items", part10(t, ExplicitVRLittleEndian, start+open(e, ContentSequence, SQ, strings.Repeat(elem(e, Item, 0, ""), 500_000)))},
		{"1.5 million empty fragments", part10(t, JPEGBaseline, start+open(e, PixelDataTag, OB, strings.Repeat(elem(e, Item, 0, ""), 1_500_000)))},
		{"400 large values", part10(t, ExplicitVRLittleEndian, start+strings.Repeat(elem(e, TextValue, UT, strings.Repeat("x", maxValue)), 400))},
		{"a bomb", part10(t, DeflatedExplicitVRLittleEndian, deflated(t, start+elem(e, 0x00420011, OB, strings.Repeat("\x00", 96<<20))))},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := scanString(c.file)
			runtime.ReadMemStats(&after)
			// A growing slice allocates its contents about five times over; what
			// is alive at a time is a third of that.
			if spent := after.TotalAlloc - before.TotalAlloc; spent > 5*maxHeader {
				t.Errorf("%d MiB allocated (%v)", spent>>20, err)
			}
			if c.name != "a bomb" && err == nil {
				t.Error("accepted")
			}
		})
	}
}

// TestScanReadsNoPixels counts the bytes that are read of a large object.
func TestScanReadsNoPixels(t *testing.T) {
	body := elem(explicitLE, Modality, CS, "CT") + head(explicitLE, PixelDataTag, OW, 1<<30)
	r := &sparse{data: body}
	obj, err := ScanDataSet(r, int64(len(body))+1<<30, ExplicitVRLittleEndian)
	if err != nil || obj.PixelData.Length != 1<<30 {
		t.Fatalf("%+v, %v", obj, err)
	}
	if r.read > windowSize {
		t.Errorf("%d bytes read", r.read)
	}
}

// sparse is data followed by zeros without end.
type sparse struct {
	data string
	read int
}

func (s *sparse) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off < int64(len(s.data)) {
		copy(p, s.data[off:])
	}
	s.read += len(p)
	return len(p), nil
}
