package inference

import (
	"context"
	"errors"
)

// A scorer is what differs between the kinds of packs: how rows become logits, those of a row in the order of
// the manifest's labels. The rows of one call fit together (see task.fits) and are GraphSpec.Rows at most.
type scorer interface {
	logits(ctx context.Context, rows []row) ([][]float32, error)
	Close() error
}

// loadScorer loads the graphs of the manifest's kind.
func (m *Model) loadScorer(ctx context.Context, engine Engine) (scorer, error) {
	if m.manifest.Kind != pairClassifierKind {
		return nil, errors.New("inference: the manifest's check lets no such kind pass")
	}
	graph, err := m.loadGraph(ctx, engine, File{
		Name: m.manifest.Graphs.Score,
		Inputs: []Spec{imageTokens, {Name: "image_index", Ints: true, Shape: []int64{-1}},
			{Name: "input_ids", Ints: true, Shape: []int64{-1, -1}}},
		Outputs: []Spec{{Name: "logits", Shape: []int64{-1, int64(len(m.manifest.Labels))}}},
	})
	if err != nil {
		return nil, err
	}
	return &pairClassifier{graph, m.manifest}, nil
}

const pairClassifierKind = "pair_classifier"

// A pairClassifier reads the tokens of a picture and the ids of a statement in one graph.
type pairClassifier struct {
	Graph
	manifest Manifest
}

// logits runs the score graph.
func (c *pairClassifier) logits(ctx context.Context, rows []row) ([][]float32, error) {
	outputs, err := c.Run(ctx, c.inputs(rows))
	if err != nil {
		return nil, err
	}
	labels := len(c.manifest.Labels)
	logits := outputs["logits"]
	if err := logits.Check(Spec{Name: "logits", Shape: []int64{int64(len(rows)), int64(labels)}}); err != nil {
		return nil, err
	}
	split := make([][]float32, len(rows))
	for i := range split {
		split[i] = logits.Floats[labels*i:][:labels]
	}
	return split, nil
}

// inputs lays a batch out for the score graph; each picture goes in once.
func (c *pairClassifier) inputs(rows []row) map[string]Tensor {
	var index, ids Tensor
	var images []*Tensor
	longest := 0
	for _, r := range rows {
		longest = max(longest, len(r.prompt.ids))
	}
	number := map[*Tensor]int64{}
	for _, r := range rows {
		n, seen := number[r.image.tokens]
		if !seen {
			n = int64(len(images))
			number[r.image.tokens] = n
			images = append(images, r.image.tokens)
		}
		index.Ints = append(index.Ints, n)
		ids.Ints = append(ids.Ints, r.prompt.ids...)
		for range longest - len(r.prompt.ids) {
			ids.Ints = append(ids.Ints, c.manifest.Text.Pad)
		}
	}
	index.Shape = []int64{int64(len(rows))}
	ids.Shape = []int64{int64(len(rows)), int64(longest)}
	return map[string]Tensor{"image_tokens": stack(images), "image_index": index, "input_ids": ids}
}

// stack lays tensors [1, N, d] side by side as [M, N, d].
func stack(tensors []*Tensor) Tensor {
	if len(tensors) == 1 {
		return *tensors[0]
	}
	all := Tensor{Shape: []int64{int64(len(tensors)), tensors[0].Shape[1], tensors[0].Shape[2]}}
	all.Floats = make([]float32, 0, len(tensors)*len(tensors[0].Floats))
	for _, t := range tensors {
		all.Floats = append(all.Floats, t.Floats...)
	}
	return all
}
