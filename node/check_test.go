package node_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"concord/node"
)

func TestCheckJudgesWithoutATrace(t *testing.T) {
	h := newHarness(t, nil)
	h.store(chest(study1, "A1"))
	h.store(chest(study2, "A2"))
	h.wait(node.WaitingReport, node.WaitingReport)
	oru := message{control: "M1", filler: "F1", accession: "A2", patient: "P1", status: "P", text: "Normal prostate."}
	for name, c := range map[string]struct {
		ask   node.CheckRequest
		study string
	}{
		"text and study UID":        {node.CheckRequest{Text: "Normal prostate.", StudyUID: study1}, study1},
		"text and accession":        {node.CheckRequest{Text: "Normal prostate.", Accession: "A1"}, study1},
		"message":                   {node.CheckRequest{HL7: oru.bytes()}, study2},
		"message for another study": {node.CheckRequest{HL7: oru.bytes(), StudyUID: study1}, study1},
	} {
		got, err := h.node.Check(t.Context(), c.ask)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(got) != 1 || got[0].StudyUID != c.study || len(got[0].Statements) != 1 {
			t.Fatalf("%s: got %+v", name, got)
		}
		if !slices.ContainsFunc(got[0].Flags, func(f node.Flag) bool { return f.Code == "CC104" }) {
			t.Errorf("%s: want the flag of a prostate in a woman, got %+v", name, got[0].Flags)
		}
	}
	h.wait(node.WaitingReport, node.WaitingReport)
	if h.node.Stats.Messages.Load() != 0 || len(h.pacs.all())+len(h.ris.all()) != 0 {
		t.Error("a check left a trace")
	}
}

func TestCheckRefuses(t *testing.T) {
	h := newHarness(t, nil)
	h.store(chest(study1, "A1"))
	h.store(chest(study2, "A1"))
	h.wait(node.WaitingReport, node.WaitingReport)
	withdrawal := message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "X", text: "Normal."}
	for name, c := range map[string]struct {
		ask  node.CheckRequest
		want any
		says string
	}{
		"no text":         {node.CheckRequest{StudyUID: study1}, new(*node.InputError), "no report text"},
		"withdrawn":       {node.CheckRequest{HL7: withdrawal.bytes()}, new(*node.InputError), "no report text"},
		"no HL7":          {node.CheckRequest{HL7: []byte("nothing"), StudyUID: study1}, new(*node.InputError), "cannot be read"},
		"no key":          {node.CheckRequest{Text: "Normal."}, new(*node.NotFoundError), "no study"},
		"unknown study":   {node.CheckRequest{Text: "Normal.", StudyUID: "2.25.9"}, new(*node.NotFoundError), "no study"},
		"several studies": {node.CheckRequest{Text: "Normal.", Accession: "A1"}, new(*node.InputError), "2 studies"},
	} {
		_, err := h.node.Check(t.Context(), c.ask)
		if err == nil || !errors.As(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want a %T that says %q", name, err, c.want, c.says)
		}
	}
}

func TestPreview(t *testing.T) {
	h := newHarness(t, nil)
	h.store(chest(study1, "A1"))
	h.wait(node.WaitingReport)
	for size, side := range map[int]int{0: 2, 1: 1, 384: 2} {
		img, err := h.node.Preview(t.Context(), study1+".1.1", 1, size)
		if err != nil {
			t.Fatal(err)
		}
		if b := img.Bounds(); b.Dx() != side || b.Dy() != side {
			t.Errorf("size %d: got %v, want %d×%d", size, b, side, side)
		}
	}
	for _, c := range []struct {
		uid   string
		frame int
	}{{study1 + ".1.1", 0}, {study1 + ".1.1", 2}, {"2.25.9", 1}} {
		if _, err := h.node.Preview(t.Context(), c.uid, c.frame, 0); !errors.As(err, new(*node.NotFoundError)) {
			t.Errorf("frame %d of %s: got %v, want a NotFoundError", c.frame, c.uid, err)
		}
	}
}

func TestTeachingSumsUpTheNewestRevision(t *testing.T) {
	h := newHarness(t, nil)
	h.store(chest(study1, "A1"))
	m := message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Normal heart."}
	h.send(m)
	h.wait(node.Done)
	m.control, m.status, m.text = "M2", "C", "Normal heart.\nNormal prostate."
	h.send(m)
	h.wait(node.Superseded, node.Done)
	got, err := h.node.Teaching(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Reports != 1 || got[0].Statements != 2 || got[0].Flags == 0 {
		t.Fatalf("got %+v, want one report with two statements and its flags", got)
	}
	if day := got[0].Week; day.Weekday() != time.Monday {
		t.Errorf("the week begins on a %v", day.Weekday())
	}
}

func TestDurations(t *testing.T) {
	var d node.Durations
	for _, took := range []time.Duration{0, 5 * time.Millisecond, 6 * time.Millisecond, time.Hour} {
		d.Observe(took)
	}
	count, sum, atMost := d.Histogram()
	if count != 4 || atMost[0.005] != 2 || atMost[0.01] != 3 || atMost[30] != 3 || sum < 3600 {
		t.Errorf("count %d, sum %g, buckets %v", count, sum, atMost)
	}
}
