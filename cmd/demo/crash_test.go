package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"concord/dicom"
	"concord/dicom/ae"
	"concord/hl7"
	"concord/hl7/mllp"
)

const (
	crStorage        = "1.2.840.10008.5.1.4.1.1.1"
	syntheticPatient = "PLANTED^PATIENT"
)

// synthetic is a data set in explicit VR little endian.
type synthetic struct {
	uid     string
	dataSet []byte
}

// syntheticObject makes a CR image of side × side pixels of noise; each n is a
// study of its own.
func syntheticObject(t *testing.T, n int, accession string, side int) *synthetic {
	t.Helper()
	study := fmt.Sprintf("2.25.4711.%d", n)
	o := &synthetic{uid: study + ".1.1"}
	var w bytes.Buffer
	us := func(n int) string { return string(binary.LittleEndian.AppendUint16(nil, uint16(n))) }
	for _, e := range []struct {
		tag       dicom.Tag
		vr, value string
	}{
		{dicom.SOPClassUID, "UI", crStorage}, {dicom.SOPInstanceUID, "UI", o.uid},
		{dicom.AccessionNumber, "SH", accession}, {dicom.Modality, "CS", "CR"},
		{dicom.PatientName, "PN", syntheticPatient}, {dicom.PatientID, "LO", "PID77"}, {dicom.PatientSex, "CS", "M"},
		{dicom.BodyPartExamined, "CS", "CHEST"}, {dicom.StudyInstanceUID, "UI", study},
		{dicom.SeriesInstanceUID, "UI", study + ".1"}, {dicom.SeriesNumber, "IS", "1"}, {dicom.InstanceNumber, "IS", "1"},
		{dicom.SamplesPerPixel, "US", us(1)}, {dicom.PhotometricInterpretation, "CS", "MONOCHROME2"},
		{dicom.Rows, "US", us(side)}, {dicom.Columns, "US", us(side)}, {dicom.BitsAllocated, "US", us(8)},
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
	w.WriteString("\xe0\x7f\x10\x00OB\x00\x00")
	binary.Write(&w, binary.LittleEndian, uint32(side*side))
	noise := rand.New(rand.NewPCG(uint64(n), 7))
	for range side * side {
		w.WriteByte(byte(noise.IntN(256)))
	}
	o.dataSet = w.Bytes()
	return o
}

func (o *synthetic) store(ctx context.Context, n *concordNode, calling string) error {
	client := &ae.Client{Calling: calling, Called: "CONCORD", Address: n.dicom, Timeout: 10 * time.Second}
	a, err := client.Dial(ctx, []ae.Context{{SOPClass: crStorage, TransferSyntaxes: []string{dicom.ExplicitVRLittleEndian}}})
	if err != nil {
		return err
	}
	defer a.Abort()
	if err := o.storeOn(ctx, a); err != nil {
		return err
	}
	return a.Release(ctx)
}

func (o *synthetic) storeOn(ctx context.Context, a *ae.Association) error {
	return a.Store(ctx, ae.StoreRequest{SOPClassUID: crStorage, SOPInstanceUID: o.uid,
		TransferSyntax: dicom.ExplicitVRLittleEndian, Data: bytes.NewReader(o.dataSet)})
}

// storeHalf sends half of the object and aborts the association.
func (o *synthetic) storeHalf(n *concordNode, calling string) error {
	half := &cutReader{data: o.dataSet[:len(o.dataSet)/2]}
	request := ae.StoreRequest{SOPClassUID: crStorage, SOPInstanceUID: o.uid,
		TransferSyntax: dicom.ExplicitVRLittleEndian, Data: half}
	client := &ae.Client{Calling: calling, Called: "CONCORD", Address: n.dicom, Timeout: 10 * time.Second}
	a, err := client.Dial(context.Background(), []ae.Context{{SOPClass: crStorage, TransferSyntaxes: []string{dicom.ExplicitVRLittleEndian}}})
	if err != nil {
		return err
	}
	defer a.Abort()
	if err := a.Store(context.Background(), request); err == nil {
		return fmt.Errorf("half an object was acknowledged")
	}
	return nil
}

// cutReader gives its data and then fails.
type cutReader struct{ data []byte }

func (r *cutReader) Read(p []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(p, r.data)
	r.data = r.data[n:]
	return n, nil
}

func (o *synthetic) url(n *concordNode) string {
	return "http://" + n.http + "/api/v1/objects/" + o.uid
}

func (o *synthetic) status(t *testing.T, n *concordNode) int {
	t.Helper()
	response, err := http.Get(o.url(n))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// intact says whether the node has the object with the data set's own bytes.
func (o *synthetic) intact(t *testing.T, n *concordNode) bool {
	t.Helper()
	body, err := get(t.Context(), o.url(n))
	return err == nil && bytes.HasSuffix(body, o.dataSet)
}

// Law 1 and 2: kill -9 in the middle of transfers; every acknowledged object
// and message is there after the restart.
func TestNothingAcknowledgedIsLostByKill(t *testing.T) {
	dir := t.TempDir()
	sets := []string{"peers=[]", "hl7_destinations=[]", "study.quiet=50ms"}
	var objects []*synthetic
	var messages []string
	for round := range 3 {
		n, err := startNode(t.Context(), concordBinary, dir, sets...)
		if err != nil {
			t.Fatal(err)
		}
		stored, sent := loadUntilKilled(t, n, round)
		t.Logf("round %d: %d objects and %d messages acknowledged before the kill", round, len(stored), len(sent))
		objects, messages = append(objects, stored...), append(messages, sent...)
	}
	if len(objects) == 0 || len(messages) == 0 {
		t.Fatal("nothing was acknowledged: the test shows nothing")
	}
	n, err := startNode(t.Context(), concordBinary, dir, sets...)
	if err != nil {
		t.Fatal(err)
	}
	defer n.stop()
	for _, o := range objects {
		if !o.intact(t, n) {
			t.Errorf("acknowledged object %s is lost or changed", o.uid)
		}
	}
	for _, accession := range messages {
		var answer struct{ Cases []caseView }
		if err := getJSON(t.Context(), "http://"+n.http+"/api/v1/cases?accession="+accession, &answer); err != nil {
			t.Fatal(err)
		}
		if len(answer.Cases) != 1 {
			t.Errorf("acknowledged report of %s has %d cases", accession, len(answer.Cases))
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "node", "incoming", "*")); len(left) > 0 {
		t.Errorf("half objects are left over: %v", left)
	}
}

// loadUntilKilled stores objects on three associations and sends messages on
// two connections until the node is killed; it returns what was acknowledged.
func loadUntilKilled(t *testing.T, n *concordNode, round int) (objects []*synthetic, messages []string) {
	var mu sync.Mutex
	var senders sync.WaitGroup
	enough := make(chan struct{})
	var once sync.Once
	acknowledged := func(add func()) {
		mu.Lock()
		defer mu.Unlock()
		add()
		if len(objects) >= 40 && len(messages) >= 40 {
			once.Do(func() { close(enough) })
		}
	}
	for s := range 3 {
		senders.Go(func() {
			client := &ae.Client{Calling: "LOAD", Called: "CONCORD", Address: n.dicom, Timeout: 10 * time.Second}
			a, err := client.Dial(t.Context(), []ae.Context{{SOPClass: crStorage, TransferSyntaxes: []string{dicom.ExplicitVRLittleEndian}}})
			if err != nil {
				return
			}
			defer a.Abort()
			for i := 0; ; i++ {
				o := syntheticObject(t, 1_000_000*(round+1)+100_000*s+i, "", 256)
				if o.storeOn(t.Context(), a) != nil {
					return
				}
				acknowledged(func() { objects = append(objects, o) })
			}
		})
	}
	for s := range 2 {
		senders.Go(func() {
			client := &mllp.Client{Address: n.hl7, Timeout: 10 * time.Second}
			defer client.Close()
			for i := 0; ; i++ {
				accession := fmt.Sprintf("R%dS%dN%d", round, s, i)
				raw, err := client.Send(t.Context(), report(accession, accession, "Chest radiograph."))
				if err != nil {
					return
				}
				if ack, err := hl7.ParseAck(raw); err == nil && ack.Code == hl7.AA {
					acknowledged(func() { messages = append(messages, accession) })
				}
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(30 * time.Second):
		t.Error("the node acknowledged too little in 30 s")
	}
	n.kill()
	senders.Wait()
	return objects, messages
}

// A 1 GB object must not raise the node's memory by more than 64 MB.
func TestLargeObjectStreamsInBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 1 GB")
	}
	n := testNode(t)
	small := syntheticObject(t, 1, "WARM", 64)
	if err := small.store(t.Context(), n, "LOAD"); err != nil {
		t.Fatal(err)
	}
	before := anonymousMemory(n)
	if before == 0 {
		t.Skip("this kernel does not tell RssAnon")
	}
	o := syntheticObject(t, 2, "LARGE", 64)
	frames := int64(1<<30) / (1024 * 1024)
	header := o.dataSet[:len(o.dataSet)-12-64*64] // all before the pixel data
	var pixels [12]byte
	copy(pixels[:], "\xe0\x7f\x10\x00OB\x00\x00")
	binary.LittleEndian.PutUint32(pixels[8:], uint32(frames<<20))
	data := io.MultiReader(bytes.NewReader(header), bytes.NewReader(pixels[:]), io.LimitReader(zeros{}, frames<<20))
	client := &ae.Client{Calling: "LOAD", Called: "CONCORD", Address: n.dicom, Timeout: 2 * time.Minute}
	a, err := client.Dial(t.Context(), []ae.Context{{SOPClass: crStorage, TransferSyntaxes: []string{dicom.ExplicitVRLittleEndian}}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Abort()
	peak, stop := watchMemory(n)
	err = a.Store(t.Context(), ae.StoreRequest{SOPClassUID: crStorage, SOPInstanceUID: o.uid,
		TransferSyntax: dicom.ExplicitVRLittleEndian, Data: data})
	stop()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("memory %d MB before, %d MB at most while 1 GB came in", before>>20, *peak>>20)
	if grown := *peak - before; grown > 64<<20 {
		t.Errorf("memory grew by %d MB", grown>>20)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// anonymousMemory is the node's RssAnon in bytes: what it allocated, without
// the files that the kernel caches. It is 0 when the kernel does not tell.
func anonymousMemory(n *concordNode) (bytes int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.pid()))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			fmt.Sscan(value, &bytes)
		}
	}
	return bytes << 10
}

// watchMemory samples the node's memory until stop is called.
func watchMemory(n *concordNode) (peak *int64, stop func()) {
	peak = new(int64)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
				*peak = max(*peak, anonymousMemory(n))
			}
		}
	}()
	return peak, func() { close(done); <-ended }
}

// kill ends the process at once, as a power cut would.
func (p *process) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}
