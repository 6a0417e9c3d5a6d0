package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"concord/node"
)

// messageFile is a report of a sender that names no character set.
func messageFile(t *testing.T, id string, text []byte) string {
	t.Helper()
	raw := []byte("MSH|^~\\&|RIS|H|CONCORD|H|2026||ORU^R01|" + id + "|P|2.4\rPID|1||P1\rOBR|1||F" + id + "||||||||||||||||||||||F\rOBX|1|TX|&GDT||")
	path := filepath.Join(t.TempDir(), id+".hl7")
	if err := os.WriteFile(path, append(append(raw, text...), "||||||F\r"...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Mutual TLS from end to end: hl7-send, as a configured destination says, to a
// node. A sender that has to use TLS may not send in the clear, and none but
// the senders may send at all.
func TestHL7ByTLS(t *testing.T) {
	dir := t.TempDir()
	ca, other := newAuthority(t), newAuthority(t)
	writePEM(t, filepath.Join(dir, "ca.crt"), "CERTIFICATE", ca.cert.Raw)
	ca.issue(t, dir, "node")
	ca.issue(t, dir, "ris")
	other.issue(t, dir, "stranger")
	security := func(name string) string {
		text := fmt.Sprintf("tls: {ca: %q", filepath.Join(dir, "ca.crt"))
		if name != "" {
			text += fmt.Sprintf(", certificate: %q, key: %q", filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key"))
		}
		return text + "}\n"
	}
	s := startSCP(t, security("node")+"hl7: {accept_unknown_senders: false, senders: [{name: ris, allow: [127.0.0.0/8], tls: true}]}")
	send := func(own, address string, byTLS bool) error {
		mine := filepath.Join(t.TempDir(), "mine.yaml")
		text := fmt.Sprintf("%shl7_destinations: [{name: node, address: %q, tls: %v}]", security(own), address, byTLS)
		if err := os.WriteFile(mine, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		command := hl7SendCommand{configFlags: configFlags{Config: mine}, Destination: "node", Files: []string{messageFile(t, "M1", []byte("Normal."))}}
		return command.Run(t.Context())
	}
	for _, c := range []struct {
		what, own, address string
		byTLS, ok          bool
	}{
		{"mutual TLS", "ris", s.hl7TLS, true, true},
		{"no certificate", "", s.hl7TLS, true, false},
		{"a stranger's certificate", "stranger", s.hl7TLS, true, false},
		{"in the clear", "ris", s.hl7, false, false},
		{"in the clear to the TLS port", "ris", s.hl7TLS, false, false},
	} {
		if err := send(c.own, c.address, c.byTLS); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	closed := startSCP(t, "hl7: {accept_unknown_senders: false, senders: [{name: ris, allow: [10.0.0.7]}]}")
	if err := send("ris", closed.hl7, false); err == nil {
		t.Error("an unknown sender was heard")
	}
}

// Each sender's messages are read in its own character set: by default, or
// whatever they say; also when they come back from the journal.
func TestSendersHaveTheirCharacterSets(t *testing.T) {
	const text = "肺部未见异常。" // its GBK bytes are not UTF-8
	gbk := []byte{0xb7, 0xce, 0xb2, 0xbf, 0xce, 0xb4, 0xbc, 0xfb, 0xd2, 0xec, 0xb3, 0xa3, 0xa1, 0xa3}
	for name, keys := range map[string]string{"default": "default_charset: GB18030", "always": "charset: GBK"} {
		s := startSCP(t, "hl7: {senders: [{name: elsewhere, allow: [10.0.0.7], charset: 8859/1}, {name: his, allow: [127.0.0.1], "+keys+"}]}")
		command := hl7SendCommand{Destination: s.hl7, Files: []string{messageFile(t, "M1", gbk)}}
		if err := command.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		cases, err := s.node.Cases(t.Context(), node.CaseFilter{Limit: 1})
		if err != nil || len(cases) != 1 || cases[0].Report.Blocks[0].Text != text {
			t.Errorf("%s: %+v, %v", name, cases, err)
		}
	}
	if bytes.Contains(gbk, []byte(text)) || strings.ToValidUTF8(string(gbk), "") == string(gbk) {
		t.Error("the text is UTF-8: the test shows nothing")
	}
}
