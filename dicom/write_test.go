package dicom

import (
	"bytes"
	"testing"
)

// What is written reads back, in both encodings.
func TestAppendDataSet(t *testing.T) {
	elements := []Element{
		{Tag: QueryRetrieveLevel, VR: CS, Value: "STUDY"}, {Tag: TransactionUID, VR: UI, Value: "1.2.3"},
		{Tag: FailedSOPSequence, VR: SQ, Items: [][]Element{
			{{Tag: ReferencedSOPInstanceUID, VR: UI, Value: "1.2.4"}, {Tag: FailureReason, VR: US, Number: 0x0112}},
			{{Tag: ReferencedSOPInstanceUID, VR: UI, Value: "1.2.55"}},
		}},
	}
	for syntax, explicit := range map[string]bool{ImplicitVRLittleEndian: false, ExplicitVRLittleEndian: true} {
		b := AppendDataSet(nil, explicit, elements...)
		o, err := ScanDataSet(bytes.NewReader(b), int64(len(b)), syntax)
		if err != nil {
			t.Fatal(err)
		}
		items := o.Items(FailedSOPSequence)
		if o.String(QueryRetrieveLevel) != "STUDY" || o.String(TransactionUID) != "1.2.3" || len(items) != 2 {
			t.Fatalf("explicit %v: read %d items of % X", explicit, len(items), b)
		}
		reason, ok := items[0].Int(FailureReason)
		if !ok || reason != 0x0112 || items[0].String(ReferencedSOPInstanceUID) != "1.2.4" || items[1].String(ReferencedSOPInstanceUID) != "1.2.55" {
			t.Errorf("explicit %v: other items", explicit)
		}
	}
}
