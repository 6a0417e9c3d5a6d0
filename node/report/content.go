package report

import (
	"slices"
	"strings"
)

// VAGUE-001, VAGUE-002: nothing said, or nothing but stock phrases.
func (k *checker) content() {
	said, body := 0, ""
	for i := range k.r.Statements {
		s := &k.r.Statements[i]
		if s.Section != "findings" && s.Section != "impression" && s.Section != "addendum" || s.Skip == SkipHeading || s.Skip == SkipNotImage {
			continue
		}
		if !s.Vague && s.Skip != SkipRecommendation || k.specific(i) {
			said++
		}
		if body == "" {
			body = s.Text
		}
	}
	switch {
	case said > 0:
	case body == "" && len(k.r.Statements) > 3: // a note of another kind
	case body == "":
		k.flag("VAGUE-001", 0)
	default:
		k.flag("VAGUE-002", 0, quote(body))
	}
}

// specific: the statement names an organ or a finding, so 'unremarkable' has something to be said of.
func (k *checker) specific(i int) bool {
	d := &k.r.details[i]
	return d.names("organ", "sex-organ", "device", "modality") || slices.ContainsFunc(d.mentions, func(m mention) bool {
		return m.kind == "finding" && m.english != "abnormality" && m.english != "acute disease" && m.english != "lesion"
	})
}

// NORM-001: an impression that calls everything normal beside an important finding.
func (k *checker) normalImpression() {
	normal, n := k.wholeNormal()
	if !normal {
		return
	}
	k.observed(func(s *Statement, d *detail) bool {
		if s.Section != "findings" || s.Uncertain {
			return true
		}
		for i := range d.mentions {
			m := &d.mentions[i]
			if k.important(m, d) {
				k.flag("NORM-001", n, quote(s.Text))
				return false
			}
		}
		return true
	})
}

// wholeNormal: every statement of the impression denies or calls normal, and none limits itself to an organ.
func (k *checker) wholeNormal() (bool, int) {
	n, normal := 0, true
	for i := range k.r.Statements {
		s, d := &k.r.Statements[i], &k.r.details[i]
		if s.Section != "impression" || s.Skip == SkipRecommendation || s.Skip == SkipNotImage || s.Skip == SkipHeading {
			continue
		}
		whole := d.names("normal") && !d.names("finding") || s.Negated && slices.ContainsFunc(d.mentions, func(m mention) bool {
			return m.english == "abnormality" || m.english == "acute disease"
		})
		normal = normal && whole && !d.names("organ", "sex-organ") && s.Skip != SkipComparison && !d.limited()
		if n == 0 {
			n = s.N
		}
	}
	return normal && n > 0, n
}

// limited: 'otherwise', 'acute', 'significant': the normality is not of everything.
func (d *detail) limited() bool {
	return d.clause.hasWord([]string{"otherwise", "Otherwise", "other", "Other", "new", "余", "其"}) ||
		slices.ContainsFunc(d.mentions, func(m mention) bool { return m.english == "acute disease" })
}

var importantNames = []string{"mass", "fracture", "consolidation", "pneumonia", "carcinoma", "metastasis", "acute infarct", "bowel obstruction",
	"aneurysm", "abscess", "appendicitis", "cholecystitis", "pleural effusion", "tear", "dislocation", "herniation", "neoplasm", "kidney stone",
	"gallstone", "hydronephrosis", "deep venous thrombosis", "compression fracture", "stone", "thrombosis", "infarct", "nodule"}

// important: affirmed, not old, small or healed, and of a kind no impression may pass over as 'normal'.
func (k *checker) important(m *mention, d *detail) bool {
	if m.kind != "finding" || m.denied || d.aged() {
		return false
	}
	return m.has("critical") || slices.Contains(importantNames, m.english)
}

// aged: the statement speaks of something old, healed, benign or only suspected.
func (d *detail) aged() bool {
	if d.clause.colours&(cueHistory|cuePrior|cueUncertain|cueRecommend) != 0 {
		return true
	}
	return slices.ContainsFunc(d.mentions, func(m mention) bool {
		return m.kind == "attribute" && (m.english == "chronic" || m.english == "benign" || m.english == "subacute")
	})
}

// CRIT-001: a critical finding affirmed in the findings that no statement of the impression mentions.
func (k *checker) criticalMissing() {
	if !k.has("impression") || k.refersBack() {
		return
	}
	k.observed(func(s *Statement, d *detail) bool {
		if s.Section != "findings" || d.aged() {
			return true
		}
		for i := range d.mentions {
			m := &d.mentions[i]
			if d.grave(m) && !m.denied && !k.concluded(m.concept) {
				k.flag("CRIT-001", s.N, k.name(m.concept))
			}
		}
		return true
	})
}

func (k *checker) has(section string) bool {
	return slices.ContainsFunc(k.r.Statements, func(s Statement) bool { return s.Section == section && s.Skip != SkipHeading })
}

// refersBack: the impression says 'as described above'.
func (k *checker) refersBack() bool {
	for i := range k.r.Statements {
		s := &k.r.Statements[i]
		if s.Section != "impression" {
			continue
		}
		t := strings.ToLower(s.Text)
		for _, phrase := range []string{"as above", "see above", "described above", "as described", "noted above", "as detailed above", "see body", "见上", "如上", "同上"} {
			if strings.Contains(t, phrase) {
				return true
			}
		}
	}
	return false
}

// grave: the finding must reach the impression; bleeding is grave inside the head.
func (d *detail) grave(m *mention) bool {
	if m.has("critical") {
		return true
	}
	o := d.organOf(m)
	return (m.english == "hemorrhage" || m.english == "hematoma") && o != nil && o.region == "head" && o.english != "calvarium"
}

// concluded: the impression names the finding, a kind of it, or what it is a kind of, in whatever polarity.
func (k *checker) concluded(c *concept) bool {
	if k.named == nil {
		k.named = k.concludedFindings()
	}
	for m := range k.named {
		if related(m, c) || m.isa != "" && m.isa == c.isa || alike(m.english, c.english) {
			return true
		}
	}
	return false
}

// concludedFindings is the set of findings that impression and addenda name.
func (k *checker) concludedFindings() map[*concept]bool {
	out := map[*concept]bool{}
	for i := range k.r.Statements {
		if s := k.r.Statements[i].Section; s != "impression" && s != "addendum" {
			continue
		}
		for _, m := range k.r.details[i].mentions {
			if m.kind == "finding" {
				out[m.concept] = true
			}
		}
	}
	return out
}

// families of names under which an impression may sum a finding up.
var families = [][]string{
	{"hemorrhage", "hematoma", "subdural hematoma", "epidural hematoma", "intracranial hemorrhage", "subarachnoid hemorrhage", "contusion"},
	{"free air", "perforation", "pneumatosis"},
	{"pneumothorax", "tension pneumothorax", "pneumomediastinum"},
	{"pulmonary embolism", "embolism", "thrombosis", "deep venous thrombosis"},
	{"midline shift", "brain herniation", "herniation", "subdural hematoma", "epidural hematoma", "displacement"},
	{"aortic dissection", "aneurysm", "ruptured aneurysm", "abdominal aortic aneurysm"},
}

func alike(a, b string) bool {
	return slices.ContainsFunc(families, func(f []string) bool { return slices.Contains(f, a) && slices.Contains(f, b) })
}

// claim is a finding that a statement affirms.
type claim struct {
	lesion
	statement *Statement
}

// CONTRA-001: one section affirms what the other denies at the same place.
func (k *checker) contradiction() {
	affirmed := k.claims()
	k.observed(func(s *Statement, d *detail) bool {
		for _, q := range d.lesions {
			if !q.denied || d.qualified(q.at) {
				continue
			}
			for _, a := range affirmed {
				if a.statement.Section != s.Section && (a.finding == q.finding || a.finding.kindOf == q.finding) && k.samePlace(&q, &a.lesion) {
					k.flag("CONTRA-001", max(s.N, a.statement.N), k.name(q.finding), quote(a.statement.Text))
					return true
				}
			}
		}
		return true
	})
}

// claims lists the findings affirmed without reserve that are definite enough to be contradicted.
func (k *checker) claims() []claim {
	var out []claim
	k.observed(func(s *Statement, d *detail) bool {
		if d.aged() || d.clause.ruling() {
			return true
		}
		for _, l := range d.lesions {
			if !l.denied && l.finding != unnamed && deniable(l.finding) {
				out = append(out, claim{l, s})
			}
		}
		return len(out) < maxConclusions
	})
	return out
}

// deniable findings are definite enough that 'there is none' contradicts 'there is one'.
func deniable(c *concept) bool {
	return c.has("critical") || slices.Contains([]string{"pleural effusion", "fracture", "pericardial effusion", "consolidation", "pneumonia",
		"hydronephrosis", "gallstone", "kidney stone", "ascites", "appendicitis", "cardiomegaly", "mass", "nodule", "stone", "effusion",
		"bowel obstruction", "compression fracture", "dislocation", "aneurysm", "tear", "infarct", "acute infarct", "lymphadenopathy", "hematoma", "cyst", "polyp"}, c.english)
}

// ruling: the clause weighs a finding rather than reporting it.
func (c *clause) ruling() bool {
	return c.hasWord([]string{"if", "If", "unless", "should", "would", "could", "might", "may"})
}

// qualified: the denial is of a special kind: 'no acute fracture', 'no other mass', 'no large effusion'.
func (d *detail) qualified(i int) bool {
	c, m := d.clause, &d.mentions[i]
	if c.colours&(cuePrior|cueRecommend|cueHistory|cueUncertain) != 0 {
		return true
	}
	for j := max(0, m.from-8); j < len(c.tokens) && j < m.to+6; j++ {
		switch c.lower(j) {
		case "other", "additional", "new", "acute", "significant", "large", "suspicious", "dominant", "discrete", "solid", "definite", "displaced",
			"obstructing", "obstructive", "further", "enhancing", "residual", "recurrent", "gross", "focal", "second", "another", "malignant", "appreciable",
			"enlarged", "bulky", "sizable", "frank", "drainable", "otherwise", "remaining", "elsewhere", "remainder", "calcified", "noncalcified", "intrahepatic",
			"extrahepatic", "余", "其", "新", "大", "再", "他", "急", "活":
			return true
		}
	}
	return false
}

// samePlace: sides and organs agree as far as both are said; a denial without an organ covers every place
// of a finding that has a region of its own (pleural effusion), not of one that may sit anywhere (cyst).
func (k *checker) samePlace(denied, affirmed *lesion) bool {
	if denied.side != sideNone && denied.side != sideBoth && denied.side != affirmed.side {
		return false
	}
	a, b := affirmed.place(), denied.place()
	if a != nil && a.has("generic") || b != nil && b.has("generic") {
		return false
	}
	if a == nil || b == nil {
		return denied.finding.region != "-" || denied.finding.has("critical") && a == b
	}
	return partOf(a, b)
}

// removals: words that say an organ was taken out, and the organ.
var removals = []struct {
	words []string
	organ string
}{
	{[]string{"cholecystectomy", "胆囊已切除", "胆囊切除术后", "胆囊术后", "胆囊缺如", "gallbladder is surgically absent", "gallbladder has been removed", "gallbladder is absent"}, "gallbladder"},
	{[]string{"splenectomy", "脾切除术后", "脾脏切除术后", "脾已切除", "脾脏已切除", "spleen is surgically absent", "spleen is absent"}, "spleen"},
	{[]string{"hysterectomy", "子宫切除术后", "子宫已切除", "子宫全切术后", "uterus is surgically absent", "uterus has been removed"}, "uterus"},
	{[]string{"appendectomy", "阑尾切除术后", "阑尾已切除"}, "appendix"},
	{[]string{"radical prostatectomy", "前列腺切除术后", "前列腺根治术后", "前列腺已切除", "prostate is surgically absent"}, "prostate"},
}

// CONTRA-002: a finding, or a normal look, of an organ that the same report says was removed.
func (k *checker) removedOrgan() {
	for _, r := range removals {
		if !k.removed(r.words) {
			continue
		}
		organ := k.lex.named(r.organ)
		k.observed(func(s *Statement, d *detail) bool {
			for i := range d.mentions {
				m := &d.mentions[i]
				if m.kind != "finding" && m.kind != "normal" || m.denied || d.aged() || d.clause.hasWord([]string{"fossa", "bed", "clips", "absent", "cuff", "窝", "区", "术"}) {
					continue
				}
				o := d.organOf(m)
				if m.within == organ.english && m.region != "-" || o != nil && o.concept == organ {
					k.flag("CONTRA-002", s.N, k.name(organ), quote(s.Text))
					return true
				}
			}
			return true
		})
	}
}

// removed: some statement about the past or an absence says so in as many words, without hedging.
func (k *checker) removed(words []string) bool {
	for _, t := range k.pastTexts() {
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(t, w) }) {
			return true
		}
	}
	return false
}

// pastTexts lists, in lower case, the statements that tell of operations and of organs that are gone.
func (k *checker) pastTexts() []string {
	if k.past != nil {
		return k.past
	}
	k.past = []string{}
	for i := range k.r.Statements {
		s := &k.r.Statements[i]
		t := strings.ToLower(s.Text)
		absent := strings.Contains(t, "absent") || strings.Contains(t, "缺如")
		gone := absent || !s.Negated && (s.Historical || s.Comparison || strings.Contains(t, "removed") || strings.Contains(t, "post"))
		if gone && !s.Recommendation && !s.Uncertain && !strings.Contains(t, "partial") {
			k.past = append(k.past, t)
		}
	}
	return k.past
}
