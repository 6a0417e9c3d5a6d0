package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"concord/config"
	"concord/dicom"
	"concord/dicom/ae"
	"concord/hl7"
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
	return serve(ctx, c, log, func(*node.Node, listeners) {})
}

// serve runs a node until ctx ends. It calls ready once the ports are open.
func serve(ctx context.Context, c *config.Config, log *zap.Logger, ready func(*node.Node, listeners)) error {
	index, err := store.Open(ctx, c.DataDir, log)
	if err != nil {
		return err
	}
	defer index.Close()
	n, err := newNode(ctx, c, index, log)
	if err != nil {
		return err
	}
	index.OnJob = n.Wake
	if err := n.Recover(ctx, index.Unindexed); err != nil {
		return err
	}
	ports, err := listen(c)
	if err != nil {
		return err
	}
	ready(n, ports)
	return serveOn(ctx, c, n, ports, log)
}

// newLogger writes one JSON object a line to standard error.
func newLogger() *zap.Logger {
	encoder := zap.NewProductionEncoderConfig()
	encoder.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(encoder), zapcore.Lock(os.Stderr), zap.InfoLevel))
}

func newNode(ctx context.Context, c *config.Config, index *store.Store, log *zap.Logger) (*node.Node, error) {
	model, provider, err := openModel(ctx, c.Model)
	if err != nil {
		return nil, err
	}
	log.Info("model pack loaded", zap.String("pack", model.Name()), zap.String("digest", model.Digest()),
		zap.String("provider", provider))
	return &node.Node{
		Config: node.Config{
			Quiet: time.Duration(c.Study.Quiet), Expire: time.Duration(c.Study.Expire), Shadow: c.Mode == config.ModeShadow,
			DefaultCharset: c.HL7.DefaultCharset, Mapping: mappingOf(c.HL7.Mapping), Destinations: destinations(c), Site: siteOf(c),
			Keep: time.Duration(c.Retention.Keep), HighWatermark: float64(c.Retention.HighWatermark) / 100,
		},
		Index: index, Objects: index, Journal: index.Journal, Log: log,
		Judge: &node.Judge{Model: model, Open: index.Open, MaxImages: c.Model.MaxImages,
			AccessionStrip: hl7.Strip(c.HL7.Mapping.AccessionStrip)},
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
type listeners struct{ dicom, hl7, http net.Listener }

// serveOn serves the open ports until ctx ends, then drains them.
func serveOn(ctx context.Context, c *config.Config, n *node.Node, ports listeners, log *zap.Logger) error {
	dimse := dimseServer(c, n, log)
	messages := &mllp.Server{MaxMessage: int(c.HL7.MaxMessage), Log: log,
		Handle: func(ctx context.Context, p mllp.Peer, raw []byte) []byte {
			return n.ReceiveMessage(ctx, p.Name, raw)
		}}
	page := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: (&console.Console{Node: n, Title: c.DICOM.AETitle,
		Ready: n.Ready, Log: log}).Handler()}

	working, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	failed := make(chan error, 4)
	var running sync.WaitGroup
	start := func(name string, l net.Listener, serve func(net.Listener) error) {
		if l == nil {
			return
		}
		log.Info("listening", zap.String("service", name), zap.String("address", l.Addr().String()))
		running.Go(func() { ended(failed, name, serve(l)) })
	}
	running.Go(func() { ended(failed, "node", n.Run(working)) })
	start("dicom", ports.dicom, dimse.Serve)
	start("hl7", ports.hl7, messages.Serve)
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
		{"hl7.listen", c.HL7.Listen, &l.hl7},
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

// dimseServer is the storage and verification SCP of the node.
func dimseServer(c *config.Config, n *node.Node, log *zap.Logger) *ae.Server {
	return &ae.Server{
		AETitle: c.DICOM.AETitle, MaxPDU: uint32(c.DICOM.MaxPDU), MaxAssociations: c.DICOM.MaxAssociations,
		StorageClass: func(uid string) bool {
			return dicom.IsStorage(uid) || c.DICOM.AcceptUnknownSOPClasses
		},
		TransferSyntax: func(uid string) bool {
			_, known := dicom.LookupTransferSyntax(uid)
			return known && uid != dicom.GEPrivateImplicitBigEndian // its pixels are not decoded
		},
		Authorize: authorize(c),
		Store: func(ctx context.Context, r *ae.StoreRequest) error {
			return storeStatus(n.ReceiveObject(ctx, node.Incoming{Caller: r.Association.Calling, SOPClassUID: r.SOPClassUID,
				SOPInstanceUID: r.SOPInstanceUID, TransferSyntax: r.TransferSyntax}, r.Data))
		},
		Log: log,
	}
}

// authorize refuses calling AE titles that no peer has, when only peers may call.
func authorize(c *config.Config) func(*ae.Caller) error {
	known := map[string]bool{}
	for _, p := range c.Peers {
		known[p.AETitle] = true
	}
	return func(caller *ae.Caller) error {
		if c.DICOM.AcceptUnknownCallers || known[caller.Calling] {
			return nil
		}
		return &ae.RejectCallingAE
	}
}

// storeStatus gives an error of the node its C-STORE status (PS3.4 B.2.3). The
// comment goes over the wire: it names no path and no patient.
func storeStatus(err error) error {
	var unreadable *node.UnreadableError
	var mismatch *node.MismatchError
	var full *node.FullError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unreadable):
		return &ae.StatusError{Status: ae.StatusCannotUnderstand, Comment: "the data set cannot be read", Err: err}
	case errors.As(err, &mismatch):
		return &ae.StatusError{Status: ae.StatusDataSetDoesNotMatchClass, Comment: mismatch.Error(), Err: err}
	case errors.As(err, &full), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &ae.StatusError{Status: ae.StatusOutOfResources, Comment: "no room on the disk; try again later", Err: err}
	}
	return &ae.StatusError{Status: ae.StatusProcessingFailure, Comment: "not stored; see the log of the node", Err: err}
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
