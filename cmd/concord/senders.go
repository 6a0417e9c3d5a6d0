package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"go.uber.org/zap"

	"concord/config"
	"concord/hl7"
	"concord/hl7/mllp"
	"concord/node"
)

// senders are those who send HL7 messages, told apart by their addresses.
type senders struct{ config.HL7 }

// from finds who sends from an address, nil when it is nobody in particular.
func (s senders) from(address netip.Addr) *config.Sender {
	for i := range s.Senders {
		if config.Holds(s.Senders[i].Allow, address) {
			return &s.Senders[i]
		}
	}
	return nil
}

// named finds a sender by its name.
func (s senders) named(name string) (*config.Sender, error) {
	for i := range s.Senders {
		if s.Senders[i].Name == name {
			return &s.Senders[i], nil
		}
	}
	return nil, fmt.Errorf("hl7.senders has no %q; name one of them", name)
}

// allow says why a connection may not be.
func (s senders) allow(from net.Addr, byTLS bool) error {
	sender := s.from(addrOf(from))
	switch {
	case sender == nil && !s.AcceptUnknownSenders:
		return errors.New("the address is not that of a sender; add it to hl7.senders or set hl7.accept_unknown_senders")
	case sender != nil && sender.TLS && !byTLS:
		return fmt.Errorf("%s has to send by TLS; let it use the port of hl7.tls_listen", sender.Name)
	}
	return nil
}

// options says how the messages of a connection, named as package mllp names
// it, are read.
func (s senders) options(connection string) hl7.Options {
	remote, _, _ := strings.Cut(connection, ">")
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return s.optionsOf(nil)
	}
	return s.optionsOf(s.from(from.Addr().Unmap()))
}

func (s senders) optionsOf(sender *config.Sender) hl7.Options {
	if sender == nil {
		return hl7.Options{DefaultCharset: s.DefaultCharset}
	}
	return hl7.Options{DefaultCharset: cmp.Or(sender.DefaultCharset, s.DefaultCharset), Charset: sender.Charset}
}

// messageServer takes what the senders send.
func messageServer(s senders, n *node.Node, trail *auditTrail, log *zap.Logger) *mllp.Server {
	return &mllp.Server{MaxMessage: int(s.MaxMessage), Allow: s.allow, Log: log,
		Handle: func(ctx context.Context, p mllp.Peer, raw []byte) []byte {
			ack := n.ReceiveMessage(ctx, p.Name, raw)
			trail.messageReceived(p, raw, ack)
			return ack
		}}
}

// check refuses at the start what would quarantine every message.
func (s senders) check() error {
	sets := map[string]string{"default_charset": s.DefaultCharset}
	for i, sender := range s.Senders {
		sets[fmt.Sprintf("senders[%d].default_charset", i)] = sender.DefaultCharset
		sets[fmt.Sprintf("senders[%d].charset", i)] = sender.Charset
	}
	for key, name := range sets {
		if name == "" {
			continue
		}
		if err := hl7.CheckCharset(name); err != nil {
			return fmt.Errorf("hl7.%s: %w", key, err)
		}
	}
	if err := mappingOf(s.Mapping).Validate(); err != nil {
		return fmt.Errorf("hl7.mapping: %w", err)
	}
	return nil
}
