package ae

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"concord/dicom/pdu"
)

// Sessions are recorded anew by: go test ./dicom/ae -run TestRecord -record
var record = flag.Bool("record", false, "record the sessions of testdata anew from real peers")

// tap stands before a peer and keeps what both sides of one association say.
type tap struct {
	address             string
	requestor, acceptor bytes.Buffer
	done                sync.WaitGroup
}

func newTap(t *testing.T, peer string) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &tap{address: l.Addr().String()}
	p.done.Go(func() {
		near, err := l.Accept()
		if err != nil {
			return
		}
		defer near.Close()
		far, err := net.Dial("tcp", peer)
		if err != nil {
			return
		}
		defer far.Close()
		var copies sync.WaitGroup
		copies.Go(func() { io.Copy(far, io.TeeReader(near, &p.requestor)); far.(*net.TCPConn).CloseWrite() })
		copies.Go(func() { io.Copy(near, io.TeeReader(far, &p.acceptor)); near.(*net.TCPConn).CloseWrite() })
		copies.Wait()
	})
	return p
}

// write keeps the session, one PDU a line.
func (p *tap) write(t *testing.T, name, comment string) {
	t.Helper()
	p.done.Wait()
	var out strings.Builder
	fmt.Fprintf(&out, "# %s\n# One PDU a line, > by the requestor, < by the acceptor; each side in its own order.\n", comment)
	for i, said := range []*bytes.Buffer{&p.requestor, &p.acceptor} {
		for b := said.Bytes(); len(b) > 0; {
			n := pdu.HeaderSize + int(pdu.DecodeHeader(b).Length)
			fmt.Fprintf(&out, "%c %x\n", "><"[i], b[:n])
			b = b[n:]
		}
	}
	if err := os.WriteFile("testdata/"+name+".session", []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func split(t *testing.T, address string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

func TestRecordArchive(t *testing.T) {
	if !*record {
		t.Skip("-record is not set")
	}
	storescp, _ := startSCP(t)
	moved := newTap(t, storescp)
	a := startArchive(t, moved.address, 1)

	find := newTap(t, a.address)
	host, port := split(t, find.address)
	if out, err := run(t, "findscu", "-S", "-aec", "ARCHIVE", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=", host, port); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	find.write(t, "findscu", "findscu -S asks dcmqrscp for all studies; there is one.")

	move := newTap(t, a.address)
	host, port = split(t, move.address)
	if out, err := run(t, "movescu", "-S", "-aet", "CONCORD", "-aec", "ARCHIVE", "-aem", "CONCORD", "-k", "QueryRetrieveLevel=STUDY",
		"-k", "StudyInstanceUID="+a.study, host, port); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	move.write(t, "movescu", "movescu -S has dcmqrscp send a study of one object.")
	moved.write(t, "dcmqrscp", "dcmqrscp sends the object that movescu asked for to storescp.")
}

func TestRecordOrthanc(t *testing.T) {
	if !*record {
		t.Skip("-record is not set")
	}
	storescp, _ := startSCP(t)
	sent := newTap(t, storescp)
	peer := startOrthanc(t, sent.address)
	received := newTap(t, peer.address)
	o := archive{study: "2.25.600"}.object(1)
	a := dial(t, &Client{Calling: "CONCORD", Called: "ORTHANC", Address: received.address}, contextOf(o))
	if err := a.Store(t.Context(), o.request()); err != nil {
		t.Fatal(err)
	}
	if err := a.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	received.write(t, "to-orthanc", "Concord sends one synthetic object to Orthanc.")
	var stored map[string]any
	peer.call("POST", "/modalities/concord/store", map[string]any{"Resources": peer.instances(), "Synchronous": true}, &stored)
	peer.stop()
	sent.write(t, "orthanc", "Orthanc sends one synthetic object to storescp.")
}
