package packs

import (
	"context"
	"encoding/csv"
	"image"
	"image/draw"
	_ "image/jpeg"
	_ "image/png"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"concord/inference"
	"concord/inference/onnx"
)

func TestDigestOfTheBuiltinPack(t *testing.T) {
	pack, err := fs.Sub(files, "builtin")
	if err != nil {
		t.Fatal(err)
	}
	if digest, err := inference.Digest(pack); digest != builtinDigest {
		t.Errorf("the built-in pack has changed: set builtinDigest in packs.go to %q (%v)", digest, err)
	}
}

func open(t testing.TB) *inference.Model {
	t.Helper()
	engine, err := onnx.New(onnx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	model, err := inference.Open(context.Background(), Builtin(), engine)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { model.Close() })
	return model
}

func picture(t testing.TB, fsys fs.FS, name string) image.Image {
	t.Helper()
	file, err := fsys.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	img, _, err := image.Decode(file)
	if err != nil {
		t.Fatal(name, err)
	}
	return img
}

// judge scores statements, each "language: text", against one picture.
func judge(t testing.TB, model *inference.Model, img image.Image, statements ...string) []inference.Score {
	t.Helper()
	encoded, err := model.EncodeImage(context.Background(), img)
	if err != nil {
		t.Fatal(err)
	}
	var all []inference.Statement
	for _, s := range statements {
		language, text, _ := strings.Cut(s, ": ")
		all = append(all, inference.Statement{Text: text, Language: language})
	}
	scores, err := model.Score(context.Background(), []*inference.Encoded{encoded}, all)
	if err != nil {
		t.Fatal(err)
	}
	return scores[0]
}

// Pixels equal bit for bit, ids equal, probabilities within 1e-4 of what PyTorch said when the pack was made.
func TestBuiltinReproducesItsGoldens(t *testing.T) {
	v, err := open(t).VerifyOwn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if v.Images < 5 || v.Cases < 20 || len(v.Differences) > 0 || v.MaxProbabilityDifference > 1e-4 {
		t.Errorf("%+v", v)
	}
}

func TestBuiltinIsSmallAndNotForClinicalUse(t *testing.T) {
	total := int64(0)
	err := fs.WalkDir(Builtin(), ".", func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		total += info.Size()
		return err
	})
	if err != nil || total > 40<<20 {
		t.Errorf("%d bytes, %v", total, err)
	}
	card, err := fs.ReadFile(Builtin(), "CARD.md")
	if err != nil || !strings.Contains(string(card), "Not for clinical use") {
		t.Errorf("card: %v", err)
	}
}

// The phantoms among the goldens: what is planted is known by how they were made.
func TestBuiltinOnAPhantom(t *testing.T) {
	scores := judge(t, open(t), picture(t, Builtin(), "goldens/phantom1.png"),
		"en: This is a phantom.", "en: CT of the head.", "zh: 头颅CT轴位", "en: The heart is enlarged.", "zh: 双肺纹理清晰")
	want := []string{inference.Yes, inference.No, inference.No, inference.NotJudged, inference.NotJudged}
	for i, s := range scores {
		if s.Label != want[i] || s.Reason == "" {
			t.Errorf("statement %d: %+v; want %s", i, s, want[i])
		}
	}
}

// Of a claim that the picture leaves undecided, the reason names the part: what is planted is told of the phantom, what it
// is a picture of cannot be told of a drawing.
func TestBuiltinNamesWhatIsUndecided(t *testing.T) {
	img := picture(t, Builtin(), "goldens/drawing.png")
	for i, s := range judge(t, open(t), img, "en: CT of the chest.", "zh: 胸部CT") {
		want := []string{": CT, chest", "：胸部、CT"}[i]
		if s.Label != inference.Maybe || !strings.HasSuffix(s.Reason, want) {
			t.Errorf("%+v; want %q in the reason", s, want)
		}
	}
}

// A drawing is no radiology: the pack must not call it any modality.
func TestBuiltinAbstainsOnADrawing(t *testing.T) {
	for i, s := range judge(t, open(t), picture(t, Builtin(), "goldens/drawing.png"),
		"en: This is a CT.", "en: This is an MRI.", "en: Chest radiograph.", "en: Ultrasound image.") {
		if s.Label == inference.Yes {
			t.Errorf("statement %d: %+v", i, s)
		}
	}
}

// Statements as reports have them, against real pictures. These pictures were in training: the
// test guards the way through Go, the card has the figures for unseen ones.
func TestBuiltinOnRealPictures(t *testing.T) {
	root := "../../../shared/data"
	list, err := os.Open("training/data.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	if _, err := os.Stat(root); err != nil {
		t.Skip("the pictures of the data list are not there")
	}
	reader := csv.NewReader(list)
	reader.Comma, reader.LazyQuotes = '\t', true
	rows, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	statements := map[string][]string{
		"xr chest":   {"en: Frontal chest radiograph.", "zh: 胸部正位片", "en: This is a CT of the abdomen.", "zh: 头颅CT轴位"},
		"ct abdomen": {"en: Axial CT of the abdomen.", "zh: 腹部CT横断面", "en: Chest X-ray.", "zh: 头颅MRI"},
		"mr head":    {"en: Axial MRI of the brain.", "zh: 头颅磁共振横断位", "en: CT scan of the chest.", "zh: 腹部CT"},
	}
	want := []string{inference.Yes, inference.Yes, inference.No, inference.No}
	model, right, wrong := open(t), 0, 0
	for i, row := range rows[1:] {
		name, kind := row[0], row[2]+" "+row[3]
		if i%16 != 0 || statements[kind] == nil || !strings.HasPrefix(name, "pairs/") {
			continue // every sixteenth picture, for time
		}
		for j, s := range judge(t, model, picture(t, os.DirFS(root), filepath.ToSlash(name)), statements[kind]...) {
			if s.Label == want[j] {
				right++
			} else if s.Label != inference.Maybe {
				wrong++
				t.Logf("%s: statement %d: %s %.2f", name, j, s.Label, s.Confidence)
			}
		}
	}
	t.Logf("%d right, %d wrong", right, wrong)
	if wrong*100 > right || right < 30 {
		t.Errorf("%d right, %d wrong", right, wrong)
	}
}

// A case of four pictures that no one asked about before and six statements, with the time that a node waits for it.
func BenchmarkCase(b *testing.B) {
	model := open(b)
	phantom := picture(b, Builtin(), "goldens/phantom1.png")
	img := image.NewGray(phantom.Bounds())
	draw.Draw(img, img.Rect, phantom, phantom.Bounds().Min, draw.Src)
	statements := make([]inference.Statement, 6)
	for i := range statements {
		statements[i] = inference.Statement{Text: "Axial CT of the head.", Language: "en"}
	}
	for b.Loop() {
		var images []*inference.Encoded
		for i := range 4 {
			img.Pix[len(img.Pix)/2+i]++
			encoded, err := model.EncodeImage(context.Background(), img)
			if err != nil {
				b.Fatal(err)
			}
			images = append(images, encoded)
		}
		if _, err := model.Score(context.Background(), images, statements); err != nil {
			b.Fatal(err)
		}
	}
}
