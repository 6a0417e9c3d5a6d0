package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Finding is one fired rule.
type Finding struct {
	Code      string // CC101 laterality, CC102 body part, CC103 modality, CC104 sex, CC105 identity, CC106 … see RuleTable
	Rule      string // for example LAT-001
	Severity  string // info, warning or critical
	Statement int    // Statement.N, 0 for the whole report
	Text      string // explanation in the report's language, without the identity of anyone
}

// Rule is a row of the rule table.
type Rule struct {
	ID, Code, Severity string
	English, Chinese   string // what it means
	textEN, textZH     string // explanation with {1}, {2}, …
}

// RuleTable lists every rule in a fixed order.
func RuleTable() []Rule { return slices.Clone(ruleTable()) }

var ruleTable = sync.OnceValue(func() []Rule {
	var out []Rule
	for _, r := range rows("rules.tsv", 7) {
		out = append(out, Rule{r[0], r[1], r[2], r[3], r[4], r[5], r[6]})
	}
	return out
})

// Rules switches rules off and sets severities; the zero value has every rule on as the table says.
type Rules struct {
	Off      []string          `yaml:"off" json:"off"`           // rule ids or codes
	Severity map[string]string `yaml:"severity" json:"severity"` // rule id or code → info, warning, critical
}

// Validate refuses a name that is neither the id nor the code of a rule, so that a slip in a configuration
// does not leave a rule on that was meant to be off.
func (rs Rules) Validate() error {
	named := map[string]bool{}
	var ids, codes []string
	for _, r := range ruleTable() {
		named[r.ID], named[r.Code] = true, true
		ids, codes = appendNew(ids, r.ID), appendNew(codes, r.Code)
	}
	for _, name := range append(slices.Clone(rs.Off), slices.Sorted(maps.Keys(rs.Severity))...) {
		if !named[name] {
			return fmt.Errorf("%q is no rule; rules are %s, and all those of a code %s", name, strings.Join(ids, ", "), strings.Join(codes, ", "))
		}
	}
	return nil
}

// Check holds r against itself and against f with every rule on.
func Check(r *Report, f Facts) []Finding { return Rules{}.Check(r, f) }

// Check holds r against itself and against f. Findings come in the order of the rule table.
// r must come from Read.
func (rs Rules) Check(r *Report, f Facts) []Finding {
	k := &checker{r: r, f: &f, lex: r.lex, rules: rs}
	k.exam = k.lex.examOf(&f)
	for _, rule := range []func(*checker){
		(*checker).examinedSide, (*checker).orderedSide, (*checker).impressionSide, (*checker).shiftSide, (*checker).discSide, (*checker).impossibleSide, (*checker).passedOver,
		(*checker).foreignPart, (*checker).titlePart, (*checker).orderedPart,
		(*checker).titleModality, (*checker).foreignResult, (*checker).foreignWords, (*checker).orderedModality,
		(*checker).sexOrgans, (*checker).statedSex, (*checker).identity,
		(*checker).contrast, (*checker).views, (*checker).series, (*checker).contrastPhases, (*checker).comparisonDates,
		(*checker).counts, (*checker).sizes, (*checker).units, (*checker).age,
		(*checker).content, (*checker).normalImpression, (*checker).normalOrgan, (*checker).criticalMissing,
		(*checker).contradiction, (*checker).removedOrgan, (*checker).lobes, (*checker).levels,
	} {
		rule(k)
	}
	return k.out
}

// checker is one run over a report.
type checker struct {
	r           *Report
	f           *Facts
	lex         *Lexicon
	rules       Rules
	exam        exam
	conclusions map[*concept]bool // findings of the impression, nil until asked for
	modalities  map[string]bool   // modalities the report names, nil until asked for
	past        []string          // what pastTexts lists
	out         []Finding
}

// maxFindings bounds the output: a text with more slips than this is no report.
const maxFindings = 200

// flag fires a rule once per statement; args fill {1}, {2}, … of its text.
func (k *checker) flag(id string, statement int, args ...string) {
	if len(k.out) == maxFindings {
		return
	}
	table := ruleTable()
	i := slices.IndexFunc(table, func(r Rule) bool { return r.ID == id })
	rule := &table[i]
	if slices.Contains(k.rules.Off, rule.ID) || slices.Contains(k.rules.Off, rule.Code) {
		return
	}
	if slices.ContainsFunc(k.out, func(f Finding) bool { return f.Rule == id && f.Statement == statement }) {
		return
	}
	k.out = append(k.out, Finding{rule.Code, id, k.rules.severity(rule), statement, rule.explain(k.r.Language, args)})
}

func (rs Rules) severity(r *Rule) string {
	for _, key := range []string{r.ID, r.Code} {
		if s := rs.Severity[key]; s != "" {
			return s
		}
	}
	return r.Severity
}

func (r *Rule) explain(language string, args []string) string {
	text := r.textEN
	if language == "zh" {
		text = r.textZH
	}
	for i, a := range args {
		text = strings.ReplaceAll(text, "{"+strconv.Itoa(i+1)+"}", a)
	}
	return text
}

func (k *checker) zh() bool { return k.r.Language == "zh" }

// name is a concept in the report's language.
func (k *checker) name(c *concept) string {
	if k.zh() && c.chinese != "" {
		return c.chinese
	}
	return c.english
}

func (k *checker) sideName(s side) string {
	if k.zh() {
		return map[side]string{sideLeft: "左侧", sideRight: "右侧", sideBoth: "双侧"}[s]
	}
	return map[side]string{sideLeft: "left", sideRight: "right", sideBoth: "both sides"}[s]
}

// observed yields the statements about today's images: findings and impression, no history, advice or priors.
func (k *checker) observed(yield func(*Statement, *detail) bool) {
	for i := range k.r.Statements {
		s := &k.r.Statements[i]
		switch s.Skip {
		case "", SkipVague, SkipUnknown:
			if (s.Section == "findings" || s.Section == "impression" || s.Section == "addendum") && !yield(s, &k.r.details[i]) {
				return
			}
		}
	}
}

// described yields the statements that say what was examined and how: titles and technique.
func (k *checker) described(yield func(*Statement, *detail) bool) {
	for i := range k.r.Statements {
		s, d := &k.r.Statements[i], &k.r.details[i]
		if (s.Section == "technique" || d.title) && s.Skip != SkipComparison && s.Skip != SkipHistory && s.Skip != SkipRecommendation && !yield(s, d) {
			return
		}
	}
}

// quote shortens a statement for an explanation.
func quote(s string) string {
	s = strings.TrimRight(strings.Join(strings.Fields(s), " "), ".。；;，,")
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}
