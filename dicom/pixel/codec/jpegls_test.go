package codec

import (
	"errors"
	"testing"
)

// endlessJPEGLS is a damaged stream of 10 × 50 pixels of 16 bits in whose end
// CharLS 2.4 never gets to an end.
const endlessJPEGLS = "ffd8fff7000b100032000a01011100fff8000d01ffff0018004d01220040ffda0008010100020000402010101020408208201fff7000000000000733" +
	"182082108421080ff0665a1084210844407e04cca22222222207c14ca88888888881f044ca2222224903e084a8040404081020820807c10250080808" +
	"10204104100f8200a010101020408208201f04004104108421084029f9fb"

func TestEndlessJPEGLS(t *testing.T) {
	f := Format{Rows: 50, Columns: 10, Samples: 1, BitsAllocated: 16, Syntax: "1.2.840.10008.1.2.4.80"}
	var e *Error
	if _, err := Decode(&f, unhex(endlessJPEGLS), make([]byte, f.Size())); !errors.As(err, &e) {
		t.Errorf("got %v", err)
	}
}

// FuzzJPEGLS: whatever the bytes, the answer is a frame or an [Error].
func FuzzJPEGLS(f *testing.F) {
	stream := unhex(endlessJPEGLS)
	f.Add(stream)
	f.Add(append(stream[:len(stream)-4:len(stream)-4], 0x40, 0x7C, 0xFF, 0xD9))
	f.Fuzz(func(t *testing.T, data []byte) {
		format := Format{Rows: 50, Columns: 10, Samples: 1, BitsAllocated: 16, Syntax: "1.2.840.10008.1.2.4.80"}
		_, err := Decode(&format, data, make([]byte, format.Size()))
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("an error without code: %v", err)
		}
	})
}
