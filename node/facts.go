package node

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"concord/hl7"
	"concord/node/report"
)

func blocksOf(r *hl7.Report) (blocks []report.Block) {
	for _, b := range r.Blocks {
		blocks = append(blocks, report.Block{Section: b.Section, Text: b.Text})
	}
	return blocks
}

// facts gathers what the headers and the order say, for the rules.
func (j *Judge) facts(r *hl7.Report, objects []Object) report.Facts {
	f := report.Facts{AgeYears: -1, Procedure: strings.TrimSpace(r.Procedure.Text + " " + r.Procedure.Code)}
	f.ReportPatient = report.Patient{ID: r.Patient.ID, Issuer: r.Patient.Issuer, Name: r.Patient.Name,
		BirthDate: r.Patient.BirthDate, Sex: r.Patient.Sex}
	var contrast, pictures bool
	phased := true
	if len(objects) > 0 {
		preferID(&f.ReportPatient, r, objects[0].Header.Patient.ID)
	}
	for i := range objects {
		h := &objects[i].Header
		if i == 0 {
			f.Sex, f.AgeYears = h.Patient.Sex, age(h)
			f.StudyDescription, f.StudyDate = h.StudyDescription, h.StudyDate
			f.ImagePatient = report.Patient{ID: h.Patient.ID, Issuer: h.Patient.Issuer, Name: h.Patient.Name,
				BirthDate: h.Patient.BirthDate, Sex: h.Patient.Sex, Accession: j.AccessionStrip.Apply(h.Accession)}
		}
		if h.Frames < 1 { // reports and plans say nothing about what was imaged
			continue
		}
		pictures = true
		contrast = contrast || h.ContrastAgent != ""
		addFact(&f.Modalities, h.Modality)
		addFact(&f.BodyParts, h.BodyPart)
		addFact(&f.Laterality, cmp.Or(h.ImageLaterality, h.Laterality))
		addFact(&f.ViewPositions, h.ViewPosition)
		addFact(&f.SeriesDescriptions, h.SeriesDescription)
		phased = phased && len(h.ContrastPhases) > 0
		for _, p := range h.ContrastPhases {
			addFact(&f.ContrastPhases, p)
		}
	}
	if !phased {
		f.ContrastPhases = nil // the others may be of any phase
	}
	setAccession(&f, r)
	if pictures && contrast {
		f.ContrastGiven = &contrast
	}
	return f
}

// setAccession gives the rules the report's accession number. A filler number
// that stands in for one is a key, but no evidence of another patient; an
// image's that is cut at 16 characters (SH) is the whole one's.
func setAccession(f *report.Facts, r *hl7.Report) {
	if r.Accession == r.Filler {
		return
	}
	f.ReportPatient.Accession = r.Accession
	if sameAccession(r.Accession, f.ImagePatient.Accession) {
		f.ReportPatient.Accession = f.ImagePatient.Accession
	}
}

// preferID chooses among the identifiers of the message the one that the
// images carry, too: which of them that is, is the PACS's choice.
func preferID(p *report.Patient, r *hl7.Report, imageID string) {
	for _, id := range r.Patient.IDs {
		if id.Value == imageID {
			p.ID, p.Issuer = id.Value, id.Issuer
			return
		}
	}
}

func addFact(list *[]string, value string) {
	if value != "" && !slices.Contains(*list, value) {
		*list = append(*list, value)
	}
}

// age is the patient's age in years from Patient's Age (PS3.5 6.2, AS), or
// from birth and study date; -1 when neither is there.
func age(h *Header) int {
	if s := h.Patient.Age; len(s) == 4 {
		n, err := strconv.Atoi(s[:3])
		switch {
		case err != nil:
		case s[3] == 'Y':
			return n
		case strings.ContainsRune("MWD", rune(s[3])):
			return n / map[byte]int{'M': 12, 'W': 52, 'D': 365}[s[3]]
		}
	}
	born, errBorn := strconv.Atoi(h.Patient.BirthDate)
	study, errStudy := strconv.Atoi(h.StudyDate)
	if errBorn != nil || errStudy != nil || born <= 0 || study < born {
		return -1
	}
	return (study - born) / 10000 // both are YYYYMMDD
}
