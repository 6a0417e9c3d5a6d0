package console_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"concord/node"
)

// TestExport has every verdict meet every opinion and reads the export back as
// `concord eval` reads a pairs file.
func TestExport(t *testing.T) {
	h := newHarness(t, time.Hour)
	two := append(seen(study1), seen(study2)...)
	id := h.addJudged(study1,
		node.Statement{Text: "Frontal chest\n radiograph.", Verdict: node.Yes, Images: two},
		node.Statement{Text: "CT of the \"chest\".", Verdict: node.No, Images: seen(study1)},
		node.Statement{Text: "Opacity.", Verdict: node.Maybe, Images: seen(study1)},
		node.Statement{Text: "MR of the head.", Verdict: node.No, Images: two})
	say := func(statement int, rule, opinion, author string) {
		t.Helper()
		answer, body := h.do("POST", fmt.Sprintf("/api/v1/cases/%d/feedback", id), jsonType,
			fmt.Sprintf(`{"statement":%d,"rule":%q,"opinion":%q,"author":%q,"note":""}`, statement, rule, opinion, author))
		if answer.StatusCode != 200 {
			t.Fatalf("%s %s", answer.Status, body)
		}
	}
	say(1, "", "wrong", "ann")            // 1: taken back by 2
	say(1, "", "right", "ann")            // 2: both pictures support it
	say(1, "", "not_sure", "bob")         // 3
	say(2, "VLM-SUPPORT", "wrong", "bob") // 4: the picture supports it after all
	say(2, "", "right", "ann")            // 5: it does not
	say(2, "LAT-003", "right", "ann")     // 6: a rule, says nothing of the picture
	say(3, "", "wrong", "ann")            // 7: maybe was wrong, but yes or no?
	say(4, "", "wrong", "ann")            // 8: one of the two supports it, but which?
	say(4, "", "right", "bob")            // 9: neither does
	say(0, "", "right", "bob")            // 10

	_, body := h.do("GET", "/api/v1/feedback?format=tsv", "", "")
	rows := csv.NewReader(strings.NewReader(body))
	rows.Comma, rows.LazyQuotes = '\t', true
	got, err := rows.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	a, b := study1+".1.1/1.png", study2+".1.1/1.png"
	want := [][]string{
		{"image", "statement", "label", "category", "modality", "report", "id"},
		{a, "Frontal chest radiograph.", "yes", "CR", "CR", "1", "2"}, {b, "Frontal chest radiograph.", "yes", "CR", "CR", "1", "2"},
		{a, `CT of the "chest".`, "yes", "CR", "CR", "1", "4"}, {a, `CT of the "chest".`, "no", "CR", "CR", "1", "5"},
		{a, "MR of the head.", "no", "CR", "CR", "1", "9"}, {b, "MR of the head.", "no", "CR", "CR", "1", "9"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}

	_, body = h.do("GET", "/api/v1/feedback?after=6", "", "")
	lines := strings.Split(strings.TrimSpace(body), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines after entry 6, want 4:\n%s", len(lines), body)
	}
	var row struct {
		ID                               int64
		Case                             int64
		Current                          bool
		Statement_text, Verdict, Label   string
		Images                           []node.ImageRef
		Pack, Study_UID, Opinion, Author string
	}
	if err := json.Unmarshal([]byte(lines[2]), &row); err != nil {
		t.Fatal(err)
	}
	if row.ID != 9 || row.Case != id || !row.Current || row.Label != "no" || row.Verdict != "no" || len(row.Images) != 2 ||
		row.Statement_text != "MR of the head." || row.Pack != "test-pack" || row.Study_UID != study1 || row.Author != "bob" {
		t.Errorf("got %+v", row)
	}
}

func TestExportInManyPages(t *testing.T) {
	h := newHarness(t, time.Hour)
	id := h.addJudged(study1, node.Statement{Text: "Chest.", Verdict: node.Yes, Images: seen(study1)})
	const n = 1203
	err := h.node.Index.Update(t.Context(), func(tx node.Tx) error {
		for range n {
			if err := tx.AddFeedback(node.Feedback{CaseID: id, Statement: 1, Opinion: node.OpinionRight, At: time.Now()}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, body := h.do("GET", "/api/v1/feedback", "", "")
	if got := strings.Count(body, "\n"); got != n {
		t.Errorf("%d lines, want %d", got, n)
	}
}
