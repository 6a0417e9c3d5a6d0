package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"concord/config"
	"concord/inference"
	"concord/inference/kserve"
)

type inferenceServerCommand struct {
	configFlags
	Listen string   `help:"Address to serve at." default:"127.0.0.1:8001" placeholder:"HOST:PORT"`
	Pack   []string `help:"Pack to serve: builtin or a folder; may be given several times. Default: the configured one." placeholder:"PACK" sep:"none"`
	TLS    bool     `help:"Serve by TLS with the certificate of the configuration (tls.certificate); with tls.ca clients must show theirs."`
}

// Run serves the graphs of packs by KServe v2 until ctx ends. The model section
// of the configuration says on which device.
func (i inferenceServerCommand) Run(ctx context.Context) error {
	c, err := i.load()
	if err != nil {
		return err
	}
	c.Model.Engine = config.EngineONNX
	if len(i.Pack) == 0 {
		i.Pack = []string{c.Model.Pack}
	}
	options := kserve.Limits()
	if i.TLS {
		s, err := newSecurity(c.TLS)
		if err != nil {
			return err
		}
		if s.in == nil {
			return errors.New("--tls: no certificate is configured: set tls.certificate and tls.key")
		}
		options = append(options, grpc.Creds(credentials.NewTLS(s.in)))
	}
	log := newLogger()
	defer log.Sync()
	engine, err := newEngine(c)
	if err != nil {
		return err
	}
	server := kserve.NewServer(engine, version)
	for _, pack := range i.Pack {
		if err := servePack(ctx, server, pack, log); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", i.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen at %s (%w); stop what holds the port or change --listen", i.Listen, err)
	}
	log.Info("listening", zap.String("service", "inference"), zap.String("address", l.Addr().String()), zap.Bool("tls", i.TLS))
	return serveGRPC(ctx, server, l, options)
}

// servePack opens a pack through the server, which serves its graphs then, and
// warms it up.
func servePack(ctx context.Context, server *kserve.Server, pack string, log *zap.Logger) error {
	model, err := inference.Open(ctx, packFiles(pack), server)
	if err == nil {
		err = model.Warm(ctx)
	}
	if err != nil {
		return fmt.Errorf("model pack %s: %w", pack, err)
	}
	log.Info("model pack loaded", zap.String("use", "served"), zap.String("pack", model.Name()), zap.String("digest", model.Digest()),
		zap.String("provider", server.Provider()))
	return nil
}

// serveGRPC serves until ctx ends, then lets runs end.
func serveGRPC(ctx context.Context, server *kserve.Server, l net.Listener, options []grpc.ServerOption) error {
	g := grpc.NewServer(options...)
	server.Register(g)
	failed := make(chan error, 1)
	go func() { failed <- g.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	cut := time.AfterFunc(drainTime, g.Stop)
	defer cut.Stop()
	g.GracefulStop()
	return nil
}
