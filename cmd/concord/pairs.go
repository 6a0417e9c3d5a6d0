package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"concord/inference/evaluation"
)

// readPairs reads the rows of a pairs file; its first line names the columns.
func readPairs(path string) ([]evaluation.Row, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	table := csv.NewReader(f)
	table.Comma, table.LazyQuotes, table.FieldsPerRecord = '\t', true, -1
	header, err := table.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	column := map[string]int{}
	for i, name := range header {
		column[strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))] = i
	}
	for _, name := range []string{"image", "statement", "label"} {
		if _, ok := column[name]; !ok {
			return nil, fmt.Errorf("%s has no column %q; its header row must name image, statement and label", path, name)
		}
	}
	var rows []evaluation.Row
	for {
		cells, err := table.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		row, err := readPair(filepath.Dir(path), func(name string) string {
			if i, ok := column[name]; ok && i < len(cells) {
				return strings.TrimSpace(cells[i])
			}
			return ""
		})
		if err != nil {
			line, _ := table.FieldPos(0)
			return nil, fmt.Errorf("%s, line %d: %w", path, line, err)
		}
		rows = append(rows, row)
	}
}

func readPair(folder string, cell func(string) string) (evaluation.Row, error) {
	r := evaluation.Row{Picture: cell("image"), Report: cell("report"), Statement: cell("statement"), Language: cell("language"),
		Category: cell("category"), Modality: strings.ToUpper(cell("modality"))}
	if !filepath.IsAbs(r.Picture) {
		r.Picture = filepath.Join(folder, r.Picture)
	}
	switch strings.ToLower(cell("label")) {
	case "yes":
		r.Supported = true
	case "no":
	default:
		return r, errors.New("the label is neither yes nor no; leave out rows whose truth is not known")
	}
	return r, nil
}

// writeAnswers writes the rows as readPairs reads them, with what the pack said.
func writeAnswers(w io.Writer, rows []evaluation.Row) error {
	lines := [][]string{{"image", "report", "statement", "language", "category", "modality", "label", "verdict", "p_no", "p_yes", "p_maybe"}}
	for _, r := range rows {
		cells := []string{r.Picture, r.Report, r.Statement, r.Language, r.Category, r.Modality, evaluation.No, r.Answer.Verdict}
		if r.Supported {
			cells[6] = evaluation.Yes
		}
		for _, p := range r.Answer.Probabilities {
			cells = append(cells, strconv.FormatFloat(p, 'g', -1, 64))
		}
		lines = append(lines, cells)
	}
	table := csv.NewWriter(w)
	table.Comma = '\t'
	return table.WriteAll(lines)
}
