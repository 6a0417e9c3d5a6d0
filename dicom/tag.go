package dicom

import "fmt"

// Tag is the tag of a data element: group<<16 | element.
type Tag uint32

// Group returns the group number.
func (t Tag) Group() uint16 { return uint16(t >> 16) }

// Element returns the element number.
func (t Tag) Element() uint16 { return uint16(t) }

// Private says whether the tag belongs to a private group (PS3.5 7.8).
func (t Tag) Private() bool { return t>>16&1 == 1 }

// String returns the form of the standard, "(0010,0020)".
func (t Tag) String() string { return fmt.Sprintf("(%04X,%04X)", t.Group(), t.Element()) }

// The tags that Concord reads or writes (PS3.6 6), by their keywords there.
const (

	// File meta information, PS3.10 7.1
	FileMetaInformationGroupLength Tag = 0x00020000
	FileMetaInformationVersion     Tag = 0x00020001
	MediaStorageSOPClassUID        Tag = 0x00020002
	MediaStorageSOPInstanceUID     Tag = 0x00020003
	TransferSyntaxUID              Tag = 0x00020010
	ImplementationClassUIDTag      Tag = 0x00020012
	ImplementationVersionNameTag   Tag = 0x00020013
	SourceApplicationEntityTitle   Tag = 0x00020016

	// SOP common and general
	SpecificCharacterSet  Tag = 0x00080005
	ImageType             Tag = 0x00080008
	InstanceCreationDate  Tag = 0x00080012
	InstanceCreationTime  Tag = 0x00080013
	SOPClassUID           Tag = 0x00080016
	SOPInstanceUID        Tag = 0x00080018
	TimezoneOffsetFromUTC Tag = 0x00080201

	// Study
	StudyDate                       Tag = 0x00080020
	StudyTime                       Tag = 0x00080030
	AccessionNumber                 Tag = 0x00080050
	IssuerOfAccessionNumberSequence Tag = 0x00080051
	StudyInstanceUID                Tag = 0x0020000D
	StudyID                         Tag = 0x00200010
	StudyDescription                Tag = 0x00081030
	ReferringPhysicianName          Tag = 0x00080090
	ProcedureCodeSequence           Tag = 0x00081032
	ReferencedStudySequence         Tag = 0x00081110
	ReferencedSOPClassUID           Tag = 0x00081150
	ReferencedSOPInstanceUID        Tag = 0x00081155
	InstitutionName                 Tag = 0x00080080
	NumberOfStudyRelatedSeries      Tag = 0x00201206
	NumberOfStudyRelatedInstances   Tag = 0x00201208
	NumberOfSeriesRelatedInstances  Tag = 0x00201209
	ModalitiesInStudy               Tag = 0x00080061
	QueryRetrieveLevel              Tag = 0x00080052
	RetrieveAETitle                 Tag = 0x00080054
	InstanceAvailability            Tag = 0x00080056

	// Codes and issuers
	CodeValue              Tag = 0x00080100
	CodingSchemeDesignator Tag = 0x00080102
	CodingSchemeVersion    Tag = 0x00080103
	CodeMeaning            Tag = 0x00080104
	LongCodeValue          Tag = 0x00080119
	URNCodeValue           Tag = 0x00080120
	LocalNamespaceEntityID Tag = 0x00400031
	UniversalEntityID      Tag = 0x00400032
	UniversalEntityIDType  Tag = 0x00400033

	// Patient
	PatientName                         Tag = 0x00100010
	PatientID                           Tag = 0x00100020
	IssuerOfPatientID                   Tag = 0x00100021
	IssuerOfPatientIDQualifiersSequence Tag = 0x00100024
	OtherPatientIDsSequence             Tag = 0x00101002
	OtherPatientIDs                     Tag = 0x00101000
	TypeOfPatientID                     Tag = 0x00100022
	PatientBirthDate                    Tag = 0x00100030
	PatientBirthTime                    Tag = 0x00100032
	PatientSex                          Tag = 0x00100040
	PatientAge                          Tag = 0x00101010
	PatientSize                         Tag = 0x00101020
	PatientWeight                       Tag = 0x00101030
	PatientSpeciesDescription           Tag = 0x00102201
	PregnancyStatus                     Tag = 0x001021C0

	// Series
	Modality                                 Tag = 0x00080060
	SeriesDate                               Tag = 0x00080021
	SeriesTime                               Tag = 0x00080031
	SeriesInstanceUID                        Tag = 0x0020000E
	SeriesNumber                             Tag = 0x00200011
	SeriesDescription                        Tag = 0x0008103E
	ProtocolName                             Tag = 0x00181030
	Laterality                               Tag = 0x00200060
	BodyPartExamined                         Tag = 0x00180015
	PatientPosition                          Tag = 0x00185100
	OperatorsName                            Tag = 0x00081070
	Manufacturer                             Tag = 0x00080070
	ManufacturerModelName                    Tag = 0x00081090
	StationName                              Tag = 0x00081010
	DeviceSerialNumber                       Tag = 0x00181000
	SoftwareVersions                         Tag = 0x00181020
	ReferencedPerformedProcedureStepSequence Tag = 0x00081111
	PerformedProcedureStepDescription        Tag = 0x00400254
	PerformedProcedureStepID                 Tag = 0x00400253
	PerformedProcedureStepStatus             Tag = 0x00400252
	PerformedProcedureStepStartDate          Tag = 0x00400244
	PerformedProcedureStepStartTime          Tag = 0x00400245
	PerformedSeriesSequence                  Tag = 0x00400340
	PerformedProtocolCodeSequence            Tag = 0x00400260
	ReferencedImageSequence                  Tag = 0x00081140

	// Of a performed procedure step, beside images
	ReferencedNonImageCompositeSOPInstanceSequence Tag = 0x00400220

	// Request attributes
	RequestAttributesSequence              Tag = 0x00400275
	RequestedProcedureID                   Tag = 0x00401001
	RequestedProcedureDescription          Tag = 0x00321060
	RequestedProcedureCodeSequence         Tag = 0x00321064
	ReasonForTheRequestedProcedure         Tag = 0x00401002
	PlacerOrderNumberImagingServiceRequest Tag = 0x00402016
	FillerOrderNumberImagingServiceRequest Tag = 0x00402017
	OrderPlacerIdentifierSequence          Tag = 0x00400026
	OrderFillerIdentifierSequence          Tag = 0x00400027
	ScheduledProcedureStepID               Tag = 0x00400009
	ScheduledProcedureStepDescription      Tag = 0x00400007
	ScheduledStepAttributesSequence        Tag = 0x00400270

	// Acquisition: side, part, view, contrast
	InstanceNumber                   Tag = 0x00200013
	AcquisitionNumber                Tag = 0x00200012
	AcquisitionDate                  Tag = 0x00080022
	AcquisitionTime                  Tag = 0x00080032
	AcquisitionDateTime              Tag = 0x0008002A
	ContentDate                      Tag = 0x00080023
	ContentTime                      Tag = 0x00080033
	ImageLaterality                  Tag = 0x00200062
	FrameLaterality                  Tag = 0x00209072
	ViewPosition                     Tag = 0x00185101
	ViewCodeSequence                 Tag = 0x00540220
	ViewModifierCodeSequence         Tag = 0x00540222
	PatientOrientation               Tag = 0x00200020
	AnatomicRegionSequence           Tag = 0x00082218
	AnatomicRegionModifierSequence   Tag = 0x00082220
	PrimaryAnatomicStructureSequence Tag = 0x00082228
	ContrastBolusAgent               Tag = 0x00180010
	ContrastBolusAgentSequence       Tag = 0x00180012
	ContrastBolusRoute               Tag = 0x00181040
	ContrastBolusVolume              Tag = 0x00181041
	ContrastBolusUsageSequence       Tag = 0x00189341
	ContrastBolusAgentPhase          Tag = 0x00189344
	ScanningSequence                 Tag = 0x00180020
	SequenceVariant                  Tag = 0x00180021
	ScanOptions                      Tag = 0x00180022
	MRAcquisitionType                Tag = 0x00180023
	SequenceName                     Tag = 0x00180024
	SliceThickness                   Tag = 0x00180050
	KVP                              Tag = 0x00180060
	RepetitionTime                   Tag = 0x00180080
	EchoTime                         Tag = 0x00180081
	ConvolutionKernel                Tag = 0x00181210
	AcquisitionContrast              Tag = 0x00089209
	BurnedInAnnotation               Tag = 0x00280301
	ConversionType                   Tag = 0x00080064
	DerivationDescription            Tag = 0x00082111
	LossyImageCompression            Tag = 0x00282110
	PresentationIntentType           Tag = 0x00080068
	ImageComments                    Tag = 0x00204000

	// Geometry
	FrameOfReferenceUID     Tag = 0x00200052
	ImagePositionPatient    Tag = 0x00200032
	ImageOrientationPatient Tag = 0x00200037
	SliceLocation           Tag = 0x00201041
	PixelSpacing            Tag = 0x00280030
	ImagerPixelSpacing      Tag = 0x00181164
	PixelAspectRatio        Tag = 0x00280034

	// Image pixel, PS3.3 C.7.6.3
	SamplesPerPixel              Tag = 0x00280002
	PhotometricInterpretation    Tag = 0x00280004
	PlanarConfiguration          Tag = 0x00280006
	NumberOfFrames               Tag = 0x00280008
	FrameIncrementPointer        Tag = 0x00280009
	Rows                         Tag = 0x00280010
	Columns                      Tag = 0x00280011
	BitsAllocated                Tag = 0x00280100
	BitsStored                   Tag = 0x00280101
	HighBit                      Tag = 0x00280102
	PixelRepresentation          Tag = 0x00280103
	SmallestImagePixelValue      Tag = 0x00280106
	LargestImagePixelValue       Tag = 0x00280107
	PixelPaddingValue            Tag = 0x00280120
	PixelPaddingRangeLimit       Tag = 0x00280121
	FloatPixelPaddingValue       Tag = 0x00280122
	DoubleFloatPixelPaddingValue Tag = 0x00280123
	ExtendedOffsetTable          Tag = 0x7FE00001
	ExtendedOffsetTableLengths   Tag = 0x7FE00002
	FloatPixelDataTag            Tag = 0x7FE00008
	DoubleFloatPixelDataTag      Tag = 0x7FE00009
	PixelDataTag                 Tag = 0x7FE00010

	// Palettes, PS3.3 C.7.9
	RedPaletteColorLookupTableDescriptor      Tag = 0x00281101
	GreenPaletteColorLookupTableDescriptor    Tag = 0x00281102
	BluePaletteColorLookupTableDescriptor     Tag = 0x00281103
	RedPaletteColorLookupTableData            Tag = 0x00281201
	GreenPaletteColorLookupTableData          Tag = 0x00281202
	BluePaletteColorLookupTableData           Tag = 0x00281203
	SegmentedRedPaletteColorLookupTableData   Tag = 0x00281221
	SegmentedGreenPaletteColorLookupTableData Tag = 0x00281222
	SegmentedBluePaletteColorLookupTableData  Tag = 0x00281223

	// Modality and VOI transforms, PS3.3 C.11
	RescaleIntercept             Tag = 0x00281052
	RescaleSlope                 Tag = 0x00281053
	RescaleType                  Tag = 0x00281054
	ModalityLUTSequence          Tag = 0x00283000
	LUTDescriptor                Tag = 0x00283002
	LUTExplanation               Tag = 0x00283003
	ModalityLUTType              Tag = 0x00283004
	LUTData                      Tag = 0x00283006
	WindowCenter                 Tag = 0x00281050
	WindowWidth                  Tag = 0x00281051
	WindowCenterWidthExplanation Tag = 0x00281055
	VOILUTFunction               Tag = 0x00281056
	VOILUTSequence               Tag = 0x00283010
	PresentationLUTShape         Tag = 0x20500020
	PixelIntensityRelationship   Tag = 0x00281040

	// Functional groups of multi-frame objects, PS3.3 C.7.6.16
	SharedFunctionalGroupsSequence   Tag = 0x52009229
	PerFrameFunctionalGroupsSequence Tag = 0x52009230
	PixelValueTransformationSequence Tag = 0x00289145
	FrameVOILUTSequence              Tag = 0x00289132
	FrameContentSequence             Tag = 0x00209111
	FrameAnatomySequence             Tag = 0x00209071
	PixelMeasuresSequence            Tag = 0x00289110
	PlaneOrientationSequence         Tag = 0x00209116
	PlanePositionSequence            Tag = 0x00209113
	CTImageFrameTypeSequence         Tag = 0x00189329
	MRImageFrameTypeSequence         Tag = 0x00189226
	FrameType                        Tag = 0x00089007

	// Structured reports, PS3.3 C.17
	ContentSequence                           Tag = 0x0040A730
	ValueType                                 Tag = 0x0040A040
	RelationshipType                          Tag = 0x0040A010
	ConceptNameCodeSequence                   Tag = 0x0040A043
	ConceptCodeSequence                       Tag = 0x0040A168
	TextValue                                 Tag = 0x0040A160
	MeasuredValueSequence                     Tag = 0x0040A300
	NumericValue                              Tag = 0x0040A30A
	MeasurementUnitsCodeSequence              Tag = 0x004008EA
	UIDTag                                    Tag = 0x0040A124
	PersonName                                Tag = 0x0040A123
	DateTime                                  Tag = 0x0040A120
	Date                                      Tag = 0x0040A121
	Time                                      Tag = 0x0040A122
	ContinuityOfContent                       Tag = 0x0040A050
	ContentTemplateSequence                   Tag = 0x0040A504
	MappingResource                           Tag = 0x00080105
	TemplateIdentifier                        Tag = 0x0040DB00
	CompletionFlag                            Tag = 0x0040A491
	CompletionFlagDescription                 Tag = 0x0040A492
	VerificationFlag                          Tag = 0x0040A493
	PreliminaryFlag                           Tag = 0x0040A496
	VerifyingObserverSequence                 Tag = 0x0040A073
	AuthorObserverSequence                    Tag = 0x0040A078
	ReferencedSOPSequence                     Tag = 0x00081199
	ReferencedFrameNumber                     Tag = 0x00081160
	ReferencedRequestSequence                 Tag = 0x0040A370
	CurrentRequestedProcedureEvidenceSequence Tag = 0x0040A375
	PertinentOtherEvidenceSequence            Tag = 0x0040A385
	PredecessorDocumentsSequence              Tag = 0x0040A360
	ReferencedSeriesSequence                  Tag = 0x00081115
	PerformedProcedureCodeSequence            Tag = 0x0040A372
	GraphicData                               Tag = 0x00700022
	GraphicType                               Tag = 0x00700023
	ReferencedContentItemIdentifier           Tag = 0x0040DB73
	CodingSchemeIdentificationSequence        Tag = 0x00080110

	// Documents and storage commitment
	EncapsulatedDocument           Tag = 0x00420011
	MIMETypeOfEncapsulatedDocument Tag = 0x00420012
	DocumentTitle                  Tag = 0x00420010
	TransactionUID                 Tag = 0x00081195
	FailedSOPSequence              Tag = 0x00081198
	FailureReason                  Tag = 0x00081197

	// Delimiters, PS3.5 7.5
	Item                     Tag = 0xFFFEE000
	ItemDelimitationItem     Tag = 0xFFFEE00D
	SequenceDelimitationItem Tag = 0xFFFEE0DD
)
