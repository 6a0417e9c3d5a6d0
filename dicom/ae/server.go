package ae

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Defaults of a Server's and a Client's fields that are zero.
const (
	DefaultMaxPDU          = 128 << 10
	DefaultMaxAssociations = 64
	DefaultARTIM           = 30 * time.Second
	DefaultTimeout         = 60 * time.Second
)

// Server is the acceptor of associations: SCP of verification and storage.
// Set its fields before Serve and leave them. The zero value answers C-ECHO to
// anybody.
//
// An association costs at most a buffer of 16 KiB, 64 KiB each for a command
// set and TLS, and while it is negotiated a request of 1 MiB. Beside the associations at most 1024 connections wait for their
// request or their end, 4 KiB each.
type Server struct {
	AETitle         string        // called AE title that must be used; "": Authorize decides
	MaxPDU          uint32        // longest P-DATA-TF received, in bytes without header
	MaxAssociations int           // at once
	MaxPerPeer      int           // at once from one calling AE title and address; 0: no limit of its own
	ARTIM           time.Duration // longest wait for A-ASSOCIATE-RQ and for the end of a connection
	IdleTimeout     time.Duration // longest wait for a PDU of an association, and for the peer to read

	StorageClass   func(sopClass string) bool       // storage SOP classes received; nil: none
	TransferSyntax func(transferSyntax string) bool // nil: the three uncompressed ones

	// Authorize refuses a caller by an error; a *Rejection chooses the answer,
	// any other error is permanent without a reason. It may narrow what the
	// caller may use by Caller.Accept. nil: anybody may call.
	Authorize func(*Caller) error

	// Store keeps an object and returns when it may be acknowledged. Its error
	// becomes the status: a *StatusError its own, any other 0110H. It may leave
	// Data unread. Data that ends by io.ErrUnexpectedEOF is half an object, of
	// which nothing is acknowledged whatever Store returns. It is called
	// concurrently, once at a time for an association.
	Store func(context.Context, *StoreRequest) error

	NormalizedClass func(sopClass string) bool // classes of Normalized; nil: none

	// Normalized performs a DIMSE-N request, such as the N-ACTION of storage
	// commitment. Its error becomes the status, as with Store.
	Normalized func(context.Context, *NormalizedRequest) error

	// Ended is told of each association that ended, and of each connection
	// that became none, on the goroutine that served it. The error is nil after
	// a release; a *Rejection or a *HandshakeError says that the caller was
	// turned away. nil: nobody asks.
	Ended func(*Caller, error)

	TLSConfig *tls.Config // nil: plain TCP
	Log       *zap.Logger // nil: none

	Stats Stats

	once   sync.Once
	ctx    context.Context // of the handlers; cancelled by Close
	cancel context.CancelFunc
	serial atomic.Uint64
	gate   gate
	served sync.WaitGroup

	mu        sync.Mutex
	closing   bool
	listeners map[net.Listener]struct{}
}

// Stats counts what a Server did since its start.
type Stats struct {
	Associations atomic.Int64 // accepted
	Active       atomic.Int64 // associations now

	RejectedCalledAE  atomic.Int64
	RejectedCallingAE atomic.Int64
	RejectedLimit     atomic.Int64
	RejectedOther     atomic.Int64

	Aborted  atomic.Int64 // associations that ended otherwise than by release
	Objects  atomic.Int64 // C-STORE with success or warning
	Failures atomic.Int64 // C-STORE with another status
	Bytes    atomic.Int64 // of data sets received
}

// ErrServerClosed is what Serve returns after Shutdown or Close.
var ErrServerClosed = errors.New("ae: server closed")

func (s *Server) init() {
	s.once.Do(func() {
		s.ctx, s.cancel = context.WithCancel(context.Background())
		s.listeners = map[net.Listener]struct{}{}
		s.gate.init(orDefault(s.MaxAssociations, DefaultMaxAssociations), s.MaxPerPeer)
		if s.Log == nil {
			s.Log = zap.NewNop()
		}
	})
}

func orDefault[T int | uint32 | time.Duration](v, fallback T) T {
	if v == 0 {
		return fallback
	}
	return v
}

func (s *Server) maxPDU() uint32 { return orDefault(s.MaxPDU, DefaultMaxPDU) }

// Serve accepts connections of l until Shutdown or Close and then returns
// ErrServerClosed. It may be called for several listeners.
func (s *Server) Serve(l net.Listener) error { return s.ServeTLS(l, s.TLSConfig) }

// ServeTLS is Serve with a TLS configuration for this listener alone; nil:
// plain TCP.
func (s *Server) ServeTLS(l net.Listener, security *tls.Config) error {
	s.init()
	if !s.track(l) {
		l.Close()
		return ErrServerClosed
	}
	defer l.Close()
	var pause time.Duration
	for {
		conn, err := l.Accept()
		if err != nil {
			if s.isClosing() {
				return ErrServerClosed
			}
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			// Out of file descriptors or memory: others may give some back.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.Log.Error("accepting connections fails; raise the limit of open files if this stays", zap.Error(err))
			time.Sleep(pause)
			continue
		}
		pause = 0
		s.start(conn, security)
	}
}

func (s *Server) track(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.listeners[l] = struct{}{}
	return true
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

func (s *Server) start(conn net.Conn, security *tls.Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		conn.Close()
		return
	}
	s.gate.enter(conn)
	s.served.Go(func() {
		defer s.gate.leave(conn)
		s.serve(conn, security)
	})
}

// grace is how long an association may be silent while the server shuts down.
const grace = time.Second

// Shutdown stops accepting, lets associations go on until they are released or
// silent for a second, and returns when all have ended. When ctx ends first it
// closes the server and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopAccepting()
	s.gate.dismiss()
	ended := make(chan struct{})
	go func() { s.served.Wait(); close(ended) }()
	tick := time.NewTicker(grace / 4)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			s.cancel()
			return nil
		case <-ctx.Done():
			s.Close()
			return ctx.Err()
		case <-tick.C:
			s.gate.interruptSilent(grace)
		}
	}
}

// Close stops accepting and aborts all associations. It does not wait for the
// handlers, whose contexts and data end at once.
func (s *Server) Close() error {
	s.stopAccepting()
	s.gate.dismiss()
	s.gate.interruptSilent(-1)
	s.cancel()
	return nil
}

func (s *Server) stopAccepting() {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	for l := range s.listeners {
		l.Close()
	}
}

// StoreRequest is one C-STORE: what a Server's handler gets, and what an
// Association sends.
type StoreRequest struct {
	Association    *Caller // of a received request
	MessageID      uint16  // of a received request
	SOPClassUID    string
	SOPInstanceUID string // digits and dots only
	TransferSyntax string

	// Of a C-STORE that a C-MOVE caused; else "" and 0.
	MoveOriginatorAETitle   string
	MoveOriginatorMessageID uint16

	// Data is the data set, without preamble and file meta information, in
	// TransferSyntax. A received one comes straight from the connection, without
	// a copy if it is read in large pieces, and ends with the handler.
	Data io.Reader
}
