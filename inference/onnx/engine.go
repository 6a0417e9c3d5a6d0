// Package onnx runs the graphs of a pack in ONNX Runtime: New finds and loads the shared library, the
// engine goes to inference.Open.
package onnx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"concord/inference"
)

// An Engine loads graphs onto one device; New makes it.
type Engine struct {
	options  Options
	library  string
	provider string // cpu | cuda | tensorrt
	gpu      int
	place    *place     // where tensors may be kept between graphs; nil: nowhere
	loading  sync.Mutex // of late graphs
}

// Options choose where graphs run.
type Options struct {
	Device  string // cpu (or empty) | cuda:N | tensorrt:N
	Threads int    // of one run on the CPU; 0: one for each core
	Memory  int64  // bytes of a GPU that one graph may take; 0: no limit
	// Late loads ONNX Runtime and each graph with its first run, for a pack that is known to be good: until then
	// that spares their memory. New only looks whether the library is there. It holds for the CPU alone.
	Late bool
	// Provider options of ONNX Runtime's CUDA or TensorRT provider, by its own names.
	Provider map[string]string
}

// spin is how long, in µs, a thread that has nothing to do keeps its core: it bridges the gaps between the parts of a run.
// ONNX Runtime's own is much longer, and takes half of a machine's cores from those who also work there.
const spin = "50"

// New loads ONNX Runtime and checks the device. A device that is not there is an error: nothing falls
// back to the CPU.
func New(options Options) (*Engine, error) {
	e := &Engine{options: options}
	if err := e.parseDevice(); err != nil {
		return nil, err
	}
	if options.Threads < 0 {
		return nil, fmt.Errorf("onnx: threads is %d; want 0 (one for each core) or more", options.Threads)
	}
	if e.late() && findLibrary() != libraryName {
		return e, nil
	}
	if e.provider != "cpu" {
		e.place = &place{"Cuda", e.gpu}
	}
	return e, e.start()
}

func (e *Engine) late() bool { return e.options.Late && e.provider == "cpu" }

// start loads ONNX Runtime and tries the device.
func (e *Engine) start() (err error) {
	if e.library, err = loadLibrary(); err != nil {
		return err
	}
	session, err := e.sessionOptions()
	if err != nil {
		return err
	}
	return errors.Join(findAPI(e.library), session.Destroy())
}

func (e *Engine) parseDevice() (err error) {
	device := e.options.Device
	if device == "" || device == "cpu" {
		e.provider = "cpu"
		if len(e.options.Provider) > 0 {
			return errors.New("onnx: provider options are for cuda:N and tensorrt:N; device is cpu")
		}
		return nil
	}
	number := ""
	e.provider, number, _ = strings.Cut(device, ":")
	e.gpu, err = strconv.Atoi(number)
	if e.provider != "cuda" && e.provider != "tensorrt" || err != nil || e.gpu < 0 {
		return fmt.Errorf("onnx: device is %q; want cpu, cuda:N or tensorrt:N", device)
	}
	return nil
}

// Provider names what computes: CPU, CUDA:N or TensorRT:N.
func (e *Engine) Provider() string {
	switch e.provider {
	case "cuda":
		return fmt.Sprintf("CUDA:%d", e.gpu)
	case "tensorrt":
		return fmt.Sprintf("TensorRT:%d", e.gpu)
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
	err = errors.Join(options.SetIntraOpNumThreads(threads), options.AddSessionConfigEntry("session.intra_op.spin_duration_us", spin))
	if err == nil && e.provider == "tensorrt" {
		err = e.useTensorRT(options)
	}
	if err == nil && e.provider != "cpu" { // CUDA takes what TensorRT cannot
		err = e.useCUDA(options)
	}
	if err != nil {
		_ = options.Destroy()
		return nil, err
	}
	return options, nil
}

// checkProvider says what is missing where the library of a provider is.
func (e *Engine) checkProvider(library string) error {
	if _, err := os.Stat(filepath.Join(filepath.Dir(e.library), library)); err != nil {
		return fmt.Errorf("onnx: device %s: the ONNX Runtime at %s is a build without it, %s is not beside it: install the GPU build there or set device to cpu",
			e.options.Device, e.library, library)
	}
	return nil
}

// useCUDA appends the CUDA provider, saying what is missing where it cannot.
func (e *Engine) useCUDA(options *ort.SessionOptions) error {
	if err := e.checkProvider("libonnxruntime_providers_cuda.so"); err != nil {
		return err
	}
	settings := map[string]string{"device_id": strconv.Itoa(e.gpu)}
	if e.options.Memory > 0 {
		settings["gpu_mem_limit"] = strconv.FormatInt(e.options.Memory, 10)
	}
	if e.provider == "cuda" {
		maps.Copy(settings, e.options.Provider)
	}
	cuda, err := ort.NewCUDAProviderOptions()
	if err == nil {
		defer func() { _ = cuda.Destroy() }()
		err = cuda.Update(settings)
	}
	if err == nil {
		err = options.AppendExecutionProviderCUDA(cuda)
	}
	return e.unusable(err, "the driver, CUDA and cuDNN")
}

// useTensorRT appends the TensorRT provider, saying what is missing where it cannot.
func (e *Engine) useTensorRT(options *ort.SessionOptions) error {
	if err := e.checkProvider("libonnxruntime_providers_tensorrt.so"); err != nil {
		return err
	}
	settings := map[string]string{"device_id": strconv.Itoa(e.gpu)}
	if e.options.Memory > 0 {
		settings["trt_max_workspace_size"] = strconv.FormatInt(e.options.Memory, 10)
	}
	maps.Copy(settings, e.options.Provider)
	trt, err := ort.NewTensorRTProviderOptions()
	if err == nil {
		defer func() { _ = trt.Destroy() }()
		err = trt.Update(settings)
	}
	if err == nil {
		err = options.AppendExecutionProviderTensorRT(trt)
	}
	return e.unusable(err, "the driver, CUDA, cuDNN and TensorRT")
}

func (e *Engine) unusable(err error, check string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("onnx: device %s cannot be used; check model.options, %s, or set device to cpu: %w", e.options.Device, check, err)
}

// Load makes a session of one graph.
func (e *Engine) Load(_ context.Context, file inference.File) (inference.Graph, error) {
	if e.late() {
		return &late{engine: e, file: file}, nil
	}
	return e.load(file)
}

func (e *Engine) load(file inference.File) (inference.Graph, error) {
	options, err := e.sessionOptions()
	if err != nil {
		return nil, err
	}
	defer func() { _ = options.Destroy() }()
	if file.Path != "" {
		return e.loadFrom(file, options)
	}
	data, err := file.Bytes()
	if err != nil {
		return nil, err
	}
	inputs, outputs, err := ort.GetInputOutputInfoWithONNXData(data)
	if err != nil {
		return nil, fmt.Errorf("not a graph that ONNX Runtime reads: %w", err)
	}
	if err := checkTensors(file, inputs, outputs); err != nil {
		return nil, err
	}
	session, err := ort.NewDynamicAdvancedSessionWithONNXData(data, names(file.Inputs), names(file.Outputs), options)
	return e.newGraph(file, session, err)
}

// loadFrom loads a graph from disk, with its external data.
func (e *Engine) loadFrom(file inference.File, options *ort.SessionOptions) (inference.Graph, error) {
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
	if err := checkTensors(file, inputs, outputs); err != nil {
		return nil, err
	}
	session, err := ort.NewDynamicAdvancedSession(file.Path, names(file.Inputs), names(file.Outputs), options)
	return e.newGraph(file, session, err)
}

func (e *Engine) newGraph(file inference.File, session *ort.DynamicAdvancedSession, err error) (inference.Graph, error) {
	if err != nil {
		return nil, fmt.Errorf("ONNX Runtime refuses the graph: %w", err)
	}
	return &graph{session: session, inputs: names(file.Inputs), outputs: names(file.Outputs), place: e.place, keeps: file.Keep}, nil
}

// checkTensors compares what the graph has with what the pack's contract wants.
func checkTensors(file inference.File, inputs, outputs []ort.InputOutputInfo) error {
	if len(inputs) != len(file.Inputs) {
		return fmt.Errorf("the graph has inputs %v; want %v", inputs, names(file.Inputs))
	}
	if err := checkEach("input", file.Inputs, inputs); err != nil {
		return err
	}
	return checkEach("output", file.Outputs, outputs)
}

func checkEach(kind string, wanted []inference.Spec, found []ort.InputOutputInfo) error {
	for _, want := range wanted {
		i := slices.IndexFunc(found, func(info ort.InputOutputInfo) bool { return info.Name == want.Name })
		if i < 0 {
			return fmt.Errorf("the graph has no %s %s among %v", kind, want.Name, found)
		}
		kindOf := ort.TensorElementDataType(ort.TensorElementDataTypeFloat)
		if want.Ints {
			kindOf = ort.TensorElementDataTypeInt64
		}
		shape := found[i].Dimensions // empty where the graph does not say
		if found[i].DataType != kindOf || len(shape) > 0 && !want.Fits(shape) {
			return fmt.Errorf("the graph's %s %v is not of %v with shape %v: the graph does not fit the manifest", kind, &found[i], kindOf, want.Shape)
		}
	}
	return nil
}

func names(specs []inference.Spec) []string {
	out := make([]string, len(specs))
	for i, spec := range specs {
		out[i] = spec.Name
	}
	return out
}
