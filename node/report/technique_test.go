package report

import (
	"strings"
	"testing"
)

// A Chinese sentence about how the pictures were made keeps what a pack can judge; one that says anything else, or denies, is
// not cut down to its technique.
func TestTechniqueIsExtracted(t *testing.T) {
	for text, want := range map[string]string{
		"本次为上腹部CT横断面平扫图像，层厚5mm，图像质量良好。": "abdomen, CT, axial, without contrast",
		"头颅MRI横断面T2加权像显示清晰。":            "head, MRI, axial, T2-weighted",
		"行上腹部MR扫描，序列包括T1WI、T2WI及DWI。":   "abdomen, MRI",
		"头颅MRI冠状面T2 FLAIR像。":            "head, MRI, coronal, FLAIR",
		"腹部CT非增强扫描。":                    "abdomen, CT, without contrast",
		"本片为胸部正位X线摄影，曝光适度。":             "chest, frontal view, radiograph",
		"此图系颅脑CT轴位层面，对比度尚可，图像清晰。":       "head, CT, axial",
		"非腹部CT图像。":                      "",
		"本图并不是胸部CT。":                    "",
		"MRI显示更佳。":                      "",
	} {
		r := Read([]Block{{Section: "findings", Text: text}})
		if len(r.Statements) != 1 || r.Statements[0].English != want {
			t.Errorf("%s: %+v; want the English %q", text, r.Statements, want)
		}
	}
}

// What is said of the patient, or of an examination that these pictures are not of, is no technique.
func TestTechniqueIsOfThesePictures(t *testing.T) {
	for _, text := range []string{
		"颅脑CT形态正常。", "所示为腹部CT轴位图像，左右对称。", "胸部CT示右肺上叶结节。", "拟行头颅CT检查。", "已行腹部CT检查。", "昨日胸部CT已阅。",
		"同日头颅CT见另报告。", "参照胸部CT图像。", "胸部CT图像另见。", "预约上腹部CT扫描。", "胸部DR与CT所示一致。", "加扫腹部CT薄层。", "待胸部CT结果。",
	} {
		if got := Read([]Block{{Section: "findings", Text: text}}).Statements[0].English; strings.Contains(got, "CT") {
			t.Errorf("%s: the English is %q", text, got)
		}
	}
	advice := Read([]Block{{Section: "impression", Text: "行上腹部CT检查。"}}).Statements[0]
	if strings.Contains(advice.English, "CT") {
		t.Errorf("advice became %q", advice.English)
	}
}
