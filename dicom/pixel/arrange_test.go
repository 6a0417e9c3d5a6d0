package pixel

import (
	"fmt"
	"image"
	"testing"

	"concord/dicom"
)

// slice is 2 rows of 3 pixels with the grey levels 1 2 3 and 4 5 6.
func slice(modality string, changes attributes) attributes {
	return attributes{
		dicom.SamplesPerPixel: 1, dicom.PhotometricInterpretation: "MONOCHROME2", dicom.Rows: 2, dicom.Columns: 3,
		dicom.BitsAllocated: 8, dicom.BitsStored: 8, dicom.HighBit: 7, dicom.PixelRepresentation: 0,
		dicom.Modality: modality, dicom.PixelDataTag: []byte{1, 2, 3, 4, 5, 6},
	}.with(changes)
}

// TestOrientation: however a slice was stored, the patient's right is on the
// left and anterior or the head is up.
func TestOrientation(t *testing.T) {
	orientation := func(modality, cosines string) attributes {
		return slice(modality, attributes{dicom.ImageOrientationPatient: cosines})
	}
	for _, c := range []struct {
		name string
		a    attributes
		want string
	}{
		{"axial", orientation("CT", `1\0\0\0\1\0`), "3x2 [1 2 3 4 5 6]"},
		{"axial, oblique", orientation("MR", `0.9\0.1\0\0\0.9\0.4`), "3x2 [1 2 3 4 5 6]"},
		{"axial, prone", orientation("CT", `-1\0\0\0\-1\0`), "3x2 [6 5 4 3 2 1]"},
		{"axial, mirrored", orientation("CT", `-1\0\0\0\1\0`), "3x2 [3 2 1 6 5 4]"},
		{"axial, upside down", orientation("CT", `1\0\0\0\-1\0`), "3x2 [4 5 6 1 2 3]"},
		{"axial, rows to the back", orientation("CT", `0\1\0\1\0\0`), "2x3 [1 4 2 5 3 6]"},
		{"axial, rows to the front", orientation("CT", `0\-1\0\1\0\0`), "2x3 [3 6 2 5 1 4]"},
		{"coronal", orientation("MR", `1\0\0\0\0\-1`), "3x2 [1 2 3 4 5 6]"},
		{"coronal, head down", orientation("MR", `1\0\0\0\0\1`), "3x2 [4 5 6 1 2 3]"},
		{"sagittal", orientation("MR", `0\1\0\0\0\-1`), "3x2 [1 2 3 4 5 6]"},
		{"sagittal, back on the left", orientation("MR", `0\-1\0\0\0\-1`), "3x2 [3 2 1 6 5 4]"},
		{"no directions", orientation("CT", `0\0\0\0\0\0`), "3x2 [1 2 3 4 5 6]"},
		{"of the frame", slice("CT", attributes{dicom.PerFrameFunctionalGroupsSequence: []attributes{
			{dicom.PlaneOrientationSequence: []attributes{{dicom.ImageOrientationPatient: `-1\0\0\0\1\0`}}}}}), "3x2 [3 2 1 6 5 4]"},
		{"secondary capture", orientation("OT", `-1\0\0\0\1\0`), "3x2 [1 2 3 4 5 6]"},
		{"chest", slice("DX", attributes{dicom.PatientOrientation: `L\F`, dicom.BodyPartExamined: "CHEST"}), "3x2 [1 2 3 4 5 6]"},
		{"chest from behind", slice("CR", attributes{dicom.PatientOrientation: `R\F`, dicom.BodyPartExamined: "CHEST"}), "3x2 [3 2 1 6 5 4]"},
		{"hand", slice("CR", attributes{dicom.PatientOrientation: `R\F`, dicom.BodyPartExamined: "HAND"}), "3x2 [1 2 3 4 5 6]"},
		{"lateral chest", slice("CR", attributes{dicom.PatientOrientation: `A\F`, dicom.BodyPartExamined: "CHEST"}), "3x2 [1 2 3 4 5 6]"},
	} {
		if got := hung(t, c.a); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestAspect: pixels become square by interpolation along their longer side.
func TestAspect(t *testing.T) {
	for _, c := range []struct {
		name    string
		changes attributes
		want    string
	}{
		{"square", attributes{dicom.PixelSpacing: `0.5\0.5`}, "3x2 [1 2 3 4 5 6]"},
		{"high", attributes{dicom.PixelSpacing: `1\0.5`}, "3x4 [1 2 3 2 3 4 3 4 5 4 5 6]"},
		{"wide", attributes{dicom.PixelAspectRatio: `1\2`}, "6x2 [1 1 2 2 3 3 4 4 5 5 6 6]"},
		{"spacing before ratio", attributes{dicom.PixelSpacing: `1\1`, dicom.PixelAspectRatio: `1\2`}, "3x2 [1 2 3 4 5 6]"},
		{"nonsense", attributes{dicom.PixelSpacing: `1\0`}, "3x2 [1 2 3 4 5 6]"},
		{"far from square", attributes{dicom.PixelSpacing: `1\1000`}, "3x2 [1 2 3 4 5 6]"},
		{"shared", attributes{dicom.SharedFunctionalGroupsSequence: []attributes{
			{dicom.PixelMeasuresSequence: []attributes{{dicom.PixelSpacing: `1\0.5`}}}}}, "3x4 [1 2 3 2 3 4 3 4 5 4 5 6]"},
		{"turned", attributes{dicom.PixelSpacing: `1\0.5`, dicom.ImageOrientationPatient: `0\1\0\1\0\0`}, "4x3 [1 2 3 4 2 3 4 5 3 4 5 6]"},
	} {
		if got := hung(t, slice("CT", c.changes)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	a := rgb(1, 2, "RGB", []byte{0, 10, 20, 100, 110, 120}).with(attributes{dicom.PixelAspectRatio: `4\1`})
	picture, err := a.render(t, 1, Window{})
	if err != nil {
		t.Fatal(err)
	}
	if size := picture.Bounds().Size(); size != image.Pt(2, 4) {
		t.Errorf("colour: %v", size)
	}
}

func hung(t *testing.T, a attributes) string {
	t.Helper()
	picture, err := a.render(t, 1, Window{Center: 127.5, Width: 255, Function: LinearExact})
	if err != nil {
		t.Fatal(err)
	}
	size := picture.Bounds().Size()
	return fmt.Sprintf("%dx%d %s", size.X, size.Y, samples(picture))
}
