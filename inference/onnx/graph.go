package onnx

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	ort "github.com/yalue/onnxruntime_go"

	"concord/inference"
)

// A graph is one session; ONNX Runtime lets several goroutines run it at once.
type graph struct {
	session         *ort.DynamicAdvancedSession
	inputs, outputs []string
	place           *place // where tensors are kept; nil: they are not
	keeps           bool   // the output is kept
}

func (g *graph) Close() error { return g.session.Destroy() }

// Run computes the outputs; when ctx ends, the run is stopped and ctx's error comes back.
func (g *graph) Run(ctx context.Context, inputs map[string]inference.Tensor) (map[string]inference.Tensor, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if g.place != nil {
		return g.runBound(inputs)
	}
	var pinned runtime.Pinner // ONNX Runtime reads the Go memory of the inputs
	defer pinned.Unpin()
	in := make([]ort.Value, len(g.inputs))
	defer destroy(in)
	for i, name := range g.inputs {
		value, err := valueOf(inputs[name], &pinned)
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", name, err)
		}
		in[i] = value
	}
	out := make([]ort.Value, len(g.outputs))
	defer destroy(out)
	if err := g.run(ctx, in, out); err != nil {
		return nil, errors.Join(ctx.Err(), err)
	}
	results := make(map[string]inference.Tensor, len(out))
	for i, name := range g.outputs {
		tensor, err := tensorOf(out[i])
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", name, err)
		}
		results[name] = tensor
	}
	return results, nil
}

// run is one run that ctx can stop.
func (g *graph) run(ctx context.Context, in, out []ort.Value) error {
	options, err := ort.NewRunOptions()
	if err != nil {
		return err
	}
	defer func() { _ = options.Destroy() }()
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		_ = options.Terminate() // it fails only on options that were never made
	})
	err = g.session.RunWithOptions(in, out, options)
	if !stop() {
		<-stopped // the options must outlive Terminate
	}
	return err
}

// valueOf hands a tensor's memory to ONNX Runtime, without a copy.
func valueOf(t inference.Tensor, pinned *runtime.Pinner) (ort.Value, error) {
	switch {
	case len(t.Floats) > 0 && t.Ints == nil:
		pinned.Pin(&t.Floats[0])
		return ort.NewTensor(ort.Shape(t.Shape), t.Floats)
	case len(t.Ints) > 0 && t.Floats == nil:
		pinned.Pin(&t.Ints[0])
		return ort.NewTensor(ort.Shape(t.Shape), t.Ints)
	}
	return nil, errors.New("the tensor is missing, empty or has two kinds of data")
}

// tensorOf copies an output out of ONNX Runtime's memory.
func tensorOf(value ort.Value) (inference.Tensor, error) {
	shape := append([]int64(nil), value.GetShape()...)
	switch value := value.(type) {
	case *ort.Tensor[float32]:
		return inference.Tensor{Shape: shape, Floats: append([]float32(nil), value.GetData()...)}, nil
	case *ort.Tensor[int64]:
		return inference.Tensor{Shape: shape, Ints: append([]int64(nil), value.GetData()...)}, nil
	}
	return inference.Tensor{}, fmt.Errorf("it is a %T; want 32-bit floats or 64-bit integers", value)
}

func destroy(values []ort.Value) {
	for _, value := range values {
		if value != nil {
			_ = value.Destroy() // it fails only on a value destroyed before
		}
	}
}
