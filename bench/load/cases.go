package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"

	"concord/dicom"
	"concord/dicom/ae"
)

type casesCommand struct {
	Dicom   string        `default:"127.0.0.1:11112" help:"Where the node takes images."`
	HL7     string        `name:"hl7" default:"127.0.0.1:2575" help:"Where the node takes reports."`
	PACS    string        `name:"pacs" default:"127.0.0.1:4242" help:"Listen here for Structured Reports."`
	RIS     string        `name:"ris" default:"127.0.0.1:2576" help:"Listen here for ORU messages."`
	Called  string        `default:"BENCH" help:"AE title of the node."`
	Rate    float64       `default:"10" help:"Reports per second."`
	For     time.Duration `default:"60s" help:"How long."`
	Text    string        `default:"Follow-up in six months is recommended." help:"Of the report. No model is asked about the default one."`
	Timeout time.Duration `default:"30s" help:"Longest wait for the last results."`
}

// caseResults is when the results of a case were acknowledged.
type caseResults struct {
	mu        sync.Mutex
	sent      []time.Time // last byte of the report, by case
	sr, oru   []time.Time
	complete  int
	repeated  int
	completed chan struct{} // a token for each case
}

var caseNumber = regexp.MustCompile(`CASE(\d{6})`)

// took records an acknowledged result; which is sr or oru.
func (r *caseResults) took(which []time.Time, result []byte) {
	match := caseNumber.FindSubmatch(result)
	if match == nil {
		return
	}
	var n int
	if _, err := fmt.Sscanf(string(match[1]), "%d", &n); err != nil || n >= len(which) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !which[n].IsZero() {
		r.repeated++
		return
	}
	which[n] = time.Now()
	if !r.sr[n].IsZero() && !r.oru[n].IsZero() {
		r.complete++
		r.completed <- struct{}{}
	}
}

// Run stores a study for each case, then sends the reports at the rate, and prints how long it took from the last byte of a
// report until both results were acknowledged.
func (c *casesCommand) Run() error {
	n := int(c.Rate * c.For.Seconds())
	r := &caseResults{sent: make([]time.Time, n), sr: make([]time.Time, n), oru: make([]time.Time, n), completed: make(chan struct{}, n)}
	if err := c.receive(r); err != nil {
		return err
	}
	if err := c.storeStudies(n); err != nil {
		return err
	}
	time.Sleep(3 * time.Second) // the quiet timers end
	t := newTally()
	if err := c.sendReports(r, t); err != nil {
		return err
	}
	for deadline := time.After(c.Timeout); ; {
		select {
		case <-r.completed:
			if r.done() == n {
				return c.figures(r, t)
			}
		case <-deadline:
			return c.figures(r, t)
		}
	}
}

func (r *caseResults) done() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.complete
}

// receive opens the PACS and the RIS end.
func (c *casesCommand) receive(r *caseResults) error {
	pacs, err := net.Listen("tcp", c.PACS)
	if err != nil {
		return err
	}
	ris, err := net.Listen("tcp", c.RIS)
	if err != nil {
		return err
	}
	server := &ae.Server{StorageClass: dicom.IsStorage, Store: func(_ context.Context, rq *ae.StoreRequest) error {
		data, err := io.ReadAll(rq.Data)
		r.took(r.sr, data)
		return err
	}}
	go func() { _ = server.Serve(pacs) }() // it ends with the process
	go func() {
		for {
			connection, err := ris.Accept()
			if err != nil {
				return
			}
			go acknowledge(connection, func(message []byte) { r.took(r.oru, message) })
		}
	}()
	return nil
}

func (c *casesCommand) storeStudies(n int) error {
	ctx := context.Background()
	client := ae.Client{Calling: "LOAD", Called: c.Called, Address: c.Dicom, Timeout: c.Timeout}
	association, err := client.Dial(ctx, []ae.Context{{SOPClass: crStorage, TransferSyntaxes: []string{dicom.ExplicitVRLittleEndian}}})
	if err != nil {
		return fmt.Errorf("associate: %w", err)
	}
	for i := range n {
		rq := ae.StoreRequest{SOPClassUID: crStorage, SOPInstanceUID: caseUID(i) + ".1.1",
			TransferSyntax: dicom.ExplicitVRLittleEndian, Data: bytes.NewReader(caseImage(i))}
		if err := association.Store(ctx, rq); err != nil {
			return fmt.Errorf("store: %w", err)
		}
	}
	return association.Release(ctx)
}

// sendReports sends one report a tick over one connection.
func (c *casesCommand) sendReports(r *caseResults, t *tally) error {
	connection, err := net.DialTimeout("tcp", c.HL7, c.Timeout)
	if err != nil {
		return err
	}
	defer connection.Close()
	reader := bufio.NewReader(connection)
	ticker := time.NewTicker(time.Duration(float64(time.Second) / c.Rate))
	defer ticker.Stop()
	for i := range r.sent {
		message := c.caseReport(i)
		<-ticker.C
		r.mu.Lock()
		r.sent[i] = time.Now()
		r.mu.Unlock()
		ack, err := exchange(connection, reader, message)
		if err != nil {
			return err
		}
		if !accepts(ack, controlID(i)) {
			t.failed(fmt.Errorf("acknowledgement %.120q", ack))
		}
	}
	return nil
}

func (c *casesCommand) figures(r *caseResults, t *tally) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.sent {
		if r.sr[i].IsZero() || r.oru[i].IsZero() {
			t.failed(fmt.Errorf("a result did not come"))
			continue
		}
		last := r.sr[i]
		if r.oru[i].After(last) {
			last = r.oru[i]
		}
		t.ok++
		t.last = last.Sub(t.start)
		t.latencies = append(t.latencies, last.Sub(r.sent[i]))
	}
	result := t.result(len(r.sent), "cases_s")
	result["repeated"] = r.repeated
	return emit(result)
}

const crStorage = "1.2.840.10008.5.1.4.1.1.1"

func caseUID(n int) string { return fmt.Sprintf("2.25.8000000.%d", n+1) }

func (c *casesCommand) caseReport(n int) []byte {
	var b bytes.Buffer
	b.WriteByte(startBlock)
	fmt.Fprintf(&b, "MSH|^~\\&|RIS|HOSP|CONCORD|HOSP|20260102030405||ORU^R01^ORU_R01|%s|P|2.5.1||||||UNICODE UTF-8\r", controlID(n))
	fmt.Fprintf(&b, "PID|1||P%07d^^^HOSP^MR||Bench^Patient||19700101|O\r", n)
	fmt.Fprintf(&b, "OBR|1||F%07d|XR^Chest^L|||20260102030000|||||||||||CASE%06d||||||CR|F\r", n, n)
	for i, line := range strings.Split(c.Text, "\n") {
		fmt.Fprintf(&b, "OBX|%d|TX|XR&GDT||%s||||||F\r", i+1, line)
	}
	b.Write([]byte{endBlock, carriageReturn})
	return b.Bytes()
}

// caseImage is the data set of a small chest radiograph, explicit VR little endian.
func caseImage(n int) []byte {
	const side = 64
	var b bytes.Buffer
	us := func(v uint16) string { return string(binary.LittleEndian.AppendUint16(nil, v)) }
	for _, e := range []struct {
		tag       dicom.Tag
		vr, value string
	}{
		{dicom.SOPClassUID, "UI", crStorage}, {dicom.SOPInstanceUID, "UI", caseUID(n) + ".1.1"},
		{dicom.StudyDate, "DA", "20260102"}, {dicom.AccessionNumber, "SH", fmt.Sprintf("CASE%06d", n)}, {dicom.Modality, "CS", "CR"},
		{dicom.PatientName, "PN", "Bench^Patient"}, {dicom.PatientID, "LO", fmt.Sprintf("P%07d", n)}, {dicom.PatientSex, "CS", "O"},
		{dicom.BodyPartExamined, "CS", "CHEST"}, {dicom.StudyInstanceUID, "UI", caseUID(n)},
		{dicom.SeriesInstanceUID, "UI", caseUID(n) + ".1"}, {dicom.SeriesNumber, "IS", "1"}, {dicom.InstanceNumber, "IS", "1"},
		{dicom.SamplesPerPixel, "US", us(1)}, {dicom.PhotometricInterpretation, "CS", "MONOCHROME2"},
		{dicom.Rows, "US", us(side)}, {dicom.Columns, "US", us(side)}, {dicom.BitsAllocated, "US", us(8)},
		{dicom.BitsStored, "US", us(8)}, {dicom.HighBit, "US", us(7)}, {dicom.PixelRepresentation, "US", us(0)},
	} {
		if len(e.value)%2 == 1 {
			e.value += map[bool]string{true: "\x00", false: " "}[e.vr == "UI"]
		}
		b.Write(binary.LittleEndian.AppendUint16(nil, e.tag.Group()))
		b.Write(binary.LittleEndian.AppendUint16(nil, e.tag.Element()))
		b.WriteString(e.vr)
		b.Write(binary.LittleEndian.AppendUint16(nil, uint16(len(e.value))))
		b.WriteString(e.value)
	}
	b.WriteString("\xe0\x7f\x10\x00OB\x00\x00")
	b.Write(binary.LittleEndian.AppendUint32(nil, side*side))
	for i := range side * side {
		b.WriteByte(byte(i * 7 / side))
	}
	return b.Bytes()
}
