package main

import (
	"context"
	"errors"
	"slices"
	"syscall"

	"go.uber.org/zap"

	"concord/dicom"
	"concord/dicom/ae"
	"concord/node"
)

// messageSyntaxes are the transfer syntaxes of everything but storage: small
// data sets, which this node reads and writes itself.
var messageSyntaxes = []string{dicom.ImplicitVRLittleEndian, dicom.ExplicitVRLittleEndian}

// dimseServer is the node's side of the associations that others request.
func dimseServer(peers *Peers, n *node.Node, trail *auditTrail, log *zap.Logger) *ae.Server {
	c := peers.current().DICOM
	dimse := &services{peers: peers, node: n, trail: trail, log: log, long: make(chan struct{}, maxLong)}
	n.Report = dimse.report
	return &ae.Server{
		MaxPDU: uint32(c.MaxPDU), MaxAssociations: c.MaxAssociations, MaxPerPeer: shareOf(c.MaxAssociations),
		StorageClass: func(uid string) bool {
			return dicom.IsStorage(uid) || c.AcceptUnknownSOPClasses && !isMessageClass(uid)
		},
		TransferSyntax: storable,
		Authorize:      peers.authorize,
		Store: func(ctx context.Context, r *ae.StoreRequest) error {
			return storeStatus(n.ReceiveObject(ctx, node.Incoming{Caller: r.Association.Calling, SOPClassUID: r.SOPClassUID,
				SOPInstanceUID: r.SOPInstanceUID, TransferSyntax: r.TransferSyntax, Stored: trail.stored(r.Association)}, r.Data))
		},
		NormalizedClass: isNormalized,
		Normalized:      dimse.perform,
		Ended:           trail.associationEnded,
		Log:             log,
	}
}

// shareOf is how many of the associations one caller may have, so that the
// others are never shut out.
func shareOf(all int) int { return all - all/4 }

// storable says whether objects may come in a transfer syntax: all that the
// standard knows, since they are kept as they come.
func storable(transferSyntax string) bool {
	_, known := dicom.LookupTransferSyntax(transferSyntax)
	return known && transferSyntax != dicom.GEPrivateImplicitBigEndian // its pixels are not decoded
}

func isMessageClass(uid string) bool { return uid == dicom.VerificationSOPClass || isNormalized(uid) }

// authorize decides on a caller: by its AE title and address, and narrows what
// it may store.
func (p *Peers) authorize(caller *ae.Caller) error {
	now := p.current()
	if caller.Called != now.DICOM.AETitle {
		return &ae.RejectCalledAE
	}
	peer, titled := now.caller(caller.Calling, addrOf(caller.Remote))
	switch {
	case peer == nil && (titled || !now.DICOM.AcceptUnknownCallers):
		return &ae.RejectCallingAE
	case peer == nil:
		caller.Accept = accepts(nil, nil)
		return nil
	case peer.TLS && caller.TLS == nil:
		return &ae.RejectCallingAE
	}
	caller.Peer, caller.Limit = peer.Name, peer.MaxAssociations
	caller.Accept = accepts(peer.SOPClasses, peer.TransferSyntaxes)
	return nil
}

// accepts narrows storage to some SOP classes and transfer syntaxes; an empty
// list allows all. Other services have their own syntaxes.
func accepts(classes, syntaxes []string) func(sopClass, transferSyntax string) bool {
	return func(sopClass, transferSyntax string) bool {
		if isMessageClass(sopClass) {
			return slices.Contains(messageSyntaxes, transferSyntax)
		}
		return (len(classes) == 0 || slices.Contains(classes, sopClass)) &&
			(len(syntaxes) == 0 || slices.Contains(syntaxes, transferSyntax))
	}
}

// storeStatus gives an error of the node its C-STORE status (PS3.4 B.2.3). The
// comment goes over the wire: it names no path and no patient.
func storeStatus(err error) error {
	var unreadable *node.UnreadableError
	var mismatch *node.MismatchError
	var full *node.FullError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unreadable):
		return &ae.StatusError{Status: ae.StatusCannotUnderstand, Comment: unreadable.Err.Error(), Err: err}
	case errors.As(err, &mismatch):
		return &ae.StatusError{Status: ae.StatusDataSetDoesNotMatchClass, Comment: mismatch.Error(), Err: err}
	case errors.As(err, &full), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &ae.StatusError{Status: ae.StatusOutOfResources, Comment: "no room on the disk; try again later", Err: err}
	}
	return &ae.StatusError{Status: ae.StatusProcessingFailure, Comment: "not stored; see the log of the node", Err: err}
}
