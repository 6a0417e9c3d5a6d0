package main

import (
	"context"
	"fmt"
	"io/fs"

	"concord/config"
	"concord/inference"
	"concord/inference/onnx"
	"concord/inference/packs"
)

// openModel loads the model pack that the configuration names. The provider is
// what really runs it.
func openModel(ctx context.Context, c config.Model) (model *inference.Model, provider string, err error) {
	engine, err := onnx.New(onnx.Options{Device: c.Device, Threads: c.Threads})
	if err != nil {
		return nil, "", err
	}
	if model, err = inference.Open(ctx, packFiles(c.Pack), engine); err != nil {
		return nil, "", fmt.Errorf("model pack %s: %w", c.Pack, err)
	}
	return model, engine.Provider(), nil
}

func packFiles(pack string) fs.FS {
	if pack == config.PackBuiltin {
		return packs.Builtin()
	}
	return inference.Dir(pack)
}
