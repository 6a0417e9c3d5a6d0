package mllp

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"concord/hl7"
)

// python is the system's interpreter with python-hl7 in it; without, the test is skipped.
func python(t *testing.T) string {
	t.Helper()
	const interpreter = "/usr/bin/python3"
	if err := exec.Command(interpreter, "-c", "import hl7.mllp").Run(); err != nil {
		t.Skip("python-hl7 is not installed (Debian: python3-hl7): ", err)
	}
	return interpreter
}

// zhMessages are Chinese messages in UTF-8: a report and a result of the test's own, and
// the reports beside the repository.
func zhMessages(t *testing.T) [][]byte {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "data", "hl7-zh", "*-utf8.hl7"))
	messages := [][]byte{[]byte("MSH|^~\\&|RIS|医院|EMR|医院|20250312101530||ORU^R01|ZH1|P|2.4||||||UNICODE UTF-8\rPID|1||1^^^A^MR||張珅\rOBR|1||F1\rOBX|1|FT|59776-5^检查所见^LN||左肺\\.br\\右肺||||||F\r")}
	result := hl7.Result{ControlID: "CC1", Patient: hl7.Patient{Name: "張^珅"}, StudyUID: "1.2.3.4", Findings: []hl7.Finding{{Group: 1, Verdict: hl7.VerdictNo, Statement: "右肺|结节"}}}
	if oru, err := hl7.ORU(result); err != nil {
		t.Fatal(err)
	} else {
		messages = append(messages, oru)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, raw)
	}
	return messages
}

// pythonServer is python-hl7's own asyncio server; it parses each message, answers with
// its create_ack, and prints its port and what it read in PID-5 and the first OBX-5.
const pythonServer = `
import asyncio
from hl7.mllp import start_hl7_server
async def on(reader, writer):
    try:
        while True:
            m = await reader.readmessage()
            print(m.extract_field('PID', 1, 5), m.extract_field('OBX', 1, 5), sep='\t', flush=True)
            writer.writemessage(m.create_ack())
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    s = await start_hl7_server(on, host='127.0.0.1', port=0, encoding='utf-8')
    print(s.sockets[0].getsockname()[1], flush=True)
    async with s:
        await s.serve_forever()
asyncio.run(main())
`

func TestClientToPython(t *testing.T) {
	command := exec.Command(python(t), "-X", "utf8", "-c", pythonServer)
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer command.Wait()
	defer command.Process.Kill()
	printed := bufio.NewScanner(out)
	if !printed.Scan() {
		t.Fatal("the server did not start")
	}
	client := newClient(t, "127.0.0.1:"+printed.Text())
	for _, raw := range zhMessages(t) {
		m, err := hl7.Parse(raw, hl7.Options{})
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Send(t.Context(), raw)
		if err != nil {
			t.Fatal(err)
		}
		ack, err := hl7.ParseAck(answer)
		if err != nil || ack.Code != hl7.AA || ack.ControlID != m.ControlID() {
			t.Errorf("python-hl7 answered %+v, %v", ack, err)
		}
		printed.Scan()
		start := string([]rune(m.Segment("OBX").Field(5).Raw())[:2]) // it makes \r of \.br\
		if name, text, _ := strings.Cut(printed.Text(), "\t"); name != m.Get("PID-5.1") || !strings.HasPrefix(text, start) {
			t.Errorf("python-hl7 read %q", printed.Text())
		}
	}
}

// TestPythonToServer sends files with python-hl7's mllp_send, to a server that keeps what
// it received; the tool prints the answers.
func TestPythonToServer(t *testing.T) {
	interpreter := python(t)
	var mu sync.Mutex
	var received []string
	address := start(t, &Server{Handle: func(ctx context.Context, p Peer, raw []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		received = append(received, string(raw))
		return accept(ctx, p, raw)
	}})
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range zhMessages(t) {
		file := filepath.Join(t.TempDir(), "message.hl7")
		if err := os.WriteFile(file, Frame(raw), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(interpreter, "-X", "utf8", "-c", "from hl7.client import mllp_send; mllp_send()", "--port", port, "--file", file, host).CombinedOutput()
		if err != nil {
			t.Fatalf("mllp_send: %v\n%s", err, out)
		}
		mu.Lock()
		if last := received[len(received)-1]; last != strings.TrimRight(string(raw), "\r\n") && last != string(raw) {
			t.Errorf("received %q", last)
		}
		mu.Unlock()
		ack, err := hl7.ParseAck([]byte(strings.Trim(string(out), "\v\x1c\r\n")))
		m, _ := hl7.Parse(raw, hl7.Options{})
		if err != nil || ack.Code != hl7.AA || ack.ControlID != m.ControlID() {
			t.Errorf("mllp_send printed %q: %+v, %v", out, ack, err)
		}
	}
	if len(received) != len(zhMessages(t)) {
		t.Errorf("%d messages received", len(received))
	}
}

// pythonReader reads the files named, each in the encoding before it, and prints of each
// its version, status and the texts that python-hl7 finds in the OBX.
const pythonReader = `
import json, sys, hl7
found = []
for encoding, name in zip(sys.argv[1::2], sys.argv[2::2]):
    m = hl7.parse(open(name, 'rb').read(), encoding=encoding)
    # OBX-5 may be cut short by empty fields behind it, and python-hl7 resolves no \\.br\\ outside of unescape
    rows = [[str(s[2]), str(s[3][0][0]), m.unescape(str(s[5])), str(s[11])] for s in m.segments('OBX')]
    found.append([str(m.segment('MSH')[12]), str(m.segment('MSH')[18]), str(m.segment('OBR')[25]), str(m.segment('PID')[5]), rows])
json.dump(found, sys.stdout)
`

// TestPythonReadsResults writes results in each version, layout and character set, as
// first ones, corrections and withdrawals; python-hl7 reads in them what we do.
func TestPythonReadsResults(t *testing.T) {
	interpreter := python(t)
	arguments := []string{"-X", "utf8", "-c", pythonReader}
	var want [][]any
	for _, version := range []string{"2.5.1", "2.4", "2.3.1"} {
		for _, layout := range []string{hl7.LayoutCoded, hl7.LayoutFlags, hl7.LayoutText} {
			for charset, encoding := range map[string]string{"UNICODE UTF-8": "utf-8", "GB 18030-2000": "gb18030", "BIG-5": "big5"} {
				for _, status := range []string{"R", "F", "C", "D"} {
					r := hl7.Result{ControlID: "CC1", Version: version, Layout: layout, Charset: charset, Status: status,
						Patient: hl7.Patient{Name: "陳^珅"}, StudyUID: "1.2.3.4", Note: "共1條&1項。",
						Findings: []hl7.Finding{{Group: 1, Verdict: hl7.VerdictNo, Statement: "右肺|結節^許功蓋", Comment: "第1段與圖像2不符~見說明\\",
							Severity: hl7.Coded{Code: "CC111", Text: "Warning", Scheme: "99CONCORD"}}}}
					raw, err := hl7.ORU(r)
					if err != nil {
						t.Fatal(err)
					}
					file := filepath.Join(t.TempDir(), "result.hl7")
					if err := os.WriteFile(file, raw, 0o600); err != nil {
						t.Fatal(err)
					}
					arguments = append(arguments, encoding, file)
					want = append(want, read(t, raw))
				}
			}
		}
	}
	out, err := exec.Command(interpreter, arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("python-hl7: %v\n%s", err, out)
	}
	var got [][]any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if g, w := fmt.Sprint(got[i]...), fmt.Sprint(want[i]...); g != w {
			t.Errorf("python-hl7 reads\n%s, want\n%s", g, w)
		}
	}
}

// read is what pythonReader finds, as we read it.
func read(t *testing.T, raw []byte) []any {
	t.Helper()
	m, err := hl7.Parse(raw, hl7.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rows := []any{}
	for s := range m.Segments("OBX") {
		text := strings.ReplaceAll(s.Field(5).String(), "\n", "\r") // as python-hl7 has \.br\
		rows = append(rows, []any{s.Field(2).String(), s.Field(3).Component(1).String(), text, s.Field(11).String()})
	}
	return []any{m.Version(), m.Get("MSH-18"), m.Get("OBR-25"), m.Segment("PID").Field(5).String(), rows}
}
