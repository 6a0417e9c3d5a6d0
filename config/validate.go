package config

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
)

// Bounds of numbers. The smallest PDU still holds a PDV with a whole command set; the largest bounds what one
// association may make the node buffer.
const (
	minPDU          = 4096
	maxPDU          = 16 << 20
	maxAssociations = 4096
	minHL7Message   = 64 << 10
	maxHL7Message   = 1 << 30
	maxPerMinute    = 100_000
	minFalseAlerts  = 0.1 // percent: its budget spans a thousand reports
	minAuditSpool   = 1 << 20
	maxAuditSpool   = 1 << 40
	maxAETitle      = 16 // PS3.5 6.2, value representation AE
)

// origins knows where the value of a key came from.
type origins struct {
	set  map[string]string // key → the override that set it last
	file string
	text []byte // of file
}

// of names the place that gave key its value: the override, the line of the file, or neither for a default.
func (o origins) of(key string) string {
	for k := key; k != ""; k = k[:max(0, strings.LastIndexAny(k, ".["))] {
		if place, ok := o.set[k]; ok {
			return place + ": "
		}
	}
	path, err := yaml.PathString("$." + key)
	if err != nil || o.file == "" {
		return ""
	}
	file, err := parser.ParseBytes(o.text, 0)
	if err != nil {
		return ""
	}
	if n, err := path.FilterFile(file); err == nil && n != nil {
		return fmt.Sprintf("%s:%d: ", o.file, n.GetToken().Position.Line)
	}
	return ""
}

// checker gathers what is wrong.
type checker struct {
	origins
	errs []error
}

// fail records that key is wrong; the text goes on after the key's name.
func (k *checker) fail(key, format string, args ...any) {
	k.errs = append(k.errs, fmt.Errorf("%s%s %s", k.of(key), key, fmt.Sprintf(format, args...)))
}

// validate reports every value that cannot work, each with its origin and what to do.
func (c *Config) validate(o origins) error {
	k := &checker{origins: o}
	if c.DataDir == "" {
		k.fail("data_dir", "is empty; name a folder")
	}
	if scheme, _, _ := strings.Cut(c.Index, "://"); c.Index != "" && scheme != "postgres" && scheme != "postgresql" {
		k.fail("index", "is no address of PostgreSQL; write postgres://user@host:5432/database, or leave it empty for SQLite in data_dir")
	}
	k.oneOf("mode", string(c.Mode), string(ModeLive), string(ModeShadow))
	if c.Site.Name == "" {
		k.fail("site.name", "is empty; give this installation a name, it is part of every UID made here")
	}
	k.oneOf("site.language", string(c.Site.Language), string(LanguageReport), string(LanguageEnglish), string(LanguageChinese))
	k.checkListeners(c)
	k.checkTLS(c)
	k.checkHTTP(c.HTTP)
	k.checkDestinations(c.HL7Destinations, k.checkPeers(c.Peers))
	for id, severity := range c.Report.Rules.Severity {
		k.oneOf("report.rules.severity."+id, severity, "info", "warning", "critical")
	}
	k.checkModel(c.Model)
	k.checkAudit(c.Audit)
	k.positive("study.quiet", c.Study.Quiet)
	k.positive("study.wait", c.Study.Wait)
	k.positive("study.expire", c.Study.Expire)
	k.positive("retention.keep", c.Retention.Keep)
	if c.Retention.Records < c.Retention.Keep {
		k.fail("retention.records", "is shorter than retention.keep; a case is of use as long as its images are here")
	}
	if c.Retention.HighWatermark == 0 {
		k.fail("retention.high_watermark", "is 0%%, which keeps nothing; write 90%%, or 100%% to use the whole disk")
	}
	return errors.Join(k.errs...)
}

func (k *checker) checkListeners(c *Config) {
	k.aeTitle("dicom.ae_title", c.DICOM.AETitle)
	k.between("dicom.max_pdu", c.DICOM.MaxPDU, minPDU, maxPDU)
	k.between("dicom.max_associations", c.DICOM.MaxAssociations, 1, maxAssociations)
	if c.HL7.DefaultCharset == "" {
		k.fail("hl7.default_charset", "is empty; name one of HL7 table 0211, such as UNICODE UTF-8")
	}
	k.between("hl7.max_message", int(c.HL7.MaxMessage), minHL7Message, maxHL7Message)
	k.checkSenders(c.HL7.Senders)
	taken := map[string]string{}
	for _, l := range []struct{ key, address string }{
		{"dicom.listen", c.DICOM.Listen}, {"hl7.listen", c.HL7.Listen}, {"http.listen", c.HTTP.Listen},
		{"dicom.tls_listen", c.DICOM.TLSListen}, {"hl7.tls_listen", c.HL7.TLSListen},
	} {
		if l.address == "" || !k.address(l.key, l.address) {
			continue
		}
		if _, port, _ := net.SplitHostPort(l.address); port != "0" {
			if other, ok := taken[l.address]; ok {
				k.fail(l.key, "is %s, which %s listens on already; choose another port", l.address, other)
			}
			taken[l.address] = l.key
		}
	}
}

var (
	hostName   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
	headerName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)
)

func (k *checker) checkHTTP(h HTTP) {
	for i, name := range h.Hosts {
		if !hostName.MatchString(name) {
			k.fail(fmt.Sprintf("http.hosts[%d]", i), "is %q; write a host name without port, such as concord.hospital.example", name)
		}
	}
	k.networks("http.trusted_proxies", h.TrustedProxies)
	switch {
	case h.UserHeader == "":
	case !headerName.MatchString(h.UserHeader):
		k.fail("http.user_header", "is %q; write the name of an HTTP header, such as X-Remote-User", h.UserHeader)
	case len(h.TrustedProxies) == 0:
		k.fail("http.user_header", "is believed of nobody; name the proxies that set it in http.trusted_proxies")
	}
}

// checkPeers returns the names that are taken.
func (k *checker) checkPeers(peers []Peer) (names []string) {
	for i, p := range peers {
		key := fmt.Sprintf("peers[%d]", i)
		names = k.name(key, p.Name, names)
		k.aeTitle(key+".ae_title", p.AETitle)
		k.caller(key, p)
		k.policy(key, p.Policy)
		k.archive(key, p)
		switch {
		case p.Address != "":
			k.dialable(key+".address", p.Address)
		case p.SendResults:
			k.fail(key+".address", "is missing; results cannot be sent without it, so give host:port or send_results: false")
		}
	}
	return names
}

// archive checks how a peer is queried.
func (k *checker) archive(key string, p Peer) {
	k.oneOf(key+".retrieve", string(p.Retrieve), "", string(RetrieveMove), string(RetrieveGet))
	if p.QueryAETitle != "" {
		k.aeTitle(key+".query_ae_title", p.QueryAETitle)
	}
	switch {
	case p.Retrieve != "" && !p.Query:
		k.fail(key+".retrieve", "is set, but nothing is asked for without a query; add query: true")
	case p.Query && p.Address == "":
		k.fail(key+".query", "needs an address; give host:port or query: false")
	case p.Commit && !p.SendResults:
		k.fail(key+".commit", "is set, but no results go there; add send_results: true")
	}
}

func (k *checker) checkDestinations(destinations []Destination, names []string) {
	for i, d := range destinations {
		key := fmt.Sprintf("hl7_destinations[%d]", i)
		names = k.name(key, d.Name, names)
		k.dialable(key+".address", d.Address)
		k.policy(key, d.Policy)
		k.oneOf(key+".version", d.Version, defaultVersion, "2.4", "2.3.1")
		k.oneOf(key+".status", d.Status, defaultStatus, "P", "F")
		k.oneOf(key+".layout", d.Layout, LayoutCoded, LayoutFlags, LayoutText)
	}
}

func (k *checker) policy(key string, p Policy) {
	k.oneOf(key+".send", p.Send, "", SendAlways, SendFlagged)
	k.oneOf(key+".min_severity", p.MinSeverity, "", "info", "warning", "critical")
	if p.MaxFalseAlerts > 0 && p.MaxFalseAlerts < minFalseAlerts {
		k.fail(key+".max_false_alerts", "is below %v%%; write 0.1%% (one in a thousand reports) or more", minFalseAlerts)
	}
	k.oneOf(key+".language", string(p.Language), "", string(LanguageReport), string(LanguageEnglish), string(LanguageChinese))
	k.between(key+".per_minute", p.PerMinute, 0, maxPerMinute)
}

func (k *checker) checkAudit(a Audit) {
	if a.Address != "" {
		k.dialable("audit.address", a.Address)
	}
	k.oneOf("audit.transport", a.Transport, AuditTLS, AuditUDP)
	k.between("audit.spool", int(a.Spool), minAuditSpool, maxAuditSpool)
}

// name checks the name of a list's item, and returns the names seen so far.
func (k *checker) name(key, name string, seen []string) []string {
	switch {
	case name == "":
		k.fail(key+".name", "is missing; give the entry a short name, it appears in logs and on the page")
	case slices.Contains(seen, name):
		k.fail(key+".name", "is %s, as that of an entry before it; names must differ", name)
	}
	return append(seen, name)
}

// aeTitle checks PS3.5 6.2: 1 to 16 characters of the default repertoire, no backslash, no control characters; leading
// and trailing spaces are not significant, so they are taken for a slip.
func (k *checker) aeTitle(key, title string) {
	allowed := func(r rune) bool { return r >= ' ' && r <= '~' && r != '\\' }
	switch {
	case strings.TrimSpace(title) == "":
		k.fail(key, "is empty; DICOM wants 1 to %d characters", maxAETitle)
	case strings.IndexFunc(title, func(r rune) bool { return !allowed(r) }) >= 0:
		k.fail(key, "has a character that DICOM does not allow in it; use letters, digits, '-' and '_'")
	case len(title) > maxAETitle:
		k.fail(key, "is %d characters; DICOM allows %d; shorten it", len(title), maxAETitle)
	case strings.TrimSpace(title) != title:
		k.fail(key, "begins or ends with a space; remove it")
	}
}

// address checks host:port, and tells whether it can be used.
func (k *checker) address(key, address string) bool {
	_, port, err := net.SplitHostPort(address)
	if n, bad := strconv.Atoi(port); err != nil || bad != nil || n < 0 || n > 65535 {
		k.fail(key, "is %q; write host:port, such as 127.0.0.1:11112", address)
		return false
	}
	return true
}

// dialable checks the host:port of somebody else.
func (k *checker) dialable(key, address string) {
	if !k.address(key, address) {
		return
	}
	if host, port, _ := net.SplitHostPort(address); host == "" || port == "0" {
		k.fail(key, "is %q; a receiver needs a host and a port other than 0", address)
	}
}

func (k *checker) oneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		k.fail(key, "is %q; write %s", value, strings.Join(allowed, " or "))
	}
}

func (k *checker) between(key string, value, low, high int) {
	if value < low || value > high {
		k.fail(key, "is %d; write %d to %d", value, low, high)
	}
}

func (k *checker) positive(key string, d Duration) {
	if d <= 0 {
		k.fail(key, "is not longer than 0; write a duration such as 60s or 72h")
	}
}
