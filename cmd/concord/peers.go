package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"

	"concord/config"
	"concord/dicom"
	"concord/dicom/ae"
	"concord/hl7"
	"concord/hl7/mllp"
	"concord/node"
	"concord/node/console"
)

// sendTimeout bounds one try of a delivery, connection included.
const sendTimeout = 30 * time.Second

// refusalAttempts is how often a result goes out again to a peer that refuses
// it for a reason that may pass.
const refusalAttempts = 5

func destinations(c *network, log *zap.Logger) (out []node.Destination) {
	for _, p := range c.Peers {
		if p.SendResults {
			to := node.Destination{Name: p.Name, Kind: node.SR, Sender: newPACSSender(c.client(p, log))}
			if p.Commit {
				to.Committer = &committer{c.client(p, log)}
			}
			out = append(out, withPolicy(to, p.Policy))
		}
	}
	for _, d := range c.HL7Destinations {
		if d.SendResults {
			out = append(out, withPolicy(node.Destination{Name: d.Name, Kind: node.ORU, HL7Version: d.Version, HL7Status: d.Status,
				HL7Charset: d.Charset, HL7Layout: d.Layout, Sender: &risSender{client: c.messenger(d)}}, d.Policy))
		}
	}
	return out
}

// messenger calls an HL7 destination.
func (n *network) messenger(d config.Destination) *mllp.Client {
	c := &mllp.Client{Address: d.Address, Timeout: sendTimeout}
	if d.TLS {
		c.TLSConfig = n.out
	}
	return c
}

func withPolicy(d node.Destination, p config.Policy) node.Destination {
	d.When, d.MinSeverity = node.When(p.Send), node.Severity(p.MinSeverity)
	d.MaxFalseAlerts = float64(p.MaxFalseAlerts) / 100
	switch p.Language {
	case config.LanguageEnglish, config.LanguageChinese:
		d.Language = string(p.Language)
	case config.LanguageReport:
		d.Language = node.ReportLanguage
	}
	d.HoldPreliminary, d.PerMinute, d.Window = p.HoldPreliminary, p.PerMinute, node.Window(p.Hours)
	return d
}

// storeFailure says for a C-STORE failure whether another try makes sense
// (PS3.4 B.2.3): A7xx is a matter of resources and may pass.
func storeFailure(err error) error {
	var status *ae.StatusError
	if !errors.As(err, &status) || status.Status&0xFF00 == 0xA700 {
		return err
	}
	return &node.RefusedError{Attempts: refusalAttempts,
		Detail: fmt.Sprintf("%v; look at the peer's log for the SOP instance, then send it again", status)}
}

// storeFile sends one Part 10 file as it is.
func storeFile(ctx context.Context, client *ae.Client, r io.ReaderAt, size int64) error {
	o, err := dicom.Scan(r, size)
	if err != nil {
		return err
	}
	class := o.String(dicom.SOPClassUID)
	association, err := client.Dial(ctx, []ae.Context{{SOPClass: class, TransferSyntaxes: []string{o.TransferSyntax}}})
	if err != nil {
		return err
	}
	err = association.Store(ctx, ae.StoreRequest{SOPClassUID: class, SOPInstanceUID: o.String(dicom.SOPInstanceUID),
		TransferSyntax: o.TransferSyntax, Data: io.NewSectionReader(r, o.DataSetOffset, size-o.DataSetOffset)})
	return errors.Join(err, association.Release(ctx))
}

// risSender sends ORU messages over one kept connection.
type risSender struct{ client *mllp.Client }

// Send implements node.Sender by the retry table for acknowledgements.
func (s *risSender) Send(ctx context.Context, d *node.Delivery) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	raw, err := s.client.Send(ctx, d.Payload)
	if err != nil {
		return "", err
	}
	ack, err := hl7.ParseAck(raw)
	if err != nil {
		return "", fmt.Errorf("the answer is no acknowledgement: %w", err)
	}
	if ack.ControlID != d.UID {
		return "", errors.New("the acknowledgement is for another message")
	}
	return judgeAck(ack)
}

func judgeAck(ack hl7.Ack) (string, error) {
	detail := "MSA-1 " + string(ack.Code)
	switch {
	case ack.Accepted():
		return detail, nil
	case ack.Retryable():
		return "", &node.RefusedError{Attempts: refusalAttempts, Detail: detail + ": " + ack.Text}
	default:
		return "", &node.RefusedError{Attempts: 1, Detail: detail + ": " + ack.Text + "; mend the cause at the receiver, then send it again"}
	}
}

// shown are the peers as the page and the API show them.
func (p *Peers) shown() (list []console.Peer) {
	for _, peer := range p.current().Config.Peers {
		list = append(list, console.Peer{Name: peer.Name, AETitle: peer.AETitle, Address: peer.Address, SendResults: peer.SendResults})
	}
	return list
}
