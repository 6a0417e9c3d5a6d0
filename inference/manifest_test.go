package inference

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

const smallManifest = `
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
graphs: {vision: vision.onnx, score: score.onnx, rows: 4}
calibration: {temperature: 1, thresholds: {"yes": 0.8, "no": 0.8}}
card: CARD.md
`

func TestManifestIsRead(t *testing.T) {
	m, err := readManifest(fstest.MapFS{ManifestName: {Data: []byte(smallManifest)}})
	if err != nil {
		t.Fatal(err)
	}
	if m.Name != "small" || m.Image.Size != 8 || m.Calibration.Thresholds["yes"] != 0.8 || m.Image.Crop != nil {
		t.Errorf("%+v", m)
	}
}

func TestManifestRefusals(t *testing.T) {
	for _, c := range []struct{ replace, by, want string }{
		{"schema: 1", "schema: 2", "schema 1"},
		{"name: small", "nam: small", "nam"},
		{"licence: Apache-2.0", "licence: ''", "licence"},
		{"pair_classifier", "oracle", "kind"},
		{"not for clinical use", "diagnosis", "not for clinical use"},
		{`"maybe"]`, `"perhaps"]`, "labels"},
		{`["no", "yes", "maybe"]`, `["no", "yes"]`, "labels"},
		{"[en]", "[]", "languages"},
		{"size: 8", "size: 0", "image.size"},
		{"exact", "stretch", "image.resize"},
		{"channels: 1", "channels: 2", "image.channels"},
		{"mean: [0.5]", "mean: []", "image.mean"},
		{"std: [0.5]", "std: [0]", "image.std"},
		{"std: [0.5]", "std: [0.5], crop: {level: 255, share: 0}", "image.crop"},
		{"std: [0.5]", "std: [0.5], window: {low: 9, high: 1}", "image.window"},
		{"max_ids: 8", "max_ids: 0", "max_ids"},
		{"rows: 4", "rows: 0", "graphs.rows"},
		{"temperature: 1", "temperature: 0", "temperature"},
		{`"yes": 0.8`, `"yes": 1.8`, "thresholds.yes"},
		{`"no": 0.8`, `"never": 0.8`, "thresholds.no"},
	} {
		text := strings.Replace(smallManifest, c.replace, c.by, 1)
		if text == smallManifest {
			t.Fatalf("%q is not in the manifest", c.replace)
		}
		_, err := readManifest(fstest.MapFS{ManifestName: {Data: []byte(text)}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v; want %q in it", c.by, err, c.want)
		}
	}
	if _, err := readManifest(fstest.MapFS{}); err == nil || !strings.Contains(err.Error(), "no pack") {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestOpenNamesTheMissingFile(t *testing.T) {
	pack := fstest.MapFS{ManifestName: {Data: []byte(smallManifest)}, "vision.onnx": {}, "CARD.md": {}, "terms.yaml": {}}
	if _, err := Open(context.Background(), pack, nil); err == nil || !strings.Contains(err.Error(), "score.onnx") {
		t.Errorf("error %v; want the missing file's name", err)
	}
	if _, err := Open(context.Background(), Dir(t.TempDir()), nil); err == nil {
		t.Error("an empty folder: accepted")
	}
}

func TestDigestCoversNamesAndBytes(t *testing.T) {
	base := fstest.MapFS{"a": {Data: []byte("1")}, "b/c": {Data: []byte("2")}}
	first, err := Digest(base)
	if err != nil || len(first) != 64 {
		t.Fatalf("digest %q, %v", first, err)
	}
	for name, other := range map[string]fstest.MapFS{
		"other bytes": {"a": {Data: []byte("1")}, "b/c": {Data: []byte("3")}},
		"other name":  {"a": {Data: []byte("1")}, "b/d": {Data: []byte("2")}},
		"more":        {"a": {Data: []byte("1")}, "b/c": {Data: []byte("2")}, "d": {}},
	} {
		if got, _ := Digest(other); got == first {
			t.Errorf("%s: the same digest", name)
		}
	}
	dir := t.TempDir()
	os.WriteFile(dir+"/a", []byte("1"), 0o600)
	os.Mkdir(dir+"/b", 0o700)
	os.WriteFile(dir+"/b/c", []byte("2"), 0o600)
	if got, _ := Digest(Dir(dir)); got != first {
		t.Error("the same files on disk have another digest")
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(smallManifest))
	f.Add([]byte("schema: 1\nimage: {mean: [.nan]}"))
	f.Add([]byte("&a [*a]"))
	for _, pack := range []string{"clip", "bert", "choice"} {
		text, err := os.ReadFile(filepath.Join(kindsData, pack, ManifestName))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := readManifest(fstest.MapFS{ManifestName: {Data: text}})
		if err != nil || m.Image.Size > 512 {
			return
		}
		got, err := m.Image.prepare(formulaPicture(9, 4, 3))
		if err != nil || got.w < 1 || got.h < 1 || max(got.w, got.h) != m.Image.Size || len(m.Image.pixels(got).Floats) != got.w*got.h*m.Image.Channels {
			t.Fatalf("an accepted manifest makes a picture of %d×%d, %v", got.w, got.h, err)
		}
	})
}
