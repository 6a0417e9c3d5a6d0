package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"concord/hl7"
	"concord/hl7/mllp"
	"concord/node"
)

// Every sample message of a RIS, malformed ones included, goes to a node as it
// is in its file: each gets an answer, what is not taken over lies in
// quarantine byte for byte, and nothing holds up the next.
func TestSamplesAreAnsweredOrKept(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "data", "hl7", "*"))
	zh, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "data", "hl7-zh", "*.hl7"))
	if files = append(files, zh...); len(files) == 0 {
		t.Skip("no ../shared/data beside the repository")
	}
	s := startSCP(t, "hl7: {senders: [{name: his, allow: [127.0.0.1], default_charset: GB18030}]}")
	client := &mllp.Client{Address: s.hl7, Timeout: 10 * time.Second}
	defer client.Close()
	var taken, refused int
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if wantsNoAnswer(raw) {
			s.sendOnly(raw)
			taken++
			continue
		}
		answer, err := client.Send(t.Context(), raw)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		}
		for one := range hl7.Split(answer) {
			ack, err := hl7.ParseAck(one)
			switch {
			case err != nil:
				t.Errorf("%s: answered %q: %v", filepath.Base(file), one, err)
			case ack.Accepted():
				taken++
			default:
				refused++
				if ack.ErrorCode == 0 || !s.inQuarantine(raw) {
					t.Errorf("%s: answered %+v, and is not in quarantine", filepath.Base(file), ack)
				}
				t.Logf("%s: %s %d %s", filepath.Base(file), ack.Code, ack.ErrorCode, ack.Text)
			}
		}
		if strings.Contains(file, "hl7-zh") {
			s.isRead(file)
		}
	}
	if held, err := s.node.Quarantine(t.Context(), 1000); err != nil || len(held) != refused || taken < 100 {
		t.Errorf("%d messages were taken over and %d refused; %d are in quarantine, %v", taken, refused, len(held), err)
	}
}

func wantsNoAnswer(raw []byte) bool {
	m, err := hl7.Parse(raw, hl7.Options{})
	return err == nil && len(m.Answer(hl7.AA, "")) == 0
}

// sendOnly sends a message and waits for the node to close the connection.
func (s *scp) sendOnly(raw []byte) {
	s.Helper()
	conn, err := net.Dial("tcp", s.hl7)
	if err != nil {
		s.Fatal(err)
	}
	defer conn.Close()
	conn.Write(mllp.Frame(raw))
	conn.(*net.TCPConn).CloseWrite()
	if answer, err := io.ReadAll(conn); err != nil || len(answer) > 0 {
		s.Errorf("answered %q, %v", answer, err)
	}
}

// inQuarantine says whether a message, or the batch that it is in, is there.
func (s *scp) inQuarantine(raw []byte) bool {
	s.Helper()
	list, err := s.node.Quarantine(s.Context(), 1000)
	if err != nil {
		s.Fatal(err)
	}
	for _, q := range list {
		m, err := s.node.QuarantinedMessage(s.Context(), q.ID)
		if err != nil {
			s.Fatal(err)
		}
		if bytes.Contains(raw, m.Raw) {
			return true
		}
	}
	return false
}

// isRead holds that the newest case is that of a Chinese report, whose text is
// that of its twin in UTF-8.
func (s *scp) isRead(file string) {
	s.Helper()
	name, _, _ := strings.Cut(filepath.Base(file), "-")
	twin, err := os.ReadFile(filepath.Join(filepath.Dir(file), name+"-utf8.hl7"))
	if err != nil {
		s.Fatal(err)
	}
	m, err := hl7.Parse(twin, hl7.Options{})
	if err != nil {
		s.Fatal(err)
	}
	want, err := hl7.Reports(m, hl7.Mapping{})
	if err != nil {
		s.Fatal(err)
	}
	cases, err := s.node.Cases(s.Context(), node.CaseFilter{Limit: 1})
	if err != nil || len(cases) != 1 {
		s.Fatal(len(cases), err)
	}
	got := cases[0].Report
	for i, b := range want[0].Blocks {
		if got.Blocks[i].Text != b.Text {
			s.Errorf("%s: block %d of %s reads %q", filepath.Base(file), i, got.ControlID, got.Blocks[i].Text)
		}
	}
}
