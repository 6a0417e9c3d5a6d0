package inference

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
)

// maxPackFiles bounds a pack's folder, against a path that is no pack at all.
const maxPackFiles = 4096

// A Model is an opened pack.
type Model struct {
	manifest    Manifest
	digest      string
	fsys        fs.FS
	calibration Calibration
	calibrated  string
	vision      Graph
	scorer      scorer
	text        tokenizer
	cache       cache
	queue       *queue
	workers     sync.WaitGroup
}

// Open reads, checks and loads a pack: an embedded one, or a folder by Dir. Close frees it.
func Open(ctx context.Context, fsys fs.FS, engine Engine) (*Model, error) {
	manifest, err := readManifest(fsys)
	if err != nil {
		return nil, err
	}
	for _, name := range manifest.files() {
		if info, err := fs.Stat(fsys, name); err != nil || !info.Mode().IsRegular() {
			return nil, fmt.Errorf("inference: pack %s: the manifest names the file %q, which is not there: copy the whole pack",
				manifest.Name, name)
		}
	}
	m := &Model{manifest: manifest, fsys: fsys, queue: newQueue(manifest.Graphs.Rows)}
	if m.digest, err = Digest(fsys); err != nil {
		return nil, err
	}
	if err := m.readCalibration(); err != nil {
		return nil, err
	}
	if m.text, err = newTokenizer(fsys, manifest); err != nil {
		return nil, fmt.Errorf("inference: pack %s: %w", manifest.Name, err)
	}
	if err := m.load(ctx, engine); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	for range max(1, engine.Runs()) {
		m.workers.Go(m.work)
	}
	return m, nil
}

func (m *Model) load(ctx context.Context, engine Engine) (err error) {
	vision := File{
		Name:    m.manifest.Graphs.Vision,
		Inputs:  []Spec{{Name: "pixel_values", Shape: []int64{-1, int64(m.manifest.Image.Channels), -1, -1}}},
		Outputs: []Spec{imageTokens}, Keep: true,
	}
	if m.manifest.Kind == contrastiveKind {
		vision.Outputs, vision.Keep = []Spec{imageEmbedding}, false
	}
	if m.vision, err = m.loadGraph(ctx, engine, vision); err != nil {
		return err
	}
	scorer, err := kinds[m.manifest.Kind].load(ctx, m, engine)
	if err == nil {
		m.scorer = scorer
	}
	return err
}

func (m *Model) loadGraph(ctx context.Context, engine Engine, file File) (Graph, error) {
	file.FS, file.Pack, file.Digest = m.fsys, m.manifest.Name, m.digest
	if dir, ok := m.fsys.(Dir); ok {
		file.Path = filepath.Join(string(dir), filepath.FromSlash(file.Name))
	}
	graph, err := engine.Load(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("inference: pack %s: %s: %w", m.manifest.Name, file.Name, err)
	}
	return graph, nil
}

// Warm runs both graphs once, so that the first case does not wait for what engines put off to the first run,
// and a graph that cannot run is found before a case needs it.
func (m *Model) Warm(ctx context.Context) error {
	s := m.begin(false)
	defer s.End()
	side := m.manifest.Image.Size
	encoded, err := s.EncodeImage(ctx, image.NewGray(image.Rect(0, 0, side, side)))
	if err != nil {
		return err
	}
	return s.run(ctx, []row{{encoded, m.text.sample(), new(Score)}})
}

// Close frees the graphs after the runs under way; calls that still wait get an error.
func (m *Model) Close() error {
	m.queue.close()
	m.workers.Wait()
	var errs []error
	if m.vision != nil {
		errs = append(errs, m.vision.Close())
	}
	if m.scorer != nil {
		errs = append(errs, m.scorer.Close())
	}
	return errors.Join(errs...)
}

// Name is the pack's name and version.
func (m *Model) Name() string { return m.manifest.Name + " " + m.manifest.Version }

// Digest is the hexadecimal SHA-256 over all files of the pack.
func (m *Model) Digest() string { return m.digest }

// Manifest describes the pack; it is shared and must not be changed.
func (m *Model) Manifest() Manifest { return m.manifest }

// Digested is a pack whose digest is known without hashing it, as of one that nobody can change.
type Digested interface {
	fs.FS
	Digest() string
}

// Digest hashes all files of a pack: in the order of their names, each file's name, a zero byte and the hash of its bytes.
func Digest(fsys fs.FS) (string, error) {
	if known, ok := fsys.(Digested); ok {
		return known.Digest(), nil
	}
	sum, files := sha256.New(), 0
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		if files++; files > maxPackFiles {
			return fmt.Errorf("more than %d files: this folder is no pack", maxPackFiles)
		}
		content, err := fileHash(fsys, name)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s\x00%x", name, content)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("inference: reading the pack: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func fileHash(fsys fs.FS, name string) ([]byte, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return nil, err
	}
	return sum.Sum(nil), nil
}
