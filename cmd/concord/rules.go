package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/goccy/go-yaml"

	"concord/config"
	"concord/hl7"
	"concord/inference"
	"concord/node"
	"concord/node/report"
)

// newJudge makes the judge that the configuration describes. Its Open is the
// caller's to set.
func newJudge(c *config.Config, model *inference.Live) (*node.Judge, error) {
	lexicon, err := openLexicon(c.Report.Terms)
	if err != nil {
		return nil, err
	}
	rules, err := tunedRules(c)
	if err != nil {
		return nil, err
	}
	return &node.Judge{Model: model, Deadline: time.Duration(c.Model.Deadline), MaxImages: c.Model.MaxImages, Lexicon: lexicon, Rules: rules,
		AccessionStrip: hl7.Strip(c.HL7.Mapping.AccessionStrip)}, nil
}

// tunedRules are the rules as the configuration tunes them; a name that is no rule's is refused.
func tunedRules(c *config.Config) (report.Rules, error) {
	rules := report.Rules{Off: c.Report.Rules.Off, Severity: c.Report.Rules.Severity}
	if err := rules.Validate(); err != nil {
		return rules, fmt.Errorf("report.rules: %w", err)
	}
	return rules, nil
}

// openLexicon reads the site's own terms; without a file it is the built-in lexicon.
func openLexicon(path string) (*report.Lexicon, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("report.terms: %w", err)
	}
	var own []report.OwnTerm
	if err := yaml.UnmarshalWithOptions(text, &own, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("report.terms: %s: %w", path, err)
	}
	lexicon, err := report.NewLexicon(own)
	if err != nil {
		return nil, fmt.Errorf("report.terms: %s: %w", path, err)
	}
	return lexicon, nil
}

type rulesCommand struct{ configFlags }

// Run lists the rules with what the configuration makes of them.
func (r rulesCommand) Run(context.Context) error {
	c, err := r.load()
	if err != nil {
		return err
	}
	rules, err := tunedRules(c)
	if err != nil {
		return err
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, rule := range report.RuleTable() {
		severity := cmp.Or(rules.Severity[rule.ID], rules.Severity[rule.Code], rule.Severity)
		if slices.Contains(rules.Off, rule.ID) || slices.Contains(rules.Off, rule.Code) {
			severity = "off"
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", rule.ID, rule.Code, severity, rule.English, rule.Chinese)
	}
	return out.Flush()
}
