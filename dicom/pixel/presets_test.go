package pixel

import (
	"fmt"
	"image"
	"strings"
	"testing"

	"concord/dicom"
)

func TestPresetFor(t *testing.T) {
	for anatomy, want := range map[string]string{
		"lung": "lung", "left lower lobe": "lung", "basal segment": "lung", "pneumothorax": "lung", "pleural cavity": "lung",
		"mediastinum": "mediastinum", "left ventricle": "mediastinum", "pulmonary artery": "mediastinum", "aortic arch": "mediastinum",
		"chest": "mediastinum", "rib": "bone", "fracture": "bone", "femoral head": "bone", "hip": "bone", "radial head": "bone",
		"brain": "brain", "hippocampus": "brain", "corona radiata": "brain", "ventricle": "brain", "frontal lobe": "brain",
		"left hepatic lobe": "liver", "portal vein": "liver", "pancreatic head": "abdomen", "gallbladder": "abdomen",
		"renal pelvis": "kidney", "bladder": "pelvis", "intervertebral disc": "spine", "mastoid": "temporal-bone",
	} {
		if w, ok := PresetFor(anatomy); !ok || w.Preset != want || !w.valid() {
			t.Errorf("%s: %q, want %q", anatomy, w.Preset, want)
		}
	}
	if w, ok := PresetFor("skin"); ok {
		t.Errorf("skin: %q", w.Preset)
	}
}

// TestPresetsExist: every name that a table uses is a preset.
func TestPresetsExist(t *testing.T) {
	for part, name := range bodyPartPresets {
		if !presets[name].valid() {
			t.Errorf("%s: no preset %q", part, name)
		}
	}
	for _, row := range anatomyPresets {
		if !presets[row.name].valid() {
			t.Errorf("%.20s: no preset %q", row.words, row.name)
		}
	}
}

// TestBodyPartWindow: CT without a window is seen through the preset of its
// body part; other modalities are not.
func TestBodyPartWindow(t *testing.T) {
	ct := gray16(1, 3, 12, 984, 1064, 1144).with(attributes{dicom.Modality: "CT", dicom.RescaleSlope: 1.0, dicom.RescaleIntercept: -1024.0})
	for _, c := range []struct {
		name    string
		changes attributes
		want    string
	}{
		{"brain", attributes{dicom.BodyPartExamined: "HEAD"}, "[0 129 255]"}, // -40, 40 and 120 under 40/80
		{"other", attributes{dicom.BodyPartExamined: "NECK"}, "[70 121 173]"},
		{"own window", attributes{dicom.BodyPartExamined: "HEAD", dicom.WindowCenter: "40", dicom.WindowWidth: "400"}, "[77 128 179]"},
		{"MR", attributes{dicom.Modality: "MR", dicom.BodyPartExamined: "HEAD"}, "[0 128 255]"},
		{"not in Hounsfield units", attributes{dicom.RescaleIntercept: nil, dicom.RescaleSlope: nil}, "[0 128 255]"},
	} {
		if got := levels(ct.with(c.changes).grey(t, Window{})); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestContentFrames: of each stretch the frame that shows most is picked, and
// what cannot be rendered is passed over.
func TestContentFrames(t *testing.T) {
	peak := func(frame int) float64 { return -float64((frame - 50) * (frame - 50)) }
	for _, c := range []struct {
		n, budget int
		content   func(int) float64
		want      string
	}{
		{100, 1, peak, "[51]"},
		{100, 2, peak, "[42 59]"},
		{3, 5, peak, "[1 2 3]"},
		{0, 4, peak, "[]"},
		{9, 3, func(int) float64 { return 0 }, "[1 4 7]"},
	} {
		content := func(frame int) float64 { return 10000 + c.content(frame) }
		if got := fmt.Sprint(ContentFrames(c.n, c.budget, content)); got != c.want {
			t.Errorf("%d of %d: %s, want %s", c.budget, c.n, got, c.want)
		}
	}
}

func TestContent(t *testing.T) {
	picture := image.NewGray(image.Rect(0, 0, 16, 16))
	if c := Content(picture); c != 0 {
		t.Errorf("a blank picture: %g bits", c)
	}
	for i := range picture.Pix {
		picture.Pix[i] = byte(i)
	}
	if c := Content(picture); c != 8 {
		t.Errorf("each level once: %g bits", c)
	}
	if !strings.HasPrefix(fmt.Sprint(Content(image.NewNRGBA(picture.Rect))), "0") {
		t.Error("black in colour has content")
	}
}
