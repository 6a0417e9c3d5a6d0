package inference

import (
	"fmt"
	"image"
	"math"
)

// ImageSpec says how a pack wants its pictures: cropped, windowed, resized, normalised, in this order.
type ImageSpec struct {
	Size     int          `yaml:"size"`     // pixels: both sides (exact, letterbox) or the longer (long_side)
	Resize   string       `yaml:"resize"`   // exact | long_side | letterbox (centred on black)
	Channels int          `yaml:"channels"` // 1 or 3
	Mean     []float32    `yaml:"mean"`     // per channel, of values 0..1
	Std      []float32    `yaml:"std"`
	Crop     *CropSpec    `yaml:"crop"`   // absent: not cropped
	Window   *PercentSpec `yaml:"window"` // absent: levels kept
}

// CropSpec takes off the dark border: lines in which fewer than Share of the pixels are above Level.
type CropSpec struct {
	Level int     `yaml:"level"` // 0..254
	Share float64 `yaml:"share"` // 0..1, counted in thousandths
}

// PercentSpec stretches the levels between two percentiles of the luminance to 0..255.
type PercentSpec struct {
	Low  float64 `yaml:"low"` // percent, counted in tenths
	High float64 `yaml:"high"`
}

func (s ImageSpec) check() error {
	switch {
	case s.Size < 8 || s.Size > 4096:
		return fmt.Errorf("image.size is %d; want 8 to 4096", s.Size)
	case s.Resize != "exact" && s.Resize != "long_side" && s.Resize != "letterbox":
		return fmt.Errorf("image.resize is %q; want exact, long_side or letterbox", s.Resize)
	case s.Channels != 1 && s.Channels != 3:
		return fmt.Errorf("image.channels is %d; want 1 or 3", s.Channels)
	case len(s.Mean) != s.Channels || len(s.Std) != s.Channels:
		return fmt.Errorf("image.mean and image.std must have %d values each", s.Channels)
	case s.Crop != nil && (s.Crop.Level < 0 || s.Crop.Level > 254 || s.Crop.Share < 0 || s.Crop.Share > 1):
		return fmt.Errorf("image.crop wants a level of 0 to 254 and a share of 0 to 1")
	case s.Window != nil && (s.Window.Low < 0 || s.Window.High > 100 || s.Window.Low >= s.Window.High):
		return fmt.Errorf("image.window wants 0 ≤ low < high ≤ 100")
	}
	for _, std := range s.Std {
		if !(std > 0) {
			return fmt.Errorf("image.std holds %v; every value must be above 0", std)
		}
	}
	return nil
}

// prepare makes the pack's 8-bit picture.
func (s ImageSpec) prepare(img image.Image) (raster, error) {
	b := img.Bounds()
	if b.Dx() < 1 || b.Dy() < 1 {
		return raster{}, fmt.Errorf("inference: the picture is empty (%d×%d)", b.Dx(), b.Dy())
	}
	r := rasterOf(img)
	if s.Channels == 1 {
		r = r.luma()
	}
	if s.Crop != nil {
		r = r.sub(s.Crop.box(r.luma()))
	}
	if s.Window != nil {
		r = s.Window.stretch(r)
	}
	return s.resize(r).compact(), nil
}

func (s ImageSpec) resize(r raster) raster {
	if s.Resize == "exact" {
		return r.resize(s.Size, s.Size)
	}
	longest := max(r.w, r.h)
	side := func(n int) int { // Python's round: halves go to the even number
		return max(1, int(math.RoundToEven(float64(n*s.Size)/float64(longest))))
	}
	r = r.resize(side(r.w), side(r.h))
	if s.Resize == "long_side" {
		return r
	}
	canvas := newRaster(s.Size, s.Size, r.c)
	left, top := (s.Size-r.w)/2, (s.Size-r.h)/2
	for y := range r.h {
		copy(canvas.row(top + y)[left*r.c:], r.row(y))
	}
	return canvas
}

// box spans from the first to the last line, in both directions, that holds enough bright pixels.
func (c CropSpec) box(luma raster) image.Rectangle {
	inRow, inColumn := make([]int, luma.h), make([]int, luma.w)
	for y := range luma.h {
		for x, v := range luma.row(y) {
			if int(v) > c.Level {
				inRow[y]++
				inColumn[x]++
			}
		}
	}
	permille := int(math.RoundToEven(c.Share * 1000))
	top, bottom := span(inRow, permille*luma.w)
	left, right := span(inColumn, permille*luma.h)
	return image.Rect(left, top, right, bottom)
}

// span finds the first and the end of the counts that reach need thousandths; all of them if none does.
func span(counts []int, need int) (first, end int) {
	first = -1
	for i, n := range counts {
		if n*1000 >= need {
			if first < 0 {
				first = i
			}
			end = i + 1
		}
	}
	if first < 0 {
		return 0, len(counts)
	}
	return first, end
}

// stretch maps the levels, all channels by the luminance's percentiles.
func (p PercentSpec) stretch(r raster) raster {
	var histogram [256]int
	luma := r.luma()
	for y := range luma.h {
		for _, v := range luma.row(y) {
			histogram[v]++
		}
	}
	low, high := percentile(histogram, r.w*r.h, p.Low), percentile(histogram, r.w*r.h, p.High)
	if high <= low {
		return r
	}
	var table [256]uint8
	for v := range table {
		table[v] = uint8(min(255, max(0, ((v-low)*510+high-low)/(2*(high-low)))))
	}
	return r.levels(&table)
}

// percentile is the smallest level whose cumulative count reaches the given percent of all pixels.
func percentile(histogram [256]int, total int, percent float64) int {
	need := int(math.RoundToEven(percent*10)) * total
	sum := 0
	for level, n := range histogram {
		if sum += n; sum*1000 >= need {
			return level
		}
	}
	return 255
}

// pixels turns the prepared picture into float32 [1, C, H, W]: (v/255 − mean)/std, each step in float32.
func (s ImageSpec) pixels(r raster) Tensor {
	plane := r.w * r.h
	data := make([]float32, s.Channels*plane)
	for c := range s.Channels {
		var table [256]float32
		for v := range table {
			table[v] = (float32(v)/255 - s.Mean[c]) / s.Std[c]
		}
		from := min(c, r.c-1)
		out := data[c*plane:][:plane]
		for i := range out {
			out[i] = table[r.pix[i*r.c+from]]
		}
	}
	return Tensor{Shape: []int64{1, int64(s.Channels), int64(r.h), int64(r.w)}, Floats: data}
}
