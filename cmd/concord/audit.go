package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"concord/dicom"
	"concord/dicom/ae"
	"concord/hl7"
	"concord/hl7/mllp"
	"concord/node"
	"concord/node/audit"
)

// auditTrail tells the audit recorder what the parts of the node do. Without an
// audit repository its Recorder is nil, and nothing is recorded.
type auditTrail struct {
	*audit.Recorder
	node    *node.Node
	intakes sync.Map // *ae.Caller → *audit.Intake
}

// auditDrain is how long the node waits at its end for the audit repository to
// take what is left.
const auditDrain = 5 * time.Second

func openTrail(peers *Peers, log *zap.Logger) (*auditTrail, error) {
	c := peers.current().Config
	if c.Audit.Address == "" {
		return &auditTrail{}, nil
	}
	r, err := audit.Open(audit.Config{Address: c.Audit.Address, Transport: audit.Transport(c.Audit.Transport),
		TLSConfig: func() (*tls.Config, error) { return peers.current().out, nil },
		DataDir:   c.DataDir, MaxSpool: int64(c.Audit.Spool), AETitle: c.DICOM.AETitle, Site: c.Site.Name, Log: log})
	return &auditTrail{Recorder: r}, err
}

// end leaves what the repository does not take in time to the next start.
func (t *auditTrail) end(log *zap.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), auditDrain)
	defer cancel()
	if err := t.Close(ctx); err != nil {
		log.Error("the audit spool was not closed in order", zap.Error(err))
	}
}

// metrics show what was recorded and what was lost.
func (t *auditTrail) metrics() []prometheus.Collector {
	if t.Recorder == nil {
		return nil
	}
	counter := func(name, help string, value func() int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "concord", Subsystem: "audit", Name: name, Help: help},
			func() float64 { return float64(value()) })
	}
	return []prometheus.Collector{
		counter("recorded_total", "Audit messages kept for the repository.", t.Stats.Recorded.Load),
		counter("dropped_total", "Audit messages lost because the spool was full or could not be written.", t.Stats.Dropped.Load),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "concord", Subsystem: "audit", Name: "waiting_bytes",
			Help: "Audit messages that wait for the repository."}, func() float64 { return float64(t.Waiting()) }),
	}
}

// stored gathers what an association brings; nil when nobody records it.
func (t *auditTrail) stored(caller *ae.Caller) func(*node.Object, bool) {
	if t.Recorder == nil {
		return nil
	}
	return func(o *node.Object, held bool) {
		intake, ok := t.intakes.Load(caller)
		if !ok {
			intake, _ = t.intakes.LoadOrStore(caller, t.Intake(callerOf(caller)))
		}
		intake.(*audit.Intake).Add(patientOf(&o.Header), o.Header.StudyUID, o.SOPClassUID, held)
	}
}

// associationEnded records what an association brought, and who was turned
// away.
func (t *auditTrail) associationEnded(caller *ae.Caller, err error) {
	if intake, ok := t.intakes.LoadAndDelete(caller); ok {
		intake.(*audit.Intake).End()
	}
	var rejection *ae.Rejection
	var handshake *ae.HandshakeError
	switch {
	case errors.As(err, &rejection) && *rejection != ae.RejectLocalLimit:
		t.NodeAuthenticationFailed(callerOf(caller), rejection.Error())
	case errors.As(err, &handshake) && !errors.Is(err, io.EOF): // which is a probe of the port
		t.NodeAuthenticationFailed(callerOf(caller), handshake.Error())
	}
}

func callerOf(c *ae.Caller) audit.Peer {
	return audit.Peer{AETitle: c.Calling, Address: hostOf(c.Remote.String())}
}

// hostOf is the host of an address with a port.
func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}

func patientOf(h *node.Header) audit.Patient {
	return audit.Patient{ID: h.Patient.ID, Issuer: h.Patient.Issuer}
}

// messageReceived records the reports that a message brought.
func (t *auditTrail) messageReceived(p mllp.Peer, raw, ack []byte) {
	if t.Recorder == nil {
		return
	}
	config := &t.node.Config
	m, err := hl7.Parse(raw, config.Reading(p.Name))
	if err != nil {
		return // nobody knows of whom it is
	}
	reports, err := hl7.Reports(m, config.Mapping)
	if err != nil {
		return
	}
	outcome := audit.Success
	if answer, err := hl7.ParseAck(ack); err == nil && !answer.Accepted() {
		outcome = audit.MinorFailure
	}
	for i := range reports {
		r := &reports[i]
		from := audit.Peer{Name: r.SendingApplication + "|" + r.SendingFacility, Address: hostOf(p.Address.String())}
		studyUID := ""
		if len(r.StudyUIDs) == 1 {
			studyUID = r.StudyUIDs[0]
		}
		t.ProcedureRecord(audit.Create, from, audit.Patient{ID: r.Patient.ID, Issuer: r.Patient.Issuer}, studyUID, outcome)
	}
}

// destinations are those of the current network, and record what goes out.
func (t *auditTrail) destinations(peers *Peers, log *zap.Logger) []node.Destination {
	to := peers.current()
	list := destinations(to, log)
	if t.Recorder == nil {
		return list
	}
	for i := range list {
		list[i].Sender = &auditedSender{list[i].Sender, t, receiver(to, &list[i])}
	}
	return list
}

func receiver(n *network, d *node.Destination) audit.Peer {
	if d.Kind == node.SR {
		p, _ := n.named(d.Name)
		return audit.Peer{AETitle: p.AETitle, Name: d.Name, Address: hostOf(p.Address)}
	}
	to := audit.Peer{Name: d.Name}
	for _, h := range n.HL7Destinations {
		if h.Name == d.Name {
			to.Address = hostOf(h.Address)
		}
	}
	return to
}

// auditedSender records a delivery when it begins, when it is done, and when a
// first try fails or the last; what lies in between is no news.
type auditedSender struct {
	node.Sender
	trail *auditTrail
	to    audit.Peer
}

// Send implements node.Sender.
func (s *auditedSender) Send(ctx context.Context, d *node.Delivery) (string, error) {
	first := d.State == node.DeliveryWaiting
	patient, study, err := s.about(ctx, d)
	if err != nil {
		return "", err
	}
	if first && d.Kind == node.SR {
		s.trail.BeginTransferring(s.to, patient, study)
	}
	detail, err := s.Sender.Send(ctx, d)
	outcome := outcomeOf(d, err)
	switch {
	case outcome == audit.MinorFailure && !first:
	case d.Kind == node.SR:
		s.trail.Transferred(s.to, patient, study, outcome)
	default:
		s.trail.ReportSent(s.to, patient, study.UID, outcome)
	}
	return detail, err
}

func outcomeOf(d *node.Delivery, err error) audit.Outcome {
	var refused *node.RefusedError
	switch {
	case err == nil:
		return audit.Success
	case errors.As(err, &refused) && d.Refusals+1 >= refused.Attempts:
		return audit.SeriousFailure
	}
	return audit.MinorFailure
}

// about says whose result a delivery is, and of which study.
func (s *auditedSender) about(ctx context.Context, d *node.Delivery) (audit.Patient, audit.Study, error) {
	if d.Kind == node.SR {
		o, err := dicom.Scan(bytes.NewReader(d.Payload), int64(len(d.Payload)))
		if err != nil {
			return audit.Patient{}, audit.Study{}, err
		}
		return audit.Patient{ID: o.String(dicom.PatientID), Issuer: o.String(dicom.IssuerOfPatientID)},
			audit.Study{UID: o.String(dicom.StudyInstanceUID), Classes: []audit.Class{{UID: o.String(dicom.SOPClassUID), Instances: 1}}}, nil
	}
	patient, studyUID, err := s.trail.ofCase(ctx, d.CaseID)
	return patient, audit.Study{UID: studyUID}, err
}

// maxAnnounced studies of one announcement are recorded: it has one, as a rule.
const maxAnnounced = 10

// announced records that somebody brought (Create) or changed (Update) what is
// said to have been done for studies: a procedure record. Without a patient it
// is that of the study, if any of it is here.
func (t *auditTrail) announced(ctx context.Context, action audit.Action, by *ae.Caller, studies []string, p audit.Patient, err error) {
	if t.Recorder == nil {
		return
	}
	outcome := audit.Success
	if err != nil {
		outcome = audit.SeriousFailure
	}
	for _, uid := range studies[:min(len(studies), maxAnnounced)] {
		patient := p
		if patient.ID == "" {
			patient = t.ofStudy(ctx, uid)
		}
		t.ProcedureRecord(action, callerOf(by), patient, uid, outcome)
	}
}

// stepChanged records what came of a change of a procedure step, which names
// neither patient nor study.
func (t *auditTrail) stepChanged(ctx context.Context, by *ae.Caller, uid string, cause error) {
	if t.Recorder == nil {
		return
	}
	studies := []string{""}
	err := t.node.Index.View(ctx, func(tx node.Tx) error {
		step, err := tx.Announcement(node.ByStep, uid)
		if step != nil {
			studies = step.StudyUIDs
		}
		return err
	})
	t.announced(ctx, audit.Update, by, studies, audit.Patient{}, errors.Join(cause, err))
}

// ofStudy says whose study it is; nobody's while none of it is here.
func (t *auditTrail) ofStudy(ctx context.Context, uid string) (p audit.Patient) {
	if t.Recorder == nil || uid == "" {
		return p
	}
	_ = t.node.Index.View(ctx, func(tx node.Tx) error { // without an index it is recorded without a patient
		s, err := tx.Study(uid)
		if s != nil {
			p = audit.Patient{ID: s.Patient.ID, Issuer: s.Patient.Issuer}
		}
		return err
	})
	return p
}

// ofCase says whose case it is, and of which study.
func (t *auditTrail) ofCase(ctx context.Context, id int64) (p audit.Patient, studyUID string, err error) {
	err = t.node.Index.View(ctx, func(tx node.Tx) error {
		c, err := tx.Case(id)
		if c != nil {
			p.ID, studyUID = c.PatientID, c.StudyUID
		}
		return err
	})
	return p, studyUID, err
}
