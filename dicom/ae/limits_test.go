package ae

import (
	"context"
	"io"
	"net"
	"runtime"
	"slices"
	"testing"
)

func TestManyIdleConnections(t *testing.T) {
	s := newServer(&sink{})
	address := start(t, s)
	for range 300 {
		connect(t, address)
	}
	a := dial(t, client(address), propose(verificationSOPClass, implicitVRLittleEndian))
	if err := a.Echo(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestCrowdIsEvicted fills the waiting room from one address: its oldest
// connections are closed, another address keeps its own.
func TestCrowdIsEvicted(t *testing.T) {
	var g gate
	g.init(1, 0)
	guest := &addressed{address: "10.0.0.2"}
	g.enter(guest)
	crowd := make([]*addressed, maxWaiting+9)
	for i := range crowd {
		crowd[i] = &addressed{address: "10.0.0.1"}
		g.enter(crowd[i])
	}
	for i, c := range crowd {
		if c.closed != (i < 10) {
			t.Fatalf("connection %d of the crowd: closed %v", i, c.closed)
		}
	}
	if guest.closed || g.crowd != maxWaiting {
		t.Errorf("guest closed %v, %d waiting", guest.closed, g.crowd)
	}
	for _, c := range crowd {
		g.leave(c)
	}
	g.leave(guest)
	if g.crowd != 0 || len(g.waiting) != 0 {
		t.Errorf("%d are left", g.crowd)
	}
}

type addressed struct {
	net.Conn
	address string
	closed  bool
}

func (a *addressed) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(a.address)} }
func (a *addressed) Close() error         { a.closed = true; return nil }

// zeros is n bytes that are never in memory.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), z.left))
	clear(p[:n])
	z.left -= int64(n)
	return n, nil
}

// TestGigabyteInBoundedMemory streams an object of 1 GB through both roles.
func TestGigabyteInBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("streams 1 GB")
	}
	const size = 1 << 30
	received := make(chan int64, 1)
	var most uint64
	s := newServer(nil)
	s.Store = func(_ context.Context, rq *StoreRequest) error {
		var n int64
		sample := func(p []byte) (int, error) {
			if n>>26 != (n+int64(len(p)))>>26 { // each 64 MB
				most = max(most, heapInUse())
			}
			n += int64(len(p))
			return len(p), nil
		}
		_, err := io.Copy(writerFunc(sample), rq.Data)
		received <- n
		return err
	}
	a := dial(t, client(start(t, s)), propose(ctImageStorage, explicitVRLittleEndian))
	runtime.GC()
	before := heapInUse()
	rq := synthetic(0).request()
	rq.Data = &zeros{left: size}
	if err := a.Store(t.Context(), rq); err != nil {
		t.Fatal(err)
	}
	if n := <-received; n != size {
		t.Errorf("%d bytes came", n)
	}
	if growth := int64(most) - int64(before); growth > 64<<20 {
		t.Errorf("the heap grew by %d MB", growth>>20)
	} else {
		t.Logf("the heap grew by %d kB", growth>>10)
	}
}

func TestGateSparesWhoHasSpoken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var g gate
	g.init(1, 0)
	var conns []net.Conn
	for _, says := range []string{"\x01", "", "\x01"} {
		peer, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Close()
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(peer, says); err != nil {
			t.Fatal(err)
		}
		for says != "" && silent(conn) { // until loopback has delivered it
			runtime.Gosched()
		}
		g.enter(conn)
		conns = append(conns, conn)
	}
	g.evict()
	if left := g.waiting[addressOf(conns[0])]; !slices.Equal(left, []net.Conn{conns[0], conns[2]}) {
		t.Errorf("%d connections are left, want the two that have spoken", len(left))
	}
	g.evict()
	if left := g.waiting[addressOf(conns[0])]; !slices.Equal(left, conns[2:]) {
		t.Errorf("%d connections are left, want the newest", len(left))
	}
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
