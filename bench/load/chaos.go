package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"concord/dicom/ae"
	"concord/dicom/pdu"
)

const (
	verification = "1.2.840.10008.1.1"
	implicitLE   = "1.2.840.10008.1.2"
)

type chaosCommand struct {
	Addr    string        `default:"127.0.0.1:11112" help:"Server."`
	Called  string        `default:"BENCH" help:"Called AE title."`
	Kind    string        `required:"" enum:"echo,wrongae,badts,hugeassoc,hugepdu,hugepdv,loris,flood,half,badlen,garbage" help:"What to do."`
	File    string        `help:"A DICOM file (half, badlen, garbage, hugepdu, hugepdv)."`
	Sockets int           `default:"1000" help:"Idle sockets (loris)."`
	MB      int           `name:"mb" default:"256" help:"Megabytes to push (huge…)."`
	Timeout time.Duration `default:"30s" help:"Longest wait for the server."`
}

// Run does it and prints what the server answered. The caller watches the server's memory meanwhile.
func (c *chaosCommand) Run() error {
	do := map[string]func(map[string]any) (string, error){
		"echo":      func(map[string]any) (string, error) { return c.echo(c.Called) },
		"wrongae":   func(map[string]any) (string, error) { return c.echo("NOBODY") },
		"badts":     c.badContexts,
		"hugeassoc": c.hugeAssociate,
		"hugepdu":   func(out map[string]any) (string, error) { return c.hugeData(out, 0xfffffff0) },
		"hugepdv":   func(out map[string]any) (string, error) { return c.hugeData(out, 1024) },
		"loris":     c.loris,
		"flood":     c.flood,
		"half":      c.half,
		"badlen":    func(map[string]any) (string, error) { return c.damaged(cut) },
		"garbage":   func(map[string]any) (string, error) { return c.damaged(garbage) },
	}
	out := map[string]any{"kind": c.Kind}
	start := time.Now()
	answer, err := do[c.Kind](out)
	if err != nil {
		answer = err.Error()
	}
	out["answer"], out["wall_s"] = answer, time.Since(start).Seconds()
	return emit(out)
}

func (c *chaosCommand) dial(called string, proposed ...ae.Context) (*ae.Association, error) {
	client := ae.Client{Calling: "LOAD", Called: called, Address: c.Addr, Timeout: c.Timeout}
	return client.Dial(context.Background(), proposed)
}

func (c *chaosCommand) echo(called string) (string, error) {
	association, err := c.dial(called, ae.Context{SOPClass: verification, TransferSyntaxes: []string{implicitLE}})
	if err != nil {
		return "", err
	}
	if err := association.Echo(context.Background()); err != nil {
		return "", err
	}
	return "C-ECHO status 0000H", association.Release(context.Background())
}

// badContexts proposes an unknown transfer syntax and an unknown SOP class. Both have to be refused in an A-ASSOCIATE-AC.
func (c *chaosCommand) badContexts(map[string]any) (string, error) {
	const ctImage, unknown = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.5.6.7"
	connection, ac, err := c.associate(
		pdu.ContextRQ{ID: 1, AbstractSyntax: ctImage, TransferSyntaxes: []string{unknown}},
		pdu.ContextRQ{ID: 3, AbstractSyntax: unknown, TransferSyntaxes: []string{implicitLE}})
	if err != nil {
		return "", err
	}
	defer connection.Close()
	results := map[byte]byte{}
	for _, answered := range ac.Contexts {
		results[answered.ID] = answered.Result
	}
	return fmt.Sprintf("accepted; unknown transfer syntax: result %d (4 wanted), unknown class: result %d (3 wanted)", results[1], results[3]), nil
}

// hugeAssociate announces an A-ASSOCIATE-RQ of 4 GB and begins to send it.
func (c *chaosCommand) hugeAssociate(out map[string]any) (string, error) {
	connection, err := net.DialTimeout("tcp", c.Addr, c.Timeout)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	if _, err := connection.Write([]byte{pdu.TypeAssociateRQ, 0, 0xff, 0xff, 0xff, 0xf0}); err != nil {
		return "", err
	}
	c.push(connection, out)
	return c.next(connection)
}

// hugeData announces a PDV of 4 GB in a P-DATA-TF of the given length, and begins to send it.
func (c *chaosCommand) hugeData(out map[string]any, length uint32) (string, error) {
	o, err := loadObject(c.File)
	if err != nil {
		return "", err
	}
	connection, _, err := c.associate(pdu.ContextRQ{ID: 1, AbstractSyntax: o.class, TransferSyntaxes: []string{o.syntax}})
	if err != nil {
		return "", err
	}
	defer connection.Close()
	header := []byte{pdu.TypeDataTF, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xec, 1, pdu.ControlCommand}
	binary.BigEndian.PutUint32(header[2:], length)
	if _, err := connection.Write(header); err != nil {
		return "", err
	}
	c.push(connection, out)
	return c.next(connection)
}

// loris opens sockets and says nothing on them; a proper association has to go through beside them.
func (c *chaosCommand) loris(out map[string]any) (string, error) {
	idle := make([]net.Conn, 0, c.Sockets)
	for range c.Sockets {
		connection, err := net.DialTimeout("tcp", c.Addr, 2*time.Second)
		if err != nil {
			out["dial_error"] = err.Error()
			break
		}
		defer connection.Close()
		idle = append(idle, connection)
	}
	time.Sleep(time.Second)
	start := time.Now()
	answer, err := c.echo(c.Called)
	out["opened"], out["echo_s"] = len(idle), time.Since(start).Seconds()
	closed := 0
	for _, connection := range idle {
		if connection.SetReadDeadline(time.Now().Add(200*time.Microsecond)) != nil {
			continue
		}
		if _, err := connection.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
			closed++
		}
	}
	out["closed_by_server"] = closed
	return answer, err
}

// floodTime is how long flood goes on.
const floodTime = 3 * time.Second

// flood connects and cuts the connection as fast as it can, from several
// goroutines; proper associations have to go through beside it.
func (c *chaosCommand) flood(out map[string]any) (string, error) {
	end := time.Now().Add(floodTime)
	var opened, refused atomic.Int64
	var flooding sync.WaitGroup
	for range 8 {
		flooding.Go(func() {
			for time.Now().Before(end) {
				connection, err := net.DialTimeout("tcp", c.Addr, time.Second)
				if err != nil {
					refused.Add(1)
					continue
				}
				opened.Add(1)
				_ = connection.(*net.TCPConn).SetLinger(0) // cut, so that its port can be used again at once
				connection.Close()
			}
		})
	}
	var slowest time.Duration
	answer, err := "", error(nil)
	echoes := 0
	for ; time.Now().Before(end) && err == nil; echoes++ {
		start := time.Now()
		answer, err = c.echo(c.Called)
		slowest = max(slowest, time.Since(start))
	}
	flooding.Wait()
	out["connects_s"], out["refused"] = float64(opened.Load())/floodTime.Seconds(), refused.Load()
	out["echoes"], out["slowest_echo_s"] = echoes, slowest.Seconds()
	return answer, err
}

// half sends half of an object and vanishes: nothing of it may be kept as an object.
func (c *chaosCommand) half(map[string]any) (string, error) {
	o, err := loadObject(c.File)
	if err != nil {
		return "", err
	}
	association, err := c.dial(c.Called, contexts([]*object{o})...)
	if err != nil {
		return "", err
	}
	rq := o.request()
	rq.Data = io.MultiReader(io.LimitReader(rq.Data, int64(len(o.data)/2)), brokenReader{})
	err = association.Store(context.Background(), rq)
	return fmt.Sprintf("the sender broke off half way: %v", err), nil
}

// brokenReader makes the association abort.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("the sender broke off") }

// damaged sends an object with its data set changed.
func (c *chaosCommand) damaged(change func([]byte) []byte) (string, error) {
	o, err := loadObject(c.File)
	if err != nil {
		return "", err
	}
	association, err := c.dial(c.Called, contexts([]*object{o})...)
	if err != nil {
		return "", err
	}
	o.data = change(o.data)
	if err := association.Store(context.Background(), o.request()); err != nil {
		return "", err
	}
	return "C-STORE status 0000H", association.Release(context.Background())
}

// cut ends the data set in the middle of its pixels, so that a length points behind the end.
func cut(data []byte) []byte { return data[:len(data)*2/3&^1] }

func garbage(data []byte) []byte {
	for i := range data {
		data[i] = byte(i*7 + i>>8)
	}
	return data
}

// associate negotiates without ae, for a client that will break the rules.
func (c *chaosCommand) associate(proposed ...pdu.ContextRQ) (net.Conn, *pdu.AssociateAC, error) {
	rq, err := pdu.Encode(&pdu.AssociateRQ{ProtocolVersion: pdu.ProtocolVersion1, CalledAE: c.Called, CallingAE: "LOAD",
		ApplicationContext: pdu.ApplicationContext, Contexts: proposed,
		User: pdu.UserInformation{MaxLength: 16384, ImplementationClassUID: "1.2.826.0.1.3680043.10.9999"}})
	if err != nil {
		return nil, nil, err
	}
	connection, err := net.DialTimeout("tcp", c.Addr, c.Timeout)
	if err != nil {
		return nil, nil, err
	}
	received, err := c.converse(connection, rq)
	if err != nil {
		connection.Close()
		return nil, nil, err
	}
	ac, ok := received.(*pdu.AssociateAC)
	if !ok {
		connection.Close()
		return nil, nil, fmt.Errorf("the server answered %+v", received)
	}
	return connection, ac, nil
}

func (c *chaosCommand) converse(connection net.Conn, rq []byte) (pdu.PDU, error) {
	if _, err := connection.Write(rq); err != nil {
		return nil, err
	}
	return c.read(connection)
}

// push sends zeros until the server refuses or enough went through.
func (c *chaosCommand) push(connection net.Conn, out map[string]any) {
	zeros := make([]byte, 1<<20)
	pushed := 0
	err := connection.SetWriteDeadline(time.Now().Add(c.Timeout))
	for err == nil && pushed < c.MB {
		if _, err = connection.Write(zeros); err == nil {
			pushed++
		}
	}
	out["pushed_mb"] = pushed
	if err != nil {
		out["push_error"] = err.Error()
	}
}

// next says what the server sends next.
func (c *chaosCommand) next(connection net.Conn) (string, error) {
	received, err := c.read(connection)
	if err != nil {
		return "", fmt.Errorf("connection: %w", err)
	}
	return fmt.Sprintf("%T %+v", received, received), nil
}

func (c *chaosCommand) read(connection net.Conn) (pdu.PDU, error) {
	if err := connection.SetReadDeadline(time.Now().Add(c.Timeout)); err != nil {
		return nil, err
	}
	raw := make([]byte, pdu.HeaderSize)
	if _, err := io.ReadFull(connection, raw); err != nil {
		return nil, err
	}
	header := pdu.DecodeHeader(raw)
	if header.Length > header.Limit(16384) {
		return nil, fmt.Errorf("the server sent a PDU of type %d with %d bytes", header.Type, header.Length)
	}
	body := make([]byte, header.Length)
	if _, err := io.ReadFull(connection, body); err != nil {
		return nil, err
	}
	return pdu.Decode(header.Type, body)
}
