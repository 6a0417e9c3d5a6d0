package ae

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"concord/dicom/pdu"
)

const (
	ctImageStorage   = "1.2.840.10008.5.1.4.1.1.2"
	secondaryCapture = "1.2.840.10008.5.1.4.1.1.7"
	instanceUID      = "1.2.826.0.1.3680043.10.1.1"
)

// object is a data set with what its C-STORE says.
type object struct {
	path, class, instance, transferSyntax string
	data                                  []byte
}

func (o object) request() StoreRequest {
	return StoreRequest{SOPClassUID: o.class, SOPInstanceUID: o.instance, TransferSyntax: o.transferSyntax, Data: bytes.NewReader(o.data)}
}

// readPart10 takes a Part 10 file apart (PS3.10 7.1).
func readPart10(path string) (object, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return object{}, err
	}
	if len(b) < 144 || string(b[128:132]) != "DICM" {
		return object{}, fmt.Errorf("%s is no Part 10 file", path)
	}
	o := object{path: path}
	for b = b[132:]; len(b) > 12 && b[0] == 2 && b[1] == 0; {
		head, n := 8, int(binary.LittleEndian.Uint16(b[6:]))
		if vr := string(b[4:6]); vr == "OB" || vr == "UN" {
			head, n = 12, int(binary.LittleEndian.Uint32(b[8:]))
		}
		if len(b) < head+n {
			return object{}, fmt.Errorf("%s ends in its file meta information", path)
		}
		value := strings.TrimRight(string(b[head:head+n]), "\x00 ")
		switch binary.LittleEndian.Uint16(b[2:]) {
		case 0x0002:
			o.class = value
		case 0x0003:
			o.instance = value
		case 0x0010:
			o.transferSyntax = value
		}
		b = b[head+n:]
	}
	o.data = b
	if !safeUID(o.class) || !safeUID(o.instance) || !safeUID(o.transferSyntax) || len(b) == 0 {
		return object{}, fmt.Errorf("%s has no complete file meta information", path)
	}
	return o, nil
}

// realObjects are the Part 10 files of suyashkumar/dicom's test data and of the
// shared test data, as far as they are on this machine.
func realObjects(t *testing.T) []object {
	t.Helper()
	var folders []string
	if out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/suyashkumar/dicom").Output(); err == nil {
		folders = append(folders, filepath.Join(strings.TrimSpace(string(out)), "testdata"))
	}
	folders = append(folders, filepath.FromSlash("../../../shared/data/dicom"))
	var objects []object
	for _, folder := range folders {
		objects = append(objects, objectsIn(folder)...)
	}
	if len(objects) == 0 {
		t.Skip("no real DICOM files on this machine: neither the module cache nor ../shared/data/dicom has any")
	}
	return objects
}

// objectsIn reads the Part 10 files of a folder; other files do not count.
func objectsIn(folder string) []object {
	var objects []object
	files, _ := os.ReadDir(folder)
	for _, f := range files {
		if o, err := readPart10(filepath.Join(folder, f.Name())); err == nil {
			objects = append(objects, o)
		}
	}
	return objects
}

// sink is a Store handler that keeps what comes.
type sink struct {
	mu      sync.Mutex
	objects map[string][]byte
	got     []*StoreRequest
	errs    []error
}

func (s *sink) store(_ context.Context, rq *StoreRequest) error {
	b, err := io.ReadAll(rq.Data)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, rq)
	s.errs = append(s.errs, err)
	if err != nil {
		return err
	}
	if s.objects == nil {
		s.objects = map[string][]byte{}
	}
	s.objects[rq.SOPInstanceUID] = b
	return nil
}

func (s *sink) object(uid string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[uid]
}

// last returns the last request and how its data ended.
func (s *sink) last() (*StoreRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.got) == 0 {
		return nil, nil
	}
	return s.got[len(s.got)-1], s.errs[len(s.errs)-1]
}

func always(string) bool { return true }

// start serves s on a free port and returns its address.
func start(t testing.TB, s *Server) string {
	t.Helper()
	if s.Log == nil {
		s.Log = zaptest.NewLogger(t)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; err != ErrServerClosed {
			t.Errorf("Serve returned %v", err)
		}
		s.served.Wait()
	})
	return l.Addr().String()
}

// newServer is a server that keeps everything in the sink.
func newServer(keep *sink) *Server {
	return &Server{AETitle: "CONCORD", StorageClass: always, TransferSyntax: always, Store: keep.store}
}

func client(address string) *Client {
	return &Client{Calling: "TEST", Called: "CONCORD", Address: address, Timeout: 10 * time.Second}
}

func dial(t testing.TB, c *Client, contexts ...Context) *Association {
	t.Helper()
	a, err := c.Dial(t.Context(), contexts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Abort)
	return a
}

func propose(sopClass string, transferSyntaxes ...string) Context {
	return Context{SOPClass: sopClass, TransferSyntaxes: transferSyntaxes}
}

func contextOf(o object) Context { return propose(o.class, o.transferSyntax) }

// synthetic is an object of n bytes: not a data set, which ae does not read.
func synthetic(n int) object {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i*7 + i>>8)
	}
	return object{class: ctImageStorage, instance: instanceUID, transferSyntax: explicitVRLittleEndian, data: data}
}

// rude is a client that writes what it likes.
type rude struct {
	t testing.TB
	net.Conn
}

func connect(t testing.TB, address string) rude {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return rude{t, conn}
}

func (r rude) send(p pdu.PDU) {
	r.t.Helper()
	b, err := pdu.Encode(p)
	if err != nil {
		r.t.Fatal(err)
	}
	r.write(b)
}

func (r rude) write(b []byte) {
	r.t.Helper()
	if _, err := r.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

// read returns the next PDU, nil at the end of the connection.
func (r rude) read() pdu.PDU {
	r.t.Helper()
	head := make([]byte, pdu.HeaderSize)
	if _, err := io.ReadFull(r, head); err != nil {
		if err != io.EOF {
			r.t.Fatalf("instead of a PDU: %v", err)
		}
		return nil
	}
	h := pdu.DecodeHeader(head)
	body := make([]byte, h.Length)
	if _, err := io.ReadFull(r, body); err != nil {
		r.t.Fatal(err)
	}
	p, err := pdu.Decode(h.Type, body)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r rude) wantAbort(source, reason byte) {
	r.t.Helper()
	p := r.read()
	if abort, ok := p.(*pdu.Abort); !ok || abort.Source != source || abort.Reason != reason {
		r.t.Errorf("got %+v, want A-ABORT source %d reason %d", p, source, reason)
	}
}

// associateRQ proposes context 1, CT, and context 3, verification.
func associateRQ() *pdu.AssociateRQ {
	return &pdu.AssociateRQ{
		ProtocolVersion: 1, CalledAE: "CONCORD", CallingAE: "RUDE", ApplicationContext: pdu.ApplicationContext,
		Contexts: []pdu.ContextRQ{
			{ID: 1, AbstractSyntax: ctImageStorage, TransferSyntaxes: []string{explicitVRLittleEndian}},
			{ID: 3, AbstractSyntax: verificationSOPClass, TransferSyntaxes: []string{implicitVRLittleEndian}},
		},
		User: pdu.UserInformation{MaxLength: 16384, ImplementationClassUID: "1.2.3"},
	}
}

func (r rude) associate() {
	r.t.Helper()
	r.send(associateRQ())
	if p, ok := r.read().(*pdu.AssociateAC); !ok {
		r.t.Fatalf("got %+v instead of A-ASSOCIATE-AC", p)
	}
}

// storeRQ is a C-STORE-RQ with a data set to follow.
func storeRQ(class, instance string) []byte {
	c := newRequest(cStoreRQ, 1, affectedSOPClassUID, class)
	c.setUID(affectedSOPInstanceUID, instance)
	c.setUint16(priority, 0)
	c.setUint16(commandDataSetType, hasDataSet)
	return c.encode()
}

func command(context byte, b []byte) pdu.PDV {
	return pdu.PDV{ContextID: context, Control: pdu.ControlCommand | pdu.ControlLast, Fragment: b}
}

// status reads a P-DATA-TF with a whole response and returns its status.
func (r rude) status() uint16 {
	r.t.Helper()
	p, ok := r.read().(*pdu.DataTF)
	if !ok || len(p.PDVs) != 1 {
		r.t.Fatalf("got %+v instead of a response", p)
	}
	c, err := decodeCommand(p.PDVs[0].Fragment)
	if err != nil {
		r.t.Fatal(err)
	}
	v, ok := c.uint16(statusElement)
	if !ok {
		r.t.Fatal("the response has no status")
	}
	return v
}
