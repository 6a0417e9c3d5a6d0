package ae

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"concord/dicom/pdu"
)

// dataHead is a P-DATA-TF header and a PDV header that say what they like.
func dataHead(pduLength, pdvLength uint32, context, control byte) []byte {
	b := []byte{pdu.TypeDataTF, 0}
	b = binary.BigEndian.AppendUint32(b, pduLength)
	b = binary.BigEndian.AppendUint32(b, pdvLength)
	return append(b, context, control)
}

// TestRudeAfterAssociation breaks one rule each and wants the A-ABORT that the
// standard has for it.
func TestRudeAfterAssociation(t *testing.T) {
	store := storeRQ(ctImageStorage, instanceUID)
	data := func(context, control byte, b string) pdu.PDV {
		return pdu.PDV{ContextID: context, Control: control, Fragment: []byte(b)}
	}
	encode := func(p pdu.PDU) []byte { b, _ := pdu.Encode(p); return b }
	echoResponse := newResponse(newRequest(cEchoRQ, 1, affectedSOPClassUID, verificationSOPClass), 0, "").encode()
	for _, c := range []struct {
		name           string
		wire           []byte
		source, reason byte
	}{
		{"PDU of 4 GB", dataHead(0xFFFFFFF0, 0xFFFFFFEC, 1, 0), 2, 6},
		{"PDV longer than its PDU", dataHead(100, 1000, 1, 0), 2, 6},
		{"PDV of length 0", dataHead(6, 0, 1, 0), 2, 6},
		{"P-DATA-TF without a PDV", []byte{4, 0, 0, 0, 0, 0}, 2, 6},
		{"P-DATA-TF of 3 bytes", []byte{4, 0, 0, 0, 0, 3, 1, 2, 3}, 2, 6},
		{"unknown PDU", []byte{9, 0, 0, 0, 0, 2, 0, 0}, 2, 1},
		{"not DICOM", []byte("GET / HTTP/1.1\r\n\r\n"), 2, 1},
		{"second A-ASSOCIATE-RQ", encode(associateRQ()), 2, 2},
		{"A-ASSOCIATE-AC", encode(&pdu.AssociateAC{}), 2, 2},
		{"A-ASSOCIATE-RJ", encode(&pdu.AssociateRJ{}), 2, 2},
		{"A-RELEASE-RP", encode(&pdu.ReleaseRP{}), 2, 2},
		{"A-ABORT of 4 GB", []byte{7, 0, 0xFF, 0xFF, 0xFF, 0xFF}, 2, 6},
		{"context never negotiated", encode(&pdu.DataTF{PDVs: []pdu.PDV{command(5, store)}}), 2, 6},
		{"data before command", encode(&pdu.DataTF{PDVs: []pdu.PDV{data(1, 2, "ab")}}), 2, 5},
		{"command in another context", encode(&pdu.DataTF{PDVs: []pdu.PDV{{ContextID: 1, Control: 1, Fragment: store[:10]}, command(3, store[10:])}}), 2, 6},
		{"data in another context", encode(&pdu.DataTF{PDVs: []pdu.PDV{command(1, store), data(3, 2, "ab")}}), 2, 6},
		{"command inside a data set", encode(&pdu.DataTF{PDVs: []pdu.PDV{command(1, store), data(1, 0, "ab"), command(1, store)}}), 2, 5},
		{"not a command set", encode(&pdu.DataTF{PDVs: []pdu.PDV{command(1, []byte("no command set"))}}), 2, 6},
		{"endless command set", encode(&pdu.DataTF{PDVs: []pdu.PDV{{ContextID: 1, Control: 1, Fragment: make([]byte, maxCommand)}, command(1, []byte("x"))}}), 2, 6},
		{"response without request", encode(&pdu.DataTF{PDVs: []pdu.PDV{command(3, echoResponse)}}), 0, 0},
		{"release inside a command", append(encode(&pdu.DataTF{PDVs: []pdu.PDV{{ContextID: 1, Control: 1, Fragment: store[:10]}}}), encode(&pdu.ReleaseRQ{})...), 0, 0},
		{"release inside a data set", append(encode(&pdu.DataTF{PDVs: []pdu.PDV{command(1, store), data(1, 0, "ab")}}), encode(&pdu.ReleaseRQ{})...), 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			keep := &sink{}
			s := newServer(keep)
			address := start(t, s)
			r := connect(t, address)
			r.associate()
			r.write(c.wire)
			r.wantAbort(c.source, c.reason)
			r.CloseWrite()
			if p := r.read(); p != nil {
				t.Errorf("after the A-ABORT came %+v", p)
			}
			if keep.object(instanceUID) != nil {
				t.Error("half an object was taken for whole")
			}
			if s.Stats.Objects.Load() != 0 {
				t.Error("counted as an object")
			}
			a := dial(t, client(address), propose(verificationSOPClass, implicitVRLittleEndian))
			if err := a.Echo(t.Context()); err != nil {
				t.Errorf("the next caller suffers: %v", err)
			}
		})
	}
}

func (r rude) CloseWrite() {
	if c, ok := r.Conn.(*net.TCPConn); ok {
		c.CloseWrite()
	}
}

// TestRudeBeforeAssociation does the same in Sta2, where AA-1 aborts as the
// service user.
func TestRudeBeforeAssociation(t *testing.T) {
	encode := func(p pdu.PDU) []byte { b, _ := pdu.Encode(p); return b }
	for _, c := range []struct {
		name string
		wire []byte
	}{
		{"not DICOM", []byte("GET / HTTP/1.1\r\n\r\n")},
		{"A-ASSOCIATE-RQ of 4 GB", []byte{1, 0, 0xFF, 0xFF, 0xFF, 0xFF}},
		{"A-ASSOCIATE-RQ of 1 MiB and 1", []byte{1, 0, 0, 0x10, 0, 1}},
		{"A-ASSOCIATE-RQ of rubbish", append([]byte{1, 0, 0, 0, 0, 4}, "rubb"...)},
		{"data", dataHead(100, 94, 1, 0)},
		{"A-RELEASE-RQ", encode(&pdu.ReleaseRQ{})},
		{"A-ASSOCIATE-AC", encode(&pdu.AssociateAC{})},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := connect(t, start(t, newServer(&sink{})))
			r.write(c.wire)
			r.wantAbort(pdu.AbortByUser, 0)
		})
	}
}

func TestRejectedInTheProtocolsWords(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*pdu.AssociateRQ)
		want   pdu.AssociateRJ
	}{
		{"version", func(p *pdu.AssociateRQ) { p.ProtocolVersion = 2 }, pdu.AssociateRJ{Result: 1, Source: 2, Reason: 2}},
		{"application context", func(p *pdu.AssociateRQ) { p.ApplicationContext = "1.2.3" }, pdu.AssociateRJ{Result: 1, Source: 1, Reason: 2}},
		{"called AE", func(p *pdu.AssociateRQ) { p.CalledAE = "NOBODY" }, pdu.AssociateRJ{Result: 1, Source: 1, Reason: 7}},
		{"PDU limit without room", func(p *pdu.AssociateRQ) { p.User.MaxLength = 7 }, pdu.AssociateRJ{Result: 1, Source: 1, Reason: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := connect(t, start(t, newServer(&sink{})))
			rq := associateRQ()
			c.change(rq)
			r.send(rq)
			if p, ok := r.read().(*pdu.AssociateRJ); !ok || *p != c.want {
				t.Errorf("got %+v", p)
			}
			r.send(&pdu.ReleaseRQ{}) // ignored in Sta13 (AA-6)
			r.send(associateRQ())    // AA-7
			r.wantAbort(2, 0)
		})
	}
}

// TestAnswersToContexts proposes what no node can have, beside what it has.
func TestAnswersToContexts(t *testing.T) {
	s := newServer(&sink{})
	s.StorageClass = func(uid string) bool { return uid == ctImageStorage }
	s.TransferSyntax = nil
	r := connect(t, start(t, s))
	rq := associateRQ()
	rq.Contexts = []pdu.ContextRQ{
		{ID: 1, AbstractSyntax: ctImageStorage, TransferSyntaxes: []string{"1.2.3.4"}},
		{ID: 255, AbstractSyntax: "1.2.3.4", TransferSyntaxes: []string{implicitVRLittleEndian}},
		{ID: 7, AbstractSyntax: ctImageStorage, TransferSyntaxes: []string{"1.2.3.4", explicitVRBigEndian, implicitVRLittleEndian}},
		{ID: 9, AbstractSyntax: ctImageStorage},
		{ID: 11},
	}
	rq.User.AsyncOperations = &pdu.AsyncOperations{}
	rq.User.Roles = []pdu.RoleSelection{{SOPClass: ctImageStorage, SCU: true, SCP: true}, {SOPClass: "1.2.3.4", SCU: true}}
	rq.User.ExtendedNegotiations = []pdu.ExtendedNegotiation{{SOPClass: ctImageStorage, Information: []byte{2, 0, 3}}}
	r.send(rq)
	ac, ok := r.read().(*pdu.AssociateAC)
	if !ok {
		t.Fatal("no A-ASSOCIATE-AC")
	}
	for i, want := range []pdu.ContextAC{
		{ID: 1, Result: 4}, {ID: 255, Result: 3}, {ID: 7, TransferSyntax: explicitVRBigEndian}, {ID: 9, Result: 4}, {ID: 11, Result: 3},
	} {
		got := ac.Contexts[i]
		if got.ID != want.ID || got.Result != want.Result || (want.Result == 0 && got.TransferSyntax != want.TransferSyntax) {
			t.Errorf("context %d: got %+v, want %+v", want.ID, got, want)
		}
	}
	if a := ac.User.AsyncOperations; a == nil || *a != (pdu.AsyncOperations{Invoked: 1, Performed: 1}) {
		t.Errorf("window %+v", a)
	}
	if len(ac.User.Roles) != 1 || ac.User.Roles[0] != (pdu.RoleSelection{SOPClass: ctImageStorage, SCU: true}) {
		t.Errorf("roles %+v", ac.User.Roles)
	}
	if ac.User.MaxLength != DefaultMaxPDU || len(ac.User.ExtendedNegotiations) != 0 || ac.User.ImplementationClassUID == "" {
		t.Errorf("user information %+v", ac.User)
	}
}

func TestNoneAcceptedIsStillAnAssociation(t *testing.T) {
	r := connect(t, start(t, &Server{}))
	rq := associateRQ()
	rq.Contexts = rq.Contexts[:1]
	r.send(rq)
	if ac, ok := r.read().(*pdu.AssociateAC); !ok || ac.Contexts[0].Result != 3 || ac.User.AsyncOperations != nil {
		t.Fatalf("got %+v", ac)
	}
	r.send(&pdu.ReleaseRQ{})
	if p, ok := r.read().(*pdu.ReleaseRP); !ok {
		t.Errorf("got %+v", p)
	}
}

func TestBadCommandUIDs(t *testing.T) {
	for _, c := range []struct {
		name, class, instance string
		context               byte
		want                  uint16
	}{
		{"instance with a path", ctImageStorage, "../../etc/passwd", 1, StatusInvalidObjectInstance},
		{"no instance", ctImageStorage, "", 1, StatusInvalidObjectInstance},
		{"class with letters", "CT", instanceUID, 1, StatusInvalidAttributeValue},
		{"class of another context", secondaryCapture, instanceUID, 1, StatusSOPClassNotSupported},
		{"verification", verificationSOPClass, instanceUID, 3, StatusSOPClassNotSupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			keep := &sink{}
			s := newServer(keep)
			s.StorageClass = func(uid string) bool { return uid == ctImageStorage }
			r := connect(t, start(t, s))
			r.associate()
			for range 2 {
				r.send(&pdu.DataTF{PDVs: []pdu.PDV{command(c.context, storeRQ(c.class, c.instance)), {ContextID: c.context, Control: 2, Fragment: make([]byte, 1000)}}})
				if got := r.status(); got != c.want {
					t.Errorf("status %04X, want %04X", got, c.want)
				}
			}
			if rq, _ := keep.last(); rq != nil {
				t.Errorf("the handler got %+v", rq)
			}
		})
	}
}

func TestOtherCommands(t *testing.T) {
	r := connect(t, start(t, newServer(&sink{})))
	r.associate()
	noData := newRequest(cStoreRQ, 1, affectedSOPClassUID, ctImageStorage)
	noData.setUID(affectedSOPInstanceUID, instanceUID)
	r.send(&pdu.DataTF{PDVs: []pdu.PDV{command(1, noData.encode())}})
	if got := r.status(); got != StatusMistypedArgument {
		t.Errorf("C-STORE without data set: %04X", got)
	}
	r.send(&pdu.DataTF{PDVs: []pdu.PDV{command(1, newRequest(cFindRQ, 2, affectedSOPClassUID, ctImageStorage).encode())}})
	if got := r.status(); got != StatusUnrecognizedOperation {
		t.Errorf("C-FIND: %04X", got)
	}
	r.send(&pdu.DataTF{PDVs: []pdu.PDV{command(1, newRequest(cCancelRQ, 2, affectedSOPClassUID, ctImageStorage).encode())}})
	r.send(&pdu.DataTF{PDVs: []pdu.PDV{command(3, newRequest(cEchoRQ, 3, affectedSOPClassUID, verificationSOPClass).encode())}})
	if got := r.status(); got != StatusSuccess {
		t.Errorf("C-ECHO: %04X", got)
	}
}

// TestHalfObject cuts the connection in the middle of an object.
func TestHalfObject(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(rude)
	}{
		{"closed", func(r rude) { r.Close() }},
		{"reset", func(r rude) { r.Conn.(*net.TCPConn).SetLinger(0); r.Close() }},
		{"A-ABORT", func(r rude) { r.send(&pdu.Abort{}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			ended := make(chan error, 1)
			s := newServer(nil)
			s.Store = func(_ context.Context, rq *StoreRequest) error {
				_, err := io.Copy(io.Discard, rq.Data)
				ended <- err
				return nil // a handler that does not look must not matter
			}
			r := connect(t, start(t, s))
			r.associate()
			r.send(&pdu.DataTF{PDVs: []pdu.PDV{command(1, storeRQ(ctImageStorage, instanceUID)), {ContextID: 1, Fragment: make([]byte, 5000)}}})
			c.end(r)
			if err := <-ended; !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("the handler saw %v", err)
			}
			if c.name == "A-ABORT" {
				if p := r.read(); p != nil {
					t.Errorf("acknowledged by %+v", p)
				}
			}
			s.Close()
			s.served.Wait()
			if s.Stats.Objects.Load() != 0 || s.Stats.Failures.Load() != 0 || s.Stats.Aborted.Load() != 1 {
				t.Errorf("counted %d objects, %d failures, %d aborts", s.Stats.Objects.Load(), s.Stats.Failures.Load(), s.Stats.Aborted.Load())
			}
		})
	}
}

func TestGarbageAfterRelease(t *testing.T) {
	r := connect(t, start(t, newServer(&sink{})))
	r.associate()
	r.send(&pdu.ReleaseRQ{})
	if p, ok := r.read().(*pdu.ReleaseRP); !ok {
		t.Fatalf("got %+v", p)
	}
	r.send(&pdu.DataTF{PDVs: []pdu.PDV{command(1, storeRQ(ctImageStorage, instanceUID))}}) // AA-6
	r.write([]byte("garbage!"))
	r.wantAbort(pdu.AbortByProvider, 0) // AA-7
}

// TestLingerIsBounded pushes data after an abort: the server stops reading.
func TestLingerIsBounded(t *testing.T) {
	r := connect(t, start(t, newServer(&sink{})))
	r.associate()
	r.write(dataHead(0xFFFFFFF0, 0xFFFFFFEC, 1, 0))
	zeros := make([]byte, 1<<20)
	pushed := 0
	for ; pushed < 1024; pushed++ {
		if _, err := r.Write(zeros); err != nil {
			break
		}
	}
	if pushed > 64 {
		t.Errorf("%d MB were taken after the abort", pushed)
	}
}

// TestSlowLoris has peers that are silent or too slow in each phase.
func TestSlowLoris(t *testing.T) {
	t.Parallel()
	s := newServer(&sink{})
	s.ARTIM, s.IdleTimeout = time.Second, time.Second
	address := start(t, s)
	for name, check := range map[string]func(rude){
		"silent": func(r rude) {
			if p := r.read(); p != nil { // AA-2: closed without a word
				t.Errorf("a silent connection got %+v", p)
			}
		},
		"slow": func(r rude) { // a byte at a time never becomes a request
			rq, _ := pdu.Encode(associateRQ())
			for i := range rq[:len(rq)-1] {
				if _, err := r.Write(rq[i : i+1]); err != nil {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			if _, err := r.Conn.Read(make([]byte, 1)); err == nil {
				t.Error("a request that trickles was answered")
			}
		},
		"idle": func(r rude) {
			r.associate()
			r.wantAbort(pdu.AbortByUser, 0)
		},
		"slow data": func(r rude) {
			r.associate()
			r.write(dataHead(16000, 15996, 1, 1)[:11])
			r.wantAbort(pdu.AbortByUser, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(connect(t, address))
		})
	}
}

// TestHandlerMayTakeLongerThanTheIdleTime: time spent by the handler inside a
// PDU is not the peer's.
func TestHandlerMayTakeLongerThanTheIdleTime(t *testing.T) {
	t.Parallel()
	s := newServer(nil)
	s.IdleTimeout = time.Second
	s.Store = func(_ context.Context, rq *StoreRequest) error {
		if _, err := rq.Data.Read(make([]byte, 100)); err != nil {
			return err
		}
		time.Sleep(1200 * time.Millisecond)
		_, err := io.Copy(io.Discard, rq.Data)
		return err
	}
	o := synthetic(2 << 20)
	a := dial(t, client(start(t, s)), contextOf(o))
	if err := a.Store(t.Context(), o.request()); err != nil {
		t.Error(err)
	}
}

// TestRudePeersOfTheRequestor answers a Client over a pipe with what no peer
// should say.
func TestRudePeersOfTheRequestor(t *testing.T) {
	rj, _ := pdu.Encode(&pdu.AssociateRJ{Result: 1, Source: 1, Reason: 3})
	data, _ := pdu.Encode(&pdu.DataTF{PDVs: []pdu.PDV{command(1, []byte("x"))}})
	abort, _ := pdu.Encode(&pdu.Abort{Source: 2, Reason: 4})
	for _, c := range []struct {
		name string
		wire []byte
		text string
	}{
		{"reject", rj, "calling AE title not recognized"},
		{"data", data, "unexpected PDU (Evt10 in Sta5)"},
		{"abort", abort, "aborted by the peer (source 2, reason 4)"},
		{"rubbish", []byte("HTTP/1.1 400 Bad Request\r\n"), "type 48H"},
		{"A-ASSOCIATE-AC of 4 GB", []byte{2, 0, 255, 255, 255, 255}, "the limit is 1048576"},
		{"nothing", nil, "unexpected EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := listenOnce(t, func(conn net.Conn) {
				io.ReadFull(conn, make([]byte, 100))
				conn.Write(c.wire)
			})
			_, err := client(l).Dial(t.Context(), []Context{propose(ctImageStorage, explicitVRLittleEndian)})
			if err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want %q", err, c.text)
			}
		})
	}
}

func listenOnce(t *testing.T, peer func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		if conn, err := l.Accept(); err == nil {
			peer(conn)
			conn.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	return l.Addr().String()
}

// TestReleaseCollision lets both sides ask for the release at once, over a
// pipe: PS3.8 9.2 Sta9 to Sta12.
func TestReleaseCollision(t *testing.T) {
	left, right := net.Pipe()
	requestor := newLink(left, time.Second, 10*time.Second, 0)
	requestor.requestor, requestor.state = true, Sta6
	acceptor := newLink(right, time.Second, 10*time.Second, 0)
	acceptor.state = Sta6
	ends := make(chan error, 2)
	for _, l := range []*link{requestor, acceptor} {
		// A pipe has no buffer: each side must be reading while the other writes.
		l.conn = &buffered{Conn: l.conn}
		l.in.conn = l.conn
		go func() {
			err := l.release()
			l.linger()
			ends <- err
		}()
	}
	for range 2 {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
	if requestor.state != Sta1 || acceptor.state != Sta1 {
		t.Errorf("requestor in %v, acceptor in %v", requestor.state, acceptor.state)
	}
}

// buffered writes behind its caller's back.
type buffered struct {
	net.Conn
	last chan struct{}
}

func (b *buffered) Write(p []byte) (int, error) {
	copied, before, done := bytes.Clone(p), b.last, make(chan struct{})
	b.last = done
	go func() {
		defer close(done)
		if before != nil {
			<-before
		}
		b.Conn.Write(copied)
	}()
	return len(p), nil
}

func (b *buffered) SetWriteDeadline(time.Time) error { return nil }

func (b *buffered) Close() error {
	if b.last != nil {
		<-b.last
	}
	return b.Conn.Close()
}

// TestRubbishIsAnsweredOnce: a peer that goes on with rubbish after the abort
// and reads nothing does not make the server write an A-ABORT for each piece.
func TestRubbishIsAnsweredOnce(t *testing.T) {
	r := connect(t, start(t, newServer(&sink{})))
	r.associate()
	r.write(dataHead(1024, 0xFFFFFFEC, 1, 0))
	r.write(make([]byte, 1<<20))
	r.CloseWrite()
	r.wantAbort(pdu.AbortByProvider, pdu.ReasonInvalidParameter)
	r.wantAbort(pdu.AbortByProvider, pdu.ReasonInvalidParameter)
	if p := r.read(); p != nil {
		t.Errorf("a third answer: %+v", p)
	}
}
