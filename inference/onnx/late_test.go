package onnx

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"testing/fstest"

	"concord/inference"
)

// openLate opens a pack whose graphs wait for their first run.
func openLate(t *testing.T, files fstest.MapFS) (*inference.Model, *Engine) {
	t.Helper()
	e, err := New(Options{Threads: 1, Late: true})
	if err != nil {
		t.Fatal(err)
	}
	m, err := inference.Open(t.Context(), files, e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m, e
}

func TestLateGraphsAreLoadedWithTheirFirstRun(t *testing.T) {
	openLate(t, pack(t, nil)) // and closed without a run
	m, e := openLate(t, pack(t, nil))
	if e.library != "" && findLibrary() != libraryName {
		t.Error("ONNX Runtime is loaded before the first run")
	}
	statements := []inference.Statement{{Text: "high", Language: "en"}, {Text: "not high", Language: "en"}}
	score := func(m *inference.Model) [][]inference.Score {
		encoded, err := m.EncodeImage(context.Background(), flat(200))
		if err != nil {
			t.Error(err)
			return nil
		}
		scores, err := m.Score(context.Background(), []*inference.Encoded{encoded}, statements)
		if err != nil {
			t.Error(err)
		}
		return scores
	}
	want := score(open(t, nil))
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			if got := score(m); !reflect.DeepEqual(got, want) {
				t.Errorf("scores %+v; want %+v", got, want)
			}
		})
	}
	callers.Wait()
}

// What a start would have found waits for it to be mended, as a server that is away.
func TestLateGraphThatCannotBeLoaded(t *testing.T) {
	broken := pack(t, nil)
	broken["vision.onnx"] = &fstest.MapFile{Data: []byte("not a graph")}
	m, _ := openLate(t, broken)
	for range 2 {
		if _, err := m.EncodeImage(context.Background(), flat(1)); !errors.Is(err, inference.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
	}
}
