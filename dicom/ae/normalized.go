package ae

import (
	"context"
	"errors"
	"fmt"
	"io"

	"concord/dicom/pdu"
)

// Operation is a DIMSE-N operation or notification (PS3.7 10).
type Operation uint16

// The operations of the services that Concord knows: storage commitment
// (PS3.4 J: N-ACTION, N-EVENT-REPORT), modality performed procedure step
// (PS3.4 F: N-CREATE, N-SET) and instance availability notification (PS3.4 R:
// N-CREATE).
const (
	NEventReport Operation = 0x0100
	NSet         Operation = 0x0120
	NAction      Operation = 0x0130
	NCreate      Operation = 0x0140
)

func (o Operation) String() string {
	switch o {
	case NEventReport:
		return "N-EVENT-REPORT"
	case NSet:
		return "N-SET"
	case NAction:
		return "N-ACTION"
	case NCreate:
		return "N-CREATE"
	}
	return fmt.Sprintf("operation %04XH", uint16(o))
}

// NormalizedRequest is one DIMSE-N request: what a Server's handler gets, and
// what an Association sends.
type NormalizedRequest struct {
	Association    *Caller // of a request that a Server received
	Operation      Operation
	SOPClassUID    string
	SOPInstanceUID string // "" in an N-CREATE that leaves it to the performer
	TypeID         uint16 // event type of an N-EVENT-REPORT, action type of an N-ACTION
	TransferSyntax string // of Data

	// Data is the event, action, modification or attribute list; nil: none. A
	// received one ends with the handler.
	Data io.Reader

	// Report, if the handler of an N-ACTION sets it, is sent as an
	// N-EVENT-REPORT on the same association, after the response. Reported is
	// then called with the outcome: nil if the peer took it. If it did not, the
	// report can still go by an association to the peer (Context.SCP).
	Report   *NormalizedRequest
	Reported func(error)
}

// elements returns where the UIDs and the type of an operation are in its
// command set (PS3.7 10.3). A notification and a creation name an affected
// object, an action and a modification a requested one; 0: no type.
func (o Operation) elements() (class, instance, typeID uint16) {
	switch o {
	case NEventReport:
		return affectedSOPClassUID, affectedSOPInstanceUID, eventTypeID
	case NAction:
		return requestedSOPClassUID, requestedSOPInstanceUID, actionTypeID
	case NSet:
		return requestedSOPClassUID, requestedSOPInstanceUID, 0
	}
	return affectedSOPClassUID, affectedSOPInstanceUID, 0
}

// isNormalized says whether a command field is an Operation's.
func isNormalized(field uint16) bool {
	switch Operation(field) {
	case NEventReport, NSet, NAction, NCreate:
		return true
	}
	return false
}

// command is the request's command set.
func (rq *NormalizedRequest) command(id uint16) *commandSet {
	class, instance, typeID := rq.Operation.elements()
	c := newRequest(uint16(rq.Operation), id, class, rq.SOPClassUID)
	if rq.SOPInstanceUID != "" {
		c.setUID(instance, rq.SOPInstanceUID)
	}
	if typeID != 0 {
		c.setUint16(typeID, rq.TypeID)
	}
	return c
}

// normalizedRequest reads a request from a message.
func normalizedRequest(m *message) *NormalizedRequest {
	rq := &NormalizedRequest{Operation: Operation(m.command.field()), TransferSyntax: m.context.transferSyntax}
	class, instance, typeID := rq.Operation.elements()
	rq.SOPClassUID, rq.SOPInstanceUID = m.command.text(class), m.command.text(instance)
	rq.TypeID = uint16(m.command.number(typeID))
	if m.data != nil {
		rq.Data = m.data
	}
	return rq
}

// check tests the UIDs of a received request.
func (rq *NormalizedRequest) check(m *message) error {
	switch {
	case rq.SOPClassUID != m.context.abstractSyntax:
		return &StatusError{Status: StatusSOPClassNotSupported, Comment: "SOP class is not the presentation context's"}
	case rq.SOPInstanceUID == "" && rq.Operation == NCreate:
		return nil
	case !safeUID(rq.SOPInstanceUID):
		return &StatusError{Status: StatusInvalidObjectInstance, Comment: "SOP Instance UID is not a UID"}
	}
	return nil
}

// normalized performs a DIMSE-N request and sends its response, then the
// report that the handler may have left.
func (a *session) normalized(m *message) error {
	rq := normalizedRequest(m)
	rq.Association = a.caller
	err := rq.check(m)
	switch {
	case err != nil:
	case !a.server.normalizes(rq.SOPClassUID):
		err = &StatusError{Status: StatusSOPClassNotSupported, Comment: "not a normalized SOP class of this node"}
	default:
		err = a.server.Normalized(a.server.ctx, rq)
	}
	response := a.responseTo(m, err)
	if rq.Operation == NCreate && rq.SOPInstanceUID != "" {
		response.setUID(affectedSOPInstanceUID, rq.SOPInstanceUID)
	}
	if err := a.respond(m, response); err != nil || rq.Report == nil {
		return err
	}
	report := *rq.Report
	report.Operation = NEventReport
	a.reports = append(a.reports, pendingReport{a.nextReportID(), rq.Reported})
	if err := a.send(m.contextID, report.command(a.lastReport), report.Data); err != nil {
		return a.reportsLost(err)
	}
	return nil
}

// responseTo is the response with the status of a handler's error, which is
// logged.
func (a *session) responseTo(m *message, err error) *commandSet {
	status, comment := statusOf(err)
	if status != StatusSuccess && !isWarning(status) {
		a.refusal(Operation(m.command.field()).String(), m, status, comment, err)
	}
	response := newResponse(m.command, status, comment)
	if failure := (*StatusError)(nil); errors.As(err, &failure) && failure.ErrorID != 0 {
		response.setUint16(errorID, failure.ErrorID)
	}
	return response
}

// pendingReport is an N-EVENT-REPORT that the peer has not answered yet.
type pendingReport struct {
	id       uint16
	reported func(error)
}

func (a *session) nextReportID() uint16 {
	a.lastReport++
	return a.lastReport
}

// reportAnswered takes an N-EVENT-REPORT-RSP.
func (a *session) reportAnswered(m *message) error {
	if err := m.drain(); err != nil {
		return err
	}
	id := uint16(m.command.number(messageIDBeingRespondedTo))
	for i, p := range a.reports {
		if p.id == id {
			a.reports = append(a.reports[:i], a.reports[i+1:]...)
			p.done(responseError(m.command))
			return nil
		}
	}
	return fmt.Errorf("N-EVENT-REPORT-RSP for message %d, which was not sent", id)
}

func (p pendingReport) done(err error) {
	if p.reported != nil {
		p.reported(err)
	}
}

// reportsLost tells the owners of unanswered reports that the association has
// ended.
func (a *session) reportsLost(err error) error {
	for _, p := range a.reports {
		p.done(err)
	}
	a.reports = nil
	return err
}

// Perform sends a DIMSE-N request and waits for its response. A status other
// than success is a *StatusError, as with Store.
//
// A request that SCPs send, such as the N-EVENT-REPORT of storage commitment
// on an association of its own, needs a context that was proposed with SCP.
func (a *Association) Perform(ctx context.Context, rq NormalizedRequest) error {
	id, ok := a.context(rq.SOPClassUID, rq.TransferSyntax)
	if !ok || rq.Operation == NEventReport && !a.dimse.contexts[id].asSCP {
		return &StatusError{Status: StatusSOPClassNotSupported,
			Err: fmt.Errorf("the peer did not accept %s for %v", rq.SOPClassUID, rq.Operation)}
	}
	return a.use(ctx, func() error { return a.request(id, rq.command(a.nextID()), rq.Data) })
}

// AwaitEvent waits for an N-EVENT-REPORT of the peer, such as the result of a
// storage commitment on the association of its request, and answers it by the
// error of handle, which it returns in a *StatusError. It waits as long as ctx and the client's Timeout allow; then
// the association is over.
func (a *Association) AwaitEvent(ctx context.Context, handle func(*NormalizedRequest) error) error {
	return a.use(ctx, func() error {
		m, err := a.dimse.receive()
		if err != nil {
			return err
		}
		if m.command.field() != uint16(NEventReport) {
			return fmt.Errorf("the peer sends %04XH instead of an N-EVENT-REPORT", m.command.field())
		}
		rq := normalizedRequest(m)
		if err = rq.check(m); err == nil {
			err = handle(rq)
		}
		if err := m.drain(); err != nil {
			return err
		}
		status, comment := statusOf(err)
		if err := a.dimse.send(m.contextID, newResponse(m.command, status, comment), nil); err != nil || status == StatusSuccess {
			return err
		}
		return &StatusError{Status: status, Comment: comment, Err: err}
	})
}

// roles answers the role selection of a request (PS3.7 D.3.3.4). This node is
// the SCP of storage; of normalized classes it is the SCP and, for
// notifications on an association that the SCP requested, the SCU.
func (s *Server) roles(proposed []pdu.RoleSelection) []pdu.RoleSelection {
	var roles []pdu.RoleSelection
	for _, r := range proposed {
		if s.supports(r.SOPClass) {
			roles = append(roles, pdu.RoleSelection{SOPClass: r.SOPClass, SCU: r.SCU, SCP: r.SCP && s.normalizes(r.SOPClass)})
		}
	}
	return roles
}

func (s *Server) normalizes(sopClass string) bool {
	return s.Normalized != nil && s.NormalizedClass != nil && s.NormalizedClass(sopClass)
}
