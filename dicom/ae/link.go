package ae

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"time"

	"concord/dicom/pdu"
)

// lingerBytes is how much an aborted or released association reads and drops
// while it waits for its peer to close the connection. Closing with unread
// input would reset the connection and could destroy the A-ABORT on its way.
const lingerBytes = 16 << 20

// joinBuffer is the buffer of a connection without writev, for instance TLS:
// it makes full records from the small headers and the fragments.
const joinBuffer = 64 << 10

// errIdle ends an association whose peer is silent for too long.
var errIdle = errors.New("the peer was silent for too long")

// errInterrupted ends an association that link.interrupt stopped.
var errInterrupted = errors.New("interrupted by this node")

// errReleased is what the local user gets when the peer released the
// association in order.
var errReleased = errors.New("association released")

// eventOf gives the event of each PDU type received.
var eventOf = map[byte]Event{
	pdu.TypeAssociateRQ: Evt6,
	pdu.TypeAssociateAC: Evt3,
	pdu.TypeAssociateRJ: Evt4,
	pdu.TypeDataTF:      Evt10,
	pdu.TypeReleaseRQ:   Evt12,
	pdu.TypeReleaseRP:   Evt13,
	pdu.TypeAbort:       Evt16,
}

// link runs the state machine of PS3.8 9.2 over one transport connection. One
// goroutine owns it: what the table calls a primitive is a call, what it calls
// an indication is a call's result.
type link struct {
	conn      net.Conn
	in        reader
	requestor bool
	state     State

	artim   time.Duration // period of the ARTIM timer
	expires time.Time     // when it expires; zero while it is stopped
	idle    time.Duration // longest wait for a PDU while the timer is stopped
	maxData uint32        // longest P-DATA-TF that this side advertised

	// refuse is AE-6's test whether the provider accepts a request; nil: yes.
	refuse func(*pdu.AssociateRQ) *Rejection

	out *bufio.Writer // joins buffers where the connection has no writev; else nil

	reason byte   // of the A-ABORT that AA-7 and AA-8 send
	cause  string // the same in words
	failed error  // why this side ended the association: *AbortError or *Rejection
}

// newLink starts in Sta1. The acceptor's next event is Evt5, the requestor's
// Evt1.
func newLink(conn net.Conn, artim, idle time.Duration, maxData uint32) *link {
	l := &link{conn: conn, state: Sta1, artim: artim, idle: idle, maxData: maxData}
	l.in = newReader(conn, l.patience)
	if _, ok := conn.(*net.TCPConn); !ok {
		l.out = bufio.NewWriterSize(conn, joinBuffer)
	}
	return l
}

// patience is how long the link waits for the next PDU.
func (l *link) patience() time.Duration {
	if l.expires.IsZero() {
		return l.idle
	}
	return time.Until(l.expires)
}

// interrupt makes the owner's reads and writes fail. Any goroutine may call it.
func (l *link) interrupt() {
	l.in.interrupted.Store(true)
	l.conn.SetDeadline(time.Unix(1, 0))
}

// do runs one event through the table: it executes the action and moves to the
// next state. given is what sendGiven sends, received what the event brought.
// issued says whether the action issues something to the local user. An empty
// cell is an error and changes nothing.
func (l *link) do(event Event, given net.Buffers, received pdu.PDU) (issued bool, err error) {
	action := transitions[event][l.state]
	if action == 0 {
		return false, fmt.Errorf("%v is not allowed in %v", event, l.state)
	}
	e := actions[action]
	switch action {
	case AE6:
		if given = l.refusal(received); given != nil {
			e = effects{send: sendGiven, artim: timerStart, next: e.other}
		}
	case AR8:
		if !l.requestor {
			e.next = e.other
		}
	case AA1, AA8:
		l.explain(event, e.send)
	}
	err = l.send(e.send, given)
	l.time(e.artim)
	if e.close {
		l.conn.Close()
	}
	l.state = e.next
	return e.issue, err
}

// refusal is the A-ASSOCIATE-RJ of AE-6, nil if the request may go on.
func (l *link) refusal(received pdu.PDU) net.Buffers {
	rq, ok := received.(*pdu.AssociateRQ)
	if !ok || l.refuse == nil {
		return nil
	}
	rejection := l.refuse(rq)
	if rejection == nil {
		return nil
	}
	l.failed = rejection
	b, _ := pdu.Encode((*pdu.AssociateRJ)(rejection)) // its fields always fit
	return net.Buffers{b}
}

// explain notes why AA-1 or AA-8 aborts. An invalid PDU brought its own reason.
func (l *link) explain(event Event, s sending) {
	switch event {
	case Evt15:
		return // the local user knows
	case Evt19:
	default:
		l.reason, l.cause = pdu.ReasonUnexpectedPDU, fmt.Sprintf("unexpected PDU (%v in %v)", event, l.state)
	}
	abort := &AbortError{Source: pdu.AbortByUser, Text: l.cause}
	if s == sendProviderAbort {
		abort.Source, abort.Reason = pdu.AbortByProvider, l.reason
	}
	l.failed = abort
}

func (l *link) send(s sending, given net.Buffers) error {
	var p pdu.PDU
	switch s {
	case sendNothing:
		return nil
	case sendGiven:
		if l.in.interrupted.Load() {
			return os.ErrDeadlineExceeded
		}
		return l.write(given)
	case sendReleaseRQ:
		p = &pdu.ReleaseRQ{}
	case sendReleaseRP:
		p = &pdu.ReleaseRP{}
	case sendUserAbort:
		p = &pdu.Abort{Source: pdu.AbortByUser}
	case sendProviderAbort:
		p = &pdu.Abort{Source: pdu.AbortByProvider, Reason: l.reason}
	}
	b, err := pdu.Encode(p)
	if err != nil {
		return err
	}
	return l.write(net.Buffers{b})
}

// write sends buffers in one writev where the connection can.
func (l *link) write(b net.Buffers) error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(l.patience())); err != nil {
		return err
	}
	if l.out == nil {
		_, err := b.WriteTo(l.conn)
		return err
	}
	l.out.Reset(l.conn)
	if _, err := b.WriteTo(l.out); err != nil {
		return err
	}
	return l.out.Flush()
}

func (l *link) time(t timing) {
	switch t {
	case timerStart:
		l.expires = time.Now().Add(l.artim)
	case timerStop:
		l.expires = time.Time{}
	}
}

// next reads PDUs until one is issued to the local user. For a P-DATA-TF it
// returns nil, nil and the body waits in l.in. An error means that the
// association is over, apart from lingering in Sta13.
func (l *link) next() (pdu.PDU, error) {
	for {
		event, p, err := l.receive()
		issued, sendErr := l.do(event, nil, p)
		switch {
		case err != nil:
			return nil, err
		case event == Evt16:
			abort := p.(*pdu.Abort)
			return nil, &AbortError{ByPeer: true, Source: abort.Source, Reason: abort.Reason}
		case l.failed != nil:
			return nil, l.failed
		case sendErr != nil:
			return nil, sendErr
		case issued:
			return p, nil
		}
	}
}

// receive waits for the next event of the transport: a PDU, its end or the
// timer's. The error belongs to Evt15, Evt17 and Evt18.
func (l *link) receive() (Event, pdu.PDU, error) {
	h, err := l.in.header()
	if err != nil {
		event, err := l.broken(err)
		return event, nil, err
	}
	event, known := eventOf[h.Type]
	if !known {
		l.in.body = h.Length
		return l.invalid(&pdu.Error{Reason: pdu.ReasonUnrecognizedPDU, Text: fmt.Sprintf("type %02XH", h.Type)}), nil, nil
	}
	if limit := h.Limit(l.maxData); h.Length > limit {
		l.in.body = h.Length
		text := fmt.Sprintf("PDU type %02XH of %d bytes, the limit is %d", h.Type, h.Length, limit)
		return l.invalid(&pdu.Error{Reason: pdu.ReasonInvalidParameter, Text: text}), nil, nil
	}
	if h.Type == pdu.TypeDataTF {
		l.in.begin(h.Length)
		return event, nil, nil
	}
	body, err := l.in.whole(h.Length)
	if err != nil {
		event, err := l.broken(err)
		return event, nil, err
	}
	p, err := pdu.Decode(h.Type, body)
	if err != nil {
		return l.invalid(err), nil, nil
	}
	return event, p, nil
}

// invalid notes why a PDU is none and gives its event.
func (l *link) invalid(err error) Event {
	var e *pdu.Error
	if errors.As(err, &e) {
		l.reason = e.Reason
	}
	l.cause = err.Error()
	return Evt19
}

// broken tells what ended a read: the timer, silence or the peer.
func (l *link) broken(err error) (Event, error) {
	switch {
	case !errors.Is(err, os.ErrDeadlineExceeded):
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return Evt17, err
	case l.expires.IsZero() && l.in.interrupted.Load():
		return Evt15, errInterrupted
	case l.expires.IsZero():
		return Evt15, errIdle
	}
	return Evt18, fmt.Errorf("no A-ASSOCIATE-RQ within %v of the connection", l.artim)
}

// fail ends the association after an error that the user of the link met
// inside a P-DATA-TF: an invalid PDV is Evt19, a broken read its own event.
func (l *link) fail(err error) error {
	var e *pdu.Error
	event := Evt19
	if errors.As(err, &e) {
		l.invalid(err)
	} else {
		event, err = l.broken(err)
	}
	if transitions[event][l.state] != 0 {
		_, _ = l.do(event, nil, nil) // what failed before is what counts
	}
	if l.failed != nil {
		return l.failed
	}
	return err
}

// abort is the A-ABORT request primitive. It does nothing if the association
// is over.
func (l *link) abort() {
	if transitions[Evt15][l.state] != 0 {
		_, _ = l.do(Evt15, nil, nil) // the peer may be gone already
	}
}

// release is the A-RELEASE request primitive: it returns when the association
// is released, also if both sides began to release it at once.
func (l *link) release() error {
	if _, err := l.do(Evt11, nil, nil); err != nil {
		return err
	}
	for l.state != Sta1 && l.state != Sta13 {
		p, err := l.next()
		if err != nil {
			return err
		}
		switch {
		case p == nil: // AR-6: data that was on its way
			err = l.in.discard(l.in.body)
			l.in.body = 0
		case l.state == Sta9 || l.state == Sta12:
			_, err = l.do(Evt14, nil, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// linger waits in Sta13 for the peer to close the connection, at most for the
// ARTIM period and lingerBytes, and closes it.
func (l *link) linger() {
	budget := uint32(lingerBytes)
	for l.state == Sta13 {
		l.in.shrink()
		n := min(l.in.body, budget)
		budget -= n
		event := Evt18
		err := l.in.discard(n)
		if err == nil && budget > pdu.HeaderSize {
			budget -= pdu.HeaderSize
			event, err = l.skip()
		}
		if err != nil {
			event, _ = l.broken(err)
		}
		if transitions[event][Sta13] == AA7 {
			l.in.body = math.MaxUint32 // one A-ABORT is enough: the rest is rubbish
		}
		_, _ = l.do(event, nil, nil)
	}
	l.conn.Close()
}

// skip reads the header of a PDU whose body nobody wants and returns its event.
func (l *link) skip() (Event, error) {
	h, err := l.in.header()
	l.in.body = h.Length
	event, known := eventOf[h.Type]
	if !known {
		event = Evt19
	}
	return event, err
}
