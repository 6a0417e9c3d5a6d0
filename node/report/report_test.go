package report

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// find is the statement whose text holds part.
func find(t *testing.T, r *Report, part string) *Statement {
	t.Helper()
	for i := range r.Statements {
		if strings.Contains(r.Statements[i].Text, part) {
			return &r.Statements[i]
		}
	}
	t.Fatalf("no statement holds %q", part)
	return nil
}

func TestSections(t *testing.T) {
	for _, c := range []struct {
		name   string
		blocks []Block
		want   map[string]string // part of a statement → section
	}{
		{"English headings", []Block{{"", "EXAM: CT of the chest.\n\nHISTORY: Cough.\n\nCOMPARISON: None.\n\nFINDINGS: The lungs are clear.\n\nIMPRESSION:\n1. Normal chest.\n2. Follow up as needed.\n\nRECOMMENDATION: CT in a year."}},
			map[string]string{"CT of the chest": "technique", "Cough": "history", "None": "comparison", "lungs are clear": "findings", "Normal chest": "impression", "CT in a year": "recommendation"}},
		{"headings within a line", []Block{{"", "HISTORY: Fall. FINDINGS: No fracture. IMPRESSION: Normal hip."}},
			map[string]string{"Fall": "history", "No fracture": "findings", "Normal hip": "impression"}},
		{"title, unheaded body", []Block{{"", "CHEST RADIOGRAPH, TWO VIEWS\nThe heart is enlarged.\nImpression: Cardiomegaly."}},
			map[string]string{"CHEST RADIOGRAPH": "technique", "enlarged": "findings", "Cardiomegaly": "impression"}},
		{"history ends at the empty line", []Block{{"", "CLINICAL HISTORY: Pain for two days.\n\nThere is a fracture of the hip."}},
			map[string]string{"two days": "history", "fracture": "findings"}},
		{"an unknown label ends the history", []Block{{"", "INDICATIONS: Chest pain.\nMYOCARDIAL PERFUSION IMAGING: No perfusion defect."}},
			map[string]string{"Chest pain": "history", "perfusion defect": "findings"}},
		{"Chinese headings", []Block{{"", "检查方法：64排螺旋CT。\n检查所见：双肺纹理清晰。\n诊断意见：1.胸部CT未见明显异常。2.建议复查。"}},
			map[string]string{"螺旋CT": "technique", "纹理": "findings", "胸部CT": "impression", "建议": "impression"}},
		{"Chinese brackets", []Block{{"", "【影像所见】肝脏未见异常。\n【印象】脂肪肝。\n报告医师：某"}},
			map[string]string{"肝脏": "findings", "脂肪肝": "impression"}},
		{"a block's section holds", []Block{{"impression", "Pneumonia."}, {"findings", "Opacity in the left lower lobe."}},
			map[string]string{"Pneumonia": "impression", "Opacity": "findings"}},
		{"a comparison with its date is no heading", []Block{{"findings", "对比2023-09-11本院CT：右肺结节增大。\n甲状腺右叶结节。"}},
			map[string]string{"甲状腺": "findings", "右肺结节": "findings"}},
		{"a clinical note is no findings", []Block{{"", "CC: Headache.\n\nHX: 63 year old.\n\nThe right knee was weak.\n\nPMH: none.\n\nCOURSE: MRI of the brain was normal."}},
			map[string]string{"right knee": "history", "MRI": "history"}},
	} {
		r := Read(c.blocks)
		for part, want := range c.want {
			if got := find(t, r, part).Section; got != want {
				t.Errorf("%s: %q is in %q, want %q", c.name, part, got, want)
			}
		}
	}
}

func TestParagraphs(t *testing.T) {
	r := Read([]Block{{"", "FINDINGS:\nThe lungs are clear.\n\nThe heart is\nnormal.\nIMPRESSION: 1. Normal. 2. No change."}, {"impression", "1.右肾结石。2.左肾囊肿。"}})
	want := map[string]int{"lungs": 1, "heart": 2, "Normal": 3, "No change": 4, "右肾": 5, "左肾": 6}
	for part, n := range want {
		if got := find(t, r, part).Paragraph; got != n {
			t.Errorf("%q is in paragraph %d, want %d", part, got, n)
		}
	}
}

func TestWrappedLinesJoin(t *testing.T) {
	text := "The X-ray angiography study conducted on 2022-01-25 demonstrates\nnormal arterial patency in the lower extremities without significant\nstenosis or occlusion. Mild atherosclerotic changes are noted in the\naortoiliac segment. No acute vascular events detected. Clinical\ncorrelation may be considered for risk assessment."
	r := Read([]Block{{"impression", text}})
	if n := len(r.Statements); n != 4 {
		t.Errorf("%d statements, want 4", n)
	}
	if p := r.Statements[len(r.Statements)-1].Paragraph; p != 1 {
		t.Errorf("the last statement is in paragraph %d, want 1", p)
	}
}

func TestFlags(t *testing.T) {
	for _, c := range []struct {
		text  string
		flags string // letters: N negated, U uncertain, H history, C comparison, R recommendation, V vague
		skip  string
	}{
		{"No pleural effusion or pneumothorax.", "N", ""},
		{"There is a small left pleural effusion.", "", ""},
		{"Opacity in the right lower lobe, suspicious for pneumonia.", "U", ""},
		{"Pneumonia cannot be excluded.", "U", ""},
		{"No significant change in the nodule.", "C", SkipComparison},
		{"The effusion has increased since the prior examination.", "C", SkipComparison},
		{"Status post cholecystectomy.", "H", SkipHistory},
		{"Follow-up CT in 3 months is recommended.", "R", SkipRecommendation},
		{"Clinical correlation recommended.", "RV", SkipRecommendation},
		{"Unremarkable.", "V", SkipVague},
		{"The pneumothorax is no longer seen.", "NC", SkipComparison},
		{"Left kidney is not enlarged.", "N", ""},
		{"Findings were discussed with Dr. Smith.", "", SkipNotImage},
		{"双侧胸腔未见积液。", "N", ""},
		{"右肺上叶结节，炎性不除外。", "U", ""},
		{"病灶较前增大。", "C", SkipComparison},
		{"胆囊切除术后。", "H", SkipHistory},
		{"建议3个月后复查。", "R", SkipRecommendation},
		{"大致正常。", "V", SkipVague},
		{"边缘不光整。", "", SkipUnknown},
		{"右肾见无回声区。", "", ""},
		{"幽门螺杆菌抗体（-）。", "N", ""},
	} {
		s := Read([]Block{{"findings", c.text}}).Statements[0]
		got := ""
		for i, b := range []bool{s.Negated, s.Uncertain, s.Historical, s.Comparison, s.Recommendation, s.Vague} {
			if b {
				got += "NUHCRV"[i : i+1]
			}
		}
		if got != c.flags || s.Skip != c.skip || s.Judge != (c.skip == "") {
			t.Errorf("%s: flags %q skip %q judge %v, want %q %q", c.text, got, s.Skip, s.Judge, c.flags, c.skip)
		}
	}
}

func TestTermNegation(t *testing.T) {
	s := Read([]Block{{"findings", "Left effusion without pneumothorax."}}).Statements[0]
	denied := map[string]bool{}
	for _, m := range s.Terms {
		denied[m.English] = m.Negated
	}
	if denied["effusion"] || !denied["pneumothorax"] || s.Negated {
		t.Errorf("effusion denied %v, pneumothorax denied %v, statement negated %v", denied["effusion"], denied["pneumothorax"], s.Negated)
	}
}

func TestShort(t *testing.T) {
	for _, c := range []struct{ text, short, english string }{
		{"There is a small left pleural effusion.", "small left pleural effusion", "small left pleural effusion"},
		{"No focal consolidation in the right lung.", "no consolidation in the right lung", "no consolidation in the right lung"},
		{"The lungs are clear.", "the lung is clear", "the lung is clear"},
		{"左侧胸腔少量积液。", "左侧胸腔少量积液", "small effusion in the left pleural cavity"},
		{"右肺上叶见一实性结节，大小约6mm×5mm，边缘光整。", "右肺上叶实性结节", "solid nodule in the right upper lobe"},
		{"肝脏未见异常。", "肝未见异常", "no abnormality in the liver"},
		{"胰腺、脾脏、双肾及肾上腺未见异常。", "胰腺、脾、双肾、肾上腺未见异常", "no abnormality in the pancreas and spleen and bilateral kidney and adrenal gland"},
		{"右侧髋关节少量积液，左侧未见积液。", "右侧髋关节少量积液", "small effusion in the right hip"},
		{"L5/S1椎间盘向右后突出。", "L5-S1椎间盘突出", "herniation in the intervertebral disc at L5-S1"},
		{"肝S5段见一结节。", "肝结节", "nodule in the liver"},
		{"小脑、脑干未见异常。", "小脑、脑干未见异常", "no abnormality in the cerebellum and brainstem"},
		{"左肾积水伴输尿管上段扩张。", "左侧肾积水", "left hydronephrosis"},
		{"胆囊不大，壁不厚。", "胆囊不大", "the gallbladder is normal in size"},
		{"右冠状动脉近段完全闭塞。", "右冠状动脉近段闭塞", "proximal occlusion in the right coronary artery"},
		{"未知词语甲乙丙。", "", ""},
	} {
		s := Read([]Block{{"findings", c.text}}).Statements[0]
		if !strings.HasPrefix(s.Short, c.short) || !strings.Contains(s.English, c.english) {
			t.Errorf("%s: %q, %q", c.text, s.Short, s.English)
		}
	}
}

// TestSpans holds Read to its contract on every text at hand.
func TestSpans(t *testing.T) {
	for _, s := range ownReports(t) {
		checkSpans(t, s.blocks)
	}
}

func checkSpans(t testing.TB, blocks []Block) {
	r := Read(blocks)
	last := map[int]int{}
	for i, s := range r.Statements {
		text := blocks[s.Block].Text
		if s.N != i+1 || s.Start < 0 || s.End > len(text) || s.Start >= s.End || s.Text != text[s.Start:s.End] || strings.TrimSpace(s.Text) != s.Text {
			t.Fatalf("statement %d: span %d-%d of %d, text %q", s.N, s.Start, s.End, len(text), s.Text)
		}
		if s.Start < last[s.Block] {
			t.Fatalf("statement %d begins at %d, before the end of the one before it", s.N, s.Start)
		}
		last[s.Block] = s.End
		if i > 0 && s.Paragraph < r.Statements[i-1].Paragraph {
			t.Fatalf("paragraph numbers fall at statement %d", s.N)
		}
		if s.Judge != (s.Skip == "") {
			t.Fatalf("statement %d: judge %v, skip %q", s.N, s.Judge, s.Skip)
		}
		for _, m := range s.Terms {
			if m.Start < s.Start || m.End > s.End || m.Text != text[m.Start:m.End] {
				t.Fatalf("term %q at %d-%d outside its statement", m.Text, m.Start, m.End)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"", "FINDINGS: No effusion.\nIMPRESSION: 1. Normal. 2. 3 mm nodule.", "【影像所见】右肺见结节，大小约2.5cm×1.2cm，未见积液；建议复查。", "1.2.3.4) (((((", "L4/5 L5-S1 T1-weighted 胸12 2024.3.5 3/5/2024", "A 45-year-old man, not a woman, with contrast", "\xff\xfe:\r\n\r\n:：", "no no not without but, and, indicating",
		"RIGHT EAR: clear.\nLEFT EAR: no effusion. 左侧：见结石，右侧未见。", "Findings: 14 mm nodule, left upper lobe, not seen on the prior. L4/5椎间盘向左后突出"} {
		f.Add(s, "findings", "M")
	}
	f.Fuzz(func(t *testing.T, text, section, sex string) {
		blocks := []Block{{"", text}, {section, text}}
		checkSpans(t, blocks)
		r := Read(blocks)
		facts := Facts{Modalities: []string{"CT", section}, BodyParts: []string{text}, Sex: sex, AgeYears: 40, StudyDate: "20240101", Procedure: text,
			StudyDescription: text, SeriesDescriptions: []string{text}, Laterality: []string{"R"},
			ImagePatient: Patient{ID: text, Name: text, BirthDate: text}, ReportPatient: Patient{ID: section, Name: section, BirthDate: sex}}
		for _, x := range Check(r, facts) {
			if x.Statement < 0 || x.Statement > len(r.Statements) || x.Text == "" {
				t.Fatalf("finding %+v points nowhere", x)
			}
		}
		if r.Fingerprint() != Read(blocks).Fingerprint() {
			t.Fatal("the fingerprint is not stable")
		}
	})
}

// TestHostileText reads 64 KiB of what makes splitting and matching work hardest. It has no clock: it
// fails by the test's own time-out.
func TestHostileText(t *testing.T) {
	for _, unit := range []string{"no left nodule, and right nodule is seen, ", "1. 2. 3. ", "((((", "、左肺结节，右肺结节", "FINDINGS: IMPRESSION: ", "left kidney stone. ", "A\n", ".\n\n", "no not without ", "12 x 3 cm x ",
		"but ", ",", "、", "（", "无", "RIGHT EAR: ", "右侧：", "left lung nodule\n", "非", "no left mass but right mass "} {
		text := strings.Repeat(unit, 1<<16/len(unit))
		blocks := []Block{{"findings", text}, {"impression", text[:1<<14]}}
		r := Read(blocks)
		if out := Check(r, Facts{Modalities: []string{"CR"}, BodyParts: []string{"KNEE"}, Sex: "F", AgeYears: 3}); len(out) > maxFindings {
			t.Errorf("%q: %d findings", unit, len(out))
		}
	}
}

func TestOwnTerms(t *testing.T) {
	l, err := NewLexicon([]OwnTerm{{Kind: "finding", Region: "chest", English: []string{"crazy paving"}, Chinese: []string{"铺路石征"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"Crazy-paving in the left lung.", "左肺见铺路石征。"} {
		s := l.Read([]Block{{"findings", text}}).Statements[0]
		if !slices.ContainsFunc(s.Terms, func(m Term) bool { return m.Concept == "CC-finding-crazy-paving" }) {
			t.Errorf("%s: terms %v", text, s.Terms)
		}
	}
	for _, bad := range []OwnTerm{{Kind: "colour", English: []string{"red"}}, {Kind: "finding"}} {
		if _, err := NewLexicon([]OwnTerm{bad}); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

// long is a report of 200 lines of at most 80 bytes.
func long(t testing.TB) []Block {
	var lines []string
	for _, s := range ownReports(t) {
		for _, line := range strings.Split(s.blocks[0].Text, "\n") {
			for len(line) > 80 {
				cut := 80
				for !utf8.RuneStart(line[cut]) {
					cut--
				}
				lines, line = append(lines, line[:cut]), line[cut:]
			}
			lines = append(lines, line)
		}
	}
	return []Block{{"", strings.Join(lines[:200], "\n")}}
}

func BenchmarkRead200Lines(b *testing.B) {
	blocks := long(b)
	b.SetBytes(int64(len(blocks[0].Text)))
	b.ReportAllocs()
	for b.Loop() {
		Read(blocks)
	}
}

func BenchmarkCheck200Lines(b *testing.B) {
	r := Read(long(b))
	f := Facts{Modalities: []string{"CT"}, BodyParts: []string{"CHEST"}, Sex: "M", AgeYears: 50, StudyDate: "20240315"}
	for b.Loop() {
		Check(r, f)
	}
}

// TestLineEnds: LF, CR LF and CR, blanks that are no ASCII and characters of four bytes change neither the
// statements nor their paragraphs, and every span stays right to the byte.
func TestLineEnds(t *testing.T) {
	for _, s := range append(variedReports(t), ownReports(t)...) {
		want := Read(s.blocks)
		for _, change := range []*strings.Replacer{strings.NewReplacer("\n", "\r\n"), strings.NewReplacer("\n", "\r"),
			strings.NewReplacer("\n", " \t\r\n\u3000"), strings.NewReplacer("\n", "\u00a0\n")} {
			blocks := slices.Clone(s.blocks)
			for i := range blocks {
				blocks[i].Text = "\ufeff\n" + change.Replace(blocks[i].Text)
			}
			checkSpans(t, blocks)
			got := Read(blocks)
			if len(got.Statements) != len(want.Statements) {
				t.Fatalf("%s: %d statements, want %d", s.id, len(got.Statements), len(want.Statements))
			}
			for i := range got.Statements {
				a, b := &got.Statements[i], &want.Statements[i]
				if a.Paragraph != b.Paragraph || a.Section != b.Section || strings.Join(strings.Fields(a.Text), " ") != strings.Join(strings.Fields(b.Text), " ") {
					t.Errorf("%s: paragraph %d %s %q, want %d %s %q", s.id, a.Paragraph, a.Section, a.Text, b.Paragraph, b.Section, b.Text)
				}
			}
		}
	}
}

// TestClosing: the last paragraph of a report without headings concludes if it takes up what was said.
func TestClosing(t *testing.T) {
	for text, want := range map[string]string{
		"右侧股骨颈骨皮质不连续，断端嵌插。左侧髋关节间隙变窄。骶髂关节正常。诸骨骨质疏松。\n右侧股骨颈骨折。骨质疏松。": "impression",
		"肝内见囊肿，约2cm。胆囊壁不厚。胰腺正常。脾不大。\n右肾囊肿，左肾结石。":                   "findings", // goes on
		"肝内见囊肿，约2cm。胆囊壁不厚。胰腺正常。脾不大。\n肝内见囊肿。":                       "findings", // says what is seen
		"右肾结石。\n右肾结石。": "findings", // too short to be summed up
		"FINDINGS: There is a cyst in the liver. The spleen is normal. No ascites.\nThe pancreas is normal.\nLiver cyst.": "findings",
	} {
		r := Read([]Block{{"", text}})
		if got := r.Statements[len(r.Statements)-1].Section; got != want {
			t.Errorf("%q ends in %s, want %s", text, got, want)
		}
	}
}
