package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"concord/dicom"
	"concord/dicom/ae"
	"concord/hl7"
	"concord/hl7/mllp"
	"concord/loopback"
)

// receiver keeps what came under each UID, and complains when one UID comes
// with two contents.
type receiver struct {
	mu     sync.Mutex
	got    map[string][]byte
	repeat int
	wrong  []string
}

func (r *receiver) take(uid string, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if before, again := r.got[uid]; again {
		r.repeat++
		if !bytes.Equal(before, data) {
			r.wrong = append(r.wrong, uid)
		}
		return
	}
	if r.got == nil {
		r.got = map[string][]byte{}
	}
	r.got[uid] = data
}

func (r *receiver) check(t *testing.T, name string, want int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.got) != want || len(r.wrong) > 0 {
		t.Errorf("%s has %d results in effect, want %d; with two contents: %v", name, len(r.got), want, r.wrong)
	}
	t.Logf("%s: %d results, %d of them sent again with the same bytes", name, len(r.got), r.repeat)
}

// testPACS is a storage SCP of this process, so that a test decides whom it
// takes associations from.
func testPACS(t *testing.T, address string, authorize func(*ae.Caller) error) *receiver {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{}
	server := &ae.Server{StorageClass: dicom.IsStorage, Authorize: authorize,
		Store: func(_ context.Context, rq *ae.StoreRequest) error {
			data, err := io.ReadAll(rq.Data)
			if err == nil {
				r.take(rq.SOPInstanceUID, data)
			}
			return err
		}}
	go func() { _ = server.Serve(l) }() // it ends by Close
	t.Cleanup(func() { server.Close() })
	return r
}

// testRIS is an MLLP listener of which a test decides the answer to each
// message: a frame, or none, and then whether the connection is closed.
func testRIS(t *testing.T, address string, answer func(n int, m *hl7.Message) (frame []byte, end bool)) *receiver {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r, n := &receiver{}, 0
	serve := func(conn net.Conn) {
		defer conn.Close()
		reader := mllp.NewReader(conn, 1<<20)
		for {
			raw, err := reader.Next()
			if err != nil {
				return
			}
			m, err := hl7.Parse(raw, hl7.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			r.take(m.ControlID(), raw)
			r.mu.Lock()
			n++
			frame, end := answer(n, m)
			r.mu.Unlock()
			if _, err := conn.Write(frame); err != nil || end {
				return
			}
		}
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return r
}

func frame(message []byte) []byte { return []byte("\x0b" + string(message) + "\x1c\r") }

func agree(_ int, m *hl7.Message) ([]byte, bool) { return frame(m.Ack(hl7.AA, "")), false }

// faultAddresses are a PACS and a RIS at fixed addresses, where nothing
// listens yet, and the settings of a node that sends to them.
func faultAddresses(t *testing.T) (pacs, ris string, sets []string) {
	t.Helper()
	for _, a := range []*string{&pacs, &ris} {
		var err error
		if *a, err = loopback.Address(); err != nil {
			t.Fatal(err)
		}
	}
	return pacs, ris, []string{"study.quiet=50ms",
		fmt.Sprintf("peers=[{name: pacs, ae_title: PACS, address: %q, send_results: true}]", pacs),
		fmt.Sprintf("hl7_destinations=[{name: ris, address: %q, send_results: true}]", ris)}
}

func faultNode(t *testing.T, dir string, sets []string) *concordNode {
	t.Helper()
	n, err := startNode(t.Context(), concordBinary, dir, sets...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// storeCase gives the node a study with its report, and says whether both were
// acknowledged.
func storeCase(t *testing.T, n *concordNode, i int) bool {
	accession := fmt.Sprintf("FAULT%d", i)
	if syntheticObject(t, i, accession, 64).store(t.Context(), n, "LOAD") != nil {
		return false
	}
	client := &mllp.Client{Address: n.hl7, Timeout: 10 * time.Second}
	defer client.Close()
	raw, err := client.Send(t.Context(), report(accession, accession, "Follow-up in six months is recommended."))
	if err != nil {
		return false
	}
	ack, err := hl7.ParseAck(raw)
	return err == nil && ack.Code == hl7.AA
}

// delivery waits until the case's delivery to a destination is in a state.
func deliveryOf(t *testing.T, n *concordNode, accession, destination, state string) (detail string) {
	t.Helper()
	var answer struct{ Cases []caseView }
	err := poll(t.Context(), 40*time.Second, destination+" "+state, func() (bool, error) {
		if err := getJSON(t.Context(), "http://"+n.http+"/api/v1/cases?accession="+accession, &answer); err != nil {
			return false, err
		}
		for _, c := range answer.Cases {
			for _, d := range c.Deliveries {
				if d.Destination == destination && d.State == state {
					detail = d.Detail
					return true, nil
				}
			}
		}
		return false, nil
	})
	if err != nil {
		t.Fatalf("%v: %+v\n%s", err, answer.Cases, n.tail())
	}
	return detail
}

// Law 2: kill -9 at any instant of any case. PACS and RIS then have one result
// of each case, whose bytes never differ.
func TestKillAtAnyInstantDeliversOnce(t *testing.T) {
	t.Parallel()
	pacsAddress, risAddress, sets := faultAddresses(t)
	pacs := testPACS(t, pacsAddress, nil)
	ris := testRIS(t, risAddress, agree)
	dir, done := t.TempDir(), 0
	for range 8 {
		n := faultNode(t, dir, sets)
		time.AfterFunc(time.Duration(rand.IntN(400))*time.Millisecond, func() { _ = n.cmd.Process.Kill() })
		for storeCase(t, n, done) {
			done++
		}
		n.kill()
	}
	n := faultNode(t, dir, sets)
	defer n.stop()
	for !storeCase(t, n, done) {
		t.Log("the last case is sent again")
	}
	t.Logf("%d cases over 8 deaths", done+1)
	for i := range done + 1 {
		caseOf(t, n, fmt.Sprintf("FAULT%d", i), "done")
	}
	pacs.check(t, "PACS", done+1)
	ris.check(t, "RIS", done+1)
}

// A PACS and a RIS that are away get their results when they come; until then
// the deliveries say why they wait.
func TestPeersThatComeLate(t *testing.T) {
	t.Parallel()
	needs(t, "storescp")
	pacsAddress, risAddress, sets := faultAddresses(t)
	n := faultNode(t, t.TempDir(), sets)
	defer n.stop()
	store := func(i int) {
		if !storeCase(t, n, i) {
			t.Fatal("not acknowledged")
		}
	}
	store(0)
	for _, destination := range []string{"pacs", "ris"} {
		if detail := deliveryOf(t, n, "FAULT0", destination, "retrying"); !strings.Contains(detail, "refused") {
			t.Errorf("%s retries because of %q", destination, detail)
		}
	}
	store(1)
	store(2)
	folder := t.TempDir()
	scp, err := startProcess(filepath.Join(t.TempDir(), "log"), "storescp", "--fork", "-aet", "PACS", "+xa", "-od", folder, fmt.Sprint(port(pacsAddress)))
	if err != nil {
		t.Fatal(err)
	}
	defer scp.stop()
	ris := testRIS(t, risAddress, agree)
	for i := range 3 {
		caseOf(t, n, fmt.Sprintf("FAULT%d", i), "done")
	}
	ris.check(t, "RIS", 3)
	if files, _ := filepath.Glob(filepath.Join(folder, "*")); len(files) != 3 {
		t.Errorf("storescp has %d files, want 3", len(files))
	}
}

func TestPACSThatRejectsOurAETitle(t *testing.T) {
	t.Parallel()
	pacsAddress, risAddress, sets := faultAddresses(t)
	var mu sync.Mutex
	known := false
	pacs := testPACS(t, pacsAddress, func(*ae.Caller) error {
		mu.Lock()
		defer mu.Unlock()
		if !known {
			return &ae.RejectCallingAE
		}
		return nil
	})
	ris := testRIS(t, risAddress, agree)
	n := faultNode(t, t.TempDir(), sets)
	defer n.stop()
	if !storeCase(t, n, 1) {
		t.Fatal("not acknowledged")
	}
	if detail := deliveryOf(t, n, "FAULT1", "pacs", "retrying"); !strings.Contains(strings.ToLower(detail), "calling ae title") {
		t.Errorf("the delivery does not say what to mend: %q", detail)
	}
	deliveryOf(t, n, "FAULT1", "ris", "sent") // which does not wait for the PACS
	mu.Lock()
	known = true
	mu.Unlock()
	caseOf(t, n, "FAULT1", "done")
	pacs.check(t, "PACS", 1)
	ris.check(t, "RIS", 1)
}

// A RIS that closes, talks rubbish, answers another message and AE gets the
// same bytes until it takes them; one that answers AR gets them once.
func TestRISThatMisbehaves(t *testing.T) {
	t.Parallel()
	pacsAddress, risAddress, sets := faultAddresses(t)
	testPACS(t, pacsAddress, nil)
	ris := testRIS(t, risAddress, func(n int, m *hl7.Message) ([]byte, bool) {
		switch n {
		case 1:
			return nil, true
		case 2:
			return []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), true
		case 3:
			return frame([]byte("MSH|^~\\&|no acknowledgement\r")), true
		case 4:
			return frame(m.Ack(hl7.AE, "try again")), false
		case 6:
			return frame(m.Ack(hl7.AR, "no such order")), false
		}
		return agree(n, m)
	})
	n := faultNode(t, t.TempDir(), sets)
	defer n.stop()
	if !storeCase(t, n, 1) {
		t.Fatal("not acknowledged")
	}
	deliveryOf(t, n, "FAULT1", "ris", "sent")
	caseOf(t, n, "FAULT1", "done")
	if !storeCase(t, n, 2) {
		t.Fatal("not acknowledged")
	}
	if c := caseOf(t, n, "FAULT2", "failed"); !strings.Contains(c.Reason, "AR") {
		t.Errorf("the case does not say what its RIS answered: %q", c.Reason)
	}
	ris.check(t, "RIS", 2)
}

// While another process holds the index, objects are taken in, messages are
// answered AE, and all goes on when it lets go.
func TestIndexThatIsBusy(t *testing.T) {
	t.Parallel()
	pacsAddress, risAddress, sets := faultAddresses(t)
	pacs, ris := testPACS(t, pacsAddress, nil), testRIS(t, risAddress, agree)
	dir := t.TempDir()
	n := faultNode(t, dir, sets)
	defer n.stop()
	if !storeCase(t, n, 1) {
		t.Fatal("not acknowledged")
	}
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "node", "concord.db")+"?_txlock=immediate&_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	held, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	o := syntheticObject(t, 2, "FAULT2", 64)
	if err := o.store(t.Context(), n, "LOAD"); err != nil {
		t.Errorf("an object was refused while the index was busy: %v", err)
	}
	ack := sendMessage(t, n, report("FAULT2", "FAULT2", "Follow-up in six months is recommended."))
	if err := held.Rollback(); err != nil {
		t.Fatal(err)
	}
	if ack.Code == hl7.AE { // asked for another try
		ack = sendMessage(t, n, report("FAULT2", "FAULT2", "Follow-up in six months is recommended."))
	}
	if ack.Code != hl7.AA {
		t.Fatalf("got %+v, want AA after the index was free", ack)
	}
	caseOf(t, n, "FAULT1", "done")
	caseOf(t, n, "FAULT2", "done")
	pacs.check(t, "PACS", 2)
	ris.check(t, "RIS", 2)
}

// smallDisk is a folder on a disk of its own, such as 160m.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("needs the right to mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A small disk fills up: intake stops in the protocols' words, finished cases
// lose their images, and intake goes on by itself. No open case loses any.
func TestDiskThatFillsUp(t *testing.T) {
	dir := smallDisk(t, "160m")
	pacsAddress, risAddress, sets := faultAddresses(t)
	pacs, ris := testPACS(t, pacsAddress, nil), testRIS(t, risAddress, agree)
	n := faultNode(t, dir, append(sets, "retention.high_watermark=70%"))
	defer n.stop()
	open := syntheticObject(t, 1000, "OPEN", 512) // its report does not come
	if err := open.store(t.Context(), n, "LOAD"); err != nil {
		t.Fatal(err)
	}
	const fills = 30
	var finished []*synthetic
	for i := range fills { // 4 MB each: more than the disk holds
		finished = append(finished, storeBig(t, n, i))
	}
	if !open.intact(t, n) {
		t.Error("the images of an open case are lost")
	}
	if finished[0].intact(t, n) {
		t.Error("the oldest finished case has its images still")
	}
	if c := caseOf(t, n, "FAULT0", "done"); len(c.Statements) == 0 {
		t.Error("a case lost more than its images")
	}
	pacs.check(t, "PACS", fills)
	ris.check(t, "RIS", fills)

	fill := filepath.Join(dir, "fill")
	fillDisk(t, fill, func() bool {
		_, err := get(t.Context(), "http://"+n.http+"/readyz") // as whoever watches the node does
		return err == nil || finished[fills-1].intact(t, n)
	})
	late := syntheticObject(t, 2000, "LATE", 256)
	var status *ae.StatusError
	if err := late.store(t.Context(), n, "LOAD"); !errors.As(err, &status) || status.Status != ae.StatusOutOfResources {
		t.Errorf("got %v, want A700H", err)
	}
	if ack := sendMessage(t, n, report("LATE", "LATE", "Follow-up is recommended.")); ack.Code != hl7.AE {
		t.Errorf("got %+v, want AE", ack)
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	if err := late.store(t.Context(), n, "LOAD"); err != nil {
		t.Errorf("there is room again, but: %v", err)
	}
}

// fillDisk is somebody else who fills the disk to 85 %, until the node has
// nothing left to remove.
func fillDisk(t *testing.T, file string, removable func() bool) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = poll(t.Context(), 60*time.Second, "the finished images to go", func() (bool, error) {
		for {
			var st syscall.Statfs_t
			if err := syscall.Statfs(file, &st); err != nil || float64(st.Bfree) < 0.15*float64(st.Blocks) {
				return !removable(), err
			}
			if _, err := f.Write(make([]byte, 1<<20)); err != nil {
				return false, err
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// storeBig stores a study of 4 MB with its report, again and again while the
// node says that its disk is full, and waits until it is done.
func storeBig(t *testing.T, n *concordNode, i int) *synthetic {
	t.Helper()
	accession := fmt.Sprintf("FAULT%d", i)
	o := syntheticObject(t, i, accession, 2048)
	err := poll(t.Context(), 30*time.Second, "room for "+accession, func() (bool, error) {
		err := o.store(t.Context(), n, "LOAD")
		var status *ae.StatusError
		if errors.As(err, &status) && status.Status == ae.StatusOutOfResources {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, n.tail())
	}
	err = poll(t.Context(), 30*time.Second, "room for the report", func() (bool, error) {
		return sendMessage(t, n, report(accession, accession, "Follow-up in six months is recommended.")).Code == hl7.AA, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	caseOf(t, n, accession, "done")
	return o
}
