package inference

import (
	"image"
	"math"
	"runtime"
	"sync"
)

// Resize scales a picture to w×h exactly as Pillow does with BICUBIC: a = −0.5, the support widened when
// shrinking, the horizontal pass before the vertical one, 8 bits between them, weights in fixed point
// (ImagingResample, 8 bits per channel). A *image.Gray stays grey, any other picture comes back as opaque
// *image.RGBA. w and h must be positive and the picture not empty.
func Resize(img image.Image, w, h int) image.Image {
	return rasterOf(img).resize(w, h).image()
}

// precisionBits is Pillow's PRECISION_BITS, 32-8-2: room for the sign and for overshoot.
const precisionBits = 32 - 8 - 2

// taps are the source pixels and weights of one target pixel.
type taps struct {
	first   int
	weights []int32
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

// weigh computes the taps of every target pixel along one axis.
func weigh(from, to int) []taps {
	scale := float64(from) / float64(to)
	stretch := max(scale, 1)
	support := 2 * stretch
	all := make([]taps, to)
	weights := make([]float64, int(math.Ceil(support))*2+1)
	for i := range all {
		centre := (float64(i) + 0.5) * scale
		first := max(int(centre-support+0.5), 0)
		count := min(int(centre+support+0.5), from) - first
		sum := 0.0
		for k := range count {
			weights[k] = bicubic((float64(k+first) - centre + 0.5) * (1 / stretch))
			sum += weights[k]
		}
		all[i] = taps{first, make([]int32, count)}
		for k := range count {
			weight := weights[k]
			if sum != 0 {
				weight /= sum
			}
			fixed := float64(weight * (1 << precisionBits))
			all[i].weights[k] = int32(fixed + math.Copysign(0.5, fixed))
		}
	}
	return all
}

func clip8(sum int32) uint8 {
	return uint8(min(max(sum>>precisionBits, 0), 255))
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
	columns := weigh(r.w, w)
	inRows(r.h, func(y int) {
		row, to := r.row(y), out.row(y)
		if r.c == 1 {
			shrinkGray(to, row, columns)
		} else {
			shrinkRGB(to, row, columns)
		}
	})
	return out
}

func shrinkGray(to, row []uint8, columns []taps) {
	for x, t := range columns {
		sum := int32(1 << (precisionBits - 1))
		from := row[t.first:][:len(t.weights)]
		for i, weight := range t.weights {
			sum += int32(from[i]) * weight
		}
		to[x] = clip8(sum)
	}
}

func shrinkRGB(to, row []uint8, columns []taps) {
	for x, t := range columns {
		red, green, blue := int32(1<<(precisionBits-1)), int32(1<<(precisionBits-1)), int32(1<<(precisionBits-1))
		from := row[3*t.first:][:3*len(t.weights)]
		for i, weight := range t.weights {
			pixel := from[3*i:][:3]
			red += int32(pixel[0]) * weight
			green += int32(pixel[1]) * weight
			blue += int32(pixel[2]) * weight
		}
		to[3*x], to[3*x+1], to[3*x+2] = clip8(red), clip8(green), clip8(blue)
	}
}

func (r raster) resizeHeight(h int) raster {
	out := newRaster(r.w, h, r.c)
	rows := weigh(r.h, h)
	inRows(h, func(y int) {
		sums := make([]int32, r.w*r.c)
		for i := range sums {
			sums[i] = 1 << (precisionBits - 1)
		}
		for i, weight := range rows[y].weights {
			for x, v := range r.row(rows[y].first + i)[:len(sums)] {
				sums[x] += int32(v) * weight
			}
		}
		to := out.row(y)
		for x, sum := range sums {
			to[x] = clip8(sum)
		}
	})
	return out
}

// inRows calls do for each of n rows, on all processors.
func inRows(n int, do func(y int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	var wait sync.WaitGroup
	for worker := range workers {
		wait.Go(func() {
			for y := n * worker / workers; y < n*(worker+1)/workers; y++ {
				do(y)
			}
		})
	}
	wait.Wait()
}
