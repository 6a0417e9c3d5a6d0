package node

import (
	"errors"
	"slices"
	"testing"
)

var allEvents = []Event{ImagesArrived, ReportArrived, ReportReplaced, ReportWithdrawn, KeysConflict, StudyChosen, StudyTaken, Forced,
	QuietElapsed, JudgeStarted, JudgeInterrupted, JudgeFinished, JudgeFailed, ResultsQueued, NothingToSend,
	AllDelivered, DeliveryFailed, DeliveryRetried, WaitedTooLong}

// The table walked cell by cell: an event either leads to a known state or is
// refused and leaves the case as it was.
func TestTransitionsWalkEveryCell(t *testing.T) {
	if len(transitions) != len(States) {
		t.Fatalf("the table has %d rows for %d states", len(transitions), len(States))
	}
	used := map[Event]bool{}
	for _, state := range States {
		for _, event := range allEvents {
			c := Case{State: state}
			want, listed := transitions[state][event]
			err := c.Apply(event)
			if listed != c.acceptsIn(state, event) {
				t.Errorf("%s × %q: Accepts disagrees with the table", state, event)
			}
			if !listed {
				var refused *TransitionError
				if !errors.As(err, &refused) || c.State != state {
					t.Errorf("%s × %q: got %v and state %s, want a refusal that changes nothing", state, event, err, c.State)
				}
				continue
			}
			used[event] = true
			if err != nil || c.State != want || !slices.Contains(States, want) {
				t.Errorf("%s × %q: got %v and state %s, want %s", state, event, err, c.State, want)
			}
		}
	}
	for _, event := range allEvents {
		if !used[event] {
			t.Errorf("no state takes the event %q", event)
		}
	}
}

func (c *Case) acceptsIn(s State, e Event) bool { return (&Case{State: s}).Accepts(e) }

// What a user relies on, whatever else the table says.
func TestTransitionsKeepTheLaws(t *testing.T) {
	for _, state := range States {
		row := transitions[state]
		for event, want := range map[Event]State{ReportReplaced: Superseded, ReportWithdrawn: Withdrawn} {
			if next, ok := row[event]; ok && next != want {
				t.Errorf("%s: %q leads to %s, want %s", state, event, next, want)
			}
		}
		if final := state == Withdrawn || state == Superseded; final != (len(row) == 0) {
			t.Errorf("%s has %d ways on; withdrawn and superseded have none, all others some", state, len(row))
		}
	}
	way := []struct {
		event Event
		want  State
	}{{ReportArrived, Settling}, {QuietElapsed, Ready}, {JudgeStarted, Judging}, {JudgeFinished, Judged},
		{ResultsQueued, Delivering}, {AllDelivered, Done}}
	c := Case{State: WaitingReport}
	for _, step := range way {
		if err := c.Apply(step.event); err != nil || c.State != step.want {
			t.Fatalf("%q: %v, state %s, want %s", step.event, err, c.State, step.want)
		}
	}
}
