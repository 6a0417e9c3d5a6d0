package pixel

import (
	"fmt"
	"strings"

	"concord/dicom"
)

// Displayable says whether an object is a picture of the patient that a
// statement can be checked on, and if not, why: documents, presentation states,
// radiotherapy and segmentation objects, localizers, dose sheets and screen
// saves are not. The reason fits behind 'not displayable: '.
func Displayable(obj *dicom.Object) (ok bool, reason string) {
	class, modality := obj.String(dicom.SOPClassUID), obj.String(dicom.Modality)
	if kind := notImage(class, modality); kind != "" {
		return false, kind
	}
	if obj.PixelData == nil {
		return false, "no pixel data"
	}
	for _, value := range imageTypes(obj) {
		if kind, found := imageTypeKinds[value]; found {
			return false, fmt.Sprintf("%s (image type %s)", kind, value)
		}
	}
	// A workstation's secondary capture of slices is a screen save; one of
	// film, video or a camera is a picture.
	if class == dicom.SecondaryCaptureImageStorage && obj.String(dicom.ConversionType) == "WSD" && (modality == "CT" || modality == "MR") {
		return false, "screen save (a workstation's secondary capture)"
	}
	text := strings.ToLower(obj.String(dicom.SeriesDescription) + " " + obj.String(dicom.ProtocolName))
	for _, w := range descriptionWords {
		if strings.Contains(text, w.word) && (w.anywhere || crossSectional[modality]) {
			return false, fmt.Sprintf("%s (series description)", w.kind)
		}
	}
	return true, ""
}

// classKinds are the storage classes that hold no picture of the patient, by
// the start of their UIDs below 1.2.840.10008.5.1.4.1.1.
var classKinds = []struct{ prefix, kind string }{
	{"8", "overlay"}, {"9", "waveform"}, {"10", "look-up table"}, {"11", "presentation state"}, {"30", "parametric map"},
	{"66", "raw data, registration or segmentation"}, {"67", "value mapping"}, {"68", "surface"},
	{"77.1.5.3", "stereometric relationship"}, {"78", "measurements"}, {"79", "measurements"}, {"80", "measurements"},
	{"88.59", "key object selection"}, {"88", "structured report"}, {"90", "assessment"}, {"91", "annotations"},
	{"104", "encapsulated document"}, {"131", "hanging protocol"}, {"200", "procedure protocol"}, {"201", "inventory"},
	{"481", "radiotherapy object"},
}

// modalityKinds name the same by Modality (PS3.3 C.7.3.1.1.1), for classes that
// are not in the table.
var modalityKinds = map[string]string{
	"SR": "structured report", "PR": "presentation state", "KO": "key object selection", "DOC": "encapsulated document",
	"SEG": "segmentation", "REG": "registration", "FID": "fiducials", "RWV": "value mapping", "ECG": "waveform", "HD": "waveform",
	"RTSTRUCT": "radiotherapy object", "RTPLAN": "radiotherapy object", "RTDOSE": "radiotherapy object",
	"RTRECORD": "radiotherapy object", "RTIMAGE": "radiotherapy object",
}

func notImage(class, modality string) string {
	if rest, found := strings.CutPrefix(class, "1.2.840.10008.5.1.4.1.1."); found {
		for _, k := range classKinds {
			if rest == k.prefix || strings.HasPrefix(rest, k.prefix+".") {
				return k.kind
			}
		}
	}
	return modalityKinds[modality]
}

// imageTypeKinds are values of ImageType (0008,0008) and FrameType that name
// what is no diagnostic picture.
var imageTypeKinds = map[string]string{
	"LOCALIZER": "localizer", "SCOUT": "localizer", "DOSE_INFO": "dose sheet", "DOSE": "dose sheet", "PROTOCOL": "dose sheet",
	"SCREEN SAVE": "screen save", "SCREENSAVE": "screen save", "SCREEN_SAVE": "screen save", "SCREENSHOT": "screen save",
	"REPORT": "report page",
}

// imageTypes returns the values of ImageType and of the shared FrameType.
func imageTypes(obj *dicom.Object) []string {
	values := obj.Strings(dicom.ImageType)
	shared := obj.Item(dicom.SharedFunctionalGroupsSequence)
	for _, macro := range []dicom.Tag{dicom.CTImageFrameTypeSequence, dicom.MRImageFrameTypeSequence} {
		values = append(values, shared.Item(macro).Strings(dicom.FrameType)...)
	}
	for i := range values {
		values[i] = strings.ToUpper(values[i])
	}
	return values
}

var crossSectional = map[string]bool{"CT": true, "MR": true, "PT": true, "NM": true}

// descriptionWords are what vendors call such series where the image type does
// not; those that may be part of a diagnostic name count for slices only.
var descriptionWords = []struct {
	word, kind string
	anywhere   bool
}{
	{"localizer", "localizer", true}, {"localiser", "localizer", true}, {"scout", "localizer", false},
	{"topogram", "localizer", true}, {"surview", "localizer", true}, {"scanogram", "localizer", false}, {"survey", "localizer", false},
	{"定位", "localizer", false}, {"dose report", "dose sheet", true}, {"dose info", "dose sheet", true},
	{"patient protocol", "dose sheet", true}, {"exam summary", "dose sheet", false}, {"剂量报告", "dose sheet", true},
	{"screen save", "screen save", true}, {"screen capture", "screen save", true},
}

// SpreadFrames returns at most budget of the frames 1 to n, evenly spread.
func SpreadFrames(n, budget int) []int {
	count := max(min(n, budget), 0)
	frames := make([]int, 0, count)
	for i := range count {
		frames = append(frames, 1+(2*i+1)*n/(2*count))
	}
	return frames
}

// candidates is how many frames of each stretch ContentFrames looks at.
const candidates = 3

// ContentFrames returns at most budget of the frames 1 to n, spread like those
// of SpreadFrames, but in each stretch the one with the most content of a few:
// so the ends of a stack, where there is only air, are passed over. content
// gives the [Content] of a frame; one that cannot be had counts as none.
func ContentFrames(n, budget int, content func(frame int) float64) []int {
	stretches := max(min(n, budget), 0)
	frames := make([]int, 0, stretches)
	for i := range stretches {
		first, after := i*n/stretches, (i+1)*n/stretches
		best, most := 0, -1.0
		for _, k := range SpreadFrames(after-first, candidates) {
			if c := content(first + k); c > most {
				best, most = first+k, c
			}
		}
		frames = append(frames, best)
	}
	return frames
}
