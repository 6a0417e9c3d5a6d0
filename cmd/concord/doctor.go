package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"concord/config"
	"concord/dicom/ae"
	"concord/dicom/phantom"
	"concord/hl7/mllp"
	"concord/node"
)

type doctorCommand struct{ configFlags }

// check is one question of the doctor.
type check struct {
	what string
	mend string // what to do when it fails
	do   func(context.Context) (found string, err error)
}

const checkTimeout = 30 * time.Second

// Run asks every question and fails when one answer is bad.
func (d doctorCommand) Run(ctx context.Context) error {
	c, err := d.load()
	if err != nil {
		return err
	}
	var bad int
	for _, k := range checks(c) {
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		found, err := k.do(ctx)
		cancel()
		if err != nil {
			bad++
			fmt.Printf("MEND  %s: %v\n      %s\n", k.what, err, k.mend)
			continue
		}
		fmt.Printf("ok    %s: %s\n", k.what, found)
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d checks failed", bad, len(checks(c)))
	}
	return nil
}

func checks(c *config.Config) []check {
	list := []check{
		{"data folder " + c.DataDir, "give data_dir a folder on a local disk that the node's user may write to",
			func(context.Context) (string, error) { return durableWrite(c.DataDir) }},
		{"model pack " + c.Model.Pack, "the error above says which file or library is missing",
			func(ctx context.Context) (string, error) { return tryModel(ctx, c) }},
		{"synthetic case through a node of its own", "the message above names the step that failed",
			func(ctx context.Context) (string, error) { return tryCase(ctx, c) }},
	}
	for _, p := range []struct{ key, address string }{{"dicom.listen", c.DICOM.Listen}, {"hl7.listen", c.HL7.Listen}, {"http.listen", c.HTTP.Listen}} {
		if p.address != "" {
			list = append(list, check{p.key + " " + p.address, "a node may be running already; else stop what holds the port, or change " + p.key,
				func(context.Context) (string, error) { return tryPort(p.address) }})
		}
	}
	now, err := networkOf(c)
	if err != nil {
		return append(list, check{"certificates", "correct the files that the error names",
			func(context.Context) (string, error) { return "", err }})
	}
	for _, p := range c.Peers {
		if p.Address != "" {
			list = append(list, check{fmt.Sprintf("peer %s (%s at %s)", p.Name, p.AETitle, p.Address),
				"start the peer, check its address and AE title, and register " + c.DICOM.AETitle + " there",
				func(ctx context.Context) (string, error) {
					return "answers C-ECHO", echo(ctx, now.client(p, nil))
				}})
		}
		if p.Query || p.Commit {
			list = append(list, check{"services of peer " + p.Name, "switch them on at the peer and allow " + c.DICOM.AETitle + " to use them, or take query, retrieve or commit out of the peer",
				func(ctx context.Context) (string, error) { return tryServices(ctx, now, p) }})
		}
	}
	for _, d := range c.HL7Destinations {
		list = append(list, check{"HL7 destination " + d.Name + " at " + d.Address, "start the receiver or correct its address",
			func(ctx context.Context) (string, error) { return tryConnect(ctx, d.Address) }})
	}
	return list
}

// durableWrite writes and syncs a small file, as the node does for each object.
func durableWrite(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, ".doctor-")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	began := time.Now()
	if _, err := f.Write(make([]byte, 4096)); err != nil {
		return "", err
	}
	if err := f.Sync(); err != nil {
		return "", err
	}
	return fmt.Sprintf("a durable write takes %v", time.Since(began).Round(10*time.Microsecond)), nil
}

func tryModel(ctx context.Context, c *config.Config) (string, error) {
	model, provider, err := openModel(ctx, c)
	if err != nil {
		return "", err
	}
	return model.Name() + " runs on " + provider, errors.Join(model.Warm(ctx), model.Close())
}

func tryPort(address string) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", err
	}
	return "free", l.Close()
}

func tryConnect(ctx context.Context, address string) (string, error) {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	return "takes connections", conn.Close()
}

// tryCase runs a node in a folder of its own, sends it a synthetic study with
// its report over the wire and waits for the verdicts.
func tryCase(ctx context.Context, c *config.Config) (string, error) {
	dir, err := os.MkdirTemp("", "concord-doctor-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	trial := *c
	trial.DataDir, trial.Index = filepath.Join(dir, "data"), ""
	trial.Mode, trial.Peers, trial.HL7Destinations = config.ModeShadow, nil, nil
	trial.DICOM.Listen, trial.HL7.Listen, trial.HTTP.Listen = "127.0.0.1:0", "127.0.0.1:0", ""
	trial.DICOM.TLSListen, trial.HL7.TLSListen = "", ""
	trial.DICOM.AcceptUnknownCallers, trial.HL7.Senders, trial.HL7.AcceptUnknownSenders = true, nil, true
	trial.Study.Quiet = config.Duration(10 * time.Millisecond)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type started struct {
		node  *node.Node
		ports listeners
	}
	up, ended := make(chan started, 1), make(chan error, 1)
	go func() {
		ended <- serve(ctx, &trial, configFlags{}, zap.NewNop(), func(n *node.Node, l listeners) { up <- started{n, l} })
	}()
	select {
	case err := <-ended:
		return "", err
	case s := <-up:
		found, err := sendCase(ctx, &trial, s.node, s.ports)
		cancel()
		return found, errors.Join(err, <-ended)
	}
}

func sendCase(ctx context.Context, c *config.Config, n *node.Node, ports listeners) (string, error) {
	client := &ae.Client{Calling: "DOCTOR", Called: c.DICOM.AETitle, Address: ports.dicom.Addr().String(), Timeout: checkTimeout}
	study := phantom.Make(1, 1)
	for _, object := range study.Objects {
		if err := storeFile(ctx, client, bytes.NewReader(object.Bytes), int64(len(object.Bytes))); err != nil {
			return "", fmt.Errorf("C-STORE: %w", err)
		}
	}
	sender := &mllp.Client{Address: ports.hl7.Addr().String(), Timeout: checkTimeout}
	defer sender.Close()
	if _, err := sender.Send(ctx, messageOf(study, study.Reports[0])); err != nil {
		return "", fmt.Errorf("HL7: %w", err)
	}
	for {
		cases, err := n.Cases(ctx, node.CaseFilter{State: node.Done, Limit: 1})
		if err != nil {
			return "", err
		}
		if len(cases) == 1 {
			return fmt.Sprintf("%d statements judged, %d flags", len(cases[0].Statements), len(cases[0].Flags)), nil
		}
		select {
		case <-ctx.Done():
			return "", errors.New("the case was not judged in time; see `concord serve`'s log")
		case <-time.After(10 * time.Millisecond):
		}
	}
}
