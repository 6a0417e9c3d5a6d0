package inference

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

const generativeChoiceKind = "generative_choice"

// An Answer is what a decoder may say for one label: ids, or a text that the pack's tokenizer turns into such.
type Answer struct {
	IDs  []int64
	Text string
}

// UnmarshalYAML reads a list of ids or a text.
func (a *Answer) UnmarshalYAML(unmarshal func(any) error) error {
	if unmarshal(&a.IDs) == nil {
		return nil
	}
	return unmarshal(&a.Text)
}

// maxAnswer bounds the ids of an answer.
const maxAnswer = 64

func (m Manifest) checkAnswers() error {
	if !slices.Equal(slices.Sorted(maps.Keys(m.Answers)), kinds[m.Kind].labels) {
		return errors.New("answers must be given for yes, no and maybe, and for nothing else")
	}
	if m.Text.DecoderPrompt == "" {
		return errors.New("text.decoder_prompt must be given: prev_output or none")
	}
	return nil
}

// A generativeChoice asks a decoder how likely each of the answers is.
type generativeChoice struct {
	tokenTaker
	Graph
	manifest Manifest
	answers  trie
}

func loadGenerativeChoice(ctx context.Context, m *Model, engine Engine) (scorer, error) {
	answers, err := m.readAnswers()
	if err != nil {
		return nil, fmt.Errorf("inference: pack %s: %w", m.manifest.Name, err)
	}
	graph, err := m.loadGraph(ctx, engine, File{
		Name:    m.manifest.Graphs.Decoder,
		Inputs:  append(slices.Clone(pairInputs), Spec{Name: "decoder_ids", Ints: true, Shape: []int64{-1, -1}}),
		Outputs: []Spec{{Name: nextLogits, Shape: []int64{-1, -1}}},
	})
	return &generativeChoice{Graph: graph, manifest: m.manifest, answers: answers}, err
}

const nextLogits = "next_logits"

// readAnswers encodes the answers, those in the order of the labels.
func (m *Model) readAnswers() (trie, error) {
	var answers [][]int64
	for _, label := range m.manifest.Labels {
		answer := m.manifest.Answers[label]
		if p, ok := m.text.(*prompts); ok && answer.Text != "" && len(answer.Text) <= maxSentence {
			answer.IDs = p.encode(answer.Text)
		}
		if len(answer.IDs) == 0 || len(answer.IDs) > maxAnswer || slices.Min(answer.IDs) < 0 {
			return trie{}, fmt.Errorf("answers.%s has %d ids; want 1 to %d, none of them negative", label, len(answer.IDs), maxAnswer)
		}
		if slices.Contains(answer.IDs, m.manifest.Text.Pad) {
			return trie{}, fmt.Errorf("answers.%s holds the id of text.pad, which the decoder does not see", label)
		}
		answers = append(answers, answer.IDs)
	}
	return newTrie(answers)
}

// logits are the logarithms of the answers' probabilities: all inner nodes of all rows go in one run.
func (g *generativeChoice) logits(ctx context.Context, rows []row) ([][]float32, error) {
	var ids, decoder [][]int64
	var each []row
	for _, r := range rows {
		begin := r.prompt.ids[:1]
		if g.manifest.Text.DecoderPrompt == "prev_output" {
			begin = r.prompt.ids[:len(r.prompt.ids)-1]
		}
		for _, n := range g.answers.nodes {
			each = append(each, r)
			ids = append(ids, r.prompt.ids)
			decoder = append(decoder, slices.Concat(begin, n.path))
		}
	}
	tokens, index := pictures(each)
	text := g.manifest.Text
	outputs, err := g.Run(ctx, map[string]Tensor{"image_tokens": tokens, "image_index": {Shape: []int64{int64(len(each))}, Ints: index},
		"input_ids": padded(ids, text.Pad, text.PadTo), "decoder_ids": padded(decoder, text.Pad, 0)})
	if err != nil {
		return nil, err
	}
	next := outputs[nextLogits]
	if err := next.Check(Spec{Name: nextLogits, Shape: []int64{int64(len(each)), -1}}); err != nil {
		return nil, err
	}
	words, nodes := int(next.Shape[1]), len(g.answers.nodes)
	if g.answers.largest >= int64(words) {
		return nil, fmt.Errorf("%s has %d words; an answer has the id %d", nextLogits, words, g.answers.largest)
	}
	split := make([][]float32, len(rows))
	for i := range split {
		split[i] = g.answers.score(func(node int) []float32 { return next.Floats[(i*nodes+node)*words:][:words] })
	}
	return split, nil
}

// A trie holds answers by their ids.
type trie struct {
	nodes   []node   // those with several children: nothing is to be chosen at the others
	steps   [][]step // of each answer, through nodes
	largest int64    // id
}

// A node is a place where answers part.
type node struct {
	path     []int64
	children []int64
}

// A step is the child of a node.
type step struct{ node, child int }

// newTrie refuses answers of which one begins with all of another: nothing would tell when that one is at its end.
func newTrie(answers [][]int64) (trie, error) {
	t := trie{steps: make([][]step, len(answers))}
	for i, answer := range answers {
		t.largest = max(t.largest, slices.Max(answer))
		for j, other := range answers {
			if i != j && len(other) >= len(answer) && slices.Equal(other[:len(answer)], answer) {
				return t, errors.New("answers: one begins with all of another, or they are equal: end them with an id like that of </s>")
			}
		}
		for length := range answer {
			if n := t.at(answers, answer[:length]); n >= 0 {
				t.steps[i] = append(t.steps[i], step{n, slices.Index(t.nodes[n].children, answer[length])})
			}
		}
	}
	return t, nil
}

// at finds or makes the node at a path; -1: there is only one way on.
func (t *trie) at(answers [][]int64, path []int64) int {
	if i := slices.IndexFunc(t.nodes, func(n node) bool { return slices.Equal(n.path, path) }); i >= 0 {
		return i
	}
	n := node{path: path}
	for _, answer := range answers {
		if len(answer) > len(path) && slices.Equal(answer[:len(path)], path) && !slices.Contains(n.children, answer[len(path)]) {
			n.children = append(n.children, answer[len(path)])
		}
	}
	if len(n.children) < 2 {
		return -1
	}
	t.nodes = append(t.nodes, n)
	return len(t.nodes) - 1
}

// score is the logarithm of each answer's probability: that of the product of its steps', each the softmax over the
// children of its node.
func (t trie) score(logits func(node int) []float32) []float32 {
	sums := make([]float64, len(t.nodes))
	for i, n := range t.nodes {
		sums[i] = logSum(logits(i), n.children)
	}
	out := make([]float32, len(t.steps))
	for i, steps := range t.steps {
		sum := 0.0
		for _, s := range steps {
			sum += float64(logits(s.node)[t.nodes[s.node].children[s.child]]) - sums[s.node]
		}
		out[i] = float32(sum)
	}
	return out
}

// logSum is the logarithm of the sum of the exponentials of some logits.
func logSum(logits []float32, of []int64) float64 {
	highest, sum := math.Inf(-1), 0.0
	for _, id := range of {
		highest = max(highest, float64(logits[id]))
	}
	for _, id := range of {
		sum += math.Exp(float64(logits[id]) - highest)
	}
	return highest + math.Log(sum)
}
