package main

import (
	"bytes"
	"context"
	"errors"
	"io"

	"go.uber.org/zap"

	"concord/dicom"
	"concord/dicom/ae"
	"concord/node"
	"concord/node/audit"
)

// The data set of a DIMSE-N request is held while it is read: the longest has
// 50,000 instances of some 160 bytes, and few long ones are held at once.
const (
	maxInformation   = 8 << 20
	shortInformation = 256 << 10
	maxLong          = 2
)

// normalizedServices are the DIMSE-N services of the node's SCP.
var normalizedServices = []struct {
	class, name, role string
	perform           func(*services, context.Context, *ae.NormalizedRequest) error
}{
	{dicom.StorageCommitmentPushModel, "Storage Commitment Push Model", "SCP; SCU of its results", (*services).commitment},
	{dicom.ModalityPerformedProcedureStep, "Modality Performed Procedure Step", "SCP", (*services).step},
	{dicom.InstanceAvailabilityNotification, "Instance Availability Notification", "SCP", (*services).availability},
}

// isNormalized says whether the node performs requests of a DIMSE-N class.
func isNormalized(uid string) bool {
	for _, s := range normalizedServices {
		if s.class == uid {
			return true
		}
	}
	return false
}

// services performs the DIMSE-N requests of others.
type services struct {
	peers *Peers
	node  *node.Node
	trail *auditTrail
	log   *zap.Logger
	long  chan struct{} // a token for each long data set that is read
}

// perform is ae.Server's Normalized.
func (s *services) perform(ctx context.Context, rq *ae.NormalizedRequest) error {
	for _, service := range normalizedServices {
		if service.class == rq.SOPClassUID {
			return service.perform(s, ctx, rq)
		}
	}
	return &ae.StatusError{Status: ae.StatusSOPClassNotSupported}
}

// information reads the data set of a request.
func (s *services) information(rq *ae.NormalizedRequest) (*dicom.Object, error) {
	data, err := readInformation(rq, shortInformation)
	if err == nil && len(data) > shortInformation {
		select {
		case s.long <- struct{}{}:
			defer func() { <-s.long }()
		default:
			return nil, &ae.StatusError{Status: ae.StatusResourceLimitation, Comment: "busy with other long requests; ask again"}
		}
		var rest []byte
		rest, err = readInformation(rq, maxInformation-len(data))
		data = append(data, rest...)
	}
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxInformation:
		return nil, &ae.StatusError{Status: ae.StatusResourceLimitation, Comment: "too many instances; name fewer at once"}
	}
	return scanInformation(rq, data)
}

// readInformation reads a byte more than the limit where there is more.
func readInformation(rq *ae.NormalizedRequest, limit int) ([]byte, error) {
	if rq.Data == nil {
		return nil, nil
	}
	return io.ReadAll(io.LimitReader(rq.Data, int64(limit)+1))
}

func scanInformation(rq *ae.NormalizedRequest, data []byte) (*dicom.Object, error) {
	o, err := dicom.ScanDataSet(bytes.NewReader(data), int64(len(data)), rq.TransferSyntax)
	if err != nil {
		return nil, &ae.StatusError{Status: ae.StatusInvalidArgumentValue, Comment: "the data set cannot be read", Err: err}
	}
	return o, nil
}

// stepEnded is the error ID of an N-SET of a step that is final (PS3.4
// F.7.2.2.2).
const stepEnded = 0xA710

// announcementStatus gives an error of the node its status.
func announcementStatus(err error) error {
	var full *node.FullError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, node.ErrAnnounced):
		return &ae.StatusError{Status: ae.StatusDuplicateSOPInstance, Err: err}
	case errors.As(err, &full):
		return &ae.StatusError{Status: ae.StatusResourceLimitation, Comment: "no room on the disk; try again later", Err: err}
	case errors.Is(err, node.ErrUnannounced):
		return &ae.StatusError{Status: ae.StatusNoSuchObjectInstance, Err: err}
	case errors.Is(err, node.ErrStepEnded):
		return &ae.StatusError{Status: ae.StatusProcessingFailure, ErrorID: stepEnded,
			Comment: "Performed Procedure Step may no longer be updated", Err: err}
	}
	return &ae.StatusError{Status: ae.StatusProcessingFailure, Comment: "not kept; see the log of the node", Err: err}
}

// step performs a request of a modality about a procedure step (PS3.4 F.7.2).
func (s *services) step(ctx context.Context, rq *ae.NormalizedRequest) error {
	if rq.Operation != ae.NCreate && rq.Operation != ae.NSet {
		return &ae.StatusError{Status: ae.StatusUnrecognizedOperation}
	}
	o, err := s.information(rq)
	if err != nil {
		return err
	}
	status := o.String(dicom.PerformedProcedureStepStatus)
	instances := performedInstances(o)
	if rq.Operation == ae.NSet {
		switch status {
		case "", node.StepInProgress, node.StepCompleted, node.StepDiscontinued:
			err := s.node.UpdateStep(ctx, rq.SOPInstanceUID, status, instances)
			s.trail.stepChanged(ctx, rq.Association, rq.SOPInstanceUID, err)
			return announcementStatus(err)
		}
		return &ae.StatusError{Status: ae.StatusInvalidAttributeValue, Comment: "Performed Procedure Step Status"}
	}
	a := &node.Announcement{Source: node.ByStep, From: rq.Association.Calling, Status: status, Instances: instances, Count: len(instances)}
	for _, item := range o.Items(dicom.ScheduledStepAttributesSequence) {
		addKey(&a.StudyUIDs, item.String(dicom.StudyInstanceUID))
		addKey(&a.Accessions, item.String(dicom.AccessionNumber))
	}
	switch {
	case status == "" || len(a.StudyUIDs) == 0: // both are of type 1 (PS3.4 Table F.7.2-1)
		return &ae.StatusError{Status: ae.StatusMissingAttribute, Comment: "status, or scheduled step with Study Instance UID"}
	case status != node.StepInProgress:
		return &ae.StatusError{Status: ae.StatusInvalidAttributeValue, Comment: "a step is created IN PROGRESS"}
	}
	return s.announce(ctx, rq, a, audit.Patient{ID: o.String(dicom.PatientID), Issuer: o.String(dicom.IssuerOfPatientID)})
}

// announce enters what an N-CREATE says of studies.
func (s *services) announce(ctx context.Context, rq *ae.NormalizedRequest, a *node.Announcement, patient audit.Patient) error {
	a.UID = created(rq)
	err := s.node.Announce(ctx, a)
	s.trail.announced(ctx, audit.Create, rq.Association, a.StudyUIDs, patient, err)
	return announcementStatus(err)
}

// created is the SOP Instance UID of an N-CREATE, which the performer may have
// to give (PS3.7 10.1.5.1.4).
func created(rq *ae.NormalizedRequest) string {
	if rq.SOPInstanceUID == "" {
		rq.SOPInstanceUID = dicom.NewUID()
	}
	return rq.SOPInstanceUID
}

func addKey(keys *[]string, key string) {
	if key != "" {
		*keys = append(*keys, key)
	}
}

// performedInstances lists what a step made (PS3.3 C.4.15), nil if it does not
// say.
func performedInstances(o *dicom.Object) (list []node.Reference) {
	for _, series := range o.Items(dicom.PerformedSeriesSequence) {
		for _, sequence := range []dicom.Tag{dicom.ReferencedImageSequence, dicom.ReferencedNonImageCompositeSOPInstanceSequence} {
			for _, item := range series.Items(sequence) {
				list = append(list, node.Reference{SeriesUID: series.String(dicom.SeriesInstanceUID),
					ClassUID: item.String(dicom.ReferencedSOPClassUID), SOPUID: item.String(dicom.ReferencedSOPInstanceUID)})
			}
		}
	}
	return list
}

// availability performs the N-CREATE of an availability notification (PS3.4
// R.3.2).
func (s *services) availability(ctx context.Context, rq *ae.NormalizedRequest) error {
	if rq.Operation != ae.NCreate {
		return &ae.StatusError{Status: ae.StatusUnrecognizedOperation}
	}
	o, err := s.information(rq)
	if err != nil {
		return err
	}
	a := &node.Announcement{Source: node.ByNotification, From: rq.Association.Calling}
	addKey(&a.StudyUIDs, o.String(dicom.StudyInstanceUID))
	for _, series := range o.Items(dicom.ReferencedSeriesSequence) {
		for _, item := range series.Items(dicom.ReferencedSOPSequence) {
			if item.String(dicom.InstanceAvailability) != "UNAVAILABLE" { // PS3.3 C.4.23.1.1
				a.Instances = append(a.Instances, node.Reference{SeriesUID: series.String(dicom.SeriesInstanceUID),
					ClassUID: item.String(dicom.ReferencedSOPClassUID), SOPUID: item.String(dicom.ReferencedSOPInstanceUID)})
			}
		}
	}
	if len(a.StudyUIDs) == 0 {
		return &ae.StatusError{Status: ae.StatusMissingAttribute, Comment: "Study Instance UID"}
	}
	a.Count = len(a.Instances)
	return s.announce(ctx, rq, a, audit.Patient{})
}
