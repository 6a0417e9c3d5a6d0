package ae

import (
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// scatter reads a TCP connection into two buffers by one call (readv): the rest
// of a fragment to where it is wanted, and the headers that follow it beside.
type scatter struct {
	raw     syscall.RawConn
	buffers [2][]byte
	n       int
	err     error
}

// newScatter returns nil for a connection that cannot do it, as TLS.
func newScatter(conn net.Conn) *scatter {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return &scatter{raw: raw}
}

// read is a Read into p and rest. The connection's deadline holds.
func (s *scatter) read(p, rest []byte) (int, error) {
	s.buffers = [2][]byte{p, rest}
	defer func() { s.buffers = [2][]byte{} }()
	if err := s.raw.Read(s.try); err != nil {
		return 0, err
	}
	if s.n == 0 && s.err == nil {
		return 0, io.EOF
	}
	return max(s.n, 0), s.err
}

// try returns false to be called again once there is something to read.
func (s *scatter) try(fd uintptr) bool {
	for {
		s.n, s.err = unix.Readv(int(fd), s.buffers[:])
		if s.err != unix.EINTR {
			return s.err != unix.EAGAIN
		}
	}
}
