package config

import (
	"fmt"
	"regexp"
)

// Model is the pack that judges, and what runs it.
type Model struct {
	Pack        string            `yaml:"pack"`        // PackBuiltin or a folder
	Calibration string            `yaml:"calibration"` // file of this site's own; empty: the pack's
	ShadowPack  string            `yaml:"shadow_pack"` // as Pack; empty: none
	Engine      string            `yaml:"engine"`      // EngineONNX or EngineKServe
	Device      string            `yaml:"device"`      // cpu, cuda:N or tensorrt:N
	Threads     int               `yaml:"threads"`     // of one inference; 0: one for each core
	GPUMemory   Size              `yaml:"gpu_memory"`  // at most, of each graph; 0: no limit
	Options     map[string]string `yaml:"options"`     // of the execution provider
	Servers     []string          `yaml:"servers"`     // host:port, of EngineKServe
	ServersTLS  bool              `yaml:"servers_tls"`
	Deadline    Duration          `yaml:"deadline"`   // of one case
	MaxImages   int               `yaml:"max_images"` // of one case
}

// PackBuiltin is the model pack embedded in the binary. EngineONNX runs packs by ONNX Runtime in this process,
// EngineKServe on servers that speak the open inference protocol.
const (
	PackBuiltin  = "builtin"
	EngineONNX   = "onnx"
	EngineKServe = "kserve"
)

const maxImages = 1024

var device = regexp.MustCompile(`^(cpu|(cuda|tensorrt):\d{1,2})$`)

func (k *checker) checkModel(m Model) {
	if m.Pack == "" {
		k.fail("model.pack", "is empty; write %s or the folder of a model pack", PackBuiltin)
	}
	k.oneOf("model.engine", m.Engine, EngineONNX, EngineKServe)
	if !device.MatchString(m.Device) {
		k.fail("model.device", "is %q; write cpu, cuda:0 or tensorrt:0", m.Device)
	}
	if m.Engine == EngineKServe && len(m.Servers) == 0 {
		k.fail("model.servers", "is empty; name the host:port of at least one inference server, or set model.engine to %s", EngineONNX)
	}
	for i, address := range m.Servers {
		k.dialable(fmt.Sprintf("model.servers[%d]", i), address)
	}
	k.between("model.threads", m.Threads, 0, 1024)
	k.positive("model.deadline", m.Deadline)
	k.between("model.max_images", m.MaxImages, 1, maxImages)
}
