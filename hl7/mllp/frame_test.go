package mllp

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// readAll takes every message from r and the error that ended the stream.
func readAll(r *Reader) (messages []string, err error) {
	for {
		m, err := r.Next()
		if err != nil {
			return messages, err
		}
		messages = append(messages, string(m))
	}
}

func TestReader(t *testing.T) {
	for _, c := range []struct {
		name, stream string
		want         []string
		end          error
	}{
		{"one", "\vMSH|1\r\x1c\r", []string{"MSH|1\r"}, io.EOF},
		{"junk before", "GET / HTTP\r\n\vMSH|1\x1c\r", []string{"MSH|1"}, io.EOF},
		{"junk between", "\vA\x1c\r\n\r\n junk \vB\x1c\r", []string{"A", "B"}, io.EOF},
		{"several in one read", "\vA\x1c\r\vB\x1c\r\vC\x1c\r", []string{"A", "B", "C"}, io.EOF},
		{"no CR", "\vA\x1c\vB\x1c", []string{"A", "B"}, io.EOF},
		{"empty block", "\v\x1c\r\vB\x1c\r", []string{"", "B"}, io.EOF},
		{"start byte in the text", "\vMSH|soft\vbreak\x1c\r", []string{"MSH|soft\vbreak"}, io.EOF},
		{"begun again", "\vMSH|cut of\vMSH|whole\x1c\r", []string{"MSH|whole"}, io.EOF},
		{"trail bytes", "\v\x87\x7c\x9a\x5c\x1c\r", []string{"\x87\x7c\x9a\x5c"}, io.EOF},
		{"cut off", "\vA\x1c\r\vMSH|ha", []string{"A"}, io.ErrUnexpectedEOF},
		{"nothing but junk", strings.Repeat("x", 3*readSize), nil, io.EOF},
		{"at the limit", "\v" + strings.Repeat("y", 100<<10) + "\x1c\r", []string{strings.Repeat("y", 100<<10)}, io.EOF},
		{"over the limit", "\v" + strings.Repeat("y", 100<<10+1) + "\x1c\r", nil, ErrTooLong},
	} {
		for way, stream := range map[string]io.Reader{
			"at once":      strings.NewReader(c.stream),
			"byte by byte": iotest.OneByteReader(strings.NewReader(c.stream)),
			"in halves":    iotest.HalfReader(strings.NewReader(c.stream)),
		} {
			got, end := readAll(NewReader(stream, 100<<10))
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") || len(got) != len(c.want) || !errors.Is(end, c.end) {
				t.Errorf("%s, %s: got %.60q, end %v", c.name, way, got, end)
			}
		}
	}
}

// TestReaderKeepsNothing checks that messages are in memory of their own.
func TestReaderKeepsNothing(t *testing.T) {
	r := NewReader(strings.NewReader("\vfirst\x1c\r\vsecond\x1c\r"), 0)
	first, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if string(first) != "first" {
		t.Errorf("the first message became %q", first)
	}
}

// FuzzReader holds that the way bytes arrive changes nothing, and that no message holds
// an end block or passes the limit.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		"", "\v", "\x1c", "\v\x1c\r", "junk\vMSH|^~\\&|A\r\x1c\r\vMSH|^~\\&|B\r\x1c", "\vMSH|a\vMSH|b\x1c\r",
		"\v\x87|\x9a\\\x1c\r\n\v\v\x1c\x1c", "\v" + strings.Repeat("z", 300) + "\x1c\r",
	} {
		f.Add([]byte(seed))
	}
	const limit = 256
	f.Fuzz(func(t *testing.T, stream []byte) {
		got, end := readAll(NewReader(bytes.NewReader(stream), limit))
		slow, slowEnd := readAll(NewReader(iotest.OneByteReader(bytes.NewReader(stream)), limit))
		if strings.Join(got, "\v") != strings.Join(slow, "\v") || !errors.Is(end, slowEnd) {
			t.Fatalf("at once %q (%v), byte by byte %q (%v)", got, end, slow, slowEnd)
		}
		for _, m := range got {
			if strings.IndexByte(m, endBlock) >= 0 || len(m) > limit {
				t.Fatalf("bad message %q", m)
			}
			again, err := NewReader(bytes.NewReader(Frame([]byte(m))), limit).Next()
			if err != nil || string(again) != m {
				t.Fatalf("%q framed and read is %q, %v", m, again, err)
			}
		}
	})
}
