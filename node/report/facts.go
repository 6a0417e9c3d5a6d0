package report

import (
	"slices"
	"strings"
)

// Facts is what the DICOM headers, the order and the message say. Empty means unknown.
type Facts struct {
	Modalities         []string // (0008,0060) of the series
	BodyParts          []string // (0018,0015)
	Laterality         []string // R, L, B of (0020,0060) and (0020,0062)
	ViewPositions      []string // (0018,5101)
	Sex                string   // (0010,0040): M, F, O or ""
	AgeYears           int      // at the study; -1 unknown
	StudyDescription   string
	SeriesDescriptions []string
	Procedure          string   // text and code of the order
	ContrastGiven      *bool    // (0018,0010) present; nil unknown
	ContrastPhases     []string // (0018,9344) of all images; nil where some do not say
	StudyDate          string   // YYYYMMDD

	ImagePatient, ReportPatient Patient
}

// Patient identifies the patient of the images or of the message.
type Patient struct {
	ID, Issuer, Name, BirthDate, Sex, Accession string
}

// exam is what the facts say of the examination, in the lexicon's words.
type exam struct {
	modalities []string // DICOM codes of images; empty when none is telling
	regions    []string // from body part, descriptions and order; nil when unknown or the whole body
	ordered    []string // regions of the order alone
	header     []string // regions of the body part examined alone
	named      []string // regions of descriptions and order: people wrote them, so they can be relied on
	images     side     // the one side the headers mark, sideNone for none or several
	order      side     // the one side order and descriptions name
	limb       bool     // the regions are limbs or breasts: a side means the whole examination
}

// no images of their own: documents, states, plans.
var silentModalities = []string{"SR", "KO", "PR", "DOC", "OT", "SEG", "REG", "RWV", "PLAN", "RTPLAN", "RTSTRUCT", "RTDOSE", "RTRECORD", "AU", "FID", "HC", "SC", ""}

var limbRegions = []string{"breast", "shoulder", "arm", "elbow", "hand", "hip", "leg", "knee", "foot"}

func (l *Lexicon) examOf(f *Facts) exam {
	var e exam
	for _, m := range f.Modalities {
		if m = strings.ToUpper(strings.TrimSpace(m)); !slices.Contains(silentModalities, m) && !slices.Contains(e.modalities, m) {
			e.modalities = append(e.modalities, m)
		}
	}
	whole := false
	add := func(texts ...string) (out []string) {
		for _, t := range texts {
			r, w := l.regionsOf(t)
			whole = whole || w
			for _, x := range r {
				out = appendNew(out, x)
			}
		}
		return out
	}
	e.header = add(f.BodyParts...)
	e.ordered = add(f.Procedure)
	e.regions = add(append([]string{f.StudyDescription}, f.SeriesDescriptions...)...)
	for _, r := range e.ordered {
		e.regions = appendNew(e.regions, r)
	}
	e.named = slices.Clone(e.regions)
	for _, r := range e.header {
		e.regions = appendNew(e.regions, r)
	}
	if whole {
		e.regions, e.header, e.ordered, e.named = nil, nil, nil, nil
	}
	e.limb = len(e.regions) > 0 && !slices.ContainsFunc(e.regions, func(r string) bool { return !slices.Contains(limbRegions, r) })
	e.images = oneSide(headerSides(f.Laterality))
	e.order = oneSide(l.orderSides(f))
	return e
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// regionsOf names the regions of a description such as 'XR KNEE 2V RT' or '胸部CT平扫'.
func (l *Lexicon) regionsOf(text string) (regions []string, whole bool) {
	c := l.describe(text)
	for _, h := range c.terms {
		switch {
		case h.kind != "organ" && h.kind != "sex-organ" && h.kind != "region" || h.region == "-":
		case h.region == "any":
			whole = whole || h.kind == "region"
		default:
			regions = appendNew(regions, h.region)
		}
	}
	return regions, whole
}

// describe analyses a description; its parts are often joined by underscores.
func (l *Lexicon) describe(text string) *clause {
	text = strings.ReplaceAll(text, "_", " ")
	if len(text) > 1024 {
		text = strings.ToValidUTF8(text[:1024], "")
	}
	return l.analyse(text, 0, len(text))
}

func headerSides(codes []string) []side {
	var out []side
	for _, c := range codes {
		switch strings.ToUpper(strings.TrimSpace(c)) {
		case "L", "LEFT":
			out = append(out, sideLeft)
		case "R", "RIGHT":
			out = append(out, sideRight)
		case "B", "BOTH", "U":
			out = append(out, sideBoth)
		}
	}
	return out
}

// orderSides collects the sides that order and descriptions give to a paired part.
func (l *Lexicon) orderSides(f *Facts) []side {
	var out []side
	for _, t := range append([]string{f.Procedure, f.StudyDescription}, f.SeriesDescriptions...) {
		c := l.describe(t)
		if !slices.ContainsFunc(c.terms, func(h hit) bool { return slices.Contains(limbRegions, h.region) }) {
			continue
		}
		for _, m := range c.mentions() {
			if m.side != sideNone && (m.kind == "side" || m.place()) {
				out = append(out, m.side)
			}
		}
		out = append(out, c.letterSides()...)
	}
	return out
}

// letterSides reads a lone R or L next to a body part: 'L KNEE', 'KNEE R'.
func (c *clause) letterSides() []side {
	var out []side
	for _, h := range c.terms {
		if h.region == "-" {
			continue
		}
		for _, i := range []int{h.from - 1, h.to} {
			if i < 0 || i >= len(c.tokens) {
				continue
			}
			switch c.word(i) {
			case "L":
				out = append(out, sideLeft)
			case "R":
				out = append(out, sideRight)
			}
		}
	}
	return out
}

// oneSide is the side all agree on, sideNone if they do not or if it is both.
func oneSide(sides []side) side {
	one := sideNone
	for _, s := range sides {
		if s == sideBoth || one != sideNone && s != one {
			return sideNone
		}
		one = s
	}
	return one
}

// examined is the one side this examination is of.
func (e *exam) examined() side {
	switch {
	case !e.limb || e.images != sideNone && e.order == e.images.opposite():
		return sideNone
	case e.images != sideNone:
		return e.images
	}
	return e.order
}
