package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"concord/dicom"
	"concord/dicom/ae"
	"concord/dicom/sr"
	"concord/node"
)

// associationIdle is how long an association for results is kept for the next.
const associationIdle = 10 * time.Second

// pacsSender stores Structured Reports at a peer, over one association that is
// kept for a while.
type pacsSender struct {
	client *ae.Client

	mu   sync.Mutex
	kept *ae.Association // nil: none
	idle *time.Timer     // releases kept
}

// Send implements node.Sender. The document goes out as the first SOP class
// that the peer takes.
func (s *pacsSender) Send(ctx context.Context, d *node.Delivery) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	a, reused, err := s.associate(ctx)
	if err != nil {
		return "", err
	}
	detail, err := storeDocument(ctx, a, d)
	if err != nil && reused && !isStatus(err) { // the peer may have ended it meanwhile
		if a, _, err = s.associate(ctx); err != nil {
			return "", err
		}
		detail, err = storeDocument(ctx, a, d)
	}
	if err == nil || isStatus(err) {
		s.keep(a)
	}
	if err != nil {
		return "", storeFailure(err)
	}
	return detail, nil
}

func isStatus(err error) bool { return errors.As(err, new(*ae.StatusError)) }

// associate takes the kept association or requests one.
func (s *pacsSender) associate(ctx context.Context) (a *ae.Association, reused bool, err error) {
	if s.kept != nil {
		a, s.kept = s.kept, nil
		s.idle.Stop()
		return a, true, nil
	}
	var proposed []ae.Context
	for _, class := range sr.Fallbacks {
		proposed = append(proposed, ae.Context{SOPClass: class, TransferSyntaxes: []string{dicom.ExplicitVRLittleEndian}})
	}
	a, err = s.client.Dial(ctx, proposed)
	return a, false, err
}

// keep holds the association for the next result.
func (s *pacsSender) keep(a *ae.Association) {
	s.kept = a
	s.idle = time.AfterFunc(associationIdle, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.kept != a {
			return // in use again
		}
		s.kept = nil
		ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
		defer cancel()
		_ = a.Release(ctx) // whatever comes of it, nothing is lost
	})
}

// storeDocument performs the C-STORE of a document as its own SOP class or, if
// the peer refuses that, as the next that fits it, and notes in d what was
// sent.
func storeDocument(ctx context.Context, a *ae.Association, d *node.Delivery) (string, error) {
	o, err := dicom.Scan(bytes.NewReader(d.Payload), int64(len(d.Payload)))
	if err != nil {
		return "", err
	}
	classes := sr.Fallbacks[max(0, slices.Index(sr.Fallbacks, o.String(dicom.SOPClassUID))):]
	for _, class := range classes {
		var object []byte
		var instance string
		if object, instance, err = sr.Recast(d.Payload, class); err != nil {
			return "", err
		}
		if err = storeObject(ctx, a, object); err == nil {
			d.Payload, d.UID = object, instance
			return "C-STORE status 0000H as " + strings.TrimSuffix(dicom.SOPClassName(class), " Storage"), nil
		}
		var status *ae.StatusError
		if !errors.As(err, &status) || status.Status != ae.StatusSOPClassNotSupported {
			return "", err
		}
	}
	return "", err
}

// storeObject performs the C-STORE of a Part 10 file in memory.
func storeObject(ctx context.Context, a *ae.Association, part10 []byte) error {
	o, err := dicom.Scan(bytes.NewReader(part10), int64(len(part10)))
	if err != nil {
		return err
	}
	return a.Store(ctx, ae.StoreRequest{SOPClassUID: o.String(dicom.SOPClassUID), SOPInstanceUID: o.String(dicom.SOPInstanceUID),
		TransferSyntax: o.TransferSyntax, Data: bytes.NewReader(part10[o.DataSetOffset:])})
}
