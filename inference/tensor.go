package inference

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
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

// check says whether the tensor is of floats with the wanted shape; -1 takes any side.
func (t Tensor) check(name string, want ...int64) error {
	fits := len(t.Shape) == len(want)
	for i := 0; fits && i < len(want); i++ {
		fits = want[i] == -1 || t.Shape[i] == want[i]
	}
	if n := size(t.Shape); !fits || n < 1 || t.Kept == nil && n != int64(len(t.Floats)) {
		return fmt.Errorf("inference: graph output %s has shape %v with %d floats; want %v: the graph does not fit the manifest",
			name, t.Shape, len(t.Floats), want)
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
// external data can only be loaded from there. Inputs and Outputs are the names that the graph must have.
type File struct {
	FS      fs.FS
	Name    string
	Path    string
	Inputs  []string
	Outputs []string
	Keep    bool   // outputs may come back as Kept, where they go into another graph of the same engine
	Pack    string // name of the pack, and its digest, for an engine that has the graph elsewhere
	Digest  string
}

// Bytes reads the file.
func (f File) Bytes() ([]byte, error) { return fs.ReadFile(f.FS, f.Name) }

// Dir is a pack's folder on disk.
type Dir string

// Open opens the named file of the folder.
func (d Dir) Open(name string) (fs.File, error) { return os.DirFS(string(d)).Open(name) }
