package codec

import (
	"bytes"
	"errors"
	"testing"
)

// subsampledJ2K is 4 × 4 pixels whose second and third component have 2 × 2
// samples, as opj_compress writes them.
const subsampledJ2K = "ff4fff51002f000000000004000000040000000000000000000000040000000400000000000000000003070101070202070202ff52000c0000000100000404" +
	"0001ff5c00044040ff640025000143726561746564206279204f70656e4a5045472076657273696f6e20322e352e30ff90000a00000000002f0001ff93cf" +
	"b440111da7a548d5466b8d2897bd0f49b2a8c7d408101711c7cfb41004347773ffd9"

func TestSubsampledJ2K(t *testing.T) {
	f := Format{Rows: 4, Columns: 4, Samples: 3, BitsAllocated: 8, Photometric: "YBR_ICT", Syntax: "1.2.840.10008.1.2.4.91"}
	dst := make([]byte, f.Size())
	layout, err := Decode(&f, unhex(subsampledJ2K), dst)
	if err != nil || layout.Photometric != "YBR_FULL" {
		t.Fatal(layout, err)
	}
	y := []byte{16, 40, 80, 120, 30, 60, 90, 130, 50, 70, 100, 140, 66, 77, 88, 99}
	cb, cr := []byte{100, 128, 140, 90}, []byte{200, 128, 110, 60}
	for i, v := range y {
		quarter := i/8*2 + i%4/2
		if want := []byte{v, cb[quarter], cr[quarter]}; !bytes.Equal(dst[3*i:3*i+3], want) {
			t.Errorf("pixel %d is %v, not %v", i, dst[3*i:3*i+3], want)
		}
	}
}

// FuzzJ2K: whatever the bytes, the answer is a frame or an [Error].
func FuzzJ2K(f *testing.F) {
	f.Add(unhex(subsampledJ2K))
	f.Fuzz(func(t *testing.T, data []byte) {
		format := Format{Rows: 4, Columns: 4, Samples: 3, BitsAllocated: 8, Syntax: "1.2.840.10008.1.2.4.91"}
		_, err := Decode(&format, data, make([]byte, format.Size()))
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("an error without code: %v", err)
		}
	})
}
