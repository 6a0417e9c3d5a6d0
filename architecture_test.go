// Package concord_test keeps the architecture: which package may import which.
package concord_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "concord"

// mayImport is the import table: for each package, the packages of Concord that its code (tests aside) may import.
// The commands below cmd and bench only wire, and may import everything.
var mayImport = map[string][]string{
	"dicom":             {},
	"dicom/pdu":         {},
	"dicom/ae":          {"dicom", "dicom/pdu"},
	"dicom/pixel":       {"dicom", "dicom/pixel/codec"},
	"dicom/pixel/codec": {},
	"dicom/sr":          {"dicom"},
	// Synthetic studies for demonstration, load and tests.
	"dicom/phantom": {"dicom"},
	// Free addresses for peers of tests and of the demonstration.
	"loopback":         {},
	"hl7":              {},
	"hl7/mllp":         {"hl7"},
	"inference":        {},
	"inference/onnx":   {"inference"},
	"inference/kserve": {"inference", "inference/kserve/protocol"},
	"inference/packs":  {"inference"},
	// Figures, intervals and fits of a pack, apart from whatever answered.
	"inference/evaluation": {},
	// Generated from the interface of the open inference protocol.
	"inference/kserve/protocol": {},
	"config":                    {},
	"node":                      {"dicom", "dicom/pixel", "dicom/sr", "hl7", "inference", "node/report"},
	"node/audit":                {},
	"node/report":               {},
	"node/store":                {"node"},
	"node/console":              {"node"},
}

// violations says what is wrong with package pkg importing imports, all relative to the module.
func violations(pkg string, imports []string) []string {
	if strings.HasPrefix(pkg, "cmd/") || strings.HasPrefix(pkg, "bench/") {
		return nil
	}
	allowed, known := mayImport[pkg]
	if !known {
		return []string{fmt.Sprintf("package %s is not in the import table; put its code into a package that is there, "+
			"or give it a row in architecture_test.go and say in the commit why it has to exist", pkg)}
	}
	var wrong []string
	for _, imported := range imports {
		if !slices.Contains(allowed, imported) {
			wrong = append(wrong, fmt.Sprintf("%s imports %s, and may import only %v; declare what it needs as an interface or a "+
				"type of its own, and let cmd/concord join the two", pkg, imported, allowed))
		}
	}
	return wrong
}

func TestImportTable(t *testing.T) {
	found := importsOfModule(t)
	if len(found) == 0 {
		t.Fatal("no package found")
	}
	for pkg, imports := range found {
		for _, wrong := range violations(pkg, imports) {
			t.Error(wrong)
		}
	}
}

// importsOfModule returns the packages of this module with the packages of this module that each imports.
func importsOfModule(t *testing.T) map[string][]string {
	found := map[string][]string{}
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if skipped(file, entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		pkg := path.Dir(filepath.ToSlash(file))
		imports, err := importsOfFile(file)
		found[pkg] = append(found[pkg], imports...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// skipped tells whether the go command leaves a folder out as well: hidden ones, testdata, other modules.
func skipped(folder, name string) bool {
	if folder == "." {
		return false
	}
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil || name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

func importsOfFile(file string) ([]string, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var imports []string
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		if inside, ok := strings.CutPrefix(imported, module+"/"); ok {
			imports = append(imports, inside)
		}
	}
	return imports, nil
}

// The check itself finds what it is there for.
func TestViolations(t *testing.T) {
	tests := []struct {
		pkg     string
		imports []string
		wrong   int
	}{
		{"dicom/ae", []string{"dicom", "dicom/pdu"}, 0},
		{"dicom", []string{"dicom/ae"}, 1},
		{"hl7", []string{"config", "node"}, 2},
		{"node", []string{"dicom/sr", "node/store"}, 1},
		{"util", nil, 1},
		{"cmd/concord", []string{"node", "config", "dicom/ae"}, 0},
	}
	for _, tt := range tests {
		if got := violations(tt.pkg, tt.imports); len(got) != tt.wrong {
			t.Errorf("%s importing %v: got %q, want %d violations", tt.pkg, tt.imports, got, tt.wrong)
		}
	}
}

// The table allows no cycles: the compiler would refuse them only once somebody made one.
func TestTableHasNoCycles(t *testing.T) {
	var visit func(pkg string, above []string)
	visit = func(pkg string, above []string) {
		if slices.Contains(above, pkg) {
			t.Errorf("cycle: %v", append(above, pkg))
			return
		}
		for _, imported := range mayImport[pkg] {
			if _, known := mayImport[imported]; !known {
				t.Errorf("%s may import %s, which has no row", pkg, imported)
			}
			visit(imported, append(slices.Clone(above), pkg))
		}
	}
	for pkg := range mayImport {
		visit(pkg, nil)
	}
}
