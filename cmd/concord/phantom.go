package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"concord/dicom/phantom"
	"concord/hl7"
)

type phantomCommand struct {
	Out    string `help:"Folder to write into; it must be new or empty." required:"" type:"path"`
	Number int    `short:"n" help:"How many studies; the kinds follow each other." default:"6"`
	Seed   uint64 `help:"Another seed gives other studies." default:"1"`
}

// Run writes a folder for each study, with its objects, its reports as text and as HL7, and its truth, and for
// all of them pairs.tsv as `concord eval` reads it.
func (p phantomCommand) Run() error {
	if p.Number < 1 || p.Number > 100_000 {
		return fmt.Errorf("-n is %d; ask for 1 to 100,000 studies", p.Number)
	}
	if entries, err := os.ReadDir(p.Out); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty; name a new folder", p.Out)
	}
	pairs := []string{"image\tstatement\tlabel\tcategory\tlanguage"}
	for number := 1; number <= p.Number; number++ {
		study := phantom.Make(p.Seed, number)
		folder := fmt.Sprintf("%04d-%s", number, study.Kind)
		if err := writeStudy(filepath.Join(p.Out, folder), study); err != nil {
			return err
		}
		pairs = append(pairs, pairsOf(folder, study)...)
	}
	if err := os.WriteFile(filepath.Join(p.Out, "pairs.tsv"), []byte(strings.Join(pairs, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	fmt.Printf("wrote %d studies and pairs.tsv to %s; truth.json in each folder says what was planted\n", p.Number, p.Out)
	return nil
}

func imageFile(index int) string { return fmt.Sprintf("%03d.dcm", index+1) }

func writeStudy(folder string, s *phantom.Study) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	truth, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	files := map[string][]byte{"truth.json": append(truth, '\n')}
	for i, object := range s.Objects {
		files[imageFile(i)] = object.Bytes
	}
	for _, r := range s.Reports {
		name := map[bool]string{true: "right", false: "wrong"}[r.Fault == ""] + "-" + r.Language
		files[name+".txt"] = []byte(textOf(r, "\n") + "\n")
		files[name+".hl7"] = []byte(messageOf(s, r, name))
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func textOf(r phantom.Report, lineBreak string) string {
	lines := []string{map[string]string{"en": "FINDINGS:", "zh": "影像所见："}[r.Language]}
	for _, statement := range r.Statements {
		lines = append(lines, statement.Text)
	}
	return strings.Join(lines, lineBreak)
}

// messageOf is the report as an ORU^R01 with a row of text a line (HL7 v2.5.1, 7.3.1).
func messageOf(s *phantom.Study, r phantom.Report, name string) string {
	escaped := func(text string) string { return hl7.Escape(text, hl7.StandardDelimiters, " ") }
	segments := []string{
		fmt.Sprintf(`MSH|^~\&|RIS|HOSPITAL|CONCORD|HOSPITAL|20260105100000||ORU^R01^ORU_R01|%s-%s|P|2.5.1||||||UNICODE UTF-8`, s.Accession, name),
		fmt.Sprintf("PID|1||%s||%s||%s|%s", escaped(s.Patient.ID), s.Patient.Name, s.Patient.Born, s.Patient.Sex),
		fmt.Sprintf("ORC|RE||%s", s.Accession),
		fmt.Sprintf("OBR|1||%s|%s^%s|||20260105093000|||||||||||%s||||||%s|F", s.Accession, strings.ToUpper(s.Kind), s.Kind, s.Accession, s.Modality),
		fmt.Sprintf("OBX|1|ST|113014^DICOM Study^DCM||%s||||||F", s.UID),
	}
	for i, line := range strings.Split(textOf(r, "\n"), "\n") {
		segments = append(segments, fmt.Sprintf("OBX|%d|TX|&GDT||%s||||||F", i+2, escaped(line)))
	}
	return strings.Join(segments, "\r") + "\r"
}

// pairsOf holds each statement against the picture that shows its finding best.
func pairsOf(folder string, s *phantom.Study) (rows []string) {
	seen := map[string]bool{}
	for _, r := range s.Reports {
		for _, statement := range r.Statements {
			if seen[statement.Text] {
				continue // the wrong report repeats all but one sentence
			}
			seen[statement.Text] = true
			object := len(s.Objects) / 2
			for _, f := range s.Findings {
				if f.Name == statement.About {
					object = f.Object
				}
			}
			label := map[bool]string{true: "yes", false: "no"}[statement.True]
			rows = append(rows, strings.Join([]string{
				folder + "/" + imageFile(object), statement.Text, label, s.Kind + " " + statement.About, r.Language}, "\t"))
		}
	}
	return rows
}
