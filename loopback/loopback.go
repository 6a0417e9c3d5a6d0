// Package loopback hands out addresses for peers that are started a moment later, or started twice: other
// programs, which cannot say which port they got, and servers that have to come back where they were.
//
// A port that the kernel chooses is no such address: as soon as its listener closes, the kernel may give it to the
// next listener or outgoing connection of any process. The ports here lie below that range, and no two processes
// of one run share any.
package loopback

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
)

// From first on lie the stripes of perProcess ports each; all end below 32768, where Linux begins to choose
// (ip_local_port_range).
const (
	first      = 12288
	stripes    = 320
	perProcess = 64
)

var taken atomic.Uint32

// Address returns "127.0.0.1:port" at which nothing listens, and which this process has not been given lately.
func Address() (string, error) {
	stripe := first + os.Getpid()%stripes*perProcess
	for range perProcess {
		port := stripe + int(taken.Add(1)%perProcess)
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port)) // on every address, as a peer may want
		if err != nil {
			continue
		}
		l.Close()
		return fmt.Sprintf("127.0.0.1:%d", port), nil
	}
	return "", fmt.Errorf("something listens at each port from %d to %d: stop what was left running", stripe, stripe+perProcess-1)
}
