package main

import (
	"context"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"

	"concord/hl7"
	"concord/hl7/mllp"
)

// ris is the receiving end of a RIS: it takes messages, keeps them and answers AA.
type ris struct {
	address string
	server  *mllp.Server

	mu       sync.Mutex
	messages map[string][]byte // by MSH-10
}

func startRIS() (*ris, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &ris{address: l.Addr().String(), messages: map[string][]byte{}}
	r.server = &mllp.Server{Handle: r.take, Log: zap.NewNop()}
	go func() { _ = r.server.Serve(l) }() // it ends by stop
	return r, nil
}

func (r *ris) take(_ context.Context, _ mllp.Peer, raw []byte) []byte {
	m, err := hl7.Parse(raw, hl7.Options{})
	if err != nil {
		return hl7.Nack(raw, err.Error())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages[m.ControlID()] = raw
	return m.Ack(hl7.AA, "")
}

func (r *ris) message(controlID string) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.messages[controlID]
}

func (r *ris) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = r.server.Shutdown(ctx) // who does not end in time is cut off
}
