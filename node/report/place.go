package report

import (
	"slices"
	"strings"
)

// regionNames lists regions in the report's language.
func (k *checker) regionNames(regions []string) string {
	var out []string
	for _, id := range regions {
		r := k.lex.regions[id]
		if k.zh() {
			out = append(out, r.chinese)
		} else {
			out = append(out, r.english)
		}
	}
	if k.zh() {
		return strings.Join(out, "、")
	}
	return strings.Join(out, ", ")
}

// wholeBody modalities show whatever takes up the tracer.
func (e *exam) wholeBody() bool {
	return slices.Contains(e.modalities, "NM") || slices.Contains(e.modalities, "PT")
}

// near: the region is examined or lies beside one that is.
func (k *checker) near(regions []string, region string) bool {
	return slices.ContainsFunc(regions, func(r string) bool { return r == region || k.lex.adjacent(r, region) })
}

// foreign tells whether place m lies outside all of regions, beyond doubt.
func (k *checker) foreign(regions []string, m *mention) bool {
	return m.place() && !m.has("loose") && !m.has("generic") && m.region != "any" && m.region != "-" && !k.near(regions, m.region)
}

// PART-001: a statement that names only organs far from what was examined.
func (k *checker) foreignPart() {
	if len(k.exam.regions) == 0 || k.exam.wholeBody() || k.fetal() {
		return
	}
	regions := slices.Clone(k.exam.regions)
	k.described(func(_ *Statement, d *detail) bool {
		for i := range d.mentions {
			if d.mentions[i].place() {
				regions = appendNew(regions, d.mentions[i].region)
			}
		}
		return true
	})
	told := []string{}
	k.observed(func(s *Statement, d *detail) bool {
		if m := k.onlyForeign(regions, d); m != nil && !slices.Contains(told, m.region) {
			told = append(told, m.region)
			k.flag("PART-001", s.N, k.name(m.concept), k.regionNames(k.exam.regions))
		}
		return true
	})
}

// fetal: the report is of a fetus, all of which lies in the pelvis.
func (k *checker) fetal() bool {
	return slices.ContainsFunc(k.r.details, func(d detail) bool {
		return slices.ContainsFunc(d.mentions, func(m mention) bool { return m.english == "fetus" || m.english == "placenta" })
	})
}

// onlyForeign is the first place of a statement that asserts something and whose places are all foreign.
func (k *checker) onlyForeign(regions []string, d *detail) *mention {
	if !d.clause.says() || d.primary() {
		return nil
	}
	var first *mention
	for i := range d.mentions {
		m := &d.mentions[i]
		switch {
		case k.foreign(regions, m) && k.onTheWay(m):
			return nil
		case k.foreign(regions, m):
			if first == nil {
				first = m
			}
		case m.place() && !m.has("generic"), m.kind == "finding" && m.region != "-" && k.near(regions, m.region), m.kind == "modality":
			return nil
		}
	}
	return first
}

// onTheWay: an angiogram passes vessels that are not its own.
func (k *checker) onTheWay(m *mention) bool {
	return slices.Contains(k.exam.modalities, "XA") && slices.ContainsFunc([]string{"artery", "vein", "vena cava", "aorta"}, func(w string) bool { return strings.Contains(m.english, w) })
}

// primary: a tumour's origin is named, not an organ seen ('metastases from colon cancer').
func (d *detail) primary() bool {
	return slices.ContainsFunc(d.mentions, func(m mention) bool {
		return m.kind == "finding" && (m.english == "carcinoma" || m.english == "metastasis" || m.english == "neoplasm")
	})
}

// PART-002: the report's title names only regions the examination is not of; or, past the title, all of
// its technique does.
func (k *checker) titlePart() {
	if len(k.exam.regions) == 0 || k.exam.wholeBody() {
		return
	}
	var first *mention
	n, titles, fits := 0, 0, false
	k.described(func(s *Statement, d *detail) bool {
		foreign, own := k.titleRegions(d)
		title := k.titleOf(d)
		if title && foreign != nil && first == nil {
			first, n = foreign, s.N
		}
		fits = fits || own
		if title && (foreign != nil || own) {
			titles++
		}
		// a first title that is far off settles it by itself
		return !fits && !(titles == 1 && title && foreign != nil && !k.near(k.exam.regions, foreign.region))
	})
	if first != nil && !fits {
		k.flag("PART-002", n, k.regionNames([]string{first.region}), k.regionNames(k.exam.regions))
	}
}

// titleRegions looks at the places a statement names: the first that is foreign to the examination, and
// whether some place fits it.
func (k *checker) titleRegions(d *detail) (foreign *mention, fits bool) {
	for i := range d.mentions {
		m := &d.mentions[i]
		switch {
		case !m.place():
		case m.region == "any" && m.kind == "region", !m.has("generic") && k.titled(m.region):
			fits = true
		case foreign == nil && !m.has("generic") && m.region != "any" && (!m.has("loose") || m.kind == "region"):
			foreign = m
		}
	}
	return foreign, fits
}

// titled: a title may name the region for this examination. The body part of the header is often a
// default of the machine, so beside it neighbours will do.
func (k *checker) titled(region string) bool {
	if len(k.exam.named) == 0 {
		return k.near(k.exam.regions, region)
	}
	return slices.ContainsFunc(k.exam.regions, func(r string) bool {
		return r == region || slices.Contains(k.lex.regions[r].namesakes, region)
	})
}

// titleOf: the statement names an examination: a modality or view together with a body part.
func (k *checker) titleOf(d *detail) bool {
	return d.title || d.names("modality", "view") && len(d.clause.tokens) <= 24
}

// PART-003: the order is for a region far from the body part the headers mark.
func (k *checker) orderedPart() {
	e := &k.exam
	if len(e.ordered) == 0 || len(e.header) == 0 {
		return
	}
	for _, o := range e.ordered {
		if k.near(e.header, o) || slices.ContainsFunc(e.header, func(h string) bool { return k.near([]string{o}, h) }) {
			return
		}
	}
	k.flag("PART-003", 0, k.regionNames(e.ordered), k.regionNames(e.header))
}
