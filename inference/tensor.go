package inference

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// A Tensor is a dense row-major array; exactly one of Floats, Ints and Kept holds its data.
type Tensor struct {
	Shape  []int64
	Floats []float32
	Ints   []int64
	Kept   any // 32-bit floats that the engine keeps where it computed them; only its own graphs take it
}

// maxElements bounds what a shape may promise; its product cannot overflow.
const maxElements = 1 << 31

// size is the number of elements that a shape promises, or -1 for one that no tensor has.
func size(shape []int64) int64 {
	n := int64(1)
	for _, side := range shape {
		if side < 0 || side > maxElements {
			return -1
		}
		if n *= side; n > maxElements {
			return -1
		}
	}
	return n
}

// Check says whether the tensor is one of the spec.
func (t Tensor) Check(spec Spec) error {
	n := size(t.Shape)
	held := len(t.Floats)
	if spec.Ints {
		held = len(t.Ints)
	}
	if n < 1 || !spec.Fits(t.Shape) || slices.Contains(t.Shape, -1) || t.Kept == nil && n != int64(held) {
		return fmt.Errorf("%s has shape %v with %d values; want shape %v: the graph does not fit the manifest",
			spec.Name, t.Shape, held, spec.Shape)
	}
	return nil
}

// ErrUnavailable is in the error of a run that failed because what runs the graphs is away for now: the same
// run may succeed later.
var ErrUnavailable = errors.New("the inference engine is not available")

// An Engine runs graphs.
type Engine interface {
	// Load prepares one graph of a pack.
	Load(ctx context.Context, file File) (Graph, error)
	// Provider names what really computes, like "CPU" or "CUDA:0".
	Provider() string
	// Runs is how many runs at once it does best.
	Runs() int
}

// A Graph is one loaded network; Run may be called by several goroutines at once.
type Graph interface {
	Run(ctx context.Context, inputs map[string]Tensor) (map[string]Tensor, error)
	Close() error
}

// A File is one graph of a pack. Path is where it lies on disk, empty for an embedded pack; a graph with
// external data can only be loaded from there. Inputs and Outputs are what the graph must have.
type File struct {
	FS      fs.FS
	Name    string
	Path    string
	Inputs  []Spec
	Outputs []Spec
	Keep    bool   // outputs may come back as Kept, where they go into another graph of the same engine
	Pack    string // name of the pack, and its digest, for an engine that has the graph elsewhere
	Digest  string
}

// A Spec describes a tensor of a graph: of 32-bit floats or of 64-bit integers; -1 in its shape takes any side,
// no shape takes any.
type Spec struct {
	Name  string
	Ints  bool
	Shape []int64
}

// Fits says whether a tensor of a shape may be one of the spec; a side of -1 is not known yet.
func (s Spec) Fits(shape []int64) bool {
	if s.Shape == nil {
		return true
	}
	if len(shape) != len(s.Shape) {
		return false
	}
	for i, side := range s.Shape {
		if side != shape[i] && side != -1 && shape[i] != -1 {
			return false
		}
	}
	return true
}

// Bytes reads the file.
func (f File) Bytes() ([]byte, error) { return fs.ReadFile(f.FS, f.Name) }

// Dir is a pack's folder on disk.
type Dir string

// Open opens the named file of the folder.
func (d Dir) Open(name string) (fs.File, error) { return os.DirFS(string(d)).Open(name) }
