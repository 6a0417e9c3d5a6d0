package kserve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"concord/inference"
	"concord/inference/kserve/protocol"
)

// Options say where graphs run.
type Options struct {
	Servers []string      // host:port
	TLS     *tls.Config   // nil: without TLS
	Timeout time.Duration // of one try on one server; 0: a minute
}

// rounds is how often a run goes to each server before it is given up for now.
const rounds = 2

// An Engine runs graphs on servers. A run goes to the least busy of those that work; one that fails to answer is
// left alone for a while, and another gets the run. New makes it.
type Engine struct {
	servers []*server
	timeout time.Duration
	graphs  atomic.Int64 // that are loaded
}

// New makes an engine; servers are called when they are needed. The connections end with the last graph.
func New(options Options) (*Engine, error) {
	if len(options.Servers) == 0 {
		return nil, errors.New("kserve: no servers are named: give model.servers their host:port")
	}
	how := insecure.NewCredentials()
	if options.TLS != nil {
		how = credentials.NewTLS(options.TLS)
	}
	e := &Engine{timeout: options.Timeout}
	if e.timeout == 0 {
		e.timeout = time.Minute
	}
	for _, address := range options.Servers {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(how), grpc.WithDisableServiceConfig(),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("kserve: server %s: %w", address, err), e.hangUp())
		}
		e.servers = append(e.servers, &server{address: address, conn: conn, GRPCInferenceServiceClient: protocol.NewGRPCInferenceServiceClient(conn)})
	}
	return e, nil
}

func (e *Engine) hangUp() error {
	var errs []error
	for _, s := range e.servers {
		errs = append(errs, s.conn.Close())
	}
	return errors.Join(errs...)
}

// Provider names the servers.
func (e *Engine) Provider() string {
	var addresses []string
	for _, s := range e.servers {
		addresses = append(addresses, s.address)
	}
	return "KServe at " + strings.Join(addresses, ", ")
}

// Runs keeps each server busy while the next run is on its way.
func (e *Engine) Runs() int { return 2 * len(e.servers) }

// Load looks for a graph on the servers. One that has another graph by its name is an error; servers that are
// away are not: they are looked at again when they are back.
func (e *Engine) Load(ctx context.Context, file inference.File) (inference.Graph, error) {
	g := &graph{engine: e, file: file, name: ModelName(file)}
	for _, s := range e.servers {
		if err := e.try(ctx, func(ctx context.Context) error { return s.check(ctx, g) }); err != nil && !passing(err) {
			return nil, fmt.Errorf("kserve: server %s: %w", s.address, err)
		}
	}
	e.graphs.Add(1)
	return g, nil
}

// try bounds one try.
func (e *Engine) try(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	return do(ctx)
}

// passing says whether the same call may succeed on another server or later.
func passing(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Aborted:
		return true
	}
	return false
}

// A graph is one model on the servers.
type graph struct {
	engine *Engine
	file   inference.File
	name   string
}

// Close leaves the servers as they are.
func (g *graph) Close() error {
	if g.engine.graphs.Add(-1) > 0 {
		return nil
	}
	return g.engine.hangUp()
}

// Run computes the outputs on a server. Within ctx, a server that is away, overloaded or wrong gives way to the
// next; the error is inference.ErrUnavailable where the last one was away.
func (g *graph) Run(ctx context.Context, inputs map[string]inference.Tensor) (map[string]inference.Tensor, error) {
	request := g.request(inputs)
	if n := proto.Size(request); n > maxMessage {
		return nil, fmt.Errorf("kserve: a run of %s takes %d MiB, and a message may have %d: lower graphs.rows of the pack", g.name, n>>20, maxMessage>>20)
	}
	var last error
	for range rounds * len(g.engine.servers) {
		s := g.engine.pick()
		if err := s.wait(ctx); err != nil {
			s.done(nil)
			return nil, err
		}
		var outputs map[string]inference.Tensor
		err := g.engine.try(ctx, func(ctx context.Context) (err error) {
			outputs, err = s.infer(ctx, g, request)
			return err
		})
		if ctx.Err() != nil {
			s.done(nil)
			return nil, ctx.Err()
		}
		s.done(err)
		if err == nil {
			return outputs, nil
		}
		last = fmt.Errorf("kserve: server %s: %s: %w", s.address, g.name, err)
		if status.Code(err) == codes.InvalidArgument { // no other server will like it better
			return nil, last
		}
	}
	if passing(last) {
		last = errors.Join(inference.ErrUnavailable, last)
	}
	return nil, last
}

func (g *graph) request(inputs map[string]inference.Tensor) *protocol.ModelInferRequest {
	request := &protocol.ModelInferRequest{ModelName: g.name}
	for _, spec := range g.file.Inputs {
		request.Inputs = append(request.Inputs, &protocol.ModelInferRequest_InferInputTensor{
			Name: spec.Name, Datatype: datatype(spec), Shape: inputs[spec.Name].Shape})
		request.RawInputContents = append(request.RawInputContents, raw(inputs[spec.Name]))
	}
	for _, spec := range g.file.Outputs {
		request.Outputs = append(request.Outputs, &protocol.ModelInferRequest_InferRequestedOutputTensor{Name: spec.Name})
	}
	return request
}

// infer is one run on one server, which is checked first where it was not since it was away.
func (s *server) infer(ctx context.Context, g *graph, request *protocol.ModelInferRequest) (map[string]inference.Tensor, error) {
	if err := s.check(ctx, g); err != nil {
		return nil, err
	}
	answer, err := s.ModelInfer(ctx, request)
	if err != nil {
		return nil, err
	}
	return tensorsOf(answer.GetOutputs(), answer.GetRawOutputContents(), g.file.Outputs)
}

// check asks a server once for its metadata of a graph.
func (s *server) check(ctx context.Context, g *graph) error {
	if s.isChecked(g.name) {
		return nil
	}
	found, err := s.ModelMetadata(ctx, &protocol.ModelMetadataRequest{Name: g.name})
	if status.Code(err) == codes.NotFound {
		return fmt.Errorf("it has no model %q: serve the pack there by that name: %w", g.name, err)
	}
	if err != nil {
		return err
	}
	if found.GetPlatform() == platform && !slices.Contains(found.GetVersions(), g.file.Digest) {
		return fmt.Errorf("its pack %s has the digest %.12s, this node's %.12s: give both the same pack",
			g.file.Pack, strings.Join(found.GetVersions(), " "), g.file.Digest)
	}
	if err := errors.Join(checkInfo(found.GetInputs(), g.file.Inputs), checkInfo(found.GetOutputs(), g.file.Outputs)); err != nil {
		return fmt.Errorf("its model %q does not fit the pack: %w", g.name, err)
	}
	s.setChecked(g.name)
	return nil
}
