package kserve

import (
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/png"
	"io/fs"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"concord/inference"
	"concord/inference/kserve/protocol"
	"concord/inference/onnx"
	"concord/inference/packs"
)

// listen serves a service on a port of its own and returns its address.
func listen(t *testing.T, s protocol.GRPCInferenceServiceServer) (address string, g *grpc.Server) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g = grpc.NewServer(Limits()...)
	protocol.RegisterGRPCInferenceServiceServer(g, s)
	go g.Serve(l)
	t.Cleanup(g.Stop)
	return l.Addr().String(), g
}

// engine runs what it is given; the sum of the inputs' floats and integers is its output.
type engine struct {
	run func(context.Context, map[string]inference.Tensor) (map[string]inference.Tensor, error)
}

func (engine) Provider() string { return "test" }
func (engine) Runs() int        { return 1 }
func (engine) Close() error     { return nil }
func (e engine) Run(ctx context.Context, in map[string]inference.Tensor) (map[string]inference.Tensor, error) {
	return e.run(ctx, in)
}
func (e engine) Load(context.Context, inference.File) (inference.Graph, error) { return e, nil }

func sums(_ context.Context, in map[string]inference.Tensor) (map[string]inference.Tensor, error) {
	out := inference.Tensor{Shape: []int64{1, 3}, Floats: make([]float32, 3)}
	for _, v := range in["x"].Floats {
		out.Floats[0] += v
	}
	for _, v := range in["n"].Ints {
		out.Floats[1] += float32(v)
	}
	return map[string]inference.Tensor{"y": out}, nil
}

var file = inference.File{Pack: "p", Name: "graphs/g.onnx", Digest: "d1",
	Inputs:  []inference.Spec{{Name: "x", Shape: []int64{-1, 2}}, {Name: "n", Ints: true, Shape: []int64{-1}}},
	Outputs: []inference.Spec{{Name: "y", Shape: []int64{-1, 3}}}}

var inputs = map[string]inference.Tensor{"x": {Shape: []int64{2, 2}, Floats: []float32{1, 2, 3, 4}}, "n": {Shape: []int64{1}, Ints: []int64{-7}}}

// serveFile is a server of our own that serves file.
func serveFile(t *testing.T, run func(context.Context, map[string]inference.Tensor) (map[string]inference.Tensor, error)) string {
	t.Helper()
	s := NewServer(engine{run}, "test")
	if _, err := s.Load(context.Background(), file); err != nil {
		t.Fatal(err)
	}
	address, _ := listen(t, s)
	return address
}

func load(t *testing.T, f inference.File, timeout time.Duration, servers ...string) (inference.Graph, error) {
	t.Helper()
	e, err := New(Options{Servers: servers, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	g, err := e.Load(context.Background(), f)
	if err == nil {
		t.Cleanup(func() { g.Close() })
	}
	return g, err
}

func mustLoad(t *testing.T, timeout time.Duration, servers ...string) inference.Graph {
	t.Helper()
	g, err := load(t, file, timeout, servers...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Packs of every kind give the same bits through a server as in this process.
func TestServedPackGivesTheSameBits(t *testing.T) {
	local, err := onnx.New(onnx.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(local, "test")
	address, _ := listen(t, s)
	remote, err := New(Options{Servers: []string{address}})
	if err != nil {
		t.Fatal(err)
	}
	picture := goldenPicture(t)
	statements := []inference.Statement{{Text: "This is a phantom.", Language: "en"}, {Text: "头颅CT轴位", Language: "zh"},
		{Text: "AP view of a phantom.", Language: "en"}, {Text: "No pleural effusion.", Language: "en"}}
	const kinds = "../testdata/kinds"
	for _, pack := range []fs.FS{packs.Builtin(), inference.Dir(kinds + "/clip"), inference.Dir(kinds + "/bert"), inference.Dir(kinds + "/choice")} {
		var scores [2][][]inference.Score
		for i, e := range []inference.Engine{s, remote} {
			m, err := inference.Open(context.Background(), pack, e)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			encoded, err := m.EncodeImage(context.Background(), picture)
			if err != nil {
				t.Fatal(err)
			}
			if scores[i], err = m.Score(context.Background(), []*inference.Encoded{encoded}, statements); err != nil {
				t.Fatal(err)
			}
		}
		if !reflect.DeepEqual(scores[0], scores[1]) || scores[0][0][0].Label == inference.NotJudged {
			t.Errorf("%v: here %+v\nthere %+v", pack, scores[0], scores[1])
		}
	}
}

func TestRunTravelsBothWays(t *testing.T) {
	g := mustLoad(t, 0, serveFile(t, sums))
	got, err := g.Run(context.Background(), inputs)
	if want := (inference.Tensor{Shape: []int64{1, 3}, Floats: []float32{10, -7, 0}}); err != nil || !reflect.DeepEqual(got["y"], want) {
		t.Errorf("%+v, %v; want %+v", got["y"], err, want)
	}
}

func TestServerAnswersHealthAndMetadata(t *testing.T) {
	s := NewServer(engine{sums}, "v1")
	ctx := context.Background()
	if _, err := s.Load(ctx, file); err != nil {
		t.Fatal(err)
	}
	live, _ := s.ServerLive(ctx, nil)
	ready, _ := s.ServerReady(ctx, nil)
	model, _ := s.ModelReady(ctx, &protocol.ModelReadyRequest{Name: "p-g"})
	other, _ := s.ModelReady(ctx, &protocol.ModelReadyRequest{Name: "p-h"})
	about, _ := s.ServerMetadata(ctx, nil)
	if !live.Live || !ready.Ready || !model.Ready || other.Ready || about.Name != "concord" || about.Version != "v1" {
		t.Errorf("%v %v %v %v %v", live, ready, model, other, about)
	}
	got, err := s.ModelMetadata(ctx, &protocol.ModelMetadataRequest{Name: "p-g"})
	if err != nil || !slices.Equal(got.Versions, []string{"d1"}) || got.Inputs[1].Datatype != "INT64" || !slices.Equal(got.Inputs[0].Shape, []int64{-1, 2}) {
		t.Errorf("%v, %v", got, err)
	}
}

func rawFloats(values ...uint32) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

// What is wrong with a request is an INVALID_ARGUMENT that says so; nothing reaches the graph.
func TestServerRefusesBadRequests(t *testing.T) {
	s := NewServer(engine{func(context.Context, map[string]inference.Tensor) (map[string]inference.Tensor, error) {
		t.Error("a bad request reached the graph")
		return nil, errors.New("no")
	}}, "test")
	if _, err := s.Load(context.Background(), file); err != nil {
		t.Fatal(err)
	}
	x := func(shape ...int64) *protocol.ModelInferRequest_InferInputTensor {
		return &protocol.ModelInferRequest_InferInputTensor{Name: "x", Datatype: "FP32", Shape: shape}
	}
	n := &protocol.ModelInferRequest_InferInputTensor{Name: "n", Datatype: "INT64", Shape: []int64{1}}
	eight := make([]byte, 8)
	type tensors = []*protocol.ModelInferRequest_InferInputTensor
	for name, r := range map[string]*protocol.ModelInferRequest{
		"missing":         {Inputs: tensors{x(1, 2)}, RawInputContents: [][]byte{eight}},
		"short":           {Inputs: tensors{x(2, 2), n}, RawInputContents: [][]byte{eight, eight}},
		"odd bytes":       {Inputs: tensors{x(1, 2), n}, RawInputContents: [][]byte{eight, eight[:7]}},
		"raw for one":     {Inputs: tensors{x(1, 2), n}, RawInputContents: [][]byte{eight}},
		"no contents":     {Inputs: tensors{x(1, 2), n}},
		"negative":        {Inputs: tensors{x(-1, 2), n}, RawInputContents: [][]byte{eight, eight}},
		"overflow":        {Inputs: tensors{x(1<<62, 2), n}, RawInputContents: [][]byte{eight, eight}},
		"another rank":    {Inputs: tensors{x(2), n}, RawInputContents: [][]byte{eight, eight}},
		"another type":    {Inputs: tensors{{Name: "x", Datatype: "FP16", Shape: []int64{2, 2}}, n}, RawInputContents: [][]byte{eight, eight}},
		"an output of no": {Inputs: tensors{x(1, 2), n}, RawInputContents: [][]byte{eight, eight}, Outputs: []*protocol.ModelInferRequest_InferRequestedOutputTensor{{Name: "z"}}},
	} {
		r.ModelName = "p-g"
		if _, err := s.ModelInfer(context.Background(), r); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.ModelInfer(context.Background(), &protocol.ModelInferRequest{ModelName: "q"}); status.Code(err) != codes.NotFound {
		t.Errorf("another model: %v", err)
	}
}

// A client that goes away stops its run; more than may wait are refused.
func TestServerStopsAndRefuses(t *testing.T) {
	began, stopped := make(chan struct{}), make(chan struct{})
	s := NewServer(engine{func(ctx context.Context, _ map[string]inference.Tensor) (map[string]inference.Tensor, error) {
		close(began)
		<-ctx.Done()
		close(stopped)
		return nil, ctx.Err()
	}}, "test")
	if _, err := s.Load(context.Background(), file); err != nil {
		t.Fatal(err)
	}
	address, _ := listen(t, s)
	g := mustLoad(t, 0, address)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		_, err := g.Run(ctx, inputs)
		ended <- err
	}()
	<-began
	s.waiting.Store(maxWaiting)
	if _, err := s.run(context.Background(), s.models["p-g"], inputs); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("one too many: %v", err)
	}
	cancel()
	<-stopped
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the client: %v", err)
	}
}

// liar is another's server: it answers what it is told to.
type liar struct {
	protocol.UnimplementedGRPCInferenceServiceServer
	metadata atomic.Pointer[protocol.ModelMetadataResponse] // nil: of file
	infer    func(context.Context) (*protocol.ModelInferResponse, error)
}

func (l *liar) ModelMetadata(context.Context, *protocol.ModelMetadataRequest) (*protocol.ModelMetadataResponse, error) {
	m := l.metadata.Load()
	if m == nil {
		m = &protocol.ModelMetadataResponse{Versions: []string{"1"}, Platform: "onnxruntime_onnx", Inputs: infoOf(file.Inputs), Outputs: infoOf(file.Outputs)}
	}
	return m, nil
}

func (l *liar) ModelInfer(ctx context.Context, _ *protocol.ModelInferRequest) (*protocol.ModelInferResponse, error) {
	return l.infer(ctx)
}

func answer(name, datatype string, shape []int64, raw ...[]byte) *protocol.ModelInferResponse {
	return &protocol.ModelInferResponse{RawOutputContents: raw,
		Outputs: []*protocol.ModelInferResponse_InferOutputTensor{{Name: name, Datatype: datatype, Shape: shape}}}
}

// A server that lies about its answer is an error that says how, for each lie; another server helps out.
func TestLiesAreErrors(t *testing.T) {
	one := rawFloats(0x3f800000, 0x40000000, 0x40400000)
	good := serveFile(t, sums)
	for name, c := range map[string]struct {
		answer *protocol.ModelInferResponse
		want   string
	}{
		"empty":         {&protocol.ModelInferResponse{}, "missing"},
		"another name":  {answer("z", "FP32", []int64{1, 3}, one), "missing"},
		"another type":  {answer("y", "FP64", []int64{1, 3}, one), `"FP64"`},
		"more rows":     {answer("y", "FP32", []int64{2, 3}, one), "shape [2 3] with 3 values"},
		"another width": {answer("y", "FP32", []int64{3, 1}, one), "want shape"},
		"negative":      {answer("y", "FP32", []int64{-1, 3}, one), "shape [-1 3]"},
		"a huge shape":  {answer("y", "FP32", []int64{1 << 40, 3}, one), "shape"},
		"no bytes":      {answer("y", "FP32", []int64{1, 3}), "0 values"},
		"odd bytes":     {answer("y", "FP32", []int64{1, 3}, one[:11]), "11 bytes"},
		"two contents":  {answer("y", "FP32", []int64{1, 3}, one, one), "2 raw contents"},
	} {
		address, _ := listen(t, &liar{infer: func(context.Context) (*protocol.ModelInferResponse, error) { return c.answer, nil }})
		_, err := mustLoad(t, 0, address).Run(context.Background(), inputs)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), address) || errors.Is(err, inference.ErrUnavailable) {
			t.Errorf("%s: error %v; want %q and the server in it", name, err, c.want)
		}
		if _, err := mustLoad(t, 0, address, good).Run(context.Background(), inputs); err != nil {
			t.Errorf("%s: with a good server beside it: %v", name, err)
		}
	}
}

// Typed contents are read, too: some servers answer with them.
func TestTypedContentsAreRead(t *testing.T) {
	typed := answer("y", "FP32", []int64{1, 3})
	typed.Outputs[0].Contents = &protocol.InferTensorContents{Fp32Contents: []float32{1, 2, 3}}
	address, _ := listen(t, &liar{infer: func(context.Context) (*protocol.ModelInferResponse, error) { return typed, nil }})
	got, err := mustLoad(t, 0, address).Run(context.Background(), inputs)
	if err != nil || !slices.Equal(got["y"].Floats, []float32{1, 2, 3}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestLoadRefusesAnotherModel(t *testing.T) {
	other := file
	other.Digest = "d2"
	if _, err := load(t, other, 0, serveFile(t, sums)); err == nil || !strings.Contains(err.Error(), "the same pack") {
		t.Errorf("another digest: %v", err)
	}
	other = file
	other.Name = "h.onnx"
	if _, err := load(t, other, 0, serveFile(t, sums)); err == nil || !strings.Contains(err.Error(), `no model "p-h"`) {
		t.Errorf("another name: %v", err)
	}
	wide := infoOf([]inference.Spec{{Name: "x", Shape: []int64{-1, 5}}, file.Inputs[1]})
	l := &liar{}
	l.metadata.Store(&protocol.ModelMetadataResponse{Inputs: wide, Outputs: infoOf(file.Outputs)})
	address, _ := listen(t, l)
	if _, err := load(t, file, 0, address); err == nil || !strings.Contains(err.Error(), "the tensor x is FP32 [-1 5] there") {
		t.Errorf("another shape: %v", err)
	}
}

// A server that hangs, is overloaded, dies or was never there gives way to one that works; with none, the run may
// come again, and it does when a server is back.
func TestServersThatFail(t *testing.T) {
	good := serveFile(t, sums)
	hangs, _ := listen(t, &liar{infer: func(ctx context.Context) (*protocol.ModelInferResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	overloaded, _ := listen(t, &liar{infer: func(context.Context) (*protocol.ModelInferResponse, error) {
		return nil, status.Error(codes.ResourceExhausted, "later")
	}})
	var dying *grpc.Server
	var dies string
	dies, dying = listen(t, &liar{infer: func(ctx context.Context) (*protocol.ModelInferResponse, error) {
		go dying.Stop()
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	gone := "127.0.0.1:1"
	for name, address := range map[string]string{"hangs": hangs, "overloaded": overloaded, "dies in a run": dies, "gone": gone} {
		if _, err := mustLoad(t, 100*time.Millisecond, address).Run(context.Background(), inputs); !errors.Is(err, inference.ErrUnavailable) {
			t.Errorf("%s, alone: %v", name, err)
		}
		g := mustLoad(t, 100*time.Millisecond, address, good)
		for range 4 {
			if _, err := g.Run(context.Background(), inputs); err != nil {
				t.Errorf("%s, with a good server beside it: %v", name, err)
			}
		}
	}
}

// The deadline is one for all tries.
func TestDeadlineIsShared(t *testing.T) {
	hangs, _ := listen(t, &liar{infer: func(ctx context.Context) (*protocol.ModelInferResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := mustLoad(t, 0, hangs).Run(ctx, inputs); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// A server that comes back with another pack is found out before it computes anything.
func TestServerComesBackWithAnotherPack(t *testing.T) {
	l := &liar{infer: func(context.Context) (*protocol.ModelInferResponse, error) {
		return nil, status.Error(codes.Unavailable, "going")
	}}
	address, _ := listen(t, l)
	g := mustLoad(t, 0, address)
	if _, err := g.Run(context.Background(), inputs); !errors.Is(err, inference.ErrUnavailable) {
		t.Fatalf("error %v", err)
	}
	l.metadata.Store(&protocol.ModelMetadataResponse{Platform: platform, Versions: []string{"d9"}})
	if _, err := g.Run(context.Background(), inputs); err == nil || !strings.Contains(err.Error(), "the same pack") {
		t.Errorf("error %v", err)
	}
}

// Runs spread over the servers.
func TestRunsSpread(t *testing.T) {
	meet := make(chan struct{})
	both := func(context.Context, map[string]inference.Tensor) (map[string]inference.Tensor, error) {
		select { // each run waits for the one on the other server
		case meet <- struct{}{}:
		case <-meet:
		}
		return sums(context.Background(), inputs)
	}
	g := mustLoad(t, 0, serveFile(t, both), serveFile(t, both))
	ended := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := g.Run(context.Background(), inputs)
			ended <- err
		}()
	}
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func goldenPicture(t *testing.T) image.Image {
	t.Helper()
	file, err := packs.Builtin().Open("goldens/phantom1.png")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	img, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func FuzzAnswer(f *testing.F) {
	for _, a := range []*protocol.ModelInferResponse{
		answer("y", "FP32", []int64{1, 3}, rawFloats(1, 2, 3)),
		answer("y", "FP32", []int64{1 << 62, 1 << 62}, rawFloats(1)),
		answer("y", "FP32", []int64{0, 3}),
	} {
		data, err := proto.Marshal(a)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var a protocol.ModelInferResponse
		if proto.Unmarshal(data, &a) != nil {
			return
		}
		tensors, err := tensorsOf(a.GetOutputs(), a.GetRawOutputContents(), file.Outputs)
		if err != nil {
			return
		}
		if y := tensors["y"]; len(y.Shape) != 2 || y.Shape[1] != 3 || int(y.Shape[0])*3 != len(y.Floats) || len(y.Floats) == 0 {
			t.Fatalf("accepted %v with %d values", y.Shape, len(y.Floats))
		}
	})
}
