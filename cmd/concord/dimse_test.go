package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"concord/dicom"
	"concord/dicom/ae"
	"concord/node"
)

// modality is an SCU of a DIMSE-N class at the node.
type modality struct {
	*testing.T
	*ae.Association
	class string
}

func (s *scp) modality(class string) *modality {
	s.Helper()
	a, err := (&ae.Client{Calling: "CT1", Called: "CONCORD", Address: s.address, Timeout: 5 * time.Second}).Dial(s.Context(),
		[]ae.Context{{SOPClass: class, TransferSyntaxes: []string{dicom.ExplicitVRLittleEndian}}})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = a.Release(s.Context()) })
	return &modality{s.T, a, class}
}

// ask performs an operation and returns its status in short: 0000, or 0110/A710.
func (m *modality) ask(operation ae.Operation, instance string, elements ...dicom.Element) string {
	m.Helper()
	rq := ae.NormalizedRequest{Operation: operation, SOPClassUID: m.class, SOPInstanceUID: instance, TransferSyntax: dicom.ExplicitVRLittleEndian}
	if len(elements) > 0 {
		rq.Data = bytes.NewReader(dicom.AppendDataSet(nil, true, elements...))
	}
	err := m.Perform(m.Context(), rq)
	var status *ae.StatusError
	switch {
	case err == nil:
		return "0000"
	case !errors.As(err, &status):
		m.Fatal(err)
	case status.ErrorID != 0:
		return fmt.Sprintf("%04X/%04X", status.Status, status.ErrorID)
	}
	return fmt.Sprintf("%04X", status.Status)
}

func scheduled(study, accession string) dicom.Element {
	return dicom.Element{Tag: dicom.ScheduledStepAttributesSequence, VR: dicom.SQ, Items: [][]dicom.Element{{
		text(dicom.AccessionNumber, dicom.SH, accession), text(dicom.StudyInstanceUID, dicom.UI, study)}}}
}

func stepStatus(status string) dicom.Element {
	return text(dicom.PerformedProcedureStepStatus, dicom.CS, status)
}

// performed is a Performed Series Sequence of one series of CT images.
func performed(instances ...string) dicom.Element {
	var images [][]dicom.Element
	for _, uid := range instances {
		images = append(images, referenceItem(node.Reference{ClassUID: dicom.CTImageStorage, SOPUID: uid}))
	}
	return dicom.Element{Tag: dicom.PerformedSeriesSequence, VR: dicom.SQ, Items: [][]dicom.Element{{
		{Tag: dicom.ReferencedImageSequence, VR: dicom.SQ, Items: images}, text(dicom.SeriesInstanceUID, dicom.UI, "1.2.1.1")}}}
}

// Each status that a modality may get for its procedure steps (PS3.4 F.7.2).
func TestProcedureStepStatuses(t *testing.T) {
	m := startSCP(t, "").modality(dicom.ModalityPerformedProcedureStep)
	for _, c := range []struct {
		what      string
		operation ae.Operation
		instance  string
		elements  []dicom.Element
		want      string
	}{
		{"created", ae.NCreate, "1.9.1", []dicom.Element{stepStatus(node.StepInProgress), scheduled("1.2.1", "A1")}, "0000"},
		{"created again", ae.NCreate, "1.9.1", []dicom.Element{stepStatus(node.StepInProgress), scheduled("1.2.1", "A1")}, "0111"},
		{"created without a UID", ae.NCreate, "", []dicom.Element{stepStatus(node.StepInProgress), scheduled("1.2.1", "")}, "0000"},
		{"created as completed", ae.NCreate, "1.9.2", []dicom.Element{stepStatus(node.StepCompleted), scheduled("1.2.1", "A1")}, "0106"},
		{"created without a status", ae.NCreate, "1.9.2", []dicom.Element{scheduled("1.2.1", "A1")}, "0120"},
		{"created without a study", ae.NCreate, "1.9.2", []dicom.Element{stepStatus(node.StepInProgress), scheduled("", "A1")}, "0120"},
		{"set, unknown", ae.NSet, "1.9.3", []dicom.Element{stepStatus(node.StepCompleted)}, "0112"},
		{"set to nonsense", ae.NSet, "1.9.1", []dicom.Element{stepStatus("DONE")}, "0106"},
		{"set without a status", ae.NSet, "1.9.1", []dicom.Element{performed("1.2.7")}, "0000"},
		{"completed", ae.NSet, "1.9.1", []dicom.Element{stepStatus(node.StepCompleted), performed("1.2.7", "1.2.8")}, "0000"},
		{"set after its end", ae.NSet, "1.9.1", []dicom.Element{performed("1.2.7")}, "0110/A710"},
		{"another operation", ae.NAction, "1.9.1", nil, "0211"},
	} {
		if got := m.ask(c.operation, c.instance, c.elements...); got != c.want {
			t.Errorf("%s: status %s, want %s", c.what, got, c.want)
		}
	}
	err := m.Perform(t.Context(), ae.NormalizedRequest{Operation: ae.NSet, SOPClassUID: m.class, SOPInstanceUID: "1.9.1",
		TransferSyntax: dicom.ExplicitVRLittleEndian, Data: strings.NewReader("\xff\xff\xff\xff rubbish that is no data set")})
	if !isStatus(err) {
		t.Errorf("rubbish: %v", err)
	}
}

// announced are the announcements of a study that the node keeps, in words.
func (s *scp) announced(study string) (lines []string) {
	s.Helper()
	err := s.node.Index.View(s.Context(), func(tx node.Tx) error {
		list, err := tx.Announcements(study, "")
		for i := range list {
			missing, err := tx.MissingInstances(list[i].Source, list[i].UID)
			if err != nil {
				return err
			}
			lines = append(lines, fmt.Sprintf("%s; %d not here", &list[i], len(missing)))
		}
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	return lines
}

// What was acknowledged is in the index at once.
func TestAnnouncementsAreKept(t *testing.T) {
	s := startSCP(t, "")
	s.image("1.2.7")
	s.waitFor(func() bool { // the index lags
		views, err := s.node.Cases(t.Context(), node.CaseFilter{Limit: 1})
		return err == nil && len(views) == 1
	})
	m := s.modality(dicom.ModalityPerformedProcedureStep)
	m.ask(ae.NCreate, "1.9.1", stepStatus(node.StepInProgress), scheduled("1.2.1", "A1"))
	m.ask(ae.NSet, "1.9.1", stepStatus(node.StepCompleted), performed("1.2.7", "1.2.8", "1.2.9"))
	item := func(instance, available string) []dicom.Element {
		return []dicom.Element{text(dicom.InstanceAvailability, dicom.CS, available), text(dicom.ReferencedSOPClassUID, dicom.UI, dicom.CTImageStorage),
			text(dicom.ReferencedSOPInstanceUID, dicom.UI, instance)}
	}
	series := func(items ...[]dicom.Element) dicom.Element {
		return dicom.Element{Tag: dicom.ReferencedSeriesSequence, VR: dicom.SQ, Items: [][]dicom.Element{{
			{Tag: dicom.ReferencedSOPSequence, VR: dicom.SQ, Items: items}, text(dicom.SeriesInstanceUID, dicom.UI, "1.2.1.1")}}}
	}
	i := s.modality(dicom.InstanceAvailabilityNotification)
	study := text(dicom.StudyInstanceUID, dicom.UI, "1.2.1")
	for _, c := range []struct {
		instance string
		elements []dicom.Element
		want     string
	}{
		{"1.8.1", []dicom.Element{series(item("1.2.7", "ONLINE"), item("1.2.8", "NEARLINE"), item("1.2.9", "UNAVAILABLE")), study}, "0000"},
		{"1.8.1", []dicom.Element{series(item("1.2.7", "ONLINE")), study}, "0111"},
		{"1.8.2", []dicom.Element{series(item("1.2.7", "ONLINE"))}, "0120"},
	} {
		if got := i.ask(ae.NCreate, c.instance, c.elements...); got != c.want {
			t.Errorf("notification %s: status %s, want %s", c.instance, got, c.want)
		}
	}
	if got := i.ask(ae.NSet, "1.8.1"); got != "0211" {
		t.Errorf("N-SET of a notification: status %s, want 0211", got)
	}
	want := []string{"CT1 has 2 instances; 1 not here", "procedure step at CT1: COMPLETED, 3 instances; 2 not here"}
	got := s.announced("1.2.1")
	slices.Sort(got) // both may be of one millisecond
	if !slices.Equal(got, want) {
		t.Errorf("kept %q, want %q", got, want)
	}
}

// A step of a long study is kept whole; one beyond all bounds is refused, and
// the association stands.
func TestLongSteps(t *testing.T) {
	s := startSCP(t, "")
	m := s.modality(dicom.ModalityPerformedProcedureStep)
	named := func(n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf("1.2.826.0.1.3680043.2.1125.1.%d", i))
		}
		return list
	}
	m.ask(ae.NCreate, "1.9.1", stepStatus(node.StepInProgress), scheduled("1.2.1", "A1"))
	if got := m.ask(ae.NSet, "1.9.1", performed(named(120_000)...)); got != "0213" {
		t.Errorf("120,000 instances: status %s, want 0213", got)
	}
	if got := m.ask(ae.NSet, "1.9.1", stepStatus(node.StepCompleted), performed(named(5_000)...)); got != "0000" {
		t.Errorf("5,000 instances: status %s, want 0000", got)
	}
	want := "[procedure step at CT1: COMPLETED, 5000 instances; 5000 not here]"
	if got := fmt.Sprint(s.announced("1.2.1")); got != want {
		t.Errorf("kept %s, want %s", got, want)
	}
}
