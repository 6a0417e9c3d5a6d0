package inference

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// A scorer is what differs between the kinds of packs: how pictures and statements become logits.
type scorer interface {
	// take checks what the vision graph made of one picture and gives it the form [1, N, d] that the rows hold.
	take(tokens Tensor) (Tensor, error)
	// logits are those of each row in the order of the manifest's labels. The rows of one call fit together (see
	// task.fits) and are GraphSpec.Rows at most.
	logits(ctx context.Context, rows []row) ([][]float32, error)
	Close() error
}

// A kind is how packs of one kind are read.
type kind struct {
	labels []string // sorted
	graph  string   // its field of GraphSpec, beside vision
	file   func(GraphSpec) string
	load   func(ctx context.Context, m *Model, engine Engine) (scorer, error)
}

var kinds = map[string]kind{
	pairClassifierKind:   {[]string{Maybe, No, Yes}, "score", func(g GraphSpec) string { return g.Score }, loadPairClassifier},
	contrastiveKind:      {[]string{Maybe, Yes}, "text", func(g GraphSpec) string { return g.Text }, loadContrastive},
	generativeChoiceKind: {[]string{Maybe, No, Yes}, "decoder", func(g GraphSpec) string { return g.Decoder }, loadGenerativeChoice},
}

// checkKind says what a manifest of its kind lacks, or has and must not.
func (m Manifest) checkKind() error {
	k, known := kinds[m.Kind]
	if !known {
		return fmt.Errorf("kind is %q; this build runs %v", m.Kind, slices.Sorted(maps.Keys(kinds)))
	}
	if !slices.Equal(slices.Sorted(slices.Values(m.Labels)), k.labels) {
		return fmt.Errorf("labels are %v; a pack of kind %s has %v, in the order of the logits", m.Labels, m.Kind, k.labels)
	}
	for name, other := range kinds {
		if has := other.file(m.Graphs) != ""; has != (name == m.Kind) {
			return fmt.Errorf("graphs: a pack of kind %s has vision and %s, and no other", m.Kind, k.graph)
		}
	}
	switch {
	case m.Kind != pairClassifierKind && m.Text.Tokenizer == "terms":
		return fmt.Errorf("text.tokenizer is terms, which is for kind %s only", pairClassifierKind)
	case m.Kind == contrastiveKind && m.Text.DecoderPrompt != "":
		return fmt.Errorf("text.decoder_prompt is not for kind %s: it has no decoder", contrastiveKind)
	case m.Kind != contrastiveKind && (m.Similarity != nil || m.Text.Mask):
		return fmt.Errorf("similarity and text.mask are for kind %s only", contrastiveKind)
	case m.Kind != generativeChoiceKind && m.Answers != nil:
		return fmt.Errorf("answers are for kind %s only", generativeChoiceKind)
	case m.Kind == contrastiveKind:
		return m.Similarity.check()
	case m.Kind == generativeChoiceKind:
		return m.checkAnswers()
	}
	return nil
}

// imageTokens is what the vision graph makes: [B, N, d].
var imageTokens = Spec{Name: "image_tokens", Shape: []int64{-1, -1, -1}}

// A tokenTaker takes image tokens as they are.
type tokenTaker struct{}

func (tokenTaker) take(tokens Tensor) (Tensor, error) {
	return tokens, tokens.Check(Spec{Name: imageTokens.Name, Shape: []int64{1, -1, -1}})
}
