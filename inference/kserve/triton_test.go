package kserve

import (
	"bufio"
	"context"
	"errors"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"concord/inference"
	"concord/inference/onnx"
	"concord/inference/packs"
	"concord/loopback"
)

// A graphSaver is an engine that also writes each graph to a folder.
type graphSaver struct {
	inference.Engine
	folder string
}

func (s graphSaver) Load(ctx context.Context, file inference.File) (inference.Graph, error) {
	data, err := file.Bytes()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(s.folder, filepath.Base(file.Name)), data, 0o600); err != nil {
		return nil, err
	}
	return s.Engine.Load(ctx, file)
}

// startTriton serves the graphs in a folder. stop ends the server.
func startTriton(t *testing.T, folder, pack string) (address string, stop func()) {
	t.Helper()
	peers := os.Getenv("CONCORD_INTEROP")
	if peers == "" {
		t.Skip("no Triton server is at hand: run `make interop`")
	}
	var ports [2]string
	for i := range ports {
		var err error
		if address, err = loopback.Address(); err != nil {
			t.Fatal(err)
		}
		if _, ports[i], err = net.SplitHostPort(address); err != nil {
			t.Fatal(err)
		}
	}
	server := exec.Command(filepath.Join(peers, "bin/python"), "testdata/triton_server.py", folder, pack, ports[0], ports[1])
	server.Stderr = t.Output()
	end, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	says, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	stop = func() {
		if !ended {
			ended = true
			end.Close()
			server.Wait() // its status is of no interest
		}
	}
	t.Cleanup(stop)
	for lines := bufio.NewScanner(says); lines.Scan(); {
		if lines.Text() == "serving" {
			return net.JoinHostPort("127.0.0.1", ports[0]), stop
		}
	}
	t.Fatal("the Triton server ended before it served")
	return "", nil
}

// A Triton server gives what ONNX Runtime gives here, says what it lacks and
// refuses so that we understand; when it is gone, cases wait.
func TestTriton(t *testing.T) {
	ctx := context.Background()
	local, err := onnx.New(onnx.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	here, err := inference.Open(ctx, packs.Builtin(), graphSaver{local, folder})
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	pack := here.Manifest().Name
	address, stop := startTriton(t, folder, pack)
	remote, err := New(Options{Servers: []string{address}})
	if err != nil {
		t.Fatal(err)
	}
	there, err := inference.Open(ctx, packs.Builtin(), remote)
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	sameScores(t, here, there)

	if _, err := load(t, inference.File{Pack: "other", Name: "vision.onnx"}, 0, address); status.Code(err) != codes.NotFound || !strings.Contains(err.Error(), "other-vision") {
		t.Errorf("a graph that is not there: %v", err)
	}
	vision := inference.File{Pack: pack, Name: "vision.onnx", Inputs: []inference.Spec{{Name: "pixel_values", Shape: []int64{-1, -1, -1, -1}}},
		Outputs: []inference.Spec{{Name: "image_tokens", Shape: []int64{-1, -1, -1}}}}
	g, err := load(t, vision, 0, address)
	if err != nil {
		t.Fatal(err)
	}
	flat := inference.Tensor{Shape: []int64{1, 1, 2}, Floats: []float32{1, 2}}
	if _, err := g.Run(ctx, map[string]inference.Tensor{"pixel_values": flat}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a picture of three sides: %v", err)
	}

	stop()
	if err := there.Warm(ctx); !errors.Is(err, inference.ErrUnavailable) {
		t.Errorf("the server is gone: %v", err)
	}
}

// sameScores holds two openings of a pack against each other.
func sameScores(t *testing.T, models ...*inference.Model) {
	t.Helper()
	statements := []inference.Statement{{Text: "This is a phantom.", Language: "en"}, {Text: "头颅CT轴位", Language: "zh"}, {Text: "Frontal chest radiograph.", Language: "en"}}
	var scores [2][][]inference.Score
	for i, m := range models {
		encoded, err := m.EncodeImage(context.Background(), goldenPicture(t))
		if err != nil {
			t.Fatal(err)
		}
		if scores[i], err = m.Score(context.Background(), []*inference.Encoded{encoded}, statements); err != nil {
			t.Fatal(err)
		}
	}
	for j := range statements {
		a, b := scores[0][0][j], scores[1][0][j]
		for k := range a.Probabilities {
			if math.Abs(a.Probabilities[k]-b.Probabilities[k]) > 1e-5 || a.Label == inference.NotJudged {
				t.Errorf("%q: %+v here, %+v there", statements[j].Text, a, b)
			}
		}
	}
}
