package kserve

import (
	"encoding/binary"
	"fmt"
	"math"

	"concord/inference"
	"concord/inference/kserve/protocol"
)

// datatype is the protocol's name of a spec's elements.
func datatype(spec inference.Spec) string {
	if spec.Ints {
		return "INT64"
	}
	return "FP32"
}

// raw is the binary form of a tensor: little endian, row-major.
func raw(t inference.Tensor) []byte {
	out := make([]byte, 0, 4*len(t.Floats)+8*len(t.Ints))
	for _, v := range t.Floats {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	for _, v := range t.Ints {
		out = binary.LittleEndian.AppendUint64(out, uint64(v))
	}
	return out
}

// described is what the inputs of a request and the outputs of an answer say of a tensor.
type described interface {
	GetName() string
	GetDatatype() string
	GetShape() []int64
	GetContents() *protocol.InferTensorContents
}

// tensorOf reads a tensor, from its raw bytes where the message has such, and checks it against the spec.
func tensorOf(d described, spec inference.Spec, isRaw bool, data []byte) (inference.Tensor, error) {
	t := inference.Tensor{Shape: d.GetShape()}
	width := 4
	if spec.Ints {
		width = 8
	}
	switch {
	case d.GetDatatype() != datatype(spec):
		return t, fmt.Errorf("%s is of %q; want %s", spec.Name, d.GetDatatype(), datatype(spec))
	case !isRaw && spec.Ints:
		t.Ints = d.GetContents().GetInt64Contents()
	case !isRaw:
		t.Floats = d.GetContents().GetFp32Contents()
	case len(data)%width != 0:
		return t, fmt.Errorf("%s has %d bytes, which are no whole number of %s", spec.Name, len(data), datatype(spec))
	case spec.Ints:
		t.Ints = make([]int64, len(data)/width)
		for i := range t.Ints {
			t.Ints[i] = int64(binary.LittleEndian.Uint64(data[width*i:]))
		}
	default:
		t.Floats = make([]float32, len(data)/width)
		for i := range t.Floats {
			t.Floats[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[width*i:]))
		}
	}
	return t, t.Check(spec)
}

// tensorsOf reads the tensors that the specs name out of a message's list.
func tensorsOf[D described](list []D, raws [][]byte, specs []inference.Spec) (map[string]inference.Tensor, error) {
	if len(raws) > 0 && len(raws) != len(list) {
		return nil, fmt.Errorf("%d tensors come with %d raw contents", len(list), len(raws))
	}
	tensors := map[string]inference.Tensor{}
	for _, spec := range specs {
		for i, d := range list {
			if d.GetName() != spec.Name {
				continue
			}
			var data []byte
			if len(raws) > 0 {
				data = raws[i]
			}
			t, err := tensorOf(d, spec, len(raws) > 0, data)
			if err != nil {
				return nil, err
			}
			tensors[spec.Name] = t
		}
		if _, ok := tensors[spec.Name]; !ok {
			return nil, fmt.Errorf("the tensor %s is missing", spec.Name)
		}
	}
	return tensors, nil
}

// infoOf is the metadata of tensors.
func infoOf(specs []inference.Spec) (list []*protocol.ModelMetadataResponse_TensorMetadata) {
	for _, spec := range specs {
		list = append(list, &protocol.ModelMetadataResponse_TensorMetadata{Name: spec.Name, Datatype: datatype(spec), Shape: spec.Shape})
	}
	return list
}

// checkInfo says whether a server's metadata of tensors has what the specs want.
func checkInfo(list []*protocol.ModelMetadataResponse_TensorMetadata, specs []inference.Spec) error {
	found := map[string]*protocol.ModelMetadataResponse_TensorMetadata{}
	for _, info := range list {
		found[info.GetName()] = info
	}
	for _, spec := range specs {
		info := found[spec.Name]
		if info == nil || info.Datatype != datatype(spec) || !spec.Fits(info.Shape) {
			return fmt.Errorf("the tensor %s is %s %v there; want %s %v", spec.Name, info.GetDatatype(), info.GetShape(), datatype(spec), spec.Shape)
		}
	}
	return nil
}
