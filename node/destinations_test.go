package node_test

import (
	"errors"
	"testing"
	"time"

	"concord/node"
)

// What waits for a destination that was removed goes out when one of its name
// comes back, through whatever sends for it then.
func TestDestinationsChangeWhileTheNodeRuns(t *testing.T) {
	h := newHarness(t, nil)
	away := &recorder{fail: func(int) error { return errors.New("connection refused") }}
	ris := node.Destination{Name: "ris", Kind: node.ORU, Sender: away, HL7Version: "2.5.1", HL7Status: "R"}
	h.node.SetDestinations([]node.Destination{{Name: "pacs", Kind: node.SR, Sender: h.pacs}, ris})
	h.store(chest(study1, "A1"))
	h.send(message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Normal."})
	h.wait(node.Delivering)

	h.node.SetDestinations(nil)
	if got, err := h.node.DestinationStatuses(t.Context()); err != nil || len(got) != 0 {
		t.Fatalf("destinations %+v, %v", got, err)
	}
	back := &recorder{}
	ris.Sender = back
	h.node.SetDestinations([]node.Destination{ris})
	deadline := time.Now().Add(30 * time.Second)
	for len(back.all()) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("the result did not go out")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if len(h.ris.all()) != 0 {
		t.Error("the first sender got a result after it was replaced")
	}
}
