package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // pictures of pairs files
	_ "image/png"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"concord/dicom"
	"concord/dicom/pixel"
	"concord/inference"
	"concord/node"
	"concord/node/report"
)

type evalCommand struct {
	configFlags
	Pairs string `arg:"" help:"TSV with a header row: image, statement, label (yes, no), category (optional). Paths count from the file's folder." type:"existingfile"`
	Pack  string `help:"Model pack to measure: builtin or a folder. Default: the configured one."`
	JSON  bool   `help:"Print JSON."`
}

// pair is one row: does the picture support the statement?
type pair struct{ image, statement, label, category string }

// Run prints accuracy with the pictures and, as the control, with the pictures
// shuffled: what stays right then came from the text alone.
func (e evalCommand) Run(ctx context.Context) error {
	c, err := e.load()
	if err != nil {
		return err
	}
	if e.Pack != "" {
		c.Model.Pack = e.Pack
	}
	pairs, err := readPairs(e.Pairs)
	if err != nil {
		return err
	}
	model, _, err := openModel(ctx, c)
	if err != nil {
		return err
	}
	run := &evaluation{model: model, encoded: map[string]*inference.Encoded{}}
	measured, err := run.measure(ctx, pairs)
	if err != nil {
		return err
	}
	control, err := run.measure(ctx, shuffled(pairs))
	if err != nil {
		return err
	}
	result := evalResult{Pack: model.Name() + " " + model.Digest(), Pairs: len(pairs), Pictures: measured, Shuffled: control}
	if e.JSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(result)
	}
	result.print()
	return nil
}

func readPairs(path string) ([]pair, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows := csv.NewReader(f)
	rows.Comma, rows.LazyQuotes, rows.FieldsPerRecord = '\t', true, -1
	header, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	column := map[string]int{}
	for i, name := range header {
		column[strings.TrimSpace(name)] = i
	}
	for _, name := range []string{"image", "statement", "label"} {
		if _, ok := column[name]; !ok {
			return nil, fmt.Errorf("%s has no column %q; its header row must name image, statement and label", path, name)
		}
	}
	var pairs []pair
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return pairs, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		cell := func(name string) string {
			if i, ok := column[name]; ok && i < len(row) {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		image := cell("image")
		if !filepath.IsAbs(image) {
			image = filepath.Join(filepath.Dir(path), image)
		}
		pairs = append(pairs, pair{image, cell("statement"), strings.ToLower(cell("label")), cell("category")})
	}
}

// shuffled gives each pair the picture of another one, by a fixed seed.
func shuffled(pairs []pair) []pair {
	var images []string
	for _, p := range pairs {
		if !slices.Contains(images, p.image) {
			images = append(images, p.image)
		}
	}
	other := slices.Clone(images)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
	swap := map[string]string{}
	for i, image := range images {
		swap[image] = other[i]
	}
	out := slices.Clone(pairs)
	for i := range out {
		out[i].image = swap[out[i].image]
	}
	return out
}

// evaluation keeps the pictures it has encoded.
type evaluation struct {
	model   *inference.Model
	encoded map[string]*inference.Encoded
}

func (e *evaluation) measure(ctx context.Context, pairs []pair) (*evalFigures, error) {
	figures := newFigures()
	for _, p := range pairs {
		verdict, confidence, err := e.ask(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.image, err)
		}
		figures.add(p, verdict, confidence)
	}
	figures.finish()
	return figures, nil
}

// ask combines the verdicts of a row's statements: all must hold.
func (e *evaluation) ask(ctx context.Context, p pair) (node.Verdict, float64, error) {
	picture, err := e.encode(ctx, p.image)
	if err != nil {
		return "", 0, err
	}
	var questions []inference.Statement
	text := report.Read([]report.Block{{Section: "findings", Text: p.statement}})
	for i := range text.Statements {
		if text.Statements[i].Judge {
			questions = append(questions, node.Question(&text.Statements[i]))
		}
	}
	if len(questions) == 0 {
		return node.NotJudged, 0, nil
	}
	scores, err := e.model.Score(ctx, []*inference.Encoded{picture}, questions)
	if err != nil {
		return "", 0, err
	}
	verdict, confidence := node.Yes, 1.0
	rank := []node.Verdict{node.Yes, node.NotJudged, node.Maybe, node.No}
	for _, s := range scores[0] {
		if v := node.Verdict(s.Label); slices.Index(rank, v) > slices.Index(rank, verdict) {
			verdict, confidence = v, s.Confidence
		} else if v == verdict {
			confidence = min(confidence, s.Confidence)
		}
	}
	return verdict, confidence, nil
}

func (e *evaluation) encode(ctx context.Context, path string) (*inference.Encoded, error) {
	if done, ok := e.encoded[path]; ok {
		return done, nil
	}
	img, err := openPicture(path)
	if err != nil {
		return nil, err
	}
	encoded, err := e.model.EncodeImage(ctx, img)
	e.encoded[path] = encoded
	return encoded, err
}

// openPicture reads a PNG, a JPEG or the first frame of a DICOM object.
func openPicture(path string) (image.Image, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if img, _, err := image.Decode(node.NewReader(f)); err == nil {
		return img, nil
	}
	o, err := dicom.Scan(f, f.Size())
	if err != nil {
		return nil, fmt.Errorf("neither PNG, JPEG nor DICOM: %w", err)
	}
	source, err := pixel.Open(f, f.Size(), o)
	if err != nil {
		return nil, err
	}
	return source.Frame(1, pixel.Window{})
}
