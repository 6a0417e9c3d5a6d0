package node_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"concord/dicom"
	"concord/node"
	"concord/node/store"
)

const crStorage = "1.2.840.10008.5.1.4.1.1.1"

// recorder is a destination that keeps what it is sent.
type recorder struct {
	mu   sync.Mutex
	sent []node.Delivery
	fail func(try int) error // nil: takes everything
	try  int

	change func(*node.Delivery) // the form that it takes; nil: as it comes
}

func (r *recorder) Send(_ context.Context, d *node.Delivery) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.try++
	if r.fail != nil {
		if err := r.fail(r.try); err != nil {
			return "", err
		}
	}
	if r.change != nil {
		r.change(d)
	}
	r.sent = append(r.sent, *d)
	return "taken", nil
}

func (r *recorder) all() []node.Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]node.Delivery(nil), r.sent...)
}

// harness is a node over a real store, without network and without a model.
type harness struct {
	*testing.T
	dir       string // the data directory
	node      *node.Node
	pacs, ris *recorder
	committer node.Committer // of the PACS; nil: none
}

func newHarness(t *testing.T, change func(*node.Config)) *harness {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), dir, zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)))
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{T: t, dir: dir, pacs: &recorder{}, ris: &recorder{}}
	config := node.Config{Quiet: 20 * time.Millisecond, Site: node.Site{Name: "test", AETitle: "CONCORD", Version: "test"},
		Destinations: []node.Destination{
			{Name: "pacs", Kind: node.SR, Sender: h.pacs},
			{Name: "ris", Kind: node.ORU, Sender: h.ris, HL7Version: "2.5.1", HL7Status: "R"},
		}}
	if change != nil {
		change(&config)
	}
	h.node = &node.Node{Config: config, Index: s, Objects: s, Journal: s.Journal, Log: zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)),
		Judge: &node.Judge{Open: s.Open, AccessionStrip: config.Mapping.AccessionStrip}}
	s.OnJob = h.node.Wake
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); h.node.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; s.Close() })
	return h
}

// image describes a small object.
type image struct {
	study, series, uid             string
	accession, patient             string
	modality, bodyPart, laterality string
	pixel                          byte
}

func (i image) dataSet() []byte {
	var w bytes.Buffer
	us := func(n uint16) string { return string(binary.LittleEndian.AppendUint16(nil, n)) }
	for _, e := range []struct {
		tag       dicom.Tag
		vr, value string
	}{
		{dicom.SOPClassUID, "UI", crStorage}, {dicom.SOPInstanceUID, "UI", i.uid},
		{dicom.StudyDate, "DA", "20261124"}, {dicom.AccessionNumber, "SH", i.accession}, {dicom.Modality, "CS", i.modality},
		{dicom.PatientName, "PN", "DOE^JANE"}, {dicom.PatientID, "LO", i.patient}, {dicom.PatientSex, "CS", "F"},
		{dicom.BodyPartExamined, "CS", i.bodyPart}, {dicom.StudyInstanceUID, "UI", i.study},
		{dicom.SeriesInstanceUID, "UI", i.series}, {dicom.SeriesNumber, "IS", "2"}, {dicom.InstanceNumber, "IS", "14"},
		{dicom.Laterality, "CS", i.laterality},
		{dicom.SamplesPerPixel, "US", us(1)}, {dicom.PhotometricInterpretation, "CS", "MONOCHROME2"},
		{dicom.Rows, "US", us(2)}, {dicom.Columns, "US", us(2)}, {dicom.BitsAllocated, "US", us(8)},
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
	w.WriteString("\xe0\x7f\x10\x00OB\x00\x00\x04\x00\x00\x00")
	w.Write([]byte{0, 80, 160, i.pixel})
	return w.Bytes()
}

func chest(study, accession string) image {
	return image{study: study, series: study + ".1", uid: study + ".1.1", accession: accession, patient: "P1",
		modality: "CR", bodyPart: "CHEST", pixel: 255}
}

func (h *harness) store(i image) {
	h.Helper()
	err := h.node.ReceiveObject(h.Context(), node.Incoming{Caller: "PACS", SOPClassUID: crStorage, SOPInstanceUID: i.uid,
		TransferSyntax: dicom.ExplicitVRLittleEndian}, bytes.NewReader(i.dataSet()))
	if err != nil {
		h.Fatal(err)
	}
}

// message is an ORU of one report.
type message struct {
	control, filler, accession, study, patient, status, text string
}

func (m message) bytes() []byte {
	lines := []string{
		`MSH|^~\&|RIS|HOSP|CONCORD|HOSP|20261124080000||ORU^R01|` + m.control + `|P|2.5.1||||||UNICODE UTF-8`,
		`PID|1||` + m.patient + `||DOE^JANE|||F`,
		`OBR|1||` + m.filler + `|XR^Chest^L|||20261124|||||||||||` + m.accession + `|||||||` + m.status,
	}
	if m.study != "" {
		lines = append(lines, `OBX|1|ST|113014^DICOM Study^DCM||`+m.study+`||||||F`)
	}
	for i, line := range strings.Split(m.text, "\n") {
		lines = append(lines, fmt.Sprintf(`OBX|%d|TX|XR&GDT||%s||||||%s`, i+2, line, m.status))
	}
	return []byte(strings.Join(lines, "\r") + "\r")
}

func (h *harness) send(m message) {
	h.Helper()
	if ack := h.node.ReceiveMessage(h.Context(), "test", m.bytes()); !bytes.Contains(ack, []byte("MSA|AA|")) {
		h.Fatalf("not acknowledged: %q", ack)
	}
}

// wait waits until the cases, oldest first, are in the given states.
func (h *harness) wait(states ...node.State) []*node.CaseView {
	h.Helper()
	var got []node.State
	for range 500 {
		views, err := h.node.Cases(h.Context(), node.CaseFilter{Limit: 100})
		if err != nil {
			h.Fatal(err)
		}
		got = got[:0]
		for i := len(views) - 1; i >= 0; i-- {
			got = append(got, views[i].State)
		}
		if fmt.Sprint(got) == fmt.Sprint(states) {
			for i, j := 0, len(views)-1; i < j; i, j = i+1, j-1 {
				views[i], views[j] = views[j], views[i]
			}
			return views
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.Fatalf("cases are %v, want %v", got, states)
	return nil
}

const study1, study2 = "2.25.1001", "2.25.1002"

func TestJoinWhateverComesFirst(t *testing.T) {
	byUID := message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Normal heart size."}
	byAccession := message{control: "M1", filler: "F1", accession: "A1", patient: "P1", status: "F", text: "Normal heart size."}
	for name, c := range map[string]struct {
		message     message
		reportFirst bool
	}{
		"study UID, images first": {byUID, false},
		"study UID, report first": {byUID, true},
		"accession, images first": {byAccession, false},
		"accession, report first": {byAccession, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, nil)
			if c.reportFirst {
				h.send(c.message)
				h.wait(node.WaitingImages)
				h.store(chest(study1, "A1"))
			} else {
				h.store(chest(study1, "A1"))
				h.wait(node.WaitingReport)
				h.send(c.message)
			}
			got := h.wait(node.Done)[0]
			if got.StudyUID != study1 || got.Accession != "A1" || len(got.Statements) != 1 {
				t.Errorf("joined to study %q, accession %q, %d statements", got.StudyUID, got.Accession, len(got.Statements))
			}
			if s := got.Statements[0]; s.Verdict != node.NotJudged || s.Reason == "" {
				t.Errorf("without a pack a statement is not judged with a reason; got %+v", s)
			}
			if len(h.pacs.all()) != 1 || len(h.ris.all()) != 1 {
				t.Errorf("PACS got %d, RIS %d results; want one each", len(h.pacs.all()), len(h.ris.all()))
			}
		})
	}
}

func TestReportForAnotherStudyWaits(t *testing.T) {
	h := newHarness(t, nil)
	h.store(chest(study1, "A1"))
	h.wait(node.WaitingReport)
	h.send(message{control: "M1", filler: "F1", study: study2, accession: "A1", patient: "P1", status: "F", text: "Normal."})
	h.wait(node.WaitingReport, node.WaitingImages) // a study UID outranks the accession number
}

func TestTwoStudiesOfOneAccessionAreAmbiguous(t *testing.T) {
	h := newHarness(t, nil)
	h.store(chest(study1, "A1"))
	h.store(chest(study2, "A1"))
	h.wait(node.WaitingReport, node.WaitingReport)
	h.send(message{control: "M1", filler: "F1", accession: "A1", patient: "P1", status: "F", text: "Normal."})
	if c := h.wait(node.WaitingReport, node.WaitingReport, node.Ambiguous)[2]; c.Reason == "" {
		t.Error("an ambiguous case must say what to do")
	}
}

func TestSeveralReportsOfOneStudy(t *testing.T) {
	h := newHarness(t, nil)
	h.store(chest(study1, "A1"))
	h.send(message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Normal heart."})
	h.send(message{control: "M2", filler: "F2", study: study1, patient: "P1", status: "F", text: "Normal lungs."})
	h.wait(node.Done, node.Done)
}

func TestRevisionSupersedesAndNamesItsPredecessor(t *testing.T) {
	h := newHarness(t, nil)
	h.store(chest(study1, "A1"))
	first := message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "P", text: "Normal heart."}
	h.send(first)
	h.wait(node.Done)
	second := first
	second.control, second.status, second.text = "M2", "C", "Enlarged heart."
	h.send(second)
	cases := h.wait(node.Superseded, node.Done)
	if cases[1].Revision != 2 {
		t.Errorf("revision %d, want 2", cases[1].Revision)
	}
	srs := h.pacs.all()
	if len(srs) != 2 || srs[0].UID == srs[1].UID {
		t.Fatalf("want two Structured Reports of different UIDs, got %d", len(srs))
	}
	if !bytes.Contains(srs[1].Payload, []byte(srs[0].UID)) {
		t.Error("the second Structured Report does not name the first")
	}
	if orus := h.ris.all(); len(orus) != 2 || !bytes.Contains(orus[1].Payload, []byte("|C|")) {
		t.Error("the second ORU is no correction")
	}
}

func TestWithdrawnReport(t *testing.T) {
	h := newHarness(t, nil)
	m := message{control: "M1", filler: "F1", accession: "A1", patient: "P1", status: "F", text: "Normal."}
	h.send(m)
	h.wait(node.WaitingImages)
	m.control, m.status = "M2", "X"
	h.send(m)
	h.wait(node.Withdrawn)
	h.store(chest(study1, "A1"))
	h.wait(node.Withdrawn, node.WaitingReport)
}

func TestLateImagesMakeARevision(t *testing.T) {
	h := newHarness(t, nil)
	h.store(chest(study1, "A1"))
	h.send(message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Normal."})
	h.wait(node.Done)
	late := chest(study1, "A1")
	late.uid = study1 + ".1.2"
	h.store(late)
	h.wait(node.Superseded, node.Done)
	h.store(late) // the same bytes again change nothing
	h.wait(node.Superseded, node.Done)
}

func TestSameUIDWithOtherContentIsPutAside(t *testing.T) {
	h := newHarness(t, nil)
	h.store(chest(study1, "A1"))
	other := chest(study1, "A1")
	other.pixel = 7
	h.store(other)
	h.wait(node.WaitingReport)
	if n := h.node.Stats.Objects.Load(); n != 2 {
		t.Errorf("%d objects are stored, want both", n)
	}
	_, file, err := h.node.Object(h.Context(), other.uid)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	last := make([]byte, 1)
	if _, err := file.ReadAt(last, file.Size()-1); err != nil || last[0] != 255 {
		t.Errorf("the first object must stay the one that is judged; its last byte is %d (%v)", last[0], err)
	}
}

func TestObjectWhoseFileIsGoneIsStoredAgain(t *testing.T) {
	h := newHarness(t, nil)
	i := chest(study1, "A1")
	h.store(i)
	h.wait(node.WaitingReport)
	known, file, err := h.node.Object(h.Context(), i.uid)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	if err := os.Remove(filepath.Join(h.dir, "objects", known.Path)); err != nil {
		t.Fatal(err)
	}
	h.store(i)
	_, file, err = h.node.Object(h.Context(), i.uid)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	h.send(message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Normal."})
	h.wait(node.Done)
	if n := h.node.Stats.Duplicates.Load(); n != 0 {
		t.Errorf("%d objects counted as duplicates", n)
	}
}

func TestObjectsThatAreRefused(t *testing.T) {
	h := newHarness(t, nil)
	good := chest(study1, "A1")
	for name, c := range map[string]struct {
		in   node.Incoming
		data []byte
		want any
	}{
		"other SOP instance": {node.Incoming{SOPClassUID: crStorage, SOPInstanceUID: "2.25.9", TransferSyntax: dicom.ExplicitVRLittleEndian}, good.dataSet(), new(*node.MismatchError)},
		"other SOP class":    {node.Incoming{SOPClassUID: "1.2.840.10008.5.1.4.1.1.2", SOPInstanceUID: good.uid, TransferSyntax: dicom.ExplicitVRLittleEndian}, good.dataSet(), new(*node.MismatchError)},
		"rubbish":            {node.Incoming{SOPClassUID: crStorage, SOPInstanceUID: good.uid, TransferSyntax: dicom.ExplicitVRLittleEndian}, bytes.Repeat([]byte{0xFF}, 500), new(*node.UnreadableError)},
		"no study":           {node.Incoming{SOPClassUID: crStorage, SOPInstanceUID: good.uid, TransferSyntax: dicom.ExplicitVRLittleEndian}, chest("", "A1").dataSet(), new(*node.UnreadableError)},
		"empty":              {node.Incoming{SOPClassUID: crStorage, SOPInstanceUID: good.uid, TransferSyntax: dicom.ExplicitVRLittleEndian}, nil, new(*node.UnreadableError)},
	} {
		err := h.node.ReceiveObject(h.Context(), c.in, bytes.NewReader(c.data))
		if err == nil || !errors.As(err, c.want) {
			t.Errorf("%s: got %v, want a %T", name, err, c.want)
		}
	}
}

func TestIdentityMismatchHoldsVerdictsBack(t *testing.T) {
	h := newHarness(t, nil)
	h.store(chest(study1, "A1"))
	h.send(message{control: "M1", filler: "F1", study: study1, patient: "P2", status: "F", text: "Normal heart size."})
	c := h.wait(node.Done)[0]
	if len(c.Flags) != 1 || c.Flags[0].Code != "CC105" || c.Flags[0].Severity != node.Critical {
		t.Fatalf("want one critical CC105, got %+v", c.Flags)
	}
	if c.Statements[0].Verdict != node.NotJudged {
		t.Errorf("verdict %s of another patient's images", c.Statements[0].Verdict)
	}
	for _, d := range append(h.pacs.all(), h.ris.all()...) {
		if d.Kind == node.SR && bytes.Contains(d.Payload, []byte("P2")) {
			t.Error("the Structured Report names the other patient")
		}
	}
}

func TestDeliveriesAreRetriedInOrderAndGivenUp(t *testing.T) {
	h := newHarness(t, nil)
	h.pacs.fail = func(try int) error {
		if try == 1 {
			return errors.New("connection refused")
		}
		return nil
	}
	h.ris.fail = func(int) error { return &node.RefusedError{Detail: "MSA-1 AR", Attempts: 1} }
	h.store(chest(study1, "A1"))
	h.send(message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Normal."})
	c := h.wait(node.Failed)[0]
	if c.Reason == "" {
		t.Error("a failed case must say why")
	}
	for range 300 {
		if len(h.pacs.all()) == 1 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the PACS did not get its result at the second try")
}

func TestMessagesAreDeduplicatedAndQuarantined(t *testing.T) {
	h := newHarness(t, nil)
	m := message{control: "M1", filler: "F1", accession: "A1", patient: "P1", status: "F", text: "Normal."}
	h.send(m)
	h.send(m)
	h.wait(node.WaitingImages)
	ack := h.node.ReceiveMessage(t.Context(), "test", []byte("no HL7 at all"))
	if !bytes.Contains(ack, []byte("MSA|AE|")) || !bytes.Contains(ack, []byte("ERR|")) {
		t.Errorf("want AE with ERR, got %q", ack)
	}
	if h.node.Stats.MessagesQuarantined.Load() != 1 {
		t.Error("the unreadable message is not in quarantine")
	}
}

func TestShadowSendsNothing(t *testing.T) {
	h := newHarness(t, func(c *node.Config) { c.Shadow = true })
	h.store(chest(study1, "A1"))
	h.send(message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Normal."})
	h.wait(node.Done)
	if len(h.pacs.all())+len(h.ris.all()) != 0 {
		t.Error("shadow mode sent results")
	}
}

func TestCasesExpireAndRevive(t *testing.T) {
	h := newHarness(t, func(c *node.Config) { c.Expire = 30 * time.Millisecond })
	h.send(message{control: "M1", filler: "F1", accession: "A1", patient: "P1", status: "F", text: "Normal."})
	h.wait(node.Expired)
	h.store(chest(study1, "A1"))
	h.wait(node.Done)
}
