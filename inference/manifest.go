package inference

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/goccy/go-yaml"
)

// ManifestName is the file that makes a folder a pack.
const ManifestName = "manifest.yaml"

// Schema is the version of the manifest that this build reads.
const Schema = 1

// Intended is what every manifest must say in its field use.
const Intended = "not for clinical use"

// A Manifest describes a pack. Files are named relative to the manifest.
type Manifest struct {
	Schema      int         `yaml:"schema"`
	Name        string      `yaml:"name"`
	Version     string      `yaml:"version"`
	Kind        string      `yaml:"kind"` // pair_classifier
	Use         string      `yaml:"use"`  // Intended, word for word
	Licence     string      `yaml:"licence"`
	Labels      []string    `yaml:"labels"`    // the order of the score graph's logits
	Languages   []string    `yaml:"languages"` // of statements, RFC 5646
	Image       ImageSpec   `yaml:"image"`
	Text        TextSpec    `yaml:"text"`
	Graphs      GraphSpec   `yaml:"graphs"`
	Calibration Calibration `yaml:"calibration"`
	Goldens     string      `yaml:"goldens"` // empty: none
	Card        string      `yaml:"card"`
}

// TextSpec says how a statement becomes the ids of the score graph: by the facts it names (terms, file
// terms), or as OFA does, cleaned, in a template and byte-pair encoded (bpe, files vocab and merges).
type TextSpec struct {
	Tokenizer string            `yaml:"tokenizer"` // terms | bpe
	Files     map[string]string `yaml:"files"`
	Pad       int64             `yaml:"pad"`
	MaxIDs    int               `yaml:"max_ids"` // without <s> and </s>
	// For bpe only:
	MaxWords  int       `yaml:"max_words"` // of the sentence and of the premise
	Templates Templates `yaml:"templates"`
	// DecoderPrompt is how the score graph's decoder was exported: prev_output | none.
	DecoderPrompt string `yaml:"decoder_prompt"`
}

// Templates hold {hyp} for the sentence and {caption} for the premise.
type Templates struct {
	Alone   string `yaml:"alone"`
	Premise string `yaml:"premise"` // empty: premises are not used
}

// GraphSpec names the two networks and the rows (statement × picture) of one run.
type GraphSpec struct {
	Vision string `yaml:"vision"` // pixel_values f32[B,C,H,W] → image_tokens f32[B,N,d]
	Score  string `yaml:"score"`  // image_tokens, image_index i64[B], input_ids i64[B,L] → logits f32[B,3]
	Rows   int    `yaml:"rows"`
}

// readManifest parses and checks the manifest of a pack.
func readManifest(fsys fs.FS) (Manifest, error) {
	text, err := fs.ReadFile(fsys, ManifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, fmt.Errorf("inference: no %s here: this folder is no pack", ManifestName)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("inference: %s: %w", ManifestName, err)
	}
	var m Manifest
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&m); err != nil {
		return Manifest{}, fmt.Errorf("inference: %s: %w", ManifestName, err)
	}
	if err := m.check(); err != nil {
		return Manifest{}, fmt.Errorf("inference: %s: %w", ManifestName, err)
	}
	return m, nil
}

func (m Manifest) check() error {
	switch {
	case m.Schema != Schema:
		return fmt.Errorf("schema is %d; this build reads schema %d", m.Schema, Schema)
	case m.Name == "" || m.Version == "" || m.Licence == "":
		return errors.New("name, version and licence must be given")
	case m.Kind != pairClassifierKind:
		return fmt.Errorf("kind is %q; this build runs %s", m.Kind, pairClassifierKind)
	case m.Use != Intended:
		return fmt.Errorf("use is %q; every pack must say %q", m.Use, Intended)
	case !slices.Equal(slices.Sorted(slices.Values(m.Labels)), []string{"maybe", "no", "yes"}):
		return fmt.Errorf("labels are %v; want no, yes and maybe in the order of the logits", m.Labels)
	case len(m.Languages) == 0:
		return errors.New("languages must name at least one language")
	case m.Graphs.Rows < 1 || m.Graphs.Rows > 4096:
		return fmt.Errorf("graphs.rows is %d; want 1 to 4096", m.Graphs.Rows)
	case m.Text.MaxIDs < 1 || m.Text.MaxIDs > 4096:
		return fmt.Errorf("text.max_ids is %d; want 1 to 4096", m.Text.MaxIDs)
	}
	if err := m.Image.check(); err != nil {
		return err
	}
	return m.Calibration.check()
}

// files lists what the manifest names; all of it must be there.
func (m Manifest) files() []string {
	names := []string{m.Graphs.Vision, m.Graphs.Score, m.Card}
	for _, name := range m.Text.Files {
		names = append(names, name)
	}
	if m.Goldens != "" {
		names = append(names, m.Goldens)
	}
	return names
}
