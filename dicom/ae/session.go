package ae

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"concord/dicom/pdu"
)

// Caller is the requestor of an association that a Server received.
type Caller struct {
	Serial  uint64 // of the association, from 1
	Calling string // AE title
	Called  string // AE title
	Remote  net.Addr
	TLS     *tls.ConnectionState // nil: plain TCP

	// Identity is the user identity that the peer gave, nil if it gave none:
	// credentials, not to be logged. It is not checked here.
	Identity *pdu.UserIdentity

	// Accept narrows what the Server accepts to what this caller may use; nil:
	// all of it. It is asked for verification too. Server.Authorize may set it.
	Accept func(sopClass, transferSyntax string) bool

	// Peer names whom the limit counts together, such as a PACS that calls by
	// several AE titles; "": each AE title and address for itself. Limit is how
	// many associations it may have at once; 0: Server.MaxPerPeer.
	// Server.Authorize may set them.
	Peer  string
	Limit int
}

// String names the association for logs: MODALITY@10.0.0.7:50123>CONCORD#12.
func (c *Caller) String() string {
	return fmt.Sprintf("%s@%v>%s#%d", printable(c.Calling), c.Remote, printable(c.Called), c.Serial)
}

// printable quotes a peer's text if it could forge a log line.
func printable(s string) string {
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	return s
}

// session is one association of a Server.
type session struct {
	*dimse
	server *Server
	raw    net.Conn // below TLS
	caller *Caller

	// silentSince is when the association began to wait for a message, in
	// milliseconds of Unix time; 0 while it handles one.
	silentSince atomic.Int64

	reports    []pendingReport
	lastReport uint16 // message ID

	began    time.Time
	refused  []string // SOP classes
	objects  int      // C-STORE with success
	failures int      // C-STORE with another status
	bytes    int64

	exhausted bool // the last refusal was for want of resources
}

func (a *session) peer() peerKey {
	if a.caller.Peer != "" {
		return peerKey{name: a.caller.Peer}
	}
	return peerKey{calling: a.caller.Calling, address: addressOf(a.raw)}
}

// serve runs one connection from its first byte to its end.
func (s *Server) serve(raw net.Conn, security *tls.Config) {
	conn, state, err := s.secure(raw, security)
	if err != nil {
		raw.Close()
		s.Log.Warn("TLS handshake failed; check the certificates and versions of both sides",
			zap.Stringer("remote", raw.RemoteAddr()), zap.Error(err))
		s.ended(&Caller{Remote: raw.RemoteAddr()}, &HandshakeError{err})
		return
	}
	l := newLink(conn, orDefault(s.ARTIM, DefaultARTIM), orDefault(s.IdleTimeout, DefaultTimeout), s.maxPDU())
	defer l.linger()
	a := &session{server: s, raw: raw, began: time.Now()}
	a.caller = &Caller{Serial: s.serial.Add(1), Remote: raw.RemoteAddr(), TLS: state}
	l.refuse = a.refuse
	_, _ = l.do(Evt5, nil, nil)
	p, err := l.next()
	if rq, ok := p.(*pdu.AssociateRQ); ok && err == nil {
		s.gate.leave(raw)
		if err = a.establish(l, rq); err != nil {
			s.gate.enter(raw)
		}
	}
	if err != nil {
		a.reportRefusal(err)
		s.ended(a.caller, err)
		return
	}
	defer s.gate.enter(raw) // it waits for its end
	defer s.gate.retire(a)
	s.Stats.Active.Add(1)
	defer s.Stats.Active.Add(-1)
	err = a.exchange()
	_ = a.reportsLost(err) // err itself says why
	a.report(err)
	if errors.Is(err, errReleased) {
		err = nil
	}
	s.ended(a.caller, err)
	l.refuse = nil // frees the session while the connection lingers
}

func (s *Server) ended(c *Caller, err error) {
	if s.Ended != nil {
		s.Ended(c, err)
	}
}

// secure completes the TLS handshake, if any, within the ARTIM period.
func (s *Server) secure(raw net.Conn, security *tls.Config) (net.Conn, *tls.ConnectionState, error) {
	if security == nil {
		return raw, nil, nil
	}
	conn := tls.Server(raw, security)
	ctx, cancel := context.WithTimeout(s.ctx, orDefault(s.ARTIM, DefaultARTIM))
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, nil, err
	}
	state := conn.ConnectionState()
	return conn, &state, nil
}

// refuse is the test of the service provider on a request (PS3.8 7.1.1.7).
func (a *session) refuse(rq *pdu.AssociateRQ) *Rejection {
	a.caller.Calling, a.caller.Called, a.caller.Identity = rq.CallingAE, rq.CalledAE, rq.User.Identity
	if rq.ProtocolVersion&pdu.ProtocolVersion1 == 0 {
		return &RejectProtocolVersion
	}
	return nil
}

// establish answers the A-ASSOCIATE indication. An error means that there is
// no association.
func (a *session) establish(l *link, rq *pdu.AssociateRQ) error {
	s := a.server
	a.dimse = newDimse(l, nil, rq.User.MaxLength)
	if err := s.authorize(rq, a.caller); err != nil {
		return a.reject(err)
	}
	ac, contexts := s.negotiate(rq, a.caller)
	a.contexts = contexts
	a.refused = refusedClasses(rq, ac)
	if !s.gate.admit(a) {
		return a.reject(&RejectLocalLimit)
	}
	b, err := pdu.Encode(ac)
	if err == nil {
		_, err = l.do(Evt7, net.Buffers{b}, nil)
	}
	if err != nil {
		s.gate.retire(a)
		l.abort()
		return err
	}
	s.Stats.Associations.Add(1)
	return nil
}

// reject is the negative A-ASSOCIATE response. It returns why.
func (a *session) reject(why error) error {
	rejection := &RejectNoReason
	errors.As(why, &rejection)
	b, err := pdu.Encode((*pdu.AssociateRJ)(rejection))
	if err == nil {
		_, err = a.do(Evt8, net.Buffers{b}, nil)
	}
	if why != error(rejection) {
		why = fmt.Errorf("%w: %w", rejection, why)
	}
	return errors.Join(why, err)
}

// exchange handles messages until the association ends. The error is
// errReleased if it was released in order.
func (a *session) exchange() error {
	for {
		a.silentSince.Store(time.Now().UnixMilli())
		m, err := a.receive()
		a.silentSince.Store(0)
		if errors.Is(err, errReleased) {
			_, err = a.do(Evt14, nil, nil)
			return errors.Join(errReleased, err)
		}
		if err != nil {
			return err
		}
		if err := a.handle(m); err != nil {
			a.abort()
			return err
		}
	}
}

// handle performs the operation of one message (PS3.7 9, 10). An error ends
// the association.
func (a *session) handle(m *message) error {
	switch field := m.command.field(); {
	case field == cEchoRQ:
		return a.respond(m, newResponse(m.command, StatusSuccess, ""))
	case field == cStoreRQ:
		return a.store(m)
	case field == cCancelRQ: // of an operation that is already done
		return m.drain()
	case a.server.Normalized != nil && isNormalized(field):
		return a.normalized(m)
	case field == uint16(NEventReport)|responseBit:
		return a.reportAnswered(m)
	case field&responseBit != 0:
		return fmt.Errorf("a response %04XH comes without its request", field)
	}
	return a.respond(m, newResponse(m.command, StatusUnrecognizedOperation, ""))
}

// respond drains what the handler left of the data set and sends the response.
func (a *session) respond(m *message, response *commandSet) error {
	if err := m.drain(); err != nil {
		return err
	}
	return a.send(m.contextID, response, nil)
}

func (m *message) drain() error {
	if m.data == nil {
		return nil
	}
	return m.data.drain()
}

// store performs a C-STORE (PS3.7 9.3.1; statuses PS3.4 B.2.3).
func (a *session) store(m *message) error {
	err := a.keep(m)
	if drainErr := m.drain(); drainErr != nil {
		return drainErr // half an object: nothing is acknowledged
	}
	if m.data != nil {
		a.bytes += m.data.n
		a.server.Stats.Bytes.Add(m.data.n)
	}
	status, comment := statusOf(err)
	if status == StatusSuccess || isWarning(status) {
		a.objects++
		a.server.Stats.Objects.Add(1)
	} else {
		a.failures++
		a.server.Stats.Failures.Add(1)
		a.refusal("C-STORE", m, status, comment, err)
	}
	return a.send(m.contextID, newResponse(m.command, status, comment), nil)
}

// refusal logs why an operation got another status than success. While the
// handler has no resources it says so once: a sender with a thousand objects
// gets a thousand refusals.
func (a *session) refusal(operation string, m *message, status uint16, comment string, err error) {
	repeated := a.exhausted
	a.exhausted = status == StatusOutOfResources
	if repeated && a.exhausted {
		return
	}
	instance := m.command.text(affectedSOPInstanceUID) + m.command.text(requestedSOPInstanceUID)
	a.server.Log.Warn(operation+" refused", zap.Stringer("association", a.caller),
		zap.String("sop_instance", printable(instance)),
		zap.String("status", fmt.Sprintf("%04XH", status)), zap.String("comment", comment), zap.Error(err))
}

// keep checks the command and gives the object to the handler.
func (a *session) keep(m *message) error {
	rq := storeRequest(m)
	rq.Association = a.caller
	if err := rq.check(m); err != nil {
		return err
	}
	if !a.server.stores(rq.SOPClassUID) {
		return &StatusError{Status: StatusSOPClassNotSupported, Comment: "not a storage SOP class of this node"}
	}
	rq.Data = m.data
	return a.server.Store(a.server.ctx, rq)
}

// storeRequest reads a C-STORE-RQ (PS3.7 9.3.1.1), without its data.
func storeRequest(m *message) *StoreRequest {
	return &StoreRequest{
		MessageID:               uint16(m.command.number(messageID)),
		SOPClassUID:             m.command.text(affectedSOPClassUID),
		SOPInstanceUID:          m.command.text(affectedSOPInstanceUID),
		TransferSyntax:          m.context.transferSyntax,
		MoveOriginatorAETitle:   m.command.text(moveOriginatorAETitle),
		MoveOriginatorMessageID: uint16(m.command.number(moveOriginatorMessageID)),
	}
}

// check tests what the command of a C-STORE says.
func (rq *StoreRequest) check(m *message) error {
	switch {
	case !safeUID(rq.SOPInstanceUID):
		return &StatusError{Status: StatusInvalidObjectInstance, Comment: "Affected SOP Instance UID is not a UID"}
	case !safeUID(rq.SOPClassUID):
		return &StatusError{Status: StatusInvalidAttributeValue, Comment: "Affected SOP Class UID is not a UID"}
	case rq.SOPClassUID != m.context.abstractSyntax:
		return &StatusError{Status: StatusSOPClassNotSupported, Comment: "SOP class is not the presentation context's"}
	case m.data == nil:
		return &StatusError{Status: StatusMistypedArgument, Comment: "C-STORE without a data set"}
	}
	return nil
}

// safeUID is PS3.5 9.1 but for leading zeros, which are seen and do no harm:
// digits in components that are not empty, so that a UID may name a file.
func safeUID(uid string) bool {
	after := byte('.')
	for i := range len(uid) {
		digit := uid[i] >= '0' && uid[i] <= '9'
		if !digit && (uid[i] != '.' || after == '.') {
			return false
		}
		after = uid[i]
	}
	return after != '.' && len(uid) <= 64
}

// report logs the end of an association: one line.
func (a *session) report(end error) {
	level, how := zap.InfoLevel, "released"
	if !errors.Is(end, errReleased) {
		a.server.Stats.Aborted.Add(1)
		level, how = zap.WarnLevel, end.Error()
	}
	a.server.Log.Log(level, "association", zap.Stringer("association", a.caller),
		zap.String("direction", "in"), zap.Int("objects", a.objects), zap.Int("failures", a.failures),
		zap.Int64("bytes", a.bytes), zap.Strings("refused", a.refused),
		zap.Duration("took", time.Since(a.began)), zap.String("end", how))
}

// reportRefusal counts and logs a connection that became no association.
func (a *session) reportRefusal(err error) {
	stats := &a.server.Stats
	var r *Rejection
	if !errors.As(err, &r) {
		// Also what port scans and health checks of load balancers do.
		level := zap.WarnLevel
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
			level = zap.DebugLevel
		}
		a.server.Log.Log(level, "connection without association", zap.Stringer("remote", a.caller.Remote), zap.Error(err))
		return
	}
	switch *r {
	case RejectCalledAE:
		stats.RejectedCalledAE.Add(1)
	case RejectCallingAE:
		stats.RejectedCallingAE.Add(1)
	case RejectLocalLimit:
		stats.RejectedLimit.Add(1)
	default:
		stats.RejectedOther.Add(1)
	}
	a.server.Log.Warn("association rejected", zap.Stringer("association", a.caller), zap.Error(err))
}
