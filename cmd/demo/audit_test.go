package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"concord/dicom"
	"concord/dicom/ae"
	"concord/hl7"
)

// auditEvent is what a test reads of an audit message (PS3.15 A.5).
type auditEvent struct {
	Event struct {
		Action  string `xml:"EventActionCode,attr"`
		Outcome string `xml:"EventOutcomeIndicator,attr"`
		ID      coded  `xml:"EventID"`
		Type    coded  `xml:"EventTypeCode"`
	} `xml:"EventIdentification"`
	Participants []struct {
		UserID string `xml:"UserID,attr"`
	} `xml:"ActiveParticipant"`
	Objects []struct {
		ID string `xml:"ParticipantObjectID,attr"`
	} `xml:"ParticipantObjectIdentification"`
}

type coded struct {
	Value string `xml:"csd-code,attr"`
}

// line is an event in short: its code, action, outcome, participants → objects.
func (e auditEvent) line() string {
	var who, what []string
	for _, p := range e.Participants {
		who = append(who, p.UserID)
	}
	for _, o := range e.Objects {
		what = append(what, o.ID)
	}
	return strings.TrimSpace(fmt.Sprintf("%s%s %s %s: %s > %s", e.Event.ID.Value, e.Event.Type.Value, e.Event.Action,
		e.Event.Outcome, strings.Join(who, " "), strings.Join(what, " ")))
}

// auditRepository receives syslog messages by UDP.
type auditRepository struct {
	conn net.PacketConn
	mu   sync.Mutex
	xml  []string
}

func startAuditRepository(t *testing.T) *auditRepository {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &auditRepository{conn: conn}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 1<<16); ; {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, text, _ := strings.Cut(string(buf[:n]), "\ufeff")
			r.mu.Lock()
			r.xml = append(r.xml, text)
			r.mu.Unlock()
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return r
}

// lines are the events so far, in short.
func (r *auditRepository) lines(t *testing.T) (lines []string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, text := range r.xml {
		var e auditEvent
		if err := xml.Unmarshal([]byte(text), &e); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		lines = append(lines, e.line())
	}
	return lines
}

// startPACS is an archive that counts what it gets.
func startPACS(t *testing.T) (objects *atomic.Int64, address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &ae.Server{AETitle: "PACS", StorageClass: dicom.IsStorage,
		Store: func(_ context.Context, r *ae.StoreRequest) error {
			_, err := io.Copy(io.Discard, r.Data)
			return err
		}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(l); !errors.Is(err, ae.ErrServerClosed) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { s.Close(); <-done })
	return &s.Stats.Objects, l.Addr().String()
}

// A day in the life of a node as its audit repository sees it: who came, what
// came, what went out, who looked, and nobody's name or report.
func TestAuditTrail(t *testing.T) {
	repository := startAuditRepository(t)
	pacs, pacsAddress := startPACS(t)
	ris, err := startRIS()
	if err != nil {
		t.Fatal(err)
	}
	defer ris.stop()
	n := testNode(t, "study.quiet=100ms", "dicom.accept_unknown_callers=false",
		"audit.address="+repository.conn.LocalAddr().String(), "audit.transport=udp",
		"http.user_header=X-Remote-User", "http.trusted_proxies=[127.0.0.1]",
		fmt.Sprintf("peers=[{name: pacs, ae_title: PACS, address: %q, send_results: true}]", pacsAddress),
		fmt.Sprintf("hl7_destinations=[{name: ris, address: %q, send_results: true}]", ris.address))

	stranger := &ae.Client{Calling: "STRANGER", Called: "CONCORD", Address: n.dicom, Timeout: 10 * time.Second}
	if _, err := stranger.Dial(t.Context(), []ae.Context{{SOPClass: dicom.VerificationSOPClass,
		TransferSyntaxes: []string{dicom.ImplicitVRLittleEndian}}}); err == nil {
		t.Fatal("the stranger was accepted")
	}
	o := syntheticObject(t, 1, "ACC-1", 64)
	for range 2 {
		if err := o.store(t.Context(), n, "PACS"); err != nil {
			t.Fatal(err)
		}
	}
	if ack := sendMessage(t, n, report("AUDIT1", "ACC-1", "Frontal view with a SECRETWORD.")); ack.Code != hl7.AA {
		t.Fatalf("%+v", ack)
	}
	c := caseOf(t, n, "ACC-1", "done")
	for _, path := range []string{"/api/v1/objects/" + o.uid, "/api/v1/objects/" + o.uid + "/frames/1", fmt.Sprintf("/api/v1/cases/%d", c.ID)} {
		if _, err := get(t.Context(), "http://"+n.http+path); err != nil {
			t.Fatal(err)
		}
	}
	announce(t, n, "2.25.4711.1")
	actAs(t, n, "Dr Li", "POST", fmt.Sprintf("/api/v1/cases/%d/feedback", c.ID), `{"statement": 1, "opinion": "wrong", "author": "somebody else"}`)
	actAs(t, n, "Dr Li", "POST", "/api/v1/destinations/ris/pause", "")
	if c := caseOf(t, n, "ACC-1", "done"); c.Timeline[len(c.Timeline)-1].By != "Dr Li" {
		t.Errorf("the timeline ends with %+v, want Dr Li's opinion", c.Timeline[len(c.Timeline)-1])
	}
	metrics, err := get(t.Context(), "http://"+n.http+"/metrics")
	if err != nil || !strings.Contains(string(metrics), "concord_audit_dropped_total 0") ||
		!strings.Contains(string(metrics), `concord_announcements_total{source="mpps"} 1`) {
		t.Errorf("the metrics do not say what was lost: %v", err)
	}
	n.stop()

	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	const study, patient = "2.25.4711.1", "PID77"
	want := []string{
		"110100110120 E 0: CONCORD >",
		"110113110126 E 8: CONCORD STRANGER > 127.0.0.1",
		"110104 C 0: PACS CONCORD > " + study + " " + patient,
		"110104 R 0: PACS CONCORD > " + study + " " + patient,
		"110111 C 0: RIS|HOSP CONCORD > PID77^^^HOSP",
		"110111 C 0: PACS CONCORD > " + study + " " + patient, // MPPS
		"110111 U 0: PACS CONCORD > " + study + " " + patient, // MPPS
		"110111 C 0: PACS CONCORD > " + study + " " + patient, // IAN
		"110102 E 0: CONCORD PACS > " + study + " " + patient,
		"110104 R 0: CONCORD PACS > " + study + " " + patient,
		"110111 R 0: CONCORD ris > " + study + " " + patient,
		"110112 E 0: 127.0.0.1 CONCORD > /api/v1/cases",
		"110103 R 0: 127.0.0.1 CONCORD > " + study + " " + patient,
		"110111 R 0: 127.0.0.1 CONCORD > " + study + " " + patient,
		"110114110122 E 0: Dr Li CONCORD >",
		"110111 U 0: Dr Li CONCORD > " + study + " " + patient,
		"110113110128 E 0: Dr Li CONCORD > " + host,
		"110100110121 E 0: CONCORD >",
	}
	got := repository.lines(t)
	if len(got) == 0 || got[0] != want[0] || got[len(got)-1] != want[len(want)-1] {
		t.Errorf("the trail does not begin with the start and end with the stop")
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	checkAuditMessages(t, repository.xml, syntheticPatient, "PLANTED", "SECRETWORD")
	if pacs.Load() != 1 {
		t.Errorf("the PACS has %d results", pacs.Load())
	}
}

// announce says what a study has as a modality and its manager do: by a procedure
// step and by a notification.
func announce(t *testing.T, n *concordNode, study string) {
	t.Helper()
	const syntax = dicom.ExplicitVRLittleEndian
	client := &ae.Client{Calling: "PACS", Called: "CONCORD", Address: n.dicom, Timeout: 10 * time.Second}
	a, err := client.Dial(t.Context(), []ae.Context{{SOPClass: dicom.ModalityPerformedProcedureStep, TransferSyntaxes: []string{syntax}},
		{SOPClass: dicom.InstanceAvailabilityNotification, TransferSyntaxes: []string{syntax}}})
	if err != nil {
		t.Fatal(err)
	}
	text := func(tag dicom.Tag, vr dicom.VR, value string) dicom.Element {
		return dicom.Element{Tag: tag, VR: vr, Value: value}
	}
	uid := text(dicom.StudyInstanceUID, dicom.UI, study)
	scheduled := dicom.Element{Tag: dicom.ScheduledStepAttributesSequence, VR: dicom.SQ, Items: [][]dicom.Element{{uid}}}
	for _, rq := range []struct {
		operation ae.Operation
		class     string
		elements  []dicom.Element
	}{
		{ae.NCreate, dicom.ModalityPerformedProcedureStep, []dicom.Element{text(dicom.PatientID, dicom.LO, "PID77"),
			text(dicom.PerformedProcedureStepStatus, dicom.CS, "IN PROGRESS"), scheduled}},
		{ae.NSet, dicom.ModalityPerformedProcedureStep, []dicom.Element{text(dicom.PerformedProcedureStepStatus, dicom.CS, "COMPLETED")}},
		{ae.NCreate, dicom.InstanceAvailabilityNotification, []dicom.Element{uid}},
	} {
		err := a.Perform(t.Context(), ae.NormalizedRequest{Operation: rq.operation, SOPClassUID: rq.class, SOPInstanceUID: "2.25.4711.9",
			TransferSyntax: syntax, Data: bytes.NewReader(dicom.AppendDataSet(nil, true, rq.elements...))})
		if err != nil {
			t.Errorf("%v %s: %v", rq.operation, rq.class, err)
		}
	}
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// actAs does what a user does whom the proxy in front has named.
func actAs(t *testing.T, n *concordNode, user, method, path, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+n.http+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Remote-User", user)
	request.Header.Set("Content-Type", "application/json")
	if _, err := do(request); err != nil {
		t.Fatal(err)
	}
}

// checkAuditMessages validates messages and looks for what must not be there.
func checkAuditMessages(t *testing.T, messages []string, planted ...string) {
	t.Helper()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Log("not validated: there is no xmllint (Debian's libxml2-utils)")
	}
	for _, m := range messages {
		for _, word := range planted {
			if strings.Contains(m, word) {
				t.Errorf("%q in %s", word, m)
			}
		}
		if xmllint == "" {
			continue
		}
		path := filepath.Join(t.TempDir(), "message.xml")
		if err := os.WriteFile(path, []byte(m), 0o600); err != nil {
			t.Fatal(err)
		}
		schema := filepath.Join("..", "..", "node", "audit", "testdata", "audit-message.rng")
		if out, err := exec.Command(xmllint, "--noout", "--relaxng", schema, path).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}
