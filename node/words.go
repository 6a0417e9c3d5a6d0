package node

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"concord/dicom/pixel"
	"concord/node/report"
)

// words holds what the node itself says in one language. Rules bring their own
// texts.
type words struct {
	language                                    string
	identityHeld, noPack, noPictures, undecided string
	deadline, unavailable                       string
	limitation                                  string
	paragraph                                   string // format: number
	wholeReport                                 string
	image                                       string                      // format: position, series, instance
	frame                                       string                      // format: frame number
	notMatch                                    string                      // format: paragraph, images, statement
	withdrawn                                   string                      // instead of the summary
	heldBack                                    string                      // the verdict is not sure enough for an alert
	badQuality, cannotDecode                    string                      // format: series, instance, error
	defects                                     map[pixel.DefectKind]string // format: measure; nil: as the pixel package says it
	summary                                     string                      // format: statements, yes, no, maybe, not judged, flags
	comma                                       string
	skipped                                     map[string]string // why a statement is not asked about; nil: as the report package says it
}

var english = words{
	language:     "en",
	identityHeld: "the report and the images seem to belong to two patients",
	noPack:       "no model pack is loaded",
	noPictures:   "the study holds no picture that can be judged",
	undecided:    "the model is undecided",
	deadline:     "deadline: the model did not answer in time",
	unavailable:  "the model is not available now",
	limitation:   "Automated check of report text against images. Not for diagnosis. Not verified by a human.",
	paragraph:    "Paragraph %d",
	wholeReport:  "The report",
	image:        "image %d (series %d, instance %d%s)",
	frame:        ", frame %d",
	notMatch:     "%s does not match %s: %s",
	withdrawn:    "The report was withdrawn; earlier results of this check no longer hold.",
	heldBack:     "verdict held back: not sure enough for an alert here",
	badQuality:   "picture quality (series %d, instance %d): %v",
	cannotDecode: "cannot decode (series %d, instance %d): %v",
	summary:      "%d statements: %d supported, %d not supported, %d undetermined, %d not judged; %d flags.",
	comma:        ", ",
}

var chinese = words{
	language:     "zh",
	identityHeld: "报告与影像似乎属于两位患者",
	noPack:       "未加载模型包",
	noPictures:   "该检查没有可供判断的图像",
	undecided:    "模型无法确定",
	deadline:     "超时：模型未在时限内作答",
	unavailable:  "模型暂不可用",
	limitation:   "报告文字与影像的自动核对，不用于诊断，未经人工确认。",
	paragraph:    "第%d段",
	wholeReport:  "报告",
	image:        "图像%d（序列%d，图像号%d%s）",
	frame:        "，第%d帧",
	notMatch:     "%s与%s不符：%s",
	withdrawn:    "报告已撤回；此前的核对结果不再有效。",
	heldBack:     "判断未发送：把握不足以在此提示",
	badQuality:   "图像质量（序列%d，图像号%d）：%v",
	defects: map[pixel.DefectKind]string{
		pixel.TooSmall:   "图像过小，短边仅%d像素",
		pixel.Blank:      "空白图像，灰阶差仅%d（共255）",
		pixel.Saturated:  "过曝，%d%%的像素为白色",
		pixel.TooDark:    "过暗，99%%的像素灰阶不超过%d（共255）",
		pixel.NoContrast: "对比度过低，98%%的像素在%d个灰阶之内（共255）",
	},
	cannotDecode: "无法解码（序列%d，图像号%d）：%v",
	summary:      "共%d条语句：%d条得到影像支持，%d条不支持，%d条不确定，%d条未判断；%d条提示。",
	comma:        "、",
	skipped: map[string]string{
		report.SkipHeading: "标题", report.SkipHistory: "病史", report.SkipComparison: "与既往检查对比",
		report.SkipRecommendation: "建议", report.SkipVague: "表述含糊", report.SkipNotImage: "与图像无关",
		report.SkipUnknown: "没有已知术语",
	},
}

func wordsIn(language string) *words {
	if language == "zh" {
		return &chinese
	}
	return &english
}

// skip says why a statement is not asked about; reason is the report package's.
func (w *words) skip(reason string) string {
	return cmp.Or(w.skipped[reason], reason)
}

// mismatch says that the images contradict a statement.
func (w *words) mismatch(s Statement) string {
	var images []string
	for _, ref := range s.Images {
		var frame string
		if ref.Frame > 1 {
			frame = fmt.Sprintf(w.frame, ref.Frame)
		}
		images = append(images, fmt.Sprintf(w.image, ref.Position, ref.SeriesNumber, ref.InstanceNumber, frame))
	}
	return fmt.Sprintf(w.notMatch, fmt.Sprintf(w.paragraph, s.Paragraph), strings.Join(images, w.comma), s.Text)
}

// badPicture says why a picture cannot be judged.
func (w *words) badPicture(f frame, err error) string {
	format, what := w.cannotDecode, err.Error()
	var defect *pixel.Defect
	if errors.As(err, &defect) {
		format, what = w.badQuality, defect.Error()
		if own, ok := w.defects[defect.Kind]; ok {
			what = fmt.Sprintf(own, defect.Measure)
		}
	}
	return fmt.Sprintf(format, f.object.Header.SeriesNumber, f.object.Header.InstanceNumber, what)
}
