package sr

import "strings"

// Code is a coded entry (PS3.3 8.8): its value, the designator of its coding
// scheme and its meaning.
type Code struct{ Value, Scheme, Meaning string }

// Private is the designator of Concord's own coding scheme.
const Private = "99CONCORD"

// same says whether two codes are one concept; the meaning is only a text.
func (c Code) same(other Code) bool {
	return c.Value == other.Value && c.Scheme == other.Scheme
}

func dcm(value, meaning string) Code     { return Code{value, "DCM", meaning} }
func sct(value, meaning string) Code     { return Code{value, "SCT", meaning} }
func concord(value, meaning string) Code { return Code{value, Private, meaning} }

// The laterality of a finding site (PS3.16 CID 244).
var (
	Right     = sct("24028007", "Right")
	Left      = sct("7771000", "Left")
	Bilateral = sct("51440002", "Bilateral")
)

// Findings are the kinds of group that have a code of their own. Rules with
// other codes give the meaning with the group.
var Findings = []Code{
	concord("CC100", "Report statement check"),
	concord("CC101", "Laterality mismatch"),
	concord("CC102", "Body part mismatch"),
	concord("CC103", "Modality mismatch"),
	concord("CC104", "Patient sex mismatch"),
	concord("CC105", "Patient identity mismatch"),
	concord("CC106", "Contrast agent mismatch"),
	concord("CC107", "View or sequence mismatch"),
	concord("CC108", "Comparison date mismatch"),
	concord("CC109", "Lesion count mismatch"),
	concord("CC113", "Lesion size mismatch"),
	concord("CC114", "Measurement unit mismatch"),
	concord("CC115", "Patient age mismatch"),
	concord("CC116", "Report without content"),
	concord("CC117", "Impression does not fit findings"),
	concord("CC118", "Critical finding not in impression"),
	concord("CC119", "Contradiction within report"),
	concord("CC123", "Report text of another patient"),
}

// Concepts of the templates TID 1500, 1501, 1204, 1002, 1004, 1600 and 4019.
var (
	measurementReport = dcm("126000", "Imaging Measurement Report")
	language          = dcm("121049", "Language of Content Item and Descendants")
	observerType      = dcm("121005", "Observer Type")
	observerDevice    = dcm("121007", "Device")
	deviceUID         = dcm("121012", "Device Observer UID")
	deviceName        = dcm("121013", "Device Observer Name")
	deviceMaker       = dcm("121014", "Device Observer Manufacturer")
	deviceModel       = dcm("121015", "Device Observer Model Name")
	deviceSerial      = dcm("121016", "Device Observer Serial Number")
	procedureReported = dcm("121058", "Procedure reported")
	imagingProcedure  = sct("363679005", "Imaging procedure")
	imageLibrary      = dcm("111028", "Image Library")
	imageLibraryGroup = dcm("126200", "Image Library Group")
	modalityConcept   = dcm("121139", "Modality")
	targetRegion      = dcm("123014", "Target Region")
	measurements      = dcm("126010", "Imaging Measurements")
	measurementGroup  = dcm("125007", "Measurement Group")
	trackingID        = dcm("112039", "Tracking Identifier")
	trackingUID       = dcm("112040", "Tracking Unique Identifier")
	findingConcept    = dcm("121071", "Finding")
	findingSite       = sct("363698007", "Finding Site")
	lateralityConcept = sct("272741003", "Laterality")
	algorithmName     = dcm("111001", "Algorithm Name")
	algorithmVersion  = dcm("111003", "Algorithm Version")
	algorithmMaker    = dcm("122405", "Algorithm Manufacturer")
	algorithmParams   = dcm("111002", "Algorithm Parameters")
	sourceImage       = dcm("121112", "Source of Measurement")
	certainty         = dcm("111012", "Certainty of Finding")
	percent           = Code{"%", "UCUM", "percent"}
	commentConcept    = dcm("121106", "Comment")
	evaluations       = Code{"C0034375", "UMLS", "Qualitative Evaluations"}
	overallAssessment = dcm("111413", "Overall Assessment")
	summaryConcept    = dcm("121111", "Summary")

	reportStatement = concord("CC001", "Report statement")
	segmentNumber   = concord("CC002", "Report segment number")
	supported       = concord("CC003", "Statement supported by images")
	ruleIdentifier  = concord("CC004", "Rule identifier")
	useLimitation   = concord("CC006", "Use limitation")
	flagSeverity    = concord("CC007", "Flag severity")
	sourceReport    = concord("CC008", "Source report identifier")
	segmentLocator  = concord("CC009", "Report segment locator")
)

var languages = map[string]Code{
	"en": {"en", "RFC5646", "English"},
	"zh": {"zh", "RFC5646", "Chinese"},
}

var verdicts = map[Verdict]Code{
	Yes:   sct("373066001", "Yes"),
	No:    sct("373067005", "No"),
	Maybe: sct("373068000", "Undetermined"),
}

var severities = map[Severity]Code{
	Information: concord("CC110", "Information"),
	Warning:     concord("CC111", "Warning"),
	Critical:    concord("CC112", "Critical"),
}

var assessments = map[Assessment]Code{
	Flagged:    concord("CC120", "Discrepancies flagged"),
	NotFlagged: concord("CC121", "None flagged"),
	Incomplete: concord("CC122", "Check incomplete"),
}

// chinese holds what is added to a meaning in a Chinese report: for Concord's
// own codes and for the verdict, which are what a person reads. The other codes
// keep the meaning of their scheme, which validators compare.
var chinese = map[string]string{
	"CC001": "报告语句", "CC002": "报告段落序号", "CC003": "影像是否支持该语句",
	"CC004": "规则编号", "CC006": "使用限制", "CC007": "提示级别",
	"CC008": "原报告标识", "CC009": "报告段落位置",
	"CC100": "报告语句核对", "CC101": "侧别不符", "CC102": "部位不符",
	"CC103": "检查类型不符", "CC104": "患者性别不符", "CC105": "患者身份不符",
	"CC106": "对比剂不符", "CC107": "体位或序列不符", "CC108": "对比日期不符", "CC109": "病灶数目不符",
	"CC113": "病灶大小不符", "CC114": "测量单位不符", "CC115": "患者年龄不符", "CC116": "报告无内容",
	"CC117": "印象与所见不符", "CC118": "危急所见未入印象", "CC119": "报告内部矛盾", "CC123": "他人报告文字",
	"CC110": "提示", "CC111": "警告", "CC112": "严重",
	"CC120": "发现不符", "CC121": "未发现不符", "CC122": "核对未完成",
	"373066001": "是", "373067005": "否", "373068000": "不确定",
}

// keyOf finds the key whose code is c, or the zero key.
func keyOf[K comparable](table map[K]Code, c Code) (key K) {
	for k, code := range table {
		if code.same(c) {
			return k
		}
	}
	return key
}

// finding completes the code of a group: the scheme is Concord's own if none is
// given, the meaning that of Findings.
func finding(c Code) Code {
	if c.Scheme == "" {
		c.Scheme = Private
	}
	for _, known := range Findings {
		if c.Meaning == "" && known.same(c) {
			return known
		}
	}
	return c
}

// modalities are the imaging modalities of PS3.16 CID 29.
var modalities = map[string]string{
	"BMD": "Bone Mineral Densitometry", "CR": "Computed Radiography",
	"CT": "Computed Tomography", "DX": "Digital Radiography",
	"ES": "Endoscopy", "GM": "General Microscopy", "IO": "Intra-oral Radiography",
	"IVUS": "Intravascular Ultrasound", "MG": "Mammography", "MR": "Magnetic Resonance",
	"NM": "Nuclear Medicine", "OP": "Ophthalmic Photography", "OPT": "Ophthalmic Tomography",
	"PT": "Positron emission tomography", "PX": "Panoramic X-Ray", "RF": "Radiofluoroscopy",
	"SM": "Slide Microscopy", "US": "Ultrasound",
	"XA": "X-Ray Angiography", "XC": "External-camera Photography",
}

// Region gives the anatomic region (PS3.16 CID 4031) for a value of Body Part
// Examined (0018,0015), PS3.16 Annex L. The Code is empty for other values.
func Region(bodyPart string) Code {
	entry, ok := regions[strings.ToUpper(strings.TrimSpace(bodyPart))]
	if !ok {
		return Code{}
	}
	return sct(entry[0], entry[1])
}

var regions = map[string][2]string{
	"ABDOMEN":         {"113345001", "Abdomen"},
	"ABDOMENPELVIS":   {"416949008", "Abdomen and Pelvis"},
	"ANKLE":           {"70258002", "Ankle joint"},
	"BLADDER":         {"89837001", "Bladder"},
	"BREAST":          {"76752008", "Breast"},
	"CHEST":           {"51185008", "Chest"},
	"CHESTABDOMEN":    {"416550000", "Chest and Abdomen"},
	"CHESTABDPELVIS":  {"416775004", "Chest, Abdomen and Pelvis"},
	"CLAVICLE":        {"51299004", "Clavicle"},
	"COLON":           {"71854001", "Colon"},
	"CSPINE":          {"122494005", "Cervical spine"},
	"ELBOW":           {"16953009", "Elbow joint"},
	"ESOPHAGUS":       {"32849002", "Esophagus"},
	"EYE":             {"81745001", "Eye"},
	"FEMUR":           {"71341001", "Femur"},
	"FOOT":            {"56459004", "Foot"},
	"FOREARM":         {"14975008", "Forearm"},
	"HAND":            {"85562004", "Hand"},
	"HEAD":            {"69536005", "Head"},
	"HEADNECK":        {"774007", "Head and Neck"},
	"HEART":           {"80891009", "Heart"},
	"HIP":             {"29836001", "Hip joint"},
	"HUMERUS":         {"85050009", "Humerus"},
	"KNEE":            {"72696002", "Knee"},
	"LSPINE":          {"122496007", "Lumbar spine"},
	"NECK":            {"45048000", "Neck"},
	"NECKCHEST":       {"417437006", "Neck and Chest"},
	"NECKCHESTABDPEL": {"416319003", "Neck, Chest, Abdomen and Pelvis"},
	"PELVIS":          {"12921003", "Pelvis"},
	"PROSTATE":        {"41216001", "Prostate"},
	"RIB":             {"113197003", "Rib"},
	"SHOULDER":        {"16982005", "Shoulder"},
	"SKULL":           {"89546000", "Skull"},
	"SPINE":           {"421060004", "Spine"},
	"STOMACH":         {"69695003", "Stomach"},
	"TSPINE":          {"122495006", "Thoracic spine"},
	"WHOLEBODY":       {"38266002", "Entire body"},
	"WRIST":           {"74670003", "Wrist joint"},
}

// Code is the coded entry of an assessment; the empty Assessment is Incomplete.
func (a Assessment) Code() Code {
	if a == "" {
		a = Incomplete
	}
	return assessments[a]
}

// Code is the coded entry of a severity; empty for none.
func (s Severity) Code() Code { return severities[s] }
