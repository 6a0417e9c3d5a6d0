package node_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"concord/node"
)

// slow makes the quiet timer longer than a test, so that only announcements
// end it.
func slow(c *node.Config) { c.Quiet, c.Wait = time.Hour, time.Hour }

// references name the objects of a chest study by number.
func references(study string, numbers ...int) (list []node.Reference) {
	for _, n := range numbers {
		list = append(list, node.Reference{ClassUID: crStorage, SeriesUID: study + ".1", SOPUID: fmt.Sprintf("%s.1.%d", study, n)})
	}
	return list
}

func (h *harness) storeNumber(n int) {
	h.Helper()
	i := chest(study1, "A1")
	i.uid = fmt.Sprintf("%s.1.%d", study1, n)
	h.store(i)
}

func (h *harness) step(uid string, studies, accessions []string) {
	h.Helper()
	err := h.node.Announce(h.Context(), &node.Announcement{Source: node.ByStep, UID: uid, From: "CT1", Status: node.StepInProgress,
		StudyUIDs: studies, Accessions: accessions})
	if err != nil {
		h.Fatal(err)
	}
}

func (h *harness) update(uid, status string, instances []node.Reference) {
	h.Helper()
	if err := h.node.UpdateStep(h.Context(), uid, status, instances); err != nil {
		h.Fatal(err)
	}
}

// says waits until the timeline of the only case has the lines in this order.
func (h *harness) says(lines ...string) {
	h.Helper()
	h.until(strings.Join(lines, ", "), func() bool {
		views, err := h.node.Cases(h.Context(), node.CaseFilter{Limit: 1})
		if err != nil || len(views) == 0 {
			return false
		}
		at := 0
		for _, e := range views[0].Timeline {
			if at < len(lines) && strings.Contains(e.Event, lines[at]) {
				at++
			}
		}
		return at == len(lines)
	})
}

var reportOfStudy1 = message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Normal heart size."}

// A step that is completed says how many instances there are: the case goes on
// with the last of them, whatever the order in which all came.
func TestStepCompletesTheStudy(t *testing.T) {
	begin := func(h *harness) { h.step("1.2.99", []string{study1}, []string{"A1"}) }
	end := func(h *harness) { h.update("1.2.99", node.StepCompleted, references(study1, 1, 2)) }
	one := func(h *harness) { h.storeNumber(1) }
	two := func(h *harness) { h.storeNumber(2) }
	report := func(h *harness) { h.send(reportOfStudy1) }
	for name, order := range map[string][]func(*harness){
		"images last":  {begin, end, report, one, two},
		"step last":    {begin, one, two, report, end},
		"report last":  {begin, one, end, two, report},
		"in its order": {report, begin, one, two, end},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, slow)
			for _, do := range order {
				do(h)
			}
			h.wait(node.Done)
			h.says("the study is complete: procedure step at CT1: COMPLETED, 2 instances", "judged")
		})
	}
}

func TestStepsThatDoNotCompleteAStudy(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*harness)
		says string
	}{
		"in progress":  {func(h *harness) { h.step("1.2.99", []string{study1}, nil) }, "procedure step at CT1: IN PROGRESS"},
		"by accession": {func(h *harness) { h.step("1.2.99", []string{"1.2.3.4"}, []string{"A1"}) }, "procedure step at CT1: IN PROGRESS"},
		"discontinued": {func(h *harness) {
			h.step("1.2.99", []string{study1}, nil)
			h.update("1.2.99", node.StepDiscontinued, references(study1, 1))
		}, "procedure step at CT1: DISCONTINUED, 1 instance"},
		"an instance is missing": {func(h *harness) {
			h.step("1.2.99", []string{study1}, nil)
			h.update("1.2.99", node.StepCompleted, references(study1, 1, 2))
		}, "procedure step at CT1: COMPLETED, 2 instances"},
		"more than announced": {func(h *harness) {
			h.storeNumber(3)
			h.step("1.2.99", []string{study1}, nil)
			h.update("1.2.99", node.StepCompleted, references(study1, 1))
		}, "COMPLETED, 1 instance"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, slow)
			c.do(h)
			h.storeNumber(1)
			h.send(reportOfStudy1)
			h.wait(node.Settling)
			h.says(c.says)
		})
	}
}

// A case goes on without what was announced once it waited for long enough,
// and says what is missing.
func TestWaitIsBounded(t *testing.T) {
	h := newHarness(t, func(c *node.Config) { c.Quiet, c.Wait = 20*time.Millisecond, 300*time.Millisecond })
	h.step("1.2.99", []string{study1}, nil)
	h.update("1.2.99", node.StepCompleted, references(study1, 1, 2, 3))
	h.storeNumber(1)
	h.send(reportOfStudy1)
	h.until("the case says why it waits", func() bool {
		views, err := h.node.Cases(t.Context(), node.CaseFilter{Limit: 1})
		return err == nil && len(views) == 1 && strings.Contains(views[0].Reason, "2 of them not here")
	})
	c := h.wait(node.Done)[0]
	h.says("goes on with what is here: procedure step at CT1: COMPLETED, 3 instances, 2 of them not here")
	if c.Reason != "" {
		t.Errorf("a case that is done has the reason %q", c.Reason)
	}
	h.storeNumber(2) // late
	h.wait(node.Superseded, node.Done)
}

func TestStepsAreFinalWhenTheyEnd(t *testing.T) {
	h := newHarness(t, nil)
	h.step("1.2.99", []string{study1}, nil)
	again := &node.Announcement{Source: node.ByStep, UID: "1.2.99", From: "CT1", Status: node.StepInProgress, StudyUIDs: []string{study1}}
	if err := h.node.Announce(t.Context(), again); !errors.Is(err, node.ErrAnnounced) {
		t.Errorf("a second step of one UID: %v", err)
	}
	if err := h.node.UpdateStep(t.Context(), "1.2.98", node.StepCompleted, nil); !errors.Is(err, node.ErrUnannounced) {
		t.Errorf("an unknown step: %v", err)
	}
	h.update("1.2.99", "", references(study1, 1))
	h.update("1.2.99", node.StepCompleted, nil)
	for _, status := range []string{node.StepInProgress, node.StepCompleted, node.StepDiscontinued, ""} {
		if err := h.node.UpdateStep(t.Context(), "1.2.99", status, nil); !errors.Is(err, node.ErrStepEnded) {
			t.Errorf("%q after COMPLETED: %v", status, err)
		}
	}
}

// stack is an archive of numbered instances of one study.
type stack struct {
	mu      sync.Mutex
	holds   []int
	silent  bool // it does not count
	fail    error
	send    func(numbers ...int) // a retrieval
	asked   int
	pulled  []int
	retried int
}

func (s *stack) Studies(context.Context, string, string) ([]node.Holding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.fail != nil || len(s.holds) == 0 {
		return nil, s.fail
	}
	if s.silent {
		return []node.Holding{{StudyUID: study1, Instances: -1}}, nil
	}
	return []node.Holding{{StudyUID: study1, Instances: len(s.holds)}}, nil
}

func (s *stack) Instances(context.Context, string) ([]node.Reference, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return references(study1, s.holds...), nil
}

func (s *stack) Retrieve(_ context.Context, _ string, instances []node.Reference) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retried++
	if s.send == nil {
		return "", errors.New("refused: move destination unknown")
	}
	numbers := s.holds
	if instances != nil {
		numbers = nil
		for _, i := range instances {
			var n int
			fmt.Sscanf(i.SOPUID, study1+".1.%d", &n)
			numbers = append(numbers, n)
		}
	}
	s.pulled = append(s.pulled, numbers...)
	go s.send(numbers...)
	return fmt.Sprintf("C-MOVE: %d sent", len(numbers)), nil
}

// withArchive is a node beside an archive; a case waits for it so long that a busy machine has asked it by then.
func withArchive(t *testing.T, s *stack, retrieves bool, wait time.Duration) *harness {
	h := newHarness(t, func(c *node.Config) { c.Quiet, c.Wait = 20*time.Millisecond, wait })
	h.node.SetArchives([]node.Archive{{Name: "pacs", Retrieves: retrieves, Query: s}})
	return h
}

func TestArchiveSaysWhatIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		s         *stack
		retrieves bool
		completes bool
		says      []string
		pulled    string
	}{
		"as many as here":     {&stack{holds: []int{1}}, false, true, []string{"pacs has 1 instance", "the study is complete"}, "[]"},
		"it does not count":   {&stack{holds: []int{1}, silent: true}, false, true, []string{"pacs has 1 instance", "the study is complete"}, "[]"},
		"it knows nothing":    {&stack{}, false, false, []string{"pacs has 0 instances", "judged"}, "[]"},
		"it does not answer":  {&stack{fail: errors.New("connection refused")}, true, false, []string{"pacs does not say", "judged"}, "[]"},
		"more, not retrieved": {&stack{holds: []int{1, 2}}, false, false, []string{"pacs has 2 instances", "goes on with what is here: pacs has 2 instances, 1 of them not here"}, "[]"},
		"more, retrieved": {&stack{holds: []int{1, 2, 3}, send: func(...int) {}}, true, true, []string{"pacs has 3 instances", "missing, so asked of pacs: 2 instances",
			"the study is complete: pacs has 3 instances"}, "[2 3]"},
		"more, refused": {&stack{holds: []int{1, 2}}, true, false, []string{"missing, so asked of pacs: 1 instance", "pacs was asked, and failed: refused: move destination unknown", "goes on with what is here"}, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			wait := 2 * time.Second
			if c.completes {
				wait = time.Minute // it need not end
			}
			h := withArchive(t, c.s, c.retrieves, wait)
			if c.s.send != nil {
				c.s.send = func(numbers ...int) {
					for _, n := range numbers {
						h.storeNumber(n)
					}
				}
			}
			h.storeNumber(1)
			h.wait(node.WaitingReport) // the index lags
			h.send(reportOfStudy1)
			h.wait(node.Done)
			h.says(c.says...)
			if c.pulled != "[]" {
				h.says("pacs was asked, and did it: C-MOVE: 2 sent")
			}
			c.s.mu.Lock()
			defer c.s.mu.Unlock()
			if got := fmt.Sprint(c.s.pulled); got != c.pulled {
				t.Errorf("pulled %s, want %s", got, c.pulled)
			}
		})
	}
}

// A study that a report names and that nobody forwards is retrieved, once.
func TestStudyOfAReportIsRetrieved(t *testing.T) {
	byAccession := message{control: "M1", filler: "F1", accession: "A1", patient: "P1", status: "F", text: "Normal heart size."}
	for name, c := range map[string]struct {
		m     message
		other bool // another study of the patient and day is here
	}{
		"by study UID":                 {reportOfStudy1, false},
		"by accession":                 {byAccession, false},
		"by accession, beside another": {byAccession, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := &stack{holds: []int{1, 2}}
			h := withArchive(t, s, true, time.Minute)
			if c.other {
				h.store(chest(study2, "A2"))
				h.wait(node.WaitingReport)
			}
			s.send = func(numbers ...int) {
				for _, n := range numbers {
					h.storeNumber(n)
				}
			}
			h.send(c.m)
			if c.other {
				h.wait(node.WaitingReport, node.Done)
			} else {
				h.wait(node.Done)
			}
			h.says("images arrived", "the study is complete")
			h.says("pacs was asked for the study, and did it: C-MOVE: 2 sent")
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.retried != 1 {
				t.Errorf("asked for %d times", s.retried)
			}
		})
	}
}

// A sender that notifies of each instance, and a modality that repeats itself,
// neither flood a timeline nor slow the node down.
func TestTalkativePeers(t *testing.T) {
	h := newHarness(t, slow)
	h.storeNumber(1)
	h.wait(node.WaitingReport)
	h.step("1.2.99", []string{study1}, nil)
	for range 50 {
		h.update("1.2.99", "", references(study1, 1))
	}
	for n := range 300 {
		err := h.node.Announce(t.Context(), &node.Announcement{Source: node.ByNotification, UID: fmt.Sprintf("1.2.100.%d", n), From: "PACS",
			StudyUIDs: []string{study1}, Count: 1, Instances: references(study1, n)})
		if err != nil {
			t.Fatal(err)
		}
	}
	c := h.wait(node.WaitingReport)[0]
	if got := len(c.Timeline); got > 30 {
		t.Errorf("the timeline has %d lines", got)
	}
	h.send(reportOfStudy1)
	h.wait(node.Settling) // most of what was announced is not here
}
