package pixel

import "fmt"

// Code is the kind of an [Error], from a fixed list: fit for a metric label.
type Code string

// The kinds of reasons for which there is no picture.
const (
	NoPixels    Code = "no_pixels"   // the object has no pixel data
	Syntax      Code = "syntax"      // no decoder for its transfer syntax
	Video       Code = "video"       // a video stream
	Truncated   Code = "truncated"   // bytes of the frame are missing
	Malformed   Code = "malformed"   // attributes or compressed bytes contradict each other
	Unsupported Code = "unsupported" // valid, but a form that is not read
	Decoder     Code = "decoder"     // the decoder died of the frame or took too long
	TooLarge    Code = "too_large"   // a frame beyond what is ever decoded
)

// Error says why there is no picture. Reason is for a person and holds no
// patient data.
type Error struct {
	Code   Code
	Reason string
}

func (e *Error) Error() string { return e.Reason }

func failf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Reason: fmt.Sprintf(format, args...)}
}
