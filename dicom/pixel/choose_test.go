package pixel

import (
	"fmt"
	"image"
	"image/color"
	"strings"
	"testing"

	"concord/dicom"
)

func TestDisplayable(t *testing.T) {
	ct := gray16(1, 1, 12, 1).with(attributes{dicom.SOPClassUID: dicom.CTImageStorage, dicom.Modality: "CT", dicom.ImageType: "ORIGINAL\\PRIMARY\\AXIAL"})
	for _, c := range []struct {
		name, reason string // "" if displayable
		change       attributes
	}{
		{"a CT slice", "", nil},
		{"a reformatted slice", "", attributes{dicom.ImageType: "DERIVED\\SECONDARY\\MPR"}},
		{"no pixels", "no pixel data", attributes{dicom.PixelDataTag: nil}},
		{"an SR", "structured report", attributes{dicom.SOPClassUID: dicom.ComprehensiveSRStorage, dicom.Modality: "SR"}},
		{"a key object selection", "key object selection", attributes{dicom.SOPClassUID: dicom.KeyObjectSelectionDocumentStorage}},
		{"a presentation state", "presentation state", attributes{dicom.SOPClassUID: "1.2.840.10008.5.1.4.1.1.11.1"}},
		{"a class that starts alike", "", attributes{dicom.SOPClassUID: "1.2.840.10008.5.1.4.1.1.12.1", dicom.Modality: "XA"}},
		{"a segmentation", "segmentation", attributes{dicom.SOPClassUID: dicom.SegmentationStorage}},
		{"an RT dose", "radiotherapy object", attributes{dicom.SOPClassUID: dicom.RTDoseStorage}},
		{"an unknown class of modality SR", "structured report", attributes{dicom.SOPClassUID: "1.2.3", dicom.Modality: "SR"}},
		{"a localizer", "localizer (image type LOCALIZER)", attributes{dicom.ImageType: "ORIGINAL\\PRIMARY\\LOCALIZER"}},
		{"an enhanced localizer", "localizer (image type LOCALIZER)", attributes{dicom.SharedFunctionalGroupsSequence: []attributes{
			{dicom.CTImageFrameTypeSequence: []attributes{{dicom.FrameType: "ORIGINAL\\PRIMARY\\LOCALIZER\\NONE"}}}}}},
		{"a dose sheet", "dose sheet (image type DOSE_INFO)", attributes{dicom.ImageType: "DERIVED\\SECONDARY\\DOSE_INFO"}},
		{"a screen save", "screen save (image type SCREEN SAVE)", attributes{dicom.ImageType: "DERIVED\\SECONDARY\\SCREEN SAVE"}},
		{"a topogram by its description", "localizer (series description)", attributes{dicom.SeriesDescription: "Topogram  0.6  T20f"}},
		{"a Chinese localizer", "localizer (series description)", attributes{dicom.SeriesDescription: "胸部定位像"}},
		{"a scout view of MR", "localizer (series description)", attributes{dicom.Modality: "MR", dicom.SeriesDescription: "3-plane scout"}},
		{"a scout film of DX", "", attributes{dicom.Modality: "DX", dicom.SeriesDescription: "Abdomen scout film"}},
		{"a workstation's capture", "screen save (a workstation's secondary capture)", attributes{dicom.SOPClassUID: dicom.SecondaryCaptureImageStorage, dicom.ConversionType: "WSD"}},
		{"a digitised film", "", attributes{dicom.SOPClassUID: dicom.SecondaryCaptureImageStorage, dicom.ConversionType: "DF", dicom.Modality: "CR"}},
	} {
		body := ct.with(c.change).with(attributes{dicom.SpecificCharacterSet: "ISO_IR 192"}).encode(leOrder)
		body = []byte(strings.Replace(string(body), "\x08\x00\x3e\x10CS", "\x08\x00\x3e\x10LO", 1)) // a description is text
		obj, err := dicom.ScanDataSet(strings.NewReader(string(body)), int64(len(body)), dicom.ExplicitVRLittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		ok, reason := Displayable(obj)
		if ok != (c.reason == "") || !strings.Contains(reason, c.reason) {
			t.Errorf("%s: %v, %q", c.name, ok, reason)
		}
	}
}

func TestSpreadFrames(t *testing.T) {
	for _, c := range []struct {
		n, budget int
		want      string
	}{
		{1, 1, "[1]"}, {3, 5, "[1 2 3]"}, {10, 1, "[6]"}, {10, 2, "[3 8]"}, {100, 4, "[13 38 63 88]"}, {5, 0, "[]"}, {0, 3, "[]"}, {4, -1, "[]"},
		{1_000_000, 2, "[250001 750001]"},
	} {
		if got := fmt.Sprint(SpreadFrames(c.n, c.budget)); got != c.want {
			t.Errorf("%d of %d: %s, want %s", c.budget, c.n, got, c.want)
		}
	}
}

func TestQuality(t *testing.T) {
	gray := func(width, height int, level func(x, y int) int) image.Image {
		p := image.NewGray(image.Rect(0, 0, width, height))
		for i := range p.Pix {
			p.Pix[i] = uint8(level(i%width, i/width))
		}
		return p
	}
	ramp := func(x, y int) int { return 2 * x }
	slice := func(x, y int) int { // a bright body in black air
		if (x-50)*(x-50)+(y-50)*(y-50) < 900 {
			return 90 + x
		}
		return 0
	}
	colour := image.NewNRGBA(image.Rect(0, 0, 100, 100))
	for i := range 10000 {
		colour.SetNRGBA(i%100, i/100, color.NRGBA{R: uint8(2 * (i % 100)), G: 90, A: 255})
	}
	paletted := image.NewPaletted(image.Rect(5, 5, 105, 105), color.Palette{color.Black, color.White})
	for i := range paletted.Pix {
		paletted.Pix[i] = uint8(i / 40 % 2)
	}
	for _, c := range []struct {
		name, reason string // "" if good
		picture      image.Image
	}{
		{"a ramp", "", gray(100, 100, ramp)},
		{"a slice", "", gray(100, 100, slice)},
		{"colour", "", colour},
		{"another kind of image", "", paletted},
		{"a strip", "too small: the shorter side has 31 pixels", gray(100, 31, ramp)},
		{"nothing", "too small: the shorter side has 0 pixels", gray(0, 0, ramp)},
		{"black", "blank: the grey levels differ by 0", gray(100, 100, func(int, int) int { return 0 })},
		{"noise of one level", "blank: the grey levels differ by 1", gray(100, 100, func(x, y int) int { return 100 + (x+y)%2 })},
		{"mostly white", "saturated: 80 %", gray(100, 100, func(x, y int) int { return min(255, 13*x) })},
		{"dark", "too dark: 99 % of the pixels are at most 24", gray(100, 100, func(x, y int) int { return x / 4 })},
		{"flat", "too little contrast: 98 % of the pixels are within 19", gray(100, 100, func(x, y int) int { return 100 + x/5 })},
	} {
		reason := ""
		if defect := Quality(c.picture); defect != nil {
			reason = defect.Error()
		}
		if (reason == "") != (c.reason == "") || !strings.HasPrefix(reason, c.reason) {
			t.Errorf("%s: %q; want %q", c.name, reason, c.reason)
		}
	}
}
