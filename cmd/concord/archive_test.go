package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"concord/config"
	"concord/dicom"
	"concord/dicom/ae"
	"concord/loopback"
	"concord/node"
)

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := loopback.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return a.Port
}

// startPeer runs a peer's program until the test ends, and waits for its port.
func startPeer(t *testing.T, address, program string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed: make test installs it", program)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "TCP_NODELAY=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 400 {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("%s does not listen at %s", program, address)
}

// dcmqrscp is DCMTK's archive, which knows the node.
func dcmqrscp(t *testing.T, address, concord string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "dcmqrscp.cfg")
	text := fmt.Sprintf("NetworkTCPPort = %d\nMaxPDUSize = 16384\nMaxAssociations = 16\nHostTable BEGIN\nconcord = (CONCORD, 127.0.0.1, %d)\nHostTable END\n"+
		"VendorTable BEGIN\nVendorTable END\nAETable BEGIN\nPACS %s RW (200, 1024mb) ANY\nAETable END\n", portOf(t, address), portOf(t, concord), dir)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	startPeer(t, address, "dcmqrscp", "-c", file)
}

// orthancPACS is an Orthanc that knows the node.
func orthancPACS(t *testing.T, address, concord string) {
	t.Helper()
	orthancWith(t, address, concord, nil)
}

// orthancWith is an Orthanc with more settings.
func orthancWith(t *testing.T, address, concord string, more map[string]any) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "orthanc.json")
	settings := map[string]any{"DicomAet": "PACS", "DicomPort": portOf(t, address), "HttpServerEnabled": false,
		"StorageDirectory": dir, "IndexDirectory": dir, "Plugins": []string{}, "DicomAlwaysAllowStore": true, "DicomAlwaysAllowFind": true,
		"DicomAlwaysAllowMove": true, "DicomAlwaysAllowGet": true,
		"DicomModalities": map[string]any{"concord": map[string]any{"AET": "CONCORD", "Host": "127.0.0.1", "Port": portOf(t, concord), "AllowStorageCommitment": true}}}
	maps.Copy(settings, more)
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	startPeer(t, address, "Orthanc", file)
}

// slice is one CT image of study 1.2.1.
func slice(number int) (instance string, dataSet []byte) {
	instance = fmt.Sprintf("1.2.1.1.%d", number)
	us := func(tag dicom.Tag, n uint16) dicom.Element { return dicom.Element{Tag: tag, VR: dicom.US, Number: n} }
	return instance, dicom.AppendDataSet(nil, true, text(dicom.SOPClassUID, dicom.UI, dicom.CTImageStorage), text(dicom.SOPInstanceUID, dicom.UI, instance),
		text(dicom.StudyDate, dicom.DA, "20261124"), text(dicom.StudyTime, dicom.TM, "120000"), text(dicom.AccessionNumber, dicom.SH, "A1"),
		text(dicom.Modality, dicom.CS, "CT"), text(dicom.PatientName, dicom.PN, "SYNTHETIC"), text(dicom.PatientID, dicom.LO, "P1"),
		text(dicom.StudyInstanceUID, dicom.UI, "1.2.1"), text(dicom.SeriesInstanceUID, dicom.UI, "1.2.1.1"), text(dicom.StudyID, dicom.SH, "1"),
		text(dicom.SeriesNumber, dicom.IS, "1"), text(dicom.InstanceNumber, dicom.IS, fmt.Sprint(number)), us(dicom.SamplesPerPixel, 1),
		text(dicom.PhotometricInterpretation, dicom.CS, "MONOCHROME2"), us(dicom.Rows, 2), us(dicom.Columns, 2), us(dicom.BitsAllocated, 8),
		us(dicom.BitsStored, 8), us(dicom.HighBit, 7), us(dicom.PixelRepresentation, 0), text(dicom.PixelDataTag, dicom.OB, "\x00\x50\xa0\xff"))
}

// fill stores slices at a peer.
func fill(t *testing.T, address string, numbers ...int) {
	t.Helper()
	a, err := (&ae.Client{Calling: "CT1", Called: "PACS", Address: address, Timeout: time.Minute}).Dial(t.Context(),
		[]ae.Context{{SOPClass: dicom.CTImageStorage, TransferSyntaxes: []string{dicom.ExplicitVRLittleEndian}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range numbers {
		instance, data := slice(n)
		if err := a.Store(t.Context(), ae.StoreRequest{SOPClassUID: dicom.CTImageStorage, SOPInstanceUID: instance,
			TransferSyntax: dicom.ExplicitVRLittleEndian, Data: bytes.NewReader(data)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// receive stores slices at the node itself.
func (s *scp) receive(numbers ...int) {
	s.Helper()
	for _, n := range numbers {
		instance, data := slice(n)
		if err := s.node.ReceiveObject(s.Context(), node.Incoming{Caller: "CT1", SOPClassUID: dicom.CTImageStorage, SOPInstanceUID: instance,
			TransferSyntax: dicom.ExplicitVRLittleEndian}, bytes.NewReader(data)); err != nil {
			s.Fatal(err)
		}
	}
}

// reports sends the report of study 1.2.1, named by its accession number.
func (s *scp) reports() {
	s.Helper()
	report := "MSH|^~\\&|RIS|HOSP|CONCORD|HOSP|20261124080000||ORU^R01|M1|P|2.5.1\rPID|1||P1||SYNTHETIC\r" +
		"OBR|1||F1|CT^Chest^L|||20261124|||||||||||A1|||||||F\rOBX|1|TX|CT&GDT||No pneumothorax.||||||F\r"
	if ack := s.node.ReceiveMessage(s.Context(), "test", []byte(report)); !bytes.Contains(ack, []byte("MSA|AA|")) {
		s.Fatalf("not acknowledged: %q", ack)
	}
}

// ends waits until the newest case is in a state, and returns its timeline.
func (s *scp) ends(state node.State) *node.CaseView {
	s.Helper()
	var seen string
	for range 4500 {
		views, err := s.node.Cases(s.Context(), node.CaseFilter{Limit: 1})
		if err != nil {
			s.Fatal(err)
		}
		if len(views) == 1 && views[0].State == state {
			return views[0]
		}
		seen = ""
		for _, v := range views {
			seen = fmt.Sprintf("%s (%s) %v %+v", v.State, v.Reason, v.Timeline, v.Deliveries)
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Fatalf("the case is %s, want %s", seen, state)
	return nil
}

// tells checks that a timeline has lines, in this order.
func tells(t *testing.T, c *node.CaseView, lines ...string) {
	t.Helper()
	for _, e := range c.Timeline {
		if len(lines) > 0 && strings.Contains(e.Event, lines[0]) {
			lines = lines[1:]
		}
	}
	if len(lines) > 0 {
		t.Errorf("the timeline lacks %q:\n%v", lines, c.Timeline)
	}
}

// Real archives say what they have and send what is missing, by C-MOVE and by
// C-GET: a part of a study, and one that was never forwarded.
func TestRetrievalFromRealArchives(t *testing.T) {
	for name, start := range map[string]func(t *testing.T, address, concord string){"dcmqrscp": dcmqrscp, "Orthanc": orthancPACS} {
		for _, retrieve := range []config.Retrieve{config.RetrieveMove, config.RetrieveGet} {
			for part, here := range map[string][]int{"a part": {1}, "nothing": nil, "all": {1, 2, 3}} {
				t.Run(fmt.Sprintf("%s %s %s is here", name, retrieve, part), func(t *testing.T) {
					t.Parallel()
					address := freeAddress(t)
					s := startSCP(t, fmt.Sprintf("study: {quiet: 300ms, wait: 30s}\nhl7_destinations: []\npeers: [{name: pacs, ae_title: OTHER, query_ae_title: PACS, address: %q, query: true, retrieve: %s}]", address, retrieve))
					start(t, address, s.address)
					fill(t, address, 1, 2, 3)
					if len(here) > 0 {
						s.receive(here...)
						s.ends(node.WaitingReport) // the index lags
					}
					s.reports()
					c := s.ends(node.Done)
					service := map[config.Retrieve]string{config.RetrieveMove: "C-MOVE", config.RetrieveGet: "C-GET"}[retrieve]
					if pulls := strings.Count(fmt.Sprint(c.Timeline), service); pulls > 1 {
						t.Errorf("asked for %d times:\n%v", pulls, c.Timeline)
					}
					if did := map[string]string{"a part": "pacs was asked, and did it: " + service + ": 2 sent", "nothing": "pacs was asked for the study, and did it: " + service + ": 3 sent"}[part]; did != "" {
						s.waitFor(func() bool {
							view, err := s.node.Case(t.Context(), c.ID)
							return err == nil && strings.Contains(fmt.Sprint(view.Timeline), did)
						})
					}
					tells(t, c, map[string][]string{
						"a part":  {"pacs has 3 instances", "missing, so asked of pacs: 2 instances", "the study is complete", "judged"},
						"nothing": {"images arrived", "pacs has 3 instances", "judged"},
						"all":     {"pacs has 3 instances", "the study is complete", "judged"},
					}[part]...)
					for n := range 3 {
						instance, data := slice(n + 1)
						o, file, err := s.node.Object(t.Context(), instance)
						if err != nil || o == nil {
							t.Fatalf("slice %d is not here: %v", n+1, err)
						}
						stored, err := io.ReadAll(node.NewReader(file))
						if file.Close(); err != nil {
							t.Fatal(err)
						}
						if pixels := []byte("\x00\x50\xa0\xff"); !bytes.HasSuffix(data, pixels) || !bytes.HasSuffix(stored, pixels) {
							t.Errorf("slice %d came with other pixels: %x", n+1, stored[len(stored)-4:])
						}
					}
				})
			}
		}
	}
}

// The audit trail says what the node asked of archives: a search, and a
// retrieval that failed.
func TestAuditOfArchives(t *testing.T) {
	repository, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer repository.Close()
	address := freeAddress(t)
	dcmqrscp(t, address, "127.0.0.1:1")
	s := startSCP(t, fmt.Sprintf("audit: {address: %q, transport: udp}\npeers: [{name: pacs, ae_title: PACS, address: %q, query: true, retrieve: get}, "+
		"{name: away, ae_title: AWAY, address: %q, query: true, retrieve: get}]", repository.LocalAddr(), address, freeAddress(t)))
	archives := archivesOf(s.peers.current(), s.node, s.trail, zap.NewNop())
	if _, err := archives[0].Query.Studies(t.Context(), "1.2.1", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := archives[1].Query.Retrieve(t.Context(), "1.2.1", nil); err == nil {
		t.Fatal("retrieved from a peer that is away")
	}
	if err := repository.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	packet := make([]byte, 1<<16)
	for _, want := range [][]string{
		{`csd-code="110112"`, `UserID="PACS"`, `ParticipantObjectID="` + dicom.StudyRootQueryRetrieveFind + `"`},
		{`csd-code="110104"`, `EventOutcomeIndicator="4"`, `UserID="AWAY"`, `ParticipantObjectID="1.2.1"`},
	} {
		n, _, err := repository.ReadFrom(packet)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range want {
			if !bytes.Contains(packet[:n], []byte(part)) {
				t.Errorf("no %s in %s", part, packet[:n])
			}
		}
	}
}

// The doctor tells which of the services that the configuration counts on a
// peer provides.
func TestServicesOfPeers(t *testing.T) {
	address := freeAddress(t)
	dcmqrscp(t, address, "127.0.0.1:1")
	for _, c := range []struct {
		peer config.Peer
		want string
	}{
		{config.Peer{AETitle: "PACS", Address: address, Query: true, Retrieve: config.RetrieveGet}, "provides FIND, GET <nil>"},
		{config.Peer{AETitle: "OTHER", QueryAETitle: "PACS", Address: address, Query: true, Retrieve: config.RetrieveMove}, "provides FIND, MOVE <nil>"},
		{config.Peer{AETitle: "PACS", Address: address, Query: true, Commit: true}, "PACS does not provide storage commitment"},
	} {
		now, err := networkOf(&config.Config{DICOM: config.DICOM{AETitle: "CONCORD"}})
		if err != nil {
			t.Fatal(err)
		}
		detail, err := tryServices(t.Context(), now, c.peer)
		if got := fmt.Sprint(detail, " ", err); !strings.Contains(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.peer, got, c.want)
		}
	}
}
