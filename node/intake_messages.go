package node

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"concord/hl7"
)

// ReceiveMessage makes an HL7 message durable and returns the acknowledgement
// its sender asked for. AA, and AE for a message that cannot be read, mean
// that the message is in the journal: what it calls for follows in the order
// of receipt, once, whatever happens meanwhile. A batch gets a batch of the
// acknowledgements of its messages.
func (n *Node) ReceiveMessage(ctx context.Context, peer string, raw []byte) (ack []byte) {
	if !hl7.IsBatch(raw) {
		return n.receiveMessage(ctx, peer, raw)
	}
	messages, err := hl7.SplitBatch(raw)
	if err != nil {
		return hl7.Nack(raw, err.Text, *err)
	}
	var acks [][]byte
	for _, message := range messages {
		if ack := n.receiveMessage(ctx, peer, message); len(ack) > 0 {
			acks = append(acks, ack)
		}
	}
	return hl7.BatchAnswer(raw, acks)
}

// notStored asks a sender for another try.
var notStored = hl7.Error{Code: hl7.ErrorInternal, Text: "not stored; send it again later"}

func (n *Node) receiveMessage(ctx context.Context, peer string, raw []byte) (ack []byte) {
	n.Stats.Messages.Add(1)
	if err := n.room(); err != nil { // it is logged once
		return hl7.Nack(raw, notStored.Text, notStored)
	}
	r := &received{Message: Message{Peer: peer, Raw: raw, ReceivedAt: time.Now()}}
	answer := hl7.Nack
	m, unreadable := n.parse(peer, raw)
	r.parsed = m
	if unreadable == nil {
		answer = func(_ []byte, text string, errs ...hl7.Error) []byte { return m.Answer(hl7.AE, text, errs...) }
	}
	if err := n.keep(ctx, r); err != nil {
		n.Log.Error("cannot store a message; its sender was asked to send it again", zap.String("peer", peer), zap.Error(err))
		return answer(raw, notStored.Text, notStored)
	}
	if unreadable != nil {
		n.Stats.MessagesQuarantined.Add(1)
		n.Log.Warn("a message cannot be read and was put in quarantine", zap.String("peer", peer), zap.Error(unreadable))
		problem := problemOf(unreadable)
		return answer(raw, problem.Text, problem)
	}
	n.Log.Debug("message received", zap.String("peer", peer), zap.String("control_id", m.ControlID()))
	return m.Answer(hl7.AA, "")
}

func (n *Node) parse(peer string, raw []byte) (*hl7.Message, error) {
	var opts hl7.Options
	if n.Config.Reading != nil {
		opts = n.Config.Reading(peer)
	}
	return hl7.Parse(raw, opts)
}

// problemOf is what is answered to the sender of a message that cannot be read.
func problemOf(cause error) hl7.Error {
	var known *hl7.Error
	if errors.As(cause, &known) {
		return *known
	}
	return hl7.Error{Code: hl7.ErrorInternal, Text: cause.Error()}
}

// enterMessage stores a message together with the cases it begins or changes.
// One that cannot be read is stored with its problem: that is the quarantine.
func (n *Node) enterMessage(tx Tx, r *received) error {
	var c content
	if r.cause == nil {
		c, r.cause = n.contentOf(r)
	}
	if r.cause != nil {
		r.Problem = r.cause.Error()
		_, err := tx.AddMessage(&r.Message)
		return err
	}
	added, err := tx.AddMessage(&r.Message)
	if err != nil || !added {
		return err
	}
	now := time.Now() // not when it was received: studies may have got objects since
	if err := noteOrders(tx, c.notices, now); err != nil {
		return err
	}
	for _, o := range c.opinions {
		if err := noteOpinion(tx, &o, now); err != nil {
			return err
		}
	}
	for i := range c.reports {
		for _, report := range perOrder(&c.reports[i]) {
			if err := n.joinReport(tx, report, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// content is what a message brings.
type content struct {
	reports  []hl7.Report
	notices  []hl7.Notice
	opinions []hl7.Opinion
}

func (n *Node) contentOf(r *received) (c content, err error) {
	m := r.parsed
	if m == nil {
		if m, err = n.parse(r.Peer, r.Raw); err != nil {
			return c, err
		}
	}
	r.ControlID = m.ControlID()
	if c.reports, err = hl7.Reports(m, n.Config.Mapping); err != nil {
		return c, err
	}
	c.opinions = hl7.Opinions(m)
	c.notices, err = hl7.Notices(m, n.Config.Mapping)
	return c, err
}
