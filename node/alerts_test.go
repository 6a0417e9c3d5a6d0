package node_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"concord/node"
)

// A destination with a budget gets no flag once its false alerts have used the
// budget up; the others do. What is held back is told, and a withdrawal takes
// back what was sent.
func TestBudgetHoldsFlagsBack(t *testing.T) {
	h := newHarness(t, func(c *node.Config) { c.Destinations[1].MaxFalseAlerts = 0.01 })
	absurd := func(control, study, text string) message {
		return message{control: control, filler: "F" + control, study: study, patient: "P1", status: "F", text: text}
	}
	h.store(chest(study1, "A1"))
	h.send(absurd("M1", study1, "Nodule of 95 cm in the right upper lobe."))
	first := h.wait(node.Done)[0]
	if len(first.Flags) != 1 || first.Flags[0].Severity == node.Critical {
		t.Fatalf("flags %+v, want one that a budget may hold back", first.Flags)
	}
	flag := first.Flags[0]
	err := h.node.AddFeedback(t.Context(), node.Feedback{CaseID: first.ID, Statement: flag.Statement, Rule: flag.Rule, Opinion: node.OpinionWrong, Author: "Dr Li"})
	if err != nil {
		t.Fatal(err)
	}
	h.store(chest(study2, "A2"))
	h.send(absurd("M2", study2, "Nodule of 85 cm in the left lower lobe."))
	second := h.wait(node.Done, node.Done)[1]
	if len(second.Flags) != 1 || len(second.Held) != 1 || second.Held[0].Destination != "ris" || second.Held[0].Rule != flag.Rule {
		t.Fatalf("flags %+v, held %+v, want one flag, held back from ris", second.Flags, second.Held)
	}
	if !slices.ContainsFunc(second.Timeline, func(e node.CaseEvent) bool { return strings.HasPrefix(e.Event, "held back from ris: ") }) {
		t.Errorf("the timeline does not tell: %+v", second.Timeline)
	}
	srs, orus := h.pacs.all(), h.ris.all()
	if !bytes.Contains(srs[1].Payload, []byte(flag.Rule)) {
		t.Error("the PACS, which has no budget, did not get the flag")
	}
	if !bytes.Contains(orus[0].Payload, []byte(flag.Rule)) || bytes.Contains(orus[1].Payload, []byte(flag.Rule)) {
		t.Errorf("want the flag in the RIS's first message only:\n%s\n%s", orus[0].Payload, orus[1].Payload)
	}
	budget, err := h.node.Budget(t.Context(), "ris")
	if err != nil || budget.Reports != 2 || budget.Sent != 1 || budget.Wrong != 1 || budget.Held != 1 || budget.Spent != 1 {
		t.Errorf("budget %+v, %v", budget, err)
	}
	withdrawn := absurd("M3", study2, "")
	withdrawn.filler, withdrawn.status = "FM2", "X"
	h.send(withdrawn)
	h.wait(node.Done, node.Withdrawn)
	h.until("the withdrawal reaches the RIS", func() bool { return len(h.ris.all()) == 3 })
	if bytes.Contains(h.ris.all()[2].Payload, []byte(flag.Rule)) {
		t.Error("the withdrawal takes back a flag that was never sent")
	}
}

// One report, two archives: each gets the result in its language, as an object
// of its own.
func TestLanguageOfADestination(t *testing.T) {
	other := &recorder{}
	h := newHarness(t, func(c *node.Config) {
		c.Destinations = append(c.Destinations, node.Destination{Name: "other", Kind: node.SR, Sender: other, Language: "zh"})
		c.Destinations[1].Language = "zh"
	})
	h.store(chest(study1, "A1"))
	h.send(message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Nodule of 95 cm in the right upper lobe."})
	c := h.wait(node.Done)[0]
	english, chinese, oru := h.pacs.all()[0], other.all()[0], h.ris.all()[0]
	if english.UID == chinese.UID {
		t.Error("two objects with one UID")
	}
	for name, payload := range map[string][]byte{"SR": chinese.Payload, "ORU": oru.Payload} {
		if !bytes.Contains(payload, []byte("共1条语句")) || bytes.Contains(payload, []byte(c.Flags[0].Text)) {
			t.Errorf("the %s is not in Chinese: %s", name, payload)
		}
	}
	if !bytes.Contains(english.Payload, []byte(c.Flags[0].Text)) {
		t.Error("the English SR lacks the flag's text")
	}
	if !bytes.Contains(oru.Payload, []byte(english.UID)) {
		t.Error("the ORU does not name the first SR")
	}
}

func TestDismissal(t *testing.T) {
	h := newHarness(t, nil)
	h.ris.fail = func(int) error { return &node.RefusedError{Detail: "MSA-1 AR", Attempts: 1} }
	h.store(chest(study1, "A1"))
	h.send(message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Normal heart."})
	c := h.wait(node.Failed)[0]
	if err := h.node.Dismiss(t.Context(), c.ID, "", "Dr Li"); !errors.As(err, new(*node.InputError)) {
		t.Errorf("dismissed without a reason: %v", err)
	}
	if err := h.node.Dismiss(t.Context(), c.ID, "the RIS was replaced", "Dr Li"); err != nil {
		t.Fatal(err)
	}
	c = h.wait(node.Failed)[0]
	if last := c.Timeline[len(c.Timeline)-1]; c.DismissedAt.IsZero() || last.By != "Dr Li" || last.Event != "dismissed: the RIS was replaced" {
		t.Errorf("dismissed at %v, last line %+v", c.DismissedAt, last)
	}
	if err := h.node.Dismiss(t.Context(), c.ID, "again", "Dr Li"); !errors.As(err, new(*node.InputError)) {
		t.Errorf("dismissed twice: %v", err)
	}
}

// A destination that gets flagged results only gets the correction of one, too,
// though nothing is flagged any more; one that never got a result gets none.
func TestCorrectionFollowsTheFlaggedResult(t *testing.T) {
	h := newHarness(t, func(c *node.Config) { c.Destinations[1].When = node.Flagged })
	h.store(chest(study1, "A1"))
	m := message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Nodule of 95 cm in the right upper lobe."}
	h.send(m)
	h.wait(node.Done)
	m.control, m.status, m.text = "M2", "C", "Nodule of 9 mm in the right upper lobe."
	h.send(m)
	if c := h.wait(node.Superseded, node.Done)[1]; len(c.Flags) != 0 {
		t.Fatalf("flags %+v, want none after the correction", c.Flags)
	}
	if orus := h.ris.all(); len(orus) != 2 || !bytes.Contains(orus[1].Payload, []byte("|C\r")) && !bytes.Contains(orus[1].Payload, []byte("|C|")) {
		t.Errorf("the RIS has %d results, want the flagged one and its correction", len(orus))
	}
	h.store(chest(study2, "A2"))
	h.send(message{control: "M3", filler: "F3", study: study2, patient: "P1", status: "F", text: "Normal heart."})
	h.wait(node.Superseded, node.Done, node.Done)
	h.send(message{control: "M4", filler: "F3", study: study2, patient: "P1", status: "C", text: "Normal heart size."})
	h.wait(node.Superseded, node.Done, node.Superseded, node.Done)
	if orus := h.ris.all(); len(orus) != 2 {
		t.Errorf("the RIS has %d results, want 2: nothing was flagged", len(orus))
	}
}
