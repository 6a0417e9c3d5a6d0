package mllp

import (
	"net"
	"strings"
	"testing"
)

// BenchmarkExchange sends 1 kB reports over many connections, one outstanding on each, to
// a server that parses and answers.
func BenchmarkExchange(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &Server{Handle: accept}
	go s.Serve(l)
	defer s.Close()
	block := Frame([]byte(string(message("ID")) + strings.Repeat("OBX|2|TX|&GDT||The lungs are clear and the heart is of normal size.||||||F\r", 10)))
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		r := NewReader(conn, 0)
		for p.Next() {
			if _, err := conn.Write(block); err != nil {
				b.Error(err)
				return
			}
			if _, err := r.Next(); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
