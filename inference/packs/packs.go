// Package packs holds the model packs that come with Concord.
//
// The built-in pack judges facts of the picture: see builtin/CARD.md for what it can and cannot do, and
// training for the code, the data list and the seed that made it. It is not for clinical use.
package packs

import (
	"embed"
	"io/fs"
)

//go:embed builtin
var files embed.FS

//go:embed ofa/*.py
var exporter embed.FS

// builtinDigest is inference.Digest of the built-in pack, which a test holds against its files: a start that
// hashed them would have all of them in memory.
const builtinDigest = "725860bcce14999e1ee48e0000ec2b5def981d334a31c6b0b46fac1d2382f0ca"

// builtin is the built-in pack, whose digest is known.
type builtin struct{ fs.FS }

// Digest implements inference.Digested.
func (builtin) Digest() string { return builtinDigest }

// Builtin is the built-in pack, for inference.Open.
func Builtin() fs.FS {
	pack, err := fs.Sub(files, "builtin")
	if err != nil {
		panic(err) // the name above is no path
	}
	return builtin{pack}
}

// OFAExporter is the Python program export.py, with its modules, that makes a
// pack of an OFA checkpoint. It needs Debian's python3-torch and python3-onnx.
func OFAExporter() fs.FS {
	program, err := fs.Sub(exporter, "ofa")
	if err != nil {
		panic(err) // the name above is no path
	}
	return program
}
