package inference

import (
	"image"
	"image/color"
)

// A raster is an 8-bit picture with one (grey) or three (RGB) interleaved channels.
type raster struct {
	w, h, c int
	pix     []uint8
}

func newRaster(w, h, c int) raster { return raster{w, h, c, make([]uint8, w*h*c)} }

func (r raster) row(y int) []uint8 { return r.pix[y*r.w*r.c:][:r.w*r.c] }

// rasterOf copies a picture; transparency is dropped, not blended, as Pillow's convert('RGB') does.
func rasterOf(img image.Image) raster {
	b := img.Bounds()
	if gray, ok := img.(*image.Gray); ok {
		r := newRaster(b.Dx(), b.Dy(), 1)
		for y := range r.h {
			copy(r.row(y), gray.Pix[gray.PixOffset(b.Min.X, b.Min.Y+y):][:r.w])
		}
		return r
	}
	r := newRaster(b.Dx(), b.Dy(), 3)
	pix, stride := fourBytes(img)
	for y := range r.h {
		if pix != nil {
			dropAlpha(r.row(y), pix[y*stride:])
		} else {
			anyRGB(r.row(y), img, b.Min.X, b.Min.Y+y)
		}
	}
	return r
}

// fourBytes gives the memory of a picture that holds its colours as they are, four bytes a pixel.
func fourBytes(img image.Image) (pix []uint8, stride int) {
	switch img := img.(type) {
	case *image.NRGBA:
		return img.Pix, img.Stride
	case *image.RGBA:
		if img.Opaque() {
			return img.Pix, img.Stride
		}
	}
	return nil, 0
}

func dropAlpha(to, from []uint8) {
	for x := range len(to) / 3 {
		copy(to[3*x:3*x+3], from[4*x:4*x+3])
	}
}

func anyRGB(to []uint8, img image.Image, x0, y int) {
	for x := range len(to) / 3 {
		c := color.NRGBAModel.Convert(img.At(x0+x, y)).(color.NRGBA)
		to[3*x], to[3*x+1], to[3*x+2] = c.R, c.G, c.B
	}
}

// image returns the raster as *image.Gray or opaque *image.RGBA.
func (r raster) image() image.Image {
	bounds := image.Rect(0, 0, r.w, r.h)
	if r.c == 1 {
		return &image.Gray{Pix: r.pix, Stride: r.w, Rect: bounds}
	}
	out := image.NewRGBA(bounds)
	for i := range r.w * r.h {
		copy(out.Pix[4*i:4*i+3], r.pix[3*i:3*i+3])
		out.Pix[4*i+3] = 255
	}
	return out
}

// luma returns the picture in grey with Pillow's weights for mode L (ITU-R 601-2, 16-bit fixed point).
func (r raster) luma() raster {
	if r.c == 1 {
		return r
	}
	out := newRaster(r.w, r.h, 1)
	for i := range out.pix {
		p := r.pix[3*i:][:3]
		out.pix[i] = uint8((uint32(p[0])*19595 + uint32(p[1])*38470 + uint32(p[2])*7471 + 0x8000) >> 16)
	}
	return out
}

// sub copies the given box.
func (r raster) sub(box image.Rectangle) raster {
	out := newRaster(box.Dx(), box.Dy(), r.c)
	for y := range out.h {
		copy(out.row(y), r.row(box.Min.Y + y)[box.Min.X*r.c:])
	}
	return out
}
