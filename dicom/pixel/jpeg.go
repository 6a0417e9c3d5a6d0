package pixel

import (
	"bytes"
	"image"
	"image/jpeg"
)

// jpegMaxRatio: a block of 64 samples takes at least one bit, that of its DC
// coefficient.
const jpegMaxRatio = 512

// decodeJPEG reads the DCT-based processes of ISO/IEC 10918-1 of 8 bits (PS3.5
// A.4.1, 8.2.1) and returns RGB where there are three components.
func decodeJPEG(m *Image, data []byte) (frame, error) {
	config, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return frame{}, m.jpegError(err)
	}
	if config.Width != m.columns || config.Height != m.rows {
		return frame{}, failf(Malformed, "the JPEG has %d × %d pixels, the object %d × %d",
			config.Width, config.Height, m.columns, m.rows)
	}
	if err := m.checkRatio(data, jpegMaxRatio); err != nil {
		return frame{}, err
	}
	if m.bitsAllocated != 8 {
		return frame{}, failf(Unsupported, "a JPEG of 8 bits in pixels of %d is not read", m.bitsAllocated)
	}
	decoded, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return frame{}, m.jpegError(err)
	}
	f := m.newFrame(m.frameBytes())
	f.planar = false
	switch picture := decoded.(type) {
	case *image.Gray:
		if m.samples == 1 {
			for y := range m.rows {
				copy(f.data[y*m.columns:(y+1)*m.columns], picture.Pix[y*picture.Stride:])
			}
			return f, nil
		}
	case *image.YCbCr:
		if m.samples == 3 {
			m.interleave(f.data, picture)
			if m.photometric != "RGB" || picture.SubsampleRatio != image.YCbCrSubsampleRatio444 {
				f.photometric = "YBR_FULL"
			}
			return f, nil
		}
	case *image.RGBA: // by an Adobe marker or component names
		if m.samples == 3 {
			for i := range m.rows * m.columns {
				copy(f.data[3*i:3*i+3], picture.Pix[4*i:])
			}
			f.photometric = "RGB"
			return f, nil
		}
	}
	f.release()
	return frame{}, failf(Malformed, "the JPEG and the object differ in their number of components")
}

func (m *Image) jpegError(err error) error {
	if _, ok := err.(jpeg.UnsupportedError); ok {
		return failf(Syntax, "cannot decode transfer syntax %s (%s) yet: %v", m.syntax.Name, m.syntax.UID, err)
	}
	return failf(Malformed, "the JPEG cannot be decoded: %v", err)
}

// interleave writes the three components pixel by pixel. Chroma that is
// subsampled in the usual two ways is interpolated as libjpeg does it.
func (m *Image) interleave(dst []byte, picture *image.YCbCr) {
	var upsample func(row []byte, plane []byte, y int)
	half := (m.columns + 1) / 2
	switch {
	case half > 2 && picture.SubsampleRatio == image.YCbCrSubsampleRatio422:
		upsample = func(row, plane []byte, y int) {
			near := plane[y*picture.CStride:][:half]
			interpolate(row, near, near, 4, 8)
		}
	case half > 2 && picture.SubsampleRatio == image.YCbCrSubsampleRatio420:
		last := (m.rows+1)/2 - 1
		upsample = func(row, plane []byte, y int) {
			far := min(max(y/2-1+y%2*2, 0), last) // the row above for even y, below for odd
			interpolate(row, plane[y/2*picture.CStride:][:half], plane[far*picture.CStride:][:half], 8, 7)
		}
	default:
		upsample = func(row, plane []byte, y int) {
			for x := range row {
				row[x] = plane[picture.COffset(x, y)]
			}
		}
	}
	cb, cr := make([]byte, m.columns), make([]byte, m.columns)
	for y := range m.rows {
		upsample(cb, picture.Cb, y)
		upsample(cr, picture.Cr, y)
		for x, luma := range picture.Y[y*picture.YStride:][:m.columns] {
			dst[0], dst[1], dst[2] = luma, cb[x], cr[x]
			dst = dst[3:]
		}
	}
}

// interpolate doubles a row by the triangle filter: each sample is 3/4 of the
// nearer and 1/4 of the further one, in both directions. The rounding differs
// for even and odd samples so that it has no bias.
func interpolate(row, near, far []byte, even, odd int) {
	sum := func(i int) int {
		i = min(max(i, 0), len(near)-1)
		return 3*int(near[i]) + int(far[i])
	}
	before, here := sum(0), sum(0)
	for i := range near {
		after := sum(i + 1)
		row[2*i] = byte((3*here + before + even) >> 4)
		if 2*i+1 < len(row) {
			row[2*i+1] = byte((3*here + after + odd) >> 4)
		}
		before, here = here, after
	}
}
