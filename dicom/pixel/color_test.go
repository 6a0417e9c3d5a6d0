package pixel

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"testing"

	"concord/dicom"
)

// rgb describes a colour object of 8 bits.
func rgb(rows, columns int, photometric string, samples []byte) attributes {
	return attributes{
		dicom.SamplesPerPixel: 3, dicom.PhotometricInterpretation: photometric, dicom.PlanarConfiguration: 0,
		dicom.Rows: rows, dicom.Columns: columns, dicom.BitsAllocated: 8, dicom.BitsStored: 8, dicom.HighBit: 7,
		dicom.PixelRepresentation: 0, dicom.PixelDataTag: samples,
	}
}

func TestColor(t *testing.T) {
	interleaved := rgb(1, 2, "RGB", []byte{1, 2, 3, 4, 5, 6})
	for _, c := range []struct {
		name string
		a    attributes
		want string
	}{
		{"interleaved", interleaved, "[1 2 3 255 4 5 6 255]"},
		{"planar", interleaved.with(attributes{dicom.PlanarConfiguration: 1}), "[1 3 5 255 2 4 6 255]"},
		{"16 bits", interleaved.with(attributes{dicom.BitsAllocated: 16, dicom.BitsStored: 16, dicom.HighBit: 15,
			dicom.PixelDataTag: []uint16{0x100, 0x2FF, 0x300, 0x400, 0x500, 0x6AB}}), "[1 2 3 255 4 5 6 255]"},
		{"12 bits", interleaved.with(attributes{dicom.BitsAllocated: 16, dicom.BitsStored: 12, dicom.HighBit: 11,
			dicom.PixelDataTag: []uint16{0x10, 0x2F, 0x30, 0x40, 0x50, 0x6A}}), "[1 2 3 255 4 5 6 255]"},
		{"grey in YBR", rgb(1, 2, "YBR_FULL", []byte{7, 128, 128, 200, 128, 128}), "[7 7 7 255 200 200 200 255]"},
		{"4:2:2", rgb(1, 2, "YBR_FULL_422", []byte{7, 200, 128, 128}), "[7 7 7 255 200 200 200 255]"},
	} {
		for _, syntax := range []string{dicom.ExplicitVRLittleEndian, dicom.ExplicitVRBigEndian} {
			m, err := c.a.open(t, syntax)
			if err != nil {
				t.Fatal(err)
			}
			picture, err := m.Frame(1, Window{})
			if err != nil {
				t.Fatal(err)
			}
			if got := samples(picture); got != c.want {
				t.Errorf("%s: %s, want %s", c.name, got, c.want)
			}
		}
	}
}

// TestColor32: the highest 8 of 32 bits, native and in RLE.
func TestColor32(t *testing.T) {
	words := []uint16{0, 0x100, 0xFFFF, 0x2FF, 0, 0x300, 1, 0x400, 0, 0x500, 0, 0x6AB}
	a := rgb(1, 2, "RGB", nil).with(attributes{dicom.BitsAllocated: 32, dicom.BitsStored: 32, dicom.HighBit: 31, dicom.PixelDataTag: words})
	picture, err := a.render(t, 1, Window{})
	if err != nil || samples(picture) != "[1 2 3 255 4 5 6 255]" {
		t.Error(picture, err)
	}
	rle := []byte{12, 0, 0, 0}
	var planes []byte
	for i := range 12 {
		rle = append(rle, byte(64+4*i), 0, 0, 0)
		sample := i / 4
		planes = append(planes, 1, byte(sample+1), byte(sample+4), 0)
		if i%4 > 0 { // lower bytes
			planes[len(planes)-3], planes[len(planes)-2] = 0xEE, 0xEE
		}
	}
	frame := append(append(rle, make([]byte, 64-len(rle))...), planes...)
	m, err := a.with(attributes{dicom.PixelDataTag: fragments{nil, frame}}).open(t, dicom.RLELossless)
	if err != nil {
		t.Fatal(err)
	}
	if picture, err = m.Frame(1, Window{}); err != nil || samples(picture) != "[1 2 3 255 4 5 6 255]" {
		t.Error(picture, err)
	}
}

// TestYBR holds every triple on a grid to the formula of PS3.3 C.7.6.3.1.2.
func TestYBR(t *testing.T) {
	var samples []byte
	for y := 0; y < 256; y += 15 {
		for cb := 0; cb < 256; cb += 15 {
			for cr := 0; cr < 256; cr += 15 {
				samples = append(samples, byte(y), byte(cb), byte(cr))
			}
		}
	}
	picture, err := rgb(len(samples)/3/18, 18, "YBR_FULL", samples).render(t, 1, Window{})
	if err != nil {
		t.Fatal(err)
	}
	pix := picture.(*image.NRGBA).Pix
	for i := range len(samples) / 3 {
		y, cb, cr := float64(samples[3*i]), float64(samples[3*i+1])-128, float64(samples[3*i+2])-128
		for s, exact := range []float64{y + 1.402*cr, y - 0.344136*cb - 0.714136*cr, y + 1.772*cb} {
			if got := float64(pix[4*i+s]); math.Abs(got-min(max(exact, 0), 255)) > 1 {
				t.Fatalf("YBR %v: sample %d is %g, want %g", samples[3*i:3*i+3], s, got, exact)
			}
		}
	}
}

func palette(descriptor []uint16, red, green, blue any) attributes {
	return gray16(1, 4, 8).with(attributes{
		dicom.PhotometricInterpretation: "PALETTE COLOR", dicom.BitsAllocated: 8, dicom.PixelDataTag: []byte{0, 5, 6, 99},
		dicom.RedPaletteColorLookupTableDescriptor: descriptor, dicom.RedPaletteColorLookupTableData: red,
		dicom.GreenPaletteColorLookupTableDescriptor: descriptor, dicom.GreenPaletteColorLookupTableData: green,
		dicom.BluePaletteColorLookupTableDescriptor: descriptor, dicom.BluePaletteColorLookupTableData: blue,
	})
}

func TestPalette(t *testing.T) {
	const want = "[1 4 7 255 1 4 7 255 2 5 8 255 3 6 9 255]" // of the values below, first, second and beyond
	segmented := palette([]uint16{3, 5, 16}, nil, nil, nil).with(attributes{
		dicom.SegmentedRedPaletteColorLookupTableData:   []uint16{0, 1, 0x100, 1, 2, 0x300},                       // discrete, linear
		dicom.SegmentedGreenPaletteColorLookupTableData: []uint16{0, 3, 0x400, 0x500, 0x600},                      // discrete
		dicom.SegmentedBluePaletteColorLookupTableData:  []uint16{0, 1, 0x700, 2, 1, 8, 0, 9, 0, 2, 0x800, 0x900}, // indirect
	})
	for name, a := range map[string]attributes{
		"16 bits":            palette([]uint16{3, 5, 16}, []uint16{0x100, 0x200, 0x300, 0}, []uint16{0x400, 0x500, 0x600, 0}, []uint16{0x700, 0x800, 0x900, 0}),
		"8 bits as words":    palette([]uint16{3, 5, 8}, []uint16{1, 2, 3, 0}, []uint16{4, 5, 6, 0}, []uint16{7, 8, 9, 0}),
		"8 bits as bytes":    palette([]uint16{3, 5, 8}, []byte{1, 2, 3, 0}, []byte{4, 5, 6, 0}, []byte{7, 8, 9, 0}),
		"8 bits, 16 claimed": palette([]uint16{3, 5, 16}, []uint16{1, 2, 3, 0}, []uint16{4, 5, 6, 0}, []uint16{7, 8, 9, 0}),
		"segmented":          segmented,
	} {
		picture, err := a.render(t, 1, Window{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := samples(picture); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if _, err := palette([]uint16{3, 5, 16}, []uint16{1, 2, 3, 4}, nil, nil).render(t, 1, Window{}); codeOf(err) != Malformed {
		t.Errorf("a palette without green: %v", err)
	}
}

// TestSegmentBombs: segments that point at themselves or claim 65535 repeats
// end at the size of the palette.
func TestSegmentBombs(t *testing.T) {
	for _, words := range [][]int{
		{2, 65535, 0, 0}, {0, 1, 5, 2, 65535, 0, 0, 2, 65535, 0, 0}, {1, 65535, 9}, {0, 1, 5, 1, 65535, 9, 1, 65535, 7}, {0, 65535}, {9, 9}, {0, 1, 5, 1, 0, 9}, {}, {2}, {2, 1, 0xFFFF, 0xFFFF},
	} {
		if got := expandSegments(words, 1000); len(got) > 1000 {
			t.Errorf("%v grows to %d entries", words, len(got))
		}
	}
}

// TestJPEG encodes with the standard library and compares with what it decodes.
func TestJPEG(t *testing.T) {
	const width, height = 48, 40
	grey, colour := image.NewGray(image.Rect(0, 0, width, height)), image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			grey.SetGray(x, y, color.Gray{Y: uint8(5 * x)})
			colour.SetRGBA(x, y, color.RGBA{R: uint8(5 * x), G: uint8(6 * y), B: 77, A: 255})
		}
	}
	one, three := jpegOf(t, grey), jpegOf(t, colour)
	mono := gray16(height, width, 8).with(attributes{dicom.BitsAllocated: 8, dicom.PixelDataTag: fragments{nil, one}})
	m, err := mono.open(t, dicom.JPEGBaseline)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := m.Frame(1, Window{})
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range picture.(*image.Gray).Pix {
		if want := grey.Pix[i]; max(got, want)-min(got, want) > 6 {
			t.Fatalf("grey pixel %d is %d, want about %d", i, got, want)
		}
	}
	m, err = rgb(height, width, "YBR_FULL_422", nil).with(attributes{dicom.PixelDataTag: fragments{nil, three}}).open(t, dicom.JPEGBaseline)
	if err != nil {
		t.Fatal(err)
	}
	picture, err = m.Frame(1, Window{})
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range picture.(*image.NRGBA).Pix {
		if want := colour.Pix[i]; max(got, want)-min(got, want) > 12 {
			t.Fatalf("colour sample %d is %d, want about %d", i, got, want)
		}
	}
	for name, c := range map[string]struct {
		a    attributes
		code Code
	}{
		"another size":       {mono.with(attributes{dicom.Rows: height + 1}), Malformed},
		"three for one":      {mono.with(attributes{dicom.PixelDataTag: fragments{nil, three}}), Malformed},
		"cut off":            {mono.with(attributes{dicom.PixelDataTag: fragments{nil, one[:len(one)/2&^1]}}), Truncated},
		"no JPEG":            {mono.with(attributes{dicom.PixelDataTag: fragments{nil, []byte("abcd")}}), Malformed},
		"12 bits":            {mono.with(attributes{dicom.PixelDataTag: fragments{nil, twelveBits(one)}}), Malformed},
		"65535 by 65535 big": {mono.with(attributes{dicom.Rows: 65535, dicom.Columns: 65535}), TooLarge},
	} {
		m, err := c.a.open(t, dicom.JPEGBaseline)
		if err == nil {
			_, err = m.Frame(1, Window{})
		}
		if codeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func jpegOf(t *testing.T, picture image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	if b.Len()%2 == 1 {
		b.WriteByte(0)
	}
	return b.Bytes()
}

// twelveBits changes the precision in the frame header (SOF0).
func twelveBits(jpeg []byte) []byte {
	b := bytes.Clone(jpeg)
	b[bytes.Index(b, []byte{0xFF, 0xC0})+4] = 12
	return b
}

// TestColorBytes: the short way to RGB is that of image/color.
func TestColorBytes(t *testing.T) {
	pix := make([]byte, 4)
	for y := 0; y < 256; y += 3 {
		for cb := 0; cb < 256; cb += 5 {
			for cr := range 256 {
				colorBytes(pix, []byte{byte(y), byte(cb), byte(cr)}, true)
				r, g, b := color.YCbCrToRGB(byte(y), byte(cb), byte(cr))
				if pix[0] != r || pix[1] != g || pix[2] != b || pix[3] != 255 {
					t.Fatalf("%d %d %d: %v, want %d %d %d", y, cb, cr, pix, r, g, b)
				}
			}
		}
	}
}
