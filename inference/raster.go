package inference

import (
	"image"
	"image/color"
)

// A raster is an 8-bit picture with one (grey) or four (red, green, blue, and one that means nothing) bytes a pixel.
type raster struct {
	w, h, c int
	stride  int // from one row to the next, in bytes
	pix     []uint8
}

func newRaster(w, h, c int) raster { return raster{w, h, c, w * c, make([]uint8, w*h*c)} }

func (r raster) row(y int) []uint8 { return r.pix[y*r.stride:][:r.w*r.c] }

// rasterOf reads a picture, in its own memory if it can; transparency is dropped, not blended, as Pillow's
// convert('RGB') does.
func rasterOf(img image.Image) raster {
	b := img.Bounds()
	switch img := img.(type) {
	case *image.Gray:
		return raster{b.Dx(), b.Dy(), 1, img.Stride, img.Pix[img.PixOffset(b.Min.X, b.Min.Y):]}
	case *image.NRGBA:
		return raster{b.Dx(), b.Dy(), 4, img.Stride, img.Pix[img.PixOffset(b.Min.X, b.Min.Y):]}
	case *image.RGBA:
		if img.Opaque() {
			return raster{b.Dx(), b.Dy(), 4, img.Stride, img.Pix[img.PixOffset(b.Min.X, b.Min.Y):]}
		}
	}
	r := newRaster(b.Dx(), b.Dy(), 4)
	for y := range r.h {
		anyRGB(r.row(y), img, b.Min.X, b.Min.Y+y)
	}
	return r
}

func anyRGB(to []uint8, img image.Image, x0, y int) {
	for x := range len(to) / 4 {
		c := color.NRGBAModel.Convert(img.At(x0+x, y)).(color.NRGBA)
		to[4*x], to[4*x+1], to[4*x+2] = c.R, c.G, c.B
	}
}

// image returns the raster as *image.Gray or opaque *image.RGBA.
func (r raster) image() image.Image {
	bounds := image.Rect(0, 0, r.w, r.h)
	if r.c == 1 {
		return &image.Gray{Pix: r.pix, Stride: r.stride, Rect: bounds}
	}
	out := image.NewRGBA(bounds)
	for y := range r.h {
		copy(out.Pix[y*out.Stride:], r.row(y))
	}
	for i := 3; i < len(out.Pix); i += 4 {
		out.Pix[i] = 255
	}
	return out
}

// luma returns the picture in grey with Pillow's weights for mode L (ITU-R 601-2, 16-bit fixed point).
func (r raster) luma() raster {
	if r.c == 1 {
		return r
	}
	out := newRaster(r.w, r.h, 1)
	for y := range r.h {
		from, to := r.row(y), out.row(y)
		for x := range to {
			p := from[4*x:][:3]
			to[x] = uint8((uint32(p[0])*19595 + uint32(p[1])*38470 + uint32(p[2])*7471 + 0x8000) >> 16)
		}
	}
	return out
}

// sub is the part of the picture in the given box.
func (r raster) sub(box image.Rectangle) raster {
	return raster{box.Dx(), box.Dy(), r.c, r.stride, r.pix[box.Min.Y*r.stride+box.Min.X*r.c:]}
}

// compact returns the picture in memory that holds nothing else.
func (r raster) compact() raster {
	if len(r.pix) == r.w*r.c*r.h {
		return r
	}
	out := newRaster(r.w, r.h, r.c)
	for y := range r.h {
		copy(out.row(y), r.row(y))
	}
	return out
}

// levels returns the picture with its levels mapped.
func (r raster) levels(table *[256]uint8) raster {
	out := newRaster(r.w, r.h, r.c)
	for y := range r.h {
		to := out.row(y)
		for i, v := range r.row(y) {
			to[i] = table[v]
		}
	}
	return out
}
