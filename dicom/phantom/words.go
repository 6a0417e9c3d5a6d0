package phantom

import (
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

// rightReport goes through the vocabulary: what is there is said, what is not is denied.
func rightReport(k kind, findings []Finding, language string) Report {
	r := Report{Language: language}
	for _, t := range k.vocabulary {
		f := find(findings, t.name)
		r.Statements = append(r.Statements, Statement{Text: t.says(language, f), About: t.name, True: true})
	}
	return r
}

// fault is one slip: of which finding, and what kind.
type fault struct{ kind, about string }

// faults are the slips that a report about these findings may have.
func (k kind) faults(findings []Finding) (all []fault) {
	for _, t := range k.vocabulary {
		f := find(findings, t.name)
		switch {
		case f == nil:
			all = append(all, fault{"invented", t.name})
		case f.Side != "" && t.sided:
			all = append(all, fault{"side", t.name}, fault{"denied", t.name})
		default:
			all = append(all, fault{"denied", t.name})
		}
	}
	return all
}

// wrongReport is the right one with one slip.
func wrongReport(k kind, findings []Finding, language string, slip fault) Report {
	r := rightReport(k, findings, language)
	r.Fault = slip.kind
	for i, t := range k.vocabulary {
		if t.name == slip.about {
			r.Statements[i].Text, r.Statements[i].True = t.says(language, slip.of(find(findings, t.name))), false
		}
	}
	return r
}

// of is the finding as the slip has it; nil: denied.
func (s fault) of(f *Finding) *Finding {
	switch s.kind {
	case "side":
		other := *f
		other.Side = map[string]string{"right": "left", "left": "right"}[f.Side]
		return &other
	case "invented":
		return &Finding{Name: s.about, Side: "right", Zone: "upper"}
	}
	return nil
}
