package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // pictures of pairs files
	_ "image/png"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"concord/dicom"
	"concord/dicom/pixel"
	"concord/inference"
	"concord/inference/evaluation"
	"concord/node"
	"concord/node/report"
)

type evalCommand struct {
	configFlags
	Pairs       string  `arg:"" help:"TSV with a header row: image, statement, label (yes, no); optional: category, language, modality, report. Paths count from the file's folder. Or http://host:port of a node: its judged cases with feedback."`
	Pack        string  `help:"Model pack to measure: builtin or a folder. Default: the configured one."`
	JSON        bool    `help:"Print JSON."`
	Markdown    string  `help:"Write the tables as Markdown, too." type:"path" placeholder:"FILE"`
	HTML        string  `help:"Write a page with plots, too." type:"path" placeholder:"FILE"`
	Answers     string  `help:"Write each row with its verdict and probabilities, too, as TSV." type:"path" placeholder:"FILE"`
	Extraction  bool    `help:"Compare how statements in other languages than English reach the pack: as written, by their terms in English, or as a node asks."`
	Fit         string  `help:"Fit temperature and thresholds and write them as a calibration file." type:"path" placeholder:"FILE"`
	FalseAlerts float64 `help:"With --fit: how many of 100 reports may hold a false alert." default:"2"`
}

// Run measures the pack with the pictures, and as controls with pictures shuffled within each category, with a grey
// picture, and by the words alone: what is right there, too, does not come from the pictures.
func (e evalCommand) Run(ctx context.Context) error {
	c, err := e.load()
	if err != nil {
		return err
	}
	if e.Pack != "" {
		c.Model.Pack = e.Pack
	}
	folder, err := os.MkdirTemp("", "concord-eval-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	rows, err := e.rows(ctx, folder)
	if err != nil {
		return err
	}
	model, _, err := openModel(ctx, c)
	if err != nil {
		return err
	}
	defer model.Close()
	run := &evaluator{model: model, pictures: map[string]*inference.Encoded{}}
	result, err := run.result(ctx, rows)
	if err != nil {
		return err
	}
	if err := e.more(ctx, run, result); err != nil {
		return err
	}
	return e.write(result)
}

// more does what was asked for beside the figures.
func (e evalCommand) more(ctx context.Context, run *evaluator, result *evaluation.Result) (err error) {
	if e.Extraction {
		if result.Extraction, err = run.extraction(ctx); err != nil {
			return err
		}
	}
	if e.Answers != "" {
		if err := writeTo(e.Answers, func(w io.Writer) error { return writeAnswers(w, run.answered) }); err != nil {
			return err
		}
	}
	if e.Fit == "" {
		return nil
	}
	if result.Fitted, err = evaluation.Fit(run.answered, e.FalseAlerts); err != nil {
		return err
	}
	return writeTo(e.Fit, func(w io.Writer) error { return writeCalibration(w, run.model, result.Fitted, e.FalseAlerts) })
}

// rows reads the file of pairs, or the feedback of a node, whose pictures go into folder.
func (e evalCommand) rows(ctx context.Context, folder string) ([]evaluation.Row, error) {
	if strings.HasPrefix(e.Pairs, "http://") || strings.HasPrefix(e.Pairs, "https://") {
		return judgedPairs(ctx, e.Pairs, folder)
	}
	return readPairs(e.Pairs)
}

// write prints the result and writes the files that were asked for.
func (e evalCommand) write(r *evaluation.Result) error {
	var err error
	if e.Markdown != "" {
		err = writeTo(e.Markdown, r.Markdown)
	}
	if e.HTML != "" {
		err = errors.Join(err, writeTo(e.HTML, r.HTML))
	}
	if e.JSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return errors.Join(err, encoder.Encode(r))
	}
	return errors.Join(err, r.Text(os.Stdout))
}

func writeTo(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// evaluator asks the pack; it keeps the pictures it has encoded.
type evaluator struct {
	model    *inference.Model
	pictures map[string]*inference.Encoded
	answered []evaluation.Row                              // with the pictures as they are
	phrase   func(inference.Statement) inference.Statement // nil: as a node asks; an empty text is not judged
}

func (e *evaluator) result(ctx context.Context, rows []evaluation.Row) (*evaluation.Result, error) {
	var err error
	if e.answered, err = e.ask(ctx, rows); err != nil {
		return nil, err
	}
	shuffled, err := e.ask(ctx, evaluation.Shuffle(e.answered))
	if err != nil {
		return nil, err
	}
	if e.pictures[grey], err = e.model.EncodeImage(ctx, greyPicture()); err != nil {
		return nil, err
	}
	blank := slices.Clone(e.answered)
	for i := range blank {
		blank[i].Picture = grey
	}
	if blank, err = e.ask(ctx, blank); err != nil {
		return nil, err
	}
	for i := range blank { // the bootstrap draws the pictures that the rows came with
		blank[i].Picture, shuffled[i].Picture = e.answered[i].Picture, e.answered[i].Picture
	}
	return &evaluation.Result{
		Pack: e.model.Name(), Digest: e.model.Digest(), Rows: len(rows),
		Pictures: evaluation.Measure(e.answered), Shuffled: evaluation.Measure(shuffled), Blank: evaluation.Measure(blank),
		TextOnly: evaluation.Measure(evaluation.TextOnly(e.answered)),
	}, nil
}

// extraction asks anew about what is not in English.
func (e *evaluator) extraction(ctx context.Context) (*evaluation.Extraction, error) {
	foreign := slices.DeleteFunc(slices.Clone(e.answered), func(r evaluation.Row) bool { return r.Language == "" || r.Language == "en" })
	defer func() { e.phrase = nil }()
	e.phrase = func(s inference.Statement) inference.Statement {
		s.English = ""
		return s
	}
	written, err := e.ask(ctx, foreign)
	if err != nil {
		return nil, err
	}
	e.phrase = func(s inference.Statement) inference.Statement {
		return inference.Statement{Text: s.English, Language: "en", Negated: s.Negated}
	}
	terms, err := e.ask(ctx, foreign)
	if err != nil {
		return nil, err
	}
	return evaluation.CompareExtraction(written, terms, foreign), nil
}

// grey is no path; it names the picture that shows nothing.
const grey = "\x00"

func greyPicture() image.Image {
	img := image.NewGray(image.Rect(0, 0, 384, 384))
	for i := range img.Pix {
		img.Pix[i] = 128
	}
	return img
}

// ask answers the rows anew.
func (e *evaluator) ask(ctx context.Context, rows []evaluation.Row) ([]evaluation.Row, error) {
	answered := slices.Clone(rows)
	for i := range answered {
		if err := e.answer(ctx, &answered[i]); err != nil {
			return nil, fmt.Errorf("row %d: %w", i+1, err)
		}
	}
	return answered, nil
}

// answer combines the verdicts of a row's statements: all must hold.
func (e *evaluator) answer(ctx context.Context, row *evaluation.Row) error {
	picture, err := e.encode(ctx, row)
	if err != nil {
		return err
	}
	questions := e.questions(row)
	row.Answer = evaluation.Answer{Verdict: evaluation.NotJudged}
	if len(questions) == 0 || slices.ContainsFunc(questions, func(s inference.Statement) bool { return s.Text == "" }) {
		return nil
	}
	start := time.Now()
	scores, err := e.model.Score(ctx, []*inference.Encoded{picture.Of(row.Modality)}, questions)
	if err != nil {
		return err
	}
	row.Answer = together(scores[0])
	row.Answer.Took = time.Since(start)
	return nil
}

// questions are what a node would ask about the row's statement, whose language it notes.
func (e *evaluator) questions(row *evaluation.Row) (all []inference.Statement) {
	text := report.Read([]report.Block{{Section: "findings", Text: row.Statement}})
	if row.Language == "" {
		row.Language = text.Language
	}
	for i := range text.Statements {
		s := &text.Statements[i]
		if !s.Judge && s.Skip != report.SkipTechnique {
			continue
		}
		question := node.Question(s)
		if e.phrase != nil {
			question = e.phrase(question)
		}
		all = append(all, question)
	}
	return all
}

// together is the answer to a conjunction: that of the statement which weighs heaviest against it.
func together(scores []inference.Score) evaluation.Answer {
	rank := []string{inference.Yes, inference.NotJudged, inference.Maybe, inference.No}
	worst := slices.MaxFunc(scores, func(a, b inference.Score) int {
		if d := slices.Index(rank, a.Label) - slices.Index(rank, b.Label); d != 0 {
			return d
		}
		return int(1e6 * (b.Probabilities[1] - a.Probabilities[1]))
	})
	return evaluation.Answer{Verdict: worst.Label, Probabilities: worst.Probabilities, Held: worst.Held}
}

func (e *evaluator) encode(ctx context.Context, row *evaluation.Row) (*inference.Encoded, error) {
	if done, ok := e.pictures[row.Picture]; ok {
		return done, nil
	}
	img, modality, err := openPicture(row.Picture)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", row.Picture, err)
	}
	if row.Modality == "" {
		row.Modality = modality
	}
	encoded, err := e.model.EncodeImage(ctx, img)
	e.pictures[row.Picture] = encoded
	return encoded, err
}

// openPicture reads a PNG, a JPEG or the first frame of a DICOM object, whose modality it knows.
func openPicture(path string) (img image.Image, modality string, err error) {
	f, err := openFile(path)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	if img, _, err := image.Decode(node.NewReader(f)); err == nil {
		return img, "", nil
	}
	o, err := dicom.Scan(f, f.Size())
	if err != nil {
		return nil, "", fmt.Errorf("neither PNG, JPEG nor DICOM: %w", err)
	}
	source, err := pixel.Open(f, f.Size(), o)
	if err != nil {
		return nil, "", err
	}
	img, err = source.Frame(1, pixel.Window{})
	return img, o.String(dicom.Modality), err
}

// writeCalibration writes what was fitted as the file that model.calibration names.
func writeCalibration(w io.Writer, model *inference.Model, f *evaluation.Fitted, falseAlerts float64) error {
	absolute := func(modality string, c evaluation.Calibration) inference.Calibration {
		return inference.Calibration{
			Temperature: c.Temperature * model.CalibrationOf(modality).Temperature,
			Thresholds:  map[string]float64{inference.Yes: c.Yes, inference.No: c.No},
		}
	}
	file := inference.CalibrationFile{Schema: inference.CalibrationSchema, Pack: model.Name(), Calibration: absolute("", f.All),
		Fitted: map[string]any{
			"date": time.Now().Format(time.DateOnly), "pairs": f.Before.Rows, "false_alerts_allowed_in_100_reports": falseAlerts,
			"false_alerts_on_other_pictures": f.Alerts.Value, "calibration_error_before": f.Before.ECE, "calibration_error_after": f.After.ECE,
		}}
	for _, modality := range slices.Sorted(maps.Keys(f.Modalities)) {
		if file.Modalities == nil {
			file.Modalities = map[string]inference.Calibration{}
		}
		file.Modalities[modality] = absolute(modality, f.Modalities[modality])
	}
	text, err := yaml.Marshal(file)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}
