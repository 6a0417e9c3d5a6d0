package dicom

import (
	"strings"
	"testing"

	grailuid "github.com/grailbio/go-dicom/dicomuid"
	suyashtag "github.com/suyashkumar/dicom/pkg/tag"
	suyashuid "github.com/suyashkumar/dicom/pkg/uid"
)

func TestTransferSyntaxes(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range TransferSyntaxes() {
		if seen[s.UID] || !ValidUID(s.UID) || s.Name == "" {
			t.Errorf("row %+v", s)
		}
		seen[s.UID] = true
		if got, ok := LookupTransferSyntax(s.UID); !ok || got != s {
			t.Errorf("lookup of %s gives %+v", s.UID, got)
		}
		if s.Video && !s.Encapsulated || s.Implicit && s.Encapsulated {
			t.Errorf("%s cannot be laid out so", s.Name)
		}
		if strings.HasPrefix(s.UID, "1.2.840.10008.1.2.4.") && !strings.Contains(s.Name, "JPIP") && !s.Encapsulated {
			t.Errorf("%s is not encapsulated", s.Name)
		}
	}
	if s, ok := LookupTransferSyntax("1.2.3"); ok || !s.Encapsulated || s.Implicit {
		t.Errorf("an unregistered syntax is %+v", s)
	}
}

// TestUIDsAgainstOthers: the storage classes and transfer syntaxes of our
// tables that another library knows have the same names there.
func TestUIDsAgainstOthers(t *testing.T) {
	for _, c := range StorageSOPClasses() {
		if !ValidUID(c.UID) || !IsStorage(c.UID) || SOPClassName(c.UID) != c.Name || !strings.Contains(c.Name, "Storage") {
			t.Errorf("row %+v", c)
		}
		if other, err := suyashuid.Lookup(c.UID); err == nil && plainName(other.Name) != plainName(c.Name) {
			t.Errorf("%s is %q, elsewhere %q", c.UID, c.Name, other.Name)
		}
		if other, err := grailuid.Lookup(c.UID); err == nil && plainName(other.Name) != plainName(c.Name) {
			t.Errorf("%s is %q, elsewhere %q", c.UID, c.Name, other.Name)
		}
	}
	for _, s := range TransferSyntaxes() {
		if other, err := suyashuid.Lookup(s.UID); err == nil && !strings.HasPrefix(plainName(other.Name), plainName(s.Name)) &&
			s.UID != JPEGLosslessSV1 {
			t.Errorf("%s is %q, elsewhere %q", s.UID, s.Name, other.Name)
		}
	}
	if IsStorage(VerificationSOPClass) || IsStorage(ExplicitVRLittleEndian) || SOPClassName("1.2.3") != "1.2.3" {
		t.Error("IsStorage takes what is no storage class")
	}
}

// plainName drops what differs between editions of the standard: case, notes in
// brackets, hyphens and the word "SOP Class".
func plainName(s string) string {
	s, _, _ = strings.Cut(strings.ToLower(s), " (retired")
	return strings.NewReplacer(" sop class", "", "-", "", " ", "", "&", "and", "/", "").Replace(s)
}

// TestDictionaryAgainstOthers compares the VR of every tag that
// suyashkumar/dicom knows, and so all our tag constants' values.
func TestDictionaryAgainstOthers(t *testing.T) {
	compared := 0
	for tag, vr := range dictionary() {
		info, err := suyashtag.Find(suyashtag.Tag{Group: tag.Group(), Element: tag.Element()})
		if err != nil || tag.Group() == 0x28 && tag.Element() >= 0x0400 && tag.Element() <= 0x0403 {
			continue // retired twice, with two meanings
		}
		compared++
		ok := false
		for _, other := range info.VRs {
			ok = ok || other == vr.String()
		}
		if !ok {
			t.Errorf("%v is %v, elsewhere %v", tag, vr, info.VRs)
		}
	}
	if compared < 5000 {
		t.Errorf("only %d tags were compared", compared)
	}
	for tag, want := range map[Tag]VR{
		0x00080000: UL, 0x00090010: LO, 0x00091001: UN, 0x60020010: US, 0x601E3000: OW, PixelDataTag: OW,
		PixelPaddingValue: US, LUTData: OW, 0x00080003: UN, ContentSequence: SQ,
	} {
		if got := dictionaryVR(tag); got != want {
			t.Errorf("%v is %v, want %v", tag, got, want)
		}
	}
}

// TestTagConstants checks keywords against numbers.
func TestTagConstants(t *testing.T) {
	for keyword, tag := range map[string]Tag{
		"PatientID": PatientID, "IssuerOfPatientIDQualifiersSequence": IssuerOfPatientIDQualifiersSequence,
		"AccessionNumber": AccessionNumber, "IssuerOfAccessionNumberSequence": IssuerOfAccessionNumberSequence,
		"StudyInstanceUID": StudyInstanceUID, "SeriesInstanceUID": SeriesInstanceUID, "SOPInstanceUID": SOPInstanceUID,
		"Laterality": Laterality, "ImageLaterality": ImageLaterality, "ViewPosition": ViewPosition,
		"BodyPartExamined": BodyPartExamined, "ContrastBolusAgent": ContrastBolusAgent, "ContrastBolusAgentPhase": ContrastBolusAgentPhase, "Modality": Modality,
		"RequestAttributesSequence": RequestAttributesSequence, "RequestedProcedureID": RequestedProcedureID,
		"PlacerOrderNumberImagingServiceRequest": PlacerOrderNumberImagingServiceRequest,
		"FillerOrderNumberImagingServiceRequest": FillerOrderNumberImagingServiceRequest,
		"SharedFunctionalGroupsSequence":         SharedFunctionalGroupsSequence,
		"PerFrameFunctionalGroupsSequence":       PerFrameFunctionalGroupsSequence,
		"FrameVOILUTSequence":                    FrameVOILUTSequence, "PixelValueTransformationSequence": PixelValueTransformationSequence,
		"WindowCenter": WindowCenter, "VOILUTFunction": VOILUTFunction, "PresentationLUTShape": PresentationLUTShape,
		"PixelPaddingValue": PixelPaddingValue, "PixelData": PixelDataTag, "ContentSequence": ContentSequence,
	} {
		info, err := suyashtag.FindByKeyword(keyword)
		if err != nil {
			t.Errorf("%s: %v", keyword, err)
			continue
		}
		if want := Tag(info.Tag.Group)<<16 | Tag(info.Tag.Element); tag != want {
			t.Errorf("%s is %v, want %v", keyword, tag, want)
		}
	}
	if got := PatientID.String(); got != "(0010,0020)" {
		t.Errorf("patient ID prints as %s", got)
	}
}
