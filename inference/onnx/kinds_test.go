package onnx

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"concord/inference"
)

// kindPack is a pack of testdata/kinds; graphs.py computed its goldens in PyTorch, tokens.py its ids. Edits are pairs of
// what stands in its manifest and what shall.
func kindPack(t *testing.T, name string, edits ...string) fstest.MapFS {
	t.Helper()
	pack := fstest.MapFS{}
	paths, err := filepath.Glob(filepath.Join("..", "testdata", "kinds", name, "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no pack %s: %v", name, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		pack[filepath.Base(path)] = &fstest.MapFile{Data: data}
	}
	for i := 0; i < len(edits); i += 2 {
		manifest := pack[inference.ManifestName]
		if !bytes.Contains(manifest.Data, []byte(edits[i])) {
			t.Fatalf("%q is not in the manifest of %s", edits[i], name)
		}
		manifest.Data = bytes.ReplaceAll(manifest.Data, []byte(edits[i]), []byte(edits[i+1]))
	}
	return pack
}

func openKind(t *testing.T, e inference.Engine, pack fstest.MapFS) *inference.Model {
	t.Helper()
	model, err := inference.Open(context.Background(), pack, e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := model.Close(); err != nil {
			t.Error(err)
		}
	})
	return model
}

func score(t *testing.T, m *inference.Model, levels []uint8, statements ...inference.Statement) [][]inference.Score {
	t.Helper()
	var images []*inference.Encoded
	for _, level := range levels {
		images = append(images, encode(t, m, level))
	}
	scores, err := m.Score(context.Background(), images, statements)
	if err != nil {
		t.Fatal(err)
	}
	return scores
}

func say(texts ...string) (statements []inference.Statement) {
	for _, text := range texts {
		statements = append(statements, inference.Statement{Text: text, Language: "en"})
	}
	return statements
}

func TestKindsReproducePyTorch(t *testing.T) {
	keeping := engine(t)
	keeping.place = &place{memory: "Cpu"}
	for _, name := range []string{"clip", "bert", "choice"} {
		for _, e := range []*Engine{engine(t), keeping} {
			m := openKind(t, e, kindPack(t, name))
			if err := m.Warm(context.Background()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			v, err := m.VerifyOwn(context.Background())
			if err != nil || !v.Reproduced() || v.Cases != 12 {
				t.Errorf("%s: %+v, %v", name, v, err)
			}
		}
	}
}

// A golden that is off is found.
func TestKindsVerifyFindsADifference(t *testing.T) {
	for name, edit := range map[string][2]string{"clip": {"bias: -1.5", "bias: -1.4"}, "bert": {"scale: 6", "scale: 6.1"}, "choice": {"[292, 2]", "[293, 2]"}} {
		v, err := openKind(t, engine(t), kindPack(t, name, edit[:]...)).VerifyOwn(context.Background())
		if err != nil || v.Reproduced() || v.MaxProbabilityDifference < 1e-3 {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
}

// Whatever its thresholds and however far a picture is from a statement, a contrastive pack supports it or abstains.
func TestContrastiveNeverSaysNo(t *testing.T) {
	m := openKind(t, engine(t), kindPack(t, "clip", "bias: -1.5", "bias: -90", `"no": 0`, `"no": 0.0`))
	for _, row := range score(t, m, []uint8{0, 77, 255}, say("pneumonia", "cardiomegaly", "left lung")...) {
		for _, s := range row {
			if s.Label != inference.Maybe || s.Probabilities[0] != 0 || s.Probabilities[1] > 1e-30 || s.Reason == "" {
				t.Errorf("%+v", s)
			}
		}
	}
	m = openKind(t, engine(t), kindPack(t, "clip", "bias: -1.5", "bias: 90"))
	for _, s := range score(t, m, []uint8{0, 255}, say("pneumonia")...) {
		if s[0].Label != inference.Yes || s[0].Probabilities[2] > 1e-30 {
			t.Errorf("%+v", s)
		}
	}
}

func TestContrastiveTemperature(t *testing.T) {
	plain := score(t, openKind(t, engine(t), kindPack(t, "bert")), []uint8{60}, say("pneumonia")...)[0][0].Probabilities[1]
	cooled := score(t, openKind(t, engine(t), kindPack(t, "bert", "temperature: 1", "temperature: 2")), []uint8{60}, say("pneumonia")...)[0][0].Probabilities[1]
	logit := func(p float64) float64 { return math.Log(p / (1 - p)) }
	if math.Abs(logit(plain)-2*logit(cooled)) > 1e-6 || math.Abs(logit(plain)) < 1e-3 {
		t.Errorf("the logit %v became %v at temperature 2", logit(plain), logit(cooled))
	}
}

func TestContrastiveDoesNotReadDenials(t *testing.T) {
	m := openKind(t, engine(t), kindPack(t, "clip"))
	statements := []inference.Statement{
		{Text: "Cardiomegaly", Language: "en", Negated: true}, {Text: "Cardiomegaly without effusion", Language: "en"},
		{Text: "The heart isn't large", Language: "en"}, {Text: "无胸腔积液", English: "No pleural effusion", Language: "zh", Negated: true},
		{Text: "胸腔积液，未见气胸", English: "Pleural effusion", Language: "zh"},
		{Text: "Notable nodule", Language: "en"},
	}
	scores := score(t, m, []uint8{60}, statements...)[0]
	for i, s := range scores[:5] {
		if s.Label != inference.NotJudged || s.Probabilities != [3]float64{} {
			t.Errorf("%q: %+v", statements[i].Text, s)
		}
	}
	if !strings.Contains(scores[0].Reason, "absent") || !strings.Contains(scores[3].Reason, "否定") || scores[5].Label == inference.NotJudged {
		t.Errorf("%+v", scores)
	}
}

// An answer of one id each is what an OFA pack does: the same decoder exported with its three logits says the same.
func TestSingleTokenAnswersEqualThePairClassifier(t *testing.T) {
	trie := openKind(t, engine(t), kindPack(t, "choice", "[290, 2]", "[347]", "[290, 291, 2]", "[345]", "[292, 2]", "[351]"))
	pair := openKind(t, engine(t), kindPack(t, "choice", "generative_choice", "pair_classifier", "decoder: decoder.onnx", "score: score.onnx",
		`answers: {"no": [290, 2], "yes": [290, 291, 2], "maybe": [292, 2]}`, ""))
	statements := say("left pleural effusion", "pneumonia", "right lung", "A nodule of 12 cm.", "x")
	levels := []uint8{0, 60, 130, 255}
	got, want := score(t, trie, levels, statements...), score(t, pair, levels, statements...)
	for i := range levels {
		for j := range statements {
			for k, p := range want[i][j].Probabilities {
				if math.Abs(p-got[i][j].Probabilities[k]) > 1e-6 || got[i][j].Label != want[i][j].Label {
					t.Errorf("%d, %q: %+v; want %+v", levels[i], statements[j].Text, got[i][j], want[i][j])
				}
			}
		}
	}
	if reflect.DeepEqual(want[0][0].Probabilities, want[3][1].Probabilities) {
		t.Error("the graph does not look at its inputs")
	}
}

// Answers as text are those of the ids that the tokenizer makes of it.
func TestAnswersAsText(t *testing.T) {
	edit := func(no, yes, maybe string) []string {
		return []string{"[290, 2]", no, "[290, 291, 2]", yes, "[292, 2]", maybe}
	}
	words := openKind(t, engine(t), kindPack(t, "choice", edit(`" no"`, `" yes"`, `" maybe"`)...))
	ids := openKind(t, engine(t), kindPack(t, "choice", edit("[347]", "[345]", "[350, 351]")...))
	if a, b := score(t, words, []uint8{60}, say("pneumonia")...), score(t, ids, []uint8{60}, say("pneumonia")...); !reflect.DeepEqual(a, b) {
		t.Errorf("%+v; want %+v", a, b)
	}
}

// Rows that share a run have the scores that they have alone.
func TestKindsBatch(t *testing.T) {
	for _, name := range []string{"clip", "bert", "choice"} {
		m := openKind(t, engine(t), kindPack(t, name))
		statements := say("left pleural effusion", "pneumonia", "pneumonia", "a lung nodule", "left")
		together := score(t, m, []uint8{10, 200}, statements...)
		for i, level := range []uint8{10, 200} {
			for j, s := range statements {
				alone := score(t, m, []uint8{level}, s)[0][0]
				for k, p := range alone.Probabilities {
					if math.Abs(p-together[i][j].Probabilities[k]) > 1e-6 {
						t.Errorf("%s, %d, %q: %+v; alone %+v", name, level, s.Text, together[i][j], alone)
					}
				}
			}
		}
		if s := m.Stats(); s.Pictures != 2 || s.Rows != 20 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestKindsRefuseBrokenPacks(t *testing.T) {
	for _, c := range []struct{ pack, replace, by, want string }{
		{"clip", `labels: ["yes", "maybe"]`, `labels: ["yes", "no", "maybe"]`, "[maybe yes]"},
		{"clip", "similarity: {scale: 8, bias: -1.5}", "", "similarity"},
		{"clip", "scale: 8", "scale: 0", "similarity"},
		{"clip", "bias: -1.5", "bias: .nan", "similarity"},
		{"clip", "text: text.onnx", "score: text.onnx", "vision and text"},
		{"clip", "text: text.onnx", "text: text.onnx, decoder: text.onnx", "no other"},
		{"clip", `, thresholds: {"yes": 0.7, "no": 0}`, "", "thresholds"},
		{"clip", "tokenizer: clip", "tokenizer: terms", "text.tokenizer"},
		{"clip", "tokenizer: clip", "tokenizer: sentencepiece", "clip and wordpiece"},
		{"clip", "pad: 586", "pad: 9999", "text.pad"},
		{"clip", "pad_to: 32", "pad_to: 31", "pad_to"},
		{"clip", "max_ids: 30", "max_ids: 30\n  max_words: 3", "max_words"},
		{"clip", "max_ids: 30", "max_ids: 30\n  mask: true", "text.onnx"}, // the graph has no mask
		{"clip", "max_ids: 30", "max_ids: 30\n  lower_case: true", "lower_case"},
		{"clip", "{hyp}", "it", "{hyp}"},
		{"clip", "max_ids: 30", "max_ids: 5", "no room"},
		{"clip", "max_ids: 30", "max_ids: 30\n  decoder_prompt: none", "decoder_prompt"},
		{"choice", "  decoder_prompt: prev_output\n", "", "decoder_prompt"},
		{"clip", "merges.txt", "merge.txt", "merge.txt"},
		{"clip", "vision: vision.onnx", "vision: text.onnx", "text.onnx"},
		{"bert", "mask: true", "mask: false", "text.onnx"},
		{"bert", "pad: 0", "pad: 1", "[PAD]"},
		{"bert", "vocab: vocab.txt", "vocab: CARD.md", "the token"},
		{"choice", `"maybe": [292, 2]`, `"perhaps": [292, 2]`, "answers"},
		{"choice", `, "maybe": [292, 2]`, "", "answers"},
		{"choice", "[290, 2]", "[290]", "answers"},
		{"choice", "[290, 2]", "[292, 2]", "answers"},
		{"choice", "[290, 2]", "[]", "answers.no"},
		{"choice", "[290, 2]", `""`, "answers.no"},
		{"choice", "[290, 2]", "[-1, 2]", "answers.no"},
		{"choice", "[290, 2]", "[290, 1]", "text.pad"},
		{"choice", "[290, 2]", "{a: b}", "manifest"},
		{"choice", "decoder_prompt: prev_output", "decoder_prompt: all", "decoder_prompt"},
		{"choice", "decoder: decoder.onnx", "decoder: score.onnx", "score.onnx"},
		{"choice", "kind: generative_choice", "kind: generative_choice\nsimilarity: {scale: 1}", "similarity"},
	} {
		m, err := inference.Open(context.Background(), kindPack(t, c.pack, c.replace, c.by), engine(t))
		if err == nil {
			m.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %s: error %v; want %q in it", c.pack, c.by, err, c.want)
		}
	}
}

// What only a run can show is found by the first one, with a clear error.
func TestKindsRefuseBrokenRuns(t *testing.T) {
	other := kindPack(t, "choice")["vision.onnx"] // three tokens of eight values
	tokens, words := kindPack(t, "clip"), kindPack(t, "choice", "[292, 2]", "[29200, 2]")
	tokens["vision.onnx"] = other
	for want, pack := range map[string]fstest.MapFS{"image_tokens has shape [1 3 8]": tokens, "an answer has the id 29200": words} {
		err := openKind(t, engine(t), pack).Warm(context.Background())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want %q in it", err, want)
		}
	}
}
