package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"concord/dicom"
	"concord/dicom/ae"
	"concord/node"
)

// image stores a minimal CT at the node.
func (s *scp) image(instance string) {
	s.Helper()
	var data []byte
	for _, e := range []dicom.Element{{Tag: dicom.SOPClassUID, Value: dicom.CTImageStorage}, {Tag: dicom.SOPInstanceUID, Value: instance},
		{Tag: dicom.StudyInstanceUID, Value: "1.2.1"}, {Tag: dicom.SeriesInstanceUID, Value: "1.2.1.1"}} {
		e.VR = dicom.UI
		data = dicom.AppendDataSet(data, true, e)
	}
	err := s.node.ReceiveObject(s.Context(), node.Incoming{Caller: "M", SOPClassUID: dicom.CTImageStorage, SOPInstanceUID: instance,
		TransferSyntax: dicom.ExplicitVRLittleEndian}, bytes.NewReader(data))
	if err != nil {
		s.Fatal(err)
	}
}

// commitmentOf is a request for instances, given as class and UID.
func commitmentOf(syntax, transaction string, instances ...[2]string) ae.NormalizedRequest {
	var items [][]dicom.Element
	for _, i := range instances {
		items = append(items, []dicom.Element{{Tag: dicom.ReferencedSOPClassUID, VR: dicom.UI, Value: i[0]},
			{Tag: dicom.ReferencedSOPInstanceUID, VR: dicom.UI, Value: i[1]}})
	}
	data := dicom.AppendDataSet(nil, syntax == dicom.ExplicitVRLittleEndian, dicom.Element{Tag: dicom.TransactionUID, VR: dicom.UI, Value: transaction},
		dicom.Element{Tag: dicom.ReferencedSOPSequence, VR: dicom.SQ, Items: items})
	return ae.NormalizedRequest{Operation: ae.NAction, SOPClassUID: dicom.StorageCommitmentPushModel, SOPInstanceUID: commitmentInstance,
		TypeID: requestCommitment, TransferSyntax: syntax, Data: bytes.NewReader(data)}
}

// summary is a result in one line: event, transaction, committed, failed.
func summary(rq *ae.NormalizedRequest) (string, error) {
	data, err := io.ReadAll(rq.Data)
	if err != nil {
		return "", err
	}
	o, err := dicom.ScanDataSet(bytes.NewReader(data), int64(len(data)), rq.TransferSyntax)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%d %s", rq.TypeID, o.String(dicom.TransactionUID))
	for _, item := range o.Items(dicom.ReferencedSOPSequence) {
		text += " +" + item.String(dicom.ReferencedSOPInstanceUID)
	}
	for _, item := range o.Items(dicom.FailedSOPSequence) {
		reason, _ := item.Int(dicom.FailureReason)
		text += fmt.Sprintf(" -%s:%04X", item.String(dicom.ReferencedSOPInstanceUID), reason)
	}
	return text, nil
}

func TestCommitmentOnTheSameAssociation(t *testing.T) {
	s := startSCP(t, "")
	s.image("1.2.7")
	s.image("1.2.8")
	for _, syntax := range messageSyntaxes {
		a, err := (&ae.Client{Calling: "M", Called: "CONCORD", Address: s.address, Timeout: 5 * time.Second}).Dial(t.Context(),
			[]ae.Context{{SOPClass: dicom.StorageCommitmentPushModel, TransferSyntaxes: []string{syntax}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			instances [][2]string
			want      string
		}{
			{[][2]string{{dicom.CTImageStorage, "1.2.7"}, {dicom.CTImageStorage, "1.2.8"}}, "1 9.1 +1.2.7 +1.2.8"},
			{[][2]string{{dicom.CTImageStorage, "1.2.7"}, {dicom.CTImageStorage, "1.2.99"}, {dicom.MRImageStorage, "1.2.8"}},
				"2 9.1 +1.2.7 -1.2.99:0112 -1.2.8:0119"},
		} {
			if err := a.Perform(t.Context(), commitmentOf(syntax, "9.1", c.instances...)); err != nil {
				t.Fatal(err)
			}
			var got string
			err := a.AwaitEvent(t.Context(), func(rq *ae.NormalizedRequest) (err error) { got, err = summary(rq); return err })
			if err != nil || got != c.want {
				t.Errorf("%s: got %q %v, want %q", syntax, got, err, c.want)
			}
		}
		bad := commitmentOf(syntax, "9.1")
		if err := a.Perform(t.Context(), bad); !isStatus(err) {
			t.Errorf("a request without instances: %v", err)
		}
		bad = commitmentOf(syntax, "9.1", [2]string{dicom.CTImageStorage, "1.2.7"})
		bad.TypeID = 2
		if err := a.Perform(t.Context(), bad); !isStatus(err) {
			t.Errorf("action 2: %v", err)
		}
		a.Release(t.Context())
	}
}

// A requestor that ends the association at once gets its result on a new one,
// in which the node proposes itself as the SCP.
func TestCommitmentReversed(t *testing.T) {
	got := make(chan string, 1)
	modality := &ae.Server{NormalizedClass: isNormalized, Normalized: func(_ context.Context, rq *ae.NormalizedRequest) error {
		text, err := summary(rq)
		got <- text
		return err
	}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go modality.Serve(l)
	defer modality.Close()
	s := startSCP(t, fmt.Sprintf("peers: [{name: m, ae_title: M, address: %q}]", l.Addr()))
	s.image("1.2.7")
	a, err := (&ae.Client{Calling: "M", Called: "CONCORD", Address: s.address, Timeout: 5 * time.Second}).Dial(t.Context(),
		[]ae.Context{{SOPClass: dicom.StorageCommitmentPushModel, TransferSyntaxes: []string{dicom.ExplicitVRLittleEndian}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Perform(t.Context(), commitmentOf(dicom.ExplicitVRLittleEndian, "9.2", [2]string{dicom.CTImageStorage, "1.2.7"})); err != nil {
		t.Fatal(err)
	}
	a.Abort()
	select {
	case text := <-got:
		if text != "1 9.2 +1.2.7" {
			t.Errorf("result %q", text)
		}
	case <-time.After(20 * time.Second):
		t.Error("no result came")
	}
}
