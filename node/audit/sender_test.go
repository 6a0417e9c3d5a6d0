package audit

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// authority issues certificates for 127.0.0.1.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{cert: cert, key: key, pool: x509.NewCertPool()}
	a.pool.AddCert(cert)
	return a
}

func (a *authority) issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{{127, 0, 0, 1}},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// write puts a certificate, its key and the authority into PEM files.
func (a *authority) write(t *testing.T, dir string, cert tls.Certificate) (ca, crt, key string) {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(cert.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{}
	for _, block := range []pem.Block{{Type: "CERTIFICATE", Bytes: a.cert.Raw}, {Type: "CERTIFICATE", Bytes: cert.Certificate[0]},
		{Type: "EC PRIVATE KEY", Bytes: der}} {
		path := filepath.Join(dir, strconv.Itoa(len(paths))+".pem")
		if err := os.WriteFile(path, pem.EncodeToMemory(&block), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths[0], paths[1], paths[2]
}

// repository is an audit repository of our own that reads RFC 5425.
type repository struct {
	listener net.Listener
	cut      int // connections to close after their first message

	connections atomic.Int64

	mu       sync.Mutex
	messages []string
	problems []string
}

func startRepository(t *testing.T, l net.Listener, cut int) *repository {
	r := &repository{listener: l, cut: cut}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.connections.Add(1)
			r.mu.Lock()
			first := r.cut > 0
			r.cut--
			r.mu.Unlock()
			running.Go(func() {
				defer conn.Close()
				r.read(conn, first)
			})
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
	return r
}

// read takes SYSLOG-FRAME = MSG-LEN SP SYSLOG-MSG (RFC 5425 4.3).
func (r *repository) read(conn net.Conn, onlyOne bool) {
	for b := bufio.NewReader(conn); ; {
		digits, err := b.ReadString(' ')
		if err != nil {
			if digits != "" {
				r.problem(fmt.Sprintf("ended in MSG-LEN: %q", digits))
			}
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(digits, " "))
		if err != nil || n <= 0 || digits[0] == '0' {
			r.problem(fmt.Sprintf("MSG-LEN %q", digits))
			return
		}
		message := make([]byte, n)
		if _, err := io.ReadFull(b, message); err != nil {
			r.problem(err.Error())
			return
		}
		r.mu.Lock()
		r.messages = append(r.messages, string(message))
		r.mu.Unlock()
		if onlyOne {
			return
		}
	}
}

func (r *repository) problem(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problems = append(r.problems, text)
}

func (r *repository) received() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.messages...)
}

// await polls until ready; a minute is never needed but on a broken build.
func await(t *testing.T, what string, ready func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ready(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// open starts a Recorder that is quick to give up a connection and to settle.
func open(t *testing.T, c Config) *Recorder {
	t.Helper()
	if c.DataDir == "" {
		c.DataDir = t.TempDir()
	}
	if c.MaxSpool == 0 {
		c.MaxSpool = 1 << 20
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	c.AETitle, c.Site = "CONCORD", "st-mary"
	r, err := newRecorder(c)
	if err != nil {
		t.Fatal(err)
	}
	r.sender.settle, r.sender.retry = 50*time.Millisecond, 10*time.Millisecond
	r.start()
	return r
}

func closeRecorder(t *testing.T, r *Recorder) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

// note records event n.
func note(r *Recorder, n int) {
	r.BeginTransferring(Peer{AETitle: fmt.Sprintf("AE%04d", n), Address: "192.0.2.1"}, patient, ct)
}

// missing returns which of the events 0 to n-1 are in no message.
func missing(messages []string, n int) (numbers []int) {
	all := strings.Join(messages, "\n")
	for i := range n {
		if !strings.Contains(all, fmt.Sprintf(`UserID="AE%04d"`, i)) {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

func tlsListener(t *testing.T, address string, a *authority) net.Listener {
	t.Helper()
	l, err := tls.Listen("tcp", address, &tls.Config{Certificates: []tls.Certificate{a.issue(t, "repository")},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.pool})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func clientConfig(t *testing.T, a *authority) func() (*tls.Config, error) {
	return always(&tls.Config{RootCAs: a.pool, Certificates: []tls.Certificate{a.issue(t, "concord")}})
}

func always(c *tls.Config) func() (*tls.Config, error) {
	return func() (*tls.Config, error) { return c, nil }
}

// Over mutual TLS everything arrives once, in order, and nothing stays behind.
func TestTLS(t *testing.T) {
	a := newAuthority(t)
	repo := startRepository(t, tlsListener(t, "127.0.0.1:0", a), 0)
	dir := t.TempDir()
	r := open(t, Config{Address: repo.listener.Addr().String(), Transport: TLS, TLSConfig: clientConfig(t, a), DataDir: dir})
	r.ApplicationStarted()
	for n := range 200 {
		note(r, n)
	}
	r.ApplicationStopped()
	closeRecorder(t, r)
	got := repo.received()
	if len(got) != 202 || len(repo.problems) != 0 {
		t.Fatalf("%d messages, problems %q", len(got), repo.problems)
	}
	for n, m := range got[1:201] {
		if !strings.Contains(m, fmt.Sprintf(`UserID="AE%04d"`, n)) {
			t.Fatalf("out of order at %d: %s", n, m)
		}
	}
	validate(t, got[0], got[1], got[201])
	if s := openTestSpool(t, filepath.Join(dir, "audit.spool"), 1<<20); s.waiting() != 0 || s.end != spoolStart {
		t.Errorf("%d bytes stay behind in %d", s.waiting(), s.end)
	}
}

// A repository that another authority vouches for, or that does not take our
// certificate, gets nothing; the log says so once and the events stay.
func TestTLSRefused(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	tests := []struct {
		name   string
		config *tls.Config
	}{
		{"their authority", &tls.Config{RootCAs: other.pool, Certificates: []tls.Certificate{a.issue(t, "concord")}}},
		{"our authority", &tls.Config{RootCAs: a.pool, Certificates: []tls.Certificate{other.issue(t, "concord")}}},
		{"no certificate", &tls.Config{RootCAs: a.pool}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			repo := startRepository(t, tlsListener(t, "127.0.0.1:0", a), 0)
			core, logs := observer.New(zapcore.InfoLevel)
			r := open(t, Config{Address: repo.listener.Addr().String(), Transport: TLS, TLSConfig: always(tt.config), Log: zap.New(core)})
			r.ApplicationStarted()
			await(t, "three tries", func() bool { return repo.connections.Load() >= 3 })
			closeRecorder(t, r)
			if got := repo.received(); len(got) != 0 {
				t.Errorf("it received %q", got)
			}
			if n := logs.FilterMessageSnippet("cannot be reached").Len(); n != 1 || logs.Len() != 1 {
				t.Errorf("%d log lines: %v", logs.Len(), logs.All())
			}
			s := openTestSpool(t, r.spool.file.Name(), 1<<20)
			if got := s.all(t); len(got) != 1 {
				t.Errorf("%d messages wait", len(got))
			}
		})
	}
}

// A repository that breaks connections loses nothing: what it may not have
// read comes again.
func TestReconnect(t *testing.T) {
	a := newAuthority(t)
	repo := startRepository(t, tlsListener(t, "127.0.0.1:0", a), 3)
	r := open(t, Config{Address: repo.listener.Addr().String(), Transport: TLS, TLSConfig: clientConfig(t, a)})
	for n := range 100 {
		note(r, n)
	}
	await(t, "all messages", func() bool { return len(missing(repo.received(), 100)) == 0 })
	closeRecorder(t, r)
	if n := r.Waiting(); n != 0 {
		t.Errorf("%d bytes wait", n)
	}
	if len(repo.received()) < 103 {
		t.Errorf("%d messages: those on broken connections were not sent again", len(repo.received()))
	}
}

// Events wait for a repository that is away, and the log tells both changes.
func TestRepositoryComesBack(t *testing.T) {
	a := newAuthority(t)
	address := freeAddress(t)
	core, logs := observer.New(zapcore.InfoLevel)
	r := open(t, Config{Address: address, Transport: TLS, TLSConfig: clientConfig(t, a), Log: zap.New(core)})
	for n := range 20 {
		note(r, n)
	}
	await(t, "a failed try", func() bool { return logs.FilterMessageSnippet("cannot be reached").Len() > 0 })
	if r.Waiting() == 0 {
		t.Error("nothing waits")
	}
	repo := startRepository(t, tlsListener(t, address, a), 0)
	await(t, "all messages", func() bool { return len(missing(repo.received(), 20)) == 0 })
	await(t, "an empty spool", func() bool { return r.Waiting() == 0 })
	closeRecorder(t, r)
	var lines []string
	for _, e := range logs.All() {
		lines = append(lines, e.Message)
	}
	if len(lines) != 2 || !strings.Contains(lines[1], "reached again") {
		t.Errorf("log: %q", lines)
	}
}

// A full spool drops, counts, and says so to the repository later.
func TestFullSpool(t *testing.T) {
	a := newAuthority(t)
	address := freeAddress(t)
	r := open(t, Config{Address: address, Transport: TLS, TLSConfig: clientConfig(t, a), MaxSpool: 8 << 10})
	for n := range 50 {
		note(r, n)
	}
	kept, dropped := int(r.Stats.Recorded.Load()), int(r.Stats.Dropped.Load())
	if kept+dropped != 50 || kept == 0 || dropped == 0 {
		t.Fatalf("%d kept, %d dropped", kept, dropped)
	}
	repo := startRepository(t, tlsListener(t, address, a), 0)
	await(t, "an empty spool", func() bool { return r.Waiting() == 0 })
	r.ApplicationStopped()
	closeRecorder(t, r)
	got := repo.received()
	if len(missing(got, kept)) != 0 || len(missing(got, 50)) != dropped {
		t.Errorf("%d messages of 50, %d were dropped", len(got), dropped)
	}
	want := base64Of(fmt.Sprintf("audit recording goes on; %d messages were dropped", dropped))
	if last := got[len(got)-1]; !strings.Contains(last, want) {
		t.Errorf("the last message is %s", last)
	}
}

// Over UDP a message is a datagram without octet count. Nobody at the port is
// noticed by ICMP, and what went there is sent again.
func TestUDP(t *testing.T) {
	address := freeAddress(t)
	core, logs := observer.New(zapcore.InfoLevel)
	r := open(t, Config{Address: address, Transport: UDP, Log: zap.New(core)})
	for n := range 20 {
		note(r, n)
	}
	await(t, "a failed try", func() bool { return logs.FilterMessageSnippet("cannot be reached").Len() > 0 })
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var got []string
	buf := make([]byte, 65536)
	for len(missing(got, 20)) > 0 {
		conn.SetReadDeadline(time.Now().Add(time.Minute))
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			t.Fatalf("%v; missing are %v", err, missing(got, 20))
		}
		got = append(got, string(buf[:n]))
	}
	closeRecorder(t, r)
	if !strings.HasPrefix(got[0], "<85>1 ") || r.Waiting() != 0 {
		t.Errorf("%d bytes wait; first: %s", r.Waiting(), got[0])
	}
}

// What is recorded right before Close goes out with it, and once.
func TestCloseSendsTheLast(t *testing.T) {
	a := newAuthority(t)
	repo := startRepository(t, tlsListener(t, "127.0.0.1:0", a), 0)
	for n := range 40 {
		r := open(t, Config{Address: repo.listener.Addr().String(), Transport: TLS, TLSConfig: clientConfig(t, a)})
		r.ApplicationStarted()
		sent := n + n + 1
		await(t, "the start", func() bool { return len(repo.received()) == sent })
		r.ApplicationStopped()
		closeRecorder(t, r)
		if got := repo.received(); len(got) != sent+1 || !strings.Contains(got[sent], `csd-code="110121"`) {
			t.Fatalf("run %d: %d messages, want %d", n, len(got), sent+1)
		}
	}
}

// A process that is killed leaves its events to the next one.
func TestKilled(t *testing.T) {
	const events = 30
	if dir := os.Getenv("AUDIT_TEST_DIR"); dir != "" { // the process that will be killed
		r := open(t, Config{Address: "127.0.0.1:1", Transport: TLS, DataDir: dir})
		for n := range events {
			note(r, n)
		}
		fmt.Println("recorded")
		select {}
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "AUDIT_TEST_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	cmd.Process.Kill()
	cmd.Wait()
	if line != "recorded\n" {
		t.Fatalf("the process said %q", line)
	}
	a := newAuthority(t)
	repo := startRepository(t, tlsListener(t, "127.0.0.1:0", a), 0)
	r := open(t, Config{Address: repo.listener.Addr().String(), Transport: TLS, TLSConfig: clientConfig(t, a), DataDir: dir})
	r.ApplicationStarted()
	closeRecorder(t, r)
	got := repo.received()
	if len(got) != events+1 || len(missing(got, events)) != 0 {
		t.Fatalf("%d messages, missing %v", len(got), missing(got, events))
	}
	killed, mine := fmt.Sprintf(" concord %d ", cmd.Process.Pid), fmt.Sprintf(" concord %d ", os.Getpid())
	if !strings.Contains(got[0], killed) || !strings.Contains(got[events], mine) {
		t.Errorf("the messages do not name the process that recorded them: %s", got[0])
	}
}

// Many goroutines record at once while the connection breaks.
func TestConcurrent(t *testing.T) {
	a := newAuthority(t)
	repo := startRepository(t, tlsListener(t, "127.0.0.1:0", a), 2)
	r := open(t, Config{Address: repo.listener.Addr().String(), Transport: TLS, TLSConfig: clientConfig(t, a)})
	var running sync.WaitGroup
	for g := range 8 {
		running.Go(func() {
			for n := range 25 {
				note(r, 25*g+n)
			}
		})
	}
	running.Wait()
	await(t, "all messages", func() bool { return len(missing(repo.received(), 200)) == 0 })
	closeRecorder(t, r)
	for _, m := range repo.received() {
		if !bytes.HasSuffix([]byte(m), []byte("</AuditMessage>")) {
			t.Fatalf("torn: %q", m)
		}
	}
	if len(repo.problems) != 0 {
		t.Errorf("%q", repo.problems)
	}
}
