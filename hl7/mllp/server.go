package mllp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"concord/hl7"
)

// Peer is the other end of a connection. Name is unique in the process, for logs.
type Peer struct {
	Address     net.Addr
	Name        string // 192.0.2.7:50123>0.0.0.0:2575#17
	Certificate string // subject of the client's verified certificate; "" without
}

// Server receives messages and answers each in the order they came on their connection.
// Set the fields before Serve. Memory for messages in progress is bounded by MaxBuffered.
type Server struct {
	// Handle answers one message, which it may keep. It is called once at a time for a
	// connection, and for many connections at once. An empty answer sends nothing (enhanced
	// mode); nil closes the connection unanswered, so that the sender sends again.
	Handle func(ctx context.Context, peer Peer, raw []byte) (ack []byte)

	MaxMessage     int                                   // bytes; 0: DefaultMaxMessage
	MaxBuffered    int64                                 // bytes of unfinished messages over all connections; 0: four of MaxMessage
	MaxConnections int                                   // 0: 256
	IdleTimeout    time.Duration                         // for the next message to begin, and for one begun to end; 0: 10 minutes
	Allow          func(from net.Addr, byTLS bool) error // nil: everyone
	Log            *zap.Logger                           // nil: none

	setup     sync.Once
	ctx       context.Context // of the handlers
	cut       context.CancelFunc
	buffered  atomic.Int64
	serial    atomic.Int64
	mu        sync.Mutex
	closing   bool
	listeners map[net.Listener]bool
	open      map[net.Conn]bool
	running   sync.WaitGroup
}

// ErrClosed is what Serve returns after Shutdown or Close.
var ErrClosed = errors.New("mllp: server closed")

// Times for TLS to begin, for a peer to take its answer, and for a refused one to stop.
const (
	handshakeTimeout = 10 * time.Second
	writeTimeout     = 30 * time.Second
	lingerTimeout    = 3 * time.Second
)

func (s *Server) init() {
	s.setup.Do(func() {
		s.ctx, s.cut = context.WithCancel(context.Background())
		s.listeners, s.open = map[net.Listener]bool{}, map[net.Conn]bool{}
		if s.MaxMessage <= 0 {
			s.MaxMessage = DefaultMaxMessage
		}
		if s.MaxBuffered <= 0 {
			s.MaxBuffered = 4 * int64(s.MaxMessage)
		}
		if s.MaxConnections <= 0 {
			s.MaxConnections = 256
		}
		if s.IdleTimeout <= 0 {
			s.IdleTimeout = 10 * time.Minute
		}
		if s.Log == nil {
			s.Log = zap.NewNop()
		}
	})
}

// Serve accepts connections until Shutdown or Close, then returns ErrClosed.
func (s *Server) Serve(l net.Listener) error { return s.serve(l, nil) }

// ServeTLS is Serve for connections by TLS.
func (s *Server) ServeTLS(l net.Listener, config *tls.Config) error { return s.serve(l, config) }

func (s *Server) serve(l net.Listener, config *tls.Config) error {
	s.init()
	defer l.Close()
	if !s.track(func() { s.listeners[l] = true }) {
		return ErrClosed
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			if s.isClosing() {
				return ErrClosed
			}
			if isExhausted(err) {
				s.Log.Warn("mllp: cannot accept for now", zap.Error(err))
				time.Sleep(50 * time.Millisecond)
				continue
			}
			return fmt.Errorf("mllp: accept on %s: %w", l.Addr(), err)
		}
		if err := s.admit(conn, config); err != nil {
			s.Log.Warn("mllp: connection refused", zap.Stringer("peer", conn.RemoteAddr()), zap.Error(err))
			conn.Close()
		}
	}
}

// isExhausted says whether accept may work again when others let go of what it needs.
func isExhausted(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// admit starts a connection's goroutine, or says why it may not have one.
func (s *Server) admit(conn net.Conn, config *tls.Config) error {
	if s.Allow != nil {
		if err := s.Allow(conn.RemoteAddr(), config != nil); err != nil {
			return err
		}
	}
	full := false
	admitted := s.track(func() {
		if full = len(s.open) >= s.MaxConnections; !full {
			s.open[conn] = true
			s.running.Add(1)
		}
	})
	switch {
	case !admitted:
		return ErrClosed
	case full:
		return fmt.Errorf("all %d connections are taken; raise max_connections or find the peer that leaves them open", s.MaxConnections)
	}
	go func() {
		defer s.running.Done()
		defer s.forget(conn)
		s.converse(conn, config)
	}()
	return nil
}

// track runs f under the lock unless the server is closing.
func (s *Server) track(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	f()
	return true
}

func (s *Server) isClosing() bool { return !s.track(func() {}) }

func (s *Server) forget(conn net.Conn) {
	conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
}

// converse serves one connection to its end.
func (s *Server) converse(conn net.Conn, config *tls.Config) {
	peer := Peer{Address: conn.RemoteAddr()}
	peer.Name = fmt.Sprintf("%s>%s#%d", conn.RemoteAddr(), conn.LocalAddr(), s.serial.Add(1))
	log := s.Log.With(zap.String("connection", peer.Name))
	if config != nil {
		secure := tls.Server(conn, config)
		conn.SetDeadline(time.Now().Add(handshakeTimeout))
		if err := secure.HandshakeContext(s.ctx); err != nil {
			log.Warn("mllp: TLS handshake failed", zap.Error(err))
			return
		}
		conn.SetDeadline(time.Time{})
		if chains := secure.ConnectionState().VerifiedChains; len(chains) > 0 {
			peer.Certificate = chains[0][0].Subject.String()
		}
		defer secure.Close()
		conn = secure
	}
	log.Debug("mllp: connected")
	err := s.exchange(conn, peer, log)
	log.Debug("mllp: disconnected", zap.Error(err))
}

// exchange reads a message and answers it, again and again.
func (s *Server) exchange(conn net.Conn, peer Peer, log *zap.Logger) error {
	reader := NewReader(conn, s.MaxMessage)
	for {
		if err := s.one(conn, reader, peer, log); err != nil {
			return err
		}
	}
}

// one takes a message and answers it. Its bytes count as buffered until it is answered.
func (s *Server) one(conn net.Conn, reader *Reader, peer Peer, log *zap.Logger) error {
	held := int64(0)
	defer func() { s.buffered.Add(-held) }()
	reader.reserve = func(n int) error {
		held += int64(n)
		if s.buffered.Add(int64(n)) > s.MaxBuffered {
			return ErrBusy
		}
		return nil
	}
	raw, err := s.receive(conn, reader)
	if errors.Is(err, ErrTooLong) || errors.Is(err, ErrBusy) {
		log.Warn("mllp: message refused", zap.Error(err))
		s.buffered.Add(-held)
		held = 0
		s.refuse(conn, hl7.Nack(raw, err.Error(), hl7.Error{Code: hl7.ErrorInternal, Text: err.Error()}))
	}
	if err != nil {
		return err
	}
	ack := s.handle(peer, raw, log)
	if ack == nil {
		return errors.New("mllp: handler gave no answer")
	}
	return s.send(conn, ack)
}

// receive waits for a message. Both the wait and the message itself are timed, so that a
// peer that sends a byte now and then cannot keep a connection for ever.
func (s *Server) receive(conn net.Conn, reader *Reader) ([]byte, error) {
	if err := s.deadline(conn); err != nil {
		return nil, err
	}
	if err := reader.start(); err != nil {
		return nil, err
	}
	if err := s.deadline(conn); err != nil {
		return nil, err
	}
	return reader.rest()
}

// refuse answers a message that was not read to its end, and reads on for a moment: to
// close at once would reset the connection and take the answer with it.
func (s *Server) refuse(conn net.Conn, nack []byte) {
	if s.send(conn, nack) != nil {
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		conn.SetReadDeadline(time.Now().Add(lingerTimeout))
		_, _ = io.Copy(io.Discard, conn)
	}
}

// deadline gives the peer its time to send, unless the server is closing: Shutdown ends
// reads by a deadline that must not be put off.
func (s *Server) deadline(conn net.Conn) error {
	var err error
	if !s.track(func() { err = conn.SetReadDeadline(time.Now().Add(s.IdleTimeout)) }) {
		return ErrClosed
	}
	return err
}

// send writes an answer; the empty one is nothing.
func (s *Server) send(conn net.Conn, ack []byte) error {
	if len(ack) == 0 {
		return nil
	}
	if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := conn.Write(Frame(ack))
	return err
}

// handle calls Handle; should it panic, the sender is told that it may try again.
func (s *Server) handle(peer Peer, raw []byte, log *zap.Logger) (ack []byte) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("mllp: handler failed", zap.String("panic", fmt.Sprintf("%T", p)), zap.ByteString("stack", debug.Stack()))
			const text = "internal error; the message was not taken"
			ack = hl7.Nack(raw, text, hl7.Error{Code: hl7.ErrorInternal, Text: text})
		}
	}()
	return s.Handle(s.ctx, peer, raw)
}

// Shutdown stops accepting, lets messages that were received be answered, and waits for
// that until ctx ends. Messages on their way in are not answered: their senders send
// again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop(func(conn net.Conn) { conn.SetReadDeadline(time.Unix(1, 0)) })
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		s.cut()
		return nil
	case <-ctx.Done():
		return errors.Join(ctx.Err(), s.Close())
	}
}

// Close cuts every connection, cancels the handlers' context and waits for them.
func (s *Server) Close() error {
	s.stop(func(conn net.Conn) { conn.Close() })
	s.cut()
	s.running.Wait()
	return nil
}

func (s *Server) stop(end func(net.Conn)) {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	for l := range s.listeners {
		l.Close()
	}
	for conn := range s.open {
		end(conn)
	}
}
