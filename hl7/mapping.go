package hl7

import (
	"fmt"
	"slices"
	"strings"
)

// Sections of a report. SectionUnknown leaves it to the headings in the text.
const (
	SectionUnknown        = ""
	SectionFindings       = "findings"
	SectionImpression     = "impression"
	SectionAddendum       = "addendum"
	SectionTechnique      = "technique"
	SectionHistory        = "history" // the reason for the study included
	SectionComparison     = "comparison"
	SectionRecommendation = "recommendation"
)

var sections = []string{SectionFindings, SectionImpression, SectionAddendum, SectionTechnique, SectionHistory,
	SectionComparison, SectionRecommendation}

// Mapping says where one site keeps what Reports looks for. Each list is searched in
// order and replaces the default; the zero value is the defaults. Paths are as in
// Message.Get; within an order group they mean its own segments.
type Mapping struct {
	Accession            []string `yaml:"accession"`              // OBR-18, OBR-3, OBR-20, ORC-3, IPC-1
	StudyUID             []string `yaml:"study_uid"`              // IPC-3, ZDS-1; OBX 113014 and 110180 always count
	RequestedProcedureID []string `yaml:"requested_procedure_id"` // IPC-2, OBR-19
	Modality             []string `yaml:"modality"`               // IPC-5, OBR-24

	PatientAuthorities []string `yaml:"patient_authorities"` // CX.4: namespace or universal ID; first match wins
	PatientIDTypes     []string `yaml:"patient_id_types"`    // CX.5: MR, MRN, PI, PT

	AccessionStrip Strip `yaml:"accession_strip"`
	PatientIDStrip Strip `yaml:"patient_id_strip"`

	// Sections adds to the built-in names: OBX-3.1, its second subcomponent, or OBX-3.2,
	// in lower case, to one of the section constants.
	Sections map[string]string `yaml:"sections"`
}

// Strip takes off what one side adds to an identifier. Blanks around it always go.
type Strip struct {
	Prefixes     []string `yaml:"prefixes"` // the first that fits
	Suffixes     []string `yaml:"suffixes"`
	LeadingZeros bool     `yaml:"leading_zeros"`
}

var (
	defaultAccession   = mustPaths("OBR-18", "OBR-3", "OBR-20", "ORC-3", "IPC-1")
	defaultStudyUID    = mustPaths("IPC-3", "ZDS-1")
	defaultRequestedID = mustPaths("IPC-2", "OBR-19")
	defaultModality    = mustPaths("IPC-5", "OBR-24")
	defaultIDTypes     = []string{"MR", "MRN", "PI", "PT"}
)

// rules is a Mapping with its defaults filled in and its paths read, for one message.
type rules struct {
	Mapping
	accession, studyUID, requestedID, modality []Path

	textRead int // bytes of report text taken so far
}

// Validate finds what is wrong with a mapping before a message meets it.
func (m Mapping) Validate() error {
	_, err := m.rules()
	return err
}

func (m Mapping) rules() (*rules, error) {
	r := &rules{Mapping: m}
	for _, list := range []struct {
		key       string
		given     []string
		standard  []Path
		resulting *[]Path
	}{
		{"accession", m.Accession, defaultAccession, &r.accession},
		{"study_uid", m.StudyUID, defaultStudyUID, &r.studyUID},
		{"requested_procedure_id", m.RequestedProcedureID, defaultRequestedID, &r.requestedID},
		{"modality", m.Modality, defaultModality, &r.modality},
	} {
		paths, err := parsePaths(list.given)
		if err != nil {
			return nil, fmt.Errorf("mapping %s: %w", list.key, err)
		}
		if len(paths) == 0 {
			paths = list.standard
		}
		*list.resulting = paths
	}
	for name, section := range m.Sections {
		if !slices.Contains(sections, section) {
			return nil, fmt.Errorf("mapping sections: %q is mapped to %q; use one of %s", name, section, strings.Join(sections, ", "))
		}
	}
	if len(r.PatientIDTypes) == 0 {
		r.PatientIDTypes = defaultIDTypes
	}
	return r, nil
}

func parsePaths(texts []string) ([]Path, error) {
	var paths []Path
	for _, text := range texts {
		p, err := ParsePath(text)
		if err != nil {
			return nil, err
		}
		paths = append(paths, p)
	}
	return paths, nil
}

func mustPaths(texts ...string) []Path {
	paths, err := parsePaths(texts)
	if err != nil {
		panic(err) // a literal above is wrong
	}
	return paths
}

// Apply strips an identifier; what would become empty stays.
func (s Strip) Apply(id string) string {
	id = strings.TrimSpace(id)
	full := id
	for _, prefix := range s.Prefixes {
		if rest, found := strings.CutPrefix(id, prefix); found {
			id = rest
			break
		}
	}
	for _, suffix := range s.Suffixes {
		if rest, found := strings.CutSuffix(id, suffix); found {
			id = rest
			break
		}
	}
	if s.LeadingZeros {
		id = strings.TrimLeft(id, "0")
	}
	if id = strings.TrimSpace(id); id == "" {
		return full
	}
	return id
}

// sectionCodes are OBX-3 identifiers: second subcomponents in use, LOINC, and DCM.
var sectionCodes = map[string]string{
	"GDT": SectionFindings, "IMP": SectionImpression, "ADT": SectionAddendum, "TCM": SectionTechnique,
	"59776-5": SectionFindings, "18782-3": SectionFindings, "121070": SectionFindings, "121071": SectionFindings,
	"19005-8": SectionImpression, "55110-1": SectionImpression, "121072": SectionImpression,
	"121073": SectionImpression, "121076": SectionImpression, "121077": SectionImpression,
	"55107-7": SectionAddendum,
	"55111-9": SectionTechnique, "121064": SectionTechnique, "18834-2": SectionComparison, "18783-1": SectionRecommendation,
	"18785-6": SectionHistory, "11329-0": SectionHistory, "55115-0": SectionHistory, "121060": SectionHistory,
}

// sectionWords are parts of OBX-3.2 in lower case. The first that fits decides: clinical
// diagnosis (临床诊断) is history before 诊断 is impression, a diagnostic report (诊断报告) is
// the whole.
var sectionWords = []struct{ word, section string }{
	{"诊断报告", SectionUnknown}, {"addend", SectionAddendum}, {"补充", SectionAddendum}, {"附加", SectionAddendum},
	{"techni", SectionTechnique}, {"检查方法", SectionTechnique}, {"检查技术", SectionTechnique},
	{"history", SectionHistory}, {"indication", SectionHistory}, {"clinical", SectionHistory}, {"临床", SectionHistory},
	{"病史", SectionHistory}, {"comparison", SectionComparison}, {"对比", SectionComparison},
	{"recommend", SectionRecommendation}, {"建议", SectionRecommendation},
	{"impression", SectionImpression}, {"conclusion", SectionImpression}, {"诊断", SectionImpression},
	{"意见", SectionImpression}, {"结论", SectionImpression}, {"印象", SectionImpression},
	{"finding", SectionFindings}, {"所见", SectionFindings}, {"表现", SectionFindings}, {"描述", SectionFindings},
}

// section reads OBX-3: the second subcomponent of its identifier (&IMP), the identifier,
// then its text.
func (r *rules) section(identifier Value) string {
	code := identifier.Component(1)
	if sub := code.Subcomponent(2).trimmed(); sub != "" {
		if s := r.sectionByCode(sub); s != SectionUnknown {
			return s
		}
	}
	if s := r.sectionByCode(code.Subcomponent(1).trimmed()); s != SectionUnknown {
		return s
	}
	return r.sectionByName(identifier.Component(2).trimmed())
}

func (r *rules) sectionByCode(code string) string {
	if s := r.Sections[strings.ToLower(code)]; s != "" {
		return s
	}
	return sectionCodes[strings.ToUpper(code)]
}

func (r *rules) sectionByName(name string) string {
	name = strings.ToLower(name)
	if s := r.Sections[name]; s != "" || name == "" {
		return s
	}
	section := SectionUnknown
	for _, w := range sectionWords {
		if !strings.Contains(name, w.word) {
			continue
		}
		if section == SectionImpression && w.section == SectionFindings {
			return SectionUnknown // findings and impression in one
		}
		if section == SectionUnknown {
			section = w.section
		}
		if section != SectionImpression {
			break
		}
	}
	return section
}
