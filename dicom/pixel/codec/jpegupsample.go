package codec

// upsample brings the components to the size of the image and writes them
// pixel by pixel. Chroma subsampled in the usual two ways is interpolated as
// libjpeg does it, other is repeated.
func (j *jpegStream) upsample(dst []byte) {
	n := len(j.components)
	buffer := make([]uint16, j.columns+1)
	for k := range j.components {
		c := &j.components[k]
		for y := range j.rows {
			row := c.upsampledRow(buffer, y, j.maxH, j.maxV)
			storeRow(dst, row[:j.columns], n*y*j.columns+k, n, j.format.BitsAllocated)
		}
	}
}

// upsampledRow returns row y of the image, in the buffer or where it is.
func (c *component) upsampledRow(buffer []uint16, y, maxH, maxV int) []uint16 {
	at := y * c.v / maxV
	near := c.samples[at*c.stride:][:c.columns]
	switch {
	case maxH == c.h:
		return near
	case maxH == 2*c.h && maxV == c.v && c.columns > 2:
		interpolate(buffer, near, near, 4, 8)
	case maxH == 2*c.h && maxV == 2*c.v && c.columns > 2:
		far := min(max(at-1+y%2*2, 0), c.rows-1) // the row above for even y, below for odd
		interpolate(buffer, near, c.samples[far*c.stride:][:c.columns], 8, 7)
	default:
		for x := range buffer[:len(buffer)-1] {
			buffer[x] = near[x*c.h/maxH]
		}
	}
	return buffer
}

// interpolate doubles a row by the triangle filter: each sample is 3/4 of the
// nearer and 1/4 of the further one, in both directions. The rounding differs
// for even and odd samples so that it has no bias. row has room for an even
// number of samples.
func interpolate(row, near, far []uint16, even, odd int) {
	far = far[:len(near)]
	here := 3*int(near[0]) + int(far[0])
	before := here
	for i := range near {
		after := here
		if i+1 < len(near) {
			after = 3*int(near[i+1]) + int(far[i+1])
		}
		pair := row[2*i : 2*i+2]
		pair[0] = uint16((3*here + before + even) >> 4)
		pair[1] = uint16((3*here + after + odd) >> 4)
		before, here = here, after
	}
}
