package phantom

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"

	"concord/dicom"
)

const ctImage = "1.2.840.10008.5.1.4.1.1.2"

// Attributes of the images that nothing else in Concord reads.
const (
	imageType                  dicom.Tag = 0x00080008
	referringPhysicianName     dicom.Tag = 0x00080090
	acquisitionContextSequence dicom.Tag = 0x00400555
	containerIdentifier        dicom.Tag = 0x00400512
	issuerOfContainer          dicom.Tag = 0x00400513
	containerTypeCode          dicom.Tag = 0x00400518
	specimenDescription        dicom.Tag = 0x00400560
	specimenIdentifier         dicom.Tag = 0x00400551
	specimenUID                dicom.Tag = 0x00400554
	issuerOfSpecimen           dicom.Tag = 0x00400562
	specimenPreparation        dicom.Tag = 0x00400610
	positionReference          dicom.Tag = 0x00201040
	studyID                    dicom.Tag = 0x00200010
	ultrasoundColorPresent     dicom.Tag = 0x00280014
)

// Every study was made on this day, so that its age is known.
const studyDate, studyTime = "20260105", "093000"

// object is one image that is being described.
type object struct {
	key      string // of the study
	index    int    // from 0
	elements []dicom.Element
}

func (o *object) put(tag dicom.Tag, vr dicom.VR, value string) {
	o.elements = append(o.elements, dicom.Element{Tag: tag, VR: vr, Value: value})
}

func (o *object) number(tag dicom.Tag, value int) {
	o.elements = append(o.elements, dicom.Element{Tag: tag, VR: dicom.US, Number: uint16(value)})
}

func (o *object) sequence(tag dicom.Tag, items ...[]dicom.Element) {
	o.elements = append(o.elements, dicom.Element{Tag: tag, VR: dicom.SQ, Items: items})
}

// uid names a part of a study.
func uid(key string, parts ...string) string {
	return dicom.DeriveUID(append([]string{"phantom", key}, parts...)...)
}

// encode writes picture number index of the study as a Part 10 file in Explicit VR Little Endian.
func encode(s *Study, k kind, key string, index int, p picture) Object {
	instance := uid(key, "image", strconv.Itoa(index))
	o := &object{key: key, index: index}
	o.identity(s, k, instance)
	k.attributes(o)
	o.pixels(k, p)
	slices.SortFunc(o.elements, func(a, b dicom.Element) int { return cmp.Compare(a.Tag, b.Tag) })
	var file bytes.Buffer
	meta := dicom.Meta{SOPClassUID: k.class, SOPInstanceUID: instance, TransferSyntax: dicom.ExplicitVRLittleEndian}
	if _, err := dicom.WriteMeta(&file, meta); err != nil {
		panic(err) // the UIDs above are short
	}
	file.Write(dicom.AppendDataSet(nil, true, o.elements...))
	return Object{SOPInstanceUID: instance, Bytes: file.Bytes()}
}

// identity is the patient, study, series and equipment (PS3.3 C.7.1 to C.7.5).
func (o *object) identity(s *Study, k kind, instance string) {
	o.put(dicom.SpecificCharacterSet, dicom.CS, "ISO_IR 192")
	o.put(dicom.SOPClassUID, dicom.UI, k.class)
	o.put(dicom.SOPInstanceUID, dicom.UI, instance)
	for _, day := range []dicom.Tag{dicom.StudyDate, dicom.SeriesDate, dicom.ContentDate} {
		o.put(day, dicom.DA, studyDate)
	}
	for _, at := range []dicom.Tag{dicom.StudyTime, dicom.SeriesTime, dicom.ContentTime} {
		o.put(at, dicom.TM, studyTime)
	}
	o.put(dicom.AccessionNumber, dicom.SH, s.Accession)
	o.put(dicom.Modality, dicom.CS, k.modality)
	o.put(dicom.Manufacturer, dicom.LO, "Concord")
	o.put(dicom.ManufacturerModelName, dicom.LO, "Phantom")
	o.put(dicom.DeviceSerialNumber, dicom.LO, "1")
	o.put(dicom.SoftwareVersions, dicom.LO, dicom.ImplementationVersionName)
	o.put(referringPhysicianName, dicom.PN, "")
	o.put(dicom.StudyDescription, dicom.LO, k.description)
	o.put(dicom.SeriesDescription, dicom.LO, k.description)
	o.put(dicom.PatientName, dicom.PN, s.Patient.Name)
	o.put(dicom.PatientID, dicom.LO, s.Patient.ID)
	o.put(dicom.PatientBirthDate, dicom.DA, s.Patient.Born)
	o.put(dicom.PatientSex, dicom.CS, s.Patient.Sex)
	o.put(dicom.BodyPartExamined, dicom.CS, k.bodyPart)
	o.put(dicom.StudyInstanceUID, dicom.UI, s.UID)
	o.put(dicom.SeriesInstanceUID, dicom.UI, uid(o.key, "series"))
	o.put(studyID, dicom.SH, strconv.Itoa(s.Number))
	o.put(dicom.SeriesNumber, dicom.IS, "1")
	o.put(dicom.InstanceNumber, dicom.IS, strconv.Itoa(o.index+1))
	o.put(dicom.BurnedInAnnotation, dicom.CS, "NO")
}

// pixels is the Image Pixel module (PS3.3 C.7.6.3): 12 bits unsigned, CT 16 bits signed, colours 3 × 8 bits.
func (o *object) pixels(k kind, p picture) {
	o.number(dicom.Rows, p.height)
	o.number(dicom.Columns, p.width)
	if p.color != nil {
		o.number(dicom.SamplesPerPixel, 3)
		o.number(dicom.PlanarConfiguration, 0)
		o.put(dicom.PhotometricInterpretation, dicom.CS, "RGB")
		o.depth(8, 8, 0)
		o.put(dicom.PixelDataTag, dicom.OB, string(p.bytes()))
		return
	}
	o.number(dicom.SamplesPerPixel, 1)
	o.put(dicom.PhotometricInterpretation, dicom.CS, "MONOCHROME2")
	if k.class == ctImage {
		o.depth(16, 16, 1)
	} else {
		o.depth(16, 12, 0)
	}
	o.put(dicom.WindowCenter, dicom.DS, k.windowCenter)
	o.put(dicom.WindowWidth, dicom.DS, k.windowWidth)
	o.put(dicom.PixelDataTag, dicom.OW, string(p.bytes()))
}

func (o *object) depth(allocated, stored, signed int) {
	o.number(dicom.BitsAllocated, allocated)
	o.number(dicom.BitsStored, stored)
	o.number(dicom.HighBit, stored-1)
	o.number(dicom.PixelRepresentation, signed)
}

// bytes are the samples: 16 bits little endian, or 8 bits by pixel.
func (p picture) bytes() (b []byte) {
	for _, v := range p.grey {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(math.Round(v))))
	}
	for _, color := range p.color {
		for _, v := range color {
			b = append(b, byte(255*min(max(v, 0), 1)+0.5))
		}
	}
	return b
}

// chestAttributes are those of the CR image (PS3.3 A.2).
func chestAttributes(o *object) {
	o.put(imageType, dicom.CS, `ORIGINAL\PRIMARY`)
	o.put(dicom.ViewPosition, dicom.CS, "PA")
	o.put(dicom.PatientOrientation, dicom.CS, `L\F`)
	o.put(dicom.ImagerPixelSpacing, dicom.DS, `0.5\0.5`)
}

// ctAttributes are those of the CT image (PS3.3 A.3): axial slices from the feet up.
func ctAttributes(o *object) {
	const spacing, thickness = 1.0, 8
	o.put(imageType, dicom.CS, `ORIGINAL\PRIMARY\AXIAL`)
	o.put(dicom.PatientPosition, dicom.CS, "HFS")
	o.put(dicom.KVP, dicom.DS, "120")
	o.put(dicom.SliceThickness, dicom.DS, strconv.Itoa(thickness))
	o.put(dicom.AcquisitionNumber, dicom.IS, "1")
	o.put(dicom.FrameOfReferenceUID, dicom.UI, uid(o.key, "frame of reference"))
	o.put(positionReference, dicom.LO, "")
	o.put(dicom.ImagePositionPatient, dicom.DS, fmt.Sprintf(`-192\-192\%d`, o.index*thickness))
	o.put(dicom.ImageOrientationPatient, dicom.DS, `1\0\0\0\1\0`)
	o.put(dicom.PixelSpacing, dicom.DS, fmt.Sprintf(`%g\%g`, spacing, spacing))
	o.put(dicom.RescaleIntercept, dicom.DS, "0")
	o.put(dicom.RescaleSlope, dicom.DS, "1")
	o.put(dicom.RescaleType, dicom.LO, "HU")
}

// ultrasoundAttributes are those of the US image (PS3.3 A.6).
func ultrasoundAttributes(o *object) {
	o.put(imageType, dicom.CS, `ORIGINAL\PRIMARY\ABDOMINAL\0001`)
	o.put(dicom.PatientOrientation, dicom.CS, "")
	o.put(dicom.LossyImageCompression, dicom.CS, "00")
	o.number(ultrasoundColorPresent, 0)
}

// visibleAttributes are those of the visible light images (PS3.3 A.32).
func visibleAttributes(o *object) {
	o.put(imageType, dicom.CS, `ORIGINAL\PRIMARY`)
	o.put(dicom.PatientOrientation, dicom.CS, "")
	o.put(dicom.LossyImageCompression, dicom.CS, "00")
	o.sequence(acquisitionContextSequence)
}

// microscopyAttributes add the specimen (PS3.3 C.7.6.22).
func microscopyAttributes(o *object) {
	visibleAttributes(o)
	o.put(containerIdentifier, dicom.LO, "SLIDE-"+o.key)
	o.sequence(issuerOfContainer)
	o.sequence(containerTypeCode)
	o.sequence(specimenDescription, []dicom.Element{
		{Tag: specimenIdentifier, VR: dicom.LO, Value: "SPECIMEN-" + o.key},
		{Tag: specimenUID, VR: dicom.UI, Value: uid(o.key, "specimen")},
		{Tag: issuerOfSpecimen, VR: dicom.SQ},
		{Tag: specimenPreparation, VR: dicom.SQ},
	})
}
