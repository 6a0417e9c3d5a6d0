package onnx

// The Go binding of ONNX Runtime reads every output into Go's memory, which a GPU's is not. So what is kept on the
// device goes through ONNX Runtime's own table of functions.

/*
#cgo CFLAGS: -std=gnu11
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

// OrtApi (onnxruntime_c_api.h) is a table of functions that grows at its end only: a position in it is the same in
// every version.
enum {
	GetErrorMessage = 2, GetDimensionsCount = 61, GetDimensions = 62, GetTensorTypeAndShape = 65, CreateMemoryInfo = 68,
	AllocatorFree = 76, GetAllocatorWithDefaultOptions = 78, ReleaseStatus = 93, ReleaseMemoryInfo = 94,
	ReleaseValue = 96, ReleaseTensorTypeAndShapeInfo = 99, BindInput = 136, BindOutputToDevice = 138,
	GetBoundOutputValues = 140,
};
static void *const *api;
#define CALL(function, ...) (((void *(*)())api[function])(__VA_ARGS__))

static int find_api(const char *path) {
	struct base { void *const *(*get_api)(uint32_t); };
	void *library = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
	const struct base *(*get_base)(void) = library ? dlsym(library, "OrtGetApiBase") : NULL;
	api = get_base ? get_base()->get_api(17) : NULL;
	return api != NULL;
}

static void *bind_input(void *binding, const char *name, void *value) { return CALL(BindInput, binding, name, value); }

static void *bind_output(void *binding, const char *name, const char *memory, int device) {
	void *info = NULL;
	void *status = CALL(CreateMemoryInfo, memory, 0, device, 0, &info); // device allocator, default memory
	if (status == NULL) status = CALL(BindOutputToDevice, binding, name, info);
	if (info != NULL) CALL(ReleaseMemoryInfo, info);
	return status;
}

struct output { void *value, *status; };

// first_output takes the only output of a run.
static struct output first_output(void *binding) {
	struct output out = {0};
	void *allocator, **values = NULL;
	size_t count = 0;
	out.status = CALL(GetAllocatorWithDefaultOptions, &allocator);
	if (out.status == NULL) out.status = CALL(GetBoundOutputValues, binding, allocator, &values, &count);
	if (out.status != NULL) return out;
	for (size_t i = 1; i < count; i++) CALL(ReleaseValue, values[i]);
	if (count > 0) out.value = values[0];
	out.status = CALL(AllocatorFree, allocator, values);
	return out;
}

// shape_of writes at most room sides and says how many there are.
static void *shape_of(void *value, int64_t *shape, size_t room, size_t *sides) {
	void *info = NULL;
	void *status = CALL(GetTensorTypeAndShape, value, &info);
	if (status == NULL) status = CALL(GetDimensionsCount, info, sides);
	if (status == NULL && *sides <= room) status = CALL(GetDimensions, info, shape, *sides);
	if (info != NULL) CALL(ReleaseTensorTypeAndShapeInfo, info);
	return status;
}

static const char *message_of(void *status) { return (const char *)CALL(GetErrorMessage, status); }
static void release_status(void *status) { CALL(ReleaseStatus, status); }
static void release_value(void *value) { CALL(ReleaseValue, value); }
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"

	"concord/inference"
)

// A place is the memory of a device in ONNX Runtime's words.
type place struct {
	memory string // Cuda, Cpu
	device int
}

// kept is a tensor that stays where it was computed. It is freed with the last reference to it.
type kept struct{ value unsafe.Pointer } // OrtValue

// findAPI finds ONNX Runtime's table of functions in the library that is loaded.
func findAPI(path string) error {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	if C.find_api(name) == 0 {
		return errors.New("onnx: ONNX Runtime has no OrtGetApiBase: install an official build")
	}
	return nil
}

func statusError(status unsafe.Pointer) error {
	if status == nil {
		return nil
	}
	defer C.release_status(status)
	return errors.New(C.GoString(C.message_of(status)))
}

// runBound is one run whose inputs may be kept, and whose only output is kept if the graph keeps it. It cannot be
// stopped.
func (g *graph) runBound(inputs map[string]inference.Tensor) (map[string]inference.Tensor, error) {
	binding, err := g.session.CreateIoBinding()
	if err != nil {
		return nil, err
	}
	defer func() { _ = binding.Destroy() }()
	c := *(*unsafe.Pointer)(unsafe.Pointer(binding)) // its only field, the OrtIoBinding
	var pinned runtime.Pinner
	defer pinned.Unpin()
	for _, name := range g.inputs {
		release, err := bindInput(binding, c, name, inputs[name], &pinned)
		defer release()
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", name, err)
		}
	}
	to := place{memory: "Cpu"}
	if g.keeps {
		to = *g.place
	}
	if err := bindOutput(c, g.outputs[0], to); err != nil {
		return nil, err
	}
	if err := g.session.RunWithBinding(binding); err != nil {
		return nil, err
	}
	var t inference.Tensor
	if g.keeps {
		t, err = keptOutput(c)
	} else {
		t, err = copiedOutput(binding)
	}
	if err != nil {
		return nil, fmt.Errorf("output %s: %w", g.outputs[0], err)
	}
	return map[string]inference.Tensor{g.outputs[0]: t}, nil
}

// bindInput binds a kept tensor, or Go's memory; release is called after the run.
func bindInput(binding *ort.IoBinding, c unsafe.Pointer, name string, t inference.Tensor, pinned *runtime.Pinner) (release func(), err error) {
	if k, ok := t.Kept.(*kept); ok {
		text := C.CString(name)
		defer C.free(unsafe.Pointer(text))
		err := statusError(C.bind_input(c, text, k.value))
		return func() { runtime.KeepAlive(k) }, err
	}
	value, err := valueOf(t, pinned)
	if err != nil {
		return func() {}, err
	}
	return func() { destroy([]ort.Value{value}) }, binding.BindInput(name, value)
}

func bindOutput(c unsafe.Pointer, name string, to place) error {
	text, memory := C.CString(name), C.CString(to.memory)
	defer C.free(unsafe.Pointer(text))
	defer C.free(unsafe.Pointer(memory))
	return statusError(C.bind_output(c, text, memory, C.int(to.device)))
}

func copiedOutput(binding *ort.IoBinding) (inference.Tensor, error) {
	values, err := binding.GetBoundOutputValues()
	if err != nil {
		return inference.Tensor{}, err
	}
	defer destroy(values)
	return tensorOf(values[0])
}

func keptOutput(c unsafe.Pointer) (inference.Tensor, error) {
	out := C.first_output(c)
	if err := statusError(out.status); err != nil {
		return inference.Tensor{}, err
	}
	k := &kept{out.value}
	runtime.AddCleanup(k, func(value unsafe.Pointer) { C.release_value(value) }, k.value)
	var shape [8]C.int64_t
	var sides C.size_t
	if err := statusError(C.shape_of(k.value, &shape[0], C.size_t(len(shape)), &sides)); err != nil {
		return inference.Tensor{}, err
	}
	if int(sides) > len(shape) {
		return inference.Tensor{}, fmt.Errorf("it has %d dimensions", sides)
	}
	t := inference.Tensor{Kept: k}
	for _, side := range shape[:sides] {
		t.Shape = append(t.Shape, int64(side))
	}
	return t, nil
}
