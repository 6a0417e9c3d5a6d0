package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"concord/hl7"
	"concord/hl7/mllp"
)

// concord runs the binary and returns what it printed.
func concord(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), concordBinary, args...).CombinedOutput()
	return string(out), err
}

func mustConcord(t *testing.T, args ...string) string {
	t.Helper()
	out, err := concord(t, args...)
	if err != nil {
		t.Fatalf("concord %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func TestRenderCommand(t *testing.T) {
	xray, err := chestXRay() // 2140 rows, 1760 columns
	if err != nil {
		t.Fatal(err)
	}
	for size, want := range map[string]image.Point{"384": {316, 384}, "0": {1760, 2140}} {
		path := filepath.Join(t.TempDir(), "out.png")
		mustConcord(t, "render", xray, "-o", path, "--size", size)
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		picture, err := png.Decode(f)
		if err != nil {
			t.Fatal(err)
		}
		if got := picture.Bounds().Size(); got != want {
			t.Errorf("size %s: the picture has %v pixels, want %v", size, got, want)
		}
	}
	if out, err := concord(t, "render", xray, "-o", filepath.Join(t.TempDir(), "x.png"), "--frame", "2"); err == nil || !strings.Contains(out, "frame") {
		t.Errorf("frame 2 of one was rendered: %v %s", err, out)
	}
}

// writePNG writes a picture that shows nothing.
func writePNG(t *testing.T, path string) {
	t.Helper()
	picture := image.NewGray(image.Rect(0, 0, 64, 64))
	for i := range picture.Pix {
		picture.Pix[i] = color.Gray{Y: uint8(i)}.Y
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, picture); err != nil {
		t.Fatal(err)
	}
}

func TestEvalCommand(t *testing.T) {
	xray, err := chestXRay()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writePNG(t, filepath.Join(dir, "noise.png"))
	rows := []string{"image\tstatement\tlabel\tcategory",
		xray + "\tFrontal chest radiograph.\tyes\tview",
		xray + "\tAxial CT of the head.\tno\tmodality",
		xray + "\tNo pneumothorax.\tyes\tfinding",
		"noise.png\tFrontal chest radiograph.\tno\tview"}
	path := filepath.Join(dir, "pairs.tsv")
	if err := os.WriteFile(path, []byte(strings.Join(rows, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var result struct {
		Pairs    int
		Pictures struct {
			Rows      int
			Accuracy  struct{ Value, Of float64 }
			Confusion map[string]map[string]int
		}
		Shuffled struct{ Rows int } `json:"pictures_shuffled"`
	}
	if err := json.Unmarshal([]byte(mustConcord(t, "eval", "--json", path)), &result); err != nil {
		t.Fatal(err)
	}
	all := result.Pictures
	if result.Pairs != 4 || all.Rows != 4 || result.Shuffled.Rows != 4 {
		t.Errorf("rows are lost: %+v", result)
	}
	if all.Accuracy.Of < 2 || all.Accuracy.Value < 0.6 {
		t.Errorf("the X-ray is not recognised: %+v", all)
	}
	if said := all.Confusion["yes"]; said["maybe"]+said["not_judged"] == 0 {
		t.Errorf("the built-in pack answered a finding of a real picture: %v", said)
	}
	if out, err := concord(t, "eval", xray); err == nil || !strings.Contains(out, "column") {
		t.Errorf("a file without the columns was measured: %v %s", err, out)
	}
}

func TestDoctorCommand(t *testing.T) {
	data := "data_dir=" + t.TempDir()
	ports := []string{"--set", "dicom.listen=127.0.0.1:0", "--set", "hl7.listen=127.0.0.1:0", "--set", "http.listen=127.0.0.1:0"}
	out := mustConcord(t, append([]string{"doctor", "--set", data, "--set", "peers=[]", "--set", "hl7_destinations=[]"}, ports...)...)
	if strings.Contains(out, "MEND") || !strings.Contains(out, "synthetic case") {
		t.Errorf("doctor on a healthy set-up:\n%s", out)
	}
	out, err := concord(t, append([]string{"doctor", "--set", data, "--set", "peers=[]",
		"--set", `hl7_destinations=[{name: ris, address: "127.0.0.1:1"}]`}, ports...)...)
	if err == nil || !strings.Contains(out, "MEND  HL7 destination ris") {
		t.Errorf("doctor found nothing wrong with a dead receiver: %v\n%s", err, out)
	}
}

// send, echo and hl7-send against a node.
func TestSendCommands(t *testing.T) {
	n := testNode(t, "study.quiet=50ms")
	xray, err := chestXRay()
	if err != nil {
		t.Fatal(err)
	}
	target := "CONCORD@" + n.dicom
	mustConcord(t, "echo", target)
	mustConcord(t, "send", target, xray)
	object, err := os.ReadFile(xray)
	if err != nil {
		t.Fatal(err)
	}
	uid := "1.3.6.1.4.1.14519.5.2.1.9999.103.3006616233530892121079169089013"
	kept, err := get(t.Context(), "http://"+n.http+"/api/v1/objects/"+uid)
	if err != nil || !bytes.HasSuffix(object, kept[len(kept)-7_000_000:]) {
		t.Errorf("the node does not have the object that was sent: %v", err)
	}
	path := filepath.Join(t.TempDir(), "report.hl7")
	if err := os.WriteFile(path, report("CMD1", "ACC-2001", "Chest radiograph."), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := mustConcord(t, "hl7-send", n.hl7, path); !strings.Contains(out, "AA") {
		t.Errorf("hl7-send printed %q", out)
	}
	if out := mustConcord(t, "hl7-explain", path); !strings.Contains(out, "ACC-2001") {
		t.Errorf("hl7-explain does not show the accession number:\n%s", out)
	}
	if out, err := concord(t, "echo", "WRONG@"+n.dicom); err == nil || !strings.Contains(out, "called AE title") {
		t.Errorf("another AE title answered: %v\n%s", err, out)
	}
}

// What would quarantine every message is refused at the start.
func TestServeRefusesAWrongMapping(t *testing.T) {
	for set, want := range map[string]string{
		"hl7.default_charset=EBCDIC":      "hl7.default_charset",
		"hl7.mapping.accession=[OBR-x]":   "hl7.mapping",
		"hl7.mapping.sections={x: other}": "hl7.mapping",
	} {
		if out, err := concord(t, "serve", "--set", "data_dir="+t.TempDir(), "--set", set); err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v\n%s", set, err, out)
		}
	}
}

// A destination that refuses for good leaves a dead letter, which goes out
// again when a person says so.
func TestDeliveriesCommand(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var refusing atomic.Bool
	refusing.Store(true)
	receiver := &mllp.Server{Handle: func(_ context.Context, _ mllp.Peer, raw []byte) []byte {
		m, err := hl7.Parse(raw, hl7.Options{})
		if err != nil || refusing.Load() {
			return m.Ack(hl7.AR, "unknown order")
		}
		return m.Ack(hl7.AA, "")
	}}
	go receiver.Serve(l)
	defer receiver.Close()
	n := testNode(t, "study.quiet=50ms",
		fmt.Sprintf("hl7_destinations=[{name: ris, address: %q, send_results: true}]", l.Addr()))
	o := syntheticObject(t, 1, "ACC-3001", 64)
	if err := o.store(t.Context(), n, "LOAD"); err != nil {
		t.Fatal(err)
	}
	sendMessage(t, n, report("DEAD1", "ACC-3001", "Chest radiograph."))
	c := caseOf(t, n, "ACC-3001", "failed")
	out := mustConcord(t, "deliveries", "--node", n.http)
	if !strings.Contains(out, "ris") || !strings.Contains(out, "MSA-1 AR") {
		t.Errorf("the dead letter is not listed:\n%s", out)
	}
	refusing.Store(false)
	mustConcord(t, "deliveries", "--node", n.http, "--resend", fmt.Sprint(c.Deliveries[0].ID))
	caseOf(t, n, "ACC-3001", "done")
	if out := mustConcord(t, "deliveries", "--node", n.http); !strings.Contains(out, "no delivery is dead") {
		t.Errorf("the letter is still dead:\n%s", out)
	}
}

// Peers and destinations change while the node runs, and stay changed.
func TestNetworkChangesAtRunTime(t *testing.T) {
	dir := t.TempDir()
	sets := []string{"peers=[]", "hl7_destinations=[]", "dicom.accept_unknown_callers=false"}
	n, err := startNode(t.Context(), concordBinary, dir, sets...)
	if err != nil {
		t.Fatal(err)
	}
	o := syntheticObject(t, 1, "ACC-4001", 64)
	if err := o.store(t.Context(), n, "NEWCT"); err == nil {
		t.Error("an unknown AE title was let in")
	}
	put := func(body string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+n.http+"/api/v1/network", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	if status := put(`{"peers": [{"name": "ct", "ae_title": "AN AE TITLE THAT IS TOO LONG"}]}`); status != http.StatusBadRequest {
		t.Errorf("a bad AE title was answered %d", status)
	}
	if status := put(`{"peers": [{"name": "ct", "ae_title": "NEWCT"}]}`); status != http.StatusOK {
		t.Fatalf("the change was answered %d", status)
	}
	if err := o.store(t.Context(), n, "NEWCT"); err != nil {
		t.Errorf("the new peer is not let in: %v", err)
	}
	n.stop()
	if n, err = startNode(t.Context(), concordBinary, dir, sets...); err != nil {
		t.Fatal(err)
	}
	defer n.stop()
	if err := syntheticObject(t, 2, "ACC-4002", 64).store(t.Context(), n, "NEWCT"); err != nil {
		t.Errorf("the new peer is forgotten after a restart: %v", err)
	}
}
