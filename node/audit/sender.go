package audit

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Syslog has no acknowledgement. A message counts as sent when its connection
// stood for settleTime after it; when a connection breaks earlier, what went
// out last is sent again on the next one.
const (
	settleTime   = time.Second
	dialTimeout  = 10 * time.Second
	writeTimeout = 30 * time.Second
	minRetry     = time.Second
	maxRetry     = 30 * time.Second

	// datagramPause keeps a spool that is sent after an outage from
	// overrunning the receiver, which UDP gives no way to say so.
	datagramPause = time.Millisecond
)

// errClosedIdle means that the repository closed a connection that owed it
// nothing.
var errClosedIdle = errors.New("the audit repository closed the connection")

// sender moves messages from the spool to the repository.
type sender struct {
	spool  *spool
	dial   func(context.Context) (net.Conn, error)
	octets bool // with octet counts (RFC 5425); else one message a datagram (RFC 5426)
	log    *zap.Logger
	sent   *atomic.Int64

	settle, retry time.Duration
	wake          chan struct{} // of capacity 1: there is a message
	draining      chan struct{} // closed: end when the spool is empty or nobody takes it
	away          bool          // the last connection failed
}

// run sends until ctx ends, or until everything is sent after draining began.
func (s *sender) run(ctx context.Context) {
	for wait := s.retry; s.waitForMessage(ctx); {
		err := s.session(ctx)
		switch {
		case err == nil || ctx.Err() != nil:
			return
		case errors.Is(err, errClosedIdle):
			continue
		case !s.away:
			s.away, wait = true, s.retry
			s.log.Warn("the audit repository cannot be reached; audit messages wait on disk", zap.Error(err))
		}
		if err := s.spool.file.Sync(); err != nil {
			s.log.Error("cannot write the audit spool to disk", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-s.draining:
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, maxRetry)
	}
}

// waitForMessage returns false when there will be none any more.
func (s *sender) waitForMessage(ctx context.Context) bool {
	for s.spool.waiting() == 0 {
		select {
		case <-ctx.Done():
			return false
		case <-s.draining:
			return s.spool.waiting() > 0
		case <-s.wake:
		}
	}
	return true
}

// session is one connection. It returns nil when draining is done.
func (s *sender) session(ctx context.Context) error {
	dialing, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := s.dial(dialing)
	if err != nil {
		return err
	}
	defer conn.Close()
	c := &connection{sender: s, conn: conn, gone: make(chan error, 1), at: s.spool.position(), since: time.Now()}
	c.settled = c.at
	go func() {
		_, err := io.Copy(io.Discard, conn) // a repository says nothing; it ends with the connection
		if err == nil {
			err = io.EOF
		}
		c.gone <- err
	}()
	for buf := make([]byte, maxFrame); ; {
		frame, err := s.spool.read(c.at, buf)
		if err != nil {
			return err
		}
		if frame != nil {
			err = c.write(frame)
		} else {
			err = c.idle(ctx)
		}
		if errors.Is(err, errDrained) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// connection is a connection with what it owes.
type connection struct {
	*sender
	conn    net.Conn
	gone    chan error // why the connection ended
	at      int64      // offset of the next message to write
	settled int64      // offset of what was written at since
	since   time.Time
}

// errDrained ends a session after everything is sent.
var errDrained = errors.New("drained")

func (c *connection) write(frame []byte) error {
	select {
	case err := <-c.gone:
		return c.lost(err)
	default:
	}
	packet := frame
	if !c.octets {
		digits, _, err := messageLength(frame)
		if err != nil {
			return err
		}
		packet = frame[digits:]
		time.Sleep(datagramPause)
	}
	c.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := c.conn.Write(packet); err != nil {
		return err
	}
	c.at += int64(len(frame))
	c.sent.Add(1)
	return c.confirm()
}

// confirm moves the spool's position once a connection stood long enough.
func (c *connection) confirm() error {
	if time.Since(c.since) < c.settle {
		return nil
	}
	next, err := c.spool.confirm(c.settled)
	if err != nil {
		return err
	}
	if c.settled == c.at {
		c.at = next
	}
	c.settled, c.since = c.at, time.Now()
	if c.away {
		c.away = false
		c.log.Info("the audit repository is reached again")
	}
	return nil
}

// idle waits, with nothing to write, for what comes next.
func (c *connection) idle(ctx context.Context) error {
	var settled <-chan time.Time
	if c.spool.position() != c.at {
		settled = time.After(c.settle - time.Since(c.since))
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-c.gone:
		return c.lost(err)
	case <-c.draining:
		if c.spool.holds(c.at) { // recorded just before draining began
			return nil
		}
		return c.finish()
	case <-c.wake:
		return nil
	case <-settled:
		return c.confirm()
	}
}

// lost says what the end of the connection means.
func (c *connection) lost(err error) error {
	if c.spool.position() == c.at {
		return errClosedIdle
	}
	return err
}

// finish ends the connection in order: a repository that closes after our
// close_notify has read everything before it.
func (c *connection) finish() error {
	if half, ok := c.conn.(interface{ CloseWrite() error }); ok {
		if err := half.CloseWrite(); err != nil {
			return err
		}
	}
	select {
	case err := <-c.gone:
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) { // without a close_notify of its own
			return err
		}
	case <-time.After(c.settle):
	}
	if _, err := c.spool.confirm(c.at); err != nil {
		return err
	}
	return errDrained
}
