package mllp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"concord/hl7"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

func message(id string) []byte {
	return []byte("MSH|^~\\&|RIS|HOSP|CONCORD|HOSP|20260101||ORU^R01|" + id + "|P|2.4\rPID|1||4711^^^HOSP^MR||DOE^JANE\rOBR|1||F1\rOBX|1|TX|&IMP||No fracture.||||||F\r")
}

// accept answers AA to what can be parsed and AE to the rest.
func accept(_ context.Context, _ Peer, raw []byte) []byte {
	m, err := hl7.Parse(raw, hl7.Options{})
	if err != nil {
		return hl7.Nack(raw, err.Error())
	}
	return m.Ack(hl7.AA, "")
}

// start serves on a free port until the test ends.
func start(t *testing.T, s *Server) string {
	t.Helper()
	return startWith(t, s, s.Serve)
}

// startWith serves by one of the ways to serve.
func startWith(t *testing.T, s *Server, serve func(net.Listener) error) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serve(l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; !errors.Is(err, ErrClosed) {
			t.Errorf("Serve returned %v", err)
		}
	})
	return l.Addr().String()
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

func readAck(t *testing.T, r *Reader) hl7.Ack {
	t.Helper()
	raw, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	ack, err := hl7.ParseAck(raw)
	if err != nil {
		t.Fatal(err)
	}
	return ack
}

func TestServerAnswersInOrder(t *testing.T) {
	address := start(t, &Server{Handle: accept})
	var clients sync.WaitGroup
	for c := range 4 {
		clients.Go(func() {
			conn := dial(t, address)
			var stream []byte
			for i := range 50 {
				stream = append(stream, Frame(message(fmt.Sprintf("C%d-%d", c, i)))...)
			}
			go conn.Write(stream) // all at once, before any answer
			r := NewReader(conn, 0)
			for i := range 50 {
				raw, err := r.Next()
				if err != nil {
					t.Error(err)
					return
				}
				if ack, err := hl7.ParseAck(raw); err != nil || ack.Code != hl7.AA || ack.ControlID != fmt.Sprintf("C%d-%d", c, i) {
					t.Errorf("answer %d is %+v, %v", i, ack, err)
				}
			}
		})
	}
	clients.Wait()
}

// TestRudeClients sets every kind of bad peer on a server and checks that a good one does
// not notice.
func TestRudeClients(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	s := &Server{MaxMessage: 1 << 20, Log: zap.New(core)}
	s.Handle = func(ctx context.Context, peer Peer, raw []byte) []byte {
		if strings.Contains(string(raw), "PANIC") {
			panic(fmt.Sprintf("while reading %s", raw))
		}
		return accept(ctx, peer, raw)
	}
	address := start(t, s)

	good := dial(t, address)
	goodReader := NewReader(good, 0)
	check := func(after string) {
		t.Helper()
		good.Write(Frame(message("GOOD")))
		if ack := readAck(t, goodReader); ack.Code != hl7.AA {
			t.Errorf("after %s the good peer got %+v", after, ack)
		}
	}
	for name, rude := range map[string]func(net.Conn){
		"junk":          func(c net.Conn) { c.Write([]byte(strings.Repeat("junk", 10000))) },
		"half a block":  func(c net.Conn) { c.Write([]byte("\vMSH|^~\\&|half")) },
		"a reset":       func(c net.Conn) { c.Write(Frame(message("1"))); c.(*net.TCPConn).SetLinger(0) },
		"silence":       func(net.Conn) {},
		"no MSH":        func(c net.Conn) { answersWith(t, c, Frame([]byte("PID|1\r")), hl7.AE, "") },
		"empty block":   func(c net.Conn) { answersWith(t, c, []byte("\v\x1c\r"), hl7.AE, "") },
		"a panic":       func(c net.Conn) { answersWith(t, c, Frame(message("PANIC")), hl7.AE, "PANIC") },
		"too much":      func(c net.Conn) { tooMuch(t, c) },
		"never reading": func(c net.Conn) { c.Write(Frame(message("1"))); c.Write(Frame(message("2"))) },
	} {
		conn := dial(t, address)
		rude(conn)
		check(name)
		conn.Close()
		check(name + ", closed")
	}
	for _, entry := range logs.All() {
		if text := fmt.Sprint(entry.Message, entry.ContextMap()); strings.Contains(text, "DOE") || strings.Contains(text, "4711") {
			t.Errorf("patient data in the log: %s", text)
		}
	}
}

func answersWith(t *testing.T, conn net.Conn, block []byte, code hl7.AckCode, id string) {
	t.Helper()
	conn.Write(block)
	if ack := readAck(t, NewReader(conn, 0)); ack.Code != code || ack.ControlID != id {
		t.Errorf("answer is %+v, want %s for %q", ack, code, id)
	}
}

func tooMuch(t *testing.T, conn net.Conn) {
	t.Helper()
	go func() {
		conn.Write([]byte("\v"))
		conn.Write(message("HUGE"))
		conn.Write(make([]byte, 2<<20))
	}()
	if ack := readAck(t, NewReader(conn, 0)); ack.Code != hl7.AE || ack.ControlID != "HUGE" || ack.ErrorCode != hl7.ErrorInternal {
		t.Errorf("answer is %+v", ack)
	}
}

func TestServerRefusesConnections(t *testing.T) {
	full := start(t, &Server{Handle: accept, MaxConnections: 1})
	first := dial(t, full)
	answersWith(t, first, Frame(message("1")), hl7.AA, "1")
	closed := func(address string) {
		t.Helper()
		if n, err := dial(t, address).Read(make([]byte, 1)); err == nil || n != 0 {
			t.Error("a connection that is not to be had was not closed")
		}
	}
	closed(full)
	answersWith(t, first, Frame(message("2")), hl7.AA, "2")
	closed(start(t, &Server{Handle: accept, Allow: func(net.Addr, bool) error { return errors.New("not on the list") }}))
}

// TestServerBoundsMemory fills the memory set aside with one unfinished message; the next
// peer is told to try again, and served once the first has gone.
func TestServerBoundsMemory(t *testing.T) {
	s := &Server{Handle: accept, MaxMessage: 1 << 20, MaxBuffered: 256 << 10}
	address := start(t, s)
	hog := dial(t, address)
	hog.Write(append([]byte("\v"), make([]byte, 200<<10)...))
	for s.buffered.Load() < 180<<10 {
		time.Sleep(time.Millisecond)
	}
	big := append(message("BIG"), make([]byte, 100<<10)...)
	answersWith(t, dial(t, address), Frame(big), hl7.AE, "BIG")
	answersWith(t, dial(t, address), Frame(message("SMALL")), hl7.AA, "SMALL")
	hog.Close()
	for s.buffered.Load() > 0 {
		time.Sleep(time.Millisecond)
	}
	answersWith(t, dial(t, address), Frame(big), hl7.AA, "BIG")
}

// TestLargeMessage sends 64 MB: it arrives whole, with memory of a few times its size.
func TestLargeMessage(t *testing.T) {
	got := make(chan int, 1)
	s := &Server{Handle: func(_ context.Context, _ Peer, raw []byte) []byte {
		got <- len(raw)
		return hl7.Nack(raw, "")
	}}
	conn := dial(t, start(t, s))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	chunk := make([]byte, 1<<20)
	go func() {
		conn.Write([]byte("\v"))
		for range 64 {
			conn.Write(chunk)
		}
		conn.Write([]byte("\x1c\r"))
	}()
	if n := <-got; n != 64<<20 {
		t.Errorf("%d bytes arrived", n)
	}
	runtime.ReadMemStats(&after)
	if used := (after.HeapSys - before.HeapSys) >> 20; used > 64*5 {
		t.Errorf("%d MB of memory for 64", used)
	}
	readAck(t, NewReader(conn, 0))
}

func TestServerTimesOut(t *testing.T) {
	address := start(t, &Server{Handle: accept, IdleTimeout: 50 * time.Millisecond})
	for name, begin := range map[string]string{"idle": "", "half a message": "\vMSH|"} {
		conn := dial(t, address)
		conn.Write([]byte(begin))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("%s: the connection ended with %v", name, err)
		}
	}
}

// TestServerShutdown holds a message in the handler: it is answered, an idle peer is
// disconnected, and nobody new gets in.
func TestServerShutdown(t *testing.T) {
	entered, release := make(chan bool), make(chan bool)
	s := &Server{Handle: func(ctx context.Context, p Peer, raw []byte) []byte {
		close(entered)
		<-release
		return accept(ctx, p, raw)
	}}
	address := start(t, s)
	idle, busy := dial(t, address), dial(t, address)
	busy.Write(Frame(message("LAST")))
	<-entered
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(context.Background()) }()
	if _, err := idle.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the idle connection ended with %v", err)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("a connection was accepted during the shutdown")
	}
	close(release)
	r := NewReader(busy, 0)
	if ack := readAck(t, r); ack.ControlID != "LAST" {
		t.Errorf("answer is %+v", ack)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("the busy connection ended with %v", err)
	}
}

func TestServerShutdownGivesUp(t *testing.T) {
	entered := make(chan bool)
	s := &Server{Handle: func(ctx context.Context, _ Peer, _ []byte) []byte {
		close(entered)
		<-ctx.Done()
		return nil
	}}
	conn := dial(t, start(t, s))
	conn.Write(Frame(message("1")))
	<-entered
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown returned %v", err)
	}
}

func TestEmptyAnswer(t *testing.T) {
	address := start(t, &Server{Handle: func(_ context.Context, _ Peer, raw []byte) []byte {
		if strings.Contains(string(raw), "QUIET") {
			return []byte{}
		}
		return accept(context.Background(), Peer{}, raw)
	}})
	conn := dial(t, address)
	conn.Write(Frame(message("QUIET")))
	answersWith(t, conn, Frame(message("LOUD")), hl7.AA, "LOUD")
}

// certificate makes a self-signed one that serves both ends.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ris.example"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	own, pool := certificate(t)
	var seen Peer
	s := &Server{
		Handle: func(ctx context.Context, p Peer, raw []byte) []byte {
			seen = p
			return accept(ctx, p, raw)
		},
		Allow: func(_ net.Addr, byTLS bool) error {
			if !byTLS {
				return errors.New("by TLS only")
			}
			return nil
		},
	}
	config := &tls.Config{Certificates: []tls.Certificate{own}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
	address := startWith(t, s, func(l net.Listener) error { return s.ServeTLS(l, config) })
	client := &Client{Address: address, TLSConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}}}
	defer client.Close()
	for _, id := range []string{"1", "2"} {
		raw, err := client.Send(t.Context(), message(id))
		if err != nil {
			t.Fatal(err)
		}
		if ack, err := hl7.ParseAck(raw); err != nil || ack.ControlID != id {
			t.Errorf("answer is %+v, %v", ack, err)
		}
	}
	if seen.Certificate != "CN=ris.example" {
		t.Errorf("the peer is %+v", seen)
	}
	for name, config := range map[string]*tls.Config{"no certificate": {RootCAs: pool}, "unknown server": {Certificates: []tls.Certificate{own}},
		"TLS 1.1": {RootCAs: pool, Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11}} {
		stranger := &Client{Address: address, TLSConfig: config}
		if _, err := stranger.Send(t.Context(), message("3")); err == nil {
			t.Errorf("%s: a message went through", name)
		}
		stranger.Close()
	}
	for _, address := range []string{address, start(t, s)} { // the same server also listens in the clear
		plain := &Client{Address: address, Timeout: patience}
		defer plain.Close()
		if ack, err := plain.Send(t.Context(), message("4")); err == nil {
			t.Errorf("a plain message was answered by %q", ack)
		}
	}
}
