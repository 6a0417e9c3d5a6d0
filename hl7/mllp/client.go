package mllp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"concord/hl7"
)

// Client sends messages to one address over a connection that it keeps, one message at a
// time. It may be used from many goroutines; they wait for each other.
type Client struct {
	Address   string        // host:port
	Timeout   time.Duration // to connect, and for the answer to each message; 0: 30 s
	TLSConfig *tls.Config   // nil: plain TCP

	setup  sync.Once
	turn   chan struct{} // holds one token: whoever has it may use what follows
	conn   net.Conn
	reader *Reader
	closed bool
}

// ErrClientClosed is what Send returns after Close.
var ErrClientClosed = errors.New("mllp: client closed")

// maxAnswer bounds an acknowledgement.
const maxAnswer = 1 << 20

// Send sends a message and gives the answer to it. Answers to other messages are passed
// over: some servers repeat earlier ones. If a kept connection turns out to be dead
// before anything of an answer came, the message is sent once more on a new one. After
// an error the message may have been received: send the same bytes again.
func (c *Client) Send(ctx context.Context, message []byte) (ack []byte, err error) {
	if err := c.take(ctx); err != nil {
		return nil, err
	}
	defer func() { c.turn <- struct{}{} }()
	if c.closed {
		return nil, ErrClientClosed
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	kept := c.conn != nil
	ack, err = c.attempt(ctx, message)
	if err != nil && kept && isDead(err) && ctx.Err() == nil {
		ack, err = c.attempt(ctx, message)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("mllp: send to %s: %w", c.Address, err)
	}
	return ack, nil
}

// take waits for the client's turn.
func (c *Client) take(ctx context.Context) error {
	c.setup.Do(func() {
		c.turn = make(chan struct{}, 1)
		c.turn <- struct{}{}
	})
	select {
	case <-c.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) timeout() time.Duration {
	if c.Timeout <= 0 {
		return 30 * time.Second
	}
	return c.Timeout
}

// attempt is one try; whatever fails, the connection is given up, so that a late answer
// is never taken for the next one.
func (c *Client) attempt(ctx context.Context, message []byte) ([]byte, error) {
	if c.conn == nil {
		if err := c.connect(ctx); err != nil {
			return nil, err
		}
	}
	conn := c.conn
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	ack, err := c.exchange(message)
	if !stop() && err == nil {
		err = ctx.Err() // the deadline is spoilt
	}
	if err != nil {
		c.drop()
	}
	return ack, err
}

func (c *Client) connect(ctx context.Context) error {
	dialer := &net.Dialer{}
	var conn net.Conn
	var err error
	if c.TLSConfig != nil {
		conn, err = (&tls.Dialer{NetDialer: dialer, Config: c.TLSConfig}).DialContext(ctx, "tcp", c.Address)
	} else {
		conn, err = dialer.DialContext(ctx, "tcp", c.Address)
	}
	if err != nil {
		return err
	}
	c.conn, c.reader = conn, NewReader(conn, maxAnswer)
	return nil
}

func (c *Client) exchange(message []byte) ([]byte, error) {
	if _, err := c.conn.Write(Frame(message)); err != nil {
		return nil, err
	}
	for {
		ack, err := c.reader.Next()
		if err != nil {
			return nil, err
		}
		if answers(ack, message) {
			return ack, nil
		}
	}
}

// answers says whether an acknowledgement is for the message: MSA-2 is a field of its
// header (which field is MSH-10 cannot be told without knowing the character set). One
// that names no message, or cannot be read, is for the caller to judge.
func answers(ack, message []byte) bool {
	answer, err := hl7.ParseAck(ack)
	if err != nil || answer.ControlID == "" {
		return true
	}
	start := max(0, bytes.Index(message, []byte("MSH"))) // a byte order mark may stand before it
	header, _, _ := bytes.Cut(message[start:], []byte("\r"))
	if len(header) < 4 {
		return true
	}
	for field := range bytes.SplitSeq(header, header[3:4]) {
		if string(bytes.TrimSpace(field)) == answer.ControlID {
			return true
		}
	}
	return false
}

// isDead says whether the peer had closed the connection before it answered.
func isDead(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func (c *Client) drop() {
	if c.conn != nil {
		c.conn.Close()
		c.conn, c.reader = nil, nil
	}
}

// Close closes the connection after the message in progress, if there is one.
func (c *Client) Close() error {
	if err := c.take(context.Background()); err != nil {
		return err
	}
	defer func() { c.turn <- struct{}{} }()
	c.closed = true
	c.drop()
	return nil
}
