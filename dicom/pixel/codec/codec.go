// Package codec decodes the compressed frames of DICOM objects: the bytes of
// one frame in, the samples of native pixel data (PS3.5 8) out. It reads
// hostile bytes, partly in C, so it runs where it may die: concord/dicom/pixel
// calls it in its workers only.
package codec

import "fmt"

// Format is what the header says of a decoded frame, and the syntax it is
// encoded in. The caller has checked that its numbers fit each other.
type Format struct {
	Syntax        string // transfer syntax UID
	Rows, Columns int
	Samples       int  // per pixel, 1 or 3
	BitsAllocated int  // of a sample
	Planar        bool // all of one sample, then all of the next
	Photometric   string
}

// Size returns the bytes of a decoded frame.
func (f *Format) Size() int64 {
	return (int64(f.Rows)*int64(f.Columns)*int64(f.Samples)*int64(f.BitsAllocated) + 7) / 8
}

// Layout is how a decoder left the samples, where it may differ from the
// header.
type Layout struct {
	Planar      bool
	Photometric string
}

// Code is the kind of an [Error].
type Code string

// The kinds of reasons why a frame is not decoded.
const (
	Truncated   Code = "truncated"   // bytes are missing
	Malformed   Code = "malformed"   // bytes contradict each other or the header
	Unsupported Code = "unsupported" // valid, but a form that is not read
)

// Error says why a frame is not decoded. Reason holds no patient data.
type Error struct {
	Code   Code
	Reason string
}

func (e *Error) Error() string { return e.Reason }

func failf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// decoder fills dst with the samples of a frame, in little-endian words where
// they are wider than a byte.
type decoder func(f *Format, data, dst []byte) (Layout, error)

// decoders are the transfer syntaxes that are read (PS3.5 10, PS3.6 A).
var decoders = map[string]decoder{
	"1.2.840.10008.1.2.1.98":  copyFrame,    // encapsulated uncompressed
	"1.2.840.10008.1.2.8.1":   inflateFrame, // deflated image frame
	"1.2.840.10008.1.2.5":     decodeRLE,
	"1.2.840.10008.1.2.4.50":  decodeJPEG, // baseline, process 1
	"1.2.840.10008.1.2.4.51":  decodeJPEG, // extended, processes 2 and 4
	"1.2.840.10008.1.2.4.52":  decodeJPEG, // extended, arithmetic, processes 3 and 5
	"1.2.840.10008.1.2.4.53":  decodeJPEG, // spectral selection, processes 6 and 8
	"1.2.840.10008.1.2.4.54":  decodeJPEG, // spectral selection, arithmetic, processes 7 and 9
	"1.2.840.10008.1.2.4.55":  decodeJPEG, // full progression, processes 10 and 12
	"1.2.840.10008.1.2.4.56":  decodeJPEG, // full progression, arithmetic, processes 11 and 13
	"1.2.840.10008.1.2.4.57":  decodeJPEG, // lossless, process 14
	"1.2.840.10008.1.2.4.70":  decodeJPEG, // lossless, process 14, selection value 1
	"1.2.840.10008.1.2.4.80":  decodeJPEGLS,
	"1.2.840.10008.1.2.4.81":  decodeJPEGLS, // near-lossless
	"1.2.840.10008.1.2.4.90":  decodeJ2K,    // lossless
	"1.2.840.10008.1.2.4.91":  decodeJ2K,
	"1.2.840.10008.1.2.4.110": decodeJXL, // lossless
	"1.2.840.10008.1.2.4.111": decodeJXL, // JPEG recompression
	"1.2.840.10008.1.2.4.112": decodeJXL,
	"1.2.840.10008.1.2.4.201": decodeJ2K, // high throughput, lossless
	"1.2.840.10008.1.2.4.202": decodeJ2K, // high throughput, lossless, RPCL
	"1.2.840.10008.1.2.4.203": decodeJ2K, // high throughput
}

// Known says whether a transfer syntax is read.
func Known(syntax string) bool { return decoders[syntax] != nil }

// Decode fills dst, which has [Format.Size] bytes, with the samples of the
// frame in data. Its errors are of type [*Error].
func Decode(f *Format, data, dst []byte) (Layout, error) {
	decode := decoders[f.Syntax]
	if decode == nil {
		return Layout{}, failf(Unsupported, "transfer syntax %s is not read", f.Syntax)
	}
	return decode(f, data, dst)
}

// checkRatio refuses a frame that claims to be more than ratio times larger
// than its compressed bytes, before anything is allocated for it.
func (f *Format) checkRatio(data []byte, ratio int64) error {
	if have := int64(len(data)); f.Size() > have*ratio {
		return failf(Truncated, "%d bytes cannot hold %d × %d pixels", have, f.Columns, f.Rows)
	}
	return nil
}
