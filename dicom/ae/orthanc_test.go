package ae

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"concord/loopback"
)

// orthanc is a running Orthanc that knows CONCORD as its modality "concord".
type orthanc struct {
	t       *testing.T
	address string // DICOM
	rest    string
	stop    func() // also stops at the end of the test
}

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

func startOrthanc(t *testing.T, concord string) orthanc {
	t.Helper()
	path, err := exec.LookPath("Orthanc")
	if err != nil {
		t.Skip("Orthanc is not installed")
	}
	folder := t.TempDir()
	o := orthanc{t: t, address: freeAddress(t), rest: freeAddress(t)}
	config, err := json.Marshal(map[string]any{
		"DicomPort": portOf(t, o.address), "HttpPort": portOf(t, o.rest), "DicomAet": "ORTHANC",
		"StorageDirectory": folder, "IndexDirectory": folder, "Plugins": []string{},
		"RemoteAccessAllowed": false, "AuthenticationEnabled": false, "DicomAlwaysAllowStore": true,
		"DicomModalities": map[string]any{"concord": map[string]any{
			"AET": "CONCORD", "Host": "127.0.0.1", "Port": portOf(t, concord), "AllowStorageCommitment": true,
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "orthanc.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, file)
	cmd.Env = append(os.Environ(), noDelay)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	o.stop = sync.OnceFunc(func() { cmd.Process.Kill(); cmd.Wait() })
	t.Cleanup(o.stop)
	awaitListener(t, o.rest)
	awaitListener(t, o.address)
	return o
}

// call calls the REST interface and returns the decoded answer.
func (o orthanc) call(method, path string, body, answer any) {
	o.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		o.t.Fatal(err)
	}
	rq, err := http.NewRequestWithContext(o.t.Context(), method, "http://"+o.rest+path, bytes.NewReader(b))
	if err != nil {
		o.t.Fatal(err)
	}
	rq.Close = true
	response, err := http.DefaultClient.Do(rq)
	if err != nil {
		o.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err = io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		o.t.Fatalf("%s %s: %s %s, %v", method, path, response.Status, b, err)
	}
	if err := json.Unmarshal(b, answer); err != nil {
		o.t.Fatal(err)
	}
}

// commitment is the data set of a storage commitment request or result (PS3.4
// J.3.2.1, J.3.3.1) about one object, in implicit VR little endian.
func commitment(transaction string, o object) []byte {
	item := append(element(0x0008, 0x1150, o.class, 0), element(0x0008, 0x1155, o.instance, 0)...)
	sequence := append([]byte{0xFE, 0xFF, 0x00, 0xE0, byte(len(item)), 0, 0, 0}, item...)
	return append(element(0x0008, 0x1195, transaction, 0), element(0x0008, 0x1199, string(sequence), 0)...)
}

// TestOrthanc stores to Orthanc and from it, and runs storage commitment in
// both directions, each with its result on an association of its own.
func TestOrthanc(t *testing.T) {
	keep := &sink{}
	n := newNotes(func(*NormalizedRequest) error { return nil })
	s := newServer(keep)
	s.StorageClass = func(uid string) bool { return uid == secondaryCapture }
	s.TransferSyntax = func(uid string) bool { return uid == implicitVRLittleEndian }
	s.Normalized, s.NormalizedClass = n.handle, func(uid string) bool { return uid == commitmentClass }
	peer := startOrthanc(t, start(t, s))

	o := archive{study: "2.25.600"}.object(1)
	c := &Client{Calling: "CONCORD", Called: "ORTHANC", Address: peer.address, Timeout: 10 * time.Second}
	a := dial(t, c, contextOf(o), propose(commitmentClass, implicitVRLittleEndian))
	if err := a.Store(t.Context(), o.request()); err != nil {
		t.Fatal(err)
	}
	rq := commitmentRequest(string(commitment("2.25.700", o)))
	if err := a.Perform(t.Context(), rq); err != nil {
		t.Fatal(err)
	}
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if got, data := <-n.got, <-n.data; got.Operation != NEventReport || got.TypeID != 1 || !bytes.Contains(data, []byte("2.25.700")) {
		t.Errorf("Orthanc's result is %+v with %x", got, data)
	}

	var stored map[string]any
	peer.call("POST", "/modalities/concord/store", map[string]any{"Resources": peer.instances(), "Synchronous": true}, &stored)
	if !bytes.Equal(keep.object(o.instance), o.data) {
		t.Errorf("Orthanc sent other bytes than it got")
	}
	peer.checkCommitmentByUs(c, n, o)
}

func (o orthanc) instances() []string {
	var ids []string
	o.call("GET", "/instances", nil, &ids)
	return ids
}

// checkCommitmentByUs lets Orthanc ask for a commitment and answers it.
func (o orthanc) checkCommitmentByUs(c *Client, n *notes, about object) {
	t := o.t
	var asked struct{ ID string }
	o.call("POST", "/modalities/concord/storage-commitment", map[string]any{"DicomInstances": [][]string{{about.class, about.instance}}}, &asked)
	if rq, _ := <-n.got, <-n.data; rq.Operation != NAction || rq.TypeID != 1 || rq.Association.Calling != "ORTHANC" {
		t.Fatalf("Orthanc's request is %+v", rq)
	}
	reversed := propose(commitmentClass, implicitVRLittleEndian)
	reversed.SCP = true
	a := dial(t, c, reversed)
	event := commitmentRequest(string(commitment(asked.ID, about)))
	event.Operation = NEventReport
	if err := a.Perform(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}
	var report struct{ Status string }
	o.call("GET", "/storage-commitment/"+asked.ID, nil, &report)
	if report.Status != "Success" {
		t.Errorf("Orthanc has the status %q", fmt.Sprint(report))
	}
}
