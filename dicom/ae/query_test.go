package ae

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	studyRootFind = "1.2.840.10008.5.1.4.1.2.2.1"
	studyRootMove = "1.2.840.10008.5.1.4.1.2.2.2"
	studyRootGet  = "1.2.840.10008.5.1.4.1.2.2.3"
)

// element is an implicit VR little endian data element.
func element(group, number uint16, value string, padding byte) []byte {
	if len(value)%2 == 1 {
		value += string(padding)
	}
	b := binary.LittleEndian.AppendUint16(nil, group)
	b = binary.LittleEndian.AppendUint16(b, number)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(value)))
	return append(b, value...)
}

// identifier asks for all instances of a study on the given level.
func identifier(level, study string) []byte {
	b := element(0x0008, 0x0018, "", 0)
	b = append(b, element(0x0008, 0x0052, level, ' ')...)
	b = append(b, element(0x0020, 0x000D, study, 0)...)
	return append(b, element(0x0020, 0x000E, "", 0)...)
}

// archive is a dcmqrscp with n objects of one study.
type archive struct {
	address, study string
	objects        map[string][]byte
}

// startArchive starts a dcmqrscp that knows CONCORD at destination, and fills
// it.
func startArchive(t *testing.T, destination string, n int) archive {
	t.Helper()
	path := tool(t, "dcmqrscp")
	folder := t.TempDir()
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	_, destinationPort, _ := net.SplitHostPort(destination)
	config := fmt.Sprintf("NetworkTCPPort = %s\nMaxPDUSize = 16384\nMaxAssociations = 16\n"+
		"HostTable BEGIN\nconcord = (CONCORD, 127.0.0.1, %s)\nHostTable END\n"+
		"VendorTable BEGIN\nVendorTable END\n"+
		"AETable BEGIN\nARCHIVE %s RW (200, 1024mb) ANY\nAETable END\n", port, destinationPort, folder)
	configPath := filepath.Join(folder, "dcmqrscp.cfg")
	if err := os.WriteFile(configPath, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-c", configPath)
	cmd.Env = append(os.Environ(), noDelay)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	awaitListener(t, address)
	a := archive{address: address, study: "2.25.500", objects: map[string][]byte{}}
	c := &Client{Calling: "TEST", Called: "ARCHIVE", Address: address, Timeout: 10 * time.Second}
	association := dial(t, c, propose(secondaryCapture, implicitVRLittleEndian))
	for i := range n {
		o := a.object(i)
		a.objects[o.instance] = o.data
		if err := association.Store(t.Context(), o.request()); err != nil {
			t.Fatal(err)
		}
	}
	if err := association.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

// object is a small valid data set of the archive's study.
func (a archive) object(i int) object {
	o := object{class: secondaryCapture, instance: fmt.Sprintf("2.25.500.%d", i), transferSyntax: implicitVRLittleEndian}
	for _, e := range [][]byte{
		element(0x0008, 0x0016, o.class, 0), element(0x0008, 0x0018, o.instance, 0),
		element(0x0008, 0x0020, "20260101", ' '), element(0x0008, 0x0030, "120000", ' '),
		element(0x0008, 0x0050, "A1", ' '), element(0x0008, 0x0060, "OT", ' '),
		element(0x0010, 0x0010, "SYNTHETIC", ' '), element(0x0010, 0x0020, "SYN-1", ' '),
		element(0x0020, 0x000D, a.study, 0), element(0x0020, 0x000E, a.study+".1", 0),
		element(0x0020, 0x0010, "1", ' '), element(0x0020, 0x0011, "1", ' '),
		element(0x0020, 0x0013, fmt.Sprint(i+1), ' '),
	} {
		o.data = append(o.data, e...)
	}
	return o
}

// TestQueryRetrieve finds, moves and gets a study of dcmqrscp.
func TestQueryRetrieve(t *testing.T) {
	keep := &sink{}
	s := newServer(keep)
	s.TransferSyntax = func(uid string) bool { return uid == implicitVRLittleEndian } // as they are kept
	destination := start(t, s)
	a := startArchive(t, destination, 5)
	get := propose(secondaryCapture, implicitVRLittleEndian)
	get.SCP = true
	c := &Client{Calling: "CONCORD", Called: "ARCHIVE", Address: a.address, Timeout: 10 * time.Second}
	association := dial(t, c, propose(studyRootFind, implicitVRLittleEndian),
		propose(studyRootMove, implicitVRLittleEndian), propose(studyRootGet, implicitVRLittleEndian), get)

	found := 0
	query := Query{SOPClass: studyRootFind, Identifier: identifier("IMAGE", a.study)}
	// dcmqrscp is strict on its key hierarchy: an image query names the series.
	query.Identifier = bytes.Replace(query.Identifier, element(0x0020, 0x000E, "", 0), element(0x0020, 0x000E, a.study+".1", 0), 1)
	match := func(r io.Reader) error {
		b, err := io.ReadAll(r)
		found++
		if !bytes.Contains(b, []byte(a.study)) {
			t.Errorf("match %d has no study UID", found)
		}
		return err
	}
	if err := association.Find(t.Context(), query, match); err != nil || found != len(a.objects) {
		t.Errorf("C-FIND: %d matches, %v", found, err)
	}
	enough := errors.New("enough")
	err := association.Find(t.Context(), query, func(io.Reader) error { return enough })
	if !errors.Is(err, enough) {
		t.Errorf("cancelled C-FIND: %v", err)
	}

	study := append(element(0x0008, 0x0052, "STUDY", ' '), element(0x0020, 0x000D, a.study, 0)...)
	steps := 0
	counts, err := association.Move(t.Context(), Query{SOPClass: studyRootMove, Identifier: study}, "CONCORD", func(Suboperations) { steps++ })
	if err != nil || counts.Completed != len(a.objects) || counts.Failed != 0 || steps == 0 {
		t.Errorf("C-MOVE: %+v in %d steps, %v", counts, steps, err)
	}
	for uid, data := range a.objects {
		if !bytes.Equal(keep.object(uid), data) {
			t.Errorf("C-MOVE brought other bytes of %s", uid)
		}
	}
	if rq, _ := keep.last(); rq == nil || rq.MoveOriginatorAETitle != "CONCORD" {
		t.Errorf("the move originator is %+v", rq)
	}
	if _, err := association.Move(t.Context(), Query{SOPClass: studyRootMove, Identifier: study}, "NOWHERE", nil); statusIn(err)>>8 != 0xA8 {
		t.Errorf("C-MOVE to an unknown destination: %v", err)
	}

	got := &sink{}
	counts, err = association.Get(t.Context(), Query{SOPClass: studyRootGet, Identifier: study}, got.store)
	if err != nil || counts.Completed != len(a.objects) {
		t.Errorf("C-GET: %+v, %v", counts, err)
	}
	for uid, data := range a.objects {
		if !bytes.Equal(got.object(uid), data) {
			t.Errorf("C-GET brought other bytes of %s", uid)
		}
	}
	refuse := func(context.Context, *StoreRequest) error { return &StatusError{Status: StatusOutOfResources} }
	counts, err = association.Get(t.Context(), Query{SOPClass: studyRootGet, Identifier: study}, refuse)
	if counts.Failed != len(a.objects) {
		t.Errorf("C-GET without room: %+v, %v", counts, err)
	}
	if err := association.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := association.Move(t.Context(), Query{SOPClass: "1.2.3"}, "CONCORD", nil); err == nil || !strings.Contains(err.Error(), "did not accept") {
		t.Errorf("a class that was not proposed: %v", err)
	}
}

// statusIn is the status of a *StatusError, 0 of other errors.
func statusIn(err error) uint16 {
	var s *StatusError
	if errors.As(err, &s) {
		return s.Status
	}
	return 0
}
