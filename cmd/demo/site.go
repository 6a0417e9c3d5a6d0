package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"concord/loopback"
)

// site is a hospital in small: the node between a PACS and a RIS.
type site struct {
	dir  string
	node *concordNode
	pacs *orthanc
	ris  *ris
}

// process is a running program with its log file.
type process struct {
	cmd *exec.Cmd
	log string
}

// startProcess runs a program in a session of its own, so that it outlives the
// demo when it is kept.
func startProcess(log string, name string, args ...string) (*process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return &process{cmd, log}, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the process and waits for it.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.cmd.Wait()
}

// tail is the end of the log, for errors.
func (p *process) tail() string {
	text, _ := os.ReadFile(p.log)
	return string(text[max(0, len(text)-2000):])
}

// concordNode is a running node.
type concordNode struct {
	*process
	binary, dicom, hl7, http string
}

// startNode runs `concord serve` on the given addresses; the rest is set by
// key=value arguments.
func startNode(ctx context.Context, binary, dir string, sets ...string) (*concordNode, error) {
	n := &concordNode{binary: binary}
	args := []string{"serve", "--set", "data_dir=" + filepath.Join(dir, "node")}
	for _, key := range []struct {
		name string
		to   *string
	}{{"dicom", &n.dicom}, {"hl7", &n.hl7}, {"http", &n.http}} {
		*key.to = "127.0.0.1:0"
		for _, s := range sets {
			if address, ok := strings.CutPrefix(s, key.name+".listen="); ok {
				*key.to = address
			}
		}
		args = append(args, "--set", key.name+".listen="+*key.to)
	}
	for _, s := range sets {
		args = append(args, "--set", s)
	}
	var err error
	if n.process, err = startProcess(filepath.Join(dir, "node.log"), binary, args...); err != nil {
		return nil, err
	}
	if err := n.waitListening(ctx); err != nil {
		n.stop()
		return nil, fmt.Errorf("%w:\n%s", err, n.tail())
	}
	return n, nil
}

// waitListening reads the addresses of the node's services from its log.
func (n *concordNode) waitListening(ctx context.Context) error {
	found := map[string]string{}
	return poll(ctx, 20*time.Second, "the node to listen", func() (bool, error) {
		if err := n.cmd.Process.Signal(syscall.Signal(0)); err != nil {
			return false, errors.New("the node ended")
		}
		f, err := os.Open(n.log)
		if err != nil {
			return false, err
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			var line struct{ Msg, Service, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" {
				found[line.Service] = line.Address
			}
		}
		n.dicom, n.hl7, n.http = found["dicom"], found["hl7"], found["http"]
		return len(found) == 3, nil
	})
}

// poll asks until the answer is yes, an error comes or the time is over.
func poll(ctx context.Context, limit time.Duration, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %v in vain for %s", limit, what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// getJSON reads a JSON answer.
func getJSON(ctx context.Context, url string, to any) error {
	body, err := get(ctx, url)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, to)
}

func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return do(request)
}

func post(ctx context.Context, url, contentType string, body io.Reader) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", contentType)
	return do(request)
}

func do(request *http.Request) ([]byte, error) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %.200s", request.URL, response.Status, body)
	}
	return body, err
}

// startSite starts PACS, RIS and node, each pointed at the others.
func startSite(ctx context.Context, concord string) (*site, error) {
	dir, err := os.MkdirTemp("", "concord-demo-")
	if err != nil {
		return nil, err
	}
	s := &site{dir: dir}
	if err := s.start(ctx, concord); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *site) start(ctx context.Context, concord string) (err error) {
	pacs, err := loopback.Address()
	if err != nil {
		return err
	}
	dicom, err := loopback.Address()
	if err != nil {
		return err
	}
	if s.ris, err = startRIS(); err != nil {
		return err
	}
	if s.pacs, err = startOrthanc(ctx, s.dir, pacs, dicom); err != nil {
		return err
	}
	s.node, err = startNode(ctx, concord, s.dir, "dicom.listen="+dicom, "study.quiet=1s",
		fmt.Sprintf("peers=[{name: pacs, ae_title: ORTHANC, address: %q, send_results: true}]", s.pacs.dicom),
		fmt.Sprintf("hl7_destinations=[{name: ris, address: %q, send_results: true}]", s.ris.address))
	return err
}

func (s *site) stop() {
	if s.node != nil {
		s.node.stop()
	}
	if s.pacs != nil {
		s.pacs.stop()
	}
	if s.ris != nil {
		s.ris.stop()
	}
	os.RemoveAll(s.dir)
}
