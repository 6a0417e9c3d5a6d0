package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"concord/config"
	"concord/dicom/phantom"
	"concord/inference"
	"concord/inference/kserve"
	"concord/inference/packs"
	"concord/node"
)

func defaults(t *testing.T, sets ...string) *config.Config {
	t.Helper()
	c, err := config.Load("", sets, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// judgeSynthetic judges a phantom under a configuration.
func judgeSynthetic(t *testing.T, c *config.Config) *node.Judgement {
	t.Helper()
	model, _, err := openModel(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	dir := t.TempDir()
	image, report := filepath.Join(dir, "image.dcm"), filepath.Join(dir, "report.txt")
	write(t, image, string(phantom.Make(1, 1).Objects[0].Bytes))
	write(t, report, "Technique: frontal chest radiograph. CT of the head, axial.\nFindings: no pneumothorax.")
	objects, err := readObjects([]string{image})
	if err != nil {
		t.Fatal(err)
	}
	reports, err := readReports(report, c.HL7.DefaultCharset, mappingOf(c.HL7.Mapping))
	if err != nil {
		t.Fatal(err)
	}
	judge, err := newJudge(c, inference.NewLive(model))
	if err != nil {
		t.Fatal(err)
	}
	judge.Open = openFile
	judgement, err := judge.Judge(t.Context(), &reports[0], objects)
	if err != nil {
		t.Fatal(err)
	}
	return judgement
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A case that is judged through an inference server, by mutual TLS, has the verdicts and the confidence, to the
// last bit, of one that is judged in the node.
func TestInferenceServerGivesTheSameJudgement(t *testing.T) {
	dir := t.TempDir()
	authority := newAuthority(t)
	authority.issue(t, dir, "node")
	writePEM(t, filepath.Join(dir, "ca.crt"), "CERTIFICATE", authority.cert.Raw)
	local := defaults(t, "tls.certificate="+filepath.Join(dir, "node.crt"), "tls.key="+filepath.Join(dir, "node.key"), "tls.ca="+filepath.Join(dir, "ca.crt"))
	engine, err := newEngine(local)
	if err != nil {
		t.Fatal(err)
	}
	server := kserve.NewServer(engine, "test")
	if err := servePack(t.Context(), server, config.PackBuiltin, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	security, err := newSecurity(local.TLS)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- serveGRPC(ctx, server, l, append(kserve.Limits(), grpc.Creds(credentials.NewTLS(security.in))))
	}()
	remote := *local
	remote.Model.Engine, remote.Model.Servers, remote.Model.ServersTLS = config.EngineKServe, []string{l.Addr().String()}, true
	here, there := judgeSynthetic(t, local), judgeSynthetic(t, &remote)
	if !reflect.DeepEqual(here, there) {
		t.Errorf("in the node %+v\nby the server %+v", here, there)
	}
	if !slices.ContainsFunc(here.Statements, func(s node.Statement) bool { return s.Confidence > 0 }) {
		t.Errorf("the model was not asked: %+v", here.Statements)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// A pack that changes takes the place of the one before, and a broken one does not.
func TestPackIsSwapped(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, packs.Builtin()); err != nil {
		t.Fatal(err)
	}
	c := defaults(t, "model.pack="+dir)
	core, logged := observer.New(zap.InfoLevel)
	p, err := openLivePack(t.Context(), c, "live", zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { p.Close() }()
	first := p.Model()

	session := p.Begin(false)
	manifest := filepath.Join(dir, inference.ManifestName)
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	write(t, manifest, strings.Replace(string(text), "version: 2.0.0", "version: 2.0.1", 1))
	swapped := make(chan struct{})
	go func() { defer close(swapped); p.follow(t.Context(), c) }()
	waitFor(t, func() bool { return p.Model() != first })
	if got := p.Model().Name(); got != "concord-facts 2.0.1" || session.Model != first {
		t.Errorf("the new pack is %s; the session before has %s", got, session.Model.Name())
	}
	if err := session.Model.Warm(t.Context()); err != nil {
		t.Errorf("the session before: %v", err)
	}
	session.End()
	<-swapped

	second := p.Model()
	for _, broken := range []struct{ file, text, want string }{
		{"score.onnx", "no graph", "score.onnx"},
		{"goldens/goldens.json", "{}", "goldens"},
		{inference.ManifestName, "schema: 1", "name, version and licence"},
	} {
		whole, err := os.ReadFile(filepath.Join(dir, broken.file))
		if err != nil {
			t.Fatal(err)
		}
		logged.TakeAll()
		write(t, filepath.Join(dir, broken.file), broken.text)
		refused := p.refused.Load()
		p.follow(t.Context(), c)
		if p.Model() != second || p.refused.Load() != refused+1 {
			t.Errorf("%s: the broken pack is in use", broken.file)
		}
		if said := logged.All()[0].ContextMap()["error"]; !strings.Contains(said.(string), broken.want) {
			t.Errorf("%s: logged %v", broken.file, said)
		}
		write(t, filepath.Join(dir, broken.file), string(whole))
	}
	p.follow(t.Context(), c) // the pack that is in use
	if p.swapped.Load() != 1 {
		t.Errorf("%d swaps; want 1", p.swapped.Load())
	}
}

// A shadow pack comes and goes while the node runs; one that cannot be used changes nothing.
func TestShadowPackComesAndGoes(t *testing.T) {
	m, err := openModels(t.Context(), defaults(t), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { m.live.Close() }()
	if err := m.addShadow(t.Context(), defaults(t, "model.shadow_pack="+t.TempDir())); err == nil || m.second.Load() != nil {
		t.Errorf("an empty folder is in use as the shadow pack: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); m.run(ctx) }()
	defer func() { stop(); <-ended }()
	with := defaults(t, "model.shadow_pack=builtin")
	for range 2 {
		m.reload(with)
		waitFor(t, func() bool { return m.second.Load() != nil })
		added := m.second.Load()
		m.reload(defaults(t))
		waitFor(t, func() bool { return m.second.Load() == nil })
		waitFor(t, func() bool { return added.Model().Warm(t.Context()) != nil }) // it is closed
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for range 1500 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("waited in vain")
}

// A node starts, and says so, while its inference servers are away.
func TestNodeStartsWithoutItsServers(t *testing.T) {
	core, logged := observer.New(zap.WarnLevel)
	p, err := openLivePack(t.Context(), defaults(t, "model.engine=kserve", "model.servers=[127.0.0.1:1]"), "live", zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Model().Close()
	if logged.Len() != 1 || !strings.Contains(logged.All()[0].Message, "no inference server answers") {
		t.Errorf("logged %v", logged.All())
	}
}
