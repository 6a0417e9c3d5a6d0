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
	Kind        string      `yaml:"kind"` // pair_classifier | contrastive | generative_choice
	Use         string      `yaml:"use"`  // Intended, word for word
	Licence     string      `yaml:"licence"`
	Labels      []string    `yaml:"labels"`    // what the pack may say; the order of the score graph's logits
	Languages   []string    `yaml:"languages"` // of statements, RFC 5646
	Image       ImageSpec   `yaml:"image"`
	Text        TextSpec    `yaml:"text"`
	Graphs      GraphSpec   `yaml:"graphs"`
	Calibration Calibration `yaml:"calibration"`
	// Similarity is for contrastive only, Answers by label for generative_choice only.
	Similarity *SimilaritySpec   `yaml:"similarity"`
	Answers    map[string]Answer `yaml:"answers"`
	Goldens    string            `yaml:"goldens"` // empty: none
	Card       string            `yaml:"card"`
}

// TextSpec says how a statement becomes ids: by the facts it names (terms, file terms), or in a template, encoded
// as by OFA (bpe, with its cleaning; files vocab and merges), CLIP (clip, the same files) or BERT (wordpiece, file vocab).
type TextSpec struct {
	Tokenizer string            `yaml:"tokenizer"` // terms | bpe | clip | wordpiece
	Files     map[string]string `yaml:"files"`
	Pad       int64             `yaml:"pad"`
	MaxIDs    int               `yaml:"max_ids"`    // without those that begin and end a sequence
	PadTo     int               `yaml:"pad_to"`     // ids of every sequence; 0: as many as the longest of a run has
	MaxWords  int               `yaml:"max_words"`  // of the sentence and of the premise; bpe only
	LowerCase bool              `yaml:"lower_case"` // wordpiece only
	Mask      bool              `yaml:"mask"`       // the text graph has attention_mask; contrastive only
	Templates Templates         `yaml:"templates"`  // not for terms
	// DecoderPrompt is what the decoder begins with: prev_output (the ids without the last) | none (the first id).
	DecoderPrompt string `yaml:"decoder_prompt"`
}

// Templates hold {hyp} for the sentence and {caption} for the premise.
type Templates struct {
	Alone   string `yaml:"alone"`
	Premise string `yaml:"premise"` // empty: premises are not used
}

// GraphSpec names the two networks, vision and that of the kind, and the rows (statement × picture) of one run.
type GraphSpec struct {
	Vision  string `yaml:"vision"`  // pixel_values f32[B,C,H,W] → image_tokens f32[B,N,d]; contrastive: f32[B,1,d] or [B,d]
	Score   string `yaml:"score"`   // pair_classifier: image_tokens, image_index i64[B], input_ids i64[B,L] → logits f32[B,3]
	Text    string `yaml:"text"`    // contrastive: input_ids, attention_mask i64[B,L] → text_embedding f32[B,d]
	Decoder string `yaml:"decoder"` // generative_choice: those of score, decoder_ids i64[B,D] → next_logits f32[B,V]
	Rows    int    `yaml:"rows"`
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
	case m.Use != Intended:
		return fmt.Errorf("use is %q; every pack must say %q", m.Use, Intended)
	case len(m.Languages) == 0:
		return errors.New("languages must name at least one language")
	case m.Graphs.Rows < 1 || m.Graphs.Rows > 4096:
		return fmt.Errorf("graphs.rows is %d; want 1 to 4096", m.Graphs.Rows)
	case m.Text.MaxIDs < 1 || m.Text.MaxIDs > 4096:
		return fmt.Errorf("text.max_ids is %d; want 1 to 4096", m.Text.MaxIDs)
	}
	if err := m.checkKind(); err != nil {
		return err
	}
	if err := m.Text.check(); err != nil {
		return err
	}
	if err := m.Image.check(); err != nil {
		return err
	}
	return m.Calibration.check()
}

func (t TextSpec) check() error {
	switch {
	case t.PadTo != 0 && (t.PadTo < t.MaxIDs+2 || t.PadTo > 8192):
		return fmt.Errorf("text.pad_to is %d; want 0, or max_ids and two more at least, 8192 at most", t.PadTo)
	case t.Tokenizer == "bpe" && t.MaxWords < 1:
		return fmt.Errorf("text.max_words is %d; want 1 or more", t.MaxWords)
	case t.Tokenizer != "bpe" && t.MaxWords != 0:
		return errors.New("text.max_words is for the tokenizer bpe only")
	case t.Tokenizer != "wordpiece" && t.LowerCase:
		return errors.New("text.lower_case is for the tokenizer wordpiece only")
	case !slices.Contains([]string{"", "prev_output", "none"}, t.DecoderPrompt):
		return fmt.Errorf("text.decoder_prompt is %q; want prev_output or none", t.DecoderPrompt)
	}
	return nil
}

// files lists what the manifest names; all of it must be there.
func (m Manifest) files() []string {
	names := []string{m.Graphs.Vision, kinds[m.Kind].file(m.Graphs), m.Card}
	for _, name := range m.Text.Files {
		names = append(names, name)
	}
	if m.Goldens != "" {
		names = append(names, m.Goldens)
	}
	return names
}
