package packs

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"concord/inference"
	"concord/inference/onnx"
)

const ofaMini = "../../../shared/ofa-mini"

// exportOFA makes a pack of the random checkpoint of ofa-mini and opens it.
func exportOFA(t *testing.T, from string, options ...string) *inference.Model {
	t.Helper()
	if testing.Short() {
		t.Skip("exports take seconds")
	}
	if _, err := os.Stat(ofaMini); err != nil {
		t.Skip("ofa-mini is not there")
	}
	const python = "/usr/bin/python3" // Debian's, where python3-torch is
	if err := exec.Command(python, "-c", "import torch, onnx").Run(); err != nil {
		t.Skip("python3-torch or python3-onnx is not installed")
	}
	out := filepath.Join(t.TempDir(), "pack")
	arguments := append([]string{"ofa/export.py", "--from", filepath.Join(ofaMini, from), "--tokenizer", ofaMini, "--out", out}, options...)
	export := exec.Command(python, arguments...)
	export.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if text, err := export.CombinedOutput(); err != nil {
		t.Fatalf("export: %v\n%s", err, text)
	}
	engine, err := onnx.New(onnx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	model, err := inference.Open(context.Background(), inference.Dir(out), engine)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { model.Close() })
	return model
}

func verifyOFA(t *testing.T, model *inference.Model, goldens []byte) {
	t.Helper()
	v, err := model.Verify(context.Background(), goldens, os.DirFS(filepath.Join(ofaMini, "images")))
	if err != nil {
		t.Fatal(err)
	}
	if v.MaxProbabilityDifference > 1e-4 || len(v.Differences) > 0 {
		t.Errorf("%+v", v)
	}
	t.Logf("%d pictures, %d cases, probabilities differ by at most %.1g", v.Images, v.Cases, v.MaxProbabilityDifference)
}

func goldensOFA(t *testing.T) []byte {
	t.Helper()
	goldens, err := os.ReadFile(filepath.Join(ofaMini, "goldens.json"))
	if err != nil {
		t.Skip("ofa-mini is not there")
	}
	return goldens
}

// OFA gives what its reference gives: here from fairseq's layout, with the decoder prompt none.
func TestOFAEqualsItsReference(t *testing.T) {
	goldens := goldensOFA(t)
	verifyOFA(t, exportOFA(t, "checkpoint_fairseq.pt", "--prompt", "none"), goldens)
}

// The ratio kept, so that the grid differs from picture to picture; from HF's layout, with prev_output.
func TestOFAWithTheRatioKept(t *testing.T) {
	var all struct {
		LongSide []map[string]json.RawMessage `json:"long_side_384"`
	}
	if err := json.Unmarshal(goldensOFA(t), &all); err != nil {
		t.Fatal(err)
	}
	images, cases := map[string]any{}, []any{}
	for _, g := range all.LongSide {
		var name string
		if err := json.Unmarshal(g["image"], &name); err != nil {
			t.Fatal(err)
		}
		images[name] = map[string]any{"pixel_values": g["pixel_values"]}
		cases = append(cases, map[string]any{"image": name, "statement": g["statement"],
			"image_only": map[string]any{"ids": g["ids"], "scores": g["scores"]}})
	}
	goldens, err := json.Marshal(map[string]any{"answers": []string{"no", "yes", "maybe"}, "images": images, "cases": cases})
	if err != nil {
		t.Fatal(err)
	}
	verifyOFA(t, exportOFA(t, ".", "--size", "384", "--resize", "long_side"), goldens)
}
