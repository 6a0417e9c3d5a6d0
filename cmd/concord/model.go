package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"

	"concord/config"
	"concord/inference"
	"concord/inference/kserve"
	"concord/inference/onnx"
	"concord/inference/packs"
)

// openModel loads the model pack that the configuration names, with the site's
// own calibration if there is one. The provider is what really runs it.
func openModel(ctx context.Context, c *config.Config) (model *inference.Model, provider string, err error) {
	engine, err := newEngine(c)
	if err != nil {
		return nil, "", err
	}
	if model, err = inference.Open(ctx, packFiles(c.Model.Pack), engine); err != nil {
		return nil, "", fmt.Errorf("model pack %s: %w", c.Model.Pack, err)
	}
	if c.Model.Calibration != "" {
		text, err := os.ReadFile(c.Model.Calibration)
		if err == nil {
			err = model.Calibrate(text)
		}
		if err != nil {
			model.Close()
			return nil, "", fmt.Errorf("model.calibration: %w", err)
		}
	}
	return model, engine.Provider(), nil
}

// newEngine makes what runs the graphs of one pack.
func newEngine(c *config.Config) (inference.Engine, error) {
	m := c.Model
	if m.Engine == config.EngineONNX {
		return onnx.New(onnx.Options{Device: m.Device, Threads: m.Threads, Memory: int64(m.GPUMemory), Provider: m.Options, Late: embedded(m)})
	}
	options := kserve.Options{Servers: m.Servers}
	if m.ServersTLS {
		s, err := newSecurity(c.TLS)
		if err != nil {
			return nil, err
		}
		options.TLS = s.out
	}
	return kserve.New(options)
}

// embedded says that a pack needs no trial at the start: it is the binary's own, run where its goldens hold.
func embedded(m config.Model) bool {
	return m.Pack == config.PackBuiltin && m.Engine == config.EngineONNX && m.Device == "cpu"
}

func packFiles(pack string) fs.FS {
	if pack == config.PackBuiltin {
		return packs.Builtin()
	}
	return inference.Dir(pack)
}
