package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"concord/config"
	"concord/dicom/ae"
	"concord/hl7/mllp"
	"concord/node"
	"concord/node/console"
	"concord/node/store"
)

type serveCommand struct{ configFlags }

// drainTime is how long running associations and messages may take to end when
// the node stops. What is cut off was not acknowledged, and comes again.
const drainTime = 10 * time.Second

// Run starts the node and stops it when ctx ends.
func (s serveCommand) Run(ctx context.Context) error {
	c, err := s.load()
	if err != nil {
		return err
	}
	log := newLogger()
	defer log.Sync()
	return serve(ctx, c, s.configFlags, log, func(*node.Node, listeners) {})
}

// serve runs a node with a configuration that files gave until ctx ends. It
// calls ready once the ports are open.
func serve(ctx context.Context, c *config.Config, files configFlags, log *zap.Logger, ready func(*node.Node, listeners)) error {
	peers, err := newPeers(c, files, log)
	if err != nil {
		return err
	}
	index, err := store.OpenAt(ctx, c.DataDir, c.Index, log)
	if err != nil {
		return err
	}
	defer index.Close()
	trail, err := openTrail(peers, log)
	if err != nil {
		return err
	}
	defer trail.end(log)
	packs, err := openModels(ctx, c, log)
	if err != nil {
		return err
	}
	n, err := newNode(peers, trail, packs, index, log)
	if err != nil {
		return err
	}
	trail.node = n
	n.SetArchives(archivesOf(peers.current(), n, trail, log))
	index.OnJob = n.Wake
	if err := n.Recover(ctx, index.Unindexed); err != nil {
		return err
	}
	ports, err := listen(c)
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // what the start read is garbage, whose amount the heap would take for its normal size
	ready(n, ports)
	trail.ApplicationStarted()
	defer trail.ApplicationStopped()
	return serveOn(ctx, peers, n, trail, packs, ports, log)
}

// newLogger writes one JSON object a line to standard error.
func newLogger() *zap.Logger {
	encoder := zap.NewProductionEncoderConfig()
	encoder.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(encoder), zapcore.Lock(os.Stderr), zap.InfoLevel))
}

// judgeWorkers is how many cases are judged at once, so that their statements
// share runs of the model and one decodes pictures while another is asked about.
const judgeWorkers = 4

func newNode(peers *Peers, trail *auditTrail, packs *models, index *store.Store, log *zap.Logger) (*node.Node, error) {
	c := peers.current().Config
	if err := (senders{c.HL7}).check(); err != nil {
		return nil, err
	}
	judge, err := newJudge(c, packs.live.Live)
	if err != nil {
		return nil, err
	}
	judge.Open, judge.Shadow = index.Open, packs.shadow
	return &node.Node{
		Config: node.Config{
			Quiet: time.Duration(c.Study.Quiet), Wait: time.Duration(c.Study.Wait), Expire: time.Duration(c.Study.Expire), Shadow: c.Mode == config.ModeShadow,
			Reading: senders{c.HL7}.options, Mapping: mappingOf(c.HL7.Mapping), Destinations: trail.destinations(peers, log), Site: siteOf(c),
			Keep: time.Duration(c.Retention.Keep), Records: time.Duration(c.Retention.Records), HighWatermark: float64(c.Retention.HighWatermark) / 100,
			JudgeWorkers: judgeWorkers,
		},
		Index: index, Objects: index, Journal: index.Journal, Log: log,
		Judge: judge,
	}, nil
}

func siteOf(c *config.Config) node.Site {
	site := node.Site{Name: c.Site.Name, Issuer: c.Site.Issuer, AETitle: c.DICOM.AETitle, Version: version}
	if c.Site.Language != config.LanguageReport {
		site.Language = string(c.Site.Language)
	}
	return site
}

// listeners are the open ports of the node.
type listeners struct{ dicom, dicomTLS, hl7, hl7TLS, http net.Listener }

// serveOn serves the open ports until ctx ends, then drains them.
func serveOn(ctx context.Context, peers *Peers, n *node.Node, trail *auditTrail, packs *models, ports listeners, log *zap.Logger) error {
	c := peers.current()
	dimse := dimseServer(peers, n, trail, log)
	peers.Changed = func() { networkChanged(peers, n, trail, log) }
	peers.Reloaded = packs.reload
	messages := messageServer(senders{c.HL7}, n, trail, log)
	access := accessOf(c.HTTP)
	page := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: trail.web((&console.Console{Node: n, Title: c.DICOM.AETitle, Access: access,
		Peers: peers.shown, ReplaceNetwork: peers.Replace, Ready: n.Ready, Metrics: append(trail.metrics(), packs), Log: log}).Handler(), access, log)}

	working, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	failed := make(chan error, 6)
	var running sync.WaitGroup
	start := func(name string, l net.Listener, serve func(net.Listener) error) {
		if l == nil {
			return
		}
		log.Info("listening", zap.String("service", name), zap.String("address", l.Addr().String()))
		running.Go(func() { ended(failed, name, serve(l)) })
	}
	running.Go(func() { ended(failed, "node", n.Run(working)) })
	running.Go(func() { packs.run(working) })
	if peers.files.Config != "" {
		running.Go(func() { peers.watch(ctx) })
	}
	start("dicom", ports.dicom, dimse.Serve)
	start("dicom by TLS", ports.dicomTLS, func(l net.Listener) error { return dimse.ServeTLS(l, peers.serverTLS()) })
	start("hl7", ports.hl7, messages.Serve)
	start("hl7 by TLS", ports.hl7TLS, func(l net.Listener) error { return messages.ServeTLS(l, peers.serverTLS()) })
	start("http", ports.http, page.Serve)

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	log.Info("stopping")
	drain, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	err = errors.Join(err, ignoreDeadline(dimse.Shutdown(drain)), ignoreDeadline(messages.Shutdown(drain)),
		ignoreDeadline(page.Shutdown(drain)))
	stopWork()
	running.Wait()
	return err
}

// networkChanged makes the node use the current network, and try at once what
// failed with the one before.
func networkChanged(peers *Peers, n *node.Node, trail *auditTrail, log *zap.Logger) {
	n.SetArchives(archivesOf(peers.current(), n, trail, log))
	n.SetDestinations(trail.destinations(peers, log))
	if err := n.TryNow(context.Background()); err != nil {
		log.Warn("results that wait after failed tries go on waiting", zap.Error(err))
	}
}

// closed are the errors with which a service ends when it is told to.
var closed = []error{ae.ErrServerClosed, mllp.ErrClosed, http.ErrServerClosed}

func ended(failed chan<- error, name string, err error) {
	if err != nil && !slices.ContainsFunc(closed, func(end error) bool { return errors.Is(err, end) }) {
		failed <- fmt.Errorf("%s: %w", name, err)
	}
}

func ignoreDeadline(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return nil // a peer that would not end was cut off
	}
	return err
}

func listen(c *config.Config) (l listeners, err error) {
	for _, port := range []struct {
		key, address string
		to           *net.Listener
	}{
		{"dicom.listen", c.DICOM.Listen, &l.dicom},
		{"dicom.tls_listen", c.DICOM.TLSListen, &l.dicomTLS},
		{"hl7.listen", c.HL7.Listen, &l.hl7},
		{"hl7.tls_listen", c.HL7.TLSListen, &l.hl7TLS},
		{"http.listen", c.HTTP.Listen, &l.http},
	} {
		if port.address == "" {
			continue
		}
		if *port.to, err = net.Listen("tcp", port.address); err != nil {
			return l, fmt.Errorf("cannot listen at %s (%w); stop what holds the port or change %s", port.address, err, port.key)
		}
	}
	return l, nil
}

// objectFile is a file on disk as an object of a case.
type objectFile struct {
	*os.File
	size int64
}

func (f *objectFile) Size() int64 { return f.size }

func openFile(path string) (node.ObjectFile, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &objectFile{f, info.Size()}, nil
}
