package inference

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

const contrastiveKind = "contrastive"

// SimilaritySpec says how the cosine of a picture's embedding and a statement's becomes the logit of yes, whose
// probability is its sigmoid.
type SimilaritySpec struct {
	Scale float64 `yaml:"scale"` // logit = cosine × Scale + Bias
	Bias  float64 `yaml:"bias"`
	// Normalised: both graphs give embeddings of length 1.
	Normalised bool `yaml:"normalised"`
}

func (s *SimilaritySpec) check() error {
	if s == nil || !(s.Scale > 0) || math.IsInf(s.Scale, 0) || math.IsNaN(s.Bias) || math.IsInf(s.Bias, 0) {
		return errors.New("similarity: a contrastive pack needs a scale above 0, and a bias that is a number")
	}
	return nil
}

// imageEmbedding is what the vision graph of a contrastive pack makes: [B, 1, d] or [B, d].
var imageEmbedding = Spec{Name: imageTokens.Name}

// A contrastive pack puts pictures and statements into one space, each with a graph of its own. How near they are can
// only support a statement: such packs have no label no.
type contrastive struct {
	Graph
	manifest Manifest
}

func loadContrastive(ctx context.Context, m *Model, engine Engine) (scorer, error) {
	file := File{
		Name:    m.manifest.Graphs.Text,
		Inputs:  []Spec{{Name: "input_ids", Ints: true, Shape: []int64{-1, -1}}},
		Outputs: []Spec{{Name: textEmbedding, Shape: []int64{-1, -1}}},
	}
	if m.manifest.Text.Mask {
		file.Inputs = append(file.Inputs, Spec{Name: "attention_mask", Ints: true, Shape: []int64{-1, -1}})
	}
	graph, err := m.loadGraph(ctx, engine, file)
	return &contrastive{graph, m.manifest}, err
}

const textEmbedding = "text_embedding"

// take makes one token of length 1 of a picture's embedding.
func (c *contrastive) take(embedding Tensor) (Tensor, error) {
	if len(embedding.Shape) == 2 {
		embedding.Shape = []int64{embedding.Shape[0], 1, embedding.Shape[1]}
	}
	if err := embedding.Check(Spec{Name: imageTokens.Name, Shape: []int64{1, 1, -1}}); err != nil {
		return embedding, err
	}
	return embedding, c.normalise(embedding.Floats)
}

// normalise brings an embedding to the length 1, unless the graph did.
func (c *contrastive) normalise(embedding []float32) error {
	if c.manifest.Similarity.Normalised {
		return nil
	}
	length := math.Sqrt(dot(embedding, embedding))
	if !(length > 0) || math.IsInf(length, 0) {
		return fmt.Errorf("an embedding has the length %v: it has no direction", length)
	}
	for i, v := range embedding {
		embedding[i] = float32(float64(v) / length)
	}
	return nil
}

func dot(a, b []float32) (sum float64) {
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}

// logits compares each row's picture with its statement. Equal statements go through the text graph once.
func (c *contrastive) logits(ctx context.Context, rows []row) ([][]float32, error) {
	var ids [][]int64
	of := make([]int, len(rows)) // each row's statement among ids
	for i, r := range rows {
		of[i] = slices.IndexFunc(ids, func(known []int64) bool { return slices.Equal(known, r.prompt.ids) })
		if of[i] < 0 {
			of[i] = len(ids)
			ids = append(ids, r.prompt.ids)
		}
	}
	width := rows[0].image.tokens.Shape[2]
	embeddings, err := c.embed(ctx, ids, width)
	if err != nil {
		return nil, err
	}
	similarity := c.manifest.Similarity
	logits := make([][]float32, len(rows))
	for i, r := range rows {
		yes := float32(dot(r.image.tokens.Floats, embeddings[of[i]])*similarity.Scale + similarity.Bias)
		for _, label := range c.manifest.Labels { // the sigmoid is the softmax of yes against 0
			logits[i] = append(logits[i], map[string]float32{Yes: yes, Maybe: 0}[label])
		}
	}
	return logits, nil
}

// embed runs the text graph: an embedding of the given width for each list of ids.
func (c *contrastive) embed(ctx context.Context, ids [][]int64, width int64) ([][]float32, error) {
	text := c.manifest.Text
	inputs := map[string]Tensor{"input_ids": padded(ids, text.Pad, text.PadTo)}
	if text.Mask {
		inputs["attention_mask"] = mask(ids, inputs["input_ids"].Shape)
	}
	outputs, err := c.Run(ctx, inputs)
	if err != nil {
		return nil, err
	}
	all := outputs[textEmbedding]
	if err := all.Check(Spec{Name: textEmbedding, Shape: []int64{int64(len(ids)), width}}); err != nil {
		return nil, err
	}
	embeddings := make([][]float32, len(ids))
	for i := range embeddings {
		embeddings[i] = all.Floats[width*int64(i):][:width]
		if err := c.normalise(embeddings[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", textEmbedding, err)
		}
	}
	return embeddings, nil
}

// mask is 1 where ids are and 0 where they were padded.
func mask(ids [][]int64, shape []int64) Tensor {
	all := Tensor{Shape: shape, Ints: make([]int64, shape[0]*shape[1])}
	for i, list := range ids {
		for j := range list {
			all.Ints[int64(i)*shape[1]+int64(j)] = 1
		}
	}
	return all
}
