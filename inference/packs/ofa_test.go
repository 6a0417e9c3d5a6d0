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

// python runs Debian's Python, where python3-torch is, or skips the test where that is not installed.
func python(t *testing.T, arguments ...string) (output string, err error) {
	t.Helper()
	const path = "/usr/bin/python3"
	if testing.Short() {
		t.Skip("Python with torch takes seconds")
	}
	if err := exec.Command(path, "-c", "import torch, onnx").Run(); err != nil {
		t.Skip("python3-torch or python3-onnx is not installed")
	}
	command := exec.Command(path, arguments...)
	command.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	text, err := command.CombinedOutput()
	return string(text), err
}

// exportOFA makes a pack of the random checkpoint of ofa-mini and opens it.
func exportOFA(t *testing.T, from string, options ...string) *inference.Model {
	t.Helper()
	if _, err := os.Stat(ofaMini); err != nil {
		t.Skip("ofa-mini is not there")
	}
	out := filepath.Join(t.TempDir(), "pack")
	arguments := append([]string{"ofa/export.py", "--from", filepath.Join(ofaMini, from), "--tokenizer", ofaMini, "--out", out}, options...)
	if text, err := python(t, arguments...); err != nil {
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

// A checkpoint is a pickle, and a pickle may name any function: none is called.
func TestOFANeverRunsACheckpoint(t *testing.T) {
	dir := t.TempDir()
	marker := filepath.Join(dir, "marker")
	script := `
import os, pickle, sys, torch
class Evil:
    def __reduce__(self):
        return os.system, ("touch " + sys.argv[1],)
torch.save({"model": {"a": Evil()}, "cfg": Evil()}, sys.argv[2] + "/zip.pt")
torch.save({"model": {"a": Evil()}}, sys.argv[2] + "/old.pt", _use_new_zipfile_serialization=False)
pickle.dump(Evil(), open(sys.argv[2] + "/bare.pt", "wb"))
sys.path.insert(0, "ofa")
import checkpoint
for name in ("zip", "old", "bare"):
    try:
        checkpoint.read(sys.argv[2] + "/" + name + ".pt")
    except Exception as e:
        print(name, e)
`
	if text, err := python(t, "-c", script, marker, dir); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("the checkpoint's function was called")
	}
}
