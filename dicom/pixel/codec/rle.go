package codec

import "encoding/binary"

const (
	rleHeader   = 64 // PS3.5 G.5: segment count and 15 offsets
	rleMaxRatio = 64 // a run of 128 bytes takes two
)

// decodeRLE reads RLE Lossless (PS3.5 Annex G): one segment for each byte of
// each sample, the most significant byte first.
func decodeRLE(f *Format, data, dst []byte) (Layout, error) {
	pixels := f.Rows * f.Columns
	width := (f.BitsAllocated + 7) / 8 // bytes of a sample
	planes := f.Samples * width
	if f.BitsAllocated == 1 {
		pixels, planes = (pixels+7)/8, 1
	} else if f.BitsAllocated%8 != 0 {
		return Layout{}, failf(Unsupported, "RLE of %d bits is not read", f.BitsAllocated)
	}
	if err := f.checkRatio(data, rleMaxRatio); err != nil {
		return Layout{}, err
	}
	segments, err := rleSegments(data, planes)
	if err != nil {
		return Layout{}, err
	}
	for i, segment := range segments {
		sample, significance := i/width, i%width
		plane := dst[sample*width*pixels:]
		if !unpackBits(plane, width-1-significance, width, pixels, segment) {
			return Layout{}, failf(Truncated, "RLE segment %d ends early", i+1)
		}
	}
	return Layout{Planar: true, Photometric: f.Photometric}, nil
}

// rleSegments reads the header of a frame (PS3.5 G.5) and returns its segments.
func rleSegments(data []byte, planes int) ([][]byte, error) {
	if len(data) < rleHeader {
		return nil, failf(Truncated, "an RLE frame has no header")
	}
	count := binary.LittleEndian.Uint32(data)
	if int64(count) != int64(planes) {
		return nil, failf(Malformed, "an RLE frame has %d segments; its pixels need %d", count, planes)
	}
	if count > (rleHeader-4)/4 {
		return nil, failf(Malformed, "an RLE frame has at most 15 segments, not %d", count)
	}
	segments := make([][]byte, count)
	for i := range segments {
		start, end := binary.LittleEndian.Uint32(data[4+4*i:]), uint32(len(data))
		if i+1 < len(segments) {
			end = binary.LittleEndian.Uint32(data[8+4*i:])
		}
		if start < rleHeader || start > end || int64(end) > int64(len(data)) {
			return nil, failf(Malformed, "RLE segment %d lies outside its frame", i+1)
		}
		segments[i] = data[start:end]
	}
	return segments, nil
}

// unpackBits expands a segment (PS3.5 G.3.2) into count bytes of dst, from
// offset on with the given stride; false if the segment has fewer.
func unpackBits(dst []byte, offset, stride, count int, segment []byte) bool {
	at, end := offset, offset+stride*count
	for at < end && len(segment) > 1 {
		n := int(int8(segment[0]))
		switch {
		case n >= 0:
			literal := segment[1:min(n+2, len(segment))]
			segment = segment[1+len(literal):]
			if stride == 1 {
				at += copy(dst[at:end], literal)
				continue
			}
			for _, b := range literal {
				if at >= end {
					break
				}
				dst[at] = b
				at += stride
			}
		case n == -128:
			segment = segment[1:]
		default:
			b := segment[1]
			segment = segment[2:]
			for range min(1-n, (end-at+stride-1)/stride) {
				dst[at] = b
				at += stride
			}
		}
	}
	return at >= end
}
