package node

import (
	"context"
	"fmt"
	"time"
)

// QuarantineTx keeps the messages that cannot be read or processed.
type QuarantineTx interface {
	// Quarantine lists them, newest first.
	Quarantine(limit int) ([]Quarantined, error)
	// QuarantinedMessage is one of them with its bytes; nil when there is none with the ID.
	QuarantinedMessage(id int64) (*Message, error)
}

// Quarantined is a message in quarantine without its bytes.
type Quarantined struct {
	ID         int64     `json:"id"`
	Peer       string    `json:"peer"`    // network address of the sender
	Problem    string    `json:"problem"` // why it is there, and what to do
	ReceivedAt time.Time `json:"received_at"`
	Bytes      int       `json:"bytes"`
}

// Quarantine lists the messages in quarantine, newest first.
func (n *Node) Quarantine(ctx context.Context, limit int) (list []Quarantined, err error) {
	err = n.view(ctx, func(tx Tx) error {
		list, err = tx.Quarantine(limit)
		return err
	})
	return orEmpty(list), err
}

// QuarantinedMessage is one of them with its bytes.
func (n *Node) QuarantinedMessage(ctx context.Context, id int64) (m *Message, err error) {
	err = n.view(ctx, func(tx Tx) error {
		m, err = quarantined(tx, id)
		return err
	})
	return m, err
}

func quarantined(tx Tx, id int64) (*Message, error) {
	m, err := tx.QuarantinedMessage(id)
	if err == nil && m == nil {
		err = &NotFoundError{fmt.Sprintf("message %d in quarantine", id)}
	}
	return m, err
}

// ReadAgain gives a message in quarantine its effect, as if it came now: what
// kept it from that may have been mended. If it still cannot be read that is
// an *InputError, and it stays.
func (n *Node) ReadAgain(ctx context.Context, id int64) error {
	return n.Index.Update(ctx, func(tx Tx) error {
		m, err := quarantined(tx, id)
		if err != nil {
			return err
		}
		r := &received{Message: *m}
		if _, err := n.contentOf(r); err != nil {
			return &InputError{fmt.Sprintf("message %d still cannot be read: %v", id, err)}
		}
		r.Problem = ""
		return n.enterMessage(tx, r)
	})
}
