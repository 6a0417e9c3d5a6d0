// Package config is Concord's configuration: its keys, their defaults, and what is wrong with a value.
//
// Start with Load. It reads four layers, each over the one before: the built-in defaults (default.yaml, which also
// explains every key; DefaultYAML returns it), a YAML file, CONCORD_… variables of the environment, and --set key=value
// arguments. The YAML is strict: a key that does not exist is an error that shows its line. Load may be called again at
// any time to reload; a Config is never changed after it was returned.
package config

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
)

// Config is the whole configuration. Its zero value is not usable; take it from Load.
type Config struct {
	DataDir         string        `yaml:"data_dir"` // folder of objects, reports, cases and verdicts
	Index           string        `yaml:"index"`    // address of PostgreSQL, which may hold a password; empty: SQLite in DataDir
	Mode            Mode          `yaml:"mode"`
	Site            Site          `yaml:"site"`
	DICOM           DICOM         `yaml:"dicom"`
	HL7             HL7           `yaml:"hl7"`
	HTTP            HTTP          `yaml:"http"`
	TLS             TLS           `yaml:"tls"`
	Peers           []Peer        `yaml:"peers"`
	HL7Destinations []Destination `yaml:"hl7_destinations"`
	Report          Report        `yaml:"report"`
	Model           Model         `yaml:"model"`
	Study           Study         `yaml:"study"`
	Retention       Retention     `yaml:"retention"`
	Audit           Audit         `yaml:"audit"`
}

// Mode says whether results leave the node.
type Mode string

// The modes: ModeShadow judges and records like ModeLive and sends nothing.
const (
	ModeLive   Mode = "live"
	ModeShadow Mode = "shadow"
)

// Site names the installation.
type Site struct {
	Name     string   `yaml:"name"`     // part of every UID that is made here; stable
	Issuer   string   `yaml:"issuer"`   // assigning authority of identifiers that come without one; may be empty
	Language Language `yaml:"language"` // of flags and summaries
}

// Language is the language of what Concord writes.
type Language string

// The languages: LanguageReport answers each report in its own.
const (
	LanguageReport  Language = "report"
	LanguageEnglish Language = "en"
	LanguageChinese Language = "zh"
)

// DICOM is the storage service of this node.
type DICOM struct {
	AETitle                 string `yaml:"ae_title"`                   // 1 to 16 characters
	Listen                  string `yaml:"listen"`                     // host:port; empty: do not listen
	TLSListen               string `yaml:"tls_listen"`                 // the same by TLS
	AcceptUnknownCallers    bool   `yaml:"accept_unknown_callers"`     // false: only the AE titles of Peers may call
	AcceptUnknownSOPClasses bool   `yaml:"accept_unknown_sop_classes"` // true: keep storage classes that are not known
	MaxPDU                  int    `yaml:"max_pdu"`                    // bytes, without the 6-byte header
	MaxAssociations         int    `yaml:"max_associations"`           // served at once
}

// HL7 is the MLLP listener.
type HL7 struct {
	Listen               string   `yaml:"listen"`                 // host:port; empty: do not listen
	TLSListen            string   `yaml:"tls_listen"`             // the same by TLS
	DefaultCharset       string   `yaml:"default_charset"`        // for messages without MSH-18, in the words of HL7 table 0211
	MaxMessage           Size     `yaml:"max_message"`            // bytes
	AcceptUnknownSenders bool     `yaml:"accept_unknown_senders"` // false: only Senders may send
	Senders              []Sender `yaml:"senders"`
	Mapping              Mapping  `yaml:"mapping"`
}

// Sender is a system that sends HL7 messages from addresses of its own.
type Sender struct {
	Name           string   `yaml:"name"`
	Allow          []string `yaml:"allow"`           // IP addresses and networks that it sends from
	TLS            bool     `yaml:"tls"`             // it sends by TLS only
	DefaultCharset string   `yaml:"default_charset"` // of its messages without MSH-18; empty: as of anybody
	Charset        string   `yaml:"charset"`         // of all its messages, whatever MSH-18 says; empty: as they say
}

// Mapping says where this site's messages keep what joins a report to its study. Paths are written OBR-18 or
// PID-3[2].4.1; a list is searched in order, and an empty one means the default.
type Mapping struct {
	Accession            []string `yaml:"accession"`
	StudyUID             []string `yaml:"study_uid"`
	RequestedProcedureID []string `yaml:"requested_procedure_id"`
	Modality             []string `yaml:"modality"`

	PatientAuthorities []string `yaml:"patient_authorities"` // CX.4 of the patient ID that the images carry
	PatientIDTypes     []string `yaml:"patient_id_types"`    // CX.5, when no authority is named

	AccessionStrip Strip `yaml:"accession_strip"` // of messages and of images
	PatientIDStrip Strip `yaml:"patient_id_strip"`

	Sections map[string]string `yaml:"sections"` // OBX-3 in lower case → findings, impression, addendum, technique, …
}

// Strip takes off what one side adds to an identifier.
type Strip struct {
	Prefixes     []string `yaml:"prefixes"` // the first that fits
	Suffixes     []string `yaml:"suffixes"`
	LeadingZeros bool     `yaml:"leading_zeros"`
}

// HTTP is the page, the API and the metrics.
type HTTP struct {
	Listen         string   `yaml:"listen"`          // host:port; empty: do not listen
	Hosts          []string `yaml:"hosts"`           // names by which it is called
	UserHeader     string   `yaml:"user_header"`     // in which a trusted proxy names its user; empty: users stay unknown
	TrustedProxies []string `yaml:"trusted_proxies"` // IP addresses and networks
}

// Peer is a DICOM application that Concord knows.
type Peer struct {
	Name     string   `yaml:"name"`      // unique among the peers
	AETitle  string   `yaml:"ae_title"`  // that it is called by; 1 to 16 characters
	AETitles []string `yaml:"ae_titles"` // further ones that it calls by
	Address  string   `yaml:"address"`   // host:port; empty: a peer that only sends
	TLS      bool     `yaml:"tls"`       // it is called by TLS and calls by TLS

	Allow            []string `yaml:"allow"`             // IP addresses and networks that it calls from; empty: any
	MaxAssociations  int      `yaml:"max_associations"`  // of its own at once; 0: as many as any caller
	SOPClasses       []string `yaml:"sop_classes"`       // that it may store; empty: all
	TransferSyntaxes []string `yaml:"transfer_syntaxes"` // that it may store in; empty: all

	SendResults bool `yaml:"send_results"`
	Commit      bool `yaml:"commit"` // results are asked storage commitment for

	Query        bool     `yaml:"query"`          // it is asked what a study holds (C-FIND)
	QueryAETitle string   `yaml:"query_ae_title"` // that it is queried by; empty: ae_title
	Retrieve     Retrieve `yaml:"retrieve"`       // how it sends what is missing; empty: it is not asked to

	Policy `yaml:",inline"`
}

// Retrieve is the service by which a peer sends what it is asked for.
type Retrieve string

// The choices of Retrieve: with RetrieveMove the peer has to know this node's AE title and address.
const (
	RetrieveMove Retrieve = "move"
	RetrieveGet  Retrieve = "get"
)

// Policy says which results a receiver gets, and when.
type Policy struct {
	Send            string   `yaml:"send"`             // SendAlways (if empty) or SendFlagged
	MinSeverity     string   `yaml:"min_severity"`     // of SendFlagged: info (if empty), warning or critical
	MaxFalseAlerts  Percent  `yaml:"max_false_alerts"` // among reports; 0%: no limit
	Language        Language `yaml:"language"`         // of results; empty: site.language
	HoldPreliminary bool     `yaml:"hold_preliminary"` // nothing for reports that are not final
	PerMinute       int      `yaml:"per_minute"`       // at most; 0: no limit
	Hours           Hours    `yaml:"hours"`            // time of day, local; empty: always
}

// The choices of Policy.Send.
const (
	SendAlways  = "always"
	SendFlagged = "flagged"
)

// Destination is an MLLP receiver of the ORU messages with the flags.
type Destination struct {
	Name        string `yaml:"name"`    // unique among the destinations
	Address     string `yaml:"address"` // host:port
	TLS         bool   `yaml:"tls"`
	SendResults bool   `yaml:"send_results"`
	Version     string `yaml:"version"` // 2.5.1, 2.4 or 2.3.1
	Status      string `yaml:"status"`  // OBR-25 and OBX-11: R, P or F
	Charset     string `yaml:"charset"` // MSH-18, in the words of HL7 table 0211
	Layout      string `yaml:"layout"`  // LayoutCoded, LayoutFlags or LayoutText
	Policy      `yaml:",inline"`
}

// The layouts of ORU messages.
const (
	LayoutCoded = "coded" // coded rows for each statement and flag
	LayoutFlags = "flags" // one text for each flag
	LayoutText  = "text"  // one text
)

// Report is how reports are read and checked without a model.
type Report struct {
	Rules Rules  `yaml:"rules"`
	Terms string `yaml:"terms"` // YAML file of the site's own terms; empty: none
}

// Rules tunes the rules; `concord rules` lists them.
type Rules struct {
	Off      []string          `yaml:"off"`      // rule IDs (LAT-001) or codes (CC101)
	Severity map[string]string `yaml:"severity"` // rule ID or code → info, warning or critical
}

// Study says when a study counts as complete and when a case is given up.
type Study struct {
	Quiet  Duration `yaml:"quiet"`  // no object came for this long: complete
	Wait   Duration `yaml:"wait"`   // and so long more while instances that were announced are missing
	Expire Duration `yaml:"expire"` // the other half of the case did not come for this long: given up
}

// Retention says how long images and reports are kept.
type Retention struct {
	Keep          Duration `yaml:"keep"`           // of images and messages, after the case is finished
	Records       Duration `yaml:"records"`        // of texts, verdicts, results and timelines
	HighWatermark Percent  `yaml:"high_watermark"` // used share of the disk from which on they go early
}

// Audit is the audit repository that learns who sent, got and read what.
type Audit struct {
	Address   string `yaml:"address"`   // host:port; empty: no audit trail
	Transport string `yaml:"transport"` // AuditTLS or AuditUDP
	Spool     Size   `yaml:"spool"`     // what may wait for the repository
}

// The transports of audit messages.
const (
	AuditTLS = "tls"
	AuditUDP = "udp"
)

// What a destination gets that leaves its version, status or character set out.
const (
	defaultVersion = "2.5.1"
	defaultStatus  = "R"
	defaultCharset = "UNICODE UTF-8"
)

//go:embed default.yaml
var defaultYAML string

// DefaultYAML returns the built-in defaults as the commented YAML file that they are.
func DefaultYAML() string { return defaultYAML }

// Load reads the configuration: the defaults, the YAML file at path (none if path is empty), the CONCORD_… variables of
// environ ("NAME=value", as os.Environ gives them) and sets ("key=value" with a YAML value, the arguments of --set).
// The error names every wrong value with the place it came from, and what to do about it.
func Load(path string, sets, environ []string) (*Config, error) {
	c := new(Config)
	if err := decode(defaultYAML, c); err != nil {
		return nil, fmt.Errorf("built-in defaults: %w", err)
	}
	origin := origins{set: map[string]string{}}
	if path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("cannot read the configuration: %w", err)
		}
		if err := decode(string(text), c); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		origin.file, origin.text = path, text
	}
	if err := c.applyEnviron(environ, origin.set); err != nil {
		return nil, err
	}
	if err := c.applySets(sets, origin.set); err != nil {
		return nil, err
	}
	c.fillDestinations()
	if err := c.validate(origin); err != nil {
		return nil, err
	}
	return c, nil
}

// fillDestinations gives destinations what they left out: a list item has no defaults of its own in the YAML.
func (c *Config) fillDestinations() {
	for i := range c.HL7Destinations {
		d := &c.HL7Destinations[i]
		d.Version = cmp.Or(d.Version, defaultVersion)
		d.Status = cmp.Or(d.Status, defaultStatus)
		d.Charset = cmp.Or(d.Charset, defaultCharset)
		d.Layout = cmp.Or(d.Layout, LayoutCoded)
	}
}

// decode reads YAML text over what v already holds: keys that the text leaves out keep their value, lists are replaced.
func decode(text string, v any) (err error) {
	// The YAML library panics on some texts, such as 'peers: !tag' with nothing after it; a reload must survive them.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("cannot be read as YAML (%v); look for tags (!…) and values that are missing", r)
		}
	}()
	if blank(text) {
		return nil // the library would empty v
	}
	if err := yaml.UnmarshalWithOptions([]byte(text), v, yaml.Strict()); err != nil {
		return errors.New(yaml.FormatError(plainWords(err), false, true))
	}
	return nil
}

// blank says whether YAML text has nothing but comments.
func blank(text string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return false
		}
	}
	return true
}

// plainWords says an error of the YAML library in an operator's words; the line it shows stays.
func plainWords(err error) error {
	var unknown *yaml.UnknownFieldError
	if errors.As(err, &unknown) {
		return &yaml.SyntaxError{Message: unknown.Message + "; check its spelling and its indentation", Token: unknown.Token}
	}
	var mismatch *yaml.TypeError
	if errors.As(err, &mismatch) {
		return &yaml.SyntaxError{Message: "wrong kind of value; give " + kindInWords(mismatch.DstType), Token: mismatch.Token}
	}
	return err
}
