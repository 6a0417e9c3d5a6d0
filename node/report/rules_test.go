package report

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// check reads one block per section and returns the rules that fire.
func check(f Facts, blocks ...Block) []string {
	if f.AgeYears == 0 {
		f.AgeYears = -1
	}
	var out []string
	for _, x := range Check(Read(blocks), f) {
		out = append(out, x.Rule)
	}
	return out
}

// phased are the headers of a CT of the abdomen with these series.
func phased(series ...string) Facts {
	yes := true
	return Facts{Modalities: []string{"CT"}, BodyParts: []string{"ABDOMEN"}, SeriesDescriptions: series, ContrastGiven: &yes}
}

func TestRules(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		name   string
		facts  Facts
		blocks []Block
		want   string // rules, in order, joined by blanks
	}{
		{"side against the header", Facts{Modalities: []string{"DX"}, BodyParts: []string{"KNEE"}, Laterality: []string{"R"}}, []Block{{"findings", "No fracture of the left patella."}}, "LAT-001"},
		{"comparison with the other side", Facts{BodyParts: []string{"KNEE"}, Laterality: []string{"R"}}, []Block{{"findings", "The right knee is swollen compared to the left knee."}}, ""},
		{"a label in capitals is no abbreviation", Facts{BodyParts: []string{"LEG"}, Laterality: []string{"R"}}, []Block{{"findings", "RIGHT LEG: No thrombus."}}, ""},
		{"both sides imaged", Facts{BodyParts: []string{"KNEE"}, Laterality: []string{"R", "L"}}, []Block{{"findings", "No fracture of the left patella."}}, ""},
		{"a side means nothing on a chest", Facts{BodyParts: []string{"CHEST"}, Laterality: []string{"R"}}, []Block{{"findings", "Left pleural effusion."}}, ""},
		{"side of the order", Facts{Procedure: "XR WRIST LT 2V", BodyParts: []string{"WRIST"}, Laterality: []string{"R"}}, []Block{{"findings", "No fracture."}}, "LAT-002"},
		{"letter in the description", Facts{StudyDescription: "L KNEE 2V", Laterality: []string{"R"}}, []Block{{"findings", "No fracture."}}, "LAT-002"},
		{"coding scheme L is no side", Facts{Procedure: "DRX^右膝关节正侧位^L", Laterality: []string{"R"}}, []Block{{"findings", "右膝关节未见骨折。"}}, ""},
		{"impression side", Facts{}, []Block{{"findings", "右肾见结石。左肾未见结石。"}, {"impression", "左肾结石。"}}, "LAT-003 CONTRA-001"},
		{"lesions on both sides", Facts{}, []Block{{"findings", "Cyst in the right kidney. Cyst in the left kidney."}, {"impression", "Left renal cyst."}}, ""},
		{"direction of a shift", Facts{}, []Block{{"findings", "左侧额叶出血，中线结构右移约5mm。"}, {"impression", "左侧额叶出血，中线结构左移。"}}, "LAT-003"},
		{"left middle lobe", Facts{}, []Block{{"findings", "左肺中叶见结节。"}}, "LAT-004"},
		{"right upper and left lower", Facts{}, []Block{{"findings", "Nodules in the right middle lobe and the left lower lobe."}}, ""},
		{"foreign statement", Facts{Modalities: []string{"CR"}, BodyParts: []string{"KNEE"}}, []Block{{"findings", "The liver is normal."}}, "PART-001"},
		{"next region", Facts{Modalities: []string{"CT"}, BodyParts: []string{"CHEST"}}, []Block{{"findings", "The liver is normal."}}, ""},
		{"whole body", Facts{Modalities: []string{"PT"}, BodyParts: []string{"WHOLEBODY"}}, []Block{{"findings", "No uptake in the knees."}}, ""},
		{"title part", Facts{Modalities: []string{"CT"}, BodyParts: []string{"CHEST"}}, []Block{{"", "EXAM: CT of the brain.\nFINDINGS: Normal."}}, "PART-002"},
		{"order part", Facts{Procedure: "CT HEAD", BodyParts: []string{"KNEE"}}, []Block{{"findings", "No fracture."}}, "PART-003"},
		{"title modality", Facts{Modalities: []string{"CR"}}, []Block{{"", "EXAM: MRI of the chest.\nFINDINGS: No effusion."}}, "MOD-001"},
		{"a prior of another modality", Facts{Modalities: []string{"CR"}}, []Block{{"comparison", "MRI of the chest."}, {"findings", "As seen on the prior CT, the nodule is unchanged."}}, ""},
		{"result of another modality", Facts{Modalities: []string{"MR"}}, []Block{{"impression", "胸部CT未见明显异常。"}}, "MOD-002"},
		{"words of another modality", Facts{Modalities: []string{"CT"}}, []Block{{"findings", "肝右叶见T2WI高信号。"}}, "MOD-003"},
		{"order modality", Facts{Modalities: []string{"CT"}, Procedure: "MRI BRAIN"}, []Block{{"findings", "No hemorrhage in the brain."}}, "MOD-004"},
		{"PET/CT carries CT", Facts{Modalities: []string{"PT", "CT"}}, []Block{{"", "EXAM: CT of the chest.\nFINDINGS: No effusion."}}, ""},
		{"prostate in a woman", Facts{Sex: "F"}, []Block{{"findings", "前列腺增大。"}}, "SEX-001"},
		{"posterior elements are no adnexa", Facts{Sex: "M"}, []Block{{"findings", "腰椎椎体及附件未见骨折。"}}, ""},
		{"a relative", Facts{Sex: "M"}, []Block{{"history", "His mother had ovarian cancer."}, {"findings", "No mass."}}, ""},
		{"sex said", Facts{Sex: "M"}, []Block{{"history", "A 45-year-old woman with pain."}, {"findings", "No mass."}}, "SEX-002"},
		{"sex said in Chinese", Facts{Sex: "M"}, []Block{{"history", "患者，女，45岁，体检。"}, {"findings", "肝未见异常。"}}, "SEX-002"},
		{"age", Facts{AgeYears: 45}, []Block{{"history", "A 65-year-old man."}, {"findings", "No mass."}}, "AGE-001"},
		{"age of another time", Facts{AgeYears: 45}, []Block{{"history", "Diagnosed at age 30 years old."}, {"findings", "No mass."}}, ""},
		{"contrast said", Facts{Modalities: []string{"CT"}, ContrastGiven: &no}, []Block{{"technique", "CT of the abdomen with intravenous contrast."}, {"findings", "The liver is normal."}}, "CON-001"},
		{"contrast not said", Facts{Modalities: []string{"CT"}, ContrastGiven: &yes}, []Block{{"technique", "CT of the abdomen without contrast."}, {"findings", "The liver is normal."}}, "CON-002"},
		{"oral contrast", Facts{Modalities: []string{"CT"}, ContrastGiven: &no}, []Block{{"technique", "CT of the abdomen with oral contrast."}, {"findings", "The liver is normal."}}, ""},
		{"plain order", Facts{Modalities: []string{"CT"}, Procedure: "上腹部CT平扫"}, []Block{{"findings", "肝右叶结节，增强扫描明显强化。"}}, "CON-001"},
		{"view", Facts{Modalities: []string{"DX"}, ViewPositions: []string{"PA"}}, []Block{{"technique", "PA and lateral views of the chest."}, {"findings", "No effusion."}}, "VIEW-001"},
		{"sequence", Facts{Modalities: []string{"MR"}, SeriesDescriptions: []string{"AX T1", "AX T2", "SAG T2"}}, []Block{{"findings", "DWI未见弥散受限。"}}, "VIEW-002"},
		{"phase", phased("Scout", "ABD NC 5mm", "ABD ART 5mm", "ABD PV 5mm"), []Block{{"findings", "The lesion shows washout in the delayed phase."}}, "VIEW-002"},
		{"phase of enhanced images", Facts{Modalities: []string{"CT"}, SeriesDescriptions: []string{"Body CE"}, ContrastPhases: []string{"PRE_CONTRAST", "ARTERIAL", "PORTAL_VENOUS"}}, []Block{{"findings", "The lesion shows washout in the delayed phase."}}, "VIEW-002"},
		{"phase in Chinese", phased("定位像", "平扫 5mm", "门脉期 5mm", "冠状位"), []Block{{"findings", "肝右叶结节，动脉期明显强化。"}}, "VIEW-002"},
		{"plain phase", phased("Arterial 2.0", "Venous 2.0"), []Block{{"technique", "CT of the abdomen with and without contrast."}, {"findings", "The liver is normal."}}, "VIEW-002"},
		{"phase under another name", phased("ABD NC", "ABD ART", "Late 5 mm"), []Block{{"findings", "The lesion shows washout in the delayed phase."}}, ""},
		{"a series of no named phase", phased("ABD ART", "ABD PV", "Series 5"), []Block{{"findings", "The lesion shows washout in the delayed phase."}}, ""},
		{"a phase not acquired", phased("ABD ART", "ABD PV"), []Block{{"technique", "No delayed phase was acquired."}, {"findings", "The liver is normal."}}, ""},
		{"phases all there", phased("平扫", "动脉期", "静脉期", "延时期"), []Block{{"technique", "平扫+增强。"}, {"findings", "肝右叶结节，动脉期强化，门脉期及延迟期廓清。"}}, ""},
		{"later comparison", Facts{StudyDate: "20240315"}, []Block{{"comparison", "CT of 04/20/2024."}, {"findings", "No mass."}}, "DATE-001"},
		{"day and month either way", Facts{StudyDate: "20240315"}, []Block{{"comparison", "CT of 04/02/2024."}, {"findings", "No mass."}}, ""},
		{"count", Facts{}, []Block{{"findings", "There are three nodules in the right upper lobe."}, {"impression", "Two right upper lobe nodules."}}, "NUM-001"},
		{"size", Facts{}, []Block{{"findings", "A 4 mm nodule in the right upper lobe."}, {"impression", "14 mm right upper lobe nodule."}}, "SIZE-001"},
		{"same size in another unit", Facts{}, []Block{{"findings", "A 14 mm nodule in the right upper lobe."}, {"impression", "1.4 cm right upper lobe nodule."}}, ""},
		{"unit", Facts{}, []Block{{"findings", "The common bile duct measures 6 cm."}}, "UNIT-001"},
		{"mixed units", Facts{}, []Block{{"findings", "甲状腺右侧叶42*19*14m。"}}, "UNIT-002"},
		{"empty", Facts{}, []Block{{"findings", ""}, {"impression", " "}}, "VAGUE-001"},
		{"vague", Facts{}, []Block{{"impression", "大致正常，请结合临床。"}}, "VAGUE-002"},
		{"normal beside a fracture", Facts{}, []Block{{"findings", "There is a fracture of the left hip."}, {"impression", "Normal study."}}, "NORM-001"},
		{"a template's normal organ beside a mass in it", Facts{}, []Block{{"findings", "The liver is unremarkable. There is a 3 cm mass in the right hepatic lobe."}}, "NORM-002"},
		{"the same in Chinese", Facts{}, []Block{{"findings", "双肾未见异常。左肾见结石影。"}}, "NORM-002"},
		{"normal in size only", Facts{}, []Block{{"findings", "The liver is normal in size. There is a 3 cm mass in the right hepatic lobe."}}, ""},
		{"the other kidney", Facts{}, []Block{{"findings", "右肾未见异常。左肾见结石影。"}}, ""},
		{"otherwise normal", Facts{}, []Block{{"findings", "Stone in the left kidney. The kidneys are otherwise unremarkable."}}, ""},
		{"critical", Facts{}, []Block{{"findings", "There is a large right pneumothorax. Cyst in the liver."}, {"impression", "Hepatic cyst."}}, "CRIT-001"},
		{"contradiction", Facts{}, []Block{{"findings", "There is a left pleural effusion."}, {"impression", "No pleural effusion."}}, "CONTRA-001"},
		{"no acute fracture beside an old one", Facts{}, []Block{{"findings", "Old healed fracture of the left rib."}, {"impression", "No acute fracture."}}, ""},
		{"removed organ", Facts{}, []Block{{"findings", "The gallbladder is surgically absent."}, {"impression", "Cholelithiasis."}}, "CONTRA-002"},
		{"lobe", Facts{}, []Block{{"findings", "右肺上叶见结节。"}, {"impression", "右肺下叶结节。"}}, "LOC-001"},
		{"level", Facts{}, []Block{{"findings", "L4/5椎间盘突出。"}, {"impression", "L3/4椎间盘突出。"}}, "LOC-002"},
	} {
		if got := strings.Join(check(c.facts, c.blocks...), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestIdentity(t *testing.T) {
	for _, c := range []struct {
		a, b Patient
		want string
	}{
		{Patient{Name: "Ou Yang^Min"}, Patient{Name: "OUYANG^MIN"}, ""},
		{Patient{Name: "Zhang^Wei=张^伟"}, Patient{Name: "张伟^ZHANG WEI"}, ""},
		{Patient{Name: "Wei^Zhang"}, Patient{Name: "Zhang^Wei"}, ""},
		{Patient{Name: "李淑誠"}, Patient{Name: "李淑诚"}, ""},
		{Patient{Name: "MÜLLER^JÖRG"}, Patient{Name: "Mueller^Joerg"}, ""},
		{Patient{Name: "DOE^JANE^Q^DR"}, Patient{Name: "Doe^Jane"}, ""},
		{Patient{Name: "DOE^JANE^Q"}, Patient{Name: "DOE^JANE^QUINN"}, ""},
		{Patient{Name: "DOE^JANE"}, Patient{Name: "DOE^JOHN"}, "ID-002"},
		{Patient{Name: "张伟"}, Patient{Name: "张炜"}, "ID-002"},
		{Patient{Name: "OUYANG^MIN"}, Patient{Name: "OUYANG^MING"}, "ID-002"},
		{Patient{ID: "000123", Issuer: "A"}, Patient{ID: "123", Issuer: "A&1.2&ISO"}, ""},
		{Patient{ID: "ABC451155"}, Patient{ID: "451155"}, ""},
		{Patient{ID: "123", Issuer: "A"}, Patient{ID: "456", Issuer: "B"}, ""},
		{Patient{ID: "123", Issuer: "A"}, Patient{ID: "456", Issuer: "A"}, "ID-001"},
		{Patient{ID: "4512"}, Patient{ID: "14512"}, "ID-001"},
		{Patient{BirthDate: "19700203"}, Patient{BirthDate: "1970-02-03"}, ""},
		{Patient{BirthDate: "1970"}, Patient{BirthDate: "19700203"}, ""},
		{Patient{BirthDate: "19700203"}, Patient{BirthDate: "19700302"}, "ID-003"},
		{Patient{Accession: "CT240312-0156"}, Patient{Accession: "ct2403120156"}, ""},
		{Patient{Accession: "2024031200001234"}, Patient{Accession: "20240312000012345678"}, ""}, // SH cut at 16
		{Patient{Accession: "A1"}, Patient{Accession: "A2"}, "ID-004"},
		{Patient{Sex: "M"}, Patient{Sex: "F"}, "ID-005"},
		{Patient{Sex: "O"}, Patient{Sex: "F"}, ""},
	} {
		got := strings.Join(check(Facts{ImagePatient: c.a, ReportPatient: c.b}, Block{"findings", "No fracture of the hip."}), " ")
		if got != c.want {
			t.Errorf("%+v and %+v: %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

// TestHanAgainstPinyin: a name in Han characters and one in Latin letters differ only where the letters are
// surely Hanyu Pinyin and no reading of the characters gives them.
func TestHanAgainstPinyin(t *testing.T) {
	for _, c := range []struct {
		han, latin string
		differ     bool
	}{
		{"张伟", "ZHANG^WEI", false}, {"张伟", "Wei Zhang", false}, {"张伟", "ZHANGWEI", false}, {"张^伟", "WEI^ZHANG", false},
		{"張偉", "zhang^wei", false}, {"张伟", "Zhāng Wěi", false}, {"李小明", "LI^XIAO MING", false}, {"李小明", "Li Xiao-Ming", false},
		{"李小明", "XIAOMING^LI", false}, {"单雄信", "SHAN^XIONGXIN", false}, {"解晓东", "XIE^XIAODONG", false}, {"仇英", "QIU^YING", false},
		{"曾志伟", "ZENG^ZHIWEI", false}, {"区小梅", "OU^XIAOMEI", false}, {"查良镛", "ZHA^LIANGYONG", false}, {"尉迟恭", "YUCHI^GONG", false},
		{"尉迟恭", "YU CHI^GONG", false}, {"欧阳修", "OU YANG^XIU", false}, {"欧阳修", "OUYANG^XIU", false}, {"歐陽修", "XIU^OUYANG", false},
		{"吕丽", "LV^LI", false}, {"吕丽", "LYU^LI", false}, {"吕丽", "LÜ^LI", false}, {"吕丽", "LU^LI", false}, {"万俟卨", "MOQI^XIE", false},
		{"乐嘉", "YUE^JIA", false}, {"盖聂", "GE^NIE", false}, {"缪晓", "MIAO^XIAO", false}, {"长孙无忌", "ZHANGSUN^WUJI", false}, {"令狐冲", "LINGHU^CHONG", false},
		{"西安", "XI'AN", false}, {"翟天临", "ZHAI^TIANLIN", false}, {"谌龙", "SHEN^LONG", false}, {"谌龙", "CHEN^LONG", false}, {"种师道", "CHONG^SHIDAO", false}, {"覃辉", "QIN^HUI", false}, {"折御卿", "SHE^YUQING", false}, {"宁静", "NING^JING", false}, {"繁星", "PO^XING", false}, {"朴志勋", "PIAO^ZHIXUN", false}, {"张伟", "ZHANG^WEI^^MR", false},
		// other romanizations and names are left alone
		{"陈大文", "CHAN^TAI MAN", false}, {"黄志强", "WONG^CHI KEUNG", false}, {"张伟", "CHANG^WEI", false}, {"蒋介石", "CHIANG^KAI-SHEK", false},
		{"李伟", "LEE^DAVID", false}, {"陈明", "CHEN^JACKIE", false}, {"邓文", "TANG^MAN", false}, {"张伟", "ZHANG^W", false}, {"周杰伦", "CHOU^CHIEH-LUN", false},
		{"郭富城", "KWOK^FU SHING", false}, {"李嘉诚", "LI^KA SHING", false}, {"洪吉洞", "HONG^GILDONG", false}, {"张伟明", "ZHANG^WEI", false}, {"阿不都热合曼", "ABDURAHMAN", false},
		// other people
		{"张伟", "ZHANG^WEN", true}, {"张伟", "LI^XIANG", true}, {"王芳", "ZHAO^MIN", true}, {"李小明", "LI^XIAOHONG", true}, {"欧阳修", "OUYANG^QIAN", true},
		{"曾志伟", "CENG^ZHIQIANG", true}, {"陈静", "ZHOU^JING", true}, {"刘洋", "DENG^GANG", true}, {"王芳", "ZHANG^XIAOFENG", true},
	} {
		if got := differentName(c.han, c.latin); got != c.differ {
			t.Errorf("%s and %s: different %v", c.han, c.latin, got)
		}
		if got := differentName(c.latin, c.han); got != c.differ {
			t.Errorf("%s and %s: different %v", c.latin, c.han, got)
		}
	}
	if differentName("ZHANG^WEI=张^伟", "张炜=ZHANG^WEI") {
		t.Error("writings that agree in one script differ")
	}
}

// TestIdentityTellsNobody: explanations of identity carry nothing of either patient.
func TestIdentityTellsNobody(t *testing.T) {
	a := Patient{ID: "77001", Issuer: "X", Name: "ALPHA^ANNA", BirthDate: "19510203", Accession: "ACC1", Sex: "F"}
	b := Patient{ID: "88002", Issuer: "X", Name: "BETA^BERT", BirthDate: "19620304", Accession: "ACC2", Sex: "M"}
	out := Check(Read([]Block{{"findings", "No fracture of the hip."}}), Facts{AgeYears: -1, ImagePatient: a, ReportPatient: b})
	if len(out) != 5 {
		t.Fatalf("%d findings, want 5", len(out))
	}
	secret := regexp.MustCompile(`(?i)77001|88002|alpha|beta|1951|1962|ACC1|ACC2`)
	for _, f := range out {
		if f.Code != "CC105" || f.Severity != "critical" || secret.MatchString(f.Text) {
			t.Errorf("%+v", f)
		}
	}
}

func TestRuleTable(t *testing.T) {
	taken := []string{"CC110", "CC111", "CC112", "CC120", "CC121", "CC122"} // severities and assessments of the SR
	seen := map[string]bool{}
	for _, r := range RuleTable() {
		if seen[r.ID] || slices.Contains(taken, r.Code) || !slices.Contains([]string{"info", "warning", "critical"}, r.Severity) {
			t.Errorf("%s %s %s", r.ID, r.Code, r.Severity)
		}
		seen[r.ID] = true
		if r.English == "" || r.Chinese == "" || strings.Count(r.textEN, "{") != strings.Count(r.textZH, "{") {
			t.Errorf("%s: the texts differ in their places", r.ID)
		}
	}
}

func TestRulesSwitch(t *testing.T) {
	r := Read([]Block{{"findings", "前列腺增大。"}})
	f := Facts{Sex: "F", AgeYears: -1}
	if out := (Rules{Off: []string{"SEX-001"}}).Check(r, f); len(out) != 0 {
		t.Errorf("a rule that is off fires: %v", out)
	}
	out := Rules{Severity: map[string]string{"CC104": "info"}}.Check(r, f)
	if len(out) != 1 || out[0].Severity != "info" || !strings.Contains(out[0].Text, "前列腺") {
		t.Errorf("%v", out)
	}
}

func TestRulesValidate(t *testing.T) {
	ok := Rules{Off: []string{"LAT-001", "CC116"}, Severity: map[string]string{"CC101": "info", "DUP-001": "warning"}}
	if err := ok.Validate(); err != nil {
		t.Error(err)
	}
	for _, bad := range []Rules{{Off: []string{"LAT-01"}}, {Severity: map[string]string{"cc101": "info"}}, {Off: []string{""}}} {
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), "LAT-001") {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// TestData holds the tables together: what a flag names must exist.
func TestData(t *testing.T) {
	l := builtin()
	for i := range l.concepts {
		c := &l.concepts[i]
		for _, name := range []string{c.within, c.isa, c.twin} {
			if name != "" && l.named(name) == nil && l.regions[name].english == "" {
				t.Errorf("%s names %q, which is no term", c.id, name)
			}
		}
		if _, known := l.regions[c.region]; !known && c.region != "-" && c.region != "any" {
			t.Errorf("%s is in region %q, which regions.tsv lacks", c.id, c.region)
		}
		if (c.kind == "modality" || c.kind == "sign") && compatible[c.modality()] == nil && c.modality() != "ECG" {
			t.Errorf("%s: modality %q is in no compatibility list", c.id, c.modality())
		}
	}
	for _, r := range l.removals {
		if r.organ == nil || len(r.phrases) == 0 {
			t.Errorf("removals.tsv: a row names no organ or has no phrases: %v", r.phrases)
		}
	}
	for name := range l.sizes {
		if l.named(name) == nil {
			t.Errorf("sizes.tsv: %q is no term", name)
		}
	}
	for id, r := range l.regions {
		for _, n := range r.neighbours {
			if _, ok := l.regions[n]; !ok {
				t.Errorf("regions.tsv: %s borders on %q, which it lacks", id, n)
			}
		}
	}
	for _, names := range [][]string{levelFindings, lobeNames} {
		for _, n := range names {
			if l.named(n) == nil {
				t.Errorf("the code names %q, which is no term", n)
			}
		}
	}
}

func TestFingerprint(t *testing.T) {
	a := Read([]Block{{"findings", "Large mass in the left lung. Fracture of the right hip, 3 cm."}}).Fingerprint()
	b := Read([]Block{{"findings", "large  mass in the left lung.\nFracture of the right hip; 3 cm"}}).Fingerprint()
	c := Read([]Block{{"findings", "Large mass in the right lung. Fracture of the right hip, 3 cm."}}).Fingerprint()
	if a == "" || a != b || a == c {
		t.Errorf("%q %q %q", a, b, c)
	}
	if f := Read([]Block{{"findings", "The lungs are clear. The heart is normal. No pleural effusion or pneumothorax."}}).Fingerprint(); f != "" {
		t.Errorf("a normal report has the fingerprint %q", f)
	}
	if d := Read([]Block{{"findings", "右肾结石。"}}).Duplicate(); d.Code != "CC123" || d.Text == "" {
		t.Errorf("%+v", d)
	}
}
