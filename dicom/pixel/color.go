package pixel

import (
	"encoding/binary"
	"image"
	"image/color"

	"concord/dicom"
)

// color renders a frame of three samples per pixel (PS3.3 C.7.6.3.1.2).
func (m *Image) color(f frame) image.Image {
	picture := image.NewNRGBA(image.Rect(0, 0, m.columns, m.rows))
	ybr := f.photometric != "RGB"
	pix := picture.Pix
	if m.bitsAllocated == 8 && !f.planar && !m.subsampled {
		colorBytes(pix, f.data, ybr)
		return picture
	}
	at := m.sampleReader(f)
	for i := range m.rows * m.columns {
		a, b, c := at(i)
		if ybr {
			a, b, c = color.YCbCrToRGB(a, b, c)
		}
		putPixel(pix[4*i:], a, b, c)
	}
	return picture
}

// colorBytes renders the usual layout: three bytes for each pixel.
func colorBytes(pix, data []byte, ybr bool) {
	for ; len(pix) >= 4 && len(data) >= 3; pix, data = pix[4:], data[3:] {
		if !ybr {
			putPixel(pix, data[0], data[1], data[2])
			continue
		}
		// The sums of color.YCbCrToRGB, which is too large to be inlined.
		y, cb, cr := int32(data[0])*0x10101, int32(data[1])-128, int32(data[2])-128
		putPixel(pix, top(y+91881*cr), top(y-22554*cb-46802*cr), top(y+116130*cb))
	}
}

// top returns v in 8 bits, of 16 bits behind the point.
func top(v int32) byte {
	if uint32(v)>>24 == 0 {
		return byte(v >> 16)
	}
	return byte(^(v >> 31))
}

func putPixel(pix []byte, r, g, b byte) {
	binary.LittleEndian.PutUint32(pix, uint32(r)|uint32(g)<<8|uint32(b)<<16|0xFF<<24)
}

// sampleReader returns a function that gives the three samples of pixel i in 8
// bits.
func (m *Image) sampleReader(f frame) func(i int) (a, b, c byte) {
	data, pixels := f.data, m.rows*m.columns
	if m.subsampled {
		return func(i int) (byte, byte, byte) { // two Y, then Cb and Cr of both
			pair := data[i/2*4 : i/2*4+4]
			return pair[i%2], pair[2], pair[3]
		}
	}
	next, stride := 1, 3
	if f.planar {
		next, stride = pixels, 1
	}
	if m.bitsAllocated == 8 {
		return func(i int) (byte, byte, byte) {
			i *= stride
			return data[i], data[i+next], data[i+2*next]
		}
	}
	var order binary.ByteOrder = binary.LittleEndian
	if f.bigEndian {
		order = binary.BigEndian
	}
	shift := m.highBit - 7 // the highest 8 bits; negative only if fewer are stored
	wide := m.bitsAllocated == 32
	sample := func(i int) byte {
		var v uint32
		if wide {
			v = order.Uint32(data[4*i:])
		} else {
			v = uint32(order.Uint16(data[2*i:]))
		}
		if shift < 0 {
			return byte(v << -shift)
		}
		return byte(v >> shift)
	}
	return func(i int) (byte, byte, byte) {
		i *= stride
		return sample(i), sample(i + next), sample(i + 2*next)
	}
}

// palette renders a frame of PALETTE COLOR (PS3.3 C.7.6.3.1.5).
func (m *Image) palette(f frame) (image.Image, error) {
	if m.bitsAllocated > 16 {
		return nil, failf(Unsupported, "a palette for pixels of %d bits is not read", m.bitsAllocated)
	}
	d := m.obj.DataSet
	red := readPaletteLUT(d, dicom.RedPaletteColorLookupTableDescriptor, dicom.RedPaletteColorLookupTableData,
		dicom.SegmentedRedPaletteColorLookupTableData, m.signed)
	green := readPaletteLUT(d, dicom.GreenPaletteColorLookupTableDescriptor, dicom.GreenPaletteColorLookupTableData,
		dicom.SegmentedGreenPaletteColorLookupTableData, m.signed)
	blue := readPaletteLUT(d, dicom.BluePaletteColorLookupTableDescriptor, dicom.BluePaletteColorLookupTableData,
		dicom.SegmentedBluePaletteColorLookupTableData, m.signed)
	if red == nil || green == nil || blue == nil {
		return nil, failf(Malformed, "the palette is missing or damaged")
	}
	picture := image.NewNRGBA(image.Rect(0, 0, m.columns, m.rows))
	paint := func(pix []byte, c cells) {
		for i := range len(pix) / 4 {
			v := m.stored(c, i)
			putPixel(pix[4*i:], byte(red.at(v)), byte(green.at(v)), byte(blue.at(v)))
		}
	}
	c := m.unpack(f)
	defer c.release()
	if c.bytes > 1 {
		paint(picture.Pix, c)
		return picture, nil
	}
	var every [256]byte
	for i := range every {
		every[i] = byte(i)
	}
	var colors [4 * len(every)]byte
	paint(colors[:], cells{data: every[:], bytes: 1})
	pix := picture.Pix
	for _, raw := range c.data[:m.rows*m.columns] {
		copy(pix[:4], colors[4*int(raw):])
		pix = pix[4:]
	}
	return picture, nil
}

// stored returns the stored value of cell i.
func (m *Image) stored(c cells, i int) int {
	v := 0
	switch {
	case c.bytes == 1:
		v = int(c.data[i])
	case c.swapped:
		v = int(binary.BigEndian.Uint16(c.data[2*i:]))
	default:
		v = int(binary.LittleEndian.Uint16(c.data[2*i:]))
	}
	mask := 1<<m.bitsStored - 1
	v = v >> (m.highBit + 1 - m.bitsStored) & mask
	if m.signed && v > mask>>1 {
		v -= mask + 1
	}
	return v
}
