package node_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"concord/dicom"
	"concord/node"
)

// implicit is one element in Implicit VR Little Endian (PS3.5 7.1.3).
func implicit(tag dicom.Tag, value string) string {
	if len(value)%2 == 1 {
		value += " "
	}
	b := binary.LittleEndian.AppendUint16(nil, tag.Group())
	b = binary.LittleEndian.AppendUint16(b, tag.Element())
	return string(binary.LittleEndian.AppendUint32(b, uint32(len(value)))) + value
}

// items is a sequence of items of known length (PS3.5 7.5.1).
func items(tag dicom.Tag, list ...string) string {
	value := ""
	for _, item := range list {
		value += implicit(0xfffee000, item)
	}
	return implicit(tag, value)
}

// TestEnhancedContrast reads agent and phases where enhanced CT has them.
func TestEnhancedContrast(t *testing.T) {
	frame := func(phase string) string {
		return items(dicom.ContrastBolusUsageSequence, implicit(dicom.ContrastBolusAgentPhase, phase))
	}
	raw := implicit(dicom.Modality, "CT") +
		items(dicom.ContrastBolusAgentSequence, implicit(dicom.CodeMeaning, "Iohexol")) +
		items(dicom.PerFrameFunctionalGroupsSequence, frame("ARTERIAL"), frame("ARTERIAL"), frame("PORTAL_VENOUS"))
	o, err := dicom.ScanDataSet(bytes.NewReader([]byte(raw)), int64(len(raw)), dicom.ImplicitVRLittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	h := node.HeaderOf(o)
	if h.ContrastAgent != "Iohexol" || !slices.Equal(h.ContrastPhases, []string{"ARTERIAL", "PORTAL_VENOUS"}) {
		t.Errorf("agent %q, phases %q", h.ContrastAgent, h.ContrastPhases)
	}
}
