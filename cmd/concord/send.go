package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"concord/config"
	"concord/dicom"
	"concord/dicom/ae"
	"concord/hl7"
	"concord/hl7/mllp"
)

// target is a DICOM peer named on the command line.
type target struct {
	configFlags
	Peer string `arg:"" help:"A configured peer's name, or AETITLE@host:port."`
}

func (t target) client() (*ae.Client, error) {
	c, err := t.load()
	if err != nil {
		return nil, err
	}
	now, err := networkOf(c)
	if err != nil {
		return nil, err
	}
	if title, address, ok := strings.Cut(t.Peer, "@"); ok {
		return now.client(config.Peer{AETitle: title, Address: address}, nil), nil
	}
	if p, ok := now.named(t.Peer); ok && p.Address != "" {
		return now.client(p, nil), nil
	}
	return nil, fmt.Errorf("no peer %q with an address; name one of the configuration or write AETITLE@host:port", t.Peer)
}

type echoCommand struct{ target }

// Run verifies the peer.
func (e echoCommand) Run(ctx context.Context) error {
	client, err := e.client()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := echo(ctx, client); err != nil {
		return err
	}
	fmt.Printf("%s at %s answered C-ECHO in %v\n", client.Called, client.Address, time.Since(began).Round(time.Microsecond))
	return nil
}

func echo(ctx context.Context, client *ae.Client) error {
	association, err := client.Dial(ctx, []ae.Context{{SOPClass: dicom.VerificationSOPClass,
		TransferSyntaxes: []string{dicom.ImplicitVRLittleEndian}}})
	if err != nil {
		return err
	}
	return errors.Join(association.Echo(ctx), association.Release(ctx))
}

type sendCommand struct {
	target
	Files []string `arg:"" help:"DICOM files." type:"existingfile"`
}

// Run stores the files one after another, each as it is on disk.
func (s sendCommand) Run(ctx context.Context) error {
	client, err := s.client()
	if err != nil {
		return err
	}
	var failed int
	for _, path := range s.Files {
		if err := sendFile(ctx, client, path); err != nil {
			failed++
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			continue
		}
		fmt.Printf("%s: stored\n", path)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d files were not stored", failed, len(s.Files))
	}
	return nil
}

func sendFile(ctx context.Context, client *ae.Client, path string) error {
	f, err := openFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return storeFile(ctx, client, f, f.Size())
}

type hl7SendCommand struct {
	configFlags
	TLS         bool     `help:"Send by TLS to host:port, with the certificate of the configuration." name:"tls"`
	Destination string   `arg:"" help:"A configured destination's name, or host:port."`
	Files       []string `arg:"" help:"HL7 files; the messages of a batch are sent one by one." type:"existingfile"`
}

// Run sends the messages one after another and prints each acknowledgement.
func (h hl7SendCommand) Run(ctx context.Context) error {
	c, err := h.load()
	if err != nil {
		return err
	}
	now, err := networkOf(c)
	if err != nil {
		return err
	}
	client := now.messenger(h.destination(c))
	defer client.Close()
	var failures []error
	for _, path := range h.Files {
		file, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for message := range hl7.Split(file) {
			ack, err := sendMessage(ctx, client, message)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			fmt.Printf("%s: %s %s %s\n", path, ack.Code, ack.ControlID, ack.Text)
			if !ack.Accepted() {
				failures = append(failures, fmt.Errorf("%s: message %s was answered %s", path, ack.ControlID, ack.Code))
			}
		}
	}
	return errors.Join(failures...)
}

func sendMessage(ctx context.Context, client *mllp.Client, message []byte) (hl7.Ack, error) {
	answer, err := client.Send(ctx, message)
	if err != nil {
		return hl7.Ack{}, err
	}
	ack, err := hl7.ParseAck(answer)
	if err != nil {
		return hl7.Ack{}, fmt.Errorf("the answer is no acknowledgement: %w", err)
	}
	return ack, nil
}

// destination is a configured one, or an address.
func (h hl7SendCommand) destination(c *config.Config) config.Destination {
	for _, d := range c.HL7Destinations {
		if d.Name == h.Destination {
			return d
		}
	}
	return config.Destination{Address: h.Destination, TLS: h.TLS}
}
