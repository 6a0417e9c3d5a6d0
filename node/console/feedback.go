package console

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"concord/node"
)

func (c *Console) caseFeedback(r *http.Request) (any, error) {
	view, err := c.findCase(r)
	if err != nil {
		return nil, err
	}
	list, err := c.feedbackOn(r.Context(), view.ID)
	return map[string]any{"feedback": list}, err
}

func (c *Console) feedbackOn(ctx context.Context, caseID int64) ([]node.Feedback, error) {
	list := []node.Feedback{}
	err := c.Node.Index.View(ctx, func(tx node.Tx) error {
		found, err := tx.CaseFeedback(caseID)
		list = append(list, found...)
		return err
	})
	return list, err
}

// addFeedback stores an opinion; the answer is all that was said of the case.
func (c *Console) addFeedback(r *http.Request) (any, error) {
	id, err := number("a case ID", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	var body struct {
		Statement int          `json:"statement"`
		Rule      string       `json:"rule"`
		Opinion   node.Opinion `json:"opinion"`
		Author    string       `json:"author"`
		Note      string       `json:"note"`
	}
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	author := cmp.Or(c.Access.User(r), strings.TrimSpace(body.Author)) // who is known cannot speak for others
	err = c.Node.AddFeedback(r.Context(), node.Feedback{CaseID: id, Statement: body.Statement, Rule: body.Rule,
		Opinion: body.Opinion, Author: author, Note: body.Note})
	if err != nil {
		return nil, err
	}
	return c.caseFeedback(r)
}

// opinionRow is one opinion with what it was about.
type opinionRow struct {
	node.Feedback
	Current  bool            `json:"current"` // the author said nothing else of it later
	Text     string          `json:"statement_text"`
	Verdict  node.Verdict    `json:"verdict"`
	Label    string          `json:"label"` // yes, no or empty: do the images support the statement, by the author?
	Images   []node.ImageRef `json:"images"`
	Modality string          `json:"modality"`
	StudyUID string          `json:"study_uid"`
	Pack     string          `json:"pack"`
	Section  string          `json:"section"`
}

// exportPage is how many opinions are read in one transaction.
const exportPage = 500

// exportFeedback streams all opinions after an entry, as JSON lines with
// everything that is known or as the pairs file that `concord eval` reads.
func (c *Console) exportFeedback(w http.ResponseWriter, r *http.Request) {
	after, err := strconv.ParseInt("0"+r.URL.Query().Get("after"), 10, 64)
	if err != nil {
		c.fail(w, r, &httpError{http.StatusBadRequest, "after must be the ID of an entry, or 0"})
		return
	}
	write, contentType := writeLines, "application/jsonl"
	switch r.URL.Query().Get("format") {
	case "", "jsonl":
	case "tsv":
		write, contentType = writePairs, "text/tab-separated-values"
	default:
		c.fail(w, r, &httpError{http.StatusBadRequest, "format must be jsonl or tsv"})
		return
	}
	w.Header().Set("Content-Type", contentType+"; charset=utf-8")
	for first := true; ; first = false {
		rows, err := c.opinions(r.Context(), after)
		if err == nil {
			err = write(w, rows, first)
		}
		if err != nil { // the status is out: what is cut off must not look whole
			c.Log.Error("the export of feedback broke off", zap.Error(err))
			panic(http.ErrAbortHandler)
		}
		if len(rows) == 0 {
			return
		}
		after = rows[len(rows)-1].ID
	}
}

// opinions reads the next rows of the export.
func (c *Console) opinions(ctx context.Context, after int64) (rows []opinionRow, err error) {
	type about struct {
		c   *node.Case
		all []node.Feedback
	}
	seen := map[int64]about{}
	err = c.Node.Index.View(ctx, func(tx node.Tx) error {
		entries, err := tx.Feedback(after, exportPage)
		if err != nil {
			return err
		}
		for _, f := range entries {
			a, ok := seen[f.CaseID]
			if !ok {
				if a.c, err = tx.Case(f.CaseID); err != nil {
					return err
				}
				if a.all, err = tx.CaseFeedback(f.CaseID); err != nil {
					return err
				}
				seen[f.CaseID] = a
			}
			if a.c != nil {
				rows = append(rows, rowOf(f, a.c, a.all))
			}
		}
		return nil
	})
	return rows, err
}

func rowOf(f node.Feedback, c *node.Case, all []node.Feedback) opinionRow {
	row := opinionRow{Feedback: f, Current: true, Modality: c.Modality, StudyUID: c.StudyUID, Pack: c.Pack, Images: []node.ImageRef{}}
	for _, later := range all {
		if later.ID > f.ID && later.Author == f.Author && later.Statement == f.Statement && later.Rule == f.Rule {
			row.Current = false
		}
	}
	if f.Statement > 0 && f.Statement <= len(c.Statements) {
		s := c.Statements[f.Statement-1]
		row.Text, row.Verdict, row.Section = s.Text, s.Verdict, s.Section
		row.Images = append(row.Images, s.Images...)
		if f.Rule == "" || isStatementCheck(c, f.Rule) {
			row.Label = labelOf(f.Opinion, s.Verdict)
		}
	}
	return row
}

// isStatementCheck says whether a rule is the model's: flags of the other rules
// come from headers and text and say nothing of the images.
func isStatementCheck(c *node.Case, rule string) bool {
	return slices.ContainsFunc(c.Flags, func(f node.Flag) bool { return f.Rule == rule && f.Code == statementCheck })
}

// statementCheck is the code of flags of statements that the images contradict.
const statementCheck = "CC100"

// labelOf is what an opinion of a verdict says of the images: nothing when
// either of them left the matter open.
func labelOf(o node.Opinion, v node.Verdict) string {
	switch {
	case o == node.OpinionNotSure || (v != node.Yes && v != node.No):
		return ""
	case (o == node.OpinionRight) == (v == node.Yes):
		return string(node.Yes)
	}
	return string(node.No)
}

func writeLines(w http.ResponseWriter, rows []opinionRow, _ bool) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, row := range rows {
		if err := encoder.Encode(row); err != nil {
			return err
		}
	}
	return nil
}

// writePairs writes one row for each picture that bears the label by itself:
// all of a study that does not support a statement, and those on which a right
// verdict rests. Which picture a missed support is on is known of one only.
func writePairs(w http.ResponseWriter, rows []opinionRow, first bool) error {
	out := csv.NewWriter(w)
	out.Comma = '\t'
	var lines [][]string
	if first {
		lines = append(lines, []string{"image", "statement", "label", "category", "modality", "report", "id"})
	}
	for _, row := range rows {
		if row.Label == "" || !row.Current || (row.Label == string(node.Yes) && row.Verdict == node.No && len(row.Images) > 1) {
			continue
		}
		for _, i := range row.Images {
			lines = append(lines, []string{fmt.Sprintf("%s/%d.png", i.SOPUID, i.Frame), strings.Join(strings.Fields(row.Text), " "),
				row.Label, row.Modality, row.Modality, strconv.FormatInt(row.CaseID, 10), strconv.FormatInt(row.ID, 10)})
		}
	}
	return out.WriteAll(lines)
}
