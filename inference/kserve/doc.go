// Package kserve runs the graphs of packs elsewhere: by the open inference protocol (KServe predict v2, gRPC) in
// which Triton and others serve models, too.
//
// New makes the client's side, an inference.Engine over one or more servers; NewServer makes the server's side of
// an engine. Both call a graph by ModelName, so a model repository of another server has to as well.
package kserve

import (
	"path"
	"strings"

	"concord/inference"
)

// ModelName is what a graph of a pack is called on servers: concord-facts-vision for vision.onnx of concord-facts.
func ModelName(file inference.File) string {
	return file.Pack + "-" + strings.TrimSuffix(path.Base(file.Name), ".onnx")
}

// platform says in a server's metadata that the version is the digest of the pack.
const platform = "concord_onnx"

// maxMessage bounds a message in bytes: the tokens of 16 pictures of OFA-large and more.
const maxMessage = 128 << 20
