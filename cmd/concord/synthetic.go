package main

import (
	"bytes"
	"encoding/binary"
	"strings"

	"concord/dicom"
)

// The doctor's case: a grey ramp that claims to be a chest X-ray of nobody.
const (
	syntheticSide  = 256
	syntheticStudy = "2.25.281474976710657.1"
	crStorage      = "1.2.840.10008.5.1.4.1.1.1"
)

// syntheticObject is a Part 10 file, explicit VR little endian (PS3.5 7.1.2).
func syntheticObject() (*bytes.Reader, error) {
	uid := syntheticStudy + ".1.1"
	var file bytes.Buffer
	_, err := dicom.WriteMeta(&file, dicom.Meta{SOPClassUID: crStorage, SOPInstanceUID: uid,
		TransferSyntax: dicom.ExplicitVRLittleEndian, SourceAE: "DOCTOR"})
	if err != nil {
		return nil, err
	}
	us := func(n uint16) string { return string(binary.LittleEndian.AppendUint16(nil, n)) }
	for _, e := range []struct {
		tag       dicom.Tag
		vr, value string
	}{
		{dicom.SOPClassUID, "UI", crStorage}, {dicom.SOPInstanceUID, "UI", uid},
		{dicom.StudyDate, "DA", "20260101"}, {dicom.AccessionNumber, "SH", "DOCTOR1"}, {dicom.Modality, "CS", "CR"},
		{dicom.PatientName, "PN", "DOCTOR^TEST"}, {dicom.PatientID, "LO", "DOCTOR"}, {dicom.PatientSex, "CS", "O"},
		{dicom.BodyPartExamined, "CS", "CHEST"},
		{dicom.StudyInstanceUID, "UI", syntheticStudy}, {dicom.SeriesInstanceUID, "UI", syntheticStudy + ".1"},
		{dicom.SeriesNumber, "IS", "1"}, {dicom.InstanceNumber, "IS", "1"},
		{dicom.SamplesPerPixel, "US", us(1)}, {dicom.PhotometricInterpretation, "CS", "MONOCHROME2"},
		{dicom.Rows, "US", us(syntheticSide)}, {dicom.Columns, "US", us(syntheticSide)},
		{dicom.BitsAllocated, "US", us(8)}, {dicom.BitsStored, "US", us(8)}, {dicom.HighBit, "US", us(7)},
		{dicom.PixelRepresentation, "US", us(0)},
	} {
		writeElement(&file, e.tag, e.vr, e.value)
	}
	file.WriteString("\xe0\x7f\x10\x00OB\x00\x00")
	file.Write(binary.LittleEndian.AppendUint32(nil, syntheticSide*syntheticSide))
	for y := range syntheticSide {
		for x := range syntheticSide {
			file.WriteByte(byte((x + y) / 2))
		}
	}
	return bytes.NewReader(file.Bytes()), nil
}

// writeElement writes an element with a 16-bit length, padded to even length:
// UIDs with NUL, text with a blank.
func writeElement(w *bytes.Buffer, tag dicom.Tag, vr, value string) {
	if len(value)%2 == 1 {
		value += map[bool]string{true: "\x00", false: " "}[vr == "UI"]
	}
	head := binary.LittleEndian.AppendUint16(nil, tag.Group())
	head = append(binary.LittleEndian.AppendUint16(head, tag.Element()), vr...)
	w.Write(binary.LittleEndian.AppendUint16(head, uint16(len(value))))
	w.WriteString(value)
}

func syntheticMessage() []byte {
	return []byte(strings.Join([]string{
		`MSH|^~\&|DOCTOR|DOCTOR|CONCORD||20260101000000||ORU^R01^ORU_R01|DOCTOR1|P|2.5.1`,
		`PID|1||DOCTOR||DOCTOR^TEST`,
		`OBR|1||DOCTOR1|CHEST^Chest X-ray^L||||||||||||||DOCTOR1|||||||CR|F`,
		`OBX|1|ST|113014^DICOM Study^DCM||` + syntheticStudy + `||||||F`,
		`OBX|2|TX|CHEST&GDT^Chest X-ray^L||Chest radiograph.||||||F`,
		`OBX|3|TX|CHEST&IMP^Chest X-ray^L||No pneumothorax.||||||F`,
	}, "\r") + "\r")
}
