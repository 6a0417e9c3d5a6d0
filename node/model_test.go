package node_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/zap"

	"concord/dicom"
	"concord/inference"
	"concord/node"
)

// modelFiles is a pack without graphs of its own: heart is fact 1, lung 2, liver 3.
var modelFiles = fstest.MapFS{
	inference.ManifestName: {Data: []byte(`
schema: 1
name: test
version: "1"
kind: pair_classifier
use: not for clinical use
licence: none
labels: ["no", "yes", "maybe"]
languages: [en]
image: {size: 8, resize: exact, channels: 1, mean: [0], std: [1]}
text: {tokenizer: terms, files: {terms: terms.yaml}, pad: 0, max_ids: 8}
graphs: {vision: vision.onnx, score: score.onnx, rows: 1}
calibration: {temperature: 1, thresholds: {"yes": 0.5, "no": 0.5}}
card: CARD.md
`)},
	"terms.yaml": {Data: []byte(`
schema: 1
facts: [{name: heart, group: a}, {name: lung, group: b}, {name: liver, group: c}]
terms: [{facts: [heart], words: [the heart is enlarged]}, {facts: [lung], words: [the lungs are hyperinflated]}, {facts: [liver], words: [the liver is enlarged]}]
`)},
	"CARD.md": {}, "vision.onnx": {}, "score.onnx": {},
}

// oracle is an engine whose score graph answers by the fact that is asked about.
type oracle struct {
	answer func(ctx context.Context, fact int64) (logits []float32, err error) // no, yes, maybe
	vision bool
}

func (o oracle) Provider() string { return "test" }
func (o oracle) Runs() int        { return 1 }
func (o oracle) Close() error     { return nil }

func (o oracle) Load(_ context.Context, file inference.File) (inference.Graph, error) {
	o.vision = file.Name == "vision.onnx"
	return o, nil
}

func (o oracle) Run(ctx context.Context, in map[string]inference.Tensor) (map[string]inference.Tensor, error) {
	if o.vision {
		return map[string]inference.Tensor{"image_tokens": {Shape: []int64{1, 1, 1}, Floats: []float32{1}}}, nil
	}
	logits, err := o.answer(ctx, in["input_ids"].Ints[0])
	return map[string]inference.Tensor{"logits": {Shape: []int64{1, 3}, Floats: logits}}, err
}

var (
	saysNo, saysYes, saysMaybe = []float32{9, 0, 0}, []float32{0, 9, 0}, []float32{0, 0, 9}
)

func live(t *testing.T, answer func(ctx context.Context, fact int64) ([]float32, error)) *inference.Live {
	t.Helper()
	m, err := inference.Open(t.Context(), modelFiles, oracle{answer: answer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return inference.NewLive(m)
}

// storeRadiograph stores a picture that is large enough to be judged.
func (h *harness) storeRadiograph() {
	h.Helper()
	const side = 64
	data := chest(study1, "A1").dataSet()
	for _, element := range []string{"\x10\x00US\x02\x00", "\x11\x00US\x02\x00"} { // rows, columns
		at := bytes.Index(data, []byte("\x28\x00"+element)) + 8
		binary.LittleEndian.PutUint16(data[at:], side)
	}
	pixels := bytes.Index(data, []byte("\xe0\x7f\x10\x00OB")) + 8
	data = binary.LittleEndian.AppendUint32(data[:pixels], side*side)
	for i := range side * side {
		data = append(data, byte(4*(i%side)))
	}
	err := h.node.ReceiveObject(h.Context(), node.Incoming{Caller: "PACS", SOPClassUID: crStorage, SOPInstanceUID: study1 + ".1.1",
		TransferSyntax: dicom.ExplicitVRLittleEndian}, bytes.NewReader(data))
	if err != nil {
		h.Fatal(err)
	}
	h.wait(node.WaitingReport)
}

func verdicts(v *node.CaseView) (out []string) {
	for _, s := range v.Statements {
		out = append(out, string(s.Verdict))
	}
	return out
}

var about = message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F",
	text: "The heart is enlarged.\nThe lungs are hyperinflated.\nThe liver is enlarged."}

// What the model answers by the deadline stays; the rest is not judged, and the case goes on.
func TestDeadline(t *testing.T) {
	h := newHarness(t, nil)
	h.node.Judge.Deadline = 300 * time.Millisecond
	h.node.Judge.Model = live(t, func(ctx context.Context, fact int64) ([]float32, error) {
		if fact == 2 {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return saysYes, nil
	})
	h.storeRadiograph()
	h.send(about)
	v := h.wait(node.Done)[0]
	if got := verdicts(v); !slices.Equal(got, []string{"yes", "not_judged", "not_judged"}) {
		t.Fatalf("verdicts %v: %+v", got, v.Statements)
	}
	for _, s := range v.Statements[1:] {
		if !strings.HasPrefix(s.Reason, "deadline") {
			t.Errorf("reason %q", s.Reason)
		}
	}
	if !strings.HasPrefix(v.Pack, "test 1 sha256:") {
		t.Errorf("pack %q", v.Pack)
	}
}

// A report that is withdrawn while the model works on it stops the run.
func TestWithdrawalStopsTheModel(t *testing.T) {
	h := newHarness(t, nil)
	began, stopped := make(chan struct{}, 1), make(chan struct{}, 1)
	h.node.Judge.Model = live(t, func(ctx context.Context, _ int64) ([]float32, error) {
		began <- struct{}{}
		<-ctx.Done()
		stopped <- struct{}{}
		return nil, ctx.Err()
	})
	h.storeRadiograph()
	h.send(about)
	<-began
	withdrawal := about
	withdrawal.control, withdrawal.status = "M2", "X"
	h.send(withdrawal)
	select {
	case <-stopped:
	case <-time.After(10 * time.Second):
		t.Fatal("the run goes on")
	}
	h.wait(node.Withdrawn)
}

// Who asks before sign-off gets what there is: the rules' flags, and why statements are not judged.
func TestCheckDoesNotWaitForTheModel(t *testing.T) {
	h := newHarness(t, nil)
	h.storeRadiograph()
	asked := node.CheckRequest{Text: about.text + "\nNormal prostate.", StudyUID: study1}
	for reason, answer := range map[string]func(context.Context, int64) ([]float32, error){
		"the model is not available now": func(context.Context, int64) ([]float32, error) { return nil, inference.ErrUnavailable },
		"deadline: the model did not answer in time": func(ctx context.Context, _ int64) ([]float32, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	} {
		h.node.Judge.Model = live(t, answer)
		ctx, cancel := context.WithTimeout(t.Context(), 2200*time.Millisecond)
		checked, err := h.node.Check(ctx, asked)
		cancel()
		if err != nil || len(checked) != 1 || len(checked[0].Flags) == 0 {
			t.Fatalf("%s: %+v, %v", reason, checked, err)
		}
		if s := checked[0].Statements[0]; s.Verdict != node.NotJudged || s.Reason != reason {
			t.Errorf("%s %q; want %q", s.Verdict, s.Reason, reason)
		}
	}
}

// A failing model is tried again; engines that are away are, too.
func TestModelIsTriedAgain(t *testing.T) {
	h := newHarness(t, nil)
	var mu sync.Mutex
	tries := 0
	h.node.Judge.Model = live(t, func(context.Context, int64) ([]float32, error) {
		mu.Lock()
		defer mu.Unlock()
		if tries++; tries == 1 {
			return nil, inference.ErrUnavailable
		}
		return saysNo, nil
	})
	h.storeRadiograph()
	h.send(about)
	v := h.wait(node.Done)[0]
	if got := verdicts(v); !slices.Equal(got, []string{"no", "no", "no"}) || len(v.Flags) < 3 {
		t.Errorf("verdicts %v, flags %+v", got, v.Flags)
	}
}

// A check before sign-off goes before the cases that wait.
func TestCheckGoesFirst(t *testing.T) {
	h := newHarness(t, nil)
	var mu sync.Mutex
	var order []int64
	began, release := make(chan struct{}, 9), make(chan struct{})
	h.node.Judge.Model = live(t, func(_ context.Context, fact int64) ([]float32, error) {
		mu.Lock()
		order = append(order, fact)
		mu.Unlock()
		began <- struct{}{}
		<-release
		return saysYes, nil
	})
	routine := about
	routine.text = "The heart is enlarged.\nThe lungs are hyperinflated."
	h.storeRadiograph()
	h.send(routine)
	<-began // the first statement of the case is in the model, the second waits
	checked := make(chan error, 1)
	go func() {
		_, err := h.node.Check(t.Context(), node.CheckRequest{Text: "The liver is enlarged.", StudyUID: study1})
		checked <- err
	}()
	for h.node.Judge.Model.Model().Stats().Waiting < 2 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	if err := <-checked; err != nil {
		t.Fatal(err)
	}
	h.wait(node.Done)
	if !slices.Equal(order, []int64{1, 3, 2}) {
		t.Errorf("the model was asked about %v; want the check (3) before the rest of the case (2)", order)
	}
}

// A preliminary report has a worker and the model before final ones that came earlier.
func TestPreliminaryReportGoesFirst(t *testing.T) {
	h := newHarness(t, nil)
	began, release := make(chan struct{}, 9), make(chan struct{})
	var mu sync.Mutex
	var order []int64
	h.node.Judge.Model = live(t, func(_ context.Context, fact int64) ([]float32, error) {
		mu.Lock()
		order = append(order, fact)
		mu.Unlock()
		began <- struct{}{}
		<-release
		return saysYes, nil
	})
	final, preliminary := about, about
	final.text = "The heart is enlarged.\nThe lungs are hyperinflated."
	preliminary.control, preliminary.filler, preliminary.status, preliminary.text = "M2", "F2", "P", "The liver is enlarged."
	h.storeRadiograph()
	h.send(final)
	<-began
	h.send(preliminary)
	for h.node.Judge.Model.Model().Stats().Waiting < 2 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	h.wait(node.Done, node.Done)
	if !slices.Equal(order, []int64{1, 3, 2}) {
		t.Errorf("the model was asked about %v; want the preliminary report (3) before the rest of the final one (2)", order)
	}
}

// The shadow pack is asked the same; what it says shows in its figures only.
func TestShadowPackIsCompared(t *testing.T) {
	h := newHarness(t, nil)
	h.node.Judge.Model = live(t, func(context.Context, int64) ([]float32, error) { return saysYes, nil })
	second := map[int64][]float32{1: saysYes, 2: saysNo, 3: saysMaybe}
	shadow := node.NewShadow(zap.NewNop())
	shadow.Use(live(t, func(_ context.Context, fact int64) ([]float32, error) { return second[fact], nil }))
	h.node.Judge.Shadow = shadow
	go shadow.Run(t.Context())
	h.storeRadiograph()
	h.send(about)
	v := h.wait(node.Done)[0]
	if got := verdicts(v); !slices.Equal(got, []string{"yes", "yes", "yes"}) || len(v.Flags) > 0 {
		t.Errorf("verdicts %v, flags %+v", got, v.Flags)
	}
	agreement := func() map[string]int64 {
		found := map[string]int64{}
		shadow.Stats.Each(func(live, other node.Verdict, n int64) {
			if n > 0 {
				found[string(live)+" "+string(other)] = n
			}
		})
		return found
	}
	for range 500 {
		if len(agreement()) == 3 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if got := agreement(); got["yes yes"] != 1 || got["yes no"] != 1 || got["yes maybe"] != 1 || len(got) != 3 {
		t.Errorf("agreement %v", got)
	}
}

// A shadow pack that fails or lags costs the cases nothing.
func TestShadowPackThatFails(t *testing.T) {
	h := newHarness(t, nil)
	h.node.Judge.Model = live(t, func(context.Context, int64) ([]float32, error) { return saysYes, nil })
	shadow := node.NewShadow(zap.NewNop())
	shadow.Use(live(t, func(context.Context, int64) ([]float32, error) { return nil, errors.New("broken") }))
	h.node.Judge.Shadow = shadow
	h.storeRadiograph()
	asked := node.CheckRequest{Text: about.text, StudyUID: study1}
	for range 6 { // nobody takes them yet: four wait
		if _, err := h.node.Check(t.Context(), asked); err != nil {
			t.Fatal(err)
		}
	}
	if got := shadow.Stats.Skipped.Load(); got != 2*3 {
		t.Errorf("%d statements skipped; want 6", got)
	}
	go shadow.Run(t.Context())
	for range 500 {
		if shadow.Stats.Failed.Load() == 4*3 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d statements failed; want 12", shadow.Stats.Failed.Load())
}
