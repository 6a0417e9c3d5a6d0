package codec

// upsample brings the components to the size of the image and writes them
// pixel by pixel. Chroma subsampled in the usual two ways is interpolated as
// libjpeg does it, other is repeated.
func (j *jpegStream) upsample(dst []byte) {
	n := len(j.components)
	row := make([]uint16, j.columns+1)
	for k := range j.components {
		c := &j.components[k]
		for y := range j.rows {
			c.upsampledRow(row, y, j.maxH, j.maxV)
			storeRow(dst, row[:j.columns], n*y*j.columns+k, n, j.format.BitsAllocated)
		}
	}
}

// upsampledRow computes row y of the image.
func (c *component) upsampledRow(row []uint16, y, maxH, maxV int) {
	at := y * c.v / maxV
	near := c.samples[at*c.stride:][:c.columns]
	switch {
	case maxH == 2*c.h && maxV == c.v && c.columns > 2:
		interpolate(row, near, near, 4, 8)
	case maxH == 2*c.h && maxV == 2*c.v && c.columns > 2:
		far := min(max(at-1+y%2*2, 0), c.rows-1) // the row above for even y, below for odd
		interpolate(row, near, c.samples[far*c.stride:][:c.columns], 8, 7)
	default:
		for x := range row[:len(row)-1] {
			row[x] = near[x*c.h/maxH]
		}
	}
}

// interpolate doubles a row by the triangle filter: each sample is 3/4 of the
// nearer and 1/4 of the further one, in both directions. The rounding differs
// for even and odd samples so that it has no bias.
func interpolate(row, near, far []uint16, even, odd int) {
	sum := func(i int) int {
		i = min(max(i, 0), len(near)-1)
		return 3*int(near[i]) + int(far[i])
	}
	before, here := sum(0), sum(0)
	for i := range near {
		after := sum(i + 1)
		row[2*i] = uint16((3*here + before + even) >> 4)
		if 2*i+1 < len(row) {
			row[2*i+1] = uint16((3*here + after + odd) >> 4)
		}
		before, here = here, after
	}
}
