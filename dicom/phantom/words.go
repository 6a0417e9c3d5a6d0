package phantom

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// term is a finding in words. {side} and {zone} stand for where it is.
type term struct {
	name   string
	sided  bool
	en, zh string // it is there
	noEN   string // it is not
	noZH   string
}

var sides = map[string]map[string]string{
	"en": {"right": "right", "left": "left"},
	"zh": {"right": "右", "left": "左"},
}

var zones = map[string]map[string]string{
	"en": {"upper": "upper", "middle": "middle", "lower": "lower"},
	"zh": {"upper": "上", "middle": "中", "lower": "下"},
}

// says is the term in a language, there or not.
func (t term) says(language string, f *Finding) string {
	pattern := map[string]string{"en": t.en, "zh": t.zh}[language]
	if f == nil {
		return map[string]string{"en": t.noEN, "zh": t.noZH}[language]
	}
	text := strings.NewReplacer("{side}", sides[language][f.Side], "{zone}", zones[language][f.Zone]).Replace(pattern)
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

func find(findings []Finding, name string) *Finding {
	for i := range findings {
		if findings[i].Name == name {
			return &findings[i]
		}
	}
	return nil
}

// phrase is a sentence in both languages.
type phrase struct{ en, zh string }

func (p phrase) says(language string) string {
	return map[string]string{"en": p.en, "zh": p.zh}[language]
}

var noAbnormality = phrase{"No abnormality.", "未见异常。"}

// rightReport goes through the vocabulary: what is there is said, what is not is denied; the impression repeats what is there.
func rightReport(k kind, findings []Finding, language string) Report {
	r := Report{Name: "right", Language: language}
	r.say(Technique, k.technique.says(language), "technique", true)
	for _, t := range k.vocabulary {
		r.say(Findings, t.says(language, find(findings, t.name)), t.name, true)
	}
	for _, t := range k.vocabulary {
		if f := find(findings, t.name); f != nil {
			r.say(Impression, t.says(language, f), t.name, true)
		}
	}
	if len(findings) == 0 {
		r.say(Impression, noAbnormality.says(language), "normal", true)
	}
	return r
}

func (r *Report) say(section, text, about string, isTrue bool) {
	r.Statements = append(r.Statements, Statement{section, text, about, isTrue})
}

// change puts a false text in place of what a section says about something.
func (r *Report) change(section, about, text string) {
	for i := range r.Statements {
		if s := &r.Statements[i]; s.About == about && s.Section == section {
			s.Text, s.True = text, false
		}
	}
}

// slip is one fault of a report: of which finding, and what kind.
type slip struct{ kind, about string }

// pictureSlips are those that only the pictures tell.
func (k kind) pictureSlips(findings []Finding) (all []slip) {
	for _, t := range k.vocabulary {
		f := find(findings, t.name)
		switch {
		case f == nil:
			all = append(all, slip{"invented", t.name})
		case f.Side != "" && t.sided:
			all = append(all, slip{"side", t.name}, slip{"denied", t.name})
		default:
			all = append(all, slip{"denied", t.name})
		}
	}
	return all
}

// wrongReport is the right one, and all of it repeats one slip that only the pictures tell.
func wrongReport(k kind, findings []Finding, language string, s slip) Report {
	seen := slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return f.Name == s.about })
	if f := s.of(find(findings, s.about)); f != nil {
		seen = append(seen, *f)
	}
	r := rightReport(k, seen, language)
	r.Name, r.Fault = "wrong", s.kind
	for i := range r.Statements {
		if about := r.Statements[i].About; about == s.about || about == "normal" {
			r.Statements[i].True = false
		}
	}
	return r
}

// of is the finding as the slip has it; nil: denied.
func (s slip) of(f *Finding) *Finding {
	switch s.kind {
	case "side":
		other := f.mirrored()
		return &other
	case "invented":
		return &Finding{Name: s.about, Side: "right", Zone: "upper"}
	}
	return nil
}

func (f Finding) mirrored() Finding {
	f.Side = map[string]string{"right": "left", "left": "right"}[f.Side]
	return f
}

// wordSlips are those that the report tells by itself or together with the headers.
func (k kind) wordSlips(findings []Finding) []slip {
	all := []slip{{"modality", "technique"}, {"sex", "sex"}}
	for _, t := range k.vocabulary {
		if f := find(findings, t.name); f != nil && t.sided {
			all = append(all, slip{"impression", t.name})
		}
	}
	return all
}

var otherTechnique = phrase{"MRI of the knee.", "膝关节MRI检查。"}

// otherSex is said of a patient who has no such organ.
var otherSex = map[string]phrase{
	"M": {"The uterus is of normal size.", "子宫大小正常。"},
	"F": {"The prostate is enlarged.", "前列腺增大。"},
}

// inconsistentReport is the right one with one slip that no picture is needed for.
func inconsistentReport(k kind, s *Study, language string, what slip) Report {
	r := rightReport(k, s.Findings, language)
	r.Name, r.Fault = "inconsistent", what.kind
	switch what.kind {
	case "modality":
		r.change(Technique, what.about, otherTechnique.says(language))
	case "sex":
		last := slices.IndexFunc(r.Statements, func(s Statement) bool { return s.Section == Impression })
		r.Statements = slices.Insert(r.Statements, last, Statement{Findings, otherSex[s.Patient.Sex].says(language), what.about, false})
	case "impression":
		for _, t := range k.vocabulary {
			if t.name == what.about {
				other := find(s.Findings, t.name).mirrored()
				r.change(Impression, t.name, t.says(language, &other))
			}
		}
	}
	return r
}
