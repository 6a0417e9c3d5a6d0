package audit

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"concord/loopback"
)

// rsyslogTLS reads RFC 5425 by rsyslog's GnuTLS driver, with mutual
// certificates; rsyslogUDP reads RFC 5426.
const (
	rsyslogTLS = `
global(workDirectory="@DIR" maxMessageSize="64k" net.enableDNS="off"
  defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="@CA"
  defaultNetstreamDriverCertFile="@CRT" defaultNetstreamDriverKeyFile="@KEY")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
input(type="imtcp" address="127.0.0.1" port="@PORT")
`
	rsyslogUDP = `
global(workDirectory="@DIR" maxMessageSize="64k" net.enableDNS="off")
module(load="imudp")
input(type="imudp" address="127.0.0.1" port="@PORT")
`
	rsyslogOutput = `
template(name="fields" type="string" string="%pri%|%protocol-version%|%timestamp:::date-rfc3339%|%hostname%|%app-name%|%procid%|%msgid%|%structured-data%|%msg%\n")
action(type="omfile" file="@DIR/received" template="fields")
`
)

// startRsyslog runs Debian's rsyslogd in dir, where it writes to "received".
func startRsyslog(t *testing.T, dir, config string) {
	t.Helper()
	binary, err := exec.LookPath("rsyslogd")
	if err != nil {
		if binary, err = exec.LookPath("/usr/sbin/rsyslogd"); err != nil {
			t.Skip("there is no rsyslogd (Debian's rsyslog and rsyslog-gnutls)")
		}
	}
	path := filepath.Join(dir, "rsyslog.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(binary, "-N1", "-f", path).CombinedOutput(); err != nil {
		if strings.Contains(string(out), "lmnsd_gtls") || strings.Contains(string(out), "could not load module") {
			t.Skip("this rsyslogd has no GnuTLS driver (Debian's rsyslog-gnutls)")
		}
		t.Fatalf("%v\n%s", err, out)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(binary, "-n", "-f", path, "-i", filepath.Join(dir, "pid"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if text, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("rsyslogd said:\n%s", text)
		}
	})
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := loopback.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// rsyslogd, which knows nothing of us, takes every kind of event apart as RFC
// 5424 says, and the XML that it hands on is valid.
func TestRsyslog(t *testing.T) {
	a := newAuthority(t)
	for _, tt := range []struct {
		transport Transport
		config    string
		tls       func() (*tls.Config, error)
	}{
		{TLS, rsyslogTLS, clientConfig(t, a)},
		{UDP, rsyslogUDP, nil},
	} {
		t.Run(string(tt.transport), func(t *testing.T) {
			dir, address := t.TempDir(), freeAddress(t)
			_, port, _ := net.SplitHostPort(address)
			ca, crt, key := a.write(t, dir, a.issue(t, "rsyslog"))
			startRsyslog(t, dir, strings.NewReplacer("@DIR", dir, "@PORT", port, "@CA", ca, "@CRT", crt, "@KEY", key).
				Replace(tt.config+rsyslogOutput))
			r := open(t, Config{Address: address, Transport: tt.transport, TLSConfig: tt.tls})
			for _, e := range events {
				e.record(r)
			}
			i := r.Intake(pacs)
			for n := range maxClasses { // a long message
				i.Add(Patient{ID: "王小明"}, fmt.Sprintf("1.2.%d.%s", n, strings.Repeat("9", 50)), "1.2.840.10008.5.1.4.1.1.2", false)
			}
			i.End()
			received := filepath.Join(dir, "received")
			await(t, "the last message", func() bool {
				got := lines(t, received)
				return strings.Contains(got[len(got)-1], `"王小明"`)
			})
			closeRecorder(t, r)
			checkReceived(t, r, lines(t, received))
		})
	}
}

// checkReceived checks what rsyslogd made of each message. Messages of before
// it listened may have come twice.
func checkReceived(t *testing.T, r *Recorder, received []string) {
	t.Helper()
	if len(received) < len(events)+1 {
		t.Fatalf("%d messages", len(received))
	}
	var messages []string
	for _, line := range received {
		f := strings.SplitN(line, "|", 9)
		if len(f) != 9 || f[0] != "85" && f[0] != "84" || f[1] != "1" || f[3] != r.syslog.hostname || f[4] != appName ||
			f[5] != r.syslog.procID || f[6] != msgID || f[7] != "-" {
			t.Fatalf("fields %q", f)
		}
		messages = append(messages, bom+strings.TrimPrefix(f[8], bom))
	}
	validate(t, messages...)
	if last := messages[len(messages)-1]; strings.Count(last, "<SOPClass ") != maxClasses {
		t.Errorf("the long message came as %s", last)
	}
}
