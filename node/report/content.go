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

// important: affirmed, not old, small or healed, and of a kind no impression may pass over as 'normal'.
func (k *checker) important(m *mention, d *detail) bool {
	if m.kind != "finding" || m.denied || d.aged() {
		return false
	}
	return m.has("critical") || m.has("important")
}

// aged: the statement speaks of something old, healed, benign or only suspected.
func (d *detail) aged() bool {
	return d.past() || d.clause.colours&cueUncertain != 0
}

// past: the statement speaks of something old, healed or benign, or of another day.
func (d *detail) past() bool {
	return d.clause.colours&(cueHistory|cuePrior|cueRecommend) != 0 || d.old() || d.attributed("benign")
}

// old: the statement speaks of something long past.
func (d *detail) old() bool {
	return d.attributed("chronic", "subacute") || slices.ContainsFunc(d.mentions, func(m mention) bool { return m.has("old") })
}

func (d *detail) attributed(names ...string) bool {
	return slices.ContainsFunc(d.mentions, func(m mention) bool { return m.kind == "attribute" && slices.Contains(names, m.english) })
}

// doubtful: a word of doubt stands with mention m between two commas: in 淋巴结肿大，转移可能 only the
// metastasis is doubted.
func (d *detail) doubtful(m *mention) bool {
	c := d.clause
	from, to := m.from, m.to
	for from > 0 && !c.mark(from-1, ",，") {
		from--
	}
	for to < len(c.tokens) && !c.mark(to, ",，") {
		to++
	}
	return slices.ContainsFunc(c.shades, func(s sighting) bool { return s.cue&cueUncertain != 0 && s.from >= from && s.to <= to })
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
	if m.english == "filling defect" {
		return slices.ContainsFunc(d.mentions, func(o mention) bool { return o.english == "pulmonary artery" }) || strings.Contains(d.clause.text[d.clause.tokens[0].start:d.clause.tokens[len(d.clause.tokens)-1].end], "肺动脉")
	}
	o := d.organOf(m)
	return (m.english == "hemorrhage" || m.english == "hematoma") && o != nil && o.region == "head" && o.english != "calvarium"
}

// concluded: the impression names the finding, in whatever polarity, or affirms a kind of it, what it is a kind of,
// or another name for it.
func (k *checker) concluded(c *concept) bool {
	if k.conclusions == nil {
		k.conclusions = k.concludedFindings()
	}
	for m, affirmed := range k.conclusions {
		if m == c || !affirmed {
			if m == c {
				return true
			}
			continue
		}
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
				out[m.concept] = out[m.concept] || !m.denied
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
	{"pulmonary embolism", "embolism", "thrombosis", "deep venous thrombosis", "filling defect"},
	{"midline shift", "brain herniation", "mass effect", "subdural hematoma", "epidural hematoma"},
	{"aortic dissection", "aneurysm", "ruptured aneurysm", "abdominal aortic aneurysm"},
}

func alike(a, b string) bool {
	return slices.ContainsFunc(families, func(f []string) bool { return slices.Contains(f, a) && slices.Contains(f, b) })
}
