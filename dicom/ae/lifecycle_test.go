package ae

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"concord/dicom/pdu"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestShutdownDrains shuts down while one association stores, one is silent
// and one connection has said nothing.
func TestShutdownDrains(t *testing.T) {
	o := synthetic(1000)
	entered, release := make(chan struct{}), make(chan struct{})
	s := newServer(nil)
	s.Store = func(_ context.Context, rq *StoreRequest) error {
		close(entered)
		<-release
		_, err := io.Copy(io.Discard, rq.Data)
		return err
	}
	address := start(t, s)
	busy := dial(t, client(address), contextOf(o))
	stored := make(chan error, 1)
	go func() { stored <- busy.Store(context.Background(), o.request()) }()
	<-entered
	silent := connect(t, address)
	silent.associate()
	mute := connect(t, address)

	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	silent.wantAbort(pdu.AbortByUser, 0)
	if p := mute.read(); p != nil {
		t.Errorf("a connection without association got %+v", p)
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("still accepts connections")
	}
	close(release)
	if err := <-stored; err != nil {
		t.Errorf("the C-STORE under way: %v", err)
	}
	if err := busy.Release(t.Context()); err != nil {
		t.Errorf("its release: %v", err)
	}
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func TestShutdownGivesUp(t *testing.T) {
	o := synthetic(1 << 20)
	entered := make(chan struct{})
	s := newServer(nil)
	s.Store = func(ctx context.Context, rq *StoreRequest) error {
		close(entered)
		<-ctx.Done() // Close ends the handler's context
		_, err := io.Copy(io.Discard, rq.Data)
		return err
	}
	a := dial(t, client(start(t, s)), contextOf(o))
	stored := make(chan error, 1)
	go func() { stored <- a.Store(context.Background(), o.request()) }()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-stored; err == nil {
		t.Error("acknowledged after Close")
	}
}

// certificate is a self-signed one for 127.0.0.1.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "concord test"},
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestMutualTLS(t *testing.T) {
	cert, pool := certificate(t)
	keep := &sink{}
	s := newServer(keep)
	s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	c := client(start(t, s))
	o := synthetic(1_000_000)
	if _, err := c.Dial(t.Context(), []Context{contextOf(o)}); err == nil {
		t.Error("plain TCP was accepted")
	}
	c.TLSConfig = &tls.Config{RootCAs: pool}
	if _, err := c.Dial(t.Context(), []Context{contextOf(o)}); err == nil {
		t.Error("a caller without certificate was accepted")
	}
	c.TLSConfig.Certificates = []tls.Certificate{cert}
	a := dial(t, c, contextOf(o))
	if err := a.Store(t.Context(), o.request()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(keep.object(o.instance), o.data) {
		t.Error("other bytes came")
	}
	if rq, _ := keep.last(); rq.Association.TLS == nil || len(rq.Association.TLS.PeerCertificates) != 1 {
		t.Error("the handler does not see the caller's certificate")
	}
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestEnded wants each connection told once, with how it ended: what an audit
// trail rests on.
func TestEnded(t *testing.T) {
	cert, pool := certificate(t)
	type ending struct {
		caller *Caller
		err    error
	}
	endings := make(chan ending, 1)
	s := newServer(&sink{})
	s.Authorize = func(c *Caller) error {
		if c.Calling == "ROGUE" {
			return &RejectCallingAE
		}
		return nil
	}
	s.Ended = func(c *Caller, err error) { endings <- ending{c, err} }
	c := client(start(t, s))
	o := synthetic(100)

	a := dial(t, c, contextOf(o))
	if err := a.Store(t.Context(), o.request()); err != nil {
		t.Fatal(err)
	}
	a.Release(t.Context())
	if e := <-endings; e.err != nil || e.caller.Calling != "TEST" {
		t.Errorf("after a release: %+v", e)
	}
	dial(t, c, contextOf(o)).Abort()
	var rejection *Rejection
	if e := <-endings; e.err == nil || errors.As(e.err, &rejection) {
		t.Errorf("after an abort: %+v", e)
	}
	c.Calling = "ROGUE"
	if _, err := c.Dial(t.Context(), []Context{contextOf(o)}); err == nil {
		t.Error("the rogue was accepted")
	}
	if e := <-endings; e.caller.Calling != "ROGUE" || !errors.As(e.err, &rejection) || *rejection != RejectCallingAE {
		t.Errorf("after a rejection: %+v", e)
	}
	// A server with TLS turns plain TCP away.
	secured := newServer(&sink{})
	secured.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: pool}
	secured.Ended = s.Ended
	if _, err := client(start(t, secured)).Dial(t.Context(), []Context{contextOf(o)}); err == nil {
		t.Error("plain TCP was accepted")
	}
	var handshake *HandshakeError
	if e := <-endings; e.caller.Remote == nil || !errors.As(e.err, &handshake) {
		t.Errorf("after a handshake that failed: %+v", e)
	}
}

// TestLog wants one line for each association, with its name, counts and end,
// forged titles quoted, and nothing of the data.
func TestLog(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	s := newServer(nil)
	s.StorageClass = func(uid string) bool { return uid == ctImageStorage }
	s.Store = func(context.Context, *StoreRequest) error { return nil }
	s.Log = zap.New(core)
	c := client(start(t, s))
	c.Calling = "EVIL\nINFO"
	o := synthetic(0)
	o.data = []byte("DOE^JANE")
	a := dial(t, c, contextOf(o), propose(secondaryCapture, implicitVRLittleEndian))
	if err := a.Store(t.Context(), o.request()); err != nil {
		t.Fatal(err)
	}
	if err := a.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Called = "NOBODY"
	if _, err := c.Dial(t.Context(), []Context{contextOf(o)}); err == nil {
		t.Fatal("not rejected")
	}
	s.Close()
	s.served.Wait()
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	var lines []string
	for _, e := range logs.All() {
		b, err := encoder.EncodeEntry(e.Entry, e.Context)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, b.String())
	}
	all := strings.Join(lines, "")
	if len(lines) != 2 || strings.Count(all, "\n") != 2 {
		t.Errorf("want one line for each association:\n%s", all)
	}
	for _, want := range []string{`#1`, `"direction":"in"`, `"objects":1`, `"bytes":8`, secondaryCapture + ": SOP class not supported", `"end":"released"`, "association rejected", "called AE title not recognized"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %s in\n%s", want, all)
		}
	}
	if strings.Contains(all, "JANE") {
		t.Errorf("the log has data:\n%s", all)
	}
}
