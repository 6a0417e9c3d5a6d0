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
		files[r.Name+"-"+r.Language+".txt"] = []byte(textOf(r))
		files[r.Name+"-"+r.Language+".hl7"] = messageOf(s, r)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// headings open the sections of a report.
var headings = map[string]map[string]string{
	"en": {phantom.Technique: "TECHNIQUE:", phantom.Findings: "FINDINGS:", phantom.Impression: "IMPRESSION:"},
	"zh": {phantom.Technique: "检查方法：", phantom.Findings: "影像所见：", phantom.Impression: "影像诊断："},
}

// linesOf are the lines of a report, each with its section.
func linesOf(r phantom.Report) (sections, lines []string) {
	for i, s := range r.Statements {
		if i == 0 || r.Statements[i-1].Section != s.Section {
			sections, lines = append(sections, s.Section), append(lines, headings[r.Language][s.Section])
		}
		sections, lines = append(sections, s.Section), append(lines, s.Text)
	}
	return sections, lines
}

func textOf(r phantom.Report) string {
	_, lines := linesOf(r)
	return strings.Join(lines, "\n") + "\n"
}

// messageOf is the report as an ORU^R01 with a row of text a line (HL7 v2.5.1, 7.3.1).
func messageOf(s *phantom.Study, r phantom.Report) []byte {
	escaped := func(text string) string { return hl7.Escape(text, hl7.StandardDelimiters, " ") }
	segments := []string{
		fmt.Sprintf(`MSH|^~\&|RIS|HOSPITAL|CONCORD|HOSPITAL|20260105100000||ORU^R01^ORU_R01|%s-%s-%s|P|2.5.1||||||UNICODE UTF-8`, s.Accession, r.Name, r.Language),
		fmt.Sprintf("PID|1||%s||%s||%s|%s", escaped(s.Patient.ID), s.Patient.Name, s.Patient.Born, s.Patient.Sex),
		fmt.Sprintf("ORC|RE||%s", s.Accession),
		fmt.Sprintf("OBR|1||%s|%s^%s|||20260105093000|||||||||||%s||||||%s|F", s.Accession, strings.ToUpper(s.Kind), s.Kind, s.Accession, s.Modality),
		fmt.Sprintf("OBX|1|ST|113014^DICOM Study^DCM||%s||||||F", s.UID),
	}
	sections, lines := linesOf(r)
	for i, line := range lines {
		part := map[bool]string{true: "IMP", false: "GDT"}[sections[i] == phantom.Impression]
		segments = append(segments, fmt.Sprintf("OBX|%d|TX|&%s||%s||||||F", i+2, part, escaped(line)))
	}
	return []byte(strings.Join(segments, "\r") + "\r")
}

// pairsOf holds each statement against the picture that shows its finding best.
func pairsOf(folder string, s *phantom.Study) (rows []string) {
	seen := map[string]bool{}
	for _, r := range s.Reports {
		for _, statement := range r.Statements {
			if seen[statement.Text] {
				continue // the reports repeat each other
			}
			if statement.About == "sex" || statement.About == "normal" {
				continue // not of the picture, or of all that may be in one
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
