package node

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"sync"
	"time"

	"go.uber.org/zap"

	"concord/hl7"
)

const (
	// maxBacklog bytes of messages may wait for their processing, and one
	// message more; then the intake waits, and with it the senders.
	maxBacklog = 64 << 20
	// messageOverhead is about what a message takes beside its text.
	messageOverhead = 4 << 10
	// maxMessageBatch messages are processed in one transaction.
	maxMessageBatch = 128
	// messagePause between transactions lets messages gather, so that the
	// flushes of the index do not hold up those of the journal, which senders
	// wait for.
	messagePause = 20 * time.Millisecond
	// messageRetry is the wait before an index that cannot be changed is tried again.
	messageRetry = time.Second
	// messageQueue names the processing of messages among the wakers.
	messageQueue = "messages"
)

// received is a message between its acknowledgement and its effect.
type received struct {
	Message
	sequence uint64
	reports  []hl7.Report
	notices  []hl7.Notice
	cause    error // why it cannot be read
	opinions []hl7.Opinion
}

func (r *received) weight() int { return len(r.Raw) + messageOverhead }

// backlog holds the durable messages that wait for their processing, in the
// order of the journal.
type backlog struct {
	mu      sync.Mutex
	waiting []*received
	held    int           // weight of all that entered and did not leave
	freed   chan struct{} // closed when some left
}

// enter waits until there is room.
func (b *backlog) enter(ctx context.Context, r *received) error {
	for {
		b.mu.Lock()
		if b.held < maxBacklog {
			b.held += r.weight()
			b.mu.Unlock()
			return nil
		}
		if b.freed == nil {
			b.freed = make(chan struct{})
		}
		freed := b.freed
		b.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *backlog) leave(messages ...*received) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range messages {
		b.held -= r.weight()
	}
	if b.freed != nil {
		close(b.freed)
		b.freed = nil
	}
}

func (b *backlog) add(r *received) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, r)
}

// take gives the oldest messages, at most maxMessageBatch, and says whether
// that was a full batch.
func (b *backlog) take() (batch []*received, full bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.waiting), maxMessageBatch)
	batch = b.waiting[:n:n]
	if b.waiting = b.waiting[n:]; len(b.waiting) == 0 {
		b.waiting = nil
	}
	return batch, n == maxMessageBatch
}

// keep makes a message durable and queues it for its processing.
func (n *Node) keep(ctx context.Context, r *received) error {
	if err := n.backlog.enter(ctx, r); err != nil {
		return err
	}
	err := n.Journal.Append(r.record(), func(sequence uint64) {
		r.sequence = sequence
		n.backlog.add(r)
		n.Wake(messageQueue)
	})
	if err != nil {
		n.backlog.leave(r)
	}
	return err
}

// processMessages gives durable messages their effect until ctx ends. What is
// left then comes back with the next start.
func (n *Node) processMessages(ctx context.Context) {
	wake := n.waker(messageQueue)
	for ctx.Err() == nil {
		batch, full := n.backlog.take()
		if len(batch) == 0 {
			rest(ctx, wake, time.Time{})
			continue
		}
		for n.process(ctx, batch) != nil {
			rest(ctx, nil, time.Now().Add(messageRetry))
			if ctx.Err() != nil {
				return
			}
		}
		n.backlog.leave(batch...)
		if !full {
			rest(ctx, nil, time.Now().Add(messagePause))
		}
	}
}

// replay processes what an earlier process acknowledged and did not come to.
func (n *Node) replay(ctx context.Context) error {
	var processed uint64
	err := n.Index.View(ctx, func(tx Tx) (err error) {
		processed, err = tx.Processed()
		return err
	})
	if err != nil {
		return err
	}
	var batch []*received
	weight, total := 0, 0
	flush := func() error {
		err := n.process(ctx, batch)
		total += len(batch)
		batch, weight = nil, 0
		return err
	}
	err = n.Journal.Replay(processed, func(sequence uint64, record []byte) error {
		r, err := n.readRecord(sequence, record)
		if err != nil {
			return err
		}
		batch = append(batch, r)
		if weight += r.weight(); len(batch) < maxMessageBatch && weight < maxBacklog {
			return nil
		}
		return flush()
	})
	if err == nil && len(batch) > 0 {
		err = flush()
	}
	if total > 0 {
		n.Log.Info("processed messages that were received before the start", zap.Int("messages", total))
	}
	return err
}

// process gives messages their effect, all in one transaction. When that
// fails each has its own, so that one that cannot be processed goes to
// quarantine and does not hold up the next. An error means that the index
// cannot be changed now; what was done then is not done again.
func (n *Node) process(ctx context.Context, batch []*received) error {
	if len(batch) == 0 {
		return nil
	}
	err := n.apply(ctx, batch)
	if err != nil && !unavailable(err) {
		err = n.processEach(ctx, batch)
	}
	if err != nil {
		if ctx.Err() == nil {
			n.Log.Error("messages that were acknowledged cannot be processed now; trying again", zap.Int("messages", len(batch)), zap.Error(err))
		}
		return err
	}
	n.Journal.Release(batch[len(batch)-1].sequence)
	return nil
}

func (n *Node) processEach(ctx context.Context, batch []*received) error {
	for _, r := range batch {
		err := n.apply(ctx, []*received{r})
		if err != nil && !unavailable(err) {
			n.Log.Error("a message cannot be processed and was put in quarantine", zap.String("peer", r.Peer),
				zap.String("control_id", r.ControlID), zap.Error(err))
			n.Stats.MessagesQuarantined.Add(1)
			r.cause = err
			err = n.apply(ctx, []*received{r})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unavailable says whether an error is about the index rather than the message.
func unavailable(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// apply commits what messages call for together with their place in the
// journal. Those that have taken effect already are passed over.
func (n *Node) apply(ctx context.Context, batch []*received) error {
	return n.Index.Update(ctx, func(tx Tx) error {
		processed, err := tx.Processed()
		if err != nil {
			return err
		}
		for _, r := range batch {
			if r.sequence <= processed {
				continue
			}
			if err := n.enterMessage(tx, r); err != nil {
				return err
			}
		}
		return tx.SetProcessed(max(processed, batch[len(batch)-1].sequence))
	})
}

// record is the message in the journal: when it came (milliseconds, 8 bytes),
// the length of the sender's name (2 bytes), the name, the message.
func (r *received) record() []byte {
	peer := r.Peer[:min(len(r.Peer), math.MaxUint16)]
	b := make([]byte, 0, 10+len(peer)+len(r.Raw))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.ReceivedAt.UnixMilli()))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(peer)))
	b = append(b, peer...)
	return append(b, r.Raw...)
}

func (n *Node) readRecord(sequence uint64, b []byte) (*received, error) {
	if len(b) < 10 || len(b) < 10+int(binary.LittleEndian.Uint16(b[8:])) {
		return nil, errors.New("a record of the journal is no message; another program wrote it")
	}
	peer := 10 + int(binary.LittleEndian.Uint16(b[8:]))
	r, _ := n.read(string(b[10:peer]), b[peer:], time.UnixMilli(int64(binary.LittleEndian.Uint64(b))))
	r.sequence = sequence
	return r, nil
}
