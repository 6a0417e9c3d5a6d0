package inference

// #cgo CFLAGS: -O3
// #include "resize.h"
import "C"

import (
	"image"
	"math"
	"unsafe"
)

// Resize scales a picture to w×h exactly as Pillow does with BICUBIC: a = −0.5, the support widened when
// shrinking, the horizontal pass before the vertical one, 8 bits between them, weights in fixed point
// (ImagingResample, 8 bits per channel). A *image.Gray stays grey, any other picture comes back as opaque
// *image.RGBA; at its own size it may share the memory of img. w and h must be positive and the picture not empty.
func Resize(img image.Image, w, h int) image.Image {
	return rasterOf(img).resize(w, h).image()
}

// onAnyProcessor has the following pictures resized without special instructions, for tests.
func onAnyProcessor(plain bool) {
	C.concord_any_processor = 0
	if plain {
		C.concord_any_processor = 1
	}
}

// bicubic is the Keys kernel with a = −0.5. The conversions keep the compiler from fusing a multiplication
// with an addition, which would round otherwise than Pillow on some processors.
func bicubic(x float64) float64 {
	const a = -0.5
	x = math.Abs(x)
	switch {
	case x < 1:
		inner := float64(float64((a+2)*x)-(a+3)) * x
		return float64(inner*x) + 1
	case x < 2:
		inner := float64((x-5)*x) + 8
		return (float64(inner*x) - 4) * a
	}
	return 0
}

// weigh computes the taps of every target line along one axis, in rows of width numbers: the first source
// line, how many there are, their weights.
func weigh(from, to int) (taps []int32, width int) {
	scale := float64(from) / float64(to)
	stretch := max(scale, 1)
	support := 2 * stretch
	width = int(math.Ceil(support))*2 + 1 + 2
	taps = make([]int32, to*width)
	weights := make([]float64, width-2)
	for i := range to {
		centre := (float64(i) + 0.5) * scale
		first := max(int(centre-support+0.5), 0)
		count := min(int(centre+support+0.5), from) - first
		sum := 0.0
		for k := range count {
			weights[k] = bicubic((float64(k+first) - centre + 0.5) * (1 / stretch))
			sum += weights[k]
		}
		row := taps[i*width:][:width]
		row[0], row[1] = int32(first), int32(count)
		for k, weight := range weights[:count] {
			if sum != 0 {
				weight /= sum
			}
			fixed := float64(weight * (1 << C.concord_precision))
			row[2+k] = int32(fixed + math.Copysign(0.5, fixed))
		}
	}
	return taps, width
}

// resize returns the raster at w×h.
func (r raster) resize(w, h int) raster {
	if w != r.w {
		r = r.resizeWidth(w)
	}
	if h != r.h {
		r = r.resizeHeight(h)
	}
	return r
}

func (r raster) resizeWidth(w int) raster {
	out := newRaster(w, r.h, r.c)
	taps, width := weigh(r.w, w)
	row, scratch := make([]int32, C.concord_block*w), make([]uint8, C.concord_block*(r.w+w))
	C.concord_shrink_columns(start(out.pix), C.size_t(out.stride), C.int(w), start(r.pix), C.size_t(r.stride), C.int(r.w), C.int(r.h), C.int(r.c),
		words(taps), C.int(width), words(row), start(scratch))
	return out
}

func (r raster) resizeHeight(h int) raster {
	out := newRaster(r.w, h, r.c)
	taps, width := weigh(r.h, h)
	row := make([]int32, r.w*r.c)
	C.concord_shrink_rows(start(out.pix), C.size_t(out.stride), C.int(h), start(r.pix), C.size_t(r.stride), C.int(r.w*r.c),
		words(taps), C.int(width), words(row))
	return out
}

func start(b []uint8) *C.uint8_t { return (*C.uint8_t)(unsafe.Pointer(&b[0])) }

func words(w []int32) *C.int32_t { return (*C.int32_t)(unsafe.Pointer(&w[0])) }
