package pixel

import (
	"encoding/binary"
	"math"
	"testing"

	"concord/dicom"
)

// TestTableEqualsFormula compares the table that is built with short cuts with
// the transform computed value by value, for every stored value.
func TestTableEqualsFormula(t *testing.T) {
	for _, stored := range []int{1, 7, 8, 10, 12, 16} {
		for _, signed := range []int{0, 1} {
			for _, slope := range []float64{1, -1, 0.37, 2.5} {
				for _, w := range []Window{{Center: 40, Width: 400}, {Center: 0.5, Width: 1}, {Center: -300, Width: 90000},
					{Center: 20, Width: 33.3, Function: LinearExact}, {Center: 100, Width: 300, Function: Sigmoid}, {Center: 1 << 20, Width: 3}} {
					a := gray16(1, 1, stored, 0).with(attributes{dicom.PixelRepresentation: signed, dicom.RescaleSlope: slope, dicom.RescaleIntercept: -24.0})
					checkTable(t, a, w)
				}
			}
		}
	}
}

func checkTable(t *testing.T, a attributes, w Window) {
	t.Helper()
	m, err := a.open(t, dicom.ExplicitVRLittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	tr, ok, err := m.transform(1, w)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	var look table
	m.fill(&look, &tr)
	low, high := m.storedRange()
	for s := low; s <= high; s++ {
		x := float64(s)*tr.slope + tr.intercept
		if want := uint8(w.apply(x)*255 + 0.5); look[s&(1<<m.bitsStored-1)] != want {
			t.Fatalf("%d bits, signed %v, slope %g, %+v: %d gives %d, want %d", m.bitsStored, m.signed, tr.slope, w, s,
				look[s&(1<<m.bitsStored-1)], want)
		}
	}
}

// TestCells renders the values 0 and the highest through every layout of cells.
func TestCells(t *testing.T) {
	whole := Window{Center: 0.5, Width: 1}
	for _, c := range []struct {
		name   string
		change attributes
		want   string
	}{
		{"8 bits", attributes{dicom.BitsAllocated: 8, dicom.BitsStored: 8, dicom.HighBit: 7, dicom.PixelDataTag: []byte{0, 1, 0, 200}}, "[0 255 0 255]"},
		{"7 of 8 bits", attributes{dicom.BitsAllocated: 8, dicom.BitsStored: 7, dicom.HighBit: 6, dicom.PixelDataTag: []byte{0x80, 1, 0, 0x81}}, "[0 255 0 255]"},
		{"12 of 16 bits", attributes{dicom.PixelDataTag: []uint16{0xF000, 1, 0, 0xF001}}, "[0 255 0 255]"},
		{"12 of 16 bits, high bit 15", attributes{dicom.HighBit: 15, dicom.PixelDataTag: []uint16{0xF, 0x10, 0, 0x1F}}, "[0 255 0 255]"},
		{"12 bits signed", attributes{dicom.PixelRepresentation: 1, dicom.PixelDataTag: []uint16{0xFFF, 1, 0x800, 0x7FF}}, "[0 255 0 255]"},
		{"10 of 10 bits packed", attributes{dicom.BitsAllocated: 10, dicom.BitsStored: 10, dicom.HighBit: 9,
			dicom.PixelDataTag: []byte{0x00, 0x04, 0x00, 0x40, 0x00, 0x00}}, "[0 255 0 255]"},
		{"12 of 12 bits packed", attributes{dicom.BitsAllocated: 12, dicom.PixelDataTag: []byte{0x00, 0x10, 0x00, 0x00, 0x10, 0x00}}, "[0 255 0 255]"},
		{"1 bit", attributes{dicom.BitsAllocated: 1, dicom.BitsStored: 1, dicom.HighBit: 0, dicom.PixelDataTag: []byte{0b1010, 0}}, "[0 255 0 255]"},
		{"32 bits", attributes{dicom.BitsAllocated: 32, dicom.BitsStored: 32, dicom.HighBit: 31,
			dicom.PixelDataTag: []uint16{0, 0, 1, 0, 0, 0, 0, 9}}, "[0 255 0 255]"},
		{"32 bits signed", attributes{dicom.BitsAllocated: 32, dicom.BitsStored: 32, dicom.HighBit: 31, dicom.PixelRepresentation: 1,
			dicom.PixelDataTag: []uint16{0xFFFF, 0xFFFF, 1, 0, 0, 0x8000, 0, 9}}, "[0 255 0 255]"},
		{"MONOCHROME1", attributes{dicom.PhotometricInterpretation: "MONOCHROME1", dicom.PixelDataTag: []uint16{1, 0, 1, 0}}, "[0 255 0 255]"},
		{"inverse shape", attributes{dicom.PresentationLUTShape: "INVERSE", dicom.PixelDataTag: []uint16{1, 0, 1, 0}}, "[0 255 0 255]"},
		{"MONOCHROME1 of inverse shape", attributes{dicom.PhotometricInterpretation: "MONOCHROME1", dicom.PresentationLUTShape: "INVERSE",
			dicom.PixelDataTag: []uint16{1, 0, 1, 0}}, "[0 255 0 255]"},
		{"padding is black", attributes{dicom.PixelPaddingValue: 4, dicom.PixelPaddingRangeLimit: 2, dicom.PixelDataTag: []uint16{2, 1, 4, 5}}, "[0 255 0 255]"},
		{"signed padding sent unsigned", attributes{dicom.BitsStored: 16, dicom.HighBit: 15, dicom.PixelRepresentation: 1, dicom.PixelPaddingValue: 63536,
			dicom.PhotometricInterpretation: "MONOCHROME1", dicom.PixelDataTag: []uint16{63536, 0, 63536, 0}}, "[0 255 0 255]"},
	} {
		for _, syntax := range []string{dicom.ExplicitVRLittleEndian, dicom.ExplicitVRBigEndian} {
			a := gray16(2, 2, 12).with(c.change)
			if _, bytes := a[dicom.PixelDataTag].([]byte); bytes && syntax == dicom.ExplicitVRBigEndian {
				continue // packed cells are words; see TestBigEndianWords
			}
			if wide := a[dicom.BitsAllocated] == 32; wide && syntax == dicom.ExplicitVRBigEndian {
				words := a[dicom.PixelDataTag].([]uint16)
				swapped := make([]uint16, len(words))
				for i := range words {
					swapped[i] = words[i^1]
				}
				a = a.with(attributes{dicom.PixelDataTag: swapped})
			}
			m, err := a.open(t, syntax)
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			picture, err := m.Frame(1, whole)
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			if got := samples(picture); got != c.want {
				t.Errorf("%s in %s: %s, want %s", c.name, syntax, got, c.want)
			}
		}
	}
}

// TestBigEndianWords: PS3.5 7.3, cells of up to 8 bits in OW are swapped in
// pairs, also across the border of two frames.
func TestBigEndianWords(t *testing.T) {
	a := gray16(1, 3, 8).with(attributes{dicom.BitsAllocated: 8, dicom.NumberOfFrames: 2, dicom.PixelDataTag: []uint16{0x0201, 0x0403, 0x0605}})
	m, err := a.open(t, dicom.ExplicitVRBigEndian)
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]string{1: "[1 2 3]", 2: "[4 5 6]"} {
		picture, err := m.Frame(n, Window{})
		if err != nil {
			t.Fatal(err)
		}
		if got := samples(picture); got != want {
			t.Errorf("frame %d is %s, want %s", n, got, want)
		}
	}
}

// TestSingleBitFrames: PS3.5 8.1.1, frames of single bits follow each other
// inside a byte.
func TestSingleBitFrames(t *testing.T) {
	a := gray16(1, 3, 1).with(attributes{dicom.BitsAllocated: 1, dicom.NumberOfFrames: 3, dicom.PixelDataTag: []byte{0b11_100_001, 0b0}})
	for n, want := range map[int]string{1: "[255 0 0]", 2: "[0 0 255]", 3: "[255 255 0]"} {
		picture, err := a.render(t, n, Window{})
		if err != nil {
			t.Fatal(err)
		}
		if got := samples(picture); got != want {
			t.Errorf("frame %d is %s, want %s", n, got, want)
		}
	}
}

func TestLUTs(t *testing.T) {
	modality := []attributes{{dicom.LUTDescriptor: []uint16{4, 10, 16}, dicom.LUTData: []uint16{100, 200, 300, 400}}}
	voi := []attributes{{dicom.LUTDescriptor: []uint16{3, 5, 8}, dicom.LUTData: []uint16{0, 51, 255}}}
	negative := []attributes{{dicom.LUTDescriptor: []uint16{3, 0xFFFF, 8}, dicom.LUTData: []uint16{0, 51, 255}}}
	bytes := []attributes{{dicom.LUTDescriptor: []uint16{4, 5, 8}, dicom.LUTData: []byte{0, 51, 102, 255}}}
	deeper := []attributes{{dicom.LUTDescriptor: []uint16{3, 5, 8}, dicom.LUTData: []uint16{0, 1023, 512}}}
	groups := []attributes{{dicom.FrameVOILUTSequence: []attributes{{dicom.VOILUTSequence: voi}},
		dicom.PixelValueTransformationSequence: []attributes{{dicom.RescaleSlope: 1.0, dicom.RescaleIntercept: -3.0}}}}
	for _, c := range []struct {
		name string
		a    attributes
		w    Window
		want string
	}{
		{"modality LUT", attributes{dicom.ModalityLUTSequence: modality, dicom.PixelDataTag: []uint16{0, 11, 12, 99}}, Window{Center: 200.5, Width: 201}, "[0 128 255 255]"},
		{"VOI LUT", attributes{dicom.VOILUTSequence: voi, dicom.PixelDataTag: []uint16{0, 6, 7, 99}}, Window{}, "[0 51 255 255]"},
		{"VOI LUT of bytes", attributes{dicom.VOILUTSequence: bytes, dicom.PixelDataTag: []uint16{0, 6, 7, 99}}, Window{}, "[0 51 102 255]"},
		{"VOI LUT from -1", attributes{dicom.VOILUTSequence: negative, dicom.RescaleSlope: 1.0, dicom.RescaleIntercept: -10.0,
			dicom.PixelDataTag: []uint16{0, 9, 10, 11}}, Window{}, "[0 0 51 255]"},
		{"VOI LUT deeper than it says", attributes{dicom.VOILUTSequence: deeper, dicom.PixelDataTag: []uint16{5, 6, 7, 8}}, Window{}, "[0 255 128 128]"},
		{"VOI LUT in functional groups", attributes{dicom.SharedFunctionalGroupsSequence: groups, dicom.RescaleIntercept: 50.0,
			dicom.PixelDataTag: []uint16{3, 9, 10, 99}}, Window{}, "[0 51 255 255]"},
		{"modality LUT of angiography is for measuring", attributes{dicom.Modality: "XA", dicom.PixelIntensityRelationship: "LOG",
			dicom.ModalityLUTSequence: modality, dicom.PixelDataTag: []uint16{0, 11, 12, 99}}, Window{Center: 11.5, Width: 1}, "[0 0 255 255]"},
	} {
		got := levels(gray16(2, 2, 12).with(c.a).grey(t, c.w))
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestFloatPixels: PS3.3 C.7.6.24.
func TestFloatPixels(t *testing.T) {
	var single, double []byte
	for _, v := range []float64{-1, 0, 1, math.NaN(), math.Inf(1), 99} {
		single = binary.LittleEndian.AppendUint32(single, math.Float32bits(float32(v)))
		double = binary.LittleEndian.AppendUint64(double, math.Float64bits(v))
	}
	base := gray16(2, 3, 12).with(attributes{dicom.PixelDataTag: nil, dicom.BitsStored: nil, dicom.HighBit: nil, dicom.FloatPixelPaddingValue: 99.0})
	for name, a := range map[string]attributes{
		"float":  base.with(attributes{dicom.BitsAllocated: 32, dicom.FloatPixelDataTag: single}),
		"double": base.with(attributes{dicom.BitsAllocated: 64, dicom.DoubleFloatPixelDataTag: double}),
	} {
		if got := levels(a.grey(t, Window{})); got != "[0 128 255 0 0 0]" {
			t.Errorf("%s, own window: %s", name, got)
		}
		header := a.with(attributes{dicom.WindowCenter: "0", dicom.WindowWidth: "4"})
		if got := levels(header.grey(t, Window{})); got != "[64 128 191 0 0 0]" {
			t.Errorf("%s, header's window: %s", name, got)
		}
	}
}
