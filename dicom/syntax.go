package dicom

// TransferSyntax is a row of the registry of PS3.6 Table A-1: how the bytes of
// a data set are laid out (PS3.5 10 and Annex A).
type TransferSyntax struct {
	UID, Name string

	Implicit  bool // implicit VR, PS3.5 A.1
	BigEndian bool // PS3.5 A.3, retired
	Deflated  bool // the whole data set is deflated, PS3.5 A.5
	// Encapsulated pixel data come in fragments, PS3.5 A.4.
	Encapsulated bool
	// Video streams have no frames that could be read one by one.
	Video   bool
	Retired bool
}

// The transfer syntaxes that code names.
const (
	ImplicitVRLittleEndian         = "1.2.840.10008.1.2"
	ExplicitVRLittleEndian         = "1.2.840.10008.1.2.1"
	EncapsulatedUncompressed       = "1.2.840.10008.1.2.1.98"
	DeflatedExplicitVRLittleEndian = "1.2.840.10008.1.2.1.99"
	ExplicitVRBigEndian            = "1.2.840.10008.1.2.2"
	JPEGBaseline                   = "1.2.840.10008.1.2.4.50"
	JPEGExtended                   = "1.2.840.10008.1.2.4.51"
	JPEGLossless                   = "1.2.840.10008.1.2.4.57"
	JPEGLosslessSV1                = "1.2.840.10008.1.2.4.70"
	JPEGLSLossless                 = "1.2.840.10008.1.2.4.80"
	JPEGLSNearLossless             = "1.2.840.10008.1.2.4.81"
	JPEG2000Lossless               = "1.2.840.10008.1.2.4.90"
	JPEG2000                       = "1.2.840.10008.1.2.4.91"
	HTJ2KLossless                  = "1.2.840.10008.1.2.4.201"
	HTJ2KLosslessRPCL              = "1.2.840.10008.1.2.4.202"
	HTJ2K                          = "1.2.840.10008.1.2.4.203"
	RLELossless                    = "1.2.840.10008.1.2.5"
	DeflatedImageFrame             = "1.2.840.10008.1.2.8.1"
	// GEPrivateImplicitBigEndian is implicit VR little endian with big-endian
	// pixel data (private to GE).
	GEPrivateImplicitBigEndian = "1.2.840.113619.5.2"
)

// LookupTransferSyntax returns the row of a UID, or false. An unregistered
// syntax is explicit VR little endian with encapsulated pixel data, as PS3.5
// 10 asks of every new one.
func LookupTransferSyntax(uid string) (TransferSyntax, bool) {
	for i := range transferSyntaxes {
		if transferSyntaxes[i].UID == uid {
			return transferSyntaxes[i], true
		}
	}
	return TransferSyntax{UID: uid, Name: "unknown transfer syntax", Encapsulated: true}, false
}

// TransferSyntaxes returns all syntaxes in which a data set can be exchanged by
// DIMSE or kept in a file: those of the current standard, the retired ones that
// are still met, and one private one.
func TransferSyntaxes() []TransferSyntax {
	return append([]TransferSyntax(nil), transferSyntaxes...)
}

func fragments(uid, name string) TransferSyntax {
	return TransferSyntax{UID: uid, Name: name, Encapsulated: true}
}

func retired(uid, name string) TransferSyntax {
	return TransferSyntax{UID: uid, Name: name, Encapsulated: true, Retired: true}
}

func video(uid, name string) TransferSyntax {
	return TransferSyntax{UID: uid, Name: name, Encapsulated: true, Video: true}
}

// transferSyntaxes is PS3.6 Table A-1 without the retired MIME and XML
// encodings. In the JPIP syntaxes and the real-time streams of SMPTE ST 2110
// (PS3.22) the pixel data are elsewhere, so they are not encapsulated.
var transferSyntaxes = []TransferSyntax{
	{UID: ImplicitVRLittleEndian, Name: "Implicit VR Little Endian", Implicit: true},
	{UID: ExplicitVRLittleEndian, Name: "Explicit VR Little Endian"},
	fragments(EncapsulatedUncompressed, "Encapsulated Uncompressed Explicit VR Little Endian"),
	{UID: DeflatedExplicitVRLittleEndian, Name: "Deflated Explicit VR Little Endian", Deflated: true},
	{UID: ExplicitVRBigEndian, Name: "Explicit VR Big Endian", BigEndian: true, Retired: true},
	fragments(JPEGBaseline, "JPEG Baseline (Process 1)"),
	fragments(JPEGExtended, "JPEG Extended (Process 2 and 4)"),
	retired("1.2.840.10008.1.2.4.52", "JPEG Extended (Process 3 and 5)"),
	retired("1.2.840.10008.1.2.4.53", "JPEG Spectral Selection, Non-Hierarchical (Process 6 and 8)"),
	retired("1.2.840.10008.1.2.4.54", "JPEG Spectral Selection, Non-Hierarchical (Process 7 and 9)"),
	retired("1.2.840.10008.1.2.4.55", "JPEG Full Progression, Non-Hierarchical (Process 10 and 12)"),
	retired("1.2.840.10008.1.2.4.56", "JPEG Full Progression, Non-Hierarchical (Process 11 and 13)"),
	fragments(JPEGLossless, "JPEG Lossless, Non-Hierarchical (Process 14)"),
	retired("1.2.840.10008.1.2.4.58", "JPEG Lossless, Non-Hierarchical (Process 15)"),
	retired("1.2.840.10008.1.2.4.59", "JPEG Extended, Hierarchical (Process 16 and 18)"),
	retired("1.2.840.10008.1.2.4.60", "JPEG Extended, Hierarchical (Process 17 and 19)"),
	retired("1.2.840.10008.1.2.4.61", "JPEG Spectral Selection, Hierarchical (Process 20 and 22)"),
	retired("1.2.840.10008.1.2.4.62", "JPEG Spectral Selection, Hierarchical (Process 21 and 23)"),
	retired("1.2.840.10008.1.2.4.63", "JPEG Full Progression, Hierarchical (Process 24 and 26)"),
	retired("1.2.840.10008.1.2.4.64", "JPEG Full Progression, Hierarchical (Process 25 and 27)"),
	retired("1.2.840.10008.1.2.4.65", "JPEG Lossless, Hierarchical (Process 28)"),
	retired("1.2.840.10008.1.2.4.66", "JPEG Lossless, Hierarchical (Process 29)"),
	fragments(JPEGLosslessSV1, "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1])"),
	fragments(JPEGLSLossless, "JPEG-LS Lossless Image Compression"),
	fragments(JPEGLSNearLossless, "JPEG-LS Lossy (Near-Lossless) Image Compression"),
	fragments(JPEG2000Lossless, "JPEG 2000 Image Compression (Lossless Only)"),
	fragments(JPEG2000, "JPEG 2000 Image Compression"),
	fragments("1.2.840.10008.1.2.4.92", "JPEG 2000 Part 2 Multi-component Image Compression (Lossless Only)"),
	fragments("1.2.840.10008.1.2.4.93", "JPEG 2000 Part 2 Multi-component Image Compression"),
	{UID: "1.2.840.10008.1.2.4.94", Name: "JPIP Referenced"},
	{UID: "1.2.840.10008.1.2.4.95", Name: "JPIP Referenced Deflate", Deflated: true},
	video("1.2.840.10008.1.2.4.100", "MPEG2 Main Profile / Main Level"),
	video("1.2.840.10008.1.2.4.100.1", "Fragmentable MPEG2 Main Profile / Main Level"),
	video("1.2.840.10008.1.2.4.101", "MPEG2 Main Profile / High Level"),
	video("1.2.840.10008.1.2.4.101.1", "Fragmentable MPEG2 Main Profile / High Level"),
	video("1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1"),
	video("1.2.840.10008.1.2.4.102.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1"),
	video("1.2.840.10008.1.2.4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1"),
	video("1.2.840.10008.1.2.4.103.1", "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1"),
	video("1.2.840.10008.1.2.4.104", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video"),
	video("1.2.840.10008.1.2.4.104.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video"),
	video("1.2.840.10008.1.2.4.105", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video"),
	video("1.2.840.10008.1.2.4.105.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video"),
	video("1.2.840.10008.1.2.4.106", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2"),
	video("1.2.840.10008.1.2.4.106.1", "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2"),
	video("1.2.840.10008.1.2.4.107", "HEVC/H.265 Main Profile / Level 5.1"),
	video("1.2.840.10008.1.2.4.108", "HEVC/H.265 Main 10 Profile / Level 5.1"),
	fragments("1.2.840.10008.1.2.4.110", "JPEG XL Lossless"),
	fragments("1.2.840.10008.1.2.4.111", "JPEG XL JPEG Recompression"),
	fragments("1.2.840.10008.1.2.4.112", "JPEG XL"),
	fragments(HTJ2KLossless, "High-Throughput JPEG 2000 Image Compression (Lossless Only)"),
	fragments(HTJ2KLosslessRPCL, "High-Throughput JPEG 2000 with RPCL Options Image Compression (Lossless Only)"),
	fragments(HTJ2K, "High-Throughput JPEG 2000 Image Compression"),
	{UID: "1.2.840.10008.1.2.4.204", Name: "JPIP HTJ2K Referenced"},
	{UID: "1.2.840.10008.1.2.4.205", Name: "JPIP HTJ2K Referenced Deflate", Deflated: true},
	fragments(RLELossless, "RLE Lossless"),
	{UID: "1.2.840.10008.1.2.7.1", Name: "SMPTE ST 2110-20 Uncompressed Progressive Active Video"},
	{UID: "1.2.840.10008.1.2.7.2", Name: "SMPTE ST 2110-20 Uncompressed Interlaced Active Video"},
	{UID: "1.2.840.10008.1.2.7.3", Name: "SMPTE ST 2110-30 PCM Digital Audio"},
	fragments(DeflatedImageFrame, "Deflated Image Frame Compression"),
	{UID: GEPrivateImplicitBigEndian, Name: "Private GE Implicit VR Big Endian Pixel Data", Implicit: true, Retired: true},
}
