package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"concord/dicom"
	"concord/dicom/ae"
	"concord/dicom/sr"
	"concord/node"
)

// pacsSender stores Structured Reports at a peer.
type pacsSender struct{ pool pool }

func newPACSSender(client *ae.Client) *pacsSender {
	s := &pacsSender{pool{client: client}}
	for _, class := range sr.Fallbacks {
		s.pool.contexts = append(s.pool.contexts, ae.Context{SOPClass: class, TransferSyntaxes: []string{dicom.ExplicitVRLittleEndian}})
	}
	return s
}

// Send implements node.Sender. The document goes out as the first SOP class
// that the peer takes.
func (s *pacsSender) Send(ctx context.Context, d *node.Delivery) (detail string, err error) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	err = s.pool.use(ctx, func(a *ae.Association) error {
		detail, err = storeDocument(ctx, a, d)
		return err
	})
	return detail, storeFailure(err)
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
