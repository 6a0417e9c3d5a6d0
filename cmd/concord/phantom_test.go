package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"concord/hl7"
)

// What phantom writes reads back: its messages as reports of its studies, its pairs as eval's.
func TestPhantomWritesWhatOthersRead(t *testing.T) {
	out := filepath.Join(t.TempDir(), "phantoms")
	if err := (phantomCommand{Out: out, Number: 2, Seed: 9}).Run(); err != nil {
		t.Fatal(err)
	}
	pairs, err := readPairs(filepath.Join(out, "pairs.tsv"))
	if err != nil || len(pairs) < 14 {
		t.Fatalf("%d pairs, %v", len(pairs), err)
	}
	for _, p := range pairs {
		if _, err := os.Stat(p.Picture); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
	var truth struct {
		Accession string `json:"accession"`
		UID       string `json:"study_uid"`
	}
	text, err := os.ReadFile(filepath.Join(out, "0001-chest", "truth.json"))
	if err != nil || json.Unmarshal(text, &truth) != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"right-en", "wrong-zh"} {
		reports, err := readReports(filepath.Join(out, "0001-chest", name+".hl7"), "", hl7.Mapping{})
		if err != nil || len(reports) != 1 {
			t.Fatalf("%s: %d reports, %v", name, len(reports), err)
		}
		r := reports[0]
		if r.Accession != truth.Accession || len(r.StudyUIDs) != 1 || r.StudyUIDs[0] != truth.UID {
			t.Errorf("%s: accession %q, study %v; want %+v", name, r.Accession, r.StudyUIDs, truth)
		}
		if plain, err := os.ReadFile(filepath.Join(out, "0001-chest", name+".txt")); err != nil || strings.Count(string(plain), "\n") != 6 {
			t.Errorf("%s.txt: %v\n%s", name, err, plain)
		}
	}
}

func TestPhantomKeepsWhatIsThere(t *testing.T) {
	if err := (phantomCommand{Out: t.TempDir() + "/..", Number: 1}).Run(); err == nil {
		t.Error("a folder with files in it must be refused")
	}
}
