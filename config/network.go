package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/goccy/go-yaml"
)

// TLS is this node's certificate and whom it trusts (PEM files).
type TLS struct {
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
	CA          string `yaml:"ca"` // with it callers must show a certificate of these authorities
}

// Network is what may change while the node runs: its AE title, and whom it talks with.
type Network struct {
	AETitle         string        `yaml:"ae_title"`
	Peers           []Peer        `yaml:"peers"`
	HL7Destinations []Destination `yaml:"hl7_destinations"`
}

// Network returns the part of the configuration that may change while the node runs.
func (c *Config) Network() Network {
	return Network{AETitle: c.DICOM.AETitle, Peers: c.Peers, HL7Destinations: c.HL7Destinations}
}

// WithNetwork returns a copy of the configuration with another network, given as YAML or JSON with the keys of Network;
// what the text leaves out stays. The error names every wrong value.
func (c *Config) WithNetwork(text []byte) (*Config, error) {
	n := c.Network()
	n.Peers, n.HL7Destinations = slices.Clone(n.Peers), slices.Clone(n.HL7Destinations)
	if err := decode(string(text), &n); err != nil {
		return nil, err
	}
	changed := *c
	changed.DICOM.AETitle, changed.Peers, changed.HL7Destinations = n.AETitle, n.Peers, n.HL7Destinations
	changed.fillDestinations()
	if err := changed.validate(origins{}); err != nil {
		return nil, err
	}
	return &changed, nil
}

// JSON writes the network with the keys of the YAML.
func (n Network) JSON() ([]byte, error) { return yaml.MarshalWithOptions(n, yaml.JSON()) }

// Digest tells one network from another.
func (n Network) Digest() (string, error) {
	text, err := n.JSON()
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

// MarshalYAML writes the share as UnmarshalYAML reads it.
func (p Percent) MarshalYAML() (any, error) {
	return strconv.FormatFloat(float64(p), 'f', -1, 64) + "%", nil
}

// MarshalYAML writes the span as UnmarshalYAML reads it.
func (h Hours) MarshalYAML() (any, error) {
	if h.From == h.To {
		return "", nil
	}
	midnight := time.Time{}
	return midnight.Add(h.From).Format("15:04") + "-" + midnight.Add(h.To).Format("15:04"), nil
}

var uid = regexp.MustCompile(`^[0-9]+(\.[0-9]+)+$`)

// caller checks how a peer may call.
func (k *checker) caller(key string, p Peer) {
	for i, title := range p.AETitles {
		k.aeTitle(fmt.Sprintf("%s.ae_titles[%d]", key, i), title)
	}
	k.networks(key+".allow", p.Allow)
	for name, uids := range map[string][]string{"sop_classes": p.SOPClasses, "transfer_syntaxes": p.TransferSyntaxes} {
		for i, u := range uids {
			if len(u) > 64 || !uid.MatchString(u) {
				k.fail(fmt.Sprintf("%s.%s[%d]", key, name, i), "is %q; write a UID such as 1.2.840.10008.1.2.1", u)
			}
		}
	}
	k.between(key+".max_associations", p.MaxAssociations, 0, maxAssociations)
}

func (k *checker) networks(key string, list []string) {
	for i, text := range list {
		if _, err := ParseNetwork(text); err != nil {
			k.fail(fmt.Sprintf("%s[%d]", key, i), "is %q; write an IP address such as 10.0.0.7 or a network such as 10.0.0.0/24", text)
		}
	}
}

// checkSenders checks who sends HL7 messages.
func (k *checker) checkSenders(senders []Sender) {
	var names []string
	for i, s := range senders {
		key := fmt.Sprintf("hl7.senders[%d]", i)
		names = k.name(key, s.Name, names)
		if len(s.Allow) == 0 {
			k.fail(key+".allow", "is empty; give the IP addresses or networks that the sender is known by")
		}
		k.networks(key+".allow", s.Allow)
	}
}

// Holds says whether an address is in one of the networks, which are written as ParseNetwork reads them.
func Holds(networks []string, address netip.Addr) bool {
	return slices.ContainsFunc(networks, func(text string) bool {
		network, err := ParseNetwork(text)
		return err == nil && network.Contains(address)
	})
}

// ParseNetwork reads an IP address or a network in CIDR notation.
func ParseNetwork(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}

// checkTLS checks that what is to speak TLS can.
func (k *checker) checkTLS(c *Config) {
	for key, file := range map[string]string{"tls.certificate": c.TLS.Certificate, "tls.key": c.TLS.Key, "tls.ca": c.TLS.CA} {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			k.fail(key, "cannot be read (%v); give the path of a PEM file", err)
		}
	}
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		k.fail("tls.key", "and tls.certificate belong together; give both")
	}
	for key, address := range map[string]string{"dicom.tls_listen": c.DICOM.TLSListen, "hl7.tls_listen": c.HL7.TLSListen} {
		if address != "" && c.TLS.Certificate == "" {
			k.fail(key, "needs a certificate; give tls.certificate and tls.key")
		}
	}
}
