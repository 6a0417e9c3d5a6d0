package pixel

import (
	"fmt"
	"math"
	"strings"

	"concord/dicom"
)

// transform is the way from a stored value to grey: modality, VOI, presentation.
type transform struct {
	slope, intercept float64 // PS3.3 C.11.1.1.2
	rescaled         bool    // the header has slope and intercept
	modality         *lut    // instead of them
	window           Window
	voi              *lut // instead of window
	invert           bool
}

// value is the modality transform of a stored value.
func (t *transform) value(stored float64) float64 {
	if t.modality != nil {
		return float64(t.modality.at(int(stored)))
	}
	return stored*t.slope + t.intercept
}

// grey is the whole way.
func (t *transform) grey(stored float64) uint8 {
	var y float64
	if x := t.value(stored); t.voi != nil {
		y = float64(t.voi.at(int(math.Floor(x+0.5)))) / float64(int(1)<<t.voi.bits-1)
	} else {
		y = t.window.apply(x)
	}
	if t.invert {
		y = 1 - y
	}
	return uint8(y*255 + 0.5)
}

// transform finds the transforms of frame n for the wanted window. ok is false
// where neither the caller nor the header has one.
func (m *Image) transform(n int, want Window) (t transform, ok bool, err error) {
	m.setModality(&t, n)
	t.invert = m.photometric == "MONOCHROME1" || m.obj.String(dicom.PresentationLUTShape) == "INVERSE"
	if want.Preset != "" && !m.hounsfield(&t) {
		want = Window{}
	}
	windows := m.windows(n)
	switch {
	case want.Number > len(windows) || want.Number < 0:
		return t, false, fmt.Errorf("the object has no window %d; its header holds %d", want.Number, len(windows))
	case want.Number > 0:
		t.window = windows[want.Number-1]
	case want.Width > 0:
		t.window = want
	case len(windows) > 0:
		t.window = windows[0]
	default:
		t.voi = m.voiLUT(&t, n)
		if t.voi != nil || !m.hounsfield(&t) {
			return t, t.voi != nil, nil
		}
		t.window = m.bodyPartWindow()
	}
	if !t.window.valid() {
		return t, false, fmt.Errorf("window %g/%g is not one", t.window.Center, t.window.Width)
	}
	return t, true, nil
}

// setModality reads the modality transform: of the frame's functional groups
// (PS3.3 C.7.6.16.2.9), else a modality LUT, else rescale slope and intercept.
func (m *Image) setModality(t *transform, n int) {
	d := m.group(n, dicom.PixelValueTransformationSequence)
	if d == nil {
		d = m.obj.DataSet
		if !m.measuringLUT() {
			t.modality = readLUT(d.Item(dicom.ModalityLUTSequence), dicom.LUTDescriptor, dicom.LUTData, m.signed)
		}
	}
	t.slope, t.intercept = 1, 0
	if slope, ok := d.Float(dicom.RescaleSlope); ok && slope != 0 {
		t.slope = slope
	}
	if intercept, ok := d.Float(dicom.RescaleIntercept); ok {
		t.intercept, t.rescaled = intercept, true
	}
}

// measuringLUT says whether the modality LUT is for measuring only: that of
// X-ray angiography leads back to linear intensity, while the window holds for
// the stored values (PS3.3 C.8.7.1.1.2).
func (m *Image) measuringLUT() bool {
	modality, relation := m.obj.String(dicom.Modality), m.obj.String(dicom.PixelIntensityRelationship)
	return (modality == "XA" || modality == "RF") && (relation == "LOG" || relation == "DISP")
}

// group returns the item of a functional group macro for frame n: the frame's
// own, else the shared one (PS3.3 C.7.6.16), else nil.
func (m *Image) group(n int, macro dicom.Tag) *dicom.DataSet {
	if frames := m.obj.Items(dicom.PerFrameFunctionalGroupsSequence); n <= len(frames) {
		if item := frames[n-1].Item(macro); item != nil {
			return item
		}
	}
	return m.obj.Item(dicom.SharedFunctionalGroupsSequence).Item(macro)
}

// hounsfield says whether values after the modality transform are Hounsfield
// units, for which the presets hold.
func (m *Image) hounsfield(t *transform) bool {
	kind := m.obj.String(dicom.RescaleType)
	return m.obj.String(dicom.Modality) == "CT" && (kind == "" || kind == "HU") && t.modality == nil && t.rescaled
}

// windows returns the valid windows that the header gives for frame n.
func (m *Image) windows(n int) []Window {
	d := m.group(n, dicom.FrameVOILUTSequence)
	if d == nil {
		d = m.obj.DataSet
	}
	centers, widths := d.Floats(dicom.WindowCenter), d.Floats(dicom.WindowWidth)
	function := Function(strings.ToUpper(d.String(dicom.VOILUTFunction)))
	if m.float && (function == "" || function == Linear) {
		function = LinearExact // the halves and ones of LINEAR are for whole numbers
	}
	var windows []Window
	for i := range min(len(centers), len(widths)) {
		if w := (Window{Center: centers[i], Width: widths[i], Function: function}); w.valid() {
			windows = append(windows, w)
		}
	}
	return windows
}

// voiLUT reads the first VOI LUT (PS3.3 C.11.2.1.1).
func (m *Image) voiLUT(t *transform, n int) *lut {
	d := m.group(n, dicom.FrameVOILUTSequence)
	if d == nil {
		d = m.obj.DataSet
	}
	low, _ := m.storedRange()
	negative := t.modality == nil && t.value(float64(low)) < 0
	return readLUT(d.Item(dicom.VOILUTSequence), dicom.LUTDescriptor, dicom.LUTData, negative)
}

// storedRange returns the lowest and highest stored value that bitsStored can
// hold.
func (m *Image) storedRange() (low, high int) {
	if m.signed {
		return -1 << (m.bitsStored - 1), 1<<(m.bitsStored-1) - 1
	}
	return 0, 1<<m.bitsStored - 1
}
