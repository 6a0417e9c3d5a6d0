package ae

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// maxWaiting bounds the connections that are not associations: 4 KiB of buffer
// and a goroutine each, 16 MiB in all.
const maxWaiting = 1024

// gate knows the connections of a Server and keeps its limits. A crowd of idle
// connections does not close it: the oldest connection of the address that has
// most of them goes first.
type gate struct {
	mu        sync.Mutex
	limit     int
	perPeer   int
	waiting   map[netip.Addr][]net.Conn // by address, oldest first
	crowd     int                       // connections in waiting
	active    map[*session]struct{}
	peers     map[peerKey]int // associations of each peer
	dismissed bool
}

type peerKey struct {
	name    string // Caller.Peer; else the two below
	calling string
	address netip.Addr
}

func (g *gate) init(limit, perPeer int) {
	g.limit, g.perPeer = limit, perPeer
	g.waiting = map[netip.Addr][]net.Conn{}
	g.active = map[*session]struct{}{}
	g.peers = map[peerKey]int{}
}

// addressOf returns the IP address of a peer, the zero Addr if it has none.
func addressOf(conn net.Conn) netip.Addr {
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// enter adds a connection that waits for its request or its end.
func (g *gate) enter(conn net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.crowd >= maxWaiting {
		g.evict()
	}
	if g.dismissed { // it ended while the server shuts down
		time.AfterFunc(grace, func() { conn.Close() })
	}
	a := addressOf(conn)
	g.waiting[a] = append(g.waiting[a], conn)
	g.crowd++
}

// maxCandidates are looked at for one to evict.
const maxCandidates = 64

// evict closes the oldest connection of the address with the most of them, of
// those that sent nothing if there are some: a flood of connections should not
// cost a request that is on its way.
func (g *gate) evict() {
	var crowded netip.Addr
	for a, conns := range g.waiting {
		if len(conns) > len(g.waiting[crowded]) {
			crowded = a
		}
	}
	conns := g.waiting[crowded]
	i := max(0, slices.IndexFunc(conns[:min(len(conns), maxCandidates)], silent))
	conns[i].Close()
	g.remove(crowded, i)
}

// silent says whether a connection has nothing to be read, or is gone.
func silent(conn net.Conn) bool {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return true
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return true
	}
	var n int
	err = raw.Control(func(fd uintptr) {
		n, _, _ = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	})
	return err != nil || n <= 0
}

func (g *gate) remove(a netip.Addr, i int) {
	g.waiting[a] = slices.Delete(g.waiting[a], i, i+1)
	if len(g.waiting[a]) == 0 {
		delete(g.waiting, a)
	}
	g.crowd--
}

// leave removes a connection that waited, if it is still there: it has ended,
// or its request has come and is being answered.
func (g *gate) leave(conn net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := addressOf(conn)
	if i := slices.Index(g.waiting[a], conn); i >= 0 {
		g.remove(a, i)
	}
}

// admit makes an association of a connection that left, or refuses it for want
// of room.
func (g *gate) admit(s *session) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := s.peer()
	limit := orDefault(s.caller.Limit, g.perPeer)
	full := limit > 0 && g.peers[key] >= limit
	if full || len(g.active) >= g.limit || g.dismissed {
		return false
	}
	g.peers[key]++
	g.active[s] = struct{}{}
	return true
}

// retire ends an association.
func (g *gate) retire(s *session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.active, s)
	key := s.peer()
	if g.peers[key]--; g.peers[key] == 0 {
		delete(g.peers, key)
	}
}

// dismiss closes the waiting connections and admits no more associations.
func (g *gate) dismiss() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dismissed = true
	for _, conns := range g.waiting {
		for _, conn := range conns {
			conn.Close()
		}
	}
}

// interruptSilent interrupts the associations that have waited for a message
// for d; a negative d interrupts all.
func (g *gate) interruptSilent(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for s := range g.active {
		since := s.silentSince.Load()
		if d < 0 || since != 0 && time.Since(time.UnixMilli(since)) > d {
			s.link.interrupt()
		}
	}
}
