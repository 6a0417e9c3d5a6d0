package sr

import (
	"strconv"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// header holds all modules of the data set but the content tree.
func (d *Document) header() (a attributes) {
	a = append(a, d.patient()...)
	a = append(a, d.study()...)
	a = append(a, d.series()...)
	a = append(a, d.common()...)
	return append(a, d.general()...)
}

// patient is the Patient module (PS3.3 C.7.1.1).
func (d *Document) patient() (a attributes) {
	a.put(tag.PatientName, personName(d.Patient.Name))
	a.put(tag.PatientID, identifier(d.Patient.ID, 64))
	a.optional(tag.IssuerOfPatientID, identifier(d.Patient.Issuer, 64))
	a.put(tag.PatientBirthDate, date(d.Patient.BirthDate))
	sex := d.Patient.Sex
	if sex != "M" && sex != "F" && sex != "O" {
		sex = ""
	}
	a.put(tag.PatientSex, sex)
	return a
}

// study is the General Study module (PS3.3 C.7.2.1).
func (d *Document) study() (a attributes) {
	a.put(tag.StudyInstanceUID, d.Study.UID)
	a.put(tag.StudyDate, date(d.Study.Date))
	a.put(tag.StudyTime, clock(d.Study.Time))
	a.put(tag.StudyID, identifier(d.Study.ID, 16))
	a.put(tag.ReferringPhysicianName, personName(d.Study.ReferringPhysician))
	a.optional(tag.StudyDescription, shortText(d.Study.Description, 64))
	d.accession(&a)
	return a
}

func (d *Document) accession(a *attributes) {
	a.put(tag.AccessionNumber, identifier(d.Study.Accession, 16))
	if issuer := d.Study.AccessionIssuer.attributes(); len(issuer) > 0 {
		a.sequence(tag.IssuerOfAccessionNumberSequence, issuer)
	}
}

// attributes of the HL7v2 Hierarchic Designator Macro (PS3.3 Table 10-17): the
// universal ID and its type only together.
func (i Issuer) attributes() (a attributes) {
	a.optional(tag.LocalNamespaceEntityID, unlimitedText(i.Namespace))
	id, kind := unlimitedText(i.UniversalID), codeString(i.UniversalIDType)
	if id != "" && kind != "" {
		a.put(tag.UniversalEntityID, id)
		a.put(tag.UniversalEntityIDType, kind)
	}
	return a
}

// series holds the SR Document Series module (PS3.3 C.17.1) and the equipment
// (PS3.3 C.7.5.1, C.7.5.2).
func (d *Document) series() (a attributes) {
	a.put(tag.Modality, "SR")
	a.put(tag.SeriesInstanceUID, d.SeriesUID)
	a.put(tag.SeriesNumber, seriesNumber)
	a.put(tag.SeriesDescription, seriesDescription)
	a.sequence(tag.ReferencedPerformedProcedureStepSequence)
	a.put(tag.Manufacturer, shortText(d.Device.Manufacturer, 64))
	a.put(tag.ManufacturerModelName, shortText(d.Device.Model, 64))
	a.put(tag.DeviceSerialNumber, shortText(d.Device.Serial, 64))
	a.put(tag.SoftwareVersions, shortText(d.Device.Software, 64))
	a.put(tag.StationName, shortText(d.Device.Name, 16))
	return a
}

// common is the SOP Common module (PS3.3 C.12.1) and all times of the report.
func (d *Document) common() (a attributes) {
	a.put(tag.SpecificCharacterSet, "ISO_IR 192")
	a.put(tag.SOPClassUID, d.SOPClassUID)
	a.put(tag.SOPInstanceUID, d.SOPInstanceUID)
	a.put(tag.InstanceCreatorUID, d.Device.UID)
	a.put(tag.InstanceNumber, strconv.Itoa(d.Revision))
	written := d.ContentTime
	if local := zone(d.Study.TimezoneOffset); local != nil {
		written = written.In(local)
		a.put(tag.TimezoneOffsetFromUTC, d.Study.TimezoneOffset)
	}
	for _, t := range []tag.Tag{tag.InstanceCreationDate, tag.SeriesDate, tag.ContentDate} {
		a.put(t, written.Format("20060102"))
	}
	for _, t := range []tag.Tag{tag.InstanceCreationTime, tag.SeriesTime, tag.ContentTime} {
		a.put(t, written.Format("150405"))
	}
	schemes := make([]attributes, len(codingSchemes))
	for i, scheme := range codingSchemes {
		schemes[i] = scheme.attributes()
	}
	a.sequence(tag.CodingSchemeIdentificationSequence, schemes...)
	return a
}

type codingScheme struct{ designator, version, uid, name, organization string }

var codingSchemes = []codingScheme{
	{Private, "1", "2.25.215727854820258831153999548149429654041", "Concord private codes", "Concord Project"},
	{"DCM", "", "1.2.840.10008.2.16.4", "DICOM Controlled Terminology", "DICOM"},
	{"SCT", "", "2.16.840.1.113883.6.96", "SNOMED CT", "SNOMED International"},
	{"UCUM", "", "2.16.840.1.113883.6.8", "Unified Code for Units of Measure", "Regenstrief Institute"},
	{"UMLS", "", "2.16.840.1.113883.6.86", "UMLS", "NLM"},
}

func (s codingScheme) attributes() (a attributes) {
	a.put(tag.CodingSchemeDesignator, s.designator)
	a.optional(tag.CodingSchemeVersion, s.version)
	a.put(tag.CodingSchemeUID, s.uid)
	a.put(tag.CodingSchemeName, s.name)
	a.put(tag.CodingSchemeResponsibleOrganization, s.organization)
	return a
}

// general is the SR Document General module (PS3.3 C.17.2). The report is
// preliminary and unverified: no person has looked at it.
func (d *Document) general() (a attributes) {
	a.put(tag.PreliminaryFlag, "PRELIMINARY")
	a.put(tag.CompletionFlag, "COMPLETE")
	a.put(tag.CompletionFlagDescription, completionDescription)
	a.put(tag.VerificationFlag, "UNVERIFIED")
	a.sequence(tag.AuthorObserverSequence, d.author())
	a.sequence(tag.PerformedProcedureCodeSequence)
	a.sequence(tag.ReferencedRequestSequence, d.request())
	var template attributes
	template.put(tag.MappingResource, "DCMR")
	template.put(tag.MappingResourceUID, "1.2.840.10008.8.1.1")
	template.put(tag.TemplateIdentifier, "1500")
	a.sequence(tag.ContentTemplateSequence, template)
	if d.Predecessor != nil {
		a.sequence(tag.PredecessorDocumentsSequence, hierarchy([]Reference{*d.Predecessor})...)
	}
	d.evidence(&a)
	return a
}

// evidence splits the images: those of the study belong to the request, others
// (priors) are pertinent to it.
func (d *Document) evidence(a *attributes) {
	var current, other []Reference
	for _, image := range d.Images {
		if image.StudyUID == d.Study.UID {
			current = append(current, image.Reference)
		} else {
			other = append(other, image.Reference)
		}
	}
	if len(current) > 0 {
		a.sequence(tag.CurrentRequestedProcedureEvidenceSequence, hierarchy(current)...)
	}
	if len(other) > 0 {
		a.sequence(tag.PertinentOtherEvidenceSequence, hierarchy(other)...)
	}
}

// author is an item of the Identified Person or Device Macro (PS3.3 Table C.17-3b).
func (d *Document) author() (a attributes) {
	a.put(tag.ObserverType, "DEV")
	a.put(tag.DeviceUID, d.Device.UID)
	a.put(tag.StationName, shortText(d.Device.Name, 16))
	a.put(tag.Manufacturer, shortText(d.Device.Manufacturer, 64))
	a.put(tag.ManufacturerModelName, shortText(d.Device.Model, 64))
	a.put(tag.InstitutionName, shortText(d.Device.Institution, 64))
	a.sequence(tag.InstitutionCodeSequence)
	return a
}

func (d *Document) request() (a attributes) {
	a.put(tag.StudyInstanceUID, d.Study.UID)
	a.sequence(tag.ReferencedStudySequence)
	d.accession(&a)
	a.put(tag.PlacerOrderNumberImagingServiceRequest, identifier(d.Request.PlacerNumber, 64))
	a.put(tag.FillerOrderNumberImagingServiceRequest, identifier(d.Request.FillerNumber, 64))
	a.put(tag.RequestedProcedureID, identifier(d.Request.ProcedureID, 16))
	a.put(tag.RequestedProcedureDescription, shortText(d.Request.Description, 64))
	if d.Request.Procedure == (Code{}) {
		a.sequence(tag.RequestedProcedureCodeSequence)
	} else {
		a.sequence(tag.RequestedProcedureCodeSequence, d.Request.Procedure.attributes())
	}
	return a
}

// hierarchy is the Hierarchical SOP Instance Reference Macro (PS3.3 Table
// C.17-3): studies, their series, their instances, in order of appearance.
func hierarchy(references []Reference) []attributes {
	studies, byStudy := grouped(references, func(r Reference) string { return r.StudyUID })
	items := make([]attributes, len(studies))
	for i, study := range studies {
		series, bySeries := grouped(byStudy[study], func(r Reference) string { return r.SeriesUID })
		seriesItems := make([]attributes, len(series))
		for j, one := range series {
			seriesItems[j] = seriesReference(one, bySeries[one])
		}
		items[i].put(tag.StudyInstanceUID, study)
		items[i].sequence(tag.ReferencedSeriesSequence, seriesItems...)
	}
	return items
}

func seriesReference(seriesUID string, references []Reference) (a attributes) {
	instances := make([]attributes, len(references))
	for i, r := range references {
		instances[i] = imageOf{sopClass: r.SOPClassUID, sopInstance: r.SOPInstanceUID}.attributes()
	}
	a.put(tag.SeriesInstanceUID, seriesUID)
	a.sequence(tag.ReferencedSOPSequence, instances...)
	return a
}

// grouped sorts references into groups; order lists the keys as they come up.
func grouped(references []Reference, key func(Reference) string) (order []string, groups map[string][]Reference) {
	groups = map[string][]Reference{}
	for _, r := range references {
		k := key(r)
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], r)
	}
	return order, groups
}
