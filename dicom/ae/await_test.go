package ae

import (
	"errors"
	"testing"
	"time"
)

// A peer that stays silent leaves the association usable; one that speaks is
// heard, and what it said is not lost.
func TestSpeaks(t *testing.T) {
	n := newNotes(func(rq *NormalizedRequest) error {
		if rq.TypeID == 1 {
			report := commitmentRequest("result")
			rq.Report = &report
		}
		return nil
	})
	a := dial(t, client(start(t, normalizing(n))), propose(commitmentClass, implicitVRLittleEndian))
	silent := commitmentRequest("please")
	silent.TypeID = 2
	if err := a.Perform(t.Context(), silent); err != nil {
		t.Fatal(err)
	}
	if a.Speaks(t.Context(), 50*time.Millisecond) {
		t.Error("a silent peer spoke")
	}
	if err := a.Perform(t.Context(), commitmentRequest("please")); err != nil {
		t.Fatalf("after silence: %v", err)
	}
	if !a.Speaks(t.Context(), 10*time.Second) {
		t.Fatal("the report was not heard")
	}
	if err := a.AwaitEvent(t.Context(), func(*NormalizedRequest) error { return nil }); err != nil {
		t.Error(err)
	}
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if a.Speaks(t.Context(), time.Hour) {
		t.Error("an association that is over speaks")
	}
}

// The error ID of a failure goes over the wire and back (PS3.7 C.4.4).
func TestErrorID(t *testing.T) {
	want := &StatusError{Status: StatusProcessingFailure, ErrorID: 0xA710}
	n := newNotes(func(*NormalizedRequest) error { return want })
	a := dial(t, client(start(t, normalizing(n))), propose(commitmentClass, implicitVRLittleEndian))
	var got *StatusError
	if err := a.Perform(t.Context(), commitmentRequest("please")); !errors.As(err, &got) || got.Status != want.Status || got.ErrorID != want.ErrorID {
		t.Errorf("got %v, want %v", err, want)
	}
}
