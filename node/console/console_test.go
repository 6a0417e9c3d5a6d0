package console_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"concord/dicom"
	"concord/hl7"
	"concord/node"
	"concord/node/console"
	"concord/node/store"
)

const (
	crStorage      = "1.2.840.10008.5.1.4.1.1.1"
	study1, study2 = "2.25.1001", "2.25.1002"
	patientName    = "PLANTED"
)

// peer is a destination that may refuse everything.
type peer struct{ refuses atomic.Bool }

func (p *peer) Send(context.Context, *node.Delivery) (string, error) {
	if p.refuses.Load() {
		return "", &node.RefusedError{Detail: "MSA-1 AR", Attempts: 1}
	}
	return "taken", nil
}

// harness is a node over a real store with its console on a real port; it has
// no model.
type harness struct {
	*testing.T
	node *node.Node
	url  string
	pacs peer
	ris  peer
}

func newHarness(t *testing.T, quiet time.Duration) *harness {
	t.Helper()
	log := zaptest.NewLogger(t, zaptest.Level(zap.FatalLevel))
	s, err := store.Open(t.Context(), t.TempDir(), log)
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{T: t}
	h.node = &node.Node{Index: s, Objects: s, Journal: s.Journal, Log: log, Judge: &node.Judge{Open: s.Open}, Config: node.Config{Quiet: quiet,
		Site: node.Site{Name: "test", AETitle: "CONCORD", Version: "test"},
		Destinations: []node.Destination{{Name: "pacs", Kind: node.SR, Sender: &h.pacs},
			{Name: "ris", Kind: node.ORU, Sender: &h.ris, HL7Version: "2.5.1", HL7Status: "R"}}}}
	s.OnJob = h.node.Wake
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); h.node.Run(ctx) }()
	c := &console.Console{Node: h.node, Title: "CONCORD", Ready: h.node.Ready, Log: log, Peers: func() []console.Peer {
		return []console.Peer{{Name: "pacs", AETitle: "ORTHANC", Address: "127.0.0.1:4242", SendResults: true}}
	}}
	c.Access = console.Access{UserHeader: "X-Remote-User", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	server := httptest.NewServer(c.Handler())
	h.url = server.URL
	t.Cleanup(func() { server.Close(); cancel(); <-done; s.Close() })
	return h
}

// dataSet is a chest X-ray of a woman, 64×48 pixels.
func dataSet(study, accession string) []byte {
	var w bytes.Buffer
	us := func(n uint16) string { return string(binary.LittleEndian.AppendUint16(nil, n)) }
	for _, e := range []struct {
		tag       dicom.Tag
		vr, value string
	}{
		{dicom.SOPClassUID, "UI", crStorage}, {dicom.SOPInstanceUID, "UI", study + ".1.1"},
		{dicom.StudyDate, "DA", "20261124"}, {dicom.AccessionNumber, "SH", accession}, {dicom.Modality, "CS", "CR"},
		{dicom.StudyDescription, "LO", "Chest two views"}, {dicom.PatientName, "PN", patientName + "^JANE"},
		{dicom.PatientID, "LO", "P1"}, {dicom.PatientSex, "CS", "F"}, {dicom.BodyPartExamined, "CS", "CHEST"},
		{dicom.StudyInstanceUID, "UI", study}, {dicom.SeriesInstanceUID, "UI", study + ".1"},
		{dicom.SeriesNumber, "IS", "2"}, {dicom.InstanceNumber, "IS", "14"},
		{dicom.SamplesPerPixel, "US", us(1)}, {dicom.PhotometricInterpretation, "CS", "MONOCHROME2"},
		{dicom.Rows, "US", us(48)}, {dicom.Columns, "US", us(64)}, {dicom.BitsAllocated, "US", us(8)},
		{dicom.BitsStored, "US", us(8)}, {dicom.HighBit, "US", us(7)}, {dicom.PixelRepresentation, "US", us(0)},
	} {
		if len(e.value)%2 == 1 {
			e.value += map[bool]string{true: "\x00", false: " "}[e.vr == "UI"]
		}
		binary.Write(&w, binary.LittleEndian, []uint16{e.tag.Group(), e.tag.Element()})
		w.WriteString(e.vr)
		binary.Write(&w, binary.LittleEndian, uint16(len(e.value)))
		w.WriteString(e.value)
	}
	w.WriteString("\xe0\x7f\x10\x00OB\x00\x00\x00\x0c\x00\x00") // 64×48 bytes
	for y := range 48 {
		for x := range 64 {
			w.WriteByte(byte(4*x ^ y))
		}
	}
	return w.Bytes()
}

func (h *harness) store(study, accession string) {
	h.Helper()
	err := h.node.ReceiveObject(h.Context(), node.Incoming{Caller: "PACS", SOPClassUID: crStorage, SOPInstanceUID: study + ".1.1",
		TransferSyntax: dicom.ExplicitVRLittleEndian}, bytes.NewReader(dataSet(study, accession)))
	if err != nil {
		h.Fatal(err)
	}
}

// oru is a report by the accession number; its lines become OBX segments.
func oru(control, accession string, lines ...string) string {
	segments := []string{
		`MSH|^~\&|RIS|HOSP|CONCORD|HOSP|20261124080000||ORU^R01|` + control + `|P|2.5.1||||||UNICODE UTF-8`,
		`PID|1||P1||` + patientName + `^JANE|||F`,
		`OBR|1||F` + control + `|XR^Chest^L|||20261124|||||||||||` + accession + `|||||||F|||||||77&Reader&Ann`,
	}
	for i, line := range lines {
		segments = append(segments, fmt.Sprintf(`OBX|%d|TX|XR&GDT||%s||||||F`, i+1, line))
	}
	return strings.Join(segments, "\r") + "\r"
}

func (h *harness) send(message string) {
	h.Helper()
	if ack := h.node.ReceiveMessage(h.Context(), "test", []byte(message)); !bytes.Contains(ack, []byte("MSA|AA|")) {
		h.Fatalf("not acknowledged: %q", ack)
	}
}

// wait waits until the cases, oldest first, are in the given states.
func (h *harness) wait(states ...node.State) {
	h.Helper()
	var got []node.State
	for range 500 {
		views, err := h.node.Cases(h.Context(), node.CaseFilter{Limit: 100})
		if err != nil {
			h.Fatal(err)
		}
		got = got[:0]
		for _, v := range slices.Backward(views) {
			got = append(got, v.State)
		}
		if slices.Equal(got, states) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.Fatalf("cases are %v, want %v", got, states)
}

// addJudged stores a case as a judge with a model would leave it and returns
// its ID. The text of its report is that of the statements, a line each.
func (h *harness) addJudged(study string, statements ...node.Statement) (id int64) {
	h.Helper()
	c := &node.Case{Revision: 1, State: node.Done, StudyUID: study, Accession: "A1", Modality: "CR", Pack: "test-pack",
		Report:    &hl7.Report{ControlID: "J1", Status: "F", Author: hl7.Person{Name: "Reader^Ann"}, Blocks: []hl7.Block{{}}},
		CreatedAt: time.Now(), UpdatedAt: time.Now()}
	for i, s := range statements {
		s.N, s.Paragraph, s.Section = i+1, i+1, "findings"
		c.Report.Blocks[0].Text += s.Text + "\n"
		c.Statements = append(c.Statements, s)
		if s.Verdict == node.No {
			c.Flags = append(c.Flags, node.Flag{Code: "CC100", Rule: "VLM-SUPPORT", Severity: node.Warning, Statement: s.N, Text: "It does not match."})
		}
	}
	if err := h.node.Index.Update(h.Context(), func(tx node.Tx) error { return tx.AddCase(c) }); err != nil {
		h.Fatal(err)
	}
	return c.ID
}

func seen(study string) []node.ImageRef {
	return []node.ImageRef{{SOPUID: study + ".1.1", SOPClassUID: crStorage, SeriesUID: study + ".1", SeriesNumber: 2,
		InstanceNumber: 14, Frame: 1, Position: 1}}
}

// do sends a request and returns status, headers and body.
func (h *harness) do(method, path, contentType, body string, headers ...string) (*http.Response, string) {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		h.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		h.Fatal(err)
	}
	return answer, string(text)
}

// get reads a JSON answer of status 200.
func (h *harness) get(path string, to any) {
	h.Helper()
	answer, body := h.do("GET", path, "", "")
	if answer.StatusCode != http.StatusOK {
		h.Fatalf("GET %s: %s: %s", path, answer.Status, body)
	}
	if err := json.Unmarshal([]byte(body), to); err != nil {
		h.Fatalf("GET %s: %v in %s", path, err, body)
	}
}

// errorOf is the error of a JSON answer.
func errorOf(body string) (string, error) {
	var answer struct{ Error string }
	err := json.Unmarshal([]byte(body), &answer)
	if err == nil && answer.Error == "" {
		err = errors.New("the answer has no error")
	}
	return answer.Error, err
}
