package report

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// fault plants one kind of slip into a clean sample; ok is false where the sample offers no place for it.
type fault struct {
	name  string
	codes []string // any of these counts as caught
	plant func(s sample, r *Report, rnd *rand.Rand) (sample, bool)
}

var faults = []fault{
	{"side against the headers", []string{"CC101"}, plantHeaderSide},
	{"side in the impression", []string{"CC101"}, plantImpressionSide},
	{"body part of the headers", []string{"CC102"}, plantHeaderPart},
	{"statement about another part", []string{"CC102"}, plantForeignPart},
	{"modality of the headers", []string{"CC103"}, plantHeaderModality},
	{"result of another modality", []string{"CC103", "CC102"}, plantForeignResult},
	{"organ of the other sex", []string{"CC104"}, plantSexOrgan},
	{"sex or age in the history", []string{"CC104", "CC115"}, plantSexAge},
	{"identity", []string{"CC105"}, plantIdentity},
	{"contrast", []string{"CC106"}, plantContrast},
	{"view", []string{"CC107"}, plantView},
	{"comparison date", []string{"CC108"}, plantDate},
	{"number of lesions", []string{"CC109"}, plantCount},
	{"size or unit", []string{"CC113", "CC114"}, plantSize},
	{"critical finding left out", []string{"CC118"}, plantCritical},
	{"described and denied", []string{"CC119"}, plantContradiction},
	{"vague or empty", []string{"CC116"}, plantVague},
}

func TestPlantedFaults(t *testing.T) {
	for _, set := range []struct {
		name string
		read func(testing.TB) []sample
	}{{"all", func(t testing.TB) []sample {
		return append(append(append(realEnglish(t), realChinese(t)...), realMessages(t)...), ownReports(t)...)
	}}, {"varied", variedReports}, {"held out", heldOutReports}} {
		t.Run(set.name, func(t *testing.T) { plantAll(t, set.read(t)) })
	}
}

// plantAll plants each kind of fault into each report that offers a place for it.
func plantAll(t *testing.T, bases []sample) {
	rnd := rand.New(rand.NewPCG(1, 2))
	caught, planted := 0, 0
	for _, f := range faults {
		hit, n := 0, 0
		for _, base := range bases {
			s, ok := f.plant(base.clone(), Read(base.blocks), rnd)
			if !ok {
				continue
			}
			n++
			out := Check(Read(s.blocks), s.facts)
			if slices.ContainsFunc(out, func(x Finding) bool { return slices.Contains(f.codes, x.Code) }) {
				hit++
			} else {
				t.Logf("missed %s in %s: %v", f.name, s.id, out)
			}
		}
		t.Logf("%-30s %3d of %3d", f.name, hit, n)
		caught, planted = caught+hit, planted+n
	}
	t.Logf("recall %.4f (%d of %d)", float64(caught)/float64(planted), caught, planted)
	if float64(caught) < 0.95*float64(planted) {
		t.Errorf("recall of planted faults is below 0.95")
	}
}

func (s sample) clone() sample {
	s.blocks = slices.Clone(s.blocks)
	s.facts.Modalities = slices.Clone(s.facts.Modalities)
	return s
}

// add puts a sentence behind the last statement of a section, or opens the section at the end.
func (s *sample) add(r *Report, section, en, zh string) {
	text := en
	if r.Language == "zh" {
		text = zh
	}
	for i := len(r.Statements) - 1; i >= 0; i-- {
		if st := &r.Statements[i]; st.Section == section && st.Skip != SkipHeading {
			b := &s.blocks[st.Block]
			sep := " "
			if !strings.ContainsAny(b.Text[st.End-1:st.End], ".;") && !strings.HasSuffix(st.Text, "。") {
				sep = ". "
			}
			b.Text = b.Text[:st.End] + sep + text + b.Text[st.End:]
			return
		}
	}
	s.blocks = append(s.blocks, Block{section, text})
}

func pick(rnd *rand.Rand, list ...string) string { return list[rnd.IntN(len(list))] }

func plantHeaderSide(s sample, r *Report, _ *rand.Rand) (sample, bool) {
	e := r.lex.examOf(&s.facts)
	said := sideNone
	for i := range r.details {
		for _, m := range r.details[i].mentions {
			if st := r.Statements[i]; m.place() && slices.Contains(limbRegions, m.region) && st.Section != "history" && !st.Comparison && !st.Recommendation && !r.details[i].clause.comparesSides() {
				if m.side == sideBoth || said != sideNone && m.side != sideNone && m.side != said {
					return s, false
				}
				if m.side != sideNone {
					said = m.side
				}
			}
		}
	}
	if !e.limb || said == sideNone {
		return s, false
	}
	s.facts.Laterality = []string{map[side]string{sideLeft: "R", sideRight: "L"}[said]}
	return s, true
}

// plantImpressionSide gives the impression a lesion on the side the findings do not have it on.
func plantImpressionSide(s sample, r *Report, rnd *rand.Rand) (sample, bool) {
	a, b, za, zb := "right", "left", "右", "左"
	if rnd.IntN(2) == 0 {
		a, b, za, zb = b, a, zb, za
	}
	type lesion struct{ en, en2, zh, zh2 string }
	l := []lesion{
		{"There is a nodule in the %s adrenal gland.", "%s adrenal nodule.", "%s侧肾上腺见结节影。", "%s侧肾上腺结节。"},
		{"A stone is seen in the %s ureter.", "%s ureteral stone.", "%s侧输尿管见结石影。", "%s侧输尿管结石。"},
		{"There is opacification of the %s maxillary sinus.", "%s maxillary sinusitis.", "%s侧上颌窦内见软组织密度影。", "%s侧上颌窦炎。"},
		{"There is a fracture of the %s femoral neck.", "%s femoral neck fracture.", "%s侧股骨颈骨皮质不连续。", "%s侧股骨颈骨折。"},
		{"There is a cyst in the %s ovary.", "%s ovarian cyst.", "%s侧腮腺见结节。", "%s侧腮腺结节。"},
	}[rnd.IntN(4)]
	// the report itself must not speak of the organ already
	words := map[string]string{"adrenal": "adrenal", "ureter": "ureter", "maxillary": "maxillary", "femoral": "femoral"}
	for _, st := range r.Statements {
		for w := range words {
			if strings.Contains(l.en, w) && (strings.Contains(strings.ToLower(st.Text), w) || strings.Contains(st.Text, "肾上腺") || strings.Contains(st.Text, "输尿管") || strings.Contains(st.Text, "上颌窦") || strings.Contains(st.Text, "股骨")) {
				return s, false
			}
		}
	}
	s.add(r, "impression", fmt.Sprintf(l.en2, strings.ToUpper(b[:1])+b[1:]), fmt.Sprintf(l.zh2, zb))
	s.add(Read(s.blocks), "findings", fmt.Sprintf(l.en, a), fmt.Sprintf(l.zh, za))
	return s, true
}

// farFrom is a body part, as headers spell it, far from all regions of the exam.
func farFrom(e exam, l *Lexicon, rnd *rand.Rand) (part string, ok bool) {
	parts := map[string]string{"head": "HEAD", "chest": "CHEST", "knee": "KNEE", "hand": "HAND", "abdomen": "ABDOMEN", "foot": "FOOT", "lspine": "LSPINE"}
	var far []string
	for region, name := range parts {
		if !slices.ContainsFunc(e.regions, func(r string) bool { return r == region || l.adjacent(r, region) || l.adjacent(region, r) }) {
			far = append(far, name)
		}
	}
	slices.Sort(far)
	if len(far) == 0 || len(e.regions) == 0 {
		return "", false
	}
	return far[rnd.IntN(len(far))], true
}

// plantHeaderPart is the wrong study: body part and descriptions are those of another part.
func plantHeaderPart(s sample, r *Report, rnd *rand.Rand) (sample, bool) {
	e := r.lex.examOf(&s.facts)
	part, ok := farFrom(e, r.lex, rnd)
	if !ok || e.wholeBody() {
		return s, false
	}
	s.facts.BodyParts = []string{part}
	s.facts.StudyDescription = part
	return s, true
}

func plantForeignPart(s sample, r *Report, rnd *rand.Rand) (sample, bool) {
	e := r.lex.examOf(&s.facts)
	part, ok := farFrom(e, r.lex, rnd)
	if !ok || e.wholeBody() {
		return s, false
	}
	lines := map[string][2]string{
		"HEAD":    {"The brain parenchyma is unremarkable.", "脑实质未见异常密度影。"},
		"CHEST":   {"The lungs are clear.", "双肺纹理清晰，未见实变影。"},
		"KNEE":    {"The medial meniscus is intact.", "内侧半月板形态正常。"},
		"HAND":    {"No fracture of the scaphoid.", "舟骨未见骨折。"},
		"ABDOMEN": {"The liver is normal in size.", "肝脏大小正常。"},
		"FOOT":    {"There is a calcaneal spur.", "跟骨骨质增生。"},
		"LSPINE":  {"There is degenerative change of the lumbar spine.", "腰椎退行性变。"},
	}[part]
	s.add(r, "findings", lines[0], lines[1])
	return s, true
}

// plantHeaderModality puts the report on a study of another modality, where the report names its own.
func plantHeaderModality(s sample, r *Report, rnd *rand.Rand) (sample, bool) {
	names := false
	for i := range r.details {
		st, d := &r.Statements[i], &r.details[i]
		if (st.Section == "technique" || d.title) && !st.Comparison && !st.Historical && slices.ContainsFunc(d.mentions, func(m mention) bool {
			return m.kind == "modality" && carries(s.facts.Modalities, m.modality()) && len(compatible[m.modality()]) > 0
		}) {
			names = true
		}
	}
	if !names {
		return s, false
	}
	other := map[string][]string{"CT": {"MR", "US", "CR"}, "MR": {"CT", "US", "DX"}, "US": {"CT", "MR", "MG"}, "CR": {"CT", "MR", "US"}, "DX": {"CT", "MR", "US"},
		"MG": {"US", "CT"}, "XA": {"US", "MG"}, "RF": {"CT", "US"}, "NM": {"CR", "US"}, "PT": {"US", "CR"}}[s.facts.Modalities[0]]
	if other == nil {
		return s, false
	}
	s.facts.Modalities = []string{pick(rnd, other...)}
	return s, true
}

func plantForeignResult(s sample, r *Report, rnd *rand.Rand) (sample, bool) {
	switch s.facts.Modalities[0] {
	case "CT", "PT", "NM":
		s.add(r, "impression", pick(rnd, "MRI of the brain is unremarkable.", "MRI of the brain shows no abnormality."), pick(rnd, "颅脑MR平扫未见明显异常。", "MRI示脑实质未见异常。"))
	case "XA", "MR":
		s.add(r, "impression", pick(rnd, "Mammogram shows no evidence of malignancy.", "Ultrasound of the abdomen demonstrates no abnormality."), pick(rnd, "胸部X线平片未见明显异常。", "腹部超声未见明显异常。"))
	default:
		s.add(r, "impression", pick(rnd, "MRI of the brain demonstrates no abnormality.", "PET CT demonstrates no hypermetabolic lesion."), pick(rnd, "颅脑MR未见明显异常。", "颅脑MRI示脑萎缩。"))
	}
	said := false
	for i := range r.details { // a report that is about several examinations names them in its technique
		said = said || r.Statements[i].Section == "technique" && slices.ContainsFunc(r.details[i].mentions, func(m mention) bool {
			return m.kind == "modality" && !carries(s.facts.Modalities, m.modality())
		})
	}
	return s, !said
}

func plantSexOrgan(s sample, r *Report, rnd *rand.Rand) (sample, bool) {
	if s.facts.Sex == "M" {
		s.add(r, "findings", pick(rnd, "The uterus and ovaries are unremarkable.", "There is a left ovarian cyst.", "The endometrium is not thickened.", "Normal adnexa."),
			pick(rnd, "子宫及双侧附件未见明显异常。", "右侧卵巢见囊性灶。", "子宫内膜不厚。"))
	} else {
		s.add(r, "findings", pick(rnd, "The prostate is enlarged.", "The prostate gland and seminal vesicles are unremarkable.", "Both testes are normal."),
			pick(rnd, "前列腺增大。", "前列腺及精囊腺未见异常。", "双侧睾丸未见异常。"))
	}
	return s, s.facts.Sex == "M" || s.facts.Sex == "F"
}

func plantSexAge(s sample, r *Report, rnd *rand.Rand) (sample, bool) {
	s.facts.AgeYears = 30 + rnd.IntN(40)
	for i := range r.details {
		if r.details[i].clause.statedSex() != "" {
			return s, false
		}
		for j := range r.details[i].clause.tokens {
			if _, n := r.details[i].clause.ageAt(j); n > 0 {
				return s, false
			}
		}
	}
	en, zh, age := "man", "男", s.facts.AgeYears
	if s.facts.Sex == "M" == (rnd.IntN(2) == 0) {
		en, zh = "woman", "女"
	}
	if (s.facts.Sex == "M") == (en == "man") { // the sex is right, so the age is wrong
		age += 7 + rnd.IntN(20)
	}
	if r.Language == "zh" {
		s.blocks = append([]Block{{"history", fmt.Sprintf("患者%s，%d岁，体检。", zh, age)}}, s.blocks...)
	} else {
		s.blocks = append([]Block{{"history", pick(rnd, fmt.Sprintf("A %d-year-old %s with pain.", age, en), fmt.Sprintf("%d year old %s, chronic cough.", age, en), fmt.Sprintf("%d y/o %s status post fall.", age, en))}}, s.blocks...)
	}
	return s, true
}

func plantIdentity(s sample, _ *Report, rnd *rand.Rand) (sample, bool) {
	ours := Patient{ID: "0012345", Issuer: "HOSP", Name: "Ou Yang^Min", BirthDate: "19700203", Sex: s.facts.Sex, Accession: "CT240312-0156"}
	theirs := ours
	theirs.Name = "OUYANG^MIN"
	switch rnd.IntN(4) {
	case 0:
		theirs.ID = "0012354"
	case 1:
		theirs.Name = pick(rnd, "OUYANG^MING", "LI^MIN", "Wang^Fang")
	case 2:
		theirs.BirthDate = "19700302"
	case 3:
		theirs.Accession = "CT240312-0165"
	}
	s.facts.ImagePatient, s.facts.ReportPatient = ours, theirs
	return s, true
}

func plantContrast(s sample, r *Report, _ *rand.Rand) (sample, bool) {
	if m := s.facts.Modalities[0]; m != "CT" && m != "MR" {
		return s, false
	}
	with, without := false, false
	for i := range r.details {
		st := &r.Statements[i]
		for _, m := range r.details[i].mentions {
			if m.kind == "contrast" && !st.Historical && !st.Comparison && !st.Recommendation {
				with = with || !m.has("without") && !m.has("oral") && !m.denied
				without = without || m.has("without")
				if m.has("oral") || r.details[i].clause.otherContrast() {
					return s, false
				}
			}
		}
	}
	given := without && !with
	if with == without && !with {
		return s, false
	}
	s.facts.ContrastGiven = &given
	return s, true
}

func plantView(s sample, r *Report, rnd *rand.Rand) (sample, bool) {
	m := s.facts.Modalities[0]
	if m != "CR" && m != "DX" {
		return s, false
	}
	s.facts.ViewPositions = []string{pick(rnd, "PA", "AP")}
	s.blocks = append([]Block{{"technique", pick(rnd, "PA and lateral views.", "Frontal and lateral radiographs.", "AP and lateral projections.", "Two views, frontal and lateral.")}}, s.blocks...)
	if r.Language == "zh" {
		s.blocks[0].Text = pick(rnd, "正侧位片。", "正位及侧位。")
	}
	return s, true
}

func plantDate(s sample, r *Report, rnd *rand.Rand) (sample, bool) {
	s.facts.StudyDate = "20240315"
	if r.Language == "zh" {
		s.blocks = append(s.blocks, Block{"findings", pick(rnd, "与2024年5月2日CT片对比，未见明显变化。", "较2024-06-11片，病灶较前缩小。", "与前片（2024.12.1）比较，变化不大。")})
		return s, true
	}
	s.blocks = append(s.blocks, Block{"comparison", pick(rnd, "Chest radiograph dated 05/21/2024.", "CT of 2024-06-30.", "Prior study from June 3, 2025.", "Compared with the examination of 12 Nov 2024.")})
	return s, true
}

func plantCount(s sample, r *Report, rnd *rand.Rand) (sample, bool) {
	words := []string{"two", "three", "four", "five"}
	zh := []string{"两", "3", "4", "5"}
	a := rnd.IntN(4)
	b := (a + 1 + rnd.IntN(3)) % 4
	for _, st := range r.Statements {
		if strings.Contains(st.Text, "stone") || strings.Contains(st.Text, "结石") {
			return s, false
		}
	}
	s.add(r, "impression", fmt.Sprintf(pick(rnd, "%s stones in the left kidney.", "%s left renal stones."), strings.ToUpper(words[b][:1])+words[b][1:]), fmt.Sprintf("左肾%s枚结石。", zh[b]))
	s.add(Read(s.blocks), "findings", fmt.Sprintf("There are %s stones in the left kidney.", words[a]), fmt.Sprintf("左肾见%s枚结石影。", zh[a]))
	return s, true
}

// plantSize changes a size that findings and impression share, or the unit of one.
func plantSize(s sample, r *Report, rnd *rand.Rand) (sample, bool) {
	for _, st := range r.Statements {
		if strings.Contains(st.Text, "adrenal") || strings.Contains(st.Text, "肾上腺") {
			return s, false
		}
	}
	mm := 6 + rnd.IntN(30)
	other := fmt.Sprintf("%d mm", mm*2+3)
	if rnd.IntN(2) == 0 {
		other = fmt.Sprintf("%d cm", mm)
	}
	s.add(r, "impression", fmt.Sprintf(pick(rnd, "%s left adrenal nodule.", "Left adrenal nodule measuring %s."), other), fmt.Sprintf("左侧肾上腺结节，大小约%s。", strings.ReplaceAll(other, " ", "")))
	s.add(Read(s.blocks), "findings", fmt.Sprintf(pick(rnd, "There is a %d mm nodule in the left adrenal gland.", "A left adrenal nodule measures %d mm."), mm), fmt.Sprintf("左侧肾上腺见结节，大小约%dmm。", mm))
	return s, true
}

func plantCritical(s sample, r *Report, rnd *rand.Rand) (sample, bool) {
	i := rnd.IntN(4)
	known := regexp.MustCompile(`(?i)pneumothorax|embol|free (intraperitoneal )?air|subdural|hemorrhag|hematoma|thromb|pneumoperiton|perforat|气胸|栓塞|游离气体|血肿|出血|硬膜下|血栓|穿孔`)
	if !k(r, "impression") {
		return s, false
	}
	for _, st := range r.Statements {
		if known.MatchString(st.Text) || strings.Contains(strings.ToLower(st.Text), "above") {
			return s, false
		}
	}
	s.add(r, "findings", []string{"There is a moderate right pneumothorax.", "Filling defect in the left pulmonary artery consistent with acute pulmonary embolism is present. There is pulmonary embolism.", "Free intraperitoneal air is seen under the diaphragm.", "There is an acute left subdural hematoma."}[i],
		[]string{"右侧气胸。", "左肺动脉栓塞。", "膈下见游离气体。", "左侧硬膜下血肿。"}[i])
	return s, true
}

func k(r *Report, section string) bool { return (&checker{r: r}).has(section) }

func plantContradiction(s sample, r *Report, rnd *rand.Rand) (sample, bool) {
	i := rnd.IntN(4)
	known := regexp.MustCompile(`(?i)effusion|pneumothora|hydroneph|gallst|stone|cholelith|积液|气胸|积水|结石|calcul`)
	for _, st := range r.Statements {
		if known.MatchString(st.Text) {
			return s, false
		}
	}
	s.add(r, "impression", []string{"No pleural effusion.", "No pneumothorax.", "No hydronephrosis.", "No gallstones."}[i], []string{"未见胸腔积液。", "未见气胸。", "双肾未见肾积水。", "未见胆囊结石。"}[i])
	s.add(Read(s.blocks), "findings", []string{"There is a large left pleural effusion.", "A left apical pneumothorax is present.", "There is moderate right hydronephrosis.", "Multiple gallstones are seen."}[i],
		[]string{"左侧胸腔积液。", "左侧气胸。", "右肾积水。", "胆囊结石。"}[i])
	return s, true
}

func plantVague(s sample, r *Report, rnd *rand.Rand) (sample, bool) {
	if r.Language == "zh" {
		s.blocks = []Block{{"findings", ""}, {"impression", pick(rnd, "大致正常。", "未见明显异常。", "请结合临床。", "未见明显异常，请结合临床。")}}
	} else {
		s.blocks = []Block{{"findings", ""}, {"impression", pick(rnd, "Unremarkable.", "Grossly unremarkable.", "Within normal limits. Clinical correlation recommended.", "")}}
	}
	return s, true
}
