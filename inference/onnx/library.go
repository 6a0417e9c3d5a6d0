package onnx

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// libraryName is the file of ONNX Runtime on Linux.
const libraryName = "libonnxruntime.so.1"

// LibraryVariable is the environment variable that names the file of ONNX Runtime.
const LibraryVariable = "CONCORD_ONNXRUNTIME"

// findLibrary looks in the variable, beside the executable, in .deps from the current folder upwards; an
// absent file leaves the search to the system's loader.
func findLibrary() string {
	if path := os.Getenv(LibraryVariable); path != "" {
		return path
	}
	var places []string
	if exe, err := os.Executable(); err == nil {
		dir := filepath.Dir(exe)
		places = append(places, filepath.Join(dir, libraryName), filepath.Join(dir, "..", "lib", libraryName),
			filepath.Join(dir, "..", ".deps", "onnxruntime", libraryName))
	}
	if dir, err := os.Getwd(); err == nil {
		for ; ; dir = filepath.Dir(dir) {
			places = append(places, filepath.Join(dir, ".deps", "onnxruntime", libraryName))
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	for _, place := range places {
		if info, err := os.Stat(place); err == nil && info.Mode().IsRegular() {
			return place
		}
	}
	return libraryName
}

// The C library is loaded once in a process; every engine shares it.
var library struct {
	sync.Mutex
	path string // empty: not loaded
}

// loadLibrary loads ONNX Runtime and returns where it came from. A failed try may be repeated. Its own log is
// quiet: every error comes back from the call that met it.
func loadLibrary() (string, error) {
	library.Lock()
	defer library.Unlock()
	if library.path != "" {
		return library.path, nil
	}
	path := findLibrary()
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		return "", fmt.Errorf("onnx: cannot load ONNX Runtime (%s): run make test or make demo once (both fetch it), put %s beside the executable, or set %s to its path: %w",
			path, libraryName, LibraryVariable, err)
	}
	library.path = path
	return path, nil
}
