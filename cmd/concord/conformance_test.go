package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"concord/config"
	"concord/dicom"
	"concord/dicom/ae"
)

// What the statement lists as accepted is what the node negotiates.
func TestConformanceSaysWhatIsNegotiated(t *testing.T) {
	c, err := config.Load("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := writeConformance(&text, c); err != nil {
		t.Fatal(err)
	}
	s := startSCP(t, "")
	statement, _, _ := strings.Cut(text.String(), "### 4.4")
	_, statement, _ = strings.Cut(statement, "### 4.3")
	var classes []string
	for line := range strings.Lines(statement) {
		if cells := strings.Split(line, "|"); len(cells) > 4 && strings.Contains(cells[2], ".") {
			classes = append(classes, strings.TrimSpace(cells[2]))
		}
	}
	if len(classes) < 100 {
		t.Fatalf("%d SOP classes are listed", len(classes))
	}
	for part := range slices.Chunk(classes, 128) {
		var proposed []ae.Context
		for _, class := range part {
			proposed = append(proposed, ae.Context{SOPClass: class, TransferSyntaxes: []string{dicom.ExplicitVRLittleEndian}})
		}
		a, err := (&ae.Client{Calling: "TEST", Called: "CONCORD", Address: s.address}).Dial(t.Context(), proposed)
		if err != nil {
			t.Fatal(err)
		}
		for _, class := range part {
			if !a.Accepted(class, dicom.ExplicitVRLittleEndian) {
				t.Errorf("%s is listed and refused", class)
			}
		}
		a.Release(t.Context())
	}
}
