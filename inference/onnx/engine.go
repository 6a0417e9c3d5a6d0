// Package onnx runs the graphs of a pack in ONNX Runtime: New finds and loads the shared library, the
// engine goes to inference.Open.
package onnx

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"concord/inference"
)

// An Engine loads graphs onto one device; New makes it.
type Engine struct {
	options Options
	library string
	gpu     int // -1: CPU
}

// Options choose where graphs run.
type Options struct {
	Device  string // cpu (or empty) | cuda:N
	Threads int    // of one run on the CPU; 0: one for each core
}

// New loads ONNX Runtime and checks the device. A device that is not there is an error: nothing falls
// back to the CPU.
func New(options Options) (*Engine, error) {
	gpu, err := parseDevice(options.Device)
	if err != nil {
		return nil, err
	}
	if options.Threads < 0 {
		return nil, fmt.Errorf("onnx: threads is %d; want 0 (one for each core) or more", options.Threads)
	}
	path, err := loadLibrary()
	if err != nil {
		return nil, err
	}
	e := &Engine{options, path, gpu}
	session, err := e.sessionOptions()
	if err != nil {
		return nil, err
	}
	return e, session.Destroy()
}

func parseDevice(device string) (gpu int, err error) {
	if device == "" || device == "cpu" {
		return -1, nil
	}
	number, ok := strings.CutPrefix(device, "cuda:")
	gpu, err = strconv.Atoi(number)
	if !ok || err != nil || gpu < 0 {
		return 0, fmt.Errorf("onnx: device is %q; want cpu or cuda:N", device)
	}
	return gpu, nil
}

// Provider names what computes: CPU or CUDA:N.
func (e *Engine) Provider() string {
	if e.gpu >= 0 {
		return fmt.Sprintf("CUDA:%d", e.gpu)
	}
	return "CPU"
}

// Runs is one: a run takes all threads, or the whole GPU.
func (e *Engine) Runs() int { return 1 }

// Version says which ONNX Runtime was loaded, and from where.
func (e *Engine) Version() string {
	return fmt.Sprintf("ONNX Runtime %s (%s)", ort.GetVersion(), e.library)
}

// sessionOptions sets threads and device for one graph.
func (e *Engine) sessionOptions() (*ort.SessionOptions, error) {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	threads := e.options.Threads
	if threads == 0 {
		threads = runtime.NumCPU()
	}
	err = options.SetIntraOpNumThreads(threads)
	if err == nil && e.gpu >= 0 {
		err = e.useCUDA(options)
	}
	if err != nil {
		_ = options.Destroy()
		return nil, err
	}
	return options, nil
}

// useCUDA appends the CUDA provider, saying what is missing where it cannot.
func (e *Engine) useCUDA(options *ort.SessionOptions) error {
	const provider = "libonnxruntime_providers_cuda.so"
	if _, err := os.Stat(filepath.Join(filepath.Dir(e.library), provider)); err != nil {
		return fmt.Errorf("onnx: device cuda:%d: the ONNX Runtime at %s is a CPU build, %s is not beside it: install the GPU build there or set device to cpu",
			e.gpu, e.library, provider)
	}
	cuda, err := ort.NewCUDAProviderOptions()
	if err == nil {
		defer func() { _ = cuda.Destroy() }()
		err = cuda.Update(map[string]string{"device_id": strconv.Itoa(e.gpu)})
	}
	if err == nil {
		err = options.AppendExecutionProviderCUDA(cuda)
	}
	if err != nil {
		return fmt.Errorf("onnx: device cuda:%d cannot be used; check the driver, CUDA and cuDNN, or set device to cpu: %w", e.gpu, err)
	}
	return nil
}

// Load makes a session of one graph.
func (e *Engine) Load(_ context.Context, file inference.File) (inference.Graph, error) {
	options, err := e.sessionOptions()
	if err != nil {
		return nil, err
	}
	defer func() { _ = options.Destroy() }()
	if file.Path != "" {
		return loadFrom(file, options)
	}
	data, err := file.Bytes()
	if err != nil {
		return nil, err
	}
	inputs, outputs, err := ort.GetInputOutputInfoWithONNXData(data)
	if err != nil {
		return nil, fmt.Errorf("not a graph that ONNX Runtime reads: %w", err)
	}
	if err := checkNames(file, inputs, outputs); err != nil {
		return nil, err
	}
	session, err := ort.NewDynamicAdvancedSessionWithONNXData(data, file.Inputs, file.Outputs, options)
	return newGraph(file, session, err)
}

// loadFrom loads a graph from disk, with its external data.
func loadFrom(file inference.File, options *ort.SessionOptions) (inference.Graph, error) {
	look, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer func() { _ = look.Destroy() }()
	if err := look.SetGraphOptimizationLevel(ort.GraphOptimizationLevelDisableAll); err != nil {
		return nil, err
	}
	inputs, outputs, err := ort.GetInputOutputInfoWithOptions(file.Path, look)
	if err != nil {
		return nil, fmt.Errorf("not a graph that ONNX Runtime reads: %w", err)
	}
	if err := checkNames(file, inputs, outputs); err != nil {
		return nil, err
	}
	session, err := ort.NewDynamicAdvancedSession(file.Path, file.Inputs, file.Outputs, options)
	return newGraph(file, session, err)
}

func newGraph(file inference.File, session *ort.DynamicAdvancedSession, err error) (inference.Graph, error) {
	if err != nil {
		return nil, fmt.Errorf("ONNX Runtime refuses the graph: %w", err)
	}
	return &graph{session: session, inputs: file.Inputs, outputs: file.Outputs}, nil
}

// checkNames compares what the graph has with what the pack's contract wants.
func checkNames(file inference.File, inputs, outputs []ort.InputOutputInfo) error {
	if got := names(inputs); !sameNames(got, file.Inputs) {
		return fmt.Errorf("the graph has inputs %v; want %v", got, file.Inputs)
	}
	for _, want := range file.Outputs {
		if got := names(outputs); !slices.Contains(got, want) {
			return fmt.Errorf("the graph has outputs %v; want %v", got, file.Outputs)
		}
	}
	return nil
}

func sameNames(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func names(infos []ort.InputOutputInfo) []string {
	out := make([]string, len(infos))
	for i, info := range infos {
		out[i] = info.Name
	}
	return out
}
