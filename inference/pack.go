package inference

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
)

// maxPackFiles bounds a pack's folder, against a path that is no pack at all.
const maxPackFiles = 4096

// A Model is an opened pack.
type Model struct {
	manifest Manifest
	digest   string
	fsys     fs.FS
	vision   Graph
	score    Graph
	text     tokenizer
	cache    cache
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
	m := &Model{manifest: manifest, fsys: fsys}
	if m.digest, err = digest(fsys); err != nil {
		return nil, err
	}
	if m.text, err = newTokenizer(fsys, manifest); err != nil {
		return nil, fmt.Errorf("inference: pack %s: %w", manifest.Name, err)
	}
	if err := m.load(ctx, engine); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (m *Model) load(ctx context.Context, engine Engine) (err error) {
	m.vision, err = m.loadGraph(ctx, engine, File{
		Name:   m.manifest.Graphs.Vision,
		Inputs: []string{"pixel_values"}, Outputs: []string{"image_tokens"},
	})
	if err != nil {
		return err
	}
	m.score, err = m.loadGraph(ctx, engine, File{
		Name:   m.manifest.Graphs.Score,
		Inputs: []string{"image_tokens", "image_index", "input_ids"}, Outputs: []string{"logits"},
	})
	return err
}

func (m *Model) loadGraph(ctx context.Context, engine Engine, file File) (Graph, error) {
	file.FS = m.fsys
	if dir, ok := m.fsys.(Dir); ok {
		file.Path = filepath.Join(string(dir), filepath.FromSlash(file.Name))
	}
	graph, err := engine.Load(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("inference: pack %s: %s: %w", m.manifest.Name, file.Name, err)
	}
	return graph, nil
}

// Close frees the graphs; no call may be under way.
func (m *Model) Close() error {
	var errs []error
	for _, graph := range []Graph{m.vision, m.score} {
		if graph != nil {
			errs = append(errs, graph.Close())
		}
	}
	return errors.Join(errs...)
}

// Name is the pack's name and version.
func (m *Model) Name() string { return m.manifest.Name + " " + m.manifest.Version }

// Digest is the hexadecimal SHA-256 over all files of the pack.
func (m *Model) Digest() string { return m.digest }

// Manifest describes the pack; it is shared and must not be changed.
func (m *Model) Manifest() Manifest { return m.manifest }

// digest hashes, in the order of their names, each file's name, a zero byte and the hash of its bytes.
func digest(fsys fs.FS) (string, error) {
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
