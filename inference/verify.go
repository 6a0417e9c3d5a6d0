package inference

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // golden pictures
	_ "image/png"
	"io/fs"
	"maps"
	"math"
	"path"
	"slices"
)

// goldens are expected values of a pack, computed by the code that made it.
type goldens struct {
	Answers   []string `json:"answers"`   // the order of probabilities
	Tolerance float64  `json:"tolerance"` // how far a probability may be off; absent: defaultTolerance

	Images map[string]goldenImage `json:"images"`
	Cases  []goldenCase           `json:"cases"`
}

// defaultTolerance is more than 32-bit arithmetic explains; packs that compute in 16 bits name their own.
const defaultTolerance = 1e-4

type goldenImage struct {
	Pixels struct {
		Shape []int64 `json:"shape_chw"`
		Hash  string  `json:"sha256_f32le"` // of float32, little endian, channel by channel
	} `json:"pixel_values"`
}

type goldenCase struct {
	Image     string       `json:"image"`
	Statement string       `json:"statement"`
	Language  string       `json:"language"` // empty: taken for one that the pack reads
	Caption   string       `json:"caption"`
	Alone     *goldenScore `json:"image_only"`
	Premised  *goldenScore `json:"with_caption"`
}

type goldenScore struct {
	IDs    []int64 `json:"ids"`
	Scores map[string]struct {
		Probabilities []float64 `json:"probabilities"` // of the untempered logits
	} `json:"scores"` // by decoder prompt
}

// A Verification says how far a pack, as this build runs it, is from its goldens.
type Verification struct {
	Images                   int      `json:"images"`
	Cases                    int      `json:"cases"`
	MaxProbabilityDifference float64  `json:"max_probability_difference"`
	Tolerance                float64  `json:"tolerance"`   // how far a probability may be from its golden
	Differences              []string `json:"differences"` // pixels and ids that are not equal
}

// Reproduced says whether the pack gave its goldens.
func (v Verification) Reproduced() bool {
	return len(v.Differences) == 0 && v.MaxProbabilityDifference <= v.Tolerance
}

// VerifyOwn runs the goldens that came with the pack.
func (m *Model) VerifyOwn(ctx context.Context) (Verification, error) {
	if m.manifest.Goldens == "" {
		return Verification{}, fmt.Errorf("inference: pack %s has no goldens", m.manifest.Name)
	}
	text, err := fs.ReadFile(m.fsys, m.manifest.Goldens)
	if err != nil {
		return Verification{}, err
	}
	images, err := fs.Sub(m.fsys, path.Dir(m.manifest.Goldens))
	if err != nil {
		return Verification{}, err
	}
	return m.Verify(ctx, text, images)
}

// Verify compares prepared pixels (bit for bit), ids and probabilities with goldens in JSON whose pictures
// lie in images. What differs is in the Verification; an error says that it could not be computed.
func (m *Model) Verify(ctx context.Context, text []byte, images fs.FS) (Verification, error) {
	var g goldens
	if err := json.Unmarshal(text, &g); err != nil {
		return Verification{}, fmt.Errorf("inference: goldens: %w", err)
	}
	if len(g.Answers) != 3 || len(g.Images) == 0 || len(g.Cases) == 0 {
		return Verification{}, errors.New("inference: goldens need three answers, images and cases")
	}
	v := Verification{Images: len(g.Images), Cases: len(g.Cases), Tolerance: cmp.Or(g.Tolerance, defaultTolerance), Differences: []string{}}
	encoded := map[string]*Encoded{}
	for _, name := range slices.Sorted(maps.Keys(g.Images)) {
		img, err := readImage(images, name)
		if err != nil {
			return v, err
		}
		if err := m.verifyPixels(&v, name, img, g.Images[name]); err != nil {
			return v, err
		}
		if encoded[name], err = m.EncodeImage(ctx, img); err != nil {
			return v, err
		}
	}
	for i, c := range g.Cases {
		if encoded[c.Image] == nil {
			return v, fmt.Errorf("inference: goldens: case %d names the picture %q, which is not among them", i, c.Image)
		}
		statement := Statement{Text: c.Statement, Language: c.Language}
		if c.Language == "" {
			statement.Language = m.manifest.Languages[0]
		}
		if c.Alone != nil {
			if err := m.verifyScore(ctx, &v, i, statement, *c.Alone, encoded[c.Image], g.Answers); err != nil {
				return v, err
			}
		}
		if c.Premised != nil && m.manifest.Text.Templates.Premise != "" {
			statement.Premise = c.Caption
			if err := m.verifyScore(ctx, &v, i, statement, *c.Premised, encoded[c.Image], g.Answers); err != nil {
				return v, err
			}
		}
	}
	return v, nil
}

func readImage(images fs.FS, name string) (image.Image, error) {
	file, err := images.Open(name)
	if err != nil {
		return nil, fmt.Errorf("inference: goldens: %w", err)
	}
	defer file.Close()
	img, _, err := image.Decode(file)
	if err != nil {
		return nil, fmt.Errorf("inference: goldens: %s: %w", name, err)
	}
	return img, nil
}

func (m *Model) verifyPixels(v *Verification, name string, img image.Image, want goldenImage) error {
	prepared, err := m.manifest.Image.prepare(img)
	if err != nil {
		return err
	}
	pixels := m.manifest.Image.pixels(prepared)
	if got := hashFloats(pixels.Floats); got != want.Pixels.Hash || !slices.Equal(pixels.Shape[1:], want.Pixels.Shape) {
		v.Differences = append(v.Differences, fmt.Sprintf("%s: pixels differ: shape %v, hash %.12s; want %v, %.12s",
			name, pixels.Shape[1:], got, want.Pixels.Shape, want.Pixels.Hash))
	}
	return nil
}

// hashFloats is the hexadecimal SHA-256 of the values as little-endian float32.
func hashFloats(values []float32) string {
	data := make([]byte, 0, 4*len(values))
	for _, value := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(value))
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (m *Model) verifyScore(ctx context.Context, v *Verification, number int, s Statement, golden goldenScore, picture *Encoded, order []string) error {
	p := m.text.prompt(s)
	if !slices.Equal(p.ids, golden.IDs) {
		v.Differences = append(v.Differences, fmt.Sprintf("case %d: ids %v; want %v %s", number, p.ids, golden.IDs, p.refusal))
		return nil
	}
	decoder := m.manifest.Text.DecoderPrompt
	if decoder == "" {
		decoder = "none"
	}
	want, ok := golden.Scores[decoder]
	if !ok || len(want.Probabilities) != 3 {
		return fmt.Errorf("inference: goldens: case %d has no three probabilities under %q", number, decoder)
	}
	var got [3]float64
	err := m.submit(ctx, false, []task{{row: row{image: picture, prompt: p}}}, func(o outcome) { got = m.probabilities(o.logits, 1) })
	if err != nil {
		return err
	}
	for i, label := range []string{No, Yes, Maybe} {
		at := slices.Index(order, label)
		if at < 0 {
			return fmt.Errorf("inference: goldens: answers %v lack %q", order, label)
		}
		v.MaxProbabilityDifference = max(v.MaxProbabilityDifference, math.Abs(got[i]-want.Probabilities[at]))
	}
	return nil
}
