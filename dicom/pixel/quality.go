package pixel

import (
	"fmt"
	"image"
	"math"
)

// The bounds of [Quality], in pixels and grey levels of 255. A CT slice is
// mostly black and an ultrasound picture dark, so they are wide.
const (
	minSide       = 32  // a shorter picture shows nothing
	blankSpread   = 4   // all but 0.2 % of a blank picture lies within
	darkLevel     = 40  // 99 % of a picture too dark lies below
	contrastLevel = 24  // 98 % of a picture without contrast lies within
	saturatedPart = 0.7 // of the pixels are white
)

// Quality says whether a picture is fit to be judged, and if not, why, with the
// measure: too small, blank, saturated, too dark, too little contrast.
func Quality(picture image.Image) (ok bool, reason string) {
	size := picture.Bounds().Size()
	if side := min(size.X, size.Y); side < minSide {
		return false, fmt.Sprintf("too small: %d × %d pixels; the shorter side needs %d", size.X, size.Y, minSide)
	}
	counts := greyCounts(picture)
	total := uint32(size.X * size.Y)
	level := func(part float64) int { return rank(counts[:], uint32(part*float64(total-1))) }
	if spread := level(0.999) - level(0.001); spread < blankSpread {
		return false, fmt.Sprintf("blank: the grey levels differ by %d of 255", spread)
	}
	if white := float64(counts[254]+counts[255]) / float64(total); white > saturatedPart {
		return false, fmt.Sprintf("saturated: %.0f %% of the pixels are white", 100*white)
	}
	if bright := level(0.99); bright < darkLevel {
		return false, fmt.Sprintf("too dark: 99 %% of the pixels are at most %d of 255", bright)
	}
	if spread := level(0.99) - level(0.01); spread < contrastLevel {
		return false, fmt.Sprintf("too little contrast: 98 %% of the pixels are within %d of 255", spread)
	}
	return true, ""
}

// Content measures how much a picture shows: the entropy of its grey levels in
// bits, 0 for a blank picture and at most 8.
func Content(picture image.Image) float64 {
	size := picture.Bounds().Size()
	entropy, total := 0.0, float64(size.X*size.Y)
	for _, n := range greyCounts(picture) {
		if n > 0 {
			p := float64(n) / total
			entropy -= p * math.Log2(p)
		}
	}
	return entropy
}

// greyCounts is the histogram of the luma (ITU-R BT.601) of a picture.
func greyCounts(picture image.Image) *[256]uint32 {
	var counts [256]uint32
	size := picture.Bounds().Size()
	switch p := picture.(type) {
	case *image.Gray:
		for y := range size.Y {
			for _, v := range p.Pix[y*p.Stride:][:size.X] {
				counts[v]++
			}
		}
	case *image.NRGBA:
		for y := range size.Y {
			row := p.Pix[y*p.Stride:][:4*size.X]
			for ; len(row) > 0; row = row[4:] {
				counts[(299*int(row[0])+587*int(row[1])+114*int(row[2]))/1000]++
			}
		}
	default:
		b := picture.Bounds()
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				r, g, b, _ := picture.At(x, y).RGBA()
				counts[(299*r+587*g+114*b)/(1000*0x101)]++
			}
		}
	}
	return &counts
}
