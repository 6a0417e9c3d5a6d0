package inference

import "context"

const pairClassifierKind = "pair_classifier"

// A pairClassifier reads the tokens of a picture and the ids of a statement in one graph.
type pairClassifier struct {
	tokenTaker
	Graph
	manifest Manifest
}

func loadPairClassifier(ctx context.Context, m *Model, engine Engine) (scorer, error) {
	graph, err := m.loadGraph(ctx, engine, File{
		Name:    m.manifest.Graphs.Score,
		Inputs:  pairInputs,
		Outputs: []Spec{{Name: "logits", Shape: []int64{-1, int64(len(m.manifest.Labels))}}},
	})
	return &pairClassifier{Graph: graph, manifest: m.manifest}, err
}

// pairInputs are pictures, the number of each row's picture, and the ids of its statement.
var pairInputs = []Spec{imageTokens, {Name: "image_index", Ints: true, Shape: []int64{-1}}, {Name: "input_ids", Ints: true, Shape: []int64{-1, -1}}}

// logits runs the score graph.
func (c *pairClassifier) logits(ctx context.Context, rows []row) ([][]float32, error) {
	tokens, index := pictures(rows)
	ids := make([][]int64, len(rows))
	for i, r := range rows {
		ids[i] = r.prompt.ids
	}
	outputs, err := c.Run(ctx, map[string]Tensor{"image_tokens": tokens, "image_index": {Shape: []int64{int64(len(rows))}, Ints: index},
		"input_ids": padded(ids, c.manifest.Text.Pad, c.manifest.Text.PadTo)})
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
