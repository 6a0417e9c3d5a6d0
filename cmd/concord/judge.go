package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"concord/dicom"
	"concord/hl7"
	"concord/inference"
	"concord/node"
)

type judgeCommand struct {
	configFlags
	Report string   `help:"Report: an HL7 message (.hl7) or plain text (.txt)." required:"" type:"existingfile"`
	Images []string `arg:"" help:"DICOM files of the study." type:"existingfile"`
	JSON   bool     `help:"Print the case as JSON."`
}

// Run judges each report of the file against the images.
func (j judgeCommand) Run(ctx context.Context) error {
	c, err := j.load()
	if err != nil {
		return err
	}
	reports, err := readReports(j.Report, c.HL7.DefaultCharset, mappingOf(c.HL7.Mapping))
	if err != nil {
		return err
	}
	objects, err := readObjects(j.Images)
	if err != nil {
		return err
	}
	model, _, err := openModel(ctx, c)
	if err != nil {
		return err
	}
	judge, err := newJudge(c, inference.NewLive(model))
	if err != nil {
		return err
	}
	judge.Open = openFile
	for i := range reports {
		judgement, err := judge.Judge(ctx, &reports[i], objects)
		if err != nil {
			return err
		}
		if err := j.print(caseOf(&reports[i], objects, judgement)); err != nil {
			return err
		}
	}
	return nil
}

// readReports reads the reports of an HL7 message, or a text file as one report.
func readReports(path, charset string, mapping hl7.Mapping) ([]hl7.Report, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(filepath.Ext(path), ".txt") {
		return []hl7.Report{{Status: "F", Blocks: []hl7.Block{{Text: string(raw)}}}}, nil
	}
	m, err := hl7.Parse(raw, hl7.Options{DefaultCharset: charset})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	reports, err := hl7.Reports(m, mapping)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(reports) == 0 {
		return nil, fmt.Errorf("%s holds no report text; give an ORU^R01 or MDM message with OBX text", path)
	}
	return reports, nil
}

func readObjects(paths []string) (objects []node.Object, err error) {
	for _, path := range paths {
		o, err := readObject(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		objects = append(objects, *o)
	}
	return objects, nil
}

func readObject(path string) (*node.Object, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	scanned, err := dicom.Scan(f, f.Size())
	if err != nil {
		return nil, err
	}
	o := node.ObjectOf(scanned, f.Size(), "")
	o.Path = path
	return o, nil
}

func caseOf(r *hl7.Report, objects []node.Object, j *node.Judgement) *node.Case {
	h := &objects[0].Header
	now := time.Now()
	return &node.Case{Revision: 1, State: node.Judged, StudyUID: h.StudyUID, Accession: h.Accession, Modality: h.Modality,
		Report: r, Statements: j.Statements, Flags: j.Flags, Pack: j.Pack, CreatedAt: now, UpdatedAt: now}
}

func (j judgeCommand) print(c *node.Case) error {
	if j.JSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(c)
	}
	for _, s := range c.Statements {
		fmt.Printf("%3d  ¶%-3d %-10s %3.0f %%  %s", s.N, s.Paragraph, s.Verdict, 100*s.Confidence, s.Text)
		if s.Reason != "" {
			fmt.Printf("  (%s)", s.Reason)
		}
		fmt.Println()
	}
	for _, f := range c.Flags {
		fmt.Printf("%s %s %s: %s\n", strings.ToUpper(string(f.Severity)), f.Code, f.Rule, f.Text)
	}
	if len(c.Flags) == 0 {
		fmt.Println("no flags")
	}
	return nil
}
