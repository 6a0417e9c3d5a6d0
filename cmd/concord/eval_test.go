package main

import (
	"encoding/json"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"concord/config"
	"concord/inference"
	"concord/inference/evaluation"
)

// The pack's own golden picture of a sector, with true and false statements, many times over.
func pairsFile(t *testing.T, copies int) string {
	t.Helper()
	dir := t.TempDir()
	phantom, err := os.ReadFile("../../inference/packs/builtin/goldens/sector.png")
	if err != nil {
		t.Fatal(err)
	}
	rows := []string{"image\tstatement\tlabel\tcategory\tmodality"}
	for i := range copies {
		name := "p" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + ".png"
		if err := os.WriteFile(filepath.Join(dir, name), phantom, 0o600); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, name+"\tUltrasound image.\tyes\tmodality\tUS", name+"\t头颅CT轴位\tno\tmodality\tUS", name+"\tNo cardiomegaly.\tyes\tfinding\tUS")
	}
	path := filepath.Join(dir, "pairs.tsv")
	if err := os.WriteFile(path, []byte(strings.Join(rows, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A fit writes a calibration that the pack takes, and the page and tables are written.
func TestEvalFits(t *testing.T) {
	dir := t.TempDir()
	out := func(name string) string { return filepath.Join(dir, name) }
	e := evalCommand{Pairs: pairsFile(t, 40), Fit: out("calibration.yaml"), FalseAlerts: 2, HTML: out("page.html"), Markdown: out("tables.md"), JSON: true, Extraction: true, Answers: out("answers.tsv")}
	printed := captured(t, func() error { return e.Run(t.Context()) })
	var r evaluation.Result
	if err := json.Unmarshal(printed, &r); err != nil {
		t.Fatal(err)
	}
	f := r.Pictures
	if f.Rows != 120 || f.Accuracy.Value != 1 || f.Accuracy.Of != 80 || f.Confusion["yes"]["not_judged"] != 40 || r.Fitted == nil {
		t.Errorf("%+v, fitted %+v", f.Summary, r.Fitted)
	}
	if x := r.Extraction; x == nil || x.Rows != 40 || x.Written.Coverage.Value != 1 || x.Terms.Coverage.Value != 1 || x.Gain.Right.Value != 0 {
		t.Errorf("extraction %+v", x)
	}
	if f.Languages["zh"].Rows != 40 || f.Categories["finding"].Coverage.Value != 0 {
		t.Errorf("languages %v, categories %v", f.Languages, f.Categories)
	}
	for _, name := range []string{"page.html", "tables.md"} {
		if text, err := os.ReadFile(out(name)); err != nil || !strings.Contains(string(text), "concord-facts") {
			t.Errorf("%s: %v", name, err)
		}
	}
	answers, err := readPairs(out("answers.tsv"))
	if err != nil || len(answers) != 120 || answers[1].Statement != "头颅CT轴位" || answers[1].Language != "zh" {
		t.Errorf("%d answers, %v", len(answers), err)
	}
	c, err := config.Load("", []string{"model.calibration=" + out("calibration.yaml")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	model, _, err := openModel(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	if got := model.CalibrationOf("US").Thresholds[inference.No]; got != r.Fitted.Modalities["US"].No {
		t.Errorf("threshold %v; fitted %v", got, r.Fitted.Modalities["US"].No)
	}
}

// captured is what the function prints.
func captured(t *testing.T, run func() error) []byte {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "stdout")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stdout := os.Stdout
	os.Stdout = file
	err = run()
	os.Stdout = stdout
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestPairsFilesThatAreRefused(t *testing.T) {
	picture := filepath.Join(t.TempDir(), "p.png")
	f, err := os.Create(picture)
	if err == nil {
		err = png.Encode(f, image.NewGray(image.Rect(0, 0, 8, 8)))
	}
	if err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"image\tstatement\n": `no column "label"`,
		"image\tstatement\tlabel\n" + picture + "\tA CT.\tperhaps": "line 2: the label is neither yes nor no",
	} {
		path := filepath.Join(t.TempDir(), "pairs.tsv")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readPairs(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

// The feedback of a node, with its pictures, is a pairs file, too; names that lead elsewhere are refused.
func TestEvalReadsANode(t *testing.T) {
	const uid = "1.2.3"
	table := "image\tstatement\tlabel\tcategory\tid\n" + uid + "/2.png\tUltrasound image.\tyes\tUS\t1\n"
	served := map[string]string{"/api/v1/feedback": table, "/api/v1/objects/" + uid + "/frames/2": "picture"}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := served[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, text)
	}))
	defer server.Close()
	rows, err := judgedPairs(t.Context(), server.URL+"/", t.TempDir())
	if err != nil || len(rows) != 1 || !rows[0].Supported {
		t.Fatalf("%+v, %v", rows, err)
	}
	if text, err := os.ReadFile(rows[0].Picture); err != nil || string(text) != "picture" {
		t.Errorf("%q, %v", text, err)
	}
	for _, name := range []string{"../../escape.png", uid + "/x.png", "1.2.4/1.png"} {
		served["/api/v1/feedback"] = strings.Replace(table, uid+"/2.png", name, 1)
		if _, err := judgedPairs(t.Context(), server.URL, t.TempDir()); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
