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

// senders are the recorded requestors whom a Server serves, with the SOP
// instance that each sends.
var senders = map[string]string{"echoscu": "", "storescu": "2.25.1001", "dcmsend": "2.25.1001", "dcmqrscp": "2.25.500.0", "orthanc": "2.25.500.1"}

// TestReplayedRequestors plays what real SCUs said to storescp to a Server,
// whole and a byte at a time, and wants the same kinds of PDU with the same
// statuses as storescp answered.
func TestReplayedRequestors(t *testing.T) {
	for name, instance := range senders {
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
			if want := dataSetOf(t, requestor); instance != "" && !bytes.Equal(keep.object(instance), want) {
				t.Errorf("%s: got %x, want %x", name, keep.object(instance), want)
			}
		}
	}
}

// playAcceptor answers each request of a Client as a recorded acceptor did.
func playAcceptor(t *testing.T, acceptor [][]byte) (address string) {
	return listenOnce(t, func(conn net.Conn) {
		for i, b := range acceptor {
			if b[0] != pdu.TypeDataTF || acceptor[i-1][0] != pdu.TypeDataTF { // more data belong to the same answer
				conn.Read(make([]byte, 1<<16))
			}
			conn.Write(b)
		}
	})
}

// TestReplayedAcceptors plays what storescp and Orthanc answered to a Client
// that sends the same object as was sent to them.
func TestReplayedAcceptors(t *testing.T) {
	for name, o := range map[string]object{
		"storescu":   {class: secondaryCapture, instance: "2.25.1001", transferSyntax: explicitVRLittleEndian},
		"to-orthanc": {class: secondaryCapture, instance: "2.25.500.1", transferSyntax: implicitVRLittleEndian},
	} {
		requestor, acceptor := recorded(t, name)
		o.data = dataSetOf(t, requestor)
		a := dial(t, client(playAcceptor(t, acceptor)), contextOf(o))
		if err := a.Store(t.Context(), o.request()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := a.Release(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// TestReplayedArchive plays what dcmqrscp answered to findscu and movescu.
func TestReplayedArchive(t *testing.T) {
	_, acceptor := recorded(t, "findscu")
	a := dial(t, client(playAcceptor(t, acceptor)), propose(studyRootFind, explicitVRLittleEndian))
	var matches [][]byte
	q := Query{SOPClass: studyRootFind, TransferSyntax: explicitVRLittleEndian, Identifier: identifier("STUDY", "")}
	err := a.Find(t.Context(), q, func(r io.Reader) error {
		b, err := io.ReadAll(r)
		matches = append(matches, b)
		return err
	})
	if err != nil || len(matches) != 1 || !bytes.Contains(matches[0], []byte("2.25.500")) {
		t.Errorf("C-FIND: %q, %v", matches, err)
	}
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}

	_, acceptor = recorded(t, "movescu")
	contexts := []Context{propose(studyRootFind, explicitVRLittleEndian), propose(studyRootMove, explicitVRLittleEndian)}
	a = dial(t, client(playAcceptor(t, acceptor)), contexts...)
	q.SOPClass = studyRootMove
	counts, err := a.Move(t.Context(), q, "CONCORD", nil)
	if err != nil || counts != (Suboperations{Completed: 1}) {
		t.Errorf("C-MOVE: %+v, %v", counts, err)
	}
}

// TestReplayedQueriesAreRefused plays what findscu and movescu said: the Server
// accepts no context of theirs, and aborts when they go on all the same.
func TestReplayedQueriesAreRefused(t *testing.T) {
	for _, name := range []string{"findscu", "movescu"} {
		requestor, _ := recorded(t, name)
		s := newServer(&sink{})
		s.AETitle, s.StorageClass = "", func(string) bool { return false }
		r := connect(t, start(t, s))
		r.Write(bytes.Join(requestor[:2], nil))
		ac, ok := r.read().(*pdu.AssociateAC)
		if !ok || len(ac.Contexts) == 0 {
			t.Fatalf("%s: no A-ASSOCIATE-AC", name)
		}
		for _, c := range ac.Contexts {
			if c.Result != pdu.ContextAbstractSyntaxNotSupported {
				t.Errorf("%s: context %d has the result %d", name, c.ID, c.Result)
			}
		}
		if abort, ok := r.read().(*pdu.Abort); !ok || abort.Source != pdu.AbortByProvider || abort.Reason != pdu.ReasonInvalidParameter {
			t.Errorf("%s: got %+v instead of an abort", name, abort)
		}
	}
}

// FuzzAcceptor plays any bytes to a Server. It must end, and count as objects
// just those that its handler read to the end.
func FuzzAcceptor(f *testing.F) {
	for _, name := range []string{"echoscu", "storescu", "dcmsend", "dcmqrscp", "orthanc", "findscu", "movescu"} {
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
