package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"concord/config"
	"concord/dicom"
	"concord/dicom/ae"
	"concord/node"
	"concord/node/store"
)

// scp is the node's DICOM side with everything behind it but a model.
type scp struct {
	*testing.T
	peers   *Peers
	node    *node.Node
	trail   *auditTrail
	address string
	secure  string // address of the TLS port, if there is a certificate
	hl7     string // the same for HL7
	hl7TLS  string
	file    string // the configuration
}

// startSCP serves a configuration, given as YAML.
func startSCP(t *testing.T, text string) *scp {
	t.Helper()
	s := &scp{T: t, file: filepath.Join(t.TempDir(), "concord.yaml")}
	s.write(text)
	files := configFlags{Config: s.file, Set: []string{"data_dir=" + filepath.Join(t.TempDir(), "data")}}
	c, err := files.load()
	if err != nil {
		t.Fatal(err)
	}
	log := zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel))
	if s.peers, err = newPeers(c, files, log); err != nil {
		t.Fatal(err)
	}
	index, err := store.Open(t.Context(), c.DataDir, log)
	if err != nil {
		t.Fatal(err)
	}
	trail, err := openTrail(s.peers, log)
	if err != nil {
		t.Fatal(err)
	}
	s.trail = trail
	t.Cleanup(func() { trail.end(log) })
	s.node = &node.Node{Config: node.Config{Quiet: time.Duration(c.Study.Quiet), Wait: time.Duration(c.Study.Wait), Site: siteOf(c),
		Destinations: trail.destinations(s.peers, log), Reading: senders{c.HL7}.options},
		Index: index, Objects: index, Journal: index.Journal, Log: log, Judge: &node.Judge{Open: index.Open}}
	index.OnJob = s.node.Wake
	trail.node = s.node
	s.node.SetArchives(archivesOf(s.peers.current(), s.node, trail, log))
	server, messages := dimseServer(s.peers, s.node, trail, log), messageServer(senders{c.HL7}, s.node, trail, log)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.node.Run(ctx) }()
	s.address, s.hl7 = s.listen(server.Serve), s.listen(messages.Serve)
	if c.TLS.Certificate != "" {
		s.secure = s.listen(func(l net.Listener) error { return server.ServeTLS(l, s.peers.serverTLS()) })
		s.hl7TLS = s.listen(func(l net.Listener) error { return messages.ServeTLS(l, s.peers.serverTLS()) })
	}
	t.Cleanup(func() { server.Close(); messages.Close(); cancel(); <-ended; index.Close() })
	return s
}

func (s *scp) listen(serve func(net.Listener) error) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	go serve(l)
	return l.Addr().String()
}

func (s *scp) write(text string) {
	s.Helper()
	if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

// echo is the outcome of a C-ECHO by a caller.
func (s *scp) echo(calling, called string) error {
	return echo(s.Context(), &ae.Client{Calling: calling, Called: called, Address: s.address, Timeout: 5 * time.Second})
}

// Who may call is decided by AE title and address, as the file says, as Replace
// says, and as the file says once it changed again.
func TestPeersChangeWhileTheNodeRuns(t *testing.T) {
	s := startSCP(t, `
dicom: {ae_title: FIRST, accept_unknown_callers: false}
peers:
  - {name: pacs, ae_title: PACS, ae_titles: [STORE], allow: [127.0.0.0/8]}
  - {name: elsewhere, ae_title: AWAY, allow: [10.0.0.7, "2001:db8::/32"]}
`)
	answer := func(calling, called string, want *ae.Rejection) {
		t.Helper()
		err := s.echo(calling, called)
		var got *ae.Rejection
		if errors.As(err, &got); want == nil && err != nil || want != nil && (got == nil || *got != *want) {
			t.Errorf("%s to %s: %v, want %v", calling, called, err, want)
		}
	}
	answer("PACS", "FIRST", nil)
	answer("STORE", "FIRST", nil)
	answer("AWAY", "FIRST", &ae.RejectCallingAE)
	answer("OTHER", "FIRST", &ae.RejectCallingAE)
	answer("PACS", "SECOND", &ae.RejectCalledAE)

	if err := s.peers.Replace(t.Context(), []byte(`{"ae_title":"SECOND","peers":[{"name":"x","ae_title":"OTHER"}]}`)); err != nil {
		t.Fatal(err)
	}
	answer("OTHER", "SECOND", nil)
	answer("PACS", "SECOND", &ae.RejectCallingAE)
	answer("OTHER", "FIRST", &ae.RejectCalledAE)
	err := s.peers.Replace(t.Context(), []byte(`{"peers":[{"name":"x","ae_title":"MUCH_TOO_LONG_A_TITLE"}]}`))
	if err == nil || !strings.Contains(err.Error(), "shorten it") {
		t.Errorf("a title that is too long: %v", err)
	}

	// A restart remembers the replacement, a reload of the same file keeps it, another file ends it.
	c, err := s.peers.files.load()
	if err != nil {
		t.Fatal(err)
	}
	again, err := newPeers(c, s.peers.files, zap.NewNop())
	if err != nil || again.current().DICOM.AETitle != "SECOND" {
		t.Errorf("after a restart: %v %v", again.current().DICOM.AETitle, err)
	}
	if err := s.peers.reload(); err != nil || s.peers.current().DICOM.AETitle != "SECOND" {
		t.Errorf("a reload of the same file: %v", err)
	}
	s.write("dicom: {ae_title: THIRD}\npeers: []\n")
	if err := s.peers.reload(); err != nil {
		t.Fatal(err)
	}
	answer("ANYBODY", "THIRD", &ae.RejectCallingAE) // who may call at all waits for a restart
	s.write("dicom: {ae_title: 'FOURTH'\n")
	if err := s.peers.reload(); err == nil || s.peers.current().DICOM.AETitle != "THIRD" {
		t.Errorf("a broken file: %v", err)
	}
}

// A saved file takes effect without a signal.
func TestFileIsWatched(t *testing.T) {
	s := startSCP(t, "dicom: {ae_title: FIRST}")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.peers.watch(ctx) }()
	defer func() { cancel(); <-ended }()
	for range 100 {
		s.write("dicom: {ae_title: SECOND}\n") // again, since the watch may begin after the first
		if s.peers.current().DICOM.AETitle == "SECOND" {
			return
		}
		time.Sleep(watchEach / 10)
	}
	t.Error("the changed file was not read")
}

// A peer's SOP classes and transfer syntaxes narrow what it may store, and
// nobody may speak JPEG in a C-ECHO.
func TestPeerLimits(t *testing.T) {
	s := startSCP(t, "peers: [{name: ct, ae_title: CT, sop_classes: ["+dicom.CTImageStorage+"], transfer_syntaxes: ["+dicom.ExplicitVRLittleEndian+"]}]")
	const jpeg = "1.2.840.10008.1.2.4.50"
	a, err := (&ae.Client{Calling: "CT", Called: "CONCORD", Address: s.address}).Dial(t.Context(), []ae.Context{
		{SOPClass: dicom.CTImageStorage, TransferSyntaxes: []string{dicom.ImplicitVRLittleEndian}},
		{SOPClass: dicom.CTImageStorage, TransferSyntaxes: []string{dicom.ExplicitVRLittleEndian}},
		{SOPClass: dicom.MRImageStorage, TransferSyntaxes: []string{dicom.ExplicitVRLittleEndian}},
		{SOPClass: dicom.VerificationSOPClass, TransferSyntaxes: []string{jpeg}},
		{SOPClass: dicom.VerificationSOPClass, TransferSyntaxes: []string{dicom.ImplicitVRLittleEndian}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Abort()
	for _, c := range []struct {
		class, syntax string
		want          bool
	}{
		{dicom.CTImageStorage, dicom.ImplicitVRLittleEndian, false}, {dicom.CTImageStorage, dicom.ExplicitVRLittleEndian, true},
		{dicom.MRImageStorage, dicom.ExplicitVRLittleEndian, false}, {dicom.VerificationSOPClass, jpeg, false},
		{dicom.VerificationSOPClass, dicom.ImplicitVRLittleEndian, true},
	} {
		if got := a.Accepted(c.class, c.syntax); got != c.want {
			t.Errorf("%s in %s: accepted %v", c.class, c.syntax, got)
		}
	}
}

// authority issues certificates for 127.0.0.1.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	last int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, last: 1}
	a.cert = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue writes name.crt and name.key into dir.
func (a *authority) issue(t *testing.T, dir, name string) (serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.last++
	leaf := &x509.Certificate{SerialNumber: big.NewInt(a.last), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, name+".crt"), "CERTIFICATE", der)
	writePEM(t, filepath.Join(dir, name+".key"), "PRIVATE KEY", private)
	return a.last
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Mutual TLS with DCMTK as the caller; a caller without certificate, one of
// another authority and one with TLS 1.1 are refused; a new certificate is
// used without a restart; a peer with tls: true may not call in the clear.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ca, other := newAuthority(t), newAuthority(t)
	writePEM(t, filepath.Join(dir, "ca.crt"), "CERTIFICATE", ca.cert.Raw)
	ca.issue(t, dir, "node")
	ca.issue(t, dir, "modality")
	other.issue(t, dir, "stranger")
	pem := func(name string) string { return filepath.Join(dir, name) }
	s := startSCP(t, fmt.Sprintf("tls: {certificate: %q, key: %q, ca: %q}\npeers: [{name: m, ae_title: MODALITY, tls: true}]\n",
		pem("node.crt"), pem("node.key"), pem("ca.crt")))

	var rejection *ae.Rejection
	if err := s.echo("MODALITY", "CONCORD"); !errors.As(err, &rejection) || *rejection != ae.RejectCallingAE {
		t.Errorf("a TLS peer in the clear: %v", err)
	}
	dial := func(name string, version uint16) error {
		own := config.TLS{CA: pem("ca.crt")}
		if name != "" {
			own.Certificate, own.Key = pem(name+".crt"), pem(name+".key")
		}
		mine, err := newSecurity(own)
		if err != nil {
			t.Fatal(err)
		}
		if version != 0 {
			mine.out.MinVersion, mine.out.MaxVersion = version, version
		}
		return echo(t.Context(), &ae.Client{Calling: "MODALITY", Called: "CONCORD", Address: s.secure, TLSConfig: mine.out, Timeout: 5 * time.Second})
	}
	for _, c := range []struct {
		name    string
		version uint16
		ok      bool
	}{
		{"modality", 0, true}, {"modality", tls.VersionTLS12, true}, {"modality", tls.VersionTLS13, true},
		{"modality", tls.VersionTLS11, false}, {"", 0, false}, {"stranger", 0, false},
	} {
		if err := dial(c.name, c.version); (err == nil) != c.ok {
			t.Errorf("certificate %q, version %x: %v", c.name, c.version, err)
		}
	}
	serial := ca.issue(t, dir, "node")
	if err := s.peers.reload(); err != nil {
		t.Fatal(err)
	}
	now := s.peers.current().out
	conn, err := tls.Dial("tcp", s.secure, &tls.Config{RootCAs: now.RootCAs, Certificates: now.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); got != serial {
		t.Errorf("certificate %d is shown after the reload, want %d", got, serial)
	}
	conn.Close()
	if _, err := exec.LookPath("echoscu"); err != nil {
		t.Skip("echoscu is not installed: make test installs it")
	}
	_, port, _ := net.SplitHostPort(s.secure)
	out, err := exec.Command("echoscu", "+tls", pem("modality.key"), pem("modality.crt"), "+cf", pem("ca.crt"),
		"-aet", "MODALITY", "-aec", "CONCORD", "127.0.0.1", port).CombinedOutput()
	if err != nil {
		t.Errorf("echoscu by TLS: %v\n%s", err, out)
	}
}
