package onnx

import (
	"context"
	"errors"
	"image"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"concord/inference"
)

const manifest = `
schema: 1
name: small
version: "1"
kind: pair_classifier
use: not for clinical use
licence: Apache-2.0
labels: ["no", "yes", "maybe"]
languages: [en]
image: {size: 8, resize: exact, channels: 1, mean: [0.5], std: [0.5]}
text: {tokenizer: terms, files: {terms: terms.yaml}, pad: 0, max_ids: 8}
graphs: {vision: vision.onnx, score: score.onnx, rows: 3}
calibration: {temperature: 1, thresholds: {"yes": 0.8, "no": 0.8}}
card: CARD.md
`

// The score graph of testdata gives logits (−s, s, 0), s = mean of the picture × Σ ids.
const terms = `
schema: 1
facts: [{name: low, group: a}, {name: mid, group: b}, {name: high, group: c}]
terms: [{facts: [low], words: [low]}, {facts: [mid], words: [mid]}, {facts: [high], words: [high]}]
open: [perhaps]
negation: [not]
`

func engine(t *testing.T) *Engine {
	t.Helper()
	e, err := New(Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// pack is a small pack; replace names graphs of testdata to take instead.
func pack(t *testing.T, replace map[string]string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{
		inference.ManifestName: {Data: []byte(manifest)},
		"terms.yaml":           {Data: []byte(terms)},
		"CARD.md":              {Data: []byte("a card")},
	}
	for _, name := range []string{"vision.onnx", "score.onnx"} {
		source := name
		if other, ok := replace[name]; ok {
			source = other
		}
		data, err := os.ReadFile(filepath.Join("..", "testdata", source))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	return files
}

func open(t *testing.T, replace map[string]string) *inference.Model {
	t.Helper()
	model, err := inference.Open(context.Background(), pack(t, replace), engine(t))
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

func flat(level uint8) image.Image {
	img := image.NewGray(image.Rect(0, 0, 5, 5))
	for i := range img.Pix {
		img.Pix[i] = level
	}
	return img
}

func encode(t *testing.T, m *inference.Model, level uint8) *inference.Encoded {
	t.Helper()
	encoded, err := m.EncodeImage(context.Background(), flat(level))
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func TestScoreJudgesEveryPair(t *testing.T) {
	model := open(t, nil)
	images := []*inference.Encoded{encode(t, model, 255), encode(t, model, 0)} // +1 and −1
	statements := []inference.Statement{
		{Text: "high", Language: "en"}, {Text: "not high", Language: "en"}, {Text: "low", Language: "en"},
		{Text: "perhaps high", Language: "en"}, {Text: "something else", Language: "en"}, {Text: "low mid high", Language: "en"},
		{Text: "not perhaps high", Language: "en"},
	}
	want := [2][7]string{
		{inference.Yes, inference.No, inference.Maybe, inference.Maybe, inference.NotJudged, inference.Yes, inference.Maybe},
		{inference.No, inference.Yes, inference.Maybe, inference.No, inference.NotJudged, inference.No, inference.Yes},
	}
	scores, err := model.Score(context.Background(), images, statements)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range want {
		for j, label := range row {
			if got := scores[i][j]; got.Label != label || got.Reason == "" {
				t.Errorf("picture %d, %q: %+v; want %s", i, statements[j].Text, got, label)
			}
		}
	}
	e := math.Exp(3)
	if got, want := scores[0][0].Probabilities[1], e/(e+1+1/e); math.Abs(got-want) > 1e-6 || scores[0][0].Confidence != got {
		t.Errorf("probability %v; want %v", got, want)
	}
	if p := scores[0][1].Probabilities; math.Abs(p[0]-scores[0][0].Probabilities[1]) > 1e-12 {
		t.Errorf("a negated statement has %v", p)
	}
}

func TestPictureIsWhatThePackSees(t *testing.T) {
	got, err := open(t, nil).Picture(flat(77))
	if gray, ok := got.(*image.Gray); err != nil || !ok || gray.Bounds() != image.Rect(0, 0, 8, 8) || gray.GrayAt(3, 3).Y != 77 {
		t.Errorf("%T, %v", got, err)
	}
}

func TestScoreRefusesPicturesOfAnotherModel(t *testing.T) {
	one, other := open(t, nil), open(t, nil)
	if _, err := one.Score(context.Background(), []*inference.Encoded{encode(t, other, 1)}, nil); err == nil {
		t.Error("accepted")
	}
	if _, err := one.Score(context.Background(), []*inference.Encoded{nil}, nil); err == nil {
		t.Error("nil accepted")
	}
}

func TestBadGraphsAreErrors(t *testing.T) {
	for _, c := range []struct{ name, by, want string }{
		{"vision.onnx", "vision_nan.onnx", "NaN"},
		{"score.onnx", "score_nan.onnx", "NaN"},
	} {
		model := open(t, map[string]string{c.name: c.by})
		encoded, err := model.EncodeImage(context.Background(), flat(200))
		if err == nil {
			_, err = model.Score(context.Background(), []*inference.Encoded{encoded}, []inference.Statement{{Text: "high", Language: "en"}})
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v; want %q in it", c.by, err, c.want)
		}
	}
}

func TestOpenRefusesGraphs(t *testing.T) {
	swapped := pack(t, map[string]string{"vision.onnx": "score.onnx"})
	flat := pack(t, map[string]string{"vision.onnx": "vision_flat.onnx"})
	two := pack(t, map[string]string{"score.onnx": "score_two.onnx"})
	broken := pack(t, nil)
	broken["score.onnx"] = &fstest.MapFile{Data: []byte("not a graph")}
	cut := pack(t, nil)
	cut["vision.onnx"] = &fstest.MapFile{Data: cut["vision.onnx"].Data[:100]}
	empty := pack(t, nil)
	empty["vision.onnx"] = &fstest.MapFile{}
	for name, files := range map[string]fstest.MapFS{"swapped": swapped, "flat": flat, "two": two, "broken": broken, "cut": cut, "empty": empty} {
		if _, err := inference.Open(context.Background(), files, engine(t)); err == nil || !strings.Contains(err.Error(), ".onnx") {
			t.Errorf("%s: error %v; want one that names the graph", name, err)
		}
	}
}

func TestPackOnDiskIsTheSame(t *testing.T) {
	dir := t.TempDir()
	for name, file := range pack(t, nil) {
		if err := os.WriteFile(filepath.Join(dir, name), file.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	onDisk, err := inference.Open(context.Background(), inference.Dir(dir), engine(t))
	if err != nil {
		t.Fatal(err)
	}
	defer onDisk.Close()
	if embedded := open(t, nil); onDisk.Digest() != embedded.Digest() {
		t.Error("another digest")
	}
	scores, err := onDisk.Score(context.Background(), []*inference.Encoded{encode(t, onDisk, 255)}, []inference.Statement{{Text: "high", Language: "en"}})
	if err != nil || scores[0][0].Label != inference.Yes {
		t.Errorf("%+v, %v", scores, err)
	}
}

// A graph with external data loads from a folder, and says what is wrong when it cannot.
func TestExternalData(t *testing.T) {
	dir := t.TempDir()
	files := pack(t, map[string]string{"score.onnx": "external/score.onnx"})
	for name, file := range files {
		if err := os.WriteFile(filepath.Join(dir, name), file.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := inference.Open(context.Background(), inference.Dir(dir), engine(t)); err == nil {
		t.Error("the weights are missing: accepted")
	}
	data, err := os.ReadFile(filepath.Join("..", "testdata", "external", "score.data"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "score.data"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	model, err := inference.Open(context.Background(), inference.Dir(dir), engine(t))
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	scores, err := model.Score(context.Background(), []*inference.Encoded{encode(t, model, 255)}, []inference.Statement{{Text: "high", Language: "en"}})
	if err != nil || scores[0][0].Label != inference.Yes {
		t.Errorf("%+v, %v", scores, err)
	}
}

// A run that would take minutes ends when its context does.
func TestRunIsStopped(t *testing.T) {
	model := open(t, map[string]string{"vision.onnx": "vision_slow.onnx"})
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := model.EncodeImage(ctx, flat(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestRunDoesNotStartAfterItsContext(t *testing.T) {
	model := open(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := model.EncodeImage(ctx, flat(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// Tokens that stay with the engine give the same scores as those that come and go, to the last bit.
func TestKeptTokensGiveTheSameScores(t *testing.T) {
	keeping := engine(t)
	keeping.place = &place{memory: "Cpu"}
	kept, err := inference.Open(context.Background(), pack(t, nil), keeping)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	statements := []inference.Statement{{Text: "high", Language: "en"}, {Text: "low mid", Language: "en"}, {Text: "not high", Language: "en"}}
	for range 50 { // with several pictures in a call, and the memory of earlier ones freed
		var scores [2][][]inference.Score
		for i, m := range []*inference.Model{open(t, nil), kept} {
			images := []*inference.Encoded{encode(t, m, 255), encode(t, m, 20), encode(t, m, 0)}
			runtime.GC()
			if scores[i], err = m.Score(context.Background(), images, statements); err != nil {
				t.Fatal(err)
			}
		}
		if !reflect.DeepEqual(scores[0], scores[1]) {
			t.Fatalf("%+v\n%+v", scores[0], scores[1])
		}
	}
}

func TestMemoryThatIsNotThere(t *testing.T) {
	keeping := engine(t)
	keeping.place = &place{memory: "Nowhere"}
	m, err := inference.Open(context.Background(), pack(t, nil), keeping)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.EncodeImage(context.Background(), flat(1)); err == nil {
		t.Error("memory that is not there: accepted")
	}
}

func TestModelServesManyAtOnce(t *testing.T) {
	model := open(t, nil)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			level, want := uint8(255), inference.Yes
			if i%2 == 0 {
				level, want = 0, inference.No
			}
			for range 20 {
				encoded, err := model.EncodeImage(context.Background(), flat(level))
				if err != nil {
					t.Error(err)
					return
				}
				scores, err := model.Score(context.Background(), []*inference.Encoded{encoded}, []inference.Statement{{Text: "high", Language: "en"}})
				if err != nil || scores[0][0].Label != want {
					t.Errorf("%+v, %v", scores, err)
				}
			}
		})
	}
	wait.Wait()
}

func TestDevices(t *testing.T) {
	if e := engine(t); e.Provider() != "CPU" || !strings.Contains(e.Version(), "ONNX Runtime 1.") {
		t.Errorf("%s, %s", e.Provider(), e.Version())
	}
	for _, c := range []struct {
		options Options
		want    string
	}{
		{Options{Device: "gpu"}, "cuda:N"},
		{Options{Device: "cuda:-1"}, "cuda:N"},
		{Options{Threads: -1}, "threads"},
		{Options{Device: "tensorrt:x"}, "tensorrt:N"},
		{Options{Device: "cpu", Provider: map[string]string{"trt_fp16_enable": "1"}}, "provider options"},
	} {
		if _, err := New(c.options); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v; want %q in it", c.options, err, c.want)
		}
	}
	// The set-up brings the CPU build: asking for a GPU must say so, not fall back.
	library := engine(t).library
	if _, err := os.Stat(filepath.Join(filepath.Dir(library), "libonnxruntime_providers_cuda.so")); err == nil {
		t.Skip("a GPU build is installed")
	}
	for device, missing := range map[string]string{"cuda:0": "providers_cuda.so is not beside it", "tensorrt:1": "providers_tensorrt.so is not beside it"} {
		if _, err := New(Options{Device: device}); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("%s: error %v; want %q in it", device, err, missing)
		}
	}
}

func TestFindLibraryTakesTheVariableFirst(t *testing.T) {
	t.Setenv(LibraryVariable, "/somewhere/else.so")
	if got := findLibrary(); got != "/somewhere/else.so" {
		t.Errorf("%s", got)
	}
	t.Setenv(LibraryVariable, "")
	dir := t.TempDir()
	t.Chdir(dir)
	place := filepath.Join(dir, ".deps", "onnxruntime")
	deep := filepath.Join(dir, "a", "b")
	for _, d := range []string{place, deep} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(place, libraryName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(deep)
	if got := findLibrary(); got != filepath.Join(place, libraryName) {
		t.Errorf("%s", got)
	}
}
