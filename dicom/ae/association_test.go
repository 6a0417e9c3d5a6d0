package ae

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"concord/dicom/pdu"
)

func TestEcho(t *testing.T) {
	a := dial(t, client(start(t, &Server{})), propose(verificationSOPClass, implicitVRLittleEndian))
	for range 3 {
		if err := a.Echo(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Echo(t.Context()); err == nil {
		t.Error("C-ECHO after the release succeeded")
	}
}

// TestStoreSizes sends objects around each border of fragments and buffers, by
// the in-memory and by the streaming way, to peers with different limits.
func TestStoreSizes(t *testing.T) {
	for _, limit := range []uint32{8, 100, 16384, 131072, 1 << 20} {
		keep := &sink{}
		s := newServer(keep)
		s.MaxPDU = limit
		a := dial(t, client(start(t, s)), propose(ctImageStorage, explicitVRLittleEndian))
		fragment := int(min(limit, maxFragment)) - pdu.PDVHeaderSize
		for i, n := range []int{2, 90, fragment - 2, fragment, fragment + 2, 3*fragment + 8} {
			for j, streamed := range []bool{false, true} {
				o := synthetic(max(n, 2))
				o.instance = fmt.Sprintf("1.2.%d.%d", i, j)
				rq := o.request()
				if streamed {
					rq.Data = struct{ io.Reader }{rq.Data}
				}
				if err := a.Store(t.Context(), rq); err != nil {
					t.Fatalf("limit %d, %d bytes: %v", limit, n, err)
				}
				if !bytes.Equal(keep.object(o.instance), o.data) {
					t.Fatalf("limit %d, %d bytes, streamed %v: other bytes came", limit, n, streamed)
				}
			}
		}
		if err := a.Release(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestStreamedAtChunkBorder(t *testing.T) {
	keep := &sink{}
	s := newServer(keep)
	a := dial(t, client(start(t, s)), propose(ctImageStorage, explicitVRLittleEndian))
	chunk := 2*(DefaultMaxPDU-pdu.PDVHeaderSize) + heldBack
	for _, n := range []int{chunk - 2, chunk, chunk + 2, 2*chunk - 2, 2 * chunk} {
		o := synthetic(n)
		rq := o.request()
		rq.Data = struct{ io.Reader }{rq.Data}
		if err := a.Store(t.Context(), rq); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(keep.object(o.instance), o.data) {
			t.Errorf("%d bytes: other bytes came", n)
		}
	}
}

// TestReadInAnyPieces lets the handler read pieces of all sizes, at fragment
// sizes from tiny to large, over TCP and over TLS, which has no readv.
func TestReadInAnyPieces(t *testing.T) {
	cert, pool := certificate(t)
	for _, max := range []uint32{20, 1000, 16384, 131072, 1 << 19} {
		for _, security := range []*tls.Config{nil, {Certificates: []tls.Certificate{cert}, RootCAs: pool}} {
			o := synthetic(700_001 &^ 1)
			if max < 1000 {
				o = synthetic(9000)
			}
			got := make(chan []byte, 1)
			s := newServer(nil)
			s.MaxPDU, s.TLSConfig = max, security
			s.Store = func(_ context.Context, rq *StoreRequest) error {
				all, err := readPieces(rq.Data)
				got <- all
				return err
			}
			c := client(start(t, s))
			c.TLSConfig = security
			if err := dial(t, c, contextOf(o)).Store(t.Context(), o.request()); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(<-got, o.data) {
				t.Errorf("limit %d, TLS %v: other bytes came", max, security != nil)
			}
		}
	}
}

// readPieces reads to the end in pieces from 1 byte to 512 KiB.
func readPieces(r io.Reader) (all []byte, err error) {
	for {
		p := make([]byte, 1+rand.IntN(1<<(1+rand.IntN(19))))
		n, err := r.Read(p)
		all = append(all, p[:n]...)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

func TestHandlerErrorBecomesStatus(t *testing.T) {
	o := synthetic(300_000)
	for _, c := range []struct {
		err  error
		want uint16
	}{
		{nil, 0},
		{errors.New("disk on fire"), 0x0110},
		{&StatusError{Status: StatusOutOfResources, Comment: "disk full"}, 0xA700},
		{fmt.Errorf("kept: %w", &StatusError{Status: StatusNotAuthorized}), 0x0124},
		{&StatusError{Status: StatusCoercionOfDataElements}, 0},
	} {
		s := newServer(nil)
		s.Store = func(_ context.Context, rq *StoreRequest) error {
			io.CopyN(io.Discard, rq.Data, 1000) // and leaves the rest
			return c.err
		}
		a := dial(t, client(start(t, s)), contextOf(o))
		for range 2 { // the association goes on
			err := a.Store(t.Context(), o.request())
			var status *StatusError
			switch {
			case c.want == 0 && err != nil:
				t.Errorf("%v: %v", c.err, err)
			case c.want != 0 && (!errors.As(err, &status) || status.Status != c.want):
				t.Errorf("%v: got %v, want status %04X", c.err, err, c.want)
			}
		}
		if err := a.Release(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestStoreRequestFields(t *testing.T) {
	keep := &sink{}
	o := synthetic(100)
	a := dial(t, client(start(t, newServer(keep))), contextOf(o))
	rq := o.request()
	rq.MoveOriginatorAETitle, rq.MoveOriginatorMessageID = "MOVER", 77
	if err := a.Store(t.Context(), rq); err != nil {
		t.Fatal(err)
	}
	got, _ := keep.last()
	if got.SOPClassUID != o.class || got.SOPInstanceUID != o.instance || got.TransferSyntax != o.transferSyntax ||
		got.MoveOriginatorAETitle != "MOVER" || got.MoveOriginatorMessageID != 77 || got.MessageID != 1 {
		t.Errorf("got %+v", got)
	}
	if c := got.Association; c.Calling != "TEST" || c.Called != "CONCORD" || c.Serial != 1 || !strings.HasPrefix(c.String(), "TEST@127.0.0.1:") {
		t.Errorf("got %v", got.Association)
	}
}

func TestSenderErrorsAbort(t *testing.T) {
	keep := &sink{}
	o := synthetic(100)
	a := dial(t, client(start(t, newServer(keep))), contextOf(o))
	rq := o.request()
	rq.Data = io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), failing{})
	if err := a.Store(t.Context(), rq); !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v", err)
	}
	if err := a.Store(t.Context(), o.request()); !errors.Is(err, errOver) {
		t.Errorf("after the abort: %v", err)
	}
	a = dial(t, a.client, contextOf(o))
	rq.Data = strings.NewReader("")
	if err := a.Store(t.Context(), rq); !errors.Is(err, errEmptyDataSet) {
		t.Errorf("empty data set: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, os.ErrPermission }

func TestNotAccepted(t *testing.T) {
	s := newServer(&sink{})
	s.TransferSyntax = nil
	s.StorageClass = func(uid string) bool { return uid == ctImageStorage }
	const ge = "1.2.840.113619.5.2"
	a := dial(t, client(start(t, s)),
		propose(ctImageStorage, ge),
		propose(ctImageStorage, ge, explicitVRLittleEndian, implicitVRLittleEndian),
		propose(secondaryCapture, implicitVRLittleEndian))
	if a.Accepted(ctImageStorage, ge) || a.Accepted(secondaryCapture, implicitVRLittleEndian) || a.Accepted(ctImageStorage, implicitVRLittleEndian) {
		t.Errorf("accepted %+v", a.dimse.contexts)
	}
	if !a.Accepted(ctImageStorage, explicitVRLittleEndian) {
		t.Error("the first supported transfer syntax was not chosen")
	}
	var status *StatusError
	if err := a.Store(t.Context(), StoreRequest{SOPClassUID: secondaryCapture, TransferSyntax: implicitVRLittleEndian}); !errors.As(err, &status) || status.Status != StatusSOPClassNotSupported {
		t.Errorf("got %v", err)
	}
	if err := a.Echo(t.Context()); err == nil {
		t.Error("C-ECHO without its context succeeded")
	}
}

func TestRejections(t *testing.T) {
	open := func() *Server { return newServer(&sink{}) }
	busy := func() *Server { s := open(); s.MaxAssociations = 1; return s }
	perPeer := func() *Server { s := open(); s.MaxPerPeer = 1; return s }
	closed := func() *Server {
		s := open()
		s.Authorize = func(c *Caller) error {
			if c.Calling != "FRIEND" {
				return fmt.Errorf("unknown: %w", &RejectCallingAE)
			}
			return errors.New("not today")
		}
		return s
	}
	for _, c := range []struct {
		name      string
		server    func() *Server
		held      bool // another association is up
		calling   string
		called    string
		want      Rejection
		transient bool
	}{
		{"called AE", open, false, "TEST", "OTHER", RejectCalledAE, false},
		{"calling AE", closed, false, "TEST", "CONCORD", RejectCallingAE, false},
		{"no reason", closed, false, "FRIEND", "CONCORD", RejectNoReason, false},
		{"local limit", busy, true, "TEST", "CONCORD", RejectLocalLimit, true},
		{"limit of a peer", perPeer, true, "TEST", "CONCORD", RejectLocalLimit, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := c.server()
			address := start(t, s)
			echo := propose(verificationSOPClass, implicitVRLittleEndian)
			if c.held {
				dial(t, client(address), echo)
			}
			refused := &Client{Calling: c.calling, Called: c.called, Address: address}
			_, err := refused.Dial(t.Context(), []Context{echo})
			var r *Rejection
			if !errors.As(err, &r) || *r != c.want || r.Transient() != c.transient {
				t.Errorf("got %v", err)
			}
			s.Close()
			s.served.Wait()
			counted := s.Stats.RejectedCalledAE.Load() + s.Stats.RejectedCallingAE.Load() + s.Stats.RejectedLimit.Load() + s.Stats.RejectedOther.Load()
			if counted != 1 {
				t.Errorf("%d rejections counted", counted)
			}
		})
	}
}

func TestPeersHaveTheirOwnLimit(t *testing.T) {
	other := client("")
	other.Calling, other.Address = "ANOTHER", start(t, &Server{MaxPerPeer: 1})
	dial(t, other, propose(verificationSOPClass, implicitVRLittleEndian))
	other.Calling = "PEER"
	dial(t, other, propose(verificationSOPClass, implicitVRLittleEndian))
}

// A peer that calls by two titles has one limit, which may differ from the
// others'.
func TestLimitOfANamedPeer(t *testing.T) {
	s := &Server{MaxPerPeer: 1}
	s.Authorize = func(c *Caller) error {
		if c.Calling == "STORE" || c.Calling == "QUERY" {
			c.Peer, c.Limit = "pacs", 2
		}
		return nil
	}
	address := start(t, s)
	echo := propose(verificationSOPClass, implicitVRLittleEndian)
	from := func(title string) *Client { return &Client{Calling: title, Called: "CONCORD", Address: address} }
	dial(t, from("STORE"), echo)
	dial(t, from("QUERY"), echo)
	dial(t, from("ANOTHER"), echo)
	for _, title := range []string{"QUERY", "ANOTHER"} {
		_, err := from(title).Dial(t.Context(), []Context{echo})
		var r *Rejection
		if !errors.As(err, &r) || *r != RejectLocalLimit {
			t.Errorf("%s: got %v", title, err)
		}
	}
}

func TestDialRefusesNonsense(t *testing.T) {
	c := client("127.0.0.1:1")
	if _, err := c.Dial(t.Context(), nil); err == nil {
		t.Error("no context was proposed")
	}
	if _, err := c.Dial(t.Context(), make([]Context, 129)); err == nil || !strings.Contains(err.Error(), "129") {
		t.Errorf("got %v", err)
	}
	echo := []Context{propose(verificationSOPClass, implicitVRLittleEndian)}
	if _, err := c.Dial(t.Context(), echo); err == nil || !strings.Contains(err.Error(), "no connection to CONCORD") {
		t.Errorf("got %v", err)
	}
	c.Address, c.Called = start(t, &Server{}), "MORE_THAN_SIXTEEN"
	if _, err := c.Dial(t.Context(), echo); err == nil || !strings.Contains(err.Error(), "17 characters") {
		t.Errorf("got %v", err)
	}
}

func TestContextEnds(t *testing.T) {
	release := make(chan struct{})
	o := synthetic(100)
	s := newServer(nil)
	s.Store = func(context.Context, *StoreRequest) error { <-release; return nil }
	a := dial(t, client(start(t, s)), contextOf(o))
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	if err := a.Store(ctx, o.request()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := a.client.Dial(ctx, []Context{contextOf(o)}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestCallersLimits(t *testing.T) {
	s := newServer(&sink{})
	s.Authorize = func(c *Caller) error {
		c.Accept = func(sopClass, transferSyntax string) bool {
			return sopClass == ctImageStorage && transferSyntax != implicitVRLittleEndian
		}
		return nil
	}
	a := dial(t, client(start(t, s)), propose(ctImageStorage, implicitVRLittleEndian, explicitVRLittleEndian),
		propose(secondaryCapture, explicitVRLittleEndian))
	if !a.Accepted(ctImageStorage, explicitVRLittleEndian) || len(a.dimse.contexts) != 1 {
		t.Errorf("accepted %+v", a.dimse.contexts)
	}
}
