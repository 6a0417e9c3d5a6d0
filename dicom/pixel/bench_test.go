package pixel

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"concord/dicom"
)

// BenchmarkFrame measures reading, decoding and windowing of one frame.
func BenchmarkFrame(b *testing.B) {
	for _, c := range []struct{ name, suffix string }{
		{"CT 512 native", "CT1_UNC.implicit_little_endian.dcm"},
		{"CT 512 big endian", "CT1_UNC.explicit_big_endian.dcm"},
		{"CR 2140x1760 16 bit", "testdata/4.dcm"},
		{"MR 12 bit, own window", "examples_overlay.dcm"},
		{"US RLE palette", "US-PAL-8-10x-echo"},
		{"US JPEG colour", "examples_ybr_color.dcm"},
		{"US RGB", "I_000034.dcm"},
		{"XA 1024 lossless JPEG", "XA1_JPLL"},
		{"NM 1024x256 extended JPEG", "JPGExtended.dcm"},
		{"CT 512 JPEG-LS", "CT2_JLSN"},
		{"CR 1760x2140 JPEG 2000", "RG2_J2KI"},
		{"RGB 640x480 HTJ2K", "HTJ2KLossless_08_RGB.dcm"},
	} {
		for _, name := range corpus(b) {
			if !strings.HasSuffix(name, c.suffix) {
				continue
			}
			data, err := os.ReadFile(name)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(c.name, func(b *testing.B) { benchmarkFrame(b, data) })
		}
	}
}

func benchmarkFrame(b *testing.B, data []byte) {
	r := bytes.NewReader(data)
	obj, err := dicom.Scan(r, int64(len(data)))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		m, err := Open(r, int64(len(data)), obj)
		if err != nil {
			b.Fatal(err)
		}
		picture, err := m.Frame(1, Window{})
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(picture.Bounds().Dx() * picture.Bounds().Dy()))
	}
}
