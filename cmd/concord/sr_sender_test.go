package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"concord/dicom"
	"concord/dicom/ae"
	"concord/dicom/sr"
	"concord/node"
)

// document is a small Structured Report on its way out.
func document(t *testing.T) *node.Delivery {
	t.Helper()
	image := sr.Image{Modality: "CR", Reference: sr.Reference{SOPClassUID: dicom.ComputedRadiographyImageStorage,
		SOPInstanceUID: "1.2.3.4", SeriesUID: "1.2.3", StudyUID: "1.2"}}
	d := &sr.Document{SOPInstanceUID: sr.InstanceUID("site", "1.2", "r", 1, "p", sr.Comprehensive3D), SeriesUID: "1.2.9", Revision: 1,
		ContentTime: time.Now(), Study: sr.Study{UID: "1.2"}, Images: []sr.Image{image}, Summary: "none", UseLimitation: "test",
		Device:       sr.Device{UID: "1.2.8", Name: "CONCORD", Manufacturer: "test", Model: "test", Serial: "1", Software: "1"},
		SourceReport: "MSH-10=1", Assessment: sr.NotFlagged}
	payload, err := sr.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	return &node.Delivery{Kind: node.SR, UID: d.SOPInstanceUID, Payload: payload}
}

// pacs is an SCP of some SOP classes that counts associations.
type pacs struct {
	ae.Server
	mu     sync.Mutex
	stored map[string][]byte // by class
}

func startPACS(t *testing.T, refuse func(class string) error, classes ...string) (*pacs, *pacsSender) {
	t.Helper()
	p := &pacs{stored: map[string][]byte{}}
	p.StorageClass = func(uid string) bool { return strings.Contains(strings.Join(classes, " "), uid) }
	p.Store = func(_ context.Context, r *ae.StoreRequest) error {
		if err := refuse(r.SOPClassUID); err != nil {
			return err
		}
		var b bytes.Buffer
		_, err := b.ReadFrom(r.Data)
		p.mu.Lock()
		p.stored[r.SOPClassUID] = b.Bytes()
		p.mu.Unlock()
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go p.Serve(l)
	t.Cleanup(func() { p.Close() })
	return p, newPACSSender(&ae.Client{Calling: "CONCORD", Called: "PACS", Address: l.Addr().String(), Timeout: 5 * time.Second})
}

func taken(string) error { return nil }

func TestDocumentGoesOutAsTheFirstClassThatIsTaken(t *testing.T) {
	unsupported := func(class string) error {
		if class == sr.Comprehensive3D {
			return &ae.StatusError{Status: ae.StatusSOPClassNotSupported}
		}
		return nil
	}
	for name, c := range map[string]struct {
		accepts []string
		refuse  func(string) error
		want    string
	}{
		"all":                    {sr.Fallbacks, taken, sr.Comprehensive3D},
		"refused at negotiation": {[]string{sr.Comprehensive, sr.Enhanced}, taken, sr.Comprehensive},
		"the last only":          {[]string{sr.Enhanced}, taken, sr.Enhanced},
		"refused by the C-STORE": {sr.Fallbacks, unsupported, sr.Comprehensive},
	} {
		t.Run(name, func(t *testing.T) {
			p, sender := startPACS(t, c.refuse, c.accepts...)
			d := document(t)
			first := d.UID
			detail, err := sender.Send(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			o, err := dicom.Scan(bytes.NewReader(d.Payload), int64(len(d.Payload)))
			if err != nil {
				t.Fatal(err)
			}
			if o.String(dicom.SOPClassUID) != c.want || o.String(dicom.SOPInstanceUID) != d.UID || (d.UID == first) != (c.want == sr.Comprehensive3D) {
				t.Errorf("noted %s of %s (%s)", d.UID, o.String(dicom.SOPClassUID), detail)
			}
			p.mu.Lock()
			stored := p.stored[c.want]
			p.mu.Unlock()
			if !bytes.Equal(stored, d.Payload[o.DataSetOffset:]) {
				t.Error("other bytes went out than were noted")
			}
			if again, err := sender.Send(t.Context(), d); err != nil || again != detail || p.Stats.Associations.Load() != 1 {
				t.Errorf("again: %q %v, %d associations", again, err, p.Stats.Associations.Load())
			}
		})
	}
}

func TestFailuresOfTheSender(t *testing.T) {
	status := func(s uint16) func(string) error { return func(string) error { return &ae.StatusError{Status: s} } }
	for name, c := range map[string]struct {
		accepts []string
		refuse  func(string) error
		refused bool // by an answer that counts, not one that passes
	}{
		"no class":    {nil, taken, true},
		"no room":     {sr.Fallbacks, status(0xA701), false},
		"cannot read": {sr.Fallbacks, status(0xC000), true},
	} {
		_, sender := startPACS(t, c.refuse, c.accepts...)
		_, err := sender.Send(t.Context(), document(t))
		if err == nil || errors.As(err, new(*node.RefusedError)) != c.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A peer that ended the kept association gets a new one at once.
	p, sender := startPACS(t, taken, sr.Fallbacks...)
	if _, err := sender.Send(t.Context(), document(t)); err != nil {
		t.Fatal(err)
	}
	sender.pool.kept.Abort()
	if _, err := sender.Send(t.Context(), document(t)); err != nil || p.Stats.Associations.Load() != 2 {
		t.Errorf("after an abort: %v, %d associations", err, p.Stats.Associations.Load())
	}
}

// DCMTK's storescp with a profile of 88.33 alone takes the Comprehensive SR.
func TestStorescpTakesWhatItKnows(t *testing.T) {
	storescp, err := exec.LookPath("storescp")
	if err != nil {
		t.Skip("storescp is not installed: make test installs it")
	}
	dir := t.TempDir()
	profile := filepath.Join(dir, "storescp.cfg")
	text := "[[TransferSyntaxes]]\n[Plain]\nTransferSyntax1 = LittleEndianExplicit\n" +
		"[[PresentationContexts]]\n[SR]\nPresentationContext1 = " + sr.Comprehensive + "\\Plain\n[[Profiles]]\n[Default]\nPresentationContexts = SR\n"
	if err := os.WriteFile(profile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command(storescp, "-xf", profile, "Default", "-od", dir, "-fe", ".sr", port)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	sender := newPACSSender(&ae.Client{Calling: "CONCORD", Called: "STORESCP", Address: address, Timeout: 5 * time.Second})
	d := document(t)
	for try := 0; ; try++ {
		_, err = sender.Send(t.Context(), d)
		if err == nil || try == 100 || errors.As(err, new(*node.RefusedError)) {
			break
		}
		time.Sleep(50 * time.Millisecond) // it starts
	}
	if err != nil {
		t.Fatal(err)
	}
	stored, _ := filepath.Glob(filepath.Join(dir, "*"+d.UID+"*.sr"))
	if len(stored) != 1 {
		t.Errorf("storescp stored %v, want %s", stored, d.UID)
	}
}
