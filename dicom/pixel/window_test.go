package pixel

import (
	"math"
	"slices"
	"testing"

	"concord/dicom"
)

// TestWindowFormulas: the values that PS3.3 C.11.2.1.2.1 and C.11.2.1.3 give
// for center 2048, width 4096 and others, as in the notes there.
func TestWindowFormulas(t *testing.T) {
	for _, c := range []struct {
		w       Window
		x, want float64
	}{
		// Note 2 of C.11.2.1.2.1: c=2048, w=4096 becomes x<=0: 0, x>4095: 1, else x/4095.
		{Window{Center: 2048, Width: 4096}, 0, 0}, {Window{Center: 2048, Width: 4096}, -1, 0},
		{Window{Center: 2048, Width: 4096}, 4095, 1}, {Window{Center: 2048, Width: 4096}, 4096, 1},
		{Window{Center: 2048, Width: 4096}, 1365, 1365.0 / 4095},
		// c=2048, w=1: x<=2047.5: 0, else 1.
		{Window{Center: 2048, Width: 1}, 2047, 0}, {Window{Center: 2048, Width: 1}, 2048, 1},
		// c=0, w=100: x<=-50: 0, x>49: 1, else (x+0.5)/99+0.5.
		{Window{Center: 0, Width: 100}, -50, 0}, {Window{Center: 0, Width: 100}, 49.1, 1},
		{Window{Center: 0, Width: 100}, 0, 0.5/99 + 0.5},
		// c=0, w=1: x<=-0.5: 0, else 1.
		{Window{Center: 0, Width: 1}, -0.5, 0}, {Window{Center: 0, Width: 1}, 0, 1},
		// LINEAR_EXACT, c=2048, w=4096: x<=0: 0, x>4096: 1, else x/4096.
		{Window{Center: 2048, Width: 4096, Function: LinearExact}, 0, 0},
		{Window{Center: 2048, Width: 4096, Function: LinearExact}, 1024, 0.25},
		{Window{Center: 2048, Width: 4096, Function: LinearExact}, 4097, 1},
		{Window{Center: 0, Width: 0.5, Function: LinearExact}, 0.125, 0.75},
		{Window{Center: 100, Width: 40, Function: Sigmoid}, 100, 0.5},
		{Window{Center: 100, Width: 40, Function: Sigmoid}, 110, 1 / (1 + math.Exp(-1))},
	} {
		if got := c.w.apply(c.x); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%+v of %g is %g, want %g", c.w, c.x, got, c.want)
		}
	}
}

func TestParseWindow(t *testing.T) {
	for _, c := range []struct {
		text string
		want Window
		ok   bool
	}{
		{"", Window{}, true},
		{"lung", Window{Center: -600, Width: 1500, Preset: "lung"}, true},
		{"Brain", Window{Center: 40, Width: 80, Preset: "brain"}, true},
		{"40/400", Window{Center: 40, Width: 400}, true},
		{"-600.5/1500", Window{Center: -600.5, Width: 1500}, true},
		{"40/0", Window{}, false}, {"40/-1", Window{}, false}, {"2", Window{Number: 2}, true}, {"0", Window{}, false}, {"-2", Window{}, false}, {"a/b", Window{}, false},
		{"NaN/400", Window{}, false}, {"40/Inf", Window{}, false}, {"40/1e300", Window{}, false}, {"toe", Window{}, false},
	} {
		got, err := ParseWindow(c.text)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("%q gives %+v, %v", c.text, got, err)
		}
	}
	for _, name := range Presets() {
		if w, err := ParseWindow(name); err != nil || !w.valid() {
			t.Errorf("preset %s gives %+v, %v", name, w, err)
		}
	}
}

// TestWindowChoice: which window a picture is seen through.
func TestWindowChoice(t *testing.T) {
	ct := gray16(1, 4, 12, 0, 1024, 2048, 4095).with(attributes{
		dicom.Modality: "CT", dicom.RescaleSlope: 1.0, dicom.RescaleIntercept: -1024.0,
		dicom.WindowCenter: "0\\1000", dicom.WindowWidth: "2048\\10",
	})
	lung, err := ParseWindow("lung")
	if err != nil {
		t.Fatal(err)
	}
	item := func(center, width string) attributes {
		return attributes{dicom.FrameVOILUTSequence: []attributes{{dicom.WindowCenter: center, dicom.WindowWidth: width}}}
	}
	for _, c := range []struct {
		name string
		a    attributes
		w    Window
		want Window
	}{
		{"the header's first", ct, Window{}, Window{Center: 0, Width: 2048}},
		{"the header's second", ct, Window{Number: 2}, Window{Center: 1000, Width: 10}},
		{"the caller's", ct, Window{Center: 40, Width: 400}, Window{Center: 40, Width: 400}},
		{"a preset", ct, lung, lung},
		{"a preset for MR", ct.with(attributes{dicom.Modality: "MR"}), lung, Window{Center: 0, Width: 2048}},
		{"a preset for CT without Hounsfield units", ct.with(attributes{dicom.RescaleType: "US"}), lung, Window{Center: 0, Width: 2048}},
		{"an invalid window in the header", ct.with(attributes{dicom.WindowCenter: "0\\7", dicom.WindowWidth: "0\\9"}), Window{}, Window{Center: 7, Width: 9}},
		{"shared functional groups", ct.with(attributes{dicom.SharedFunctionalGroupsSequence: []attributes{item("5", "50")}}), Window{}, Window{Center: 5, Width: 50}},
		{"the frame's functional groups", ct.with(attributes{dicom.SharedFunctionalGroupsSequence: []attributes{item("5", "50")},
			dicom.PerFrameFunctionalGroupsSequence: []attributes{item("6", "60")}}), Window{}, Window{Center: 6, Width: 60}},
		{"a sigmoid", ct.with(attributes{dicom.VOILUTFunction: "SIGMOID"}), Window{}, Window{Center: 0, Width: 2048, Function: Sigmoid}},
	} {
		m, err := c.a.open(t, dicom.ExplicitVRLittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		got, ok, err := m.transform(1, c.w)
		if err != nil || !ok || got.window != c.want {
			t.Errorf("%s: %+v %v %v, want %+v", c.name, got.window, ok, err, c.want)
		}
	}
	for _, w := range []Window{{Number: 3}, {Number: -1}, {Center: 1, Width: 0.5}, {Center: math.NaN(), Width: 4}} {
		if _, err := ct.render(t, 1, w); err == nil {
			t.Errorf("window %+v was taken", w)
		}
	}
}

// TestDefaultWindow: without a window in the header it comes from the values,
// padding excluded; pixels of 8 bits keep their range.
func TestDefaultWindow(t *testing.T) {
	cells := make([]uint16, 100*100)
	for i := range cells {
		cells[i] = uint16(1000 + i%1000)
	}
	got := gray16(100, 100, 16, cells...).grey(t, Window{})
	if got[0] != 0 || got[999] != 255 || got[500] < 126 || got[500] > 130 {
		t.Errorf("values 1000, 1500, 1999 give %d, %d, %d", got[0], got[500], got[999])
	}
	for i := range len(cells) / 2 {
		cells[i*2] = 60000
	}
	got = gray16(100, 100, 16, cells...).with(attributes{dicom.PixelPaddingValue: 60000}).grey(t, Window{})
	if got[0] != 0 || got[999] != 255 || got[501] < 126 || got[501] > 130 {
		t.Errorf("with padding, values 60000, 1501, 1999 give %d, %d, %d", got[0], got[501], got[999])
	}
	if got := slices.Max(gray16(2, 2, 16, 9, 9, 9, 9).with(attributes{dicom.PixelPaddingValue: 9}).grey(t, Window{})); got != 0 {
		t.Errorf("nothing but padding gives %d", got)
	}
	eight := gray16(1, 4, 8).with(attributes{dicom.BitsAllocated: 8, dicom.PixelDataTag: []byte{0, 7, 200, 255}})
	if got := eight.grey(t, Window{}); string(got) != "\x00\x07\xc8\xff" {
		t.Errorf("8 bits give % x", got)
	}
}
