package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"concord/dicom"
)

//go:embed reports/*.hl7
var reportFiles embed.FS

// chestXRay finds the real chest X-ray among the test data of
// suyashkumar/dicom in the module cache.
func chestXRay() (string, error) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/suyashkumar/dicom").Output()
	if err != nil {
		return "", fmt.Errorf("find the module github.com/suyashkumar/dicom (go mod download fetches it): %w", err)
	}
	path := filepath.Join(strings.TrimSpace(string(dir)), "testdata", "4.dcm")
	_, err = os.Stat(path)
	return path, err
}

// caseView is what the demo reads of a case in the API.
type caseView struct {
	ID     int64
	State  string
	Reason string
	Report *struct {
		ControlID string `json:"control_id"`
	}
	Statements []struct {
		N          int
		Text       string
		Verdict    string
		Reason     string
		Confidence float64
	}
	Flags []struct {
		Code, Rule, Severity, Text string
	}
	Deliveries []struct {
		ID                                    int64
		Destination, Kind, UID, State, Detail string
	}
	Timeline []struct{ Event, By string }
}

// show forwards the study, sends the reports and prints what comes back.
func (s *site) show(ctx context.Context, xray string) error {
	fmt.Printf("The PACS (Orthanc, %s) forwards a chest X-ray to the node (%s) by C-STORE.\n", s.pacs.dicom, s.node.dicom)
	if err := s.pacs.forward(ctx, xray); err != nil {
		return err
	}
	reports, err := fillReports(s.dir, xray)
	if err != nil {
		return err
	}
	fmt.Printf("The RIS sends %d reports of it to %s by MLLP.\n", len(reports), s.node.hl7)
	for _, path := range reports {
		out, err := exec.CommandContext(ctx, s.node.binary, "hl7-send", s.node.hl7, path).CombinedOutput()
		if err != nil {
			return fmt.Errorf("hl7-send: %w: %s", err, out)
		}
		fmt.Printf("  %s", strings.ReplaceAll(string(out), s.dir+"/", ""))
	}
	cases, err := s.waitDone(ctx, len(reports))
	if err != nil {
		return err
	}
	files, err := s.pacs.reports(ctx)
	if err != nil {
		return err
	}
	for _, c := range cases {
		if err := s.printCase(ctx, &c, files); err != nil {
			return err
		}
	}
	return nil
}

// fillReports writes the reports with the keys of the X-ray.
func fillReports(dir, xray string) (paths []string, err error) {
	f, err := os.Open(xray)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	o, err := dicom.Scan(f, info.Size())
	if err != nil {
		return nil, err
	}
	keys := strings.NewReplacer("{patient_id}", o.String(dicom.PatientID), "{patient_name}", o.String(dicom.PatientName),
		"{study_uid}", o.String(dicom.StudyInstanceUID), "\n", "\r")
	entries, err := reportFiles.ReadDir("reports")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		text, err := reportFiles.ReadFile("reports/" + entry.Name())
		if err != nil {
			return nil, err
		}
		path := filepath.Join(dir, entry.Name())
		if err := os.WriteFile(path, []byte(keys.Replace(string(text))), 0o600); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// waitDone waits until n cases have been delivered; they come in the order of
// their IDs.
func (s *site) waitDone(ctx context.Context, n int) (done []caseView, err error) {
	var answer struct{ Cases []caseView }
	err = poll(ctx, time.Minute, "the cases to be delivered", func() (bool, error) {
		if err := getJSON(ctx, "http://"+s.node.http+"/api/v1/cases", &answer); err != nil {
			return false, err
		}
		finished := 0
		for _, c := range answer.Cases {
			switch c.State {
			case "failed":
				return false, fmt.Errorf("case %d failed: %s", c.ID, c.Reason)
			case "done":
				finished++
			}
		}
		return finished == n, nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, s.node.tail())
	}
	for i := len(answer.Cases) - 1; i >= 0; i-- { // the API lists the newest first
		done = append(done, answer.Cases[i])
	}
	return done, nil
}

func (s *site) printCase(ctx context.Context, c *caseView, files map[string][]byte) error {
	fmt.Printf("\n════ case %d, report %s ════\n", c.ID, c.Report.ControlID)
	for _, st := range c.Statements {
		verdict := strings.ReplaceAll(st.Verdict, "_", " ")
		if st.Verdict == "yes" || st.Verdict == "no" { // how sure a maybe is says nothing
			verdict += fmt.Sprintf(" (%.0f %%)", 100*st.Confidence)
		}
		fmt.Printf("%2d  %-16s %s", st.N, verdict, st.Text)
		if st.Reason != "" {
			fmt.Printf("  [%s]", st.Reason)
		}
		fmt.Println()
	}
	for _, f := range c.Flags {
		fmt.Printf("    FLAG %s %s (%s): %s\n", f.Code, f.Rule, f.Severity, f.Text)
	}
	if len(c.Flags) == 0 {
		fmt.Println("    no flags")
	}
	for _, d := range c.Deliveries {
		if err := s.printDelivery(ctx, d.Kind, d.UID, files); err != nil {
			return err
		}
	}
	return nil
}

// printDelivery shows a result as it arrived at its destination.
func (s *site) printDelivery(ctx context.Context, kind, uid string, files map[string][]byte) error {
	if kind == "oru" {
		raw := s.ris.message(uid)
		if raw == nil {
			return fmt.Errorf("the RIS has no message %s", uid)
		}
		fmt.Printf("\n── ORU as the RIS received it ──\n%s", strings.ReplaceAll(string(raw), "\r", "\n"))
		return nil
	}
	file, ok := files[uid]
	if !ok {
		return fmt.Errorf("the PACS has no Structured Report %s", uid)
	}
	path := filepath.Join(s.dir, uid+".dcm")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		return err
	}
	dump, err := exec.CommandContext(ctx, "dsrdump", "+U8", "+Pl", "+Pu", "+Pc", path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("dsrdump: %w: %s", err, dump)
	}
	fmt.Printf("\n── SR as the PACS received it (dsrdump) ──\n%s", dump)
	return nil
}
