package node_test

import (
	"bytes"
	"fmt"
	"testing"

	"concord/dicom"
	"concord/node"
)

// What a C-STORE brought is told once it is durable, and not when it is refused.
func TestStoredIsTold(t *testing.T) {
	h := newHarness(t, nil)
	var told []string
	receive := func(i image, class string) error {
		return h.node.ReceiveObject(t.Context(), node.Incoming{Caller: "PACS", SOPClassUID: class, SOPInstanceUID: i.uid,
			TransferSyntax: dicom.ExplicitVRLittleEndian, Stored: func(o *node.Object, held bool) {
				if !held {
					file, err := h.node.Objects.Open(o.Path)
					if err != nil {
						t.Errorf("told before it was durable: %v", err)
						return
					}
					file.Close()
				}
				told = append(told, fmt.Sprintf("%s of %s, held %t", o.Header.StudyUID, o.Header.Patient.ID, held))
			}}, bytes.NewReader(i.dataSet()))
	}
	first := chest(study1, "A1")
	other := first
	other.pixel = 1 // put aside: not what was there
	for _, i := range []image{first, first, other} {
		if err := receive(i, crStorage); err != nil {
			t.Fatal(err)
		}
	}
	if err := receive(first, "1.2.840.10008.5.1.4.1.1.2"); err == nil {
		t.Error("another SOP class was stored")
	}
	want := []string{study1 + " of P1, held false", study1 + " of P1, held true", study1 + " of P1, held false"}
	if fmt.Sprint(told) != fmt.Sprint(want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
