package ae

import (
	"fmt"

	"concord/dicom"
	"concord/dicom/pdu"
)

// Transfer syntaxes that code names (PS3.5 10): implicit VR little endian is
// the default that every context may fall back to.
const (
	implicitVRLittleEndian = "1.2.840.10008.1.2"
	explicitVRLittleEndian = "1.2.840.10008.1.2.1"
	explicitVRBigEndian    = "1.2.840.10008.1.2.2"

	verificationSOPClass = "1.2.840.10008.1.1"
)

// identification is the user information that this node sends in RQ and AC.
func identification(maxPDU uint32) pdu.UserInformation {
	return pdu.UserInformation{
		MaxLength:                 maxPDU,
		ImplementationClassUID:    dicom.ImplementationClassUID,
		ImplementationVersionName: dicom.ImplementationVersionName,
	}
}

// authorize decides on a request apart from its contexts (PS3.8 9.3.4).
func (s *Server) authorize(rq *pdu.AssociateRQ, caller *Caller) error {
	switch {
	case rq.ApplicationContext != pdu.ApplicationContext:
		return &RejectApplicationContext
	case rq.User.MaxLength != 0 && rq.User.MaxLength < minPeerMax:
		return fmt.Errorf("maximum PDU length %d leaves no room for data; the requestor must offer 0 or more", rq.User.MaxLength)
	case s.AETitle != "" && rq.CalledAE != s.AETitle:
		return &RejectCalledAE
	case s.Authorize != nil:
		return s.Authorize(caller)
	}
	return nil
}

// negotiate answers each presentation context (PS3.8 9.3.3.2) and the user
// items that want an answer. None accepted is still an answer.
func (s *Server) negotiate(rq *pdu.AssociateRQ, caller *Caller) (*pdu.AssociateAC, map[byte]presentationContext) {
	ac := &pdu.AssociateAC{
		ProtocolVersion:    pdu.ProtocolVersion1,
		CalledAE:           rq.CalledAE,
		CallingAE:          rq.CallingAE,
		ApplicationContext: pdu.ApplicationContext,
		Contexts:           make([]pdu.ContextAC, 0, len(rq.Contexts)),
		User:               identification(s.maxPDU()),
	}
	if rq.User.AsyncOperations != nil { // PS3.7 D.3.3.3: one at a time
		ac.User.AsyncOperations = &pdu.AsyncOperations{Invoked: 1, Performed: 1}
	}
	accepted := make(map[byte]presentationContext)
	for _, c := range rq.Contexts {
		answer := s.answer(c, caller)
		ac.Contexts = append(ac.Contexts, answer)
		if answer.Result == pdu.ContextAccepted {
			accepted[c.ID] = presentationContext{abstractSyntax: c.AbstractSyntax, transferSyntax: answer.TransferSyntax}
		}
	}
	ac.User.Roles = s.roles(rq.User.Roles)
	return ac, accepted
}

// answer decides on one context: the first of the proposer's transfer syntaxes
// that this node takes, so that objects come as their owner keeps them.
func (s *Server) answer(c pdu.ContextRQ, caller *Caller) pdu.ContextAC {
	a := pdu.ContextAC{ID: c.ID, Result: pdu.ContextAbstractSyntaxNotSupported, TransferSyntax: implicitVRLittleEndian}
	if !s.supports(c.AbstractSyntax) {
		return a
	}
	a.Result = pdu.ContextTransferSyntaxesNotSupported
	for _, ts := range c.TransferSyntaxes {
		if s.takes(ts) && (caller.Accept == nil || caller.Accept(c.AbstractSyntax, ts)) {
			a.Result, a.TransferSyntax = pdu.ContextAccepted, ts
			break
		}
	}
	return a
}

// supports says whether this node accepts contexts of the SOP class.
func (s *Server) supports(sopClass string) bool {
	if sopClass == verificationSOPClass || s.normalizes(sopClass) {
		return true
	}
	return s.stores(sopClass)
}

func (s *Server) stores(sopClass string) bool {
	return s.Store != nil && s.StorageClass != nil && s.StorageClass(sopClass)
}

// takes says whether this node takes a transfer syntax.
func (s *Server) takes(transferSyntax string) bool {
	if s.TransferSyntax != nil {
		return s.TransferSyntax(transferSyntax)
	}
	switch transferSyntax {
	case implicitVRLittleEndian, explicitVRLittleEndian, explicitVRBigEndian:
		return true
	}
	return false
}

// maxRefused bounds the refused SOP classes in a log line: many senders propose
// all that they know.
const maxRefused = 4

// refusedClasses lists the SOP classes of which no context was accepted, each
// with why, for the log.
func refusedClasses(rq *pdu.AssociateRQ, ac *pdu.AssociateAC) []string {
	accepted := map[string]bool{}
	for i, c := range rq.Contexts {
		accepted[c.AbstractSyntax] = accepted[c.AbstractSyntax] || ac.Contexts[i].Result == pdu.ContextAccepted
	}
	var refused []string
	for i, c := range rq.Contexts {
		if accepted[c.AbstractSyntax] {
			continue
		}
		accepted[c.AbstractSyntax] = true // once is enough
		why := "SOP class not supported"
		if ac.Contexts[i].Result == pdu.ContextTransferSyntaxesNotSupported {
			why = "no proposed transfer syntax supported"
		}
		refused = append(refused, printable(c.AbstractSyntax)+": "+why)
	}
	if n := len(refused); n > maxRefused {
		refused = append(refused[:maxRefused], fmt.Sprintf("and %d more", n-maxRefused))
	}
	return refused
}
