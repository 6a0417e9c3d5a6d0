package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"concord/dicom"
	"concord/dicom/ae"
)

// writeObject makes a Part 10 file of a secondary capture without pixels.
func writeObject(t *testing.T, dir string, n int) {
	t.Helper()
	const class = "1.2.840.10008.5.1.4.1.1.7"
	instance := "1.2.3." + strconv.Itoa(n)
	var b bytes.Buffer
	if _, err := dicom.WriteMeta(&b, dicom.Meta{SOPClassUID: class, SOPInstanceUID: instance, TransferSyntax: "1.2.840.10008.1.2.1"}); err != nil {
		t.Fatal(err)
	}
	for element, value := range map[byte]string{0x16: class, 0x18: instance} {
		padded := value
		if len(padded)%2 == 1 {
			padded += "\x00"
		}
		b.Write([]byte{8, 0, element, 0, 'U', 'I', byte(len(padded)), 0})
		b.WriteString(padded)
	}
	if err := os.WriteFile(filepath.Join(dir, instance+".dcm"), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

func TestStore(t *testing.T) {
	dir := t.TempDir()
	for n := range 5 {
		writeObject(t, dir, n)
	}
	var received atomic.Int64
	server := ae.Server{StorageClass: dicom.IsStorage, Store: func(_ context.Context, rq *ae.StoreRequest) error {
		if rq.SOPInstanceUID == "1.2.3.4" {
			return &ae.StatusError{Status: ae.StatusOutOfResources}
		}
		received.Add(1)
		_, err := io.Copy(io.Discard, rq.Data)
		return err
	}}
	listener := listen(t)
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	c := storeCommand{Addr: listener.Addr().String(), Called: "BENCH", Calling: "LOAD", Dir: dir, Timeout: 30 * time.Second}
	objects, err := c.load()
	if err != nil {
		t.Fatal(err)
	}
	var acked bytes.Buffer
	var next atomic.Int64
	figures := newTally()
	if err := c.send(objects, &next, figures, &acked); err != nil {
		t.Fatal(err)
	}
	if figures.ok != 4 || received.Load() != 4 || len(figures.errors) != 1 {
		t.Errorf("ok %d, received %d, errors %v; want 4, 4 and one refusal", figures.ok, received.Load(), figures.errors)
	}
	if want := "1.2.3.0\n1.2.3.1\n1.2.3.2\n1.2.3.3\n"; acked.String() != want {
		t.Errorf("acknowledged %q, want %q", acked.String(), want)
	}
}

func TestMLLP(t *testing.T) {
	listener := listen(t)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go acknowledge(connection, func([]byte) {})
		}
	}()
	messages := make([][]byte, 20)
	for i := range messages {
		messages[i] = report(controlID(i), i)
	}
	for _, reconnect := range []bool{false, true} {
		c := mllpCommand{Addr: listener.Addr().String(), Timeout: 30 * time.Second, Reconnect: reconnect}
		var next atomic.Int64
		figures := newTally()
		if err := c.send(messages, &next, figures); err != nil {
			t.Fatal(err)
		}
		if figures.ok != len(messages) || len(figures.errors) != 0 {
			t.Errorf("reconnect %v: ok %d, errors %v", reconnect, figures.ok, figures.errors)
		}
	}
}

// A server that answers another message's control ID is not counted as right.
func TestMLLPCountsWrongAcknowledgements(t *testing.T) {
	listener := listen(t)
	go func() {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		defer connection.Close()
		connection.Write([]byte("\x0bMSH|^~\\&|\rMSA|AA|OTHER\r\x1c\r"))
		io.Copy(io.Discard, connection)
	}()
	c := mllpCommand{Addr: listener.Addr().String(), Timeout: 30 * time.Second}
	var next atomic.Int64
	figures := newTally()
	if err := c.send([][]byte{report(controlID(0), 0)}, &next, figures); err != nil {
		t.Fatal(err)
	}
	if figures.ok != 0 || len(figures.errors) != 1 {
		t.Errorf("ok %d, errors %v; want a wrong acknowledgement", figures.ok, figures.errors)
	}
}

func TestPercentile(t *testing.T) {
	var sorted []time.Duration
	for i := range 100 {
		sorted = append(sorted, time.Duration(i+1)*time.Millisecond)
	}
	for p, want := range map[float64]float64{0: 1, 0.5: 51, 0.99: 100, 1: 100} {
		if got := percentile(sorted, p); got != want {
			t.Errorf("percentile %v is %v, want %v", p, got, want)
		}
	}
}

// A case counts once both its results were acknowledged; a repeated one is told.
func TestCaseResults(t *testing.T) {
	r := &caseResults{sent: make([]time.Time, 2), sr: make([]time.Time, 2), oru: make([]time.Time, 2), completed: make(chan struct{}, 2)}
	r.took(r.sr, []byte("CASE000001"))
	r.took(r.sr, []byte("CASE000001"))
	r.took(r.sr, []byte("CASE000007")) // of another run
	if r.done() != 0 {
		t.Error("a case with one result counts as complete")
	}
	r.took(r.oru, []byte("OBR|1||F|||||||||||||||CASE000001|"))
	if r.done() != 1 || len(r.completed) != 1 || r.repeated != 1 {
		t.Errorf("%d complete, %d repeated; want 1 and 1", r.done(), r.repeated)
	}
}
