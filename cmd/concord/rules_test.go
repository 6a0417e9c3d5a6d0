package main

import (
	"strings"
	"testing"

	"concord/config"
)

// TestRuleNamesAreChecked: a slip in report.rules stops the start instead of leaving a rule as it was.
func TestRuleNamesAreChecked(t *testing.T) {
	for _, tuned := range []config.Rules{{Off: []string{"LAT-01"}}, {Severity: map[string]string{"CC999": "info"}}} {
		_, err := newJudge(&config.Config{Report: config.Report{Rules: tuned}}, nil)
		if err == nil || !strings.Contains(err.Error(), "report.rules") || !strings.Contains(err.Error(), "LAT-001") {
			t.Errorf("%v: %v", tuned, err)
		}
	}
	tuned := config.Rules{Off: []string{"LAT-004", "CC116"}, Severity: map[string]string{"CC101": "warning"}}
	if _, err := newJudge(&config.Config{Report: config.Report{Rules: tuned}}, nil); err != nil {
		t.Error(err)
	}
}
