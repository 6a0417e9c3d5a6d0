package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"go.uber.org/zap"

	"concord/dicom"
	"concord/dicom/ae"
	"concord/node"
)

const (
	// commitmentInstance is the well-known SOP instance of storage commitment
	// (PS3.4 J.3.5).
	commitmentInstance = "1.2.840.10008.1.20.1.1"
	// requestCommitment is its one action (PS3.4 J.3.2).
	requestCommitment = 1
	// maxCommitment bounds a request: 100,000 instances of some 160 bytes.
	maxCommitment = 16 << 20
	// maxReversed bounds the results that wait for an association of their own.
	maxReversed = 16
)

// The events of a result (PS3.4 J.3.3).
const (
	allCommitted  = 1
	someCommitted = 2
)

// reverseAfter are the waits before each try to deliver a result on an
// association of its own. A requestor that gets none asks again (PS3.4 J.3.2).
var reverseAfter = []time.Duration{0, 5 * time.Second, time.Minute}

// commitments is the SCP of storage commitment: it commits to what the node
// has on disk with the class that the requestor names.
type commitments struct {
	peers    *Peers
	node     *node.Node
	log      *zap.Logger
	reversed chan struct{} // a token for each result under way
}

// reference is an instance of a request, with why it is not committed.
type reference struct {
	class, instance string
	failure         uint16 // 0: committed
}

// perform is the N-ACTION. The result follows on the same association, or on
// one to the requestor when that has ended.
func (s *commitments) perform(ctx context.Context, rq *ae.NormalizedRequest) error {
	switch {
	case rq.Operation != ae.NAction:
		return &ae.StatusError{Status: ae.StatusUnrecognizedOperation}
	case rq.SOPInstanceUID != commitmentInstance:
		return &ae.StatusError{Status: ae.StatusNoSuchObjectInstance}
	case rq.TypeID != requestCommitment:
		return &ae.StatusError{Status: ae.StatusNoSuchActionType}
	}
	transaction, references, err := readCommitment(rq)
	if err != nil {
		return err
	}
	for i := range references {
		if err := s.decide(ctx, &references[i]); err != nil {
			return &ae.StatusError{Status: ae.StatusProcessingFailure, Comment: "the store does not answer; ask again", Err: err}
		}
	}
	rq.Report = result(transaction, references, rq.TransferSyntax)
	caller := rq.Association
	rq.Reported = func(err error) {
		if err != nil {
			s.reverse(caller, result(transaction, references, dicom.ImplicitVRLittleEndian))
		}
	}
	return nil
}

// readCommitment reads the action information (PS3.4 Table J.3-1).
func readCommitment(rq *ae.NormalizedRequest) (transaction string, references []reference, err error) {
	var data []byte
	if rq.Data != nil {
		if data, err = io.ReadAll(io.LimitReader(rq.Data, maxCommitment+1)); err != nil {
			return "", nil, err
		}
	}
	if len(data) > maxCommitment {
		return "", nil, &ae.StatusError{Status: ae.StatusResourceLimitation, Comment: "too many instances; ask for fewer at once"}
	}
	o, err := dicom.ScanDataSet(bytes.NewReader(data), int64(len(data)), rq.TransferSyntax)
	if err != nil {
		return "", nil, &ae.StatusError{Status: ae.StatusInvalidArgumentValue, Comment: "the data set cannot be read", Err: err}
	}
	for _, item := range o.Items(dicom.ReferencedSOPSequence) {
		references = append(references, reference{class: item.String(dicom.ReferencedSOPClassUID), instance: item.String(dicom.ReferencedSOPInstanceUID)})
	}
	transaction = o.String(dicom.TransactionUID)
	if transaction == "" || len(references) == 0 {
		return "", nil, &ae.StatusError{Status: ae.StatusInvalidArgumentValue, Comment: "no Transaction UID or no instances"}
	}
	return transaction, references, nil
}

// decide looks whether an instance is on disk (failure reasons: PS3.3
// C.14.1.1).
func (s *commitments) decide(ctx context.Context, r *reference) error {
	o, file, err := s.node.Object(ctx, r.instance)
	if err != nil {
		return err
	}
	switch {
	case o == nil:
		r.failure = ae.StatusNoSuchObjectInstance
		return nil
	case o.SOPClassUID != r.class:
		r.failure = ae.StatusClassInstanceConflict
	}
	return file.Close()
}

// result is the N-EVENT-REPORT (PS3.4 Table J.3-2).
func result(transaction string, references []reference, syntax string) *ae.NormalizedRequest {
	var done, failed [][]dicom.Element
	for _, r := range references {
		item := []dicom.Element{{Tag: dicom.ReferencedSOPClassUID, VR: dicom.UI, Value: r.class},
			{Tag: dicom.ReferencedSOPInstanceUID, VR: dicom.UI, Value: r.instance}}
		if r.failure == 0 {
			done = append(done, item)
		} else {
			failed = append(failed, append(item, dicom.Element{Tag: dicom.FailureReason, VR: dicom.US, Number: r.failure}))
		}
	}
	elements := []dicom.Element{{Tag: dicom.TransactionUID, VR: dicom.UI, Value: transaction}}
	event := uint16(allCommitted)
	if len(failed) > 0 {
		event = someCommitted
		elements = append(elements, dicom.Element{Tag: dicom.FailedSOPSequence, VR: dicom.SQ, Items: failed})
	}
	if len(done) > 0 {
		elements = append(elements, dicom.Element{Tag: dicom.ReferencedSOPSequence, VR: dicom.SQ, Items: done})
	}
	data := dicom.AppendDataSet(nil, syntax == dicom.ExplicitVRLittleEndian, elements...)
	return &ae.NormalizedRequest{Operation: ae.NEventReport, SOPClassUID: dicom.StorageCommitmentPushModel, SOPInstanceUID: commitmentInstance,
		TypeID: event, TransferSyntax: syntax, Data: bytes.NewReader(data)}
}

// reverse delivers a result on an association to the requestor, if it is a peer
// with an address.
func (s *commitments) reverse(caller *ae.Caller, report *ae.NormalizedRequest) {
	now := s.peers.current()
	peer, _ := now.caller(caller.Calling, addrOf(caller.Remote))
	if peer == nil || peer.Address == "" {
		s.log.Warn("a storage commitment's result has no way back; give the peer's address", zap.Stringer("association", caller))
		return
	}
	select {
	case s.reversed <- struct{}{}:
	default:
		s.log.Warn("too many storage commitment results wait; the requestor will ask again", zap.Stringer("association", caller))
		return
	}
	client := now.client(*peer, s.log)
	go func() {
		defer func() { <-s.reversed }()
		var err error
		for _, wait := range reverseAfter {
			time.Sleep(wait)
			if err = sendReport(client, *report); err == nil {
				return
			}
		}
		s.log.Warn("a storage commitment's result did not reach its requestor", zap.String("peer", peer.Name), zap.Error(err))
	}()
}

func sendReport(client *ae.Client, report ae.NormalizedRequest) error {
	ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
	defer cancel()
	a, err := client.Dial(ctx, []ae.Context{{SOPClass: report.SOPClassUID, TransferSyntaxes: []string{report.TransferSyntax}, SCP: true}})
	if err != nil {
		return err
	}
	if _, err := report.Data.(io.Seeker).Seek(0, io.SeekStart); err != nil {
		return err
	}
	return errors.Join(a.Perform(ctx, report), a.Release(ctx))
}
