package evaluation

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
)

// Result is all that is known of a pack on a set of rows.
type Result struct {
	Pack     string   `json:"pack"`
	Digest   string   `json:"digest"`
	Rows     int      `json:"pairs"`
	Pictures *Figures `json:"pictures"`
	Shuffled *Figures `json:"pictures_shuffled"` // within the category
	Blank    *Figures `json:"statements_only"`   // the pack, with a grey picture
	TextOnly *Figures `json:"text_only"`         // words, cross-validated
	Fitted   *Fitted  `json:"fitted,omitempty"`

	Extraction *Extraction `json:"extraction,omitempty"`
}

// percent writes a share with its interval.
func percent(s Share) string {
	if s.Of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %% (%.1f–%.1f)", 100*s.Value, 100*s.Low, 100*s.High)
}

// pass is one way the rows were answered.
type pass struct {
	Name string
	*Figures
}

func (r *Result) passes() (all []pass) {
	for _, p := range []pass{{"pictures", r.Pictures}, {"pictures shuffled", r.Shuffled}, {"statements only", r.Blank}, {"words only", r.TextOnly}} {
		if p.Figures != nil {
			all = append(all, p)
		}
	}
	return all
}

// line is a row of a table: a name and cells.
type line []string

// table has a title, a header and lines.
type table struct {
	Title string
	Head  line
	Lines []line
}

// tables are the figures as a reader wants them.
func (r *Result) tables() []table {
	all := table{"All rows", line{"answered with", "coverage", "accuracy of yes and no", "leaning", "at half coverage", "ROC AUC"}, nil}
	for _, p := range r.passes() {
		all.Lines = append(all.Lines, line{p.Name, percent(p.Coverage), percent(p.Accuracy), percent(p.Leaning), percent(p.HalfRight), percent(p.AUC)})
	}
	f := r.Pictures
	more := table{"With the pictures", line{"figure", "value"}, []line{
		{"rows", fmt.Sprint(f.Rows)},
		{"balanced accuracy, leaning", percent(f.Balanced)},
		{"verdicts no that are right (alerts)", percent(f.NoRight)},
		{"verdicts yes that are right", percent(f.YesRight)},
		{"average precision of finding what is not supported", percent(f.Precision)},
		{"expected calibration error", fmt.Sprintf("%.3f", f.ECE)},
		{"time of a question, median and 95th percentile", fmt.Sprintf("%v, %v", f.Median.Round(10000), f.P95.Round(10000))},
	}}
	confused := table{"Verdicts by label", line{"label", Yes, No, Maybe, "not judged"}, nil}
	for _, label := range []string{Yes, No} {
		row := f.Confusion[label]
		confused.Lines = append(confused.Lines, line{label, fmt.Sprint(row[Yes]), fmt.Sprint(row[No]), fmt.Sprint(row[Maybe]), fmt.Sprint(row[NotJudged])})
	}
	out := []table{all, more, confused, r.parts("By category", func(f *Figures) map[string]Summary { return f.Categories }),
		r.parts("By language", func(f *Figures) map[string]Summary { return f.Languages })}
	if r.Extraction != nil {
		out = append(out, r.Extraction.table())
	}
	if r.Fitted != nil {
		out = append(out, r.Fitted.table())
	}
	return out
}

func (r *Result) parts(title string, of func(*Figures) map[string]Summary) table {
	t := table{title, line{"", "rows", "coverage", "accuracy of yes and no", "leaning", "leaning, pictures shuffled"}, nil}
	for _, name := range slices.Sorted(maps.Keys(of(r.Pictures))) {
		s, shuffled := of(r.Pictures)[name], Summary{}
		if r.Shuffled != nil {
			shuffled = of(r.Shuffled)[name]
		}
		if name == "" {
			name = "(none)"
		}
		t.Lines = append(t.Lines, line{name, fmt.Sprint(s.Rows), percent(s.Coverage), percent(s.Accuracy), percent(s.Leaning), percent(shuffled.Leaning)})
	}
	return t
}

func (f *Fitted) table() table {
	threshold := func(t float64) string {
		if t > 1 {
			return "never"
		}
		return fmt.Sprintf("%.3f", t)
	}
	t := table{"Calibration, measured on pictures that it was not fitted to", line{"", "temperature ×", "threshold yes", "threshold no"}, nil}
	add := func(name string, c Calibration) {
		t.Lines = append(t.Lines, line{name, fmt.Sprintf("%.3f", c.Temperature), threshold(c.Yes), threshold(c.No)})
	}
	add("all", f.All)
	for _, modality := range slices.Sorted(maps.Keys(f.Modalities)) {
		add(modality, f.Modalities[modality])
	}
	t.Lines = append(t.Lines,
		line{"expected calibration error", fmt.Sprintf("%.3f before", f.Before.ECE), fmt.Sprintf("%.3f after", f.After.ECE), ""},
		line{"coverage", percent(f.Before.Coverage), percent(f.After.Coverage), ""},
		line{"accuracy of yes and no", percent(f.Before.Accuracy), percent(f.After.Accuracy), ""},
		line{"reports with a false alert", percent(f.Alerts), "", ""})
	return t
}

// Markdown writes the result as Markdown.
func (r *Result) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s on %d pairs\n\nPack digest %s. Shares with 95 %% intervals, drawn by picture.\n", r.Pack, r.Rows, r.Digest)
	for _, t := range r.tables() {
		fmt.Fprintf(&b, "\n## %s\n\n| %s |\n|%s\n", t.Title, strings.Join(t.Head, " | "), strings.Repeat(" --- |", len(t.Head)))
		for _, l := range t.Lines {
			for _, cell := range l {
				fmt.Fprintf(&b, "| %s ", strings.ReplaceAll(cell, "|", `\|`))
			}
			b.WriteString("|\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Text writes the tables for a terminal.
func (r *Result) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d pairs; shares with 95 %% intervals, drawn by picture\n", r.Pack, r.Rows)
	for _, t := range r.tables() {
		fmt.Fprintf(&b, "\n%s\n", t.Title)
		width := make([]int, len(t.Head))
		for _, l := range append([]line{t.Head}, t.Lines...) {
			for i, cell := range l {
				width[i] = max(width[i], len([]rune(cell)))
			}
		}
		for _, l := range append([]line{t.Head}, t.Lines...) {
			for i, cell := range l {
				b.WriteString("  " + cell + strings.Repeat(" ", width[i]-len([]rune(cell))))
			}
			b.WriteString("\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

//go:embed page.html
var page string

var pageTemplate = template.Must(template.New("page").Parse(page))

// HTML writes the result as one page with plots, that needs nothing from anywhere.
func (r *Result) HTML(w io.Writer) error {
	return pageTemplate.Execute(w, map[string]any{"Result": r, "Tables": r.tables(), "Plots": r.plots()})
}
