package node

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"concord/hl7"
)

// ReceiveMessage stores an HL7 message, with all that follows from it in the
// same transaction, and returns the acknowledgement its sender asked for. AA,
// and AE for a message that cannot be read, mean that the message is durable.
func (n *Node) ReceiveMessage(ctx context.Context, peer string, raw []byte) (ack []byte) {
	n.Stats.Messages.Add(1)
	received := &Message{Peer: peer, Raw: raw, ReceivedAt: time.Now()}
	if err := n.room(); err != nil { // it is logged once
		return hl7.Nack(raw, notStored.Text, notStored)
	}
	m, err := hl7.Parse(raw, hl7.Options{DefaultCharset: n.Config.DefaultCharset})
	if err != nil {
		problem := n.quarantine(ctx, received, err)
		return hl7.Nack(raw, problem.Text, *problem)
	}
	received.ControlID = m.ControlID()
	reports, err := hl7.Reports(m, n.Config.Mapping)
	if err != nil {
		problem := n.quarantine(ctx, received, err)
		return m.Answer(hl7.AE, problem.Text, *problem)
	}
	notices, err := hl7.Notices(m, n.Config.Mapping)
	if err != nil {
		problem := n.quarantine(ctx, received, err)
		return m.Answer(hl7.AE, problem.Text, *problem)
	}
	if err := n.storeMessage(ctx, received, reports, notices); err != nil {
		n.Log.Error("cannot store a message; its sender was asked to send it again", zap.String("peer", peer), zap.Error(err))
		return m.Answer(hl7.AE, notStored.Text, notStored)
	}
	n.Log.Info("message received", zap.String("peer", peer), zap.String("control_id", received.ControlID),
		zap.Int("reports", len(reports)))
	return m.Answer(hl7.AA, "")
}

// notStored asks a sender for another try.
var notStored = hl7.Error{Code: hl7.ErrorInternal, Text: "not stored; send it again later"}

// storeMessage commits a message together with the cases it begins or changes.
func (n *Node) storeMessage(ctx context.Context, m *Message, reports []hl7.Report, notices []hl7.Notice) error {
	return n.Index.Update(ctx, func(tx Tx) error {
		added, err := tx.AddMessage(m)
		if err != nil || !added {
			return err
		}
		if err := noteOrders(tx, notices, m.ReceivedAt); err != nil {
			return err
		}
		for i := range reports {
			for _, r := range perOrder(&reports[i]) {
				if err := n.joinReport(tx, r, m.ReceivedAt); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// quarantine keeps a message that cannot be read and returns what to answer.
func (n *Node) quarantine(ctx context.Context, m *Message, cause error) *hl7.Error {
	m.Problem = cause.Error()
	err := n.Index.Update(ctx, func(tx Tx) error {
		_, err := tx.AddMessage(m)
		return err
	})
	if err != nil {
		n.Log.Error("cannot store a message; its sender was asked to send it again", zap.String("peer", m.Peer), zap.Error(err))
		return &notStored
	}
	n.Stats.MessagesQuarantined.Add(1)
	n.Log.Warn("a message cannot be read and was put in quarantine", zap.String("peer", m.Peer),
		zap.String("control_id", m.ControlID), zap.Error(cause))
	var known *hl7.Error
	if errors.As(cause, &known) {
		return known
	}
	return &hl7.Error{Code: hl7.ErrorInternal, Text: cause.Error()}
}
