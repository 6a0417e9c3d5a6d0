package ae

import (
	"errors"
	"fmt"
	"io"

	"concord/dicom/pdu"
)

// presentationContext is an accepted one.
type presentationContext struct {
	abstractSyntax string
	transferSyntax string
	asSCP          bool // the requestor is the SCP
}

// dimse exchanges DIMSE messages over an established link (PS3.7 6.3, PS3.8
// Annex E). One goroutine owns it.
type dimse struct {
	*link
	contexts map[byte]presentationContext
	peerMax  uint32 // longest P-DATA-TF that the peer receives; 0: no limit

	command []byte // the command set under way, reused
	out     outgoing
}

func newDimse(l *link, contexts map[byte]presentationContext, peerMax uint32) *dimse {
	d := &dimse{link: l, contexts: contexts, peerMax: peerMax}
	d.out.d = d
	return d
}

// message is a DIMSE message received: its command set and, unread, its data
// set if it has one. Both are valid until the next message is received.
type message struct {
	contextID byte
	context   presentationContext
	command   *commandSet
	data      *dataSet // nil: none
}

// violation ends the association because the peer broke a rule of PS3.8 E or
// PS3.7 6.3 inside a P-DATA-TF.
func (d *dimse) violation(reason byte, format string, args ...any) error {
	return d.fail(&pdu.Error{Reason: reason, Text: fmt.Sprintf(format, args...)})
}

// receive reads the next message up to its data set. errReleased means that
// the peer asks for the release of the association, which is in Sta8.
func (d *dimse) receive() (*message, error) {
	id, err := d.receiveCommand()
	if err != nil {
		return nil, err
	}
	command, err := decodeCommand(d.command)
	if err != nil {
		return nil, d.violation(pdu.ReasonInvalidParameter, "%v", err)
	}
	m := &message{contextID: id, context: d.contexts[id], command: command}
	if command.dataSetFollows() {
		m.data = &dataSet{d: d, contextID: id}
	}
	return m, nil
}

// receiveCommand reassembles a command set into d.command (PS3.8 E.2).
func (d *dimse) receiveCommand() (contextID byte, err error) {
	d.command = d.command[:0]
	for last := false; !last; {
		h, err := d.nextPDV()
		if err != nil {
			return 0, d.insideMessage(len(d.command) > 0, err)
		}
		first := len(d.command) == 0
		_, negotiated := d.contexts[h.ContextID]
		switch {
		case !negotiated:
			return 0, d.violation(pdu.ReasonInvalidParameter, "presentation context %d was not accepted", h.ContextID)
		case h.Control&pdu.ControlCommand == 0:
			return 0, d.violation(pdu.ReasonUnexpectedParameter, "a data set fragment comes before its command set")
		case !first && h.ContextID != contextID:
			return 0, d.violation(pdu.ReasonInvalidParameter, "a command set changes from context %d to %d", contextID, h.ContextID)
		case int64(len(d.command))+int64(h.Length) > maxCommand:
			return 0, d.violation(pdu.ReasonInvalidParameter, "a command set has more than %d bytes", maxCommand)
		}
		contextID, last = h.ContextID, h.Control&pdu.ControlLast != 0
		for left := h.Length; left > 0; {
			b, err := d.in.fragment(left)
			if err != nil {
				return 0, d.fail(err)
			}
			d.command = append(d.command, b...)
			left -= uint32(len(b))
		}
	}
	return contextID, nil
}

// nextPDV reads the header of the next PDV item, in the P-DATA-TF under way or
// in the next one.
func (d *dimse) nextPDV() (pdu.PDVHeader, error) {
	if d.in.body == 0 {
		p, err := d.next()
		if err != nil {
			return pdu.PDVHeader{}, err
		}
		if p != nil {
			return pdu.PDVHeader{}, errReleased
		}
	}
	h, err := d.in.pdvHeader()
	if err != nil {
		return h, d.fail(err)
	}
	return h, nil
}

// insideMessage turns a release between two fragments of a message into an
// abort: the peer cannot mean it.
func (d *dimse) insideMessage(inside bool, err error) error {
	if inside && errors.Is(err, errReleased) {
		d.abort()
		return &AbortError{Source: pdu.AbortByUser, Text: "release requested inside a message"}
	}
	return err
}

// dataSet reads the data set of a message straight from the connection.
type dataSet struct {
	d         *dimse
	contextID byte
	left      uint32 // bytes of the fragment under way
	last      bool   // it is the last one
	n         int64  // bytes read so far
	err       error  // io.EOF at the end; sticky
}

// Read implements io.Reader. The end of the data set is io.EOF; an association
// that ends before it gives an error that is io.ErrUnexpectedEOF.
func (s *dataSet) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := s.more(); err != nil {
		return 0, err
	}
	n, err := s.d.in.into(p[:min(len(p), int(s.left))])
	return n, s.took(n, err)
}

// more makes sure that there is a byte to read.
func (s *dataSet) more() error {
	for s.left == 0 && s.err == nil {
		s.err = s.nextFragment()
	}
	return s.err
}

// took counts what was read of the fragment under way.
func (s *dataSet) took(n int, err error) error {
	s.left -= uint32(n)
	s.n += int64(n)
	if err != nil {
		s.err = cutOff(s.d.fail(err))
	}
	return s.err
}

// nextFragment reads the header of the next fragment (PS3.8 E.2).
func (s *dataSet) nextFragment() error {
	if s.last {
		return io.EOF
	}
	h, err := s.d.nextPDV()
	if err != nil {
		return cutOff(s.d.insideMessage(true, err))
	}
	if h.Control&pdu.ControlCommand != 0 {
		return cutOff(s.d.violation(pdu.ReasonUnexpectedParameter, "a command set fragment comes inside a data set"))
	}
	if h.ContextID != s.contextID {
		return cutOff(s.d.violation(pdu.ReasonInvalidParameter, "a data set changes from context %d to %d", s.contextID, h.ContextID))
	}
	s.left, s.last = h.Length, h.Control&pdu.ControlLast != 0
	return nil
}

// cutOff marks an error as the end of the association inside a data set.
func cutOff(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
}

// drain reads the rest of the data set and drops it. The error is nil if all
// of the data set came.
func (s *dataSet) drain() error {
	for {
		err := s.more()
		if err == nil {
			b, failed := s.d.in.fragment(s.left)
			err = s.took(len(b), failed)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
