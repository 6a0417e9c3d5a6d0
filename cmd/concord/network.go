package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"concord/config"
	"concord/dicom/ae"
	"concord/hl7"
)

// Peers is whom the node talks with: its own AE title, its DICOM peers and HL7
// destinations, and the certificates. They change while the node runs: with
// the configuration's file, and by Replace. The newest change counts: what
// Replace set is kept in the data folder over restarts until the file names
// other peers.
type Peers struct {
	Log     *zap.Logger
	Changed func() // called after each change, one at a time
	// Reloaded is called with what the files say after each time that they were read again.
	Reloaded func(*config.Config)

	files  configFlags
	now    atomic.Pointer[network]
	mu     sync.Mutex // of changes
	loaded string     // digest of the network that the configuration names
}

// network is one state of Peers.
type network struct {
	*config.Config
	security
}

// newPeers begins with a configuration that files gave.
func newPeers(c *config.Config, files configFlags, log *zap.Logger) (*Peers, error) {
	p := &Peers{Log: log, Changed: func() {}, Reloaded: func(*config.Config) {}, files: files}
	var err error
	if p.loaded, err = c.Network().Digest(); err != nil {
		return nil, err
	}
	if replaced := p.replacement(c); replaced != nil {
		c = replaced
	}
	return p, p.use(c)
}

// networkOf is the network of a configuration that does not change.
func networkOf(c *config.Config) (*network, error) {
	for i, d := range c.HL7Destinations {
		if err := hl7.CheckCharset(d.Charset); err != nil {
			return nil, fmt.Errorf("hl7_destinations[%d].charset: %w", i, err)
		}
	}
	s, err := newSecurity(c.TLS)
	return &network{c, s}, err
}

// use makes a configuration the current one.
func (p *Peers) use(c *config.Config) error {
	n, err := networkOf(c)
	if err == nil {
		p.now.Store(n)
	}
	return err
}

func (p *Peers) current() *network { return p.now.Load() }

// List returns the network as JSON, with the keys of the configuration.
func (p *Peers) List() ([]byte, error) { return p.current().Network().JSON() }

// Replace changes the network: JSON or YAML with the keys of List; what it
// leaves out stays. The change is durable when it returns.
func (p *Peers) Replace(_ context.Context, text []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, err := p.current().WithNetwork(text)
	if err != nil {
		return err
	}
	if err := p.keep(c); err != nil {
		return err
	}
	if err := p.use(c); err != nil {
		return err
	}
	p.Log.Info("AE title, peers and destinations were replaced", zap.Int("peers", len(c.Peers)), zap.Int("hl7_destinations", len(c.HL7Destinations)))
	p.Changed()
	return nil
}

// kept is the file that remembers a Replace.
type kept struct {
	Instead string          `json:"instead"` // digest of the configuration's network that it replaces
	Network json.RawMessage `json:"network"`
}

func (p *Peers) keptFile(c *config.Config) string { return filepath.Join(c.DataDir, "network.json") }

func (p *Peers) keep(c *config.Config) error {
	text, err := c.Network().JSON()
	if err != nil {
		return err
	}
	if text, err = json.Marshal(kept{p.loaded, text}); err != nil {
		return err
	}
	return writeDurably(p.keptFile(c), text)
}

// replacement is the configuration with what Replace set before, nil if the
// configuration has changed since.
func (p *Peers) replacement(c *config.Config) *config.Config {
	text, err := os.ReadFile(p.keptFile(c))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var k kept
	if err == nil {
		err = json.Unmarshal(text, &k)
	}
	if err == nil && k.Instead != p.loaded {
		return nil
	}
	var replaced *config.Config
	if err == nil {
		replaced, err = c.WithNetwork(k.Network)
	}
	if err != nil {
		p.Log.Error("the peers that were set at run time cannot be read; those of the configuration are used", zap.Error(err))
	}
	return replaced
}

// writeDurably replaces a file by name; a crash leaves the old or the new one.
func writeDurably(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// reload reads the configuration again and uses its network, unless it names
// the one that it named before. Its other keys wait for a restart.
func (p *Peers) reload() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, err := p.files.load()
	if err != nil {
		return err
	}
	digest, err := c.Network().Digest()
	if err != nil {
		return err
	}
	now := *p.current().Config
	now.TLS = c.TLS
	if digest != p.loaded {
		now.DICOM.AETitle, now.Peers, now.HL7Destinations = c.DICOM.AETitle, c.Peers, c.HL7Destinations
	}
	if err := p.use(&now); err != nil {
		return err
	}
	p.loaded = digest
	p.Log.Info("the configuration was read again: AE title, peers, destinations, certificates and model packs take effect, its other keys at the next start",
		zap.Int("peers", len(now.Peers)), zap.Int("hl7_destinations", len(now.HL7Destinations)))
	p.Changed()
	p.Reloaded(c)
	return nil
}

// watchEach is how often the files are looked at.
const watchEach = 2 * time.Second

// watch reloads on SIGHUP and when a file changed, until ctx ends.
func (p *Peers) watch(ctx context.Context) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	tick := time.NewTicker(watchEach)
	defer tick.Stop()
	seen := p.filesState()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
		case <-tick.C:
			if p.filesState() == seen {
				continue
			}
		}
		seen = p.filesState()
		if err := p.reload(); err != nil {
			p.Log.Error("the changed configuration cannot be used; the node goes on with the one before", zap.Error(err))
		}
	}
}

// filesState changes when one of the watched files does.
func (p *Peers) filesState() string {
	c := p.current().TLS
	var state strings.Builder
	for _, path := range []string{p.files.Config, c.Certificate, c.Key, c.CA} {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintln(&state, path, info.ModTime().UnixNano(), info.Size())
		}
	}
	return state.String()
}

// serverTLS is the configuration of a TLS listener; each handshake uses the
// certificates of its time.
func (p *Peers) serverTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if in := p.current().in; in != nil {
			return in, nil
		}
		return nil, errors.New("no certificate is configured any more (tls.certificate)")
	}}
}

// client calls a peer.
func (n *network) client(p config.Peer, log *zap.Logger) *ae.Client {
	c := &ae.Client{Calling: n.DICOM.AETitle, Called: p.AETitle, Address: p.Address, Timeout: sendTimeout, Log: log}
	if p.TLS {
		c.TLSConfig = n.out
	}
	return c
}

// named finds a peer by its name.
func (n *network) named(name string) (config.Peer, bool) {
	i := slices.IndexFunc(n.Peers, func(p config.Peer) bool { return p.Name == name })
	if i < 0 {
		return config.Peer{}, false
	}
	return n.Peers[i], true
}

// caller finds the peer that calls by an AE title from an address. titled says
// whether any peer has the title.
func (n *network) caller(title string, from netip.Addr) (found *config.Peer, titled bool) {
	for i := range n.Peers {
		p := &n.Peers[i]
		if p.AETitle != title && !slices.Contains(p.AETitles, title) {
			continue
		}
		titled = true
		if len(p.Allow) == 0 || config.Holds(p.Allow, from) {
			return p, true
		}
	}
	return nil, titled
}

func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// parseAddr reads an address of addrOf; the zero one is none of a peer's.
func parseAddr(text string) netip.Addr {
	a, _ := netip.ParseAddr(text)
	return a.Unmap()
}
