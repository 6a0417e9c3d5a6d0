package mllp

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"concord/hl7"
)

// node gives a command that runs a script with an npm package of peers; the test is
// skipped unless NODE_PATH leads to the package (npm install node-hl7-server
// node-hl7-client).
func node(t *testing.T, pkg, script string, args ...string) *exec.Cmd {
	t.Helper()
	if err := exec.Command("node", "-e", "require('"+pkg+"')").Run(); err != nil {
		t.Skip("no "+pkg+" on NODE_PATH: ", err)
	}
	return exec.Command("node", append([]string{"-e", script, "--"}, args...)...)
}

const nodeServer = `
const { Server } = require('node-hl7-server');
const net = require('net');
const probe = net.createServer().listen(0, '127.0.0.1', () => {
  const port = probe.address().port;
  probe.close(() => {
    const inbound = new Server({ bindAddress: '127.0.0.1' }).createInbound({ port }, async (req, res) => {
      console.log(req.getMessage().get('PID.5').toString());
      await res.sendResponse('AA');
    });
    inbound.on('listen', () => console.log(port));
  });
});`

func TestClientToNode(t *testing.T) {
	command := node(t, "node-hl7-server", nodeServer)
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
		answer, err := client.Send(t.Context(), raw) // this server takes and answers earlier ones again
		if err != nil {
			t.Fatal(err)
		}
		ack, err := hl7.ParseAck(answer)
		if err != nil || ack.Code != hl7.AA || ack.ControlID != m.ControlID() {
			t.Errorf("node-hl7-server answered %+v to %s, %v", ack, m.ControlID(), err)
		}
		for printed.Scan() && !strings.HasPrefix(printed.Text(), m.Get("PID-5.1")) {
		}
	}
}

const nodeClient = `
const { Client, Message } = require('node-hl7-client');
const text = require('fs').readFileSync(process.argv[2], 'utf8');
const out = new Client({ host: '127.0.0.1' }).createConnection({ port: Number(process.argv[1]) }, async (res) => {
  const m = res.getMessage();
  console.log(m.get('MSA.1').toString() + ' ' + m.get('MSA.2').toString());
  process.exit(0);
});
out.on('client.error', e => { console.log(String(e)); process.exit(1); });
out.sendMessage(new Message({ text }));`

func TestNodeToServer(t *testing.T) {
	address := start(t, &Server{Handle: accept})
	for _, raw := range zhMessages(t) {
		file := filepath.Join(t.TempDir(), "message.hl7")
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := hl7.Parse(raw, hl7.Options{})
		if err != nil {
			t.Fatal(err)
		}
		out, err := node(t, "node-hl7-client", nodeClient, address[strings.LastIndex(address, ":")+1:], file).CombinedOutput()
		if want := "AA " + m.ControlID(); err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("node-hl7-client read %q, %v; want %q", out, err, want)
		}
	}
}
