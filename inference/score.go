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
	Held          bool       // agreeing would say more than the pack can see: maybe, however sure it is
	Reason        string     // in the statement's language
}

// An Encoded picture is what the vision graph made of it; it fits only the Model that made it.
type Encoded struct {
	model    *Model
	tokens   *Tensor // [1, N, d], as the scorer takes them
	w, h     int     // of the prepared picture; a batch is of one size
	modality string
}

// Of is the picture as one of a modality (DICOM 0008,0060), which may have a calibration of its own.
func (e *Encoded) Of(modality string) *Encoded {
	of := *e
	of.modality = modality
	return &of
}

// prepared is a picture as the vision graph takes it.
type prepared struct {
	raster
	key pictureKey
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
	s := m.begin(false)
	defer s.End()
	return s.EncodeImage(ctx, img)
}

// EncodeImage runs the vision graph on one picture, unless it did so lately.
func (s *Session) EncodeImage(ctx context.Context, img image.Image) (*Encoded, error) {
	r, err := s.Model.manifest.Image.prepare(img)
	if err != nil {
		return nil, err
	}
	p := prepared{r, keyOf(r)}
	if known := s.Model.cache.get(p.key); known != nil {
		return known, nil
	}
	var encoded *Encoded
	err = s.Model.submit(ctx, s.urgent, []task{{picture: &p}}, func(o outcome) { encoded = o.encoded })
	return encoded, err
}

// encode runs the vision graph, unless another request for the same picture was faster.
func (m *Model) encode(ctx context.Context, p *prepared) (*Encoded, error) {
	if known := m.cache.get(p.key); known != nil {
		return known, nil
	}
	m.queue.pictures.Add(1)
	outputs, err := m.vision.Run(ctx, map[string]Tensor{"pixel_values": m.manifest.Image.pixels(p.raster)})
	if err != nil {
		return nil, fmt.Errorf("inference: pack %s: vision: %w", m.manifest.Name, err)
	}
	tokens := outputs["image_tokens"]
	if !finite(tokens.Floats) {
		return nil, fmt.Errorf("inference: pack %s: the vision graph gave NaN or infinite values", m.manifest.Name)
	}
	if tokens, err = m.scorer.take(tokens); err != nil {
		return nil, fmt.Errorf("inference: pack %s: vision: %w", m.manifest.Name, err)
	}
	encoded := &Encoded{model: m, tokens: &tokens, w: p.w, h: p.h}
	m.cache.put(p.key, encoded)
	return encoded, nil
}

// Score judges every statement against every picture: the result is [picture][statement].
func (m *Model) Score(ctx context.Context, images []*Encoded, statements []Statement) ([][]Score, error) {
	s := m.begin(false)
	defer s.End()
	return s.Score(ctx, images, statements)
}

// Score judges every statement against every picture: the result is [picture][statement]. Where ctx ends
// before all are judged, what is judged comes with ctx's error; the label of the others is empty.
func (s *Session) Score(ctx context.Context, images []*Encoded, statements []Statement) ([][]Score, error) {
	scores := make([][]Score, len(images))
	for i, encoded := range images {
		if encoded == nil || encoded.model != s.Model {
			return nil, errors.New("inference: an encoded picture of another pack: encode it again")
		}
		scores[i] = make([]Score, len(statements))
	}
	var rows []row
	for j, statement := range statements { // all pictures of the first statement come first
		p := s.Model.text.prompt(statement)
		for i, encoded := range images {
			if p.refusal != "" {
				scores[i][j] = Score{Label: NotJudged, Reason: p.refusal}
				continue
			}
			rows = append(rows, row{encoded, p, &scores[i][j]})
		}
	}
	if err := s.run(ctx, rows); err != nil {
		return scores, err
	}
	if err := s.explain(ctx, rows); err != nil && ctx.Err() == nil {
		return scores, err
	}
	return scores, nil
}

// explain says of each undecided statement with several parts which of them the picture leaves undecided.
func (s *Session) explain(ctx context.Context, rows []row) error {
	var alone []row
	for _, r := range rows {
		if r.score.Label == Maybe && r.score.Reason == r.prompt.say.unknown {
			for _, p := range r.prompt.parts {
				alone = append(alone, row{r.image, prompt{ids: p.ids, say: r.prompt.say}, new(Score)})
			}
		}
	}
	if err := s.run(ctx, alone); err != nil {
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

// run scores the rows.
func (s *Session) run(ctx context.Context, rows []row) error {
	tasks := make([]task, len(rows))
	for i, r := range rows {
		tasks[i].row = r
	}
	return s.Model.submit(ctx, s.urgent, tasks, func(o outcome) {
		r := rows[o.number]
		calibration := s.Model.calibration.of(r.image.modality)
		*r.score = verdict(s.Model.probabilities(o.logits, calibration.Temperature), calibration.Thresholds, r.prompt)
	})
}

// probabilities is the tempered softmax of one row, put into the order no, yes, maybe. A label that the pack does not
// have gets 0.
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
func verdict(p [3]float64, thresholds map[string]float64, from prompt) Score {
	if from.negated {
		p[0], p[1] = p[1], p[0]
	}
	best := slices.Index(p[:], slices.Max(p[:]))
	score := Score{Label: [3]string{No, Yes, Maybe}[best], Confidence: p[best], Probabilities: p, Reason: from.reason}
	score.Held = from.open != "" && score.Label != Maybe && (score.Label == No) == from.negated // only what contradicts is certain
	switch {
	case score.Label == Maybe:
		score.Reason = from.say.unknown
	case p[best] < thresholds[score.Label]:
		score.Label = Maybe
		score.Reason = fmt.Sprintf(from.say.unsure, 100*p[best], 100*thresholds[[3]string{No, Yes}[best]])
	case score.Held:
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
