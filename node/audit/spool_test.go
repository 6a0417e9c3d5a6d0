package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func openTestSpool(t testing.TB, path string, limit int64) *spool {
	t.Helper()
	s, _, err := openSpool(path, limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.file.Close() })
	return s
}

// all returns the messages that are not sent.
func (s *spool) all(t testing.TB) (messages []string) {
	t.Helper()
	at, buf := s.position(), make([]byte, maxFrame)
	for {
		frame, err := s.read(at, buf)
		if err != nil {
			t.Fatal(err)
		}
		if frame == nil {
			return messages
		}
		_, message, _ := strings.Cut(string(frame), " ")
		messages = append(messages, message)
		at += int64(len(frame))
	}
}

// What an earlier process left, whole or torn, is what the next one sends.
func TestSpoolRecovers(t *testing.T) {
	const head = "00000000000000000021\n"
	tests := []struct {
		name, file string
		want       []string
		torn       int64
	}{
		{"new", "", nil, 0},
		{"head only", head, nil, 0},
		{"head torn off", "000000000", nil, 0},
		{"two messages", head + "5 <85>15 <85>2", []string{"<85>1", "<85>2"}, 0},
		{"one is sent", "00000000000000000028\n5 <85>15 <85>2", []string{"<85>2"}, 0},
		{"all are sent", "00000000000000000035\n5 <85>15 <85>2", nil, 0},
		{"killed while emptied", "00000000000000000035\n", nil, 0},
		{"offset unreadable", "xxxxxxxxxxxxxxxxxxxx\n5 <85>1", []string{"<85>1"}, 0},
		{"offset negative", "-0000000000000000021\n5 <85>1", []string{"<85>1"}, 0},
		{"message torn off", head + "5 <85>15 <85", []string{"<85>1"}, 5},
		{"length torn off", head + "5 <85>131", []string{"<85>1"}, 2},
		{"zeros after a power cut", head + "5 <85>1" + strings.Repeat("\x00", 50), []string{"<85>1"}, 50},
		{"length too large", head + "32769 <85>1", nil, 11},
		{"length huge", head + "99999999999999999999999 <85>1", nil, 29},
		{"length nought", head + "0 <85>1...", nil, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.spool")
			if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			s, torn, err := openSpool(path, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.all(t); torn != tt.torn || fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got %q, %d torn; want %q, %d", got, torn, tt.want, tt.torn)
			}
			// It goes on from there, and the next process sees the same.
			if err := s.append([]byte("<85>new")); err != nil {
				t.Fatal(err)
			}
			s.file.Close()
			want := slices.Concat(tt.want, []string{"<85>new"})
			if got := openTestSpool(t, path, 1<<20).all(t); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("reopened: got %q, want %q", got, want)
			}
		})
	}
}

func TestSpoolIsEmptiedOnceSent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.spool")
	s := openTestSpool(t, path, 1<<20)
	size := func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	for range 2 {
		s.append([]byte("<85>first"))
		s.append([]byte("<85>second"))
		first := int64(spoolStart + len("9 <85>first"))
		if next, err := s.confirm(first); next != first || err != nil || s.waiting() == 0 || size() == spoolStart {
			t.Fatalf("confirm returned %d, %v with %d bytes waiting", next, err, s.waiting())
		}
		if got := s.all(t); len(got) != 1 || got[0] != "<85>second" {
			t.Fatalf("%q wait", got)
		}
		if next, err := s.confirm(s.end); next != spoolStart || err != nil || s.waiting() != 0 || size() != spoolStart {
			t.Fatalf("confirm returned %d, %v; the file has %d bytes", next, err, size())
		}
	}
}

func TestSpoolIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.spool")
	s := openTestSpool(t, path, spoolStart+30)
	message := []byte("<85>0123456") // 11 bytes, 14 in its frame
	for n := range 5 {
		if err := s.append(message); (n >= 2) != errors.Is(err, errSpoolFull) {
			t.Fatalf("message %d: %v", n, err)
		}
	}
	if err := s.append([]byte("<85>")); !errors.Is(err, errSpoolFull) {
		t.Errorf("a shorter one slips in: %v", err)
	}
	if got := s.all(t); len(got) != 2 {
		t.Errorf("%q", got)
	}
	if _, err := s.confirm(s.end); err != nil {
		t.Fatal(err)
	}
	if err := s.append(message); err != nil {
		t.Errorf("after it was emptied: %v", err)
	}
	if err := openTestSpool(t, filepath.Join(t.TempDir(), "s"), 1<<20).append(make([]byte, maxMessage+1)); err == nil {
		t.Error("a message that receivers need not take was kept")
	}
}

// A file that cannot be written costs the message and nothing else.
func TestSpoolThatCannotBeWritten(t *testing.T) {
	r := recorder(t)
	r.ApplicationStarted()
	file := r.spool.file
	readOnly, err := os.Open(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	r.spool.file = readOnly
	r.ApplicationStopped()
	r.ApplicationStopped()
	r.spool.file = file
	r.ApplicationStopped()
	messages := spooled(t, r)
	if r.Stats.Dropped.Load() != 2 || r.Stats.Recorded.Load() != 3 || len(messages) != 3 {
		t.Fatalf("%d dropped, %d recorded, %d kept", r.Stats.Dropped.Load(), r.Stats.Recorded.Load(), len(messages))
	}
	// The gap is in the trail itself: Audit Recording Started, with the number.
	if m := messages[2]; !strings.Contains(m, `csd-code="110134"`) || !strings.Contains(m, base64Of("audit recording goes on; 2 messages were dropped")) {
		t.Errorf("%s", m)
	}
	validate(t, messages...)
}

// FuzzSpool opens any bytes as a spool: it comes up, every message in it is
// one, and what is recorded then is kept.
func FuzzSpool(f *testing.F) {
	f.Add([]byte("00000000000000000021\n5 <85>15 <85>2"))
	f.Add([]byte("00000000000000000028\n5 <85>1"))
	f.Add([]byte("00000000000000000022\n32768 <85>1"))
	f.Add([]byte("99999999999999999999\n1 <"))
	f.Fuzz(func(t *testing.T, file []byte) {
		path := filepath.Join(t.TempDir(), "audit.spool")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		s := openTestSpool(t, path, 1<<30)
		before := s.all(t)
		if err := s.append([]byte("<85>new")); err != nil {
			t.Fatal(err)
		}
		for _, m := range before {
			if m[0] != '<' || len(m) > maxMessage {
				t.Fatalf("%q is no message", m)
			}
		}
		after := openTestSpool(t, path, 1<<30).all(t)
		if fmt.Sprintf("%q", after) != fmt.Sprintf("%q", append(before, "<85>new")) {
			t.Fatalf("%q before, %q after", before, after)
		}
	})
}
