package ae

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"concord/dicom/pdu"
)

const (
	commitmentClass    = "1.2.840.10008.1.20.1"
	commitmentInstance = "1.2.840.10008.1.20.1.1"
	performedStepClass = "1.2.840.10008.3.1.2.3.3"
)

// notes is a Normalized handler that keeps what comes.
type notes struct {
	got    chan NormalizedRequest
	data   chan []byte
	answer func(*NormalizedRequest) error
}

func newNotes(answer func(*NormalizedRequest) error) *notes {
	return &notes{got: make(chan NormalizedRequest, 9), data: make(chan []byte, 9), answer: answer}
}

func (n *notes) handle(_ context.Context, rq *NormalizedRequest) error {
	var b []byte
	if rq.Data != nil {
		var err error
		if b, err = io.ReadAll(rq.Data); err != nil {
			return err
		}
	}
	err := n.answer(rq)
	n.got <- *rq
	n.data <- b
	return err
}

func normalizing(n *notes) *Server {
	return &Server{AETitle: "CONCORD", Normalized: n.handle,
		NormalizedClass: func(uid string) bool { return uid == commitmentClass || uid == performedStepClass }}
}

// commitmentRequest is an N-ACTION of storage commitment (PS3.4 J.3.2).
func commitmentRequest(data string) NormalizedRequest {
	return NormalizedRequest{Operation: NAction, SOPClassUID: commitmentClass, SOPInstanceUID: commitmentInstance,
		TypeID: 1, TransferSyntax: implicitVRLittleEndian, Data: bytes.NewReader([]byte(data))}
}

// TestCommitmentOnOneAssociation asks for a commitment and gets its result on
// the same association.
func TestCommitmentOnOneAssociation(t *testing.T) {
	reported := make(chan error, 1)
	n := newNotes(func(rq *NormalizedRequest) error {
		report := commitmentRequest("result")
		report.TypeID = 2
		rq.Report, rq.Reported = &report, func(err error) { reported <- err }
		return nil
	})
	a := dial(t, client(start(t, normalizing(n))), propose(commitmentClass, implicitVRLittleEndian))
	for _, answer := range []error{nil, &StatusError{Status: StatusNoSuchEventType}} {
		if err := a.Perform(t.Context(), commitmentRequest("please")); err != nil {
			t.Fatal(err)
		}
		rq, data := <-n.got, <-n.data
		if rq.Operation != NAction || rq.TypeID != 1 || rq.SOPInstanceUID != commitmentInstance || string(data) != "please" || rq.Association.Calling != "TEST" {
			t.Errorf("got %+v with %q", rq, data)
		}
		err := a.AwaitEvent(t.Context(), func(rq *NormalizedRequest) error {
			b, err := io.ReadAll(rq.Data)
			if err != nil || string(b) != "result" || rq.TypeID != 2 || rq.SOPClassUID != commitmentClass {
				t.Errorf("event %+v with %q, %v", rq, b, err)
			}
			return answer
		})
		if !errors.Is(err, answer) {
			t.Errorf("AwaitEvent: %v, want %v", err, answer)
		}
		if err := <-reported; statusIn(err) != statusIn(answer) || (err == nil) != (answer == nil) {
			t.Errorf("the report's outcome is %v, want %v", err, answer)
		}
	}
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestReportIsLost releases the association instead of an answer to the report.
func TestReportIsLost(t *testing.T) {
	reported := make(chan error, 1)
	n := newNotes(func(rq *NormalizedRequest) error {
		report := commitmentRequest("result")
		rq.Report, rq.Reported = &report, func(err error) { reported <- err }
		return nil
	})
	a := dial(t, client(start(t, normalizing(n))), propose(commitmentClass, implicitVRLittleEndian))
	if err := a.Perform(t.Context(), commitmentRequest("please")); err != nil {
		t.Fatal(err)
	}
	if err := a.Release(t.Context()); err != nil {
		t.Errorf("release with a report on its way: %v", err)
	}
	if err := <-reported; err == nil {
		t.Error("the report counts as delivered")
	}
}

// TestCommitmentReversed sends the result on an association that the SCP of
// the commitment requested.
func TestCommitmentReversed(t *testing.T) {
	n := newNotes(func(*NormalizedRequest) error { return nil })
	c := client(start(t, normalizing(n)))
	reversed := propose(commitmentClass, implicitVRLittleEndian)
	reversed.SCP = true
	a := dial(t, c, reversed)
	event := commitmentRequest("result")
	event.Operation = NEventReport
	if err := a.Perform(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	if rq, data := <-n.got, <-n.data; rq.Operation != NEventReport || rq.TypeID != 1 || string(data) != "result" {
		t.Errorf("got %+v with %q", rq, data)
	}
	a = dial(t, c, propose(commitmentClass, implicitVRLittleEndian))
	event.Data = bytes.NewReader([]byte("result"))
	if err := a.Perform(t.Context(), event); statusIn(err) != StatusSOPClassNotSupported {
		t.Errorf("an event without the role of SCP: %v", err)
	}
}

// TestPerformedStep creates and modifies an object, whose UID the performer
// chooses where the request leaves it out.
func TestPerformedStep(t *testing.T) {
	n := newNotes(func(rq *NormalizedRequest) error {
		if rq.SOPInstanceUID == "" {
			rq.SOPInstanceUID = "2.25.7"
		}
		if rq.Operation == NSet {
			return &StatusError{Status: StatusNoSuchObjectInstance}
		}
		return nil
	})
	r := connect(t, start(t, normalizing(n)))
	rq := associateRQ()
	rq.Contexts = []pdu.ContextRQ{{ID: 1, AbstractSyntax: performedStepClass, TransferSyntaxes: []string{implicitVRLittleEndian}}, rq.Contexts[1]}
	r.send(rq)
	r.read()
	create := newRequest(uint16(NCreate), 1, affectedSOPClassUID, performedStepClass)
	r.send(&pdu.DataTF{PDVs: []pdu.PDV{command(1, create.encode())}})
	p, ok := r.read().(*pdu.DataTF)
	if !ok {
		t.Fatal("no response")
	}
	response, err := decodeCommand(p.PDVs[0].Fragment)
	if err != nil || response.text(affectedSOPInstanceUID) != "2.25.7" || response.field() != 0x8140 {
		t.Errorf("got %+v, %v", response, err)
	}
	onVerification := newRequest(uint16(NSet), 2, requestedSOPClassUID, verificationSOPClass)
	onVerification.setUID(requestedSOPInstanceUID, "2.25.8")
	r.send(&pdu.DataTF{PDVs: []pdu.PDV{command(3, onVerification.encode())}})
	if got := r.status(); got != StatusSOPClassNotSupported {
		t.Errorf("N-SET of verification: status %04X", got)
	}
	for _, c := range []struct {
		class, instance string
		want            uint16
	}{
		{performedStepClass, "2.25.8", StatusNoSuchObjectInstance},
		{performedStepClass, "../8", StatusInvalidObjectInstance},
		{commitmentClass, "2.25.8", StatusSOPClassNotSupported},
	} {
		set := newRequest(uint16(NSet), 2, requestedSOPClassUID, c.class)
		set.setUID(requestedSOPInstanceUID, c.instance)
		r.send(&pdu.DataTF{PDVs: []pdu.PDV{command(1, set.encode())}})
		if got := r.status(); got != c.want {
			t.Errorf("N-SET of %+v: status %04X", c, got)
		}
	}
}
