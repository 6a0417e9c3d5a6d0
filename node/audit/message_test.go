package audit

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"go.uber.org/zap"
)

// recorder records at a fixed time on a host called node1 into a spool that
// nobody sends.
func recorder(t testing.TB) *Recorder {
	t.Helper()
	r, err := newRecorder(Config{Address: "127.0.0.1:1", Transport: UDP, DataDir: t.TempDir(), MaxSpool: 64 << 20,
		AETitle: "CONCORD", Site: "st-mary", Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.spool.file.Close() })
	r.now = func() time.Time { return time.Date(2026, 11, 24, 9, 30, 0, 250e6, time.FixedZone("", 8*3600)) }
	r.node.Address, r.syslog = "node1", header{"node1", "4711"}
	return r
}

// spooled returns the syslog messages in a recorder's spool.
func spooled(t testing.TB, r *Recorder) (messages []string) {
	t.Helper()
	at, buf := int64(spoolStart), make([]byte, maxFrame)
	for {
		frame, err := r.spool.read(at, buf)
		if err != nil {
			t.Fatal(err)
		}
		if frame == nil {
			return messages
		}
		n, _, _ := messageLength(frame)
		messages = append(messages, string(frame[n:]))
		at += int64(len(frame))
	}
}

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// xmlOf cuts the syslog header off.
func xmlOf(t testing.TB, message string) string {
	t.Helper()
	_, xml, ok := strings.Cut(message, bom)
	if !ok {
		t.Fatalf("no BOM in %q", message)
	}
	return xml
}

const (
	declaration = `<?xml version="1.0" encoding="UTF-8"?>`
	sourceXML   = `<AuditSourceIdentification AuditEnterpriseSiteID="st-mary" AuditSourceID="CONCORD">
		<AuditSourceTypeCode csd-code="4"></AuditSourceTypeCode></AuditSourceIdentification>`
	selfXML    = `UserID="CONCORD" AlternativeUserID="AETITLES=CONCORD" UserName="concord"`
	patientXML = `<ParticipantObjectIdentification ParticipantObjectID="P-1^^^HOSP" ParticipantObjectTypeCode="1" ParticipantObjectTypeCodeRole="1">
		<ParticipantObjectIDTypeCode csd-code="2" codeSystemName="RFC-3881" originalText="Patient Number"></ParticipantObjectIDTypeCode>
		<ParticipantObjectName></ParticipantObjectName></ParticipantObjectIdentification>`
	studyHead = `<ParticipantObjectIdentification ParticipantObjectID="1.2.3" ParticipantObjectTypeCode="2" ParticipantObjectTypeCodeRole="3">
		<ParticipantObjectIDTypeCode csd-code="110180" codeSystemName="DCM" originalText="Study Instance UID"></ParticipantObjectIDTypeCode>
		<ParticipantObjectName></ParticipantObjectName>`
	studyXML  = studyHead + `<ParticipantObjectDescription><SOPClass UID="1.2.840.10008.5.1.4.1.1.2" NumberOfInstances="2"></SOPClass></ParticipantObjectDescription></ParticipantObjectIdentification>`
	sourceID  = `<RoleIDCode csd-code="110153" codeSystemName="DCM" originalText="Source Role ID"></RoleIDCode>`
	destID    = `<RoleIDCode csd-code="110152" codeSystemName="DCM" originalText="Destination Role ID"></RoleIDCode>`
	timestamp = `EventDateTime="2026-11-24T01:30:00.250Z"`
)

var (
	patient = Patient{ID: "P-1", Issuer: "HOSP"}
	ct      = Study{UID: "1.2.3", Classes: []Class{{"1.2.840.10008.5.1.4.1.1.2", 2}}}
	pacs    = Peer{AETitle: "PACS", Address: "192.0.2.7"}
)

// Every event as the tables of PS3.15 A.5.3 want it.
var events = []struct {
	name, table string
	record      func(*Recorder)
	pri         string
	want        string
}{
	{"start", "A.5.3.1-1", (*Recorder).ApplicationStarted, "<85>",
		`<EventIdentification EventActionCode="E" ` + timestamp + ` EventOutcomeIndicator="0">
		<EventID csd-code="110100" codeSystemName="DCM" originalText="Application Activity"></EventID>
		<EventTypeCode csd-code="110120" codeSystemName="DCM" originalText="Application Start"></EventTypeCode></EventIdentification>
		<ActiveParticipant ` + selfXML + ` UserIsRequestor="false" NetworkAccessPointID="node1" NetworkAccessPointTypeCode="1">
		<RoleIDCode csd-code="110150" codeSystemName="DCM" originalText="Application"></RoleIDCode></ActiveParticipant>` + sourceXML},
	{"stop", "A.5.3.1-1", (*Recorder).ApplicationStopped, "<85>",
		`<EventIdentification EventActionCode="E" ` + timestamp + ` EventOutcomeIndicator="0">
		<EventID csd-code="110100" codeSystemName="DCM" originalText="Application Activity"></EventID>
		<EventTypeCode csd-code="110121" codeSystemName="DCM" originalText="Application Stop"></EventTypeCode></EventIdentification>
		<ActiveParticipant ` + selfXML + ` UserIsRequestor="false" NetworkAccessPointID="node1" NetworkAccessPointTypeCode="1">
		<RoleIDCode csd-code="110150" codeSystemName="DCM" originalText="Application"></RoleIDCode></ActiveParticipant>` + sourceXML},
	{"begin transferring", "A.5.3.3-1", func(r *Recorder) { r.BeginTransferring(pacs, patient, ct) }, "<85>",
		`<EventIdentification EventActionCode="E" ` + timestamp + ` EventOutcomeIndicator="0">
		<EventID csd-code="110102" codeSystemName="DCM" originalText="Begin Transferring DICOM Instances"></EventID></EventIdentification>
		<ActiveParticipant ` + selfXML + ` UserIsRequestor="true" NetworkAccessPointID="node1" NetworkAccessPointTypeCode="1">` + sourceID + `</ActiveParticipant>
		<ActiveParticipant UserID="PACS" AlternativeUserID="AETITLES=PACS" UserIsRequestor="false" NetworkAccessPointID="192.0.2.7" NetworkAccessPointTypeCode="2">` + destID + `</ActiveParticipant>` +
			sourceXML + studyXML + patientXML},
	{"instances accessed", "A.5.3.6-1", func(r *Recorder) { r.InstancesAccessed(Peer{Address: "2001:db8::7"}, patient, "1.2.3") }, "<85>",
		`<EventIdentification EventActionCode="R" ` + timestamp + ` EventOutcomeIndicator="0">
		<EventID csd-code="110103" codeSystemName="DCM" originalText="DICOM Instances Accessed"></EventID></EventIdentification>
		<ActiveParticipant UserID="2001:db8::7" UserIsRequestor="true" NetworkAccessPointID="2001:db8::7" NetworkAccessPointTypeCode="2"></ActiveParticipant>
		<ActiveParticipant ` + selfXML + ` UserIsRequestor="false" NetworkAccessPointID="node1" NetworkAccessPointTypeCode="1"></ActiveParticipant>` +
			sourceXML + studyHead + `</ParticipantObjectIdentification>` + patientXML},
	{"transferred to a peer", "A.5.3.7-1", func(r *Recorder) { r.Transferred(pacs, patient, ct, MinorFailure) }, "<84>",
		`<EventIdentification EventActionCode="R" ` + timestamp + ` EventOutcomeIndicator="4">
		<EventID csd-code="110104" codeSystemName="DCM" originalText="DICOM Instances Transferred"></EventID></EventIdentification>
		<ActiveParticipant ` + selfXML + ` UserIsRequestor="true" NetworkAccessPointID="node1" NetworkAccessPointTypeCode="1">` + sourceID + `</ActiveParticipant>
		<ActiveParticipant UserID="PACS" AlternativeUserID="AETITLES=PACS" UserIsRequestor="false" NetworkAccessPointID="192.0.2.7" NetworkAccessPointTypeCode="2">` + destID + `</ActiveParticipant>` +
			sourceXML + studyXML + patientXML},
	{"transferred from a peer", "A.5.3.7-1", func(r *Recorder) {
		i := r.Intake(pacs)
		i.Add(patient, "1.2.3", "1.2.840.10008.5.1.4.1.1.2", false)
		i.Add(patient, "1.2.3", "1.2.840.10008.5.1.4.1.1.2", false)
		i.End()
	}, "<85>",
		`<EventIdentification EventActionCode="C" ` + timestamp + ` EventOutcomeIndicator="0">
		<EventID csd-code="110104" codeSystemName="DCM" originalText="DICOM Instances Transferred"></EventID></EventIdentification>
		<ActiveParticipant UserID="PACS" AlternativeUserID="AETITLES=PACS" UserIsRequestor="true" NetworkAccessPointID="192.0.2.7" NetworkAccessPointTypeCode="2">` + sourceID + `</ActiveParticipant>
		<ActiveParticipant ` + selfXML + ` UserIsRequestor="false" NetworkAccessPointID="node1" NetworkAccessPointTypeCode="1">` + destID + `</ActiveParticipant>` +
			sourceXML + studyXML + patientXML},
	{"report received", "A.5.3.15-1", func(r *Recorder) {
		r.ProcedureRecord(Create, Peer{Name: "RIS|HOSP", Address: "ris.example"}, patient, "1.2.3", Success)
	}, "<85>",
		`<EventIdentification EventActionCode="C" ` + timestamp + ` EventOutcomeIndicator="0">
		<EventID csd-code="110111" codeSystemName="DCM" originalText="Procedure Record"></EventID></EventIdentification>
		<ActiveParticipant UserID="RIS|HOSP" UserIsRequestor="true" NetworkAccessPointID="ris.example" NetworkAccessPointTypeCode="1"></ActiveParticipant>
		<ActiveParticipant ` + selfXML + ` UserIsRequestor="false" NetworkAccessPointID="node1" NetworkAccessPointTypeCode="1"></ActiveParticipant>` +
			sourceXML + studyHead + `</ParticipantObjectIdentification>` + patientXML},
	{"report sent, study unknown", "A.5.3.15-1", func(r *Recorder) { r.ReportSent(Peer{Name: "ris"}, patient, "", SeriousFailure) }, "<84>",
		`<EventIdentification EventActionCode="R" ` + timestamp + ` EventOutcomeIndicator="8">
		<EventID csd-code="110111" codeSystemName="DCM" originalText="Procedure Record"></EventID></EventIdentification>
		<ActiveParticipant ` + selfXML + ` UserIsRequestor="true" NetworkAccessPointID="node1" NetworkAccessPointTypeCode="1">` + sourceID + `</ActiveParticipant>
		<ActiveParticipant UserID="ris" UserIsRequestor="false">` + destID + `</ActiveParticipant>` + sourceXML + patientXML},
	{"query", "A.5.3.10-1", func(r *Recorder) { r.Query(Peer{Address: "192.0.2.9"}, "/api/v1/cases", "patient=<&>") }, "<85>",
		`<EventIdentification EventActionCode="E" ` + timestamp + ` EventOutcomeIndicator="0">
		<EventID csd-code="110112" codeSystemName="DCM" originalText="Query"></EventID></EventIdentification>
		<ActiveParticipant UserID="192.0.2.9" UserIsRequestor="true" NetworkAccessPointID="192.0.2.9" NetworkAccessPointTypeCode="2">` + sourceID + `</ActiveParticipant>
		<ActiveParticipant ` + selfXML + ` UserIsRequestor="false" NetworkAccessPointID="node1" NetworkAccessPointTypeCode="1">` + destID + `</ActiveParticipant>` + sourceXML + `
		<ParticipantObjectIdentification ParticipantObjectID="/api/v1/cases" ParticipantObjectTypeCode="2" ParticipantObjectTypeCodeRole="3">
		<ParticipantObjectIDTypeCode csd-code="12" codeSystemName="RFC-3881" originalText="URI"></ParticipantObjectIDTypeCode>
		<ParticipantObjectQuery>cGF0aWVudD08Jj4=</ParticipantObjectQuery></ParticipantObjectIdentification>`},
	{"search of a peer", "A.5.3.10-1", func(r *Recorder) {
		r.Searched(Peer{AETitle: "PACS", Address: "192.0.2.1"}, "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.1.2.1", []byte("keys"))
	}, "<85>",
		`<EventIdentification EventActionCode="E" ` + timestamp + ` EventOutcomeIndicator="0">
		<EventID csd-code="110112" codeSystemName="DCM" originalText="Query"></EventID></EventIdentification>
		<ActiveParticipant ` + selfXML + ` UserIsRequestor="true" NetworkAccessPointID="node1" NetworkAccessPointTypeCode="1">` + sourceID + `</ActiveParticipant>
		<ActiveParticipant UserID="PACS" AlternativeUserID="AETITLES=PACS" UserIsRequestor="false" NetworkAccessPointID="192.0.2.1" NetworkAccessPointTypeCode="2">` + destID + `</ActiveParticipant>` + sourceXML + `
		<ParticipantObjectIdentification ParticipantObjectID="1.2.840.10008.5.1.4.1.2.2.1" ParticipantObjectTypeCode="2" ParticipantObjectTypeCodeRole="3">
		<ParticipantObjectIDTypeCode csd-code="110181" codeSystemName="DCM" originalText="SOP Class UID"></ParticipantObjectIDTypeCode>
		<ParticipantObjectQuery>a2V5cw==</ParticipantObjectQuery>
		<ParticipantObjectDetail type="TransferSyntax" value="MS4yLjg0MC4xMDAwOC4xLjIuMQ=="></ParticipantObjectDetail></ParticipantObjectIdentification>`},
	{"retrieval that failed", "A.5.3.7-1", func(r *Recorder) {
		r.NotRetrieved(Peer{AETitle: "PACS", Address: "192.0.2.1"}, patient, Study{UID: "1.2.3"})
	}, "<84>",
		`<EventIdentification EventActionCode="C" ` + timestamp + ` EventOutcomeIndicator="4">
		<EventID csd-code="110104" codeSystemName="DCM" originalText="DICOM Instances Transferred"></EventID></EventIdentification>
		<ActiveParticipant UserID="PACS" AlternativeUserID="AETITLES=PACS" UserIsRequestor="false" NetworkAccessPointID="192.0.2.1" NetworkAccessPointTypeCode="2">` + sourceID + `</ActiveParticipant>
		<ActiveParticipant ` + selfXML + ` UserIsRequestor="true" NetworkAccessPointID="node1" NetworkAccessPointTypeCode="1">` + destID + `</ActiveParticipant>` +
			sourceXML + studyHead + `</ParticipantObjectIdentification>` + patientXML},
	{"decision of a person", "A.5.3.15-1", func(r *Recorder) {
		r.Decided(Peer{Name: "Dr Li", Address: "192.0.2.9"}, "POST /api/v1/cases/7/judge", patient, "1.2.3")
	}, "<85>",
		`<EventIdentification EventActionCode="U" ` + timestamp + ` EventOutcomeIndicator="0">
		<EventID csd-code="110111" codeSystemName="DCM" originalText="Procedure Record"></EventID></EventIdentification>
		<ActiveParticipant UserID="Dr Li" UserIsRequestor="true" NetworkAccessPointID="192.0.2.9" NetworkAccessPointTypeCode="2"></ActiveParticipant>
		<ActiveParticipant ` + selfXML + ` UserIsRequestor="false" NetworkAccessPointID="node1" NetworkAccessPointTypeCode="1"></ActiveParticipant>` +
			sourceXML + studyHead + `<ParticipantObjectDetail type="Decision" value="UE9TVCAvYXBpL3YxL2Nhc2VzLzcvanVkZ2U="></ParticipantObjectDetail></ParticipantObjectIdentification>` + patientXML},
	{"network change", "A.5.3.11-1", func(r *Recorder) {
		r.NetworkChanged(Peer{Name: "admin", Address: "192.0.2.9"}, "PUT /api/v1/network")
	}, "<85>",
		`<EventIdentification EventActionCode="E" ` + timestamp + ` EventOutcomeIndicator="0">
		<EventID csd-code="110113" codeSystemName="DCM" originalText="Security Alert"></EventID>
		<EventTypeCode csd-code="110128" codeSystemName="DCM" originalText="Network Configuration"></EventTypeCode></EventIdentification>
		<ActiveParticipant UserID="admin" UserIsRequestor="true" NetworkAccessPointID="192.0.2.9" NetworkAccessPointTypeCode="2"></ActiveParticipant>
		<ActiveParticipant ` + selfXML + ` UserIsRequestor="false" NetworkAccessPointID="node1" NetworkAccessPointTypeCode="1"></ActiveParticipant>` + sourceXML + `
		<ParticipantObjectIdentification ParticipantObjectID="node1" ParticipantObjectTypeCode="2" ParticipantObjectTypeCodeRole="13">
		<ParticipantObjectIDTypeCode csd-code="110182" codeSystemName="DCM" originalText="Node ID"></ParticipantObjectIDTypeCode>
		<ParticipantObjectName></ParticipantObjectName>
		<ParticipantObjectDetail type="Alert Description" value="UFVUIC9hcGkvdjEvbmV0d29yaw=="></ParticipantObjectDetail></ParticipantObjectIdentification>`},
	{"login", "A.5.3.12-1", func(r *Recorder) {
		r.UserSeen(Peer{Name: "Dr Li", Address: "192.0.2.9"})
		r.UserSeen(Peer{Name: "Dr Li", Address: "192.0.2.9"}) // the same session
	}, "<85>", loginXML("0")},
	{"a user who is not believed", "A.5.3.12-1", func(r *Recorder) { r.UserRefused(Peer{Name: "Dr Li", Address: "192.0.2.9"}) }, "<84>", loginXML("8")},
	{"node authentication", "A.5.3.11-1", func(r *Recorder) {
		r.NodeAuthenticationFailed(Peer{AETitle: "ROGUE", Address: "192.0.2.66"}, "unknown calling AE")
	}, "<84>",
		`<EventIdentification EventActionCode="E" ` + timestamp + ` EventOutcomeIndicator="8">
		<EventID csd-code="110113" codeSystemName="DCM" originalText="Security Alert"></EventID>
		<EventTypeCode csd-code="110126" codeSystemName="DCM" originalText="Node Authentication"></EventTypeCode></EventIdentification>
		<ActiveParticipant ` + selfXML + ` UserIsRequestor="false" NetworkAccessPointID="node1" NetworkAccessPointTypeCode="1"></ActiveParticipant>
		<ActiveParticipant UserID="ROGUE" AlternativeUserID="AETITLES=ROGUE" UserIsRequestor="false" NetworkAccessPointID="192.0.2.66" NetworkAccessPointTypeCode="2"></ActiveParticipant>` + sourceXML + `
		<ParticipantObjectIdentification ParticipantObjectID="192.0.2.66" ParticipantObjectTypeCode="2" ParticipantObjectTypeCodeRole="13">
		<ParticipantObjectIDTypeCode csd-code="110182" codeSystemName="DCM" originalText="Node ID"></ParticipantObjectIDTypeCode>
		<ParticipantObjectName></ParticipantObjectName>
		<ParticipantObjectDetail type="Alert Description" value="dW5rbm93biBjYWxsaW5nIEFF"></ParticipantObjectDetail></ParticipantObjectIdentification>`},
}

func loginXML(outcome string) string {
	return `<EventIdentification EventActionCode="E" ` + timestamp + ` EventOutcomeIndicator="` + outcome + `">
		<EventID csd-code="110114" codeSystemName="DCM" originalText="User Authentication"></EventID>
		<EventTypeCode csd-code="110122" codeSystemName="DCM" originalText="Login"></EventTypeCode></EventIdentification>
		<ActiveParticipant UserID="Dr Li" UserIsRequestor="true" NetworkAccessPointID="192.0.2.9" NetworkAccessPointTypeCode="2"></ActiveParticipant>
		<ActiveParticipant ` + selfXML + ` UserIsRequestor="false" NetworkAccessPointID="node1" NetworkAccessPointTypeCode="1"></ActiveParticipant>` + sourceXML
}

// A session begins anew after half an hour without a request, for each user
// and place.
func TestSessions(t *testing.T) {
	var s sessions
	at := func(minutes int) time.Time { return time.Date(2026, 11, 24, 9, minutes, 0, 0, time.UTC) }
	for i, step := range []struct {
		user    Peer
		minutes int
		want    bool
	}{
		{Peer{Name: "li", Address: "a"}, 0, true}, {Peer{Name: "li", Address: "a"}, 29, false}, {Peer{Name: "li", Address: "a"}, 58, false},
		{Peer{Name: "li", Address: "b"}, 58, true}, {Peer{Name: "wu", Address: "a"}, 58, true}, {Peer{Name: "li", Address: "a"}, 88, true},
	} {
		if got := s.begins(step.user, at(step.minutes)); got != step.want {
			t.Errorf("step %d: begins is %v", i, got)
		}
	}
	for i := range 3 * maxSessions {
		s.begins(Peer{Name: string(rune('a' + i%26)), Address: string(rune(i))}, at(0))
	}
	if len(s.seen) > maxSessions {
		t.Errorf("%d sessions are remembered", len(s.seen))
	}
}

var indentation = regexp.MustCompile(`\n\s*`)

func TestMessages(t *testing.T) {
	for _, tt := range events {
		t.Run(tt.name, func(t *testing.T) {
			r := recorder(t)
			tt.record(r)
			messages := spooled(t, r)
			if len(messages) != 1 {
				t.Fatalf("%d messages, want 1", len(messages))
			}
			head := tt.pri + "1 2026-11-24T01:30:00.250Z node1 concord 4711 DICOM+RFC3881 - " + bom
			want := head + declaration + "<AuditMessage>" + indentation.ReplaceAllString(tt.want, "") + "</AuditMessage>"
			if messages[0] != want {
				t.Errorf("PS3.15 Table %s\n got %s\nwant %s", tt.table, messages[0], want)
			}
			validate(t, messages...)
		})
	}
}

// validate checks messages against the schema of PS3.15 A.5.1.1.
func validate(t *testing.T, messages ...string) {
	t.Helper()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Log("not validated: there is no xmllint (Debian's libxml2-utils)")
		return
	}
	args := []string{"--noout", "--relaxng", "testdata/audit-message.rng"}
	for i, m := range messages {
		path := filepath.Join(t.TempDir(), strings.Repeat("m", i+1)+".xml")
		if err := os.WriteFile(path, []byte(xmlOf(t, m)), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	if out, err := exec.Command(xmllint, args...).CombinedOutput(); err != nil {
		t.Errorf("not valid: %v\n%s", err, out)
	}
}

// The schema refuses what it should: a check that validate can fail.
func TestSchemaRefuses(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("there is no xmllint (Debian's libxml2-utils)")
	}
	r := recorder(t)
	r.Transferred(pacs, patient, ct, Success)
	valid := xmlOf(t, spooled(t, r)[0])
	for _, change := range [][2]string{
		{`<ParticipantObjectName></ParticipantObjectName>`, ``},
		{`EventOutcomeIndicator="0"`, `EventOutcomeIndicator="1"`},
		{`NumberOfInstances="2"`, `NumberOfInstances="two"`},
		{`Z" EventOutcome`, `" x="" EventOutcome`},
		{`UserID="PACS"`, ``},
	} {
		broken := strings.Replace(valid, change[0], change[1], 1)
		path := filepath.Join(t.TempDir(), "m.xml")
		if err := os.WriteFile(path, []byte(broken), 0o600); err != nil || broken == valid {
			t.Fatal(err, change[0])
		}
		if exec.Command(xmllint, "--noout", "--relaxng", "testdata/audit-message.rng", path).Run() == nil {
			t.Errorf("%q instead of %q is valid", change[1], change[0])
		}
	}
}

// An association brings two patients, of whom one has been here before: one
// message for each patient and action.
func TestIntake(t *testing.T) {
	r := recorder(t)
	i := r.Intake(pacs)
	other := Patient{ID: "P-2"}
	for range 3 {
		i.Add(patient, "1.2.3", "1.1", false)
		i.Add(other, "1.2.4", "1.1", false)
	}
	i.Add(patient, "1.2.3", "1.2", false)
	i.Add(patient, "1.2.5", "1.1", false)
	i.Add(patient, "1.2.3", "1.1", true)
	i.Add(Patient{}, "1.2.6", "1.1", false)
	i.End()
	i.End() // nothing is left
	messages := spooled(t, r)
	validate(t, messages...)
	counts := regexp.MustCompile(`EventActionCode="(.)"|ParticipantObjectID="([^"]*)"|SOPClass UID="([^"]*)" NumberOfInstances="(\d+)"`)
	want := []string{"C 1.2.3 1.1 3 1.2 1 1.2.5 1.1 1 P-1^^^HOSP", "C 1.2.4 1.1 3 P-2", "R 1.2.3 1.1 1 P-1^^^HOSP", "C 1.2.6 1.1 1 &lt;none&gt;"}
	for n, m := range messages {
		var got []string
		for _, match := range counts.FindAllStringSubmatch(m, -1) {
			for _, part := range match[1:] {
				if part != "" {
					got = append(got, part)
				}
			}
		}
		if line := strings.Join(got, " "); n >= len(want) || line != want[n] {
			t.Errorf("message %d: %s", n, line)
		}
	}
	if len(messages) != len(want) {
		t.Errorf("%d messages, want %d", len(messages), len(want))
	}
}

// A sender of ever new studies costs messages of bounded size and no memory,
// and each instance is counted once.
func TestIntakeIsBounded(t *testing.T) {
	r := recorder(t)
	i := r.Intake(Peer{AETitle: strings.Repeat(`"`, 99), Address: strings.Repeat("&", 999)})
	const instances = 1000
	for n := range instances {
		uid := strings.Repeat(`"`, 60) + string(rune('a'+n%26)) + string(rune('a'+n/26))
		i.Add(Patient{ID: strings.Repeat("'", 999)}, uid, strings.Repeat(`"`, 999), false)
		if len(i.transfers) > 1 || i.classes > maxClasses {
			t.Fatalf("%d classes wait", i.classes)
		}
	}
	i.End()
	messages := spooled(t, r)
	longest, counted := 0, 0
	for _, m := range messages {
		longest = max(longest, len(m))
		counted += strings.Count(m, `NumberOfInstances="1"`)
	}
	if counted != instances || r.Stats.Dropped.Load() != 0 {
		t.Errorf("%d of %d instances in %d messages, %d dropped", counted, instances, len(messages), r.Stats.Dropped.Load())
	}
	if longest > maxMessage {
		t.Errorf("the longest message is %d bytes", longest)
	}
	validate(t, messages[0])
}

// An association that stays open is recorded all the same.
func TestIntakeOfALongAssociation(t *testing.T) {
	r := recorder(t)
	now := r.now()
	r.now = func() time.Time { return now }
	i := r.Intake(pacs)
	i.Add(patient, "1.2.3", "1.1", false)
	now = now.Add(maxIntake)
	i.Add(patient, "1.2.3", "1.1", false)
	if n := len(spooled(t, r)); n != 0 {
		t.Fatalf("%d messages too early", n)
	}
	now = now.Add(time.Second)
	i.Add(patient, "1.2.3", "1.1", false)
	messages := spooled(t, r)
	if len(messages) != 1 || !strings.Contains(messages[0], `NumberOfInstances="2"`) {
		t.Errorf("%q", messages)
	}
}

// One who knocks all the time fills no spool, and how often he did is told.
func TestAlertsAreBounded(t *testing.T) {
	r := recorder(t)
	now := r.now()
	r.now = func() time.Time { return now }
	for range maxAlerts + 40 {
		r.NodeAuthenticationFailed(pacs, "unknown calling AE")
	}
	if n := len(spooled(t, r)); n != maxAlerts {
		t.Errorf("%d alerts in a minute", n)
	}
	now = now.Add(time.Minute)
	r.NodeAuthenticationFailed(pacs, "unknown calling AE")
	r.NodeAuthenticationFailed(pacs, "unknown calling AE")
	messages := spooled(t, r)[maxAlerts:]
	if len(messages) != 2 || !strings.Contains(messages[0], base64Of("unknown calling AE (40 alerts before this one came too fast to be recorded)")) ||
		!strings.Contains(messages[1], base64Of("unknown calling AE")) {
		t.Errorf("%q", messages)
	}
}

// Whoever looks through a study is recorded once a minute, not for each image;
// others and other studies are recorded on their own.
func TestReadingIsOneEvent(t *testing.T) {
	r := recorder(t)
	now := r.now()
	r.now = func() time.Time { return now }
	one, two := Peer{Address: "192.0.2.1"}, Peer{Address: "192.0.2.2"}
	for _, step := range []struct {
		after time.Duration
		who   Peer
		study string
		want  int // messages so far
	}{
		{0, one, "1.2.3", 1}, {time.Second, one, "1.2.3", 1}, {0, two, "1.2.3", 2}, {0, one, "1.2.4", 3},
		{readingTime - time.Second - 1, one, "1.2.3", 3}, {1, one, "1.2.3", 4}, {0, one, "1.2.3", 4}, {2 * readingTime, two, "1.2.3", 5},
	} {
		now = now.Add(step.after)
		r.InstancesAccessed(step.who, patient, step.study)
		if n := len(spooled(t, r)); n != step.want {
			t.Fatalf("after %+v: %d messages", step, n)
		}
	}
	if n := len(r.reading.began); n != 1 {
		t.Errorf("%d readings are remembered", n)
	}
	for n := range 3 * maxReadings {
		r.reading.begins(reading{one, fmt.Sprint(n)}, now)
	}
	if n := len(r.reading.began); n > maxReadings {
		t.Errorf("%d readings are remembered", n)
	}
}

func TestNilRecorder(t *testing.T) {
	var r *Recorder
	for _, tt := range events {
		tt.record(r)
	}
	if err := r.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// FuzzMessage puts any strings where peers' strings go: the message stays well
// formed, on one line, and of bounded size.
func FuzzMessage(f *testing.F) {
	f.Add("ROGUE", "192.0.2.1", "P-1", "1.2.3")
	f.Add(`"/><AuditMessage>`, "]]>", "<!--", "&amp;\x00\x01\x1b[2J")
	f.Add("a\r\nb\x7f\u0085", "\u2028\t", "王^小明\xff\xfe", "\ufffe\ufeff")
	f.Add(strings.Repeat("'", 5000), strings.Repeat("\"", 5000), strings.Repeat("&", 5000), strings.Repeat("\x00", 5000))
	f.Fuzz(func(t *testing.T, title, address, id, uid string) {
		r := recorder(t)
		peer, p := Peer{AETitle: title, Address: address}, Patient{ID: id, Issuer: title}
		s := Study{UID: uid, Classes: []Class{{uid, 1}}}
		r.Transferred(peer, p, s, Success)
		r.NodeAuthenticationFailed(peer, id)
		r.Query(peer, uid, id)
		r.Searched(peer, uid, id, []byte(id))
		r.ProcedureRecord(Create, peer, p, uid, Success)
		messages := spooled(t, r)
		if len(messages) != 5 {
			t.Fatalf("%d messages", len(messages))
		}
		for _, m := range messages {
			if len(m) > maxMessage || strings.ContainsFunc(m, unicode.IsControl) {
				t.Fatalf("%d bytes: %q", len(m), m)
			}
			wellFormed(t, xmlOf(t, m))
		}
	})
}

// wellFormed reads a document to its end, which must come after one root.
func wellFormed(t *testing.T, text string) {
	t.Helper()
	depth, roots := 0, 0
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		switch token.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				roots++
			}
		case xml.EndElement:
			depth--
		case xml.Comment, xml.Directive:
			t.Fatalf("%T in %q", token, text)
		}
	}
	if roots != 1 {
		t.Fatalf("%d roots in %q", roots, text)
	}
}

// What peers send comes back from the XML as it was, but for control characters.
func TestHostileStringsReadBack(t *testing.T) {
	r := recorder(t)
	r.NodeAuthenticationFailed(Peer{AETitle: "A\"<&>'\r\n\x00B", Address: "evil<script>"}, "line\nline \x1b[2J ]]>")
	m := spooled(t, r)[0]
	validate(t, m)
	var got message
	if err := xml.Unmarshal([]byte(xmlOf(t, m)), &got); err != nil {
		t.Fatal(err)
	}
	if p := got.Participants[1]; p.UserID != "A\"<&>'\ufffd\ufffd\ufffdB" || p.AccessPoint != "evil<script>" || p.AccessPointType != "1" {
		t.Errorf("%+v", p)
	}
	value, err := base64.StdEncoding.DecodeString(got.Objects[0].Details[0].Value)
	if err != nil || !bytes.Equal(value, []byte("line\nline \x1b[2J ]]>")) {
		t.Errorf("%q, %v", value, err)
	}
}
