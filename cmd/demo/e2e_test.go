package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"concord/dicom"
	"concord/dicom/ae"
	"concord/hl7"
	"concord/hl7/mllp"
)

// concordBinary is built once for all tests of this package.
var concordBinary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "concord-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		concordBinary = filepath.Join(dir, "concord")
		if out, err := exec.Command("go", "build", "-o", concordBinary, "concord/cmd/concord").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build concord: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// needs skips when a program of the test is not installed.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed: make test installs it", p)
		}
	}
}

// testNode is a node without a site, with a folder of its own.
func testNode(t *testing.T, sets ...string) *concordNode {
	t.Helper()
	n, err := startNode(t.Context(), concordBinary, t.TempDir(), append([]string{"peers=[]", "hl7_destinations=[]"}, sets...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.stop)
	return n
}

// The whole way with real peers: Orthanc forwards and receives, dciodvfy and
// dsrdump judge what it received.
func TestDemoFlagsThePlantedFaults(t *testing.T) {
	needs(t, "/usr/sbin/Orthanc", "dsrdump", "dciodvfy")
	xray, err := chestXRay()
	if err != nil {
		t.Fatal(err)
	}
	s, err := startSite(t.Context(), concordBinary)
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	if err := s.show(t.Context(), xray); err != nil {
		t.Fatal(err)
	}
	cases, err := s.waitDone(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		var codes []string
		for _, f := range c.Flags {
			codes = append(codes, f.Code)
		}
		if i%2 == 0 && len(codes) > 0 {
			t.Errorf("%s fits its images but was flagged %v", c.Report.ControlID, c.Flags)
		}
		if i%2 == 1 {
			for _, want := range []string{"CC101", "CC103", "CC104"} { // side, modality, sex
				if !slices.Contains(codes, want) {
					t.Errorf("%s: no flag %s among %v", c.Report.ControlID, want, codes)
				}
			}
		}
	}
	checkReports(t, s)
	checkNoPatientInLogs(t, s.node, "COVID-19-AR")
}

// checkReports validates every SR in the PACS.
func checkReports(t *testing.T, s *site) {
	files, err := s.pacs.reports(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 4 {
		t.Errorf("the PACS has %d Structured Reports, want 4", len(files))
	}
	for uid, file := range files {
		path := filepath.Join(t.TempDir(), "sr.dcm")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		verdict, _ := exec.Command("dciodvfy", path).CombinedOutput()
		if bytes.Contains(verdict, []byte("Error -")) {
			t.Errorf("dciodvfy on %s:\n%s", uid, verdict)
		}
	}
}

func checkNoPatientInLogs(t *testing.T, n *concordNode, planted ...string) {
	t.Helper()
	text, err := os.ReadFile(n.log)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := get(t.Context(), "http://"+n.http+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range planted {
		if bytes.Contains(text, []byte(word)) || bytes.Contains(metrics, []byte(word)) {
			t.Errorf("the log or the metrics hold %q", word)
		}
	}
}

func report(controlID, accession, text string) []byte {
	return []byte(strings.Join([]string{
		`MSH|^~\&|RIS|HOSP|CONCORD|HOSP|20261124080000||ORU^R01|` + controlID + `|P|2.5.1||||||UNICODE UTF-8`,
		`PID|1||PID77^^^HOSP||PLANTED^NAME|||M`,
		`OBR|1||F-` + controlID + `|XR^Chest^L|||20261124|||||||||||` + accession + `|||||||F`,
		`OBX|1|TX|XR&GDT||` + text + `||||||F`,
	}, "\r") + "\r")
}

func sendMessage(t *testing.T, n *concordNode, message []byte) hl7.Ack {
	t.Helper()
	client := &mllp.Client{Address: n.hl7, Timeout: 10 * time.Second}
	defer client.Close()
	raw, err := client.Send(t.Context(), message)
	if err != nil {
		t.Fatal(err)
	}
	ack, err := hl7.ParseAck(raw)
	if err != nil {
		t.Fatal(err)
	}
	return ack
}

// caseOf waits for the one case with an accession number to reach a state.
func caseOf(t *testing.T, n *concordNode, accession, state string) caseView {
	t.Helper()
	var answer struct{ Cases []caseView }
	err := poll(t.Context(), 20*time.Second, "case "+accession+" in state "+state, func() (bool, error) {
		if err := getJSON(t.Context(), "http://"+n.http+"/api/v1/cases?accession="+accession, &answer); err != nil {
			return false, err
		}
		return len(answer.Cases) == 1 && answer.Cases[0].State == state, nil
	})
	if err != nil {
		t.Fatalf("%v; cases: %+v\n%s", err, answer.Cases, n.tail())
	}
	return answer.Cases[0]
}

func TestBadInputIsRefusedAndVisible(t *testing.T) {
	needs(t, "storescu", "echoscu")
	n := testNode(t, "dicom.accept_unknown_callers=false", "study.quiet=100ms",
		"peers=[{name: known, ae_title: KNOWN}]")
	host, port, _ := strings.Cut(n.dicom, ":")

	t.Run("unknown calling AE title", func(t *testing.T) {
		out, err := exec.Command("echoscu", "-aet", "STRANGER", "-aec", "CONCORD", host, port).CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("Calling AE Title Not Recognized")) {
			t.Errorf("echoscu: %v\n%s", err, out)
		}
		if out, err := exec.Command("echoscu", "-aet", "KNOWN", "-aec", "CONCORD", host, port).CombinedOutput(); err != nil {
			t.Errorf("a known AE title was refused: %v\n%s", err, out)
		}
	})
	t.Run("unknown transfer syntax", func(t *testing.T) {
		client := &ae.Client{Calling: "KNOWN", Called: "CONCORD", Address: n.dicom, Timeout: 10 * time.Second}
		a, err := client.Dial(t.Context(), []ae.Context{
			{SOPClass: crStorage, TransferSyntaxes: []string{"1.2.826.0.1.3680043.10.1"}},
			{SOPClass: dicom.VerificationSOPClass, TransferSyntaxes: []string{dicom.ImplicitVRLittleEndian}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if a.Accepted(crStorage, "1.2.826.0.1.3680043.10.1") {
			t.Error("a transfer syntax that nobody knows was accepted")
		}
		if err := errors.Join(a.Echo(t.Context()), a.Release(t.Context())); err != nil {
			t.Errorf("the association did not survive the refusal: %v", err)
		}
	})
	t.Run("message without MSH", func(t *testing.T) {
		if ack := sendMessage(t, n, []byte("PID|1||X\rOBX|1|TX|||text\r")); ack.Code != hl7.AE {
			t.Errorf("got %+v, want AE", ack)
		}
		metrics, err := get(t.Context(), "http://"+n.http+"/metrics")
		if err != nil || !bytes.Contains(metrics, []byte("concord_hl7_messages_quarantined_total 1")) {
			t.Errorf("the message is not in quarantine: %v\n%s", err, metrics)
		}
	})
	t.Run("report without a study", func(t *testing.T) {
		if ack := sendMessage(t, n, report("LONELY1", "ACC-1001", "Chest radiograph.")); ack.Code != hl7.AA {
			t.Fatalf("got %+v, want AA", ack)
		}
		if c := caseOf(t, n, "ACC-1001", "waiting_images"); c.Reason == "" {
			t.Error("the case does not say why it waits")
		}
	})
	t.Run("study without a report", func(t *testing.T) {
		o := syntheticObject(t, 1, "ACC-1002", 64)
		if err := o.store(t.Context(), n, "KNOWN"); err != nil {
			t.Fatal(err)
		}
		if c := caseOf(t, n, "ACC-1002", "waiting_report"); c.Reason == "" {
			t.Error("the case does not say why it waits")
		}
	})
	t.Run("study first, report later", func(t *testing.T) {
		o := syntheticObject(t, 2, "ACC-1003", 64)
		if err := o.store(t.Context(), n, "KNOWN"); err != nil {
			t.Fatal(err)
		}
		caseOf(t, n, "ACC-1003", "waiting_report")
		sendMessage(t, n, report("BOTH1", "ACC-1003", "Chest radiograph."))
		if c := caseOf(t, n, "ACC-1003", "done"); len(c.Statements) != 1 {
			t.Errorf("want one statement, got %+v", c.Statements)
		}
	})
	t.Run("object that is cut off", func(t *testing.T) {
		o := syntheticObject(t, 3, "ACC-1004", 512)
		if err := o.storeHalf(n, "KNOWN"); err != nil {
			t.Fatal(err)
		}
		if got := o.status(t, n); got != http.StatusNotFound {
			t.Errorf("half an object is in the store: HTTP %d", got)
		}
	})
	checkNoPatientInLogs(t, n, "PLANTED", "PID77", syntheticPatient)
}

func TestJudgeCommand(t *testing.T) {
	xray, err := chestXRay()
	if err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "report.txt")
	if err := os.WriteFile(text, []byte("FINDINGS:\nFrontal chest radiograph.\nThe uterus is enlarged.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, concordBinary, "judge", "--report", text, xray).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !bytes.Contains(out, []byte("CC104")) || !bytes.Contains(out, []byte("yes")) {
		t.Errorf("want the view confirmed and the uterus of a man flagged:\n%s", out)
	}
}
