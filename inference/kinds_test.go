package inference

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A noting engine opens packs of testdata/kinds with graphs in Go: all pictures are alike, and answer says what the
// other graph gives. It notes the inputs of each run of that; there is one run at a time.
type noting struct {
	runs   []map[string]Tensor
	vision Tensor
	answer func(in map[string]Tensor) map[string]Tensor
}

func (n *noting) Provider() string { return "noting" }
func (n *noting) Runs() int        { return 1 }
func (n *noting) Close() error     { return nil }

func (n *noting) Load(_ context.Context, file File) (Graph, error) {
	return notingGraph{n, file.Name == "vision.onnx"}, nil
}

type notingGraph struct {
	*noting
	sees bool
}

func (g notingGraph) Run(_ context.Context, in map[string]Tensor) (map[string]Tensor, error) {
	if g.sees {
		t := g.vision
		t.Floats = slices.Clone(t.Floats)
		return map[string]Tensor{"image_tokens": t}, nil
	}
	g.runs = append(g.runs, in)
	return g.answer(in), nil
}

// ask opens a pack and judges sentences about one picture.
func (n *noting) ask(t *testing.T, pack string, sentences ...string) ([]Score, error) {
	t.Helper()
	m, err := Open(context.Background(), Dir(filepath.Join(kindsData, pack)), n)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	picture, err := m.EncodeImage(context.Background(), flatPicture(9))
	if err != nil {
		return nil, err
	}
	var statements []Statement
	for _, s := range sentences {
		statements = append(statements, Statement{Text: s, Language: "en"})
	}
	scores, err := m.Score(context.Background(), []*Encoded{picture}, statements)
	if err != nil {
		return nil, err
	}
	return scores[0], nil
}

func floats(shape []int64, values ...float32) Tensor { return Tensor{Shape: shape, Floats: values} }

// The cosine of (3, 4) and (1, 0) is 0.6: at scale 8 and bias −1.5 the logit is 3.3. Two equal statements are one row of
// the text graph.
func TestContrastiveIsTheCosine(t *testing.T) {
	n := &noting{vision: floats([]int64{1, 2}, 3, 4), answer: func(in map[string]Tensor) map[string]Tensor {
		texts := in["input_ids"].Shape[0]
		return map[string]Tensor{"text_embedding": floats([]int64{texts, 2}, slices.Repeat([]float32{7, 0}, int(texts))...)}
	}}
	scores, err := n.ask(t, "clip", "lung", "pneumonia", "lung")
	if err != nil {
		t.Fatal(err)
	}
	want := 1 / (1 + math.Exp(-3.3))
	for _, s := range scores {
		if s.Label != Yes || math.Abs(s.Confidence-want) > 1e-6 || s.Probabilities[0] != 0 || math.Abs(s.Probabilities[1]+s.Probabilities[2]-1) > 1e-12 {
			t.Errorf("%+v; want %v", s, want)
		}
	}
	if ids := n.runs[0]["input_ids"]; len(n.runs) != 1 || !slices.Equal(ids.Shape, []int64{2, 32}) || ids.Ints[31] != 586 {
		t.Errorf("%d runs; ids %+v", len(n.runs), ids)
	}
}

// A statement's mask ends where its padding begins.
func TestContrastiveMask(t *testing.T) {
	n := &noting{vision: floats([]int64{1, 1, 1}, 1), answer: func(in map[string]Tensor) map[string]Tensor {
		return map[string]Tensor{"text_embedding": floats([]int64{2, 1}, 1, 1)}
	}}
	if _, err := n.ask(t, "bert", "left lung", "lung"); err != nil {
		t.Fatal(err)
	}
	ids, mask := n.runs[0]["input_ids"], n.runs[0]["attention_mask"]
	if !slices.Equal(ids.Ints, []int64{2, 4, 5, 6, 9, 11, 3, 2, 4, 5, 6, 11, 3, 0}) || !slices.Equal(mask.Shape, ids.Shape) ||
		!slices.Equal(mask.Ints, []int64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0}) {
		t.Errorf("ids %v, mask %v", ids, mask)
	}
}

func TestKindsRefuseWhatGraphsGive(t *testing.T) {
	nan := float32(math.NaN())
	embedding := func(t Tensor) func(map[string]Tensor) map[string]Tensor {
		return func(map[string]Tensor) map[string]Tensor { return map[string]Tensor{"text_embedding": t} }
	}
	logits := func(t Tensor) func(map[string]Tensor) map[string]Tensor {
		return func(map[string]Tensor) map[string]Tensor { return map[string]Tensor{"next_logits": t} }
	}
	plane := floats([]int64{1, 2}, 3, 4)
	tokens := floats([]int64{1, 1, 2}, 3, 4)
	for name, c := range map[string]struct {
		pack string
		noting
		want string
	}{
		"a picture without direction":  {"clip", noting{vision: floats([]int64{1, 2}, 0, 0)}, "no direction"},
		"two pictures":                 {"clip", noting{vision: floats([]int64{2, 2}, 1, 1, 1, 1)}, "image_tokens has shape [2 1 2]"},
		"a statement without one":      {"clip", noting{vision: plane, answer: embedding(floats([]int64{1, 2}, 0, 0))}, "no direction"},
		"NaN":                          {"clip", noting{vision: plane, answer: embedding(floats([]int64{1, 2}, nan, 0))}, "no direction"},
		"NaN of unit embeddings":       {"bert", noting{vision: tokens, answer: embedding(floats([]int64{1, 2}, nan, 0))}, "NaN"},
		"another width":                {"clip", noting{vision: plane, answer: embedding(floats([]int64{1, 3}, 1, 0, 0))}, "text_embedding has shape [1 3]"},
		"nothing":                      {"clip", noting{vision: plane, answer: embedding(Tensor{})}, "text_embedding"},
		"flat tokens for a decoder":    {"choice", noting{vision: plane}, "image_tokens has shape [1 2]"},
		"a run for one node of two":    {"choice", noting{vision: tokens, answer: logits(floats([]int64{1, 400}, make([]float32, 400)...))}, "next_logits has shape [1 400]"},
		"a vocabulary without answers": {"choice", noting{vision: tokens, answer: logits(floats([]int64{2, 200}, make([]float32, 400)...))}, "an answer has the id 292"},
		"NaN logits":                   {"choice", noting{vision: tokens, answer: logits(floats([]int64{2, 300}, slices.Repeat([]float32{nan}, 600)...))}, "NaN"},
	} {
		if _, err := c.ask(t, c.pack, "lung"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v; want %q in it", name, err, c.want)
		}
	}
}

// Answers [290 2], [290 291 2] and [292 2] part at the start and after 290. What is not among the children there, here 7,
// takes no part, and the ids of one child cost nothing.
func TestGenerativeChoiceIsTheProductAlongTheTrie(t *testing.T) {
	n := &noting{vision: floats([]int64{1, 1, 1}, 1), answer: func(in map[string]Tensor) map[string]Tensor {
		rows := in["decoder_ids"].Shape[0]
		next := floats([]int64{rows, 300}, make([]float32, 300*rows)...)
		for i := range rows {
			row := next.Floats[300*i:][:300]
			row[7] = 50
			if i%2 == 0 { // the start: 290 is three times as likely as 292
				row[290] = float32(math.Log(3))
			} else { // after 290: 2 is four times as likely as 291
				row[2] = float32(math.Log(4))
			}
		}
		return map[string]Tensor{"next_logits": next}
	}}
	scores, err := n.ask(t, "choice", "lung", "left lung")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scores {
		for i, want := range []float64{0.75 * 0.8, 0.75 * 0.2, 0.25} {
			if math.Abs(s.Probabilities[i]-want) > 1e-6 || s.Label != No {
				t.Errorf("%+v; want %v in place %d", s, want, i)
			}
		}
	}
	if len(n.runs) != 1 {
		t.Fatalf("%d runs; want all nodes of all rows in one", len(n.runs))
	}
	ids, decoder := n.runs[0]["input_ids"], n.runs[0]["decoder_ids"]
	if ids.Shape[0] != 4 || decoder.Shape[1] != ids.Shape[1] || !slices.Equal(n.runs[0]["image_index"].Ints, []int64{0, 0, 0, 0}) {
		t.Errorf("inputs %+v", n.runs[0])
	}
	first, width := ids.Ints[:ids.Shape[1]], int(decoder.Shape[1])
	length := slices.Index(first, 2) // prev_output: all but the last
	wantStart := append(slices.Clone(first[:length]), slices.Repeat([]int64{1}, width-length)...)
	wantAfter := slices.Clone(wantStart)
	wantAfter[length] = 290
	if got := decoder.Ints; !slices.Equal(got[:width], wantStart) || !slices.Equal(got[width:2*width], wantAfter) {
		t.Errorf("decoder ids %v; want %v and %v first", got, wantStart, wantAfter)
	}
}

func TestTrie(t *testing.T) {
	for _, c := range []struct {
		answers [][]int64
		nodes   int
	}{
		{[][]int64{{1}, {2}, {3}}, 1},
		{[][]int64{{9, 1}, {9, 2}, {9, 3}}, 1},
		{[][]int64{{9, 1, 4}, {9, 1, 5}, {9, 3}}, 2},
		{[][]int64{{9, 9, 9, 1}, {9, 9, 9, 2}, {8}}, 2},
	} {
		trie, err := newTrie(c.answers)
		if err != nil || len(trie.nodes) != c.nodes {
			t.Errorf("%v: %+v, %v; want %d nodes", c.answers, trie, err, c.nodes)
			continue
		}
		sum := 0.0
		for _, p := range trie.score(func(node int) []float32 { return []float32{0, 1, -2, 3, 500, 499, 0, 0, 2, 2.5} }) {
			sum += math.Exp(float64(p))
		}
		if math.Abs(sum-1) > 1e-6 {
			t.Errorf("%v: the probabilities add up to %v", c.answers, sum)
		}
	}
	for _, answers := range [][][]int64{{{1}, {1, 2}, {3}}, {{1, 2}, {1}, {3}}, {{1}, {1}, {2}}} {
		if _, err := newTrie(answers); err == nil {
			t.Errorf("%v: accepted", answers)
		}
	}
}
