package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
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
	messageOverhead = 1 << 10
	// largeWeight is that of messages whose memory is given back at once.
	largeWeight = 8 << 20
	// maxMessageBatch messages are processed in one transaction.
	maxMessageBatch = 1024
	// Messages that wait gather for a patience each, so that those of steady
	// traffic are processed about when they come. When more come than one in a
	// patience they only gather: the processor and the disk then belong to those
	// who wait for an acknowledgement. They are processed when none came for a
	// lull, and at the latest maxLag after the oldest came.
	patience = time.Millisecond
	lull     = 20 * time.Millisecond
	maxLag   = time.Second
	// messageRetry is the wait before an index that cannot be changed is tried again.
	messageRetry = time.Second
	// messageQueue names the processing of messages among the wakers.
	messageQueue = "messages"
)

// received is a message between its acknowledgement and its effect.
type received struct {
	Message
	parsed   *hl7.Message // nil: not yet
	sequence uint64
	cause    error // why it cannot be read or processed
}

func (r *received) weight() int { return len(r.Raw) + messageOverhead }

// backlog holds the durable messages that wait for their processing, in the
// order of the journal.
type backlog struct {
	mu      sync.Mutex
	waiting []*received
	held    int           // weight of all that entered and did not leave
	newest  time.Time     // when the newest came
	added   uint64        // sequence of the newest that was added
	done    uint64        // of the newest that left
	wanted  uint64        // up to which somebody waits for the effects
	left    chan struct{} // closed when some left; nil when nobody waits for that
}

// enter waits until there is room.
func (b *backlog) enter(ctx context.Context, r *received) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.held >= maxBacklog {
		if err := b.awaitLeave(ctx); err != nil {
			return err
		}
	}
	b.held += r.weight()
	return nil
}

// awaitLeave waits, without the lock, until some left.
func (b *backlog) awaitLeave(ctx context.Context) error {
	if b.left == nil {
		b.left = make(chan struct{})
	}
	left := b.left
	b.mu.Unlock()
	defer b.mu.Lock()
	select {
	case <-left:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave makes room, and says how much.
func (b *backlog) leave(messages ...*received) (weight int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range messages {
		weight += r.weight()
		b.done = max(b.done, r.sequence)
	}
	b.held -= weight
	if b.left != nil {
		close(b.left)
		b.left = nil
	}
	return weight
}

// add says whether the processor has to look at the backlog now.
func (b *backlog) add(r *received) (wake bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, r)
	b.added = r.sequence
	b.newest = r.ReceivedAt
	return len(b.waiting) == 1 || b.crowded()
}

func (b *backlog) crowded() bool { return b.held > maxBacklog/2 }

// due is when what waits is to be processed; zero: nothing waits.
func (b *backlog) due(now time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.waiting)
	switch {
	case n == 0:
		return time.Time{}
	case b.wanted > b.done || b.crowded():
		return now
	}
	due := b.waiting[0].ReceivedAt.Add(min(time.Duration(n)*patience, maxLag))
	if quiet := b.newest.Add(lull); quiet.Before(due) {
		return quiet
	}
	return due
}

// take gives the oldest messages, at most maxMessageBatch.
func (b *backlog) take() (batch []*received) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.waiting), maxMessageBatch)
	batch = b.waiting[:n:n]
	if b.waiting = b.waiting[n:]; len(b.waiting) == 0 {
		b.waiting = nil
	}
	return batch
}

// settle waits until the messages added before have left. wake makes the
// processor look.
func (b *backlog) settle(ctx context.Context, wake func()) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for target := b.added; b.done < target; {
		b.wanted = max(b.wanted, target)
		wake()
		if err := b.awaitLeave(ctx); err != nil {
			return err
		}
	}
	return nil
}

// settleTime is how long a reader waits for the effects of messages.
const settleTime = 10 * time.Second

// settled waits until every message that was acknowledged before has its
// effect, so that whoever asks after an acknowledgement is told of it.
func (n *Node) settled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	if err := n.backlog.settle(ctx, func() { n.Wake(messageQueue) }); err != nil {
		return fmt.Errorf("messages that were acknowledged are not processed yet; ask again later: %w", err)
	}
	return nil
}

// view reads the index once it is settled.
func (n *Node) view(ctx context.Context, fn func(Tx) error) error {
	if err := n.settled(ctx); err != nil {
		return err
	}
	return n.Index.View(ctx, fn)
}

// keep makes a message durable and queues it for its processing.
func (n *Node) keep(ctx context.Context, r *received) error {
	if err := n.backlog.enter(ctx, r); err != nil {
		return err
	}
	err := n.Journal.Append(func(sequence uint64) {
		r.sequence = sequence
		if n.backlog.add(r) {
			n.Wake(messageQueue)
		}
	}, r.recordHead(), r.Raw)
	if err != nil {
		n.backlog.leave(r)
	}
	tidy(r.weight()) // it was read in pieces
	return err
}

// tidy gives memory back at once where messages left much of it: the collector
// might not come by for minutes.
func tidy(weight int) {
	if weight >= largeWeight {
		debug.FreeOSMemory()
	}
}

// processMessages gives durable messages their effect until ctx ends. What is
// left then comes back with the next start.
func (n *Node) processMessages(ctx context.Context) {
	wake := n.waker(messageQueue)
	for ctx.Err() == nil {
		now := time.Now()
		if due := n.backlog.due(now); due.IsZero() || due.After(now) {
			rest(ctx, wake, due)
			continue
		}
		batch := n.backlog.take()
		for n.process(ctx, batch) != nil {
			rest(ctx, nil, time.Now().Add(messageRetry))
			if ctx.Err() != nil {
				return
			}
		}
		weight := n.backlog.leave(batch...)
		tidy(weight)
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
		r, err := readRecord(sequence, record)
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

// process gives messages their effect. An error means that the index cannot be
// changed now; what was done then is not done again.
func (n *Node) process(ctx context.Context, batch []*received) error {
	if len(batch) == 0 {
		return nil
	}
	if err := n.enter(ctx, batch); err != nil {
		if ctx.Err() == nil {
			n.Log.Error("messages that were acknowledged cannot be processed now; trying again", zap.Int("messages", len(batch)), zap.Error(err))
		}
		return err
	}
	n.Journal.Release(batch[len(batch)-1].sequence)
	return nil
}

// enter gives messages their effect in one transaction. When that fails each
// half has its own, and so on: one that cannot be processed goes to quarantine
// and does not hold up the others.
func (n *Node) enter(ctx context.Context, batch []*received) error {
	err := n.apply(ctx, batch)
	if err == nil || unavailable(err) {
		return err
	}
	if half := len(batch) / 2; half > 0 {
		if err := n.enter(ctx, batch[:half]); err != nil {
			return err
		}
		return n.enter(ctx, batch[half:])
	}
	r := batch[0]
	n.Log.Error("a message cannot be processed and was put in quarantine", zap.String("peer", r.Peer),
		zap.String("control_id", r.ControlID), zap.Error(err))
	n.Stats.MessagesQuarantined.Add(1)
	r.cause = err
	return n.apply(ctx, batch)
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

// recordHead is what stands before the message in its record in the journal:
// when it came (milliseconds, 8 bytes), the length of the sender's name (2
// bytes), the name.
func (r *received) recordHead() []byte {
	peer := r.Peer[:min(len(r.Peer), math.MaxUint16)]
	b := make([]byte, 0, 10+len(peer))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.ReceivedAt.UnixMilli()))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(peer)))
	return append(b, peer...)
}

func readRecord(sequence uint64, b []byte) (*received, error) {
	if len(b) < 10 || len(b) < 10+int(binary.LittleEndian.Uint16(b[8:])) {
		return nil, errors.New("a record of the journal is no message; another program wrote it")
	}
	peer := 10 + int(binary.LittleEndian.Uint16(b[8:]))
	return &received{sequence: sequence, Message: Message{Peer: string(b[10:peer]), Raw: b[peer:],
		ReceivedAt: time.UnixMilli(int64(binary.LittleEndian.Uint64(b)))}}, nil
}
