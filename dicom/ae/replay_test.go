package ae

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"concord/dicom/pdu"
)

// recorded reads a session of testdata: the PDUs of both sides.
func recorded(t testing.TB, name string) (requestor, acceptor [][]byte) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".session")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		switch {
		case strings.HasPrefix(line, ">"):
			requestor = append(requestor, wire(t, line[1:]))
		case strings.HasPrefix(line, "<"):
			acceptor = append(acceptor, wire(t, line[1:]))
		}
	}
	return requestor, acceptor
}

// dataSetOf joins the data set fragments of recorded PDUs.
func dataSetOf(t *testing.T, pdus [][]byte) []byte {
	t.Helper()
	var data []byte
	for _, b := range pdus {
		if b[0] != pdu.TypeDataTF {
			continue
		}
		p, err := pdu.Decode(b[0], b[pdu.HeaderSize:])
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range p.(*pdu.DataTF).PDVs {
			if v.Control&pdu.ControlCommand == 0 {
				data = append(data, v.Fragment...)
			}
		}
	}
	return data
}

// TestReplayedRequestors plays what DCMTK's SCUs said to storescp to a Server,
// whole and a byte at a time, and wants the same kinds of PDU with the same
// statuses as storescp answered.
func TestReplayedRequestors(t *testing.T) {
	for _, name := range []string{"echoscu", "storescu", "dcmsend"} {
		for _, bytewise := range []bool{false, true} {
			requestor, acceptor := recorded(t, name)
			keep := &sink{}
			r := connect(t, start(t, newServer(keep)))
			var said io.Reader = bytes.NewReader(bytes.Join(requestor, nil))
			if bytewise {
				said = iotest.OneByteReader(said)
			}
			if _, err := io.Copy(struct{ io.Writer }{r}, said); err != nil {
				t.Fatal(err)
			}
			for i, b := range acceptor {
				h := pdu.DecodeHeader(b)
				if h.Type == pdu.TypeDataTF {
					if status := r.status(); status != StatusSuccess {
						t.Errorf("%s: status %04X", name, status)
					}
				} else if b, err := pdu.Encode(r.read()); err != nil || b[0] != h.Type {
					t.Errorf("%s: PDU %d is %x, want type %d, %v", name, i, b, h.Type, err)
				}
			}
			if want := dataSetOf(t, requestor); want != nil && !bytes.Equal(keep.object("2.25.1001"), want) {
				t.Errorf("%s: got %x, want %x", name, keep.object("2.25.1001"), want)
			}
		}
	}
}

// TestReplayedAcceptor plays what storescp answered to a Client that sends the
// same object as storescu did.
func TestReplayedAcceptor(t *testing.T) {
	requestor, acceptor := recorded(t, "storescu")
	address := listenOnce(t, func(conn net.Conn) {
		for _, b := range acceptor {
			conn.Read(make([]byte, 1<<16))
			conn.Write(b)
		}
	})
	o := object{class: secondaryCapture, instance: "2.25.1001", transferSyntax: explicitVRLittleEndian, data: dataSetOf(t, requestor)}
	a := dial(t, client(address), contextOf(o))
	if err := a.Store(t.Context(), o.request()); err != nil {
		t.Fatal(err)
	}
	if err := a.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// FuzzAcceptor plays any bytes to a Server. It must end, and count as objects
// just those that its handler read to the end.
func FuzzAcceptor(f *testing.F) {
	for _, name := range []string{"echoscu", "storescu", "dcmsend"} {
		requestor, _ := recorded(f, name)
		f.Add(bytes.Join(requestor, nil))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		var whole atomic.Int64
		s := newServer(nil)
		s.NormalizedClass = always
		s.Normalized = func(context.Context, *NormalizedRequest) error { return nil }
		s.ARTIM, s.IdleTimeout = time.Minute, time.Minute
		s.Store = func(_ context.Context, rq *StoreRequest) error {
			_, err := io.Copy(io.Discard, rq.Data)
			if err == nil {
				whole.Add(1)
			}
			return err
		}
		s.init()
		ours, theirs := net.Pipe()
		s.start(theirs, nil)
		go io.Copy(io.Discard, ours)
		ours.Write(said) // fails where the server has closed
		ours.Close()
		s.served.Wait()
		if n := s.Stats.Objects.Load(); n != whole.Load() {
			t.Fatalf("%d objects acknowledged, %d came whole", n, whole.Load())
		}
	})
}
