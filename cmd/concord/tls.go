package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"concord/config"
)

// security is the node's side of TLS: for those who call and for those it
// calls. Both are nil where nothing is configured.
type security struct{ in, out *tls.Config }

// cipherSuites are those of TLS 1.2 that BCP 195 (RFC 9325 4.2) recommends,
// ephemeral and authenticated. Those of TLS 1.3 cannot be chosen.
var cipherSuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// newSecurity reads the certificates.
func newSecurity(c config.TLS) (security, error) {
	base := func() *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: cipherSuites} }
	s := security{out: base()}
	if c.CA != "" {
		text, err := os.ReadFile(c.CA)
		if err != nil {
			return security{}, fmt.Errorf("tls.ca: %w", err)
		}
		s.out.RootCAs = x509.NewCertPool()
		if !s.out.RootCAs.AppendCertsFromPEM(text) {
			return security{}, fmt.Errorf("tls.ca: %s holds no certificate; give a PEM file", c.CA)
		}
	}
	if c.Certificate == "" {
		return s, nil
	}
	own, err := tls.LoadX509KeyPair(c.Certificate, c.Key)
	if err != nil {
		return security{}, fmt.Errorf("tls.certificate and tls.key: %w", err)
	}
	s.out.Certificates = []tls.Certificate{own}
	s.in = base()
	s.in.Certificates = s.out.Certificates
	if s.out.RootCAs != nil {
		s.in.ClientCAs, s.in.ClientAuth = s.out.RootCAs, tls.RequireAndVerifyClientCert
	}
	return s, nil
}
