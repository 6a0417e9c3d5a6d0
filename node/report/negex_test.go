package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sharedData is the folder of real material beside the repository, "" where there is none.
func sharedData(t testing.TB, name string) string {
	p := filepath.Join("..", "..", "..", "shared", "data", name)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("no %s beside the repository", name)
	}
	return p
}

func readTable(t testing.TB, path string) [][]string {
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for line := range strings.Lines(string(raw)) {
		out = append(out, strings.Split(strings.TrimRight(line, "\r\n"), "\t"))
	}
	return out[1:]
}

// deniedSpan tells whether the phrase at text[start:end] stands in the scope of a negation.
func deniedSpan(text string, start, end int) bool {
	for _, s := range sentences(text, 0, len(text)) {
		if s.end <= start || s.start >= end {
			continue
		}
		c := builtin().analyse(text, s.start, s.end)
		denied, all := 0, 0
		for _, q := range c.scopes {
			if q.cue&cueNegation != 0 && c.tokens[q.from].start >= start && c.tokens[q.to-1].end <= end {
				return false // a phrase that holds its own negation is not negated from outside
			}
		}
		for i, tk := range c.tokens {
			if tk.start >= start && tk.end <= end {
				all++
				if c.denied[i] {
					denied++
				}
			}
		}
		return all > 0 && denied*2 > all
	}
	return false
}

func TestNegationNegEx(t *testing.T) {
	var tp, fp, fn, n int
	half := os.Getenv("HALF")
	for i, row := range readTable(t, sharedData(t, "reports/negex-en.tsv")) {
		if half == "dev" && i%2 == 1 || half == "test" && i%2 == 0 {
			continue
		}
		text, cond := row[2], strings.TrimSpace(row[1])
		at := strings.Index(text, strings.ToUpper(cond))
		if at < 0 {
			continue
		}
		n++
		got, want := deniedSpan(text, at, at+len(cond)), row[3] == "Negated"
		switch {
		case got && want:
			tp++
		case got:
			fp++
			if half != "" {
				t.Logf("FP %s", text[max(0, at-150):min(len(text), at+len(cond)+80)])
			}
		case want:
			fn++
			if half != "" {
				t.Logf("FN %s", text[max(0, at-150):min(len(text), at+len(cond)+80)])
			}
		}
	}
	t.Logf("n %d tp %d fp %d fn %d F1 %.4f", n, tp, fp, fn, 2*float64(tp)/float64(2*tp+fp+fn))
}
