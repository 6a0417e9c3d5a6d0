package inference

import (
	"context"
	"errors"
	"image"
	"image/color"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

// A fake engine runs graphs in Go: image_tokens is the mean of the picture, logits are (−s, s, 0) with s = token · Σ ids.
// It notes its runs, and waits for release where it is set.
type fake struct {
	mu       sync.Mutex
	pictures int
	batches  [][]int64     // the sums of the ids of each run's rows
	release  chan struct{} // a run of the score graph takes one
	fail     func([]int64) error
	closed   int
}

func (f *fake) Provider() string { return "fake" }
func (f *fake) Runs() int        { return 1 }

type fakeGraph struct {
	*fake
	run func(ctx context.Context, inputs map[string]Tensor) (map[string]Tensor, error)
}

func (g fakeGraph) Run(ctx context.Context, inputs map[string]Tensor) (map[string]Tensor, error) {
	return g.run(ctx, inputs)
}

func (f *fake) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed++
	return nil
}

func (f *fake) Load(_ context.Context, file File) (Graph, error) {
	if file.Name == "vision.onnx" {
		return fakeGraph{f, f.see}, nil
	}
	return fakeGraph{f, f.score}, nil
}

func (f *fake) see(_ context.Context, inputs map[string]Tensor) (map[string]Tensor, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pictures++
	sum := float32(0)
	for _, v := range inputs["pixel_values"].Floats {
		sum += v
	}
	return map[string]Tensor{"image_tokens": {Shape: []int64{1, 1, 1}, Floats: []float32{sum / 64}}}, nil
}

func (f *fake) score(ctx context.Context, inputs map[string]Tensor) (map[string]Tensor, error) {
	if f.release != nil {
		select {
		case <-f.release:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	ids, index := inputs["input_ids"], inputs["image_index"].Ints
	var sums []int64
	out := Tensor{Shape: []int64{int64(len(index)), 3}}
	for i, picture := range index {
		sum := int64(0)
		for _, id := range ids.Ints[int64(i)*ids.Shape[1]:][:ids.Shape[1]] {
			sum += id
		}
		s := inputs["image_tokens"].Floats[picture] * float32(sum)
		sums, out.Floats = append(sums, sum), append(out.Floats, -s, s, 0)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.batches = append(f.batches, sums)
	if f.fail != nil {
		if err := f.fail(sums); err != nil {
			return nil, err
		}
	}
	return map[string]Tensor{"logits": out}, nil
}

const fakeTerms = `
schema: 1
facts: [{name: a, group: a}, {name: b, group: b}, {name: c, group: c}, {name: d, group: d}, {name: e, group: e}]
terms: [{facts: [a], words: [a]}, {facts: [b], words: [b]}, {facts: [c], words: [c]}, {facts: [d], words: [d]}, {facts: [e], words: [e]}]
negation: [not]
`

func fakePack() fstest.MapFS {
	return fstest.MapFS{ManifestName: {Data: []byte(smallManifest)}, "vision.onnx": {}, "score.onnx": {}, "CARD.md": {},
		"terms.yaml": {Data: []byte(fakeTerms)}}
}

func openFake(t *testing.T, f *fake) *Model {
	t.Helper()
	m, err := Open(context.Background(), fakePack(), f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func flatPicture(level uint8) image.Image {
	img := image.NewGray(image.Rect(0, 0, 8, 8))
	for i := range img.Pix {
		img.SetGray(i%8, i/8, color.Gray{Y: level})
	}
	return img
}

// say is a statement of the fact whose id is n: a is 1.
func say(n int) Statement { return Statement{Text: string(rune('a' + n - 1)), Language: "en"} }

func mustEncode(t *testing.T, s *Session, level uint8) *Encoded {
	t.Helper()
	encoded, err := s.EncodeImage(context.Background(), flatPicture(level))
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// While the engine is busy, the rows of all callers gather; urgent ones are in the next run, the others follow in
// their order, four rows a run.
func TestQueueBatchesAndPutsUrgentRowsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{release: make(chan struct{})}
		m := openFake(t, f)
		routine, urgent := m.begin(false), m.begin(true)
		picture := mustEncode(t, routine, 255)
		var wait sync.WaitGroup
		ask := func(s *Session, ids ...int) {
			wait.Go(func() {
				var statements []Statement
				for _, id := range ids {
					statements = append(statements, say(id))
				}
				scores, err := s.Score(context.Background(), []*Encoded{picture}, statements)
				if err != nil || slices.ContainsFunc(scores[0], func(s Score) bool { return s.Label == "" }) {
					t.Errorf("%+v, %v", scores, err)
				}
			})
			synctest.Wait()
		}
		ask(routine, 1)
		time.Sleep(gather)
		synctest.Wait() // the run of the first row has begun
		ask(routine, 2, 3)
		ask(routine, 4)
		ask(urgent, 5, 5)
		close(f.release)
		wait.Wait()
		routine.End()
		urgent.End()
		want := [][]int64{{1}, {5, 5, 2, 3}, {4}}
		if !slices.EqualFunc(f.batches, want, slices.Equal) {
			t.Errorf("runs of %v; want %v", f.batches, want)
		}
		if s := m.Stats(); s.Runs != 3 || s.Rows != 6 || s.Pictures != 1 || s.Waiting != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

// An idle engine waits for other callers a moment only, and not at all where there are none.
func TestQueueGathersOnlyForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := openFake(t, &fake{})
		alone := m.begin(false)
		picture := mustEncode(t, alone, 255)
		took := func() time.Duration {
			began := time.Now()
			if _, err := alone.Score(context.Background(), []*Encoded{picture}, []Statement{say(1)}); err != nil {
				t.Error(err)
			}
			return time.Since(began)
		}
		if got := took(); got != 0 {
			t.Errorf("alone: waited %v", got)
		}
		other := m.begin(false)
		if got := took(); got != gather {
			t.Errorf("with another caller: waited %v; want %v", got, gather)
		}
		other.End()
		alone.End()
	})
}

// A caller that gives up stops the run where nobody else is in it, and keeps what was judged.
func TestScoreEndsWithItsContext(t *testing.T) {
	f := &fake{release: make(chan struct{}, 1)}
	m := openFake(t, f)
	s := m.begin(false)
	defer s.End()
	picture := mustEncode(t, s, 255)
	ctx, cancel := context.WithCancel(context.Background())
	f.release <- struct{}{} // one run of four rows, the next one hangs
	statements := []Statement{say(1), say(2), say(3), say(4), say(5)}
	go func() {
		for m.Stats().Runs < 2 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	scores, err := s.Score(ctx, []*Encoded{picture}, statements)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	for i, score := range scores[0] {
		if judged := score.Label != ""; judged != (i < 4) {
			t.Errorf("statement %d: %+v", i, score)
		}
	}
	close(f.release)
	if _, err := s.Score(context.Background(), []*Encoded{picture}, statements[:1]); err != nil {
		t.Errorf("the next caller: %v", err)
	}
}

// One request whose rows the graph refuses does not fail those that share its run.
func TestOneBadRequestFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{release: make(chan struct{}), fail: func(sums []int64) error {
			if slices.Contains(sums, 5) {
				return errors.New("index out of range")
			}
			return nil
		}}
		m := openFake(t, f)
		s := m.begin(false)
		defer s.End()
		picture := mustEncode(t, s, 255)
		errs := make([]error, 3)
		var wait sync.WaitGroup
		for i, id := range []int{1, 5, 2} {
			wait.Go(func() {
				_, errs[i] = s.Score(context.Background(), []*Encoded{picture}, []Statement{say(id)})
			})
			synctest.Wait()
		}
		close(f.release)
		wait.Wait()
		if errs[0] != nil || errs[2] != nil || errs[1] == nil || !strings.Contains(errs[1].Error(), "index out of range") {
			t.Errorf("errors %v", errs)
		}
	})
}

// A panic in a run is an error of its request, and the model goes on.
func TestPanicInARunIsAnError(t *testing.T) {
	f := &fake{fail: func(sums []int64) error {
		if sums[0] == 5 {
			panic("a fault")
		}
		return nil
	}}
	m := openFake(t, f)
	picture, err := m.EncodeImage(context.Background(), flatPicture(255))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Score(context.Background(), []*Encoded{picture}, []Statement{say(5)}); err == nil || !strings.Contains(err.Error(), "internal error") {
		t.Errorf("error %v", err)
	}
	if _, err := m.Score(context.Background(), []*Encoded{picture}, []Statement{say(1)}); err != nil {
		t.Error(err)
	}
}

// Callers that ask for the same picture at once have it encoded once.
func TestPictureIsEncodedOnce(t *testing.T) {
	f := &fake{}
	m := openFake(t, f)
	var wait sync.WaitGroup
	for i := range 16 {
		wait.Go(func() {
			if _, err := m.EncodeImage(context.Background(), flatPicture(uint8(i%2))); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if f.pictures != 2 {
		t.Errorf("%d runs of the vision graph for 2 pictures", f.pictures)
	}
}

// A swapped pack stays open for the sessions that began with it.
func TestSwapDropsNobody(t *testing.T) {
	old, fresh := &fake{}, &fake{}
	first, err := Open(context.Background(), fakePack(), old)
	if err != nil {
		t.Fatal(err)
	}
	live := NewLive(first)
	s := live.Begin(false)
	picture := mustEncode(t, s, 255)
	second := openFake(t, fresh)
	swapped := make(chan error, 1)
	go func() { swapped <- live.Swap(second) }()
	for live.Model() != second {
		time.Sleep(time.Millisecond)
	}
	if _, err := s.Score(context.Background(), []*Encoded{picture}, []Statement{say(1)}); err != nil || old.closed != 0 {
		t.Errorf("the old session: %v, closed %d", err, old.closed)
	}
	next := live.Begin(false)
	if next.Model != second {
		t.Error("a new session has the old model")
	}
	if _, err := next.Score(context.Background(), []*Encoded{picture}, []Statement{say(1)}); err == nil {
		t.Error("a picture of the old model was taken by the new one")
	}
	next.End()
	s.End()
	if err := <-swapped; err != nil || old.closed != 2 {
		t.Errorf("after its last session: %v, %d of 2 graphs closed", err, old.closed)
	}
	if _, err := first.EncodeImage(context.Background(), flatPicture(7)); !errors.Is(err, errClosed) {
		t.Errorf("a closed model: %v", err)
	}
}

func TestWarmFindsAGraphThatCannotRun(t *testing.T) {
	if err := openFake(t, &fake{}).Warm(context.Background()); err != nil {
		t.Error(err)
	}
	broken := openFake(t, &fake{fail: func([]int64) error { return errors.New("no kernel") }})
	if err := broken.Warm(context.Background()); err == nil || !strings.Contains(err.Error(), "no kernel") {
		t.Errorf("error %v", err)
	}
}
