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

// near: the region is examined or lies beside one that is.
func (k *checker) near(regions []string, region string) bool {
	return slices.ContainsFunc(regions, func(r string) bool { return r == region || k.lex.adjacent(r, region) })
}

// wholeBody modalities show whatever takes up the tracer.
func (e *exam) wholeBody() bool {
	return slices.Contains(e.modalities, "NM") || slices.Contains(e.modalities, "PT")
}

// sectional are the modalities whose field of view is known from the body part: an angiogram, an endoscopy or
// a specimen goes where the disease is.
var sectional = []string{"CT", "MR", "US", "CR", "DX", "MG", "RG", "RF", "PX"}

// PART-001: a statement of a landmark, an organ that fills its region and goes by no other name, that no
// examination of the part can show; or a report all of whose organs are elsewhere.
func (k *checker) foreignPart() {
	if len(k.exam.regions) == 0 || k.exam.wholeBody() || k.fetal() {
		return
	}
	if m, n := k.elsewhereOnly(); m != nil {
		k.flag("PART-001", n, k.name(m.concept), k.regionNames(k.exam.regions))
		return
	}
	if slices.ContainsFunc(k.exam.modalities, func(m string) bool { return !slices.Contains(sectional, m) }) {
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

// elsewhereOnly is the first place the report names and its statement, if it names at least two and none is
// near the examination.
func (k *checker) elsewhereOnly() (first *mention, n int) {
	places, near := 0, false
	k.observed(func(s *Statement, d *detail) bool {
		for i := range d.mentions {
			m := &d.mentions[i]
			if m.region == "any" || m.region == "-" {
				continue
			}
			near = near || k.near(k.exam.regions, m.region)
			if m.place() && !m.has("loose") {
				if places++; first == nil {
					first, n = m, s.N
				}
			}
		}
		return !near
	})
	if near || places < 2 {
		return nil, 0
	}
	return first, n
}

// fetal: the report is of a fetus, all of which lies in the pelvis.
func (k *checker) fetal() bool {
	return slices.ContainsFunc(k.r.details, func(d detail) bool {
		return slices.ContainsFunc(d.mentions, func(m mention) bool { return m.has("fetal") })
	})
}

// onlyForeign is the landmark that a statement is about, if it is far from regions and nothing else that the
// statement names is near them; nil for a primary elsewhere ('metastases from colon cancer') and for a device.
func (k *checker) onlyForeign(regions []string, d *detail) *mention {
	if !d.clause.says() || d.names("modality", "device") || d.clause.colours&cueUncertain != 0 {
		return nil
	}
	var first *mention
	for i := range d.mentions {
		m := &d.mentions[i]
		switch {
		case m.isa == "neoplasm" || m.english == "neoplasm":
			return nil
		case m.region == "any" || m.region == "-" || m.kind == "attribute":
		case k.near(regions, m.region):
			return nil
		case first == nil && m.has("landmark"):
			first = m
		}
	}
	return first
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
