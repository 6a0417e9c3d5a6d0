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

// Defect is what makes a picture unfit to be judged, with its measure.
type Defect struct {
	Kind    DefectKind
	Measure int // see the kinds
}

// DefectKind is a kind of defect.
type DefectKind string

// The kinds, and what their measure is.
const (
	TooSmall   DefectKind = "too small"           // pixels of the shorter side
	Blank      DefectKind = "blank"               // grey levels of 255 between its extremes
	Saturated  DefectKind = "saturated"           // per cent of the pixels that are white
	TooDark    DefectKind = "too dark"            // grey level that 99 % do not pass
	NoContrast DefectKind = "too little contrast" // grey levels that hold 98 %
)

func (d *Defect) Error() string {
	return fmt.Sprintf(map[DefectKind]string{
		TooSmall:   "too small: the shorter side has %d pixels",
		Blank:      "blank: the grey levels differ by %d of 255",
		Saturated:  "saturated: %d %% of the pixels are white",
		TooDark:    "too dark: 99 %% of the pixels are at most %d of 255",
		NoContrast: "too little contrast: 98 %% of the pixels are within %d of 255",
	}[d.Kind], d.Measure)
}

// Quality says what makes a picture unfit to be judged; nil: it is fit.
func Quality(picture image.Image) *Defect {
	size := picture.Bounds().Size()
	if side := min(size.X, size.Y); side < minSide {
		return &Defect{TooSmall, side}
	}
	counts := greyCounts(picture)
	total := uint32(size.X * size.Y)
	level := func(part float64) int { return rank(counts[:], uint32(part*float64(total-1))) }
	if spread := level(0.999) - level(0.001); spread < blankSpread {
		return &Defect{Blank, spread}
	}
	if white := float64(counts[254]+counts[255]) / float64(total); white > saturatedPart {
		return &Defect{Saturated, int(100*white + 0.5)}
	}
	if bright := level(0.99); bright < darkLevel {
		return &Defect{TooDark, bright}
	}
	if spread := level(0.99) - level(0.01); spread < contrastLevel {
		return &Defect{NoContrast, spread}
	}
	return nil
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
