package pixel

import (
	"maps"
	"slices"
	"strings"

	"concord/dicom"
)

// presets are the usual windows of CT, in Hounsfield units.
var presets = map[string]Window{
	"abdomen":       {Center: 40, Width: 400},
	"angio":         {Center: 300, Width: 600},
	"bone":          {Center: 400, Width: 1800},
	"brain":         {Center: 40, Width: 80},
	"kidney":        {Center: 40, Width: 350},
	"liver":         {Center: 60, Width: 160},
	"lung":          {Center: -600, Width: 1500},
	"mediastinum":   {Center: 40, Width: 350},
	"pelvis":        {Center: 40, Width: 400},
	"soft-tissue":   {Center: 50, Width: 400},
	"spine":         {Center: 50, Width: 250},
	"stroke":        {Center: 35, Width: 35},
	"subdural":      {Center: 75, Width: 215},
	"temporal-bone": {Center: 600, Width: 2800},
}

// Presets returns the names of the preset table, sorted.
func Presets() []string { return slices.Sorted(maps.Keys(presets)) }

// preset returns a window of the table with its name.
func preset(name string) Window {
	w := presets[name]
	w.Preset = name
	return w
}

// bodyPartPresets are the windows in which a body part is read first, by
// BodyPartExamined (PS3.16 Annex L); CT of other parts is seen as soft tissue.
var bodyPartPresets = map[string]string{
	"HEAD": "brain", "BRAIN": "brain", "SKULL": "bone", "IAC": "temporal-bone", "EAR": "temporal-bone", "MAXILLA": "bone", "MANDIBLE": "bone",
	"CHEST": "mediastinum", "THORAX": "mediastinum", "HEART": "mediastinum", "MEDIASTINUM": "mediastinum", "LUNG": "lung",
	"ABDOMEN": "abdomen", "ABDOMENPELVIS": "abdomen", "LIVER": "liver", "PANCREAS": "abdomen", "KIDNEY": "kidney", "PELVIS": "pelvis",
	"SPINE": "spine", "CSPINE": "spine", "TSPINE": "spine", "LSPINE": "spine", "SSPINE": "spine",
	"EXTREMITY": "bone", "SHOULDER": "bone", "ELBOW": "bone", "WRIST": "bone", "HAND": "bone", "HIP": "bone", "KNEE": "bone",
	"ANKLE": "bone", "FOOT": "bone",
}

// bodyPartWindow is the window for CT whose header has none.
func (m *Image) bodyPartWindow() Window {
	if name, ok := bodyPartPresets[strings.ToUpper(m.obj.String(dicom.BodyPartExamined))]; ok {
		return preset(name)
	}
	return preset("soft-tissue")
}

// anatomyPresets are the windows in which an anatomy is judged, by parts of its
// English name, where a space is an end of a word; the first that fits counts.
var anatomyPresets = []struct{ name, words string }{
	{"temporal-bone", "temporal bone| mastoid|middle ear|inner ear|ossicle|auditory canal"},
	{"mediastinum", "left ventricle|right ventricle|ventricular sept| atri|cardi|heart|coronary art|valve|pulmonary art|pulmonary embol|" +
		"pulmonary trunk|mediastin| hilum| hilar|trachea|carina|esophag|thymus| aort|superior vena cava|axilla|pleural effusion|breast"},
	{"lung", " lung|pulmon|upper lobe|middle lobe|lower lobe|lingula|segment|bronch|pneumo|emphysem|atelect|pleura|diaphragm|costophrenic"},
	{"bone", " bone| rib| stern|clavic|scapul|vertebral body|fractur|femor|femur| tibia| fibul|humer| radius| radial|ulna|phalanx|skull|" +
		"calvari|acetabul|pubic|sacr| joint|mandib|maxilla| hip | knee| ankle| foot| hand| wrist|elbow|shoulder|calcaneus| talus|patella"},
	{"spine", " spine| disc|spinal| foramen|nerve root"},
	{"liver", "liver|hepat|portal|caudate lobe"},
	{"kidney", "kidney| renal| ureter"},
	{"pelvis", "pelvi| bladder | rectum| uter| ovar|prostat"},
	{"abdomen", "abdom|spleen|pancrea|gallbladder| bile|stomach|gastr|duoden|bowel|colon|append|periton|adrenal|mesenter|omentum|celiac"},
	{"brain", "brain| head|frontal lobe|parietal lobe|temporal lobe|occipital lobe|cereb|ganglia|thalam|ventric|white matter|gray matter|" +
		" sulc|midline| pons|medulla|pituitar|callosum|falx|tentori|cranial|subdural|infarct|hippocamp|radiata"},
	{"mediastinum", "chest|thora"},
}

// PresetFor returns the window in which CT is read for an anatomy, by its
// English name in lower case ("lower lobe", "left kidney"); ok is false for one
// that the table does not know. A preset leaves other modalities as they are.
func PresetFor(anatomy string) (w Window, ok bool) {
	anatomy = " " + anatomy + " "
	for _, row := range anatomyPresets {
		for word := range strings.SplitSeq(row.words, "|") {
			if strings.Contains(anatomy, word) {
				return preset(row.name), true
			}
		}
	}
	return Window{}, false
}
