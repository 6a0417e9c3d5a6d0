package main

import (
	"bytes"
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"concord/config"
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
)

// The events of a result (PS3.4 J.3.3).
const (
	allCommitted  = 1
	someCommitted = 2
)

// commitment performs the requests of storage commitment, in both roles: the
// N-ACTION that asks for one, and the N-EVENT-REPORT that answers this node's.
func (s *services) commitment(ctx context.Context, rq *ae.NormalizedRequest) error {
	switch {
	case rq.SOPInstanceUID != commitmentInstance:
		return &ae.StatusError{Status: ae.StatusNoSuchObjectInstance}
	case rq.Operation == ae.NEventReport:
		return s.commitmentCame(ctx, rq)
	case rq.Operation != ae.NAction:
		return &ae.StatusError{Status: ae.StatusUnrecognizedOperation}
	case rq.TypeID != requestCommitment:
		return &ae.StatusError{Status: ae.StatusNoSuchActionType}
	}
	return s.commit(ctx, rq)
}

// commit answers for what the node has on disk with the class that the
// requestor names. The result follows on the same association, or on one to
// the requestor when that has ended: to a peer with an address it is owed
// before the request is acknowledged.
func (s *services) commit(ctx context.Context, rq *ae.NormalizedRequest) error {
	owed, err := s.readCommitment(rq)
	if err != nil {
		return err
	}
	report, err := s.result(ctx, owed, rq.TransferSyntax)
	_, reachable := s.requestor(owed)
	if err == nil && reachable {
		err = s.node.Owe(ctx, owed)
	}
	if err != nil {
		return &ae.StatusError{Status: ae.StatusProcessingFailure, Comment: "the store does not answer; ask again", Err: err}
	}
	rq.Report = report
	rq.Reported = func(lost error) {
		switch {
		case reachable:
			lost = s.node.Paid(context.WithoutCancel(ctx), owed, lost)
		case lost != nil:
			lost = errors.Join(lost, errNoWayBack)
		}
		if lost != nil {
			s.log.Warn("a storage commitment's result may have to be asked for again", zap.String("ae_title", owed.Caller), zap.Error(lost))
		}
	}
	return nil
}

var errNoWayBack = errors.New("there is no way back to the requestor once its association has ended; give the peer's address")

// requestor finds the peer that a result is owed to; false: there is no way to
// call it.
func (s *services) requestor(owed *node.Owed) (config.Peer, bool) {
	peer, _ := s.peers.current().caller(owed.Caller, parseAddr(owed.Address))
	if peer == nil || peer.Address == "" {
		return config.Peer{}, false
	}
	return *peer, true
}

// readCommitment reads the action information (PS3.4 Table J.3-1).
func (s *services) readCommitment(rq *ae.NormalizedRequest) (*node.Owed, error) {
	o, err := s.information(rq)
	if err != nil {
		return nil, err
	}
	owed := &node.Owed{Transaction: o.String(dicom.TransactionUID), Caller: rq.Association.Calling,
		Address: hostOf(rq.Association.Remote.String()), At: time.Now()}
	for _, item := range o.Items(dicom.ReferencedSOPSequence) {
		owed.Instances = append(owed.Instances, node.Reference{ClassUID: item.String(dicom.ReferencedSOPClassUID), SOPUID: item.String(dicom.ReferencedSOPInstanceUID)})
	}
	if owed.Transaction == "" || len(owed.Instances) == 0 {
		return nil, &ae.StatusError{Status: ae.StatusInvalidArgumentValue, Comment: "no Transaction UID or no instances"}
	}
	return owed, nil
}

// decide looks whether an instance is on disk, and gives the failure reason if
// it is not (PS3.3 C.14.1.1).
func (s *services) decide(ctx context.Context, r node.Reference) (failure uint16, err error) {
	o, file, err := s.node.Object(ctx, r.SOPUID)
	switch {
	case err != nil:
		return 0, err
	case o == nil:
		return ae.StatusNoSuchObjectInstance, nil
	case o.SOPClassUID != r.ClassUID:
		failure = ae.StatusClassInstanceConflict
	}
	return failure, file.Close()
}

// result is the N-EVENT-REPORT of what is owed, as it is now (PS3.4 Table
// J.3-2).
func (s *services) result(ctx context.Context, owed *node.Owed, syntax string) (*ae.NormalizedRequest, error) {
	var done, failed [][]dicom.Element
	for _, r := range owed.Instances {
		failure, err := s.decide(ctx, r)
		if err != nil {
			return nil, err
		}
		item := referenceItem(r)
		if failure == 0 {
			done = append(done, item)
		} else {
			failed = append(failed, append(item, dicom.Element{Tag: dicom.FailureReason, VR: dicom.US, Number: failure}))
		}
	}
	elements := []dicom.Element{{Tag: dicom.TransactionUID, VR: dicom.UI, Value: owed.Transaction}}
	event := uint16(allCommitted)
	if len(failed) > 0 {
		event = someCommitted
		elements = append(elements, dicom.Element{Tag: dicom.FailedSOPSequence, VR: dicom.SQ, Items: failed})
	}
	if len(done) > 0 {
		elements = append(elements, dicom.Element{Tag: dicom.ReferencedSOPSequence, VR: dicom.SQ, Items: done})
	}
	return commitmentMessage(ae.NEventReport, event, syntax, elements), nil
}

func referenceItem(r node.Reference) []dicom.Element {
	return []dicom.Element{{Tag: dicom.ReferencedSOPClassUID, VR: dicom.UI, Value: r.ClassUID},
		{Tag: dicom.ReferencedSOPInstanceUID, VR: dicom.UI, Value: r.SOPUID}}
}

func commitmentMessage(operation ae.Operation, typeID uint16, syntax string, elements []dicom.Element) *ae.NormalizedRequest {
	data := dicom.AppendDataSet(nil, syntax == dicom.ExplicitVRLittleEndian, elements...)
	return &ae.NormalizedRequest{Operation: operation, SOPClassUID: dicom.StorageCommitmentPushModel, SOPInstanceUID: commitmentInstance,
		TypeID: typeID, TransferSyntax: syntax, Data: bytes.NewReader(data)}
}

// report delivers what is owed on an association to the requestor.
func (s *services) report(ctx context.Context, owed *node.Owed) error {
	peer, reachable := s.requestor(owed)
	if !reachable {
		return errNoWayBack
	}
	message, err := s.result(ctx, owed, dicom.ImplicitVRLittleEndian)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	a, err := s.peers.current().client(peer, s.log).Dial(ctx, []ae.Context{{SOPClass: message.SOPClassUID, TransferSyntaxes: []string{message.TransferSyntax}, SCP: true}})
	if err != nil {
		return err
	}
	return errors.Join(a.Perform(ctx, *message), a.Release(ctx))
}

// commitmentCame takes the result of a commitment that this node asked for
// (PS3.4 J.3.3), on whatever association it comes.
func (s *services) commitmentCame(ctx context.Context, rq *ae.NormalizedRequest) error {
	if rq.TypeID != allCommitted && rq.TypeID != someCommitted {
		return &ae.StatusError{Status: ae.StatusNoSuchEventType}
	}
	o, err := s.information(rq)
	if err != nil {
		return err
	}
	transaction, result := readResult(o)
	err = s.node.CommitmentCame(ctx, transaction, *result)
	var unknown *node.NotFoundError
	var wrong *node.InputError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unknown), errors.As(err, &wrong):
		return &ae.StatusError{Status: ae.StatusInvalidArgumentValue, Comment: "unknown Transaction UID or instance", Err: err}
	}
	return &ae.StatusError{Status: ae.StatusProcessingFailure, Comment: "not kept; see the log of the node", Err: err}
}

// readResult reads the event information (PS3.4 Table J.3-2).
func readResult(o *dicom.Object) (transaction string, result *node.CommitmentResult) {
	result = &node.CommitmentResult{Failed: map[string]uint16{}}
	for _, item := range o.Items(dicom.ReferencedSOPSequence) {
		result.Committed = append(result.Committed, item.String(dicom.ReferencedSOPInstanceUID))
	}
	for _, item := range o.Items(dicom.FailedSOPSequence) {
		reason, _ := item.Int(dicom.FailureReason)
		result.Failed[item.String(dicom.ReferencedSOPInstanceUID)] = uint16(reason)
	}
	return o.String(dicom.TransactionUID), result
}

// committer asks a peer to answer for the documents that it stored.
type committer struct{ client *ae.Client }

// resultWait is how long the association of a request stays open for a result
// that comes on it. Most peers send it on one of their own.
const resultWait = 2 * time.Second

// RequestCommitment implements node.Committer.
func (c *committer) RequestCommitment(ctx context.Context, transaction string, document node.Reference) (result *node.CommitmentResult, err error) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	a, err := c.client.Dial(ctx, []ae.Context{{SOPClass: dicom.StorageCommitmentPushModel, TransferSyntaxes: []string{dicom.ImplicitVRLittleEndian}}})
	if err != nil {
		return nil, err
	}
	defer func() { _ = a.Release(context.WithoutCancel(ctx)) }() // the answer is what counts
	rq := commitmentMessage(ae.NAction, requestCommitment, dicom.ImplicitVRLittleEndian, []dicom.Element{
		{Tag: dicom.TransactionUID, VR: dicom.UI, Value: transaction},
		{Tag: dicom.ReferencedSOPSequence, VR: dicom.SQ, Items: [][]dicom.Element{referenceItem(document)}}})
	if err := a.Perform(ctx, *rq); err != nil {
		if isStatus(err) {
			return nil, &node.RefusedError{Detail: err.Error()}
		}
		return nil, err
	}
	if !a.Speaks(ctx, resultWait) {
		return nil, nil
	}
	var about string
	err = a.AwaitEvent(ctx, func(rq *ae.NormalizedRequest) error {
		data, err := readInformation(rq, shortInformation) // the result is about one document
		if err != nil {
			return err
		}
		o, err := scanInformation(rq, data)
		if err == nil {
			about, result = readResult(o)
		}
		return err
	})
	if err != nil || about != transaction {
		return nil, nil // the peer released, or speaks of another: the result may come on an association of its own
	}
	return result, nil
}
