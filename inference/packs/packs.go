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

// Builtin is the built-in pack, for inference.Open.
func Builtin() fs.FS {
	pack, err := fs.Sub(files, "builtin")
	if err != nil {
		panic(err) // the name above is no path
	}
	return pack
}
