package dicom

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"testing"
)

// FuzzScan: whatever the bytes, Scan returns, an object or an error, and what
// it claims to have found lies inside them.
func FuzzScan(f *testing.F) {
	f.Add([]byte(part10(f, ExplicitVRLittleEndian, plain(explicitLE))))
	f.Add([]byte(part10(f, ImplicitVRLittleEndian, plain(implicitLE))))
	f.Add([]byte(part10(f, ExplicitVRBigEndian, plain(explicitBE))))
	f.Add([]byte(part10(f, DeflatedExplicitVRLittleEndian, deflated(f, plain(explicitLE)))))
	f.Add([]byte(plain(implicitLE)))
	f.Add([]byte(part10(f, JPEGBaseline, elem(explicitLE, Modality, CS, "US")+
		open(explicitLE, PixelDataTag, OB, elem(explicitLE, Item, 0, "")+elem(explicitLE, Item, 0, "data")+elem(explicitLE, SequenceDelimitationItem, 0, "")))))
	f.Add([]byte(part10(f, ExplicitVRLittleEndian, open(explicitLE, ContentSequence, UN, open(explicitLE, Item, 0, elem(implicitLE, TextValue, UT, "text"))))))
	f.Add([]byte(part10(f, ExplicitVRLittleEndian, elem(explicitLE, SpecificCharacterSet, CS, "\\ISO 2022 IR 87")+elem(explicitLE, PatientName, PN, "\x1b$B;3ED\x1b(B"))))
	f.Add([]byte(part10(f, ExplicitVRLittleEndian, nested(40))))
	f.Fuzz(func(t *testing.T, data []byte) {
		obj, err := Scan(bytes.NewReader(data), int64(len(data)))
		checkScan(t, data, obj, err)
	})
}

// checkScan asserts what must hold for any bytes.
func checkScan(t testing.TB, data []byte, obj *Object, err error) {
	if obj == nil {
		if err == nil {
			t.Error("neither object nor error")
		}
		return
	}
	if obj.TransferSyntax == "" && err == nil {
		t.Error("a whole object without transfer syntax")
	}
	if obj.DataSetOffset < 0 || obj.DataSetOffset > int64(len(data)) {
		t.Errorf("the data set starts at %d of %d", obj.DataSetOffset, len(data))
	}
	syntax, _ := LookupTransferSyntax(obj.TransferSyntax)
	checkSet(t, obj.Meta, data, 0, false)
	checkSet(t, obj.DataSet, data, 0, syntax.Deflated)
	if p := obj.PixelData; p != nil && !syntax.Deflated {
		checkSpan(t, Span{p.Offset, p.Length}, data)
		for _, span := range p.Fragments {
			checkSpan(t, span, data)
		}
	}
}

func checkSpan(t testing.TB, s Span, data []byte) {
	if s.Offset < 0 || s.Length < 0 || s.Offset+s.Length > int64(len(data)) {
		t.Errorf("%+v does not lie in %d bytes", s, len(data))
	}
}

// checkSet walks a data set: order, depth, values as they stand in data, and
// every reading of them.
func checkSet(t testing.TB, d *DataSet, data []byte, depth int, deflated bool) {
	if depth > maxDepth {
		t.Fatalf("%d levels", depth)
	}
	for i := range d.elements {
		e := &d.elements[i]
		if i > 0 && e.tag < d.elements[i-1].tag {
			t.Errorf("%v stands behind %v", e.tag, d.elements[i-1].tag)
		}
		if len(e.value) > maxValue {
			t.Errorf("%v keeps %d bytes", e.tag, len(e.value))
		}
		if len(e.value) > 0 && !deflated && !bytes.Equal(e.value, data[e.offset:][:len(e.value)]) {
			t.Errorf("%v is not what stands at %d", e.tag, e.offset)
		}
		if text := d.String(e.tag); len(text) > 4*len(d.Bytes(e.tag))+32 {
			t.Errorf("%v: %d bytes became %d", e.tag, len(d.Bytes(e.tag)), len(text))
		}
		d.Strings(e.tag)
		d.Ints(e.tag)
		d.Floats(e.tag)
		for _, item := range e.items {
			if item.parent != d {
				t.Errorf("an item of %v has another parent", e.tag)
			}
			checkSet(t, item, data, depth+1, deflated)
		}
	}
}

// TestMutations changes four bytes of every real file, again and again: no
// panic, no memory beyond the bound.
func TestMutations(t *testing.T) {
	const rounds = 16
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range corpus(t) {
		data := readFile(t, name)
		headers := min(len(data), 8<<10) // pixels hardly matter to a scan
		var before, after runtime.MemStats
		for range rounds {
			at := random.IntN(headers - 4)
			original := [4]byte(data[at:])
			binary.LittleEndian.PutUint32(data[at:], random.Uint32())
			runtime.ReadMemStats(&before)
			obj, err := Scan(bytes.NewReader(data), int64(len(data)))
			runtime.ReadMemStats(&after)
			if spent := after.TotalAlloc - before.TotalAlloc; spent > 8<<20+8*uint64(len(data)) {
				t.Errorf("%s, four bytes at %d: %d MiB allocated", filepath.Base(name), at, spent>>20)
			}
			checkScan(t, data, obj, err)
			copy(data[at:], original[:])
		}
	}
}

func BenchmarkScan(b *testing.B) {
	for _, name := range corpus(b) {
		data := readFile(b, name)
		if len(data) < 500<<10 || len(data) > 600<<10 {
			continue
		}
		b.Run(filepath.Base(name), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Scan(bytes.NewReader(data), int64(len(data))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
