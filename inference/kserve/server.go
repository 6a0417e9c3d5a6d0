package kserve

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"concord/inference"
	"concord/inference/kserve/protocol"
)

// maxWaiting bounds the runs that wait for the engine, each with its message; more are refused, and the client
// goes to another server or comes again.
const maxWaiting = 32

// A Server serves the graphs that are loaded through it: it is an inference.Engine on top of the one that runs
// them, so inference.Open with it serves a pack.
type Server struct {
	protocol.UnimplementedGRPCInferenceServiceServer
	inference.Engine
	Version string // of the software

	slots   chan struct{} // one for each run at once
	waiting atomic.Int64
	mu      sync.Mutex
	models  map[string]*served
}

// served is one graph.
type served struct {
	inference.Graph
	file inference.File
}

// NewServer makes a server; Register lets a gRPC server take its calls.
func NewServer(engine inference.Engine, version string) *Server {
	return &Server{Engine: engine, Version: version, slots: make(chan struct{}, max(1, engine.Runs())), models: map[string]*served{}}
}

// maxStreams bounds the calls of one connection: 2 GiB of messages at worst.
const maxStreams = 16

// Limits are the options that the gRPC server needs.
func Limits() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage), grpc.MaxConcurrentStreams(maxStreams)}
}

// Register lets a gRPC server take the calls.
func (s *Server) Register(r grpc.ServiceRegistrar) { protocol.RegisterGRPCInferenceServiceServer(r, s) }

// Load loads a graph into the engine and serves it.
func (s *Server) Load(ctx context.Context, file inference.File) (inference.Graph, error) {
	file.Keep = false // what is kept cannot travel
	if _, err := s.model(ModelName(file)); err == nil {
		return nil, fmt.Errorf("a graph %s is served already: packs of one server need names of their own", ModelName(file))
	}
	graph, err := s.Engine.Load(ctx, file)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.models[ModelName(file)] = &served{graph, file}
	return graph, nil
}

func (s *Server) model(name string) (*served, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.models[name]; m != nil {
		return m, nil
	}
	return nil, status.Errorf(codes.NotFound, "there is no model %.64q here", name)
}

// ServerLive implements the protocol.
func (s *Server) ServerLive(context.Context, *protocol.ServerLiveRequest) (*protocol.ServerLiveResponse, error) {
	return &protocol.ServerLiveResponse{Live: true}, nil
}

// ServerReady implements the protocol: the server listens once its packs are loaded.
func (s *Server) ServerReady(context.Context, *protocol.ServerReadyRequest) (*protocol.ServerReadyResponse, error) {
	return &protocol.ServerReadyResponse{Ready: true}, nil
}

// ModelReady implements the protocol.
func (s *Server) ModelReady(_ context.Context, r *protocol.ModelReadyRequest) (*protocol.ModelReadyResponse, error) {
	_, err := s.model(r.GetName())
	return &protocol.ModelReadyResponse{Ready: err == nil}, nil
}

// ServerMetadata implements the protocol.
func (s *Server) ServerMetadata(context.Context, *protocol.ServerMetadataRequest) (*protocol.ServerMetadataResponse, error) {
	return &protocol.ServerMetadataResponse{Name: "concord", Version: s.Version}, nil
}

// ModelMetadata implements the protocol. The version of a model is the digest of its pack.
func (s *Server) ModelMetadata(_ context.Context, r *protocol.ModelMetadataRequest) (*protocol.ModelMetadataResponse, error) {
	m, err := s.model(r.GetName())
	if err != nil {
		return nil, err
	}
	return &protocol.ModelMetadataResponse{Name: r.GetName(), Versions: []string{m.file.Digest}, Platform: platform,
		Inputs: infoOf(m.file.Inputs), Outputs: infoOf(m.file.Outputs)}, nil
}

// ModelInfer implements the protocol. A client that goes away stops its run.
func (s *Server) ModelInfer(ctx context.Context, r *protocol.ModelInferRequest) (*protocol.ModelInferResponse, error) {
	m, err := s.model(r.GetModelName())
	if err != nil {
		return nil, err
	}
	wanted, err := m.wanted(r.GetOutputs())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	inputs, err := tensorsOf(r.GetInputs(), r.GetRawInputContents(), m.file.Inputs)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	outputs, err := s.run(ctx, m, inputs)
	if err != nil {
		return nil, err
	}
	answer := &protocol.ModelInferResponse{ModelName: r.GetModelName(), ModelVersion: m.file.Digest, Id: r.GetId()}
	for _, spec := range wanted {
		t := outputs[spec.Name]
		answer.Outputs = append(answer.Outputs, &protocol.ModelInferResponse_InferOutputTensor{Name: spec.Name, Datatype: datatype(spec), Shape: t.Shape})
		answer.RawOutputContents = append(answer.RawOutputContents, raw(t))
	}
	return answer, nil
}

// wanted are the outputs that a request asks for; all, if it names none.
func (m *served) wanted(outputs []*protocol.ModelInferRequest_InferRequestedOutputTensor) (specs []inference.Spec, err error) {
	if len(outputs) == 0 {
		return m.file.Outputs, nil
	}
	for _, o := range outputs {
		i := slices.IndexFunc(m.file.Outputs, func(spec inference.Spec) bool { return spec.Name == o.GetName() })
		if i < 0 {
			return nil, fmt.Errorf("there is no output %.64q", o.GetName())
		}
		specs = append(specs, m.file.Outputs[i])
	}
	return specs, nil
}

// run waits for the engine and runs a graph.
func (s *Server) run(ctx context.Context, m *served, inputs map[string]inference.Tensor) (map[string]inference.Tensor, error) {
	if s.waiting.Add(1) > maxWaiting {
		s.waiting.Add(-1)
		return nil, status.Errorf(codes.ResourceExhausted, "%d runs wait already", maxWaiting)
	}
	select {
	case s.slots <- struct{}{}:
		s.waiting.Add(-1)
		defer func() { <-s.slots }()
	case <-ctx.Done():
		s.waiting.Add(-1)
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	outputs, err := m.Run(ctx, inputs)
	switch {
	case ctx.Err() != nil:
		return nil, status.FromContextError(ctx.Err()).Err()
	case err != nil:
		return nil, status.Error(codes.InvalidArgument, "the graph refuses the inputs: "+err.Error())
	}
	return outputs, nil
}
