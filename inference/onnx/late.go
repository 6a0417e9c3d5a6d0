package onnx

import (
	"context"
	"fmt"

	"concord/inference"
)

// late is a graph that is loaded with its first run: until then a node has the
// memory of one without a model.
type late struct {
	engine *Engine
	file   inference.File
	graph  inference.Graph // nil: not yet
}

// Run loads the graph before its first run. While that fails the run is one
// that may succeed later.
func (l *late) Run(ctx context.Context, inputs map[string]inference.Tensor) (map[string]inference.Tensor, error) {
	graph, err := l.loaded()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", inference.ErrUnavailable, err)
	}
	return graph.Run(ctx, inputs)
}

func (l *late) loaded() (inference.Graph, error) {
	l.engine.loading.Lock()
	defer l.engine.loading.Unlock()
	if l.graph != nil {
		return l.graph, nil
	}
	if err := l.engine.start(); err != nil {
		return nil, err
	}
	graph, err := l.engine.load(l.file)
	if err == nil {
		l.graph = graph
	}
	return graph, err
}

func (l *late) Close() error {
	l.engine.loading.Lock()
	defer l.engine.loading.Unlock()
	if l.graph == nil {
		return nil
	}
	return l.graph.Close()
}
