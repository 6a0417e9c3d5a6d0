package inference

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"
	"strings"
)

// Labels of a verdict.
const (
	Yes       = "yes"
	No        = "no"
	Maybe     = "maybe"
	NotJudged = "not_judged"
)

// A Statement is one sentence of a report.
type Statement struct {
	Text     string
	English  string // the same in English where somebody translated it; else empty
	Language string // of Text, like "en" or "zh"
	Negated  bool   // the sentence denies what it names
	Premise  string // what is known beforehand, for packs that use it; else empty
}

// A Score is the verdict about one statement and one picture. NotJudged comes with the reason and no
// figures; the other labels with all of them.
type Score struct {
	Label         string
	Confidence    float64    // the largest probability
	Probabilities [3]float64 // no, yes, maybe
	Reason        string     // in the statement's language
}

// An Encoded picture is what the vision graph made of it; it fits only the Model that made it.
type Encoded struct {
	model  *Model
	tokens Tensor // [1, N, d]
	w, h   int    // of the prepared picture; a batch is of one size
}

// Picture is what the pack sees of a picture: cropped, windowed and resized as the manifest says, 8 bits.
func (m *Model) Picture(img image.Image) (image.Image, error) {
	prepared, err := m.manifest.Image.prepare(img)
	if err != nil {
		return nil, err
	}
	return prepared.image(), nil
}

// EncodeImage runs the vision graph on one picture, unless it did so lately.
func (m *Model) EncodeImage(ctx context.Context, img image.Image) (*Encoded, error) {
	prepared, err := m.manifest.Image.prepare(img)
	if err != nil {
		return nil, err
	}
	key := keyOf(prepared)
	if known := m.cache.get(key); known != nil {
		return known, nil
	}
	outputs, err := m.vision.Run(ctx, map[string]Tensor{"pixel_values": m.manifest.Image.pixels(prepared)})
	if err != nil {
		return nil, fmt.Errorf("inference: pack %s: vision: %w", m.manifest.Name, err)
	}
	tokens := outputs["image_tokens"]
	if err := tokens.check("image_tokens", 1, -1, -1); err != nil {
		return nil, err
	}
	if !finite(tokens.Floats) {
		return nil, fmt.Errorf("inference: pack %s: the vision graph gave NaN or infinite values", m.manifest.Name)
	}
	encoded := &Encoded{m, tokens, prepared.w, prepared.h}
	m.cache.put(key, encoded)
	return encoded, nil
}

// Score judges every statement against every picture: the result is [picture][statement].
func (m *Model) Score(ctx context.Context, images []*Encoded, statements []Statement) ([][]Score, error) {
	prompts := make([]prompt, len(statements))
	for i, s := range statements {
		prompts[i] = m.text.encode(s)
	}
	scores := make([][]Score, len(images))
	var rows []row
	for i, encoded := range images {
		if encoded == nil || encoded.model != m {
			return nil, errors.New("inference: an encoded picture of another pack: encode it again")
		}
		scores[i] = make([]Score, len(statements))
		for j, p := range prompts {
			if p.refusal != "" {
				scores[i][j] = Score{Label: NotJudged, Reason: p.refusal}
				continue
			}
			rows = append(rows, row{encoded, p, &scores[i][j]})
		}
	}
	if err := m.run(ctx, rows); err != nil {
		return nil, err
	}
	return scores, m.explain(ctx, rows)
}

// explain says of each undecided statement with several parts which of them the picture leaves undecided.
func (m *Model) explain(ctx context.Context, rows []row) error {
	var alone []row
	for _, r := range rows {
		if r.score.Label == Maybe && r.score.Reason == r.prompt.say.unknown {
			for _, p := range r.prompt.parts {
				alone = append(alone, row{r.image, prompt{ids: p.ids, say: r.prompt.say}, new(Score)})
			}
		}
	}
	if err := m.run(ctx, alone); err != nil {
		return err
	}
	for _, r := range rows {
		if r.score.Label != Maybe || r.score.Reason != r.prompt.say.unknown {
			continue
		}
		var open []string
		for i, p := range r.prompt.parts {
			if alone[i].score.Label == Maybe {
				open = append(open, p.name)
			}
		}
		alone = alone[len(r.prompt.parts):]
		if len(open) > 0 {
			r.score.Reason = fmt.Sprintf(r.prompt.say.undecided, strings.Join(open, r.prompt.say.comma))
		}
	}
	return nil
}

// A row is one picture with one statement, and where its score goes.
type row struct {
	image  *Encoded
	prompt prompt
	score  *Score
}

// batches cuts the rows where the size of the pictures changes and after Graphs.Rows.
func (m *Model) batches(rows []row) [][]row {
	var all [][]row
	start := 0
	for i := range rows {
		a, b := rows[start].image, rows[i].image
		if i-start == m.manifest.Graphs.Rows || a.w != b.w || a.h != b.h || !slices.Equal(a.tokens.Shape, b.tokens.Shape) {
			all = append(all, rows[start:i])
			start = i
		}
	}
	if start < len(rows) {
		all = append(all, rows[start:])
	}
	return all
}

// run scores the rows, batch by batch.
func (m *Model) run(ctx context.Context, rows []row) error {
	for _, batch := range m.batches(rows) {
		logits, err := m.logits(ctx, batch)
		if err != nil {
			return err
		}
		for i, r := range batch {
			*r.score = m.verdict(m.probabilities(logits[3*i:][:3], m.manifest.Calibration.Temperature), r.prompt)
		}
	}
	return nil
}

// logits runs the score graph: three values a row, in the manifest's order.
func (m *Model) logits(ctx context.Context, rows []row) ([]float32, error) {
	outputs, err := m.score.Run(ctx, m.inputs(rows))
	if err != nil {
		return nil, fmt.Errorf("inference: pack %s: score: %w", m.manifest.Name, err)
	}
	logits := outputs["logits"]
	if err := logits.check("logits", int64(len(rows)), int64(len(m.manifest.Labels))); err != nil {
		return nil, err
	}
	if !finite(logits.Floats) {
		return nil, fmt.Errorf("inference: pack %s: the score graph gave NaN or infinite logits", m.manifest.Name)
	}
	return logits.Floats, nil
}

// inputs lays a batch out for the score graph; each picture goes in once.
func (m *Model) inputs(rows []row) map[string]Tensor {
	var images, index, ids Tensor
	longest := 0
	for _, r := range rows {
		longest = max(longest, len(r.prompt.ids))
	}
	number := map[*Encoded]int64{}
	for _, r := range rows {
		n, seen := number[r.image]
		if !seen {
			n = int64(len(number))
			number[r.image] = n
			images.Floats = append(images.Floats, r.image.tokens.Floats...)
		}
		index.Ints = append(index.Ints, n)
		ids.Ints = append(ids.Ints, r.prompt.ids...)
		for range longest - len(r.prompt.ids) {
			ids.Ints = append(ids.Ints, m.manifest.Text.Pad)
		}
	}
	shape := rows[0].image.tokens.Shape
	images.Shape = []int64{int64(len(number)), shape[1], shape[2]}
	index.Shape = []int64{int64(len(rows))}
	ids.Shape = []int64{int64(len(rows)), int64(longest)}
	return map[string]Tensor{"image_tokens": images, "image_index": index, "input_ids": ids}
}

// probabilities is the tempered softmax of one row, put into the order no, yes, maybe.
func (m *Model) probabilities(logits []float32, temperature float64) [3]float64 {
	var p [3]float64
	highest, sum := float64(slices.Max(logits)), 0.0
	for i, label := range m.manifest.Labels {
		e := math.Exp((float64(logits[i]) - highest) / temperature)
		p[slices.Index([]string{No, Yes, Maybe}, label)] = e
		sum += e
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// verdict applies the prompt's negation, the thresholds, and what the prompt leaves open.
func (m *Model) verdict(p [3]float64, from prompt) Score {
	if from.negated {
		p[0], p[1] = p[1], p[0]
	}
	best := slices.Index(p[:], slices.Max(p[:]))
	score := Score{Label: [3]string{No, Yes, Maybe}[best], Confidence: p[best], Probabilities: p, Reason: from.reason}
	switch {
	case score.Label == Maybe:
		score.Reason = from.say.unknown
	case p[best] < m.manifest.Calibration.Thresholds[score.Label]:
		score.Label = Maybe
		score.Reason = fmt.Sprintf(from.say.unsure, 100*p[best], 100*m.manifest.Calibration.Thresholds[[3]string{No, Yes}[best]])
	case from.open != "" && (score.Label == No) == from.negated: // only what contradicts the claim is certain
		score.Label = Maybe
		score.Reason = from.open
	}
	return score
}

func finite(values []float32) bool {
	for _, v := range values {
		if v-v != 0 { // NaN and infinities alone
			return false
		}
	}
	return true
}
