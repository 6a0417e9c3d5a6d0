package inference

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The built-in pack's vocabulary reads statements and questions as people write them: to facts by name ("not" first where the
// text denies them, "open" where it says more), or "-" where they are about something else.
func TestBuiltinTermsReadWhatPeopleWrite(t *testing.T) {
	m := Manifest{Languages: []string{"en", "zh"}, Text: TextSpec{Files: map[string]string{"terms": "terms.yaml"}, MaxIDs: 16}}
	tokenizer, err := readTerms(os.DirFS("packs/training"), m)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"Is this an axial plane?":                                    "axial",
		"This is an axial CT of the brain":                           "axial ct head",
		"the image shows a chest radiograph in PA projection":        "chest xr frontal pa",
		"Is this a T2 weighted image?":                               "mr t2",
		"The study is a frontal radiograph of the thorax.":           "frontal xr chest",
		"Computed tomography of the abdomen in the transverse plane": "ct abdomen axial",
		"An MRI scan of the brain was performed":                     "mr head",
		"The modality is ultrasound.":                                "us",
		"Imaging modality: MRI":                                      "mr",
		"This film was taken in the AP position":                     "frontal ap",
		"The picture displays an x-ray of a patient's chest.":        "xr chest",
		"What organ system is pictured? the brain":                   "head",
		"The organ system shown is the gastrointestinal system.":     "abdomen",
		"Is the image above oriented in the sagittal plane?":         "sagittal",
		"This is not an MRI.":                                        "not mr",
		"This isn't a CT scan":                                       "not ct",
		"Was this image taken via MRI?":                              "mr",
		"MRI - diffusion weighted":                                   "mr dwi",
		"The sequence is FLAIR":                                      "mr flair",
		"The image is upside down.":                                  "upside_down",
		"The image is flipped horizontally":                          "mirrored",
		"The image is blurry":                                        "blurred",
		"A lateral chest x-ray":                                      "lateral chest xr",
		"Portable AP chest radiograph.":                              "open frontal ap chest xr",
		"CT of the abdomen with IV contrast":                         "open ct abdomen",
		"Axial CT slice at the level of the kidneys":                 "open axial ct abdomen",
		"Is this a CT or an MRI?":                                    "-",
		"There is a mass in the liver on this CT":                    "-",
		"CT of the chest shows metastases":                           "-",
		"No acute intracranial abnormality":                          "-",
		"The lungs are clear.":                                       "-",
		"Heart size is normal":                                       "-",
		"There is a patchy opacity in the right upper zone.":         "opacity_right_upper",
		"A round nodule is seen in the left lower zone.":             "nodule_left_lower",
		"Right pleural effusion.":                                    "effusion_right",
		"Left-sided pneumothorax is present":                         "pneumothorax_left",
		"No pleural effusion.":                                       "not effusion",
		"No pleural effusion or pneumothorax.":                       "-",
		"No focal consolidation.":                                    "not opacity",
		"Consolidation in the right lung":                            "opacity_right",
		"A pacemaker projects over the left upper chest.":            "pacemaker_left",
		"There is a solid nodule in the right lung.":                 "nodule_right",
		"There is a cyst in the left kidney.":                        "renal_cyst_left",
		"A stone is seen in the right kidney.":                       "renal_stone_right",
		"An anechoic cyst is seen in the liver.":                     "liver_cyst",
		"A gallstone with acoustic shadow is seen.":                  "gallstone",
		"Right opacity and left effusion":                            "open opacity effusion",
		"Right lower lobe consolidation":                             "-",
		"这是一张胸部正位片":                                                  "xr chest frontal",
		"本图像为上腹部CT横断面":                                               "abdomen ct axial",
		"该图像是头颅磁共振T2加权像":                                             "head mr t2",
		"此为胸部后前位X线片":                                                 "chest frontal pa xr",
		"影像模态为CT":                                                    "ct",
		"检查部位:头颅":                                                    "head",
		"成像平面为矢状面":                                                   "sagittal",
		"这不是CT图像":                                                    "not ct",
		"这是否为一幅腹部CT图像？":                                              "abdomen ct",
		"图像上下颠倒":                                                     "upside_down",
		"颅脑MRI弥散加权成像":                                                "head mr dwi",
		"头颅CT平扫":                                                     "open head ct",
		"双肺未见结节影。":                                                   "not nodule",
		"右上肺野可见斑片状密度增高影。":                                            "opacity_right_upper",
		"双侧胸腔未见积液。":                                                  "not effusion",
		"左侧气胸。":                                                      "pneumothorax_left",
		"右肾可见结石。":                                                    "renal_stone_right",
		"双肾未见囊肿。":                                                    "not renal_cyst",
		"双肾未见结石。":                                                    "not renal_stone",
		"肝内未见占位。":                                                    "not liver_cyst",
		"胆囊内未见结石。":                                                   "not gallstone",
		"未见植入物影。":                                                    "not pacemaker",
		"可见溃疡，底覆白苔。":                                                 "ulcer",
		"双肺纹理清晰":                                                     "-",
		"心影大小正常":                                                     "-",
	} {
		language := "en"
		if strings.ContainsFunc(text, func(r rune) bool { return r > 0x2E80 }) {
			language = "zh"
		}
		if got := tokenizer.summary(tokenizer.prompt(Statement{Text: text, Language: language})); got != want {
			t.Errorf("%q: %s; want %s", text, got, want)
		}
	}
}

// summary writes a prompt as the test's table does.
func (t *terms) summary(p prompt) string {
	if p.refusal != "" {
		return "-"
	}
	var words []string
	if p.negated {
		words = append(words, "not")
	}
	if p.open != "" {
		words = append(words, "open")
	}
	for _, id := range p.ids {
		words = append(words, t.file.Facts[id-1].Name)
	}
	return strings.Join(slices.Compact(words), " ")
}
