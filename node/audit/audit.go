// Package audit writes the security audit trail: DICOM audit messages (PS3.15
// A.5) for an audit repository, by syslog (RFC 5424) over TLS (PS3.15 A.6, RFC
// 5425) or UDP (A.7, RFC 5426).
//
// Open makes a Recorder, which has a method for each kind of event. A nil
// *Recorder records nothing and costs nothing. Messages name studies and
// patient IDs; patient names and report text are never in them.
//
// Recording never stops the node. A message goes into a spool file first and
// from there to the repository. While the repository is away messages wait in
// the spool, over restarts of the node too; when the spool is full, further
// messages are dropped, counted (Dropped), logged, and reported to the
// repository when it is back. Syslog has no acknowledgement: what went out in
// the second before a connection broke or the node was killed is sent again,
// so a repository may get a message twice.
//
// There is no second, local trail: what happened to a case is in its timeline
// in the index, and patient IDs shall not lie about in one more file.
package audit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Transport carries syslog messages.
type Transport string

// The transports.
const (
	UDP Transport = "udp"
	TLS Transport = "tls"
)

// Config says who records and where to.
type Config struct {
	Address   string // host:port of the audit repository; customary ports are 6514 (TLS) and 514 (UDP)
	Transport Transport
	TLSConfig func() (*tls.Config, error) // of TLS, asked for each connection; nil: the system's authorities, no client certificate
	DataDir   string                      // folder of the spool
	MaxSpool  int64                       // bytes that may wait for the repository
	AETitle   string                      // of this node
	Site      string                      // AuditEnterpriseSiteID
	Log       *zap.Logger
}

// Recorder records audit events. All methods may be called on nil and at once.
type Recorder struct {
	Stats Stats

	log    *zap.Logger
	source source
	node   Peer // this node
	syslog header
	spool  *spool
	sender *sender
	now    func() time.Time

	alerts   alertLimit
	reading  readings
	sessions sessions
	failing  atomic.Int64 // messages dropped since the last that was kept
	stop     context.CancelFunc
	done     chan struct{}
}

// Stats counts since the start.
type Stats struct {
	Recorded atomic.Int64 // messages kept for the repository
	Sent     atomic.Int64 // messages written to it, those written again included
	Dropped  atomic.Int64 // messages lost: the spool was full or could not be written
}

// Open begins to send what an earlier process left in the spool.
func Open(c Config) (*Recorder, error) {
	r, err := newRecorder(c)
	if err == nil {
		r.start()
	}
	return r, err
}

func newRecorder(c Config) (*Recorder, error) {
	spool, torn, err := openSpool(filepath.Join(c.DataDir, "audit.spool"), c.MaxSpool)
	if err != nil {
		return nil, fmt.Errorf("cannot open the audit spool: %w", err)
	}
	if torn > 0 {
		c.Log.Warn("the end of the audit spool was not readable and was cut off", zap.Int64("bytes", torn))
	}
	h := newHeader()
	r := &Recorder{log: c.Log, spool: spool, now: time.Now, syslog: h, done: make(chan struct{}),
		source: source{Site: c.Site, ID: c.AETitle, Type: applicationServer},
		node:   Peer{AETitle: c.AETitle, Address: h.hostname}}
	r.sender = &sender{spool: spool, dial: dialer(c), octets: c.Transport == TLS, log: c.Log, sent: &r.Stats.Sent,
		settle: settleTime, retry: minRetry, wake: make(chan struct{}, 1), draining: make(chan struct{})}
	return r, nil
}

func (r *Recorder) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() {
		defer close(r.done)
		r.sender.run(ctx)
	}()
}

func dialer(c Config) func(context.Context) (net.Conn, error) {
	if c.Transport == TLS {
		return func(ctx context.Context) (net.Conn, error) { return dialTLS(ctx, c) }
	}
	var d net.Dialer
	return func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "udp", c.Address) }
}

func dialTLS(ctx context.Context, c Config) (net.Conn, error) {
	config := &tls.Config{}
	if c.TLSConfig != nil {
		given, err := c.TLSConfig()
		if err != nil {
			return nil, err
		}
		config = given.Clone()
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12) // PS3.15 A.6
	return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", c.Address)
}

// Close sends what it can until ctx ends; the rest stays in the spool for the
// next Open. Nothing may be recorded after it.
func (r *Recorder) Close(ctx context.Context) error {
	if r == nil {
		return nil
	}
	close(r.sender.draining)
	select {
	case <-r.done:
	case <-ctx.Done():
	}
	r.stop()
	<-r.done
	return errors.Join(r.spool.file.Sync(), r.spool.file.Close())
}

// Waiting is the number of bytes that wait for the repository.
func (r *Recorder) Waiting() int64 { return r.spool.waiting() }

// self is this node as a participant.
func (r *Recorder) self(requestor bool, roles ...code) participant {
	p := r.node.participant(requestor, roles...)
	p.UserName = appName
	return p
}

// keep puts a message into the spool.
func (r *Recorder) keep(message []byte) error {
	if err := r.spool.append(message); err != nil {
		return err
	}
	select {
	case r.sender.wake <- struct{}{}:
	default: // the sender is about to look anyway
	}
	return nil
}

// report counts how recording a message went, and tells the log and the
// repository when messages begin to be dropped and when that ends.
func (r *Recorder) report(err error) {
	if err != nil {
		r.Stats.Dropped.Add(1)
		if r.failing.Add(1) == 1 {
			r.log.Error("audit messages are being dropped", zap.Error(err))
		}
		return
	}
	r.Stats.Recorded.Add(1)
	if n := r.failing.Swap(0); n > 0 {
		r.log.Warn("audit messages are recorded again", zap.Int64("dropped", n))
		r.alert(auditRecordingStarted, SeriousFailure, r.node.nodeID(),
			fmt.Sprintf("audit recording goes on; %d messages were dropped", n), r.self(false))
	}
}
