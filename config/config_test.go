package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// contract is the configuration that DESIGN promises, as a value: default.yaml has to say the same.
func contract() *Config {
	return &Config{
		DataDir:         "./concord-data",
		Mode:            ModeLive,
		Site:            Site{Name: "concord", Language: LanguageReport},
		DICOM:           DICOM{AETitle: "CONCORD", Listen: "127.0.0.1:11112", AcceptUnknownCallers: true, MaxPDU: 131072, MaxAssociations: 64},
		HL7:             HL7{Listen: "127.0.0.1:2575", DefaultCharset: "UNICODE UTF-8", MaxMessage: 64 << 20, AcceptUnknownSenders: true, Senders: []Sender{}, Mapping: noMapping},
		HTTP:            HTTP{Listen: "127.0.0.1:8080", Hosts: []string{}, TrustedProxies: []string{}},
		Peers:           []Peer{{Name: "pacs", AETitle: "ORTHANC", Address: "127.0.0.1:4242", SendResults: true}},
		HL7Destinations: []Destination{{Name: "ris", Address: "127.0.0.1:2576", SendResults: true, Version: "2.5.1", Status: "R", Charset: "UNICODE UTF-8", Layout: LayoutCoded}},
		Report:          Report{Rules: Rules{Off: []string{}, Severity: map[string]string{}}},
		Model:           Model{Pack: PackBuiltin, Engine: EngineONNX, Device: "cpu", Options: map[string]string{}, Servers: []string{}, Deadline: Duration(5 * time.Minute), MaxImages: 8},
		Study:           Study{Quiet: Duration(time.Minute), Wait: Duration(10 * time.Minute), Expire: Duration(72 * time.Hour)},
		Retention:       Retention{Keep: Duration(72 * time.Hour), Records: Duration(87600 * time.Hour), HighWatermark: 90},
		Audit:           Audit{Transport: AuditTLS, Spool: 256 << 20},
	}
}

// noMapping has the empty lists of default.yaml.
var noMapping = Mapping{Accession: []string{}, StudyUID: []string{}, RequestedProcedureID: []string{}, Modality: []string{},
	PatientAuthorities: []string{}, PatientIDTypes: []string{}, Sections: map[string]string{}}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "concord.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	got, err := Load("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := contract(); !reflect.DeepEqual(got, want) {
		t.Errorf("defaults\n got %+v\nwant %+v", got, want)
	}
}

// A file that DefaultYAML wrote is a configuration, and the same one.
func TestDefaultYAMLIsAFile(t *testing.T) {
	got, err := Load(write(t, DefaultYAML()), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := contract(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Every key of the types is in default.yaml, so that nobody has to read the source to find it.
func TestDefaultYAMLNamesEveryKey(t *testing.T) {
	var keys []string
	for _, typ := range []reflect.Type{reflect.TypeFor[Peer](), reflect.TypeFor[Destination]()} {
		keys = append(keys, leaves(typ, "")...)
	}
	for _, key := range leaves(reflect.TypeFor[Config](), "") {
		keys = append(keys, key[strings.LastIndexByte(key, '.')+1:])
	}
	for _, key := range keys {
		if !strings.Contains(DefaultYAML(), key+":") {
			t.Errorf("default.yaml does not have %s", key)
		}
	}
}

func TestLayers(t *testing.T) {
	const file = `
mode: shadow
dicom: {ae_title: FROMFILE, listen: "0.0.0.0:104"}
hl7: {listen: "", max_message: 2MiB}
peers:
  - {name: ct, ae_title: CT1}
  - {name: archive, ae_title: ARCH, address: "archive.example:104", send_results: true}
hl7_destinations: [{name: emr, address: "127.0.0.1:6000", version: 2.3.1, charset: GB18030, layout: text}]
study: {quiet: 5m}
`
	environ := []string{"CONCORD_DICOM_LISTEN=127.0.0.1:105", "CONCORD_RETENTION_HIGH_WATERMARK=75%", "HOME=/nowhere"}
	sets := []string{"dicom.listen=127.0.0.1:0", "peers[1].address=127.0.0.1:1104", "model.threads=2", "site.issuer="}
	want := contract()
	want.Mode = ModeShadow
	want.DICOM.AETitle, want.DICOM.Listen = "FROMFILE", "127.0.0.1:0"
	want.HL7.Listen, want.HL7.MaxMessage = "", 2<<20
	want.Peers = []Peer{{Name: "ct", AETitle: "CT1"}, {Name: "archive", AETitle: "ARCH", Address: "127.0.0.1:1104", SendResults: true}}
	want.HL7Destinations = []Destination{{Name: "emr", Address: "127.0.0.1:6000", Version: "2.3.1", Status: "R", Charset: "GB18030", Layout: LayoutText}}
	want.Model.Threads = 2
	want.Study.Quiet = Duration(5 * time.Minute)
	want.Retention.HighWatermark = 75
	got, err := Load(write(t, file), sets, environ)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestSet(t *testing.T) {
	tests := []struct {
		set string
		get func(*Config) any
		out any
	}{
		{`peers=[{name: pacs, ae_title: ORTHANC, address: "127.0.0.1:4242", send_results: true}]`,
			func(c *Config) any { return c.Peers },
			[]Peer{{Name: "pacs", AETitle: "ORTHANC", Address: "127.0.0.1:4242", SendResults: true}}},
		{`peers=[{"name":"a","ae_title":"A"},{"name":"b","ae_title":"B"}]`,
			func(c *Config) any { return c.Peers }, []Peer{{Name: "a", AETitle: "A"}, {Name: "b", AETitle: "B"}}},
		{`peers[0].max_false_alerts=2%`, func(c *Config) any { return c.Peers[0].MaxFalseAlerts }, Percent(2)},
		{`peers[0].send=flagged`, func(c *Config) any { return c.Peers[0].Send }, SendFlagged},
		{`hl7_destinations[0].hours=22:00-06:30`, func(c *Config) any { return c.HL7Destinations[0].Hours },
			Hours{22 * time.Hour, 6*time.Hour + 30*time.Minute}},
		{`hl7.mapping.accession=[ORC-3, ZXX-1]`, func(c *Config) any { return c.HL7.Mapping.Accession }, []string{"ORC-3", "ZXX-1"}},
		{`peers=[]`, func(c *Config) any { return len(c.Peers) }, 0},
		{`dicom.ae_title=0123`, func(c *Config) any { return c.DICOM.AETitle }, "0123"},
		{`site.name=a # b: c`, func(c *Config) any { return c.Site.Name }, "a # b: c"},
		{`dicom.listen=[::1]:11112`, func(c *Config) any { return c.DICOM.Listen }, "[::1]:11112"},
		{`dicom.accept_unknown_callers=false`, func(c *Config) any { return c.DICOM.AcceptUnknownCallers }, false},
		{`dicom.max_pdu=16384`, func(c *Config) any { return c.DICOM.MaxPDU }, 16384},
		{`dicom={max_pdu: 16384, ae_title: X, max_associations: 1}`, func(c *Config) any { return c.DICOM },
			DICOM{MaxPDU: 16384, AETitle: "X", MaxAssociations: 1}},
		{`retention.keep=36h`, func(c *Config) any { return c.Retention.Keep }, Duration(36 * time.Hour)},
		{`retention.high_watermark=99.5%`, func(c *Config) any { return c.Retention.HighWatermark }, Percent(99.5)},
		{`hl7.max_message=1GiB`, func(c *Config) any { return c.HL7.MaxMessage }, Size(1 << 30)},
	}
	for _, tt := range tests {
		t.Run(tt.set, func(t *testing.T) {
			c, err := Load("", []string{tt.set}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := tt.get(c); !reflect.DeepEqual(got, tt.out) {
				t.Errorf("got %+v, want %+v", got, tt.out)
			}
		})
	}
}

// Each mistake is answered with where it is, what is wrong and what to do.
func TestErrors(t *testing.T) {
	const file = "mode: live\ndicom:\n  ae_title: A_VERY_LONG_TITLE_1\n"
	tests := []struct {
		name, file    string
		sets, environ []string
		want          []string
	}{
		{name: "unknown key in a file", file: "mode: live\ndicom:\n  lisen: x\n", want: []string{"concord.yaml", "[3:3]", `"lisen"`, "spelling", ">  3 |"}},
		{name: "unknown key in a list", file: "peers:\n- {name: a, aetitle: B}\n", want: []string{"[2:13]", `"aetitle"`}},
		{name: "twice the same key", file: "mode: live\nmode: live\n", want: []string{"[2:1]", "mode"}},
		{name: "not YAML", file: "mode: [live\n", want: []string{"concord.yaml", "[1:"}},
		{name: "a tag that the library panics on", file: "peers: !x\n  a: 0\nb: 0\n", want: []string{"concord.yaml"}},
		{name: "text for a number", file: "dicom:\n  max_pdu: big\n", want: []string{"[2:12]", "a whole number"}},
		{name: "text for a switch", file: "dicom:\n  accept_unknown_callers: maybe\n", want: []string{"[2:", "true or false"}},
		{name: "a value for a section", file: "dicom: 5\n", want: []string{"[1:8]", "mapping is expected"}},
		{name: "a section for a list", file: "peers: {name: a}\n", want: []string{"[1:8]", "sequence is expected"}},
		{name: "duration without unit", file: "study:\n  quiet: 60\n", want: []string{"[2:10]", "90s, 15m or 72h"}},
		{name: "duration as a list", file: "study:\n  quiet: [60s]\n", want: []string{"[2:", "not a duration"}},
		{name: "size", file: "hl7: {max_message: 64MB}\n", want: []string{"[1:20]", "64MiB"}},
		{name: "size that overflows", file: "hl7: {max_message: 9223372036854775807GiB}\n", want: []string{"not a size"}},
		{name: "percent", file: "retention: {high_watermark: 0.9}\n", want: []string{"[1:29]", "such as 90%"}},
		{name: "percent that is no number", file: "retention: {high_watermark: NaN%}\n", want: []string{"not a percentage"}},
		{name: "line of a value that cannot work", file: file, want: []string{"concord.yaml:3: dicom.ae_title is 19 characters; DICOM allows 16; shorten it"}},
		{name: "override of a value that cannot work", file: file, sets: []string{"dicom.ae_title=ANOTHER_LONG_TITLE"}, want: []string{"--set dicom.ae_title: dicom.ae_title is 18 characters"}},
		{name: "several at once", sets: []string{"mode=dry", "model.engine=tf", "model.device=gpu", "model.max_images=0"}, want: []string{`mode is "dry"; write live or shadow`, "write onnx or kserve", "write cpu, cuda:0 or tensorrt:0", "write 1 to 1024"}},
		{name: "set without value", sets: []string{"mode"}, want: []string{"--set mode", "key=value"}},
		{name: "set of an unknown section", sets: []string{"dcm.listen=x"}, want: []string{"no key dcm", "dicom"}},
		{name: "set of an unknown key", sets: []string{"dicom.port=1"}, want: []string{"no key dicom.port", "ae_title, listen"}},
		{name: "set below a value", sets: []string{"mode.x=1"}, want: []string{"mode has no keys below it"}},
		{name: "set of an entry that is not there", sets: []string{"peers[7].address=a:1"}, want: []string{"peers[7]", "whole list"}},
		{name: "index on what is no list", sets: []string{"dicom[0]=1"}, want: []string{"dicom[0]"}},
		{name: "index that is no number", sets: []string{"peers[-1]=1"}, want: []string{"peers[-1]"}},
		{name: "unknown key in a set list", sets: []string{"peers=[{nme: x}]"}, want: []string{"--set peers", `"nme"`}},
		{name: "mistyped variable", environ: []string{"CONCORD_DICOM_LISTN=1"}, want: []string{"CONCORD_DICOM_LISTN", "no such key"}},
		{name: "variable of the wrong kind", environ: []string{"CONCORD_DICOM_MAX_PDU=x"}, want: []string{"CONCORD_DICOM_MAX_PDU (environment)", "a whole number"}},
		{name: "value of a variable", environ: []string{"CONCORD_DICOM_MAX_PDU=1"}, want: []string{"CONCORD_DICOM_MAX_PDU (environment): dicom.max_pdu is 1; write 4096 to"}},
		{name: "AE title with a backslash", sets: []string{`dicom.ae_title=A\B`}, want: []string{"character that DICOM does not allow"}},
		{name: "empty AE title", sets: []string{"dicom.ae_title= "}, want: []string{"dicom.ae_title is empty"}},
		{name: "AE title with a space at its end", sets: []string{"dicom.ae_title=A "}, want: []string{"remove it"}},
		{name: "address without a port", sets: []string{"http.listen=localhost"}, want: []string{`http.listen is "localhost"; write host:port`}},
		{name: "two listeners on one port", sets: []string{"http.listen=127.0.0.1:2575"}, want: []string{"http.listen is 127.0.0.1:2575, which hl7.listen"}},
		{name: "results without an address", file: "peers:\n- {name: a, ae_title: A, send_results: true}\n", want: []string{"peers[0].address is missing"}},
		{name: "two peers of one name", file: "peers:\n- {name: a, ae_title: A}\n- {name: a, ae_title: B}\n", want: []string{"concord.yaml:3: peers[1].name is a"}},
		{name: "peer without a name", file: "peers: [{ae_title: A}]\n", want: []string{"peers[0].name is missing"}},
		{name: "destination that cannot be called", file: "hl7_destinations: [{name: a, address: \"127.0.0.1:0\"}]\n", want: []string{"port other than 0"}},
		{name: "HL7 layout", file: "hl7_destinations: [{name: a, address: \"h:1\", layout: rows}]\n", want: []string{`layout is "rows"; write coded or flags or text`}},
		{name: "HL7 sender", file: "hl7: {senders: [{name: a}, {name: a, allow: [10.0.0.0/33]}]}\n",
			want: []string{"hl7.senders[0].allow is empty", "hl7.senders[1].name is a", `hl7.senders[1].allow[0] is "10.0.0.0/33"`}},
		{name: "HL7 version", file: "hl7_destinations: [{name: a, address: \"h:1\", version: 2.7}]\n", want: []string{`version is "2.7"; write 2.5.1 or 2.4 or 2.3.1`}},
		{name: "budget of nothing", sets: []string{"peers[0].max_false_alerts=0.01%"}, want: []string{"peers[0].max_false_alerts", "one in a thousand"}},
		{name: "language of a receiver", sets: []string{"hl7_destinations[0].language=fr"}, want: []string{"hl7_destinations[0].language", "en or zh"}},
		{name: "header of nobody", sets: []string{"http.user_header=X-Remote-User"}, want: []string{"http.user_header", "http.trusted_proxies"}},
		{name: "header that is none", sets: []string{"http.user_header='X Remote'", "http.trusted_proxies=[10.0.0.7]"}, want: []string{"http.user_header", "X-Remote-User"}},
		{name: "proxy that is none", sets: []string{"http.trusted_proxies=[proxy.example]"}, want: []string{"http.trusted_proxies[0]", "10.0.0.0/24"}},
		{name: "host with a scheme", sets: []string{"http.hosts=['https://concord.example']"}, want: []string{"http.hosts[0]", "without port"}},
		{name: "no watermark", sets: []string{"retention.high_watermark=0%"}, want: []string{"keeps nothing"}},
		{name: "audit", sets: []string{"audit.address=repository", "audit.transport=tcp", "audit.spool=1KiB"}, want: []string{`audit.address is "repository"; write host:port`, `audit.transport is "tcp"; write tls or udp`, "audit.spool is 1024; write 1048576 to"}},
		{name: "retrieval without a query", file: "peers: [{name: a, ae_title: A, address: \"h:1\", retrieve: move}]\n", want: []string{"peers[0].retrieve is set", "add query: true"}},
		{name: "unknown way to retrieve", file: "peers: [{name: a, ae_title: A, query: true, retrieve: pull}]\n", want: []string{`retrieve is "pull"`, "move or get", "query needs an address"}},
		{name: "commitment without results", file: "peers: [{name: a, ae_title: A, commit: true}]\n", want: []string{"peers[0].commit is set", "send_results: true"}},
		{name: "no wait", sets: []string{"study.wait=0s"}, want: []string{"study.wait is not longer than 0"}},
		{name: "no quiet time", sets: []string{"study.quiet=0s"}, want: []string{"study.quiet is not longer than 0"}},
		{name: "index elsewhere", sets: []string{"index=mysql://concord:secret@db/concord"}, want: []string{"index is no address of PostgreSQL"}},
		{name: "emptied", sets: []string{"data_dir=", "site.name=", "model.pack=", "hl7.default_charset=", "index="}, want: []string{"data_dir is empty", "site.name is empty", "model.pack is empty", "hl7.default_charset is empty"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := ""
			if tt.file != "" {
				path = write(t, tt.file)
			}
			c, err := Load(path, tt.sets, tt.environ)
			if err == nil {
				t.Fatalf("no error, but %+v", c)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error lacks %q:\n%s", part, err)
				}
			}
		})
	}
}

// The address of the index may hold a password.
func TestIndexIsNotShown(t *testing.T) {
	_, err := Load("", []string{"index=mysql://concord:secret@db/concord"}, nil)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestEnvironList(t *testing.T) {
	c, err := Load("", nil, []string{`CONCORD_PEERS=[{"name": "a", "ae_title": "A"}]`, "CONCORD_HL7_DESTINATIONS=[]"})
	if err != nil {
		t.Fatal(err)
	}
	if want := []Peer{{Name: "a", AETitle: "A"}}; !reflect.DeepEqual(c.Peers, want) || len(c.HL7Destinations) != 0 {
		t.Errorf("peers %+v, destinations %+v", c.Peers, c.HL7Destinations)
	}
}

// Variables that orchestration adds for services named concord… are none of ours.
func TestForeignVariables(t *testing.T) {
	environ := []string{"CONCORD_SERVICE_HOST=10.0.0.1", "CONCORD_HTTP_SERVICE_PORT=80", "CONCORD_DICOM_PORT=tcp://10.0.0.1:104",
		"CONCORD_DICOM_PORT_104_TCP_ADDR=10.0.0.1", "CONCORD_CMD=x", "CONCORD=y"}
	if _, err := Load("", nil, environ); err != nil {
		t.Error(err)
	}
}

// The sample of docker/ is a configuration.
func TestDockerSample(t *testing.T) {
	c, err := Load("../docker/concord.yaml", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, listen := range []string{c.DICOM.Listen, c.HL7.Listen, c.HTTP.Listen} {
		if !strings.HasPrefix(listen, "0.0.0.0:") {
			t.Errorf("listens on %s, which other containers do not reach", listen)
		}
	}
}

func TestMissingFile(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml"), nil, nil); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("got %v, want an error that names the file", err)
	}
}

// FuzzLoad feeds any text as the file: it is refused with a reason, or it is a configuration that passed validation.
func FuzzLoad(f *testing.F) {
	f.Add(DefaultYAML())
	f.Add("dicom: {ae_title: X}\n")
	f.Add("peers: [&a {name: x, ae_title: Y}, *a]\n")
	f.Add("study:\n  quiet: !!binary aGk=\n")
	f.Add("hl7: {max_message: -1}")
	f.Add("\x00: [")
	f.Add("hl7_destinations: !0\n  0: 0\n0: 0\n") // a tag that the library panics on
	f.Fuzz(func(t *testing.T, text string) {
		var c Config
		if decode(defaultYAML, &c) != nil {
			t.Fatal("defaults")
		}
		if err := decode(text, &c); err != nil {
			if err.Error() == "" {
				t.Error("refused without a reason")
			}
			return
		}
		if c.validate(origins{text: []byte(text), file: "f"}) == nil && (len(c.DICOM.AETitle) > 16 || c.HL7.MaxMessage > maxHL7Message) {
			t.Errorf("%q passed validation", text)
		}
	})
}

// A file of comments leaves the defaults as they are.
func TestFileOfComments(t *testing.T) {
	for _, text := range []string{"", "# nothing yet\n\n  # still nothing\n"} {
		c, err := Load(write(t, text), nil, nil)
		if err != nil || c.DICOM.AETitle != "CONCORD" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The network that a node was given at run time reads back, hours included,
// and its errors name the wrong value.
func TestWithNetwork(t *testing.T) {
	c, err := Load("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	const text = `{"ae_title": "NEW", "peers": [{"name": "a", "ae_title": "A", "ae_titles": ["B"], "allow": ["10.0.0.0/8"], "address": "10.0.0.7:104",
		"send_results": true, "hours": "22:00-06:30", "max_false_alerts": "2.5%", "language": "zh"}]}`
	changed, err := c.WithNetwork([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	written, err := changed.Network().JSON()
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.WithNetwork(written)
	if err != nil {
		t.Fatalf("%v\n%s", err, written)
	}
	before, err1 := changed.Network().Digest()
	after, err2 := again.Network().Digest()
	if err1 != nil || err2 != nil || before != after || again.Peers[0].Hours != (Hours{22 * time.Hour, 6*time.Hour + 30*time.Minute}) ||
		again.Peers[0].MaxFalseAlerts != 2.5 || again.Peers[0].Language != LanguageChinese {
		t.Errorf("read back %+v, want %+v", again.Network(), changed.Network())
	}
	if c.DICOM.AETitle != "CONCORD" || len(again.HL7Destinations) != 1 {
		t.Error("the configuration itself changed, or lost what the text left out")
	}
	for _, bad := range []string{`{"peers":[{"name":"a","ae_title":"A","allow":["10.0.0"]}]}`, `{"peers":[{"name":"a","ae_title":"A","tls_x":true}]}`,
		`{"peers":[{"name":"ris","ae_title":"A"}]}`, `{"peers":[{"name":"a","ae_title":"A","sop_classes":["CT"]}]}`} {
		if _, err := c.WithNetwork([]byte(bad)); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}
