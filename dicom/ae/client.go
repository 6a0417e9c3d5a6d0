package ae

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"go.uber.org/zap"

	"concord/dicom/pdu"
)

// abortLinger is the ARTIM period of a requestor: how long an association that
// it aborted waits for the peer to close the connection.
const abortLinger = time.Second

// Client is the requestor of associations to one peer. Its fields may be set
// until the first Dial; Dial may be called concurrently.
type Client struct {
	Calling string // AE title of this node
	Called  string // AE title of the peer
	Address string // host:port

	MaxPDU    uint32        // longest P-DATA-TF received, in bytes without header
	Timeout   time.Duration // longest wait for the connection, a PDU, and for the peer to read
	TLSConfig *tls.Config   // nil: plain TCP
	Log       *zap.Logger   // nil: none
}

// Context proposes a presentation context. The acceptor chooses one of the
// transfer syntaxes: to send an object as it is, propose a context with its
// own transfer syntax only.
type Context struct {
	SOPClass         string
	TransferSyntaxes []string

	// SCP proposes this node as the SCP of the class, by role selection: to
	// receive objects by C-GET, and to send N-EVENT-REPORT.
	SCP bool
}

// Association is an established association that this node requested. One
// goroutine at a time uses it. After an error that is no *StatusError it is
// over. End it by Release or Abort.
type Association struct {
	dimse  *dimse
	client *Client
	lastID uint16
	over   bool

	began   time.Time
	objects int
}

// Dial requests an association with the proposed contexts, 128 at most. The
// error is a *Rejection if the peer rejects it, and an *AbortError if either
// side aborts.
func (c *Client) Dial(ctx context.Context, proposed []Context) (*Association, error) {
	rq, err := c.request(proposed)
	if err != nil {
		return nil, err
	}
	timeout := orDefault(c.Timeout, DefaultTimeout)
	conn, err := c.connect(ctx, timeout)
	if err != nil {
		return nil, fmt.Errorf("no connection to %s at %s; check the address and that the peer listens: %w", c.Called, c.Address, err)
	}
	l := newLink(conn, abortLinger, timeout, orDefault(c.MaxPDU, DefaultMaxPDU))
	l.requestor = true
	_, _ = l.do(Evt1, nil, nil) // AE-1: the connect request, done above
	a := &Association{client: c, began: time.Now()}
	err = a.guard(ctx, l, func() error { return a.establish(l, rq) })
	if err != nil {
		l.linger()
		return nil, fmt.Errorf("no association with %s at %s: %w", c.Called, c.Address, err)
	}
	return a, nil
}

func (c *Client) connect(ctx context.Context, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var dialer net.Dialer
	if c.TLSConfig == nil {
		return dialer.DialContext(ctx, "tcp", c.Address)
	}
	return (&tls.Dialer{NetDialer: &dialer, Config: c.TLSConfig}).DialContext(ctx, "tcp", c.Address)
}

// request is the A-ASSOCIATE-RQ for the proposed contexts.
func (c *Client) request(proposed []Context) (*pdu.AssociateRQ, error) {
	if len(proposed) == 0 || len(proposed) > pdu.MaxContexts {
		return nil, fmt.Errorf("%d presentation contexts proposed; an association has 1 to %d", len(proposed), pdu.MaxContexts)
	}
	rq := &pdu.AssociateRQ{
		ProtocolVersion:    pdu.ProtocolVersion1,
		CalledAE:           c.Called,
		CallingAE:          c.Calling,
		ApplicationContext: pdu.ApplicationContext,
		User:               identification(orDefault(c.MaxPDU, DefaultMaxPDU)),
	}
	for i, p := range proposed {
		rq.Contexts = append(rq.Contexts, pdu.ContextRQ{
			ID: byte(2*i + 1), AbstractSyntax: p.SOPClass, TransferSyntaxes: p.TransferSyntaxes,
		})
		role := pdu.RoleSelection{SOPClass: p.SOPClass, SCP: true}
		if p.SCP && !slices.Contains(rq.User.Roles, role) {
			rq.User.Roles = append(rq.User.Roles, role)
		}
	}
	return rq, nil
}

// establish sends the request and takes the answer (PS3.8 9.3.3, 9.3.4).
func (a *Association) establish(l *link, rq *pdu.AssociateRQ) error {
	b, err := pdu.Encode(rq)
	if err != nil {
		l.abort()
		return err
	}
	if _, err := l.do(Evt2, net.Buffers{b}, nil); err != nil {
		return l.fail(err)
	}
	p, err := l.next()
	if err != nil {
		return err
	}
	switch answer := p.(type) {
	case *pdu.AssociateRJ:
		return (*Rejection)(answer)
	case *pdu.AssociateAC:
		if m := answer.User.MaxLength; m != 0 && m < minPeerMax {
			l.abort()
			return fmt.Errorf("the peer's maximum PDU length %d leaves no room for data", m)
		}
		a.dimse = newDimse(l, acceptedContexts(rq, answer), answer.User.MaxLength)
	}
	return nil
}

// acceptedContexts are those of the answer that fit what was proposed.
func acceptedContexts(rq *pdu.AssociateRQ, ac *pdu.AssociateAC) map[byte]presentationContext {
	asSCP := map[string]bool{}
	for _, r := range ac.User.Roles {
		asSCP[r.SOPClass] = r.SCP
	}
	contexts := map[byte]presentationContext{}
	for _, answer := range ac.Contexts {
		if answer.Result != pdu.ContextAccepted {
			continue
		}
		for _, c := range rq.Contexts {
			for _, ts := range c.TransferSyntaxes {
				if c.ID == answer.ID && ts == answer.TransferSyntax {
					contexts[c.ID] = presentationContext{c.AbstractSyntax, ts, asSCP[c.AbstractSyntax]}
				}
			}
		}
	}
	return contexts
}

// guard runs f, which uses l, and makes it fail when ctx ends.
func (a *Association) guard(ctx context.Context, l *link, f func() error) error {
	stop := context.AfterFunc(ctx, l.interrupt)
	err := f()
	if !stop() && err != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return err
}

// use runs an operation. After an error that is no *StatusError the
// association is aborted.
func (a *Association) use(ctx context.Context, operation func() error) error {
	if a.over {
		return errOver
	}
	err := a.guard(ctx, a.dimse.link, operation)
	var status *StatusError
	if err != nil && !errors.As(err, &status) {
		a.end(err.Error())
	}
	return err
}

// errOver is the answer to an operation on an association that has ended.
var errOver = errors.New("the association is over; dial again")

// end aborts the association if it still stands, and closes the connection.
func (a *Association) end(how string) {
	a.over = true
	a.dimse.abort()
	a.dimse.linger()
	if a.client.Log != nil {
		a.client.Log.Info("association", zap.Stringer("association", a), zap.String("direction", "out"),
			zap.Int("objects", a.objects), zap.Duration("took", time.Since(a.began)), zap.String("end", how))
	}
}

// String names the association for logs: CONCORD@10.0.0.2:40112>PACS@10.0.0.7:104.
func (a *Association) String() string {
	return fmt.Sprintf("%s@%v>%s@%v", a.client.Calling, a.dimse.conn.LocalAddr(), a.client.Called, a.dimse.conn.RemoteAddr())
}

// Accepted says whether the peer accepted the SOP class with the transfer
// syntax.
func (a *Association) Accepted(sopClass, transferSyntax string) bool {
	_, ok := a.context(sopClass, transferSyntax)
	return ok
}

// context finds the context of a SOP class; any transfer syntax fits "".
func (a *Association) context(sopClass, transferSyntax string) (byte, bool) {
	for id, c := range a.dimse.contexts {
		if c.abstractSyntax == sopClass && (transferSyntax == "" || c.transferSyntax == transferSyntax) {
			return id, true
		}
	}
	return 0, false
}

// Echo performs a C-ECHO (PS3.7 9.1.5). The association must have a context
// of the verification SOP class.
func (a *Association) Echo(ctx context.Context) error {
	id, ok := a.context(verificationSOPClass, "")
	if !ok {
		return errors.New("the peer did not accept verification; propose 1.2.840.10008.1.1 or test the peer by another service")
	}
	return a.use(ctx, func() error {
		rq := newRequest(cEchoRQ, a.nextID(), affectedSOPClassUID, verificationSOPClass)
		return a.request(id, rq, nil)
	})
}

// Store performs a C-STORE (PS3.7 9.1.1) of rq's object in a context of its
// own class and transfer syntax. A status other than success is a *StatusError
// and the association stands; a warning counts as success and is logged. An
// error of rq.Data aborts the association.
//
// Data in memory (a *bytes.Reader) is sent without being copied.
func (a *Association) Store(ctx context.Context, rq StoreRequest) error {
	id, ok := a.context(rq.SOPClassUID, rq.TransferSyntax)
	if !ok {
		return &StatusError{Status: StatusSOPClassNotSupported,
			Err: fmt.Errorf("the peer did not accept %s with transfer syntax %s", rq.SOPClassUID, rq.TransferSyntax)}
	}
	return a.use(ctx, func() error {
		command := newRequest(cStoreRQ, a.nextID(), affectedSOPClassUID, rq.SOPClassUID)
		command.setUint16(priority, 0) // medium
		command.setUID(affectedSOPInstanceUID, rq.SOPInstanceUID)
		if rq.MoveOriginatorAETitle != "" {
			command.setText(moveOriginatorAETitle, rq.MoveOriginatorAETitle)
			command.setUint16(moveOriginatorMessageID, rq.MoveOriginatorMessageID)
		}
		err := a.request(id, command, rq.Data)
		if err == nil {
			a.objects++
		}
		return err
	})
}

// request sends a request and waits for its one response.
func (a *Association) request(contextID byte, rq *commandSet, data io.Reader) error {
	if err := a.dimse.send(contextID, rq, data); err != nil {
		return a.sendFailed(err)
	}
	m, err := a.dimse.receive()
	if err != nil {
		return err
	}
	if err := a.answers(m, rq); err != nil {
		return err
	}
	if err := m.drain(); err != nil {
		return err
	}
	return a.status(m.command)
}

// sendFailed looks for what the peer said before it stopped reading.
func (a *Association) sendFailed(err error) error {
	var network net.Error
	if errors.As(err, &network) && !errors.Is(err, os.ErrDeadlineExceeded) {
		if _, said := a.dimse.next(); said != nil {
			return fmt.Errorf("%w: %w", said, err)
		}
	}
	return err
}

// answers tests that m is a response to rq.
func (a *Association) answers(m *message, rq *commandSet) error {
	answered := m.command.number(messageIDBeingRespondedTo)
	if m.command.field() != rq.field()|responseBit || answered != rq.number(messageID) {
		return fmt.Errorf("the peer sends %04XH for message %d instead of the response to message %d",
			m.command.field(), answered, rq.number(messageID))
	}
	return nil
}

// status turns the status of a response into an error; a warning is logged.
func (a *Association) status(response *commandSet) error {
	status, _ := response.uint16(statusElement)
	if a.client.Log != nil && isWarning(status) {
		a.client.Log.Warn("the peer did it with a warning", zap.Stringer("association", a),
			zap.String("status", fmt.Sprintf("%04XH", status)))
	}
	return responseError(response)
}

// responseError is the error of a response's status, nil for success and
// warnings.
func responseError(response *commandSet) error {
	status, ok := response.uint16(statusElement)
	switch {
	case !ok:
		return errors.New("the peer's response has no status")
	case status == StatusSuccess || isWarning(status):
		return nil
	}
	return &StatusError{Status: status, Comment: response.text(errorComment), ErrorID: uint16(response.number(errorID))}
}

// nextID returns the next message ID, from 1.
func (a *Association) nextID() uint16 {
	a.lastID++
	return a.lastID
}

// Release releases the association in order (PS3.8 7.2).
func (a *Association) Release(ctx context.Context) error {
	if a.over {
		return errOver
	}
	err := a.guard(ctx, a.dimse.link, a.dimse.release)
	how := "released"
	if err != nil {
		how = err.Error()
	}
	a.end(how)
	return err
}

// Abort aborts the association (PS3.8 7.3). It does nothing after its end.
func (a *Association) Abort() {
	if !a.over {
		a.end("aborted by this node")
	}
}
