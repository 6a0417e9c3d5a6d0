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

// Every exported pack carries what PyTorch said of it; in 16 bits it is near enough.
func TestOFAInHalfPrecision(t *testing.T) {
	goldensOFA(t)
	v, err := exportOFA(t, ".", "--precision", "fp16").VerifyOwn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !v.Reproduced() || v.Cases == 0 || v.Tolerance < 1e-3 {
		t.Errorf("%+v", v)
	}
	if v.MaxProbabilityDifference < 1e-6 {
		t.Errorf("probabilities differ by %.1g only: these are 32 bits", v.MaxProbabilityDifference)
	}
}

// fairseq's dict.txt, encoder.json and vocab.bpe give the ids that HF's vocab.json has, and the Python that
// writes goldens reads sentences as OFA does.
func TestOFAReadsFairseqTokenizers(t *testing.T) {
	goldensOFA(t)
	script := `
import json, os, sys
sys.path.insert(0, "ofa")
import words
mini, out = sys.argv[1:]
hf = json.load(open(mini + "/vocab.json"))
rows = sorted((i, p) for p, i in hf.items() if i >= 4 and p != "<mask>")
gpt2 = {p: 60000 - n for n, (i, p) in enumerate(rows)}            # some other numbering
last = rows[-1][0]
at = {i: p for i, p in rows}
with open(out + "/dict.txt", "w") as f:
    for i in range(4, last + 1):
        f.write("%s 1\n" % (gpt2[at[i]] if i in at else "madeupword%04d" % i))
json.dump(gpt2, open(out + "/encoder.json", "w"))
open(out + "/vocab.bpe", "w").write(open(mini + "/merges.txt").read())
os.mkdir(out + "/pack")
got = words.write(out, out + "/pack")
wrong = [p for i, p in rows if got.get(p) != i]
assert len(rows) > 1000 and not wrong, wrong[:5]
rank = words.ranks(out + "/pack/merges.txt")
cases = [line.rstrip("\n").split("\t") for line in open(mini + "/bpe_goldens.tsv")]
cases = [(json.loads(text), json.loads(ids) if ids.startswith("[") else [int(i) for i in ids.split()]) for text, ids in cases]
plain = [(t, i) for t, i in cases if t.isascii() and t.isprintable() and t == t.lower() and "'" not in t]
assert len(plain) >= 5, len(plain)
for text, ids in plain:
    assert words.encode(text, got, rank) == ids, (text, words.encode(text, got, rank), ids)
`
	if text, err := python(t, "-c", script, ofaMini, t.TempDir()); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
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
