package mllp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"concord/hl7"
)

// peer is a server of the test's own making: f gets each connection and its number.
func peer(t *testing.T, f func(n int, conn net.Conn, r *Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for n := 1; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				f(n, conn, NewReader(conn, 0))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return l.Addr().String()
}

func newClient(t *testing.T, address string) *Client {
	t.Helper()
	c := &Client{Address: address, Timeout: patience}
	t.Cleanup(func() { c.Close() })
	return c
}

func sendFor(t *testing.T, c *Client, id string) hl7.Ack {
	t.Helper()
	raw, err := c.Send(t.Context(), message(id))
	if err != nil {
		t.Fatal(err)
	}
	ack, err := hl7.ParseAck(raw)
	if err != nil {
		t.Fatal(err)
	}
	return ack
}

func ackFor(id string) string { return "MSH|^~\\&|A|B|C|D|20260101||ACK|X|P|2.4\rMSA|AA|" + id }

func TestClientKeepsItsConnection(t *testing.T) {
	var connections atomic.Int32
	address := peer(t, func(n int, conn net.Conn, r *Reader) {
		connections.Store(int32(n))
		for {
			raw, err := r.Next()
			if err != nil {
				return
			}
			conn.Write(Frame(accept(t.Context(), Peer{}, raw)))
		}
	})
	client := newClient(t, address)
	var senders sync.WaitGroup
	for i := range 20 {
		senders.Go(func() {
			id := fmt.Sprint("ID", i)
			raw, err := client.Send(context.Background(), message(id))
			if ack, parseErr := hl7.ParseAck(raw); err != nil || parseErr != nil || ack.ControlID != id {
				t.Errorf("%s was answered by %q, %v", id, raw, err)
			}
		})
	}
	senders.Wait()
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections were made", n)
	}
}

// TestClientReconnects has the server close the connection after each answer.
func TestClientReconnects(t *testing.T) {
	var received atomic.Int32
	address := peer(t, func(_ int, conn net.Conn, r *Reader) {
		if raw, err := r.Next(); err == nil {
			received.Add(1)
			conn.Write(Frame(accept(t.Context(), Peer{}, raw)))
		}
	})
	client := newClient(t, address)
	for i := range 5 {
		if ack := sendFor(t, client, fmt.Sprint(i)); ack.ControlID != fmt.Sprint(i) {
			t.Errorf("message %d was answered by %+v", i, ack)
		}
	}
	if received.Load() != 5 {
		t.Errorf("%d messages arrived", received.Load())
	}
}

// TestClientAnswers has answers in every shape that real servers send.
func TestClientAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"as it should be":        "\v" + ackFor("7") + "\r\x1c\r",
		"no CR in the message":   "\v" + ackFor("7") + "\x1c\r",
		"no CR after the block":  "\v" + ackFor("7") + "\x1c",
		"junk before":            "\r\n\v" + ackFor("7") + "\r\x1c\r",
		"earlier answers before": "\v" + ackFor("5") + "\r\x1c\r\v" + ackFor("6") + "\r\x1c\r\v" + ackFor("7") + "\r\x1c\r",
		"no message named":       "\v" + ackFor("") + "\r\x1c\r",
		"not an answer at all":   "\vhello\x1c\r",
	} {
		address := peer(t, func(_ int, conn net.Conn, r *Reader) {
			if _, err := r.Next(); err == nil {
				conn.Write([]byte(answer))
				r.Next() // leave the end to the client
			}
		})
		raw, err := newClient(t, address).Send(t.Context(), message("7"))
		if err != nil || !strings.Contains(answer, string(raw)) || strings.Contains(string(raw), "|6") {
			t.Errorf("%s: got %q, %v", name, raw, err)
		}
	}
}

// TestClientGivesUp has a server that takes the message and says nothing: the time-out is
// an error, the late answer is never seen, and the next message gets its own.
func TestClientGivesUp(t *testing.T) {
	address := peer(t, func(n int, conn net.Conn, r *Reader) {
		raw, err := r.Next()
		if err != nil {
			return
		}
		if n > 1 {
			conn.Write(Frame(accept(t.Context(), Peer{}, raw)))
		}
		r.Next()
	})
	client := newClient(t, address)
	client.Timeout = 50 * time.Millisecond
	if raw, err := client.Send(t.Context(), message("1")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %q, %v", raw, err)
	}
	client.Timeout = patience
	if ack := sendFor(t, client, "2"); ack.ControlID != "2" {
		t.Errorf("answer is %+v", ack)
	}
}

func TestClientCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address := peer(t, func(_ int, _ net.Conn, r *Reader) {
		r.Next()
		cancel()
		r.Next()
	})
	if _, err := newClient(t, address).Send(ctx, message("1")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestClientRefused(t *testing.T) {
	const address = "127.0.0.1:1" // where nobody listens
	client := newClient(t, address)
	if _, err := client.Send(t.Context(), message("1")); err == nil || !strings.Contains(err.Error(), address) {
		t.Errorf("the error is %v", err)
	}
	client.Close()
	if _, err := client.Send(t.Context(), message("1")); !errors.Is(err, ErrClientClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// A byte order mark before the message does not keep its answer from being known.
func TestClientKnowsTheAnswerToAMarkedMessage(t *testing.T) {
	client := newClient(t, start(t, &Server{Handle: accept}))
	raw, err := client.Send(t.Context(), append([]byte("\xef\xbb\xbf"), message("M7")...))
	if ack, bad := hl7.ParseAck(raw); err != nil || bad != nil || ack.ControlID != "M7" {
		t.Errorf("answer %+v, %v, %v", ack, err, bad)
	}
}
