package ae

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tool finds a program of DCMTK, or skips the test.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s of DCMTK is not installed", name)
	}
	return path
}

// noDelay spares DCMTK, as Debian builds it, 40 ms a message.
const noDelay = "TCP_NODELAY=1"

// run runs a program and returns its output.
func run(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool(t, name), args...)
	cmd.Env = append(os.Environ(), noDelay)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// uncompressed are the transfer syntaxes that DCMTK sends without conversion.
func uncompressed(o object) bool {
	return o.transferSyntax == implicitVRLittleEndian || o.transferSyntax == explicitVRLittleEndian
}

func TestEchoSCU(t *testing.T) {
	s := newServer(&sink{})
	host, port, _ := net.SplitHostPort(start(t, s))
	if out, err := run(t, "echoscu", "-aec", "CONCORD", "--repeat", "3", host, port); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	out, err := run(t, "echoscu", "-aec", "NOBODY", host, port)
	if err == nil || !strings.Contains(out, "Called AE Title Not Recognized") {
		t.Errorf("a wrong called AE title gives %v: %s", err, out)
	}
}

// TestStoreSCU receives real files from DCMTK's two senders. They parse and
// write each data set anew, so the measure is what DCMTK's own acceptor gets
// from the same sender.
func TestStoreSCU(t *testing.T) {
	var paths []string
	for _, o := range realObjects(t) {
		if uncompressed(o) && len(o.data) < 2<<20 {
			paths = append(paths, o.path)
		}
	}
	for _, sender := range [][]string{
		{"storescu", "--required", "--no-halt"},
		{"storescu", "--required", "--no-halt", "--max-pdu", "4096", "--propose-implicit"},
		{"dcmsend", "--no-halt", "--no-illegal-proposal"},
	} {
		t.Run(strings.Join(sender, " "), func(t *testing.T) {
			keep := &sink{}
			theirs, folder := startSCP(t)
			for _, address := range []string{theirs, start(t, newServer(keep))} {
				host, port, _ := net.SplitHostPort(address)
				args := append(slices.Clone(sender[1:]), "-aec", "CONCORD", host, port)
				out, err := run(t, sender[0], append(args, paths...)...)
				t.Logf("%v: %s", err, out) // it cannot send the broken ones
			}
			wanted := objectsIn(folder)
			for _, o := range wanted {
				if !bytes.Equal(keep.object(o.instance), o.data) {
					t.Errorf("%s: other bytes came than to storescp", filepath.Base(o.path))
				}
			}
			t.Logf("%d data sets came byte for byte", len(wanted))
			if len(wanted) < len(paths)/2 {
				t.Errorf("only %d of %d were compared", len(wanted), len(paths))
			}
		})
	}
}

// startSCP starts a DCMTK storescp that keeps the bytes of data sets.
func startSCP(t *testing.T, args ...string) (address, folder string) {
	t.Helper()
	path := tool(t, "storescp")
	folder = t.TempDir()
	address = freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	args = append([]string{"+B", "-pm", "-od", folder}, append(args, port)...)
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), noDelay)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	awaitListener(t, address)
	return address, folder
}

// awaitListener waits until a program that was started listens.
func awaitListener(t *testing.T, address string) {
	t.Helper()
	for range 200 {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("nothing listens at %s", address)
}

// TestStoreSCP sends every real file, each as it is, to a storescp that writes
// the bytes it gets, at its smallest and its largest PDU.
func TestStoreSCP(t *testing.T) {
	for _, pdu := range []int{4096, 131072} {
		address, folder := startSCP(t, "--accept-all", "--max-pdu", strconv.Itoa(pdu))
		equal, objects := 0, realObjects(t)
		for _, o := range objects {
			a, err := client(address).Dial(t.Context(), []Context{contextOf(o)})
			if err != nil {
				t.Fatal(err)
			}
			err = a.Store(t.Context(), o.request())
			var status *StatusError
			switch {
			case errors.As(err, &status) && status.Status == StatusSOPClassNotSupported: // by storescp
			case err != nil && len(o.data)%2 == 1: // against PS3.8 E.2; DCMTK aborts
				continue
			case err != nil:
				t.Errorf("%s: %v", filepath.Base(o.path), err)
			case bytes.Equal(receivedBy(t, folder), o.data):
				equal++
			default:
				t.Errorf("%s: other bytes arrived", filepath.Base(o.path))
			}
			if err := a.Release(t.Context()); err != nil {
				t.Errorf("%s: release: %v", filepath.Base(o.path), err)
			}
		}
		t.Logf("PDU %d: %d of %d data sets arrived byte for byte", pdu, equal, len(objects))
		if equal < len(objects)*3/4 {
			t.Errorf("only %d of %d were sent", equal, len(objects))
		}
	}
}

// receivedBy takes the one file out of storescp's folder and returns its data
// set.
func receivedBy(t *testing.T, folder string) []byte {
	t.Helper()
	objects := objectsIn(folder)
	if len(objects) != 1 {
		t.Fatalf("storescp has %d objects", len(objects))
	}
	os.Remove(objects[0].path)
	return objects[0].data
}

// TestRealObjectsBetweenOurs sends every real file from our requestor to our
// acceptor over one association of many contexts.
func TestRealObjectsBetweenOurs(t *testing.T) {
	keep := &sink{}
	c := client(start(t, newServer(keep)))
	objects := realObjects(t)
	var contexts []Context
	for _, o := range objects {
		if !slices.ContainsFunc(contexts, func(c Context) bool { return c.SOPClass == o.class && c.TransferSyntaxes[0] == o.transferSyntax }) {
			contexts = append(contexts, contextOf(o))
		}
	}
	a := dial(t, c, contexts...)
	for _, o := range objects {
		if err := a.Store(t.Context(), o.request()); err != nil {
			t.Fatalf("%s: %v", filepath.Base(o.path), err)
		}
		if !bytes.Equal(keep.object(o.instance), o.data) {
			t.Errorf("%s: other bytes came", filepath.Base(o.path))
		}
	}
	t.Logf("%d objects in %d contexts", len(objects), len(contexts))
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestSCURefusals shows a refusal as DCMTK's user sees it.
func TestSCURefusals(t *testing.T) {
	keep := &sink{}
	s := newServer(keep)
	s.Store = func(context.Context, *StoreRequest) error {
		return &StatusError{Status: StatusOutOfResources, Comment: "disk full"}
	}
	host, port, _ := net.SplitHostPort(start(t, s))
	for _, o := range realObjects(t) {
		if !uncompressed(o) {
			continue
		}
		out, err := run(t, "storescu", "-v", "-R", "-aec", "CONCORD", host, port, o.path)
		if !strings.Contains(out, "Refused: OutOfResources") {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
}

// TestFindSCU asks a Server that is no archive: findscu is told so and leaves.
func TestFindSCU(t *testing.T) {
	s := newServer(&sink{})
	s.StorageClass = func(string) bool { return false }
	host, port, _ := net.SplitHostPort(start(t, s))
	out, err := run(t, "findscu", "-v", "-S", "-aec", "CONCORD", "-k", "QueryRetrieveLevel=STUDY", host, port)
	if err == nil || !strings.Contains(out, "No Acceptable Presentation Contexts") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestMoveSCU lets movescu have an archive send a study to a Server.
func TestMoveSCU(t *testing.T) {
	keep := &sink{}
	s := newServer(keep)
	s.TransferSyntax = func(uid string) bool { return uid == implicitVRLittleEndian } // as they are kept
	a := startArchive(t, start(t, s), 3)
	host, port, _ := net.SplitHostPort(a.address)
	out, err := run(t, "movescu", "-S", "-aet", "MOVER", "-aec", "ARCHIVE", "-aem", "CONCORD", "-k", "QueryRetrieveLevel=STUDY",
		"-k", "StudyInstanceUID="+a.study, host, port)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for uid, data := range a.objects {
		if !bytes.Equal(keep.object(uid), data) {
			t.Errorf("other bytes came of %s", uid)
		}
	}
	if rq, _ := keep.last(); rq == nil || rq.MoveOriginatorAETitle != "MOVER" {
		t.Errorf("the move originator is %+v", rq)
	}
}
