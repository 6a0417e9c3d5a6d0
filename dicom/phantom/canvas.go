package phantom

import (
	"math"
	"math/rand/v2"
)

// picture is an image to be encoded: grey values in stored units, or colours.
type picture struct {
	width, height int
	grey          []float64    // stored values
	color         [][3]float64 // 0 to 1; nil: grey
}

// canvas is a grey picture that is being drawn; coordinates run from 0 to 1.
type canvas struct {
	width, height int
	v             []float64
}

func newCanvas(width, height int, value float64) *canvas {
	c := &canvas{width, height, make([]float64, width*height)}
	for i := range c.v {
		c.v[i] = value
	}
	return c
}

// each gives every pixel the value that paint makes of its place and value.
func (c *canvas) each(paint func(x, y, v float64) float64) { c.within(0, 0, 1, 1, paint) }

// within does so for the pixels of a rectangle.
func (c *canvas) within(x0, y0, x1, y1 float64, paint func(x, y, v float64) float64) {
	for row := max(0, int(y0*float64(c.height))); row < min(c.height, int(math.Ceil(y1*float64(c.height)))); row++ {
		for column := max(0, int(x0*float64(c.width))); column < min(c.width, int(math.Ceil(x1*float64(c.width)))); column++ {
			i := row*c.width + column
			c.v[i] = paint((float64(column)+0.5)/float64(c.width), (float64(row)+0.5)/float64(c.height), c.v[i])
		}
	}
}

// inside does so where a shape is, with how much of the pixel it covers.
func (c *canvas) inside(e ellipse, paint func(x, y, v, share float64) float64) {
	w, h := e.rx*(1+e.edge), e.ry*(1+e.edge)
	c.within(e.x-w, e.y-h, e.x+w, e.y+h, func(x, y, v float64) float64 { return paint(x, y, v, e.at(x, y)) })
}

// ellipse is a shape with its centre, half axes and a soft edge, in the units of the canvas.
type ellipse struct{ x, y, rx, ry, edge float64 }

// at is 1 inside, 0 outside, and between them along the edge.
func (e ellipse) at(x, y float64) float64 {
	distance := math.Hypot((x-e.x)/e.rx, (y-e.y)/e.ry) - 1
	return smooth(-distance / e.edge)
}

// smooth rises from 0 at −1 to 1 at 1.
func smooth(t float64) float64 {
	t = min(max((t+1)/2, 0), 1)
	return t * t * (3 - 2*t)
}

// fill mixes the shape in with a value.
func (c *canvas) fill(e ellipse, value float64) {
	c.inside(e, func(_, _, v, share float64) float64 { return v + (value-v)*share })
}

// add adds to what is there.
func (c *canvas) add(e ellipse, amount float64) {
	c.inside(e, func(_, _, v, share float64) float64 { return v + amount*share })
}

// strew puts the shape under what is brighter.
func (c *canvas) strew(e ellipse, value float64) {
	c.inside(e, func(_, _, v, share float64) float64 { return max(v, value*share) })
}

// noise adds normal noise of a standard deviation.
func (c *canvas) noise(r *rand.Rand, deviation float64) {
	for i := range c.v {
		c.v[i] += r.NormFloat64() * deviation
	}
}

// field is a smooth random texture from 0 to 1 of about cells lumps a side.
type field struct {
	cells  int
	values []float64
}

func newField(r *rand.Rand, cells int) field {
	f := field{cells, make([]float64, (cells+2)*(cells+2))}
	for i := range f.values {
		f.values[i] = r.Float64()
	}
	return f
}

func (f field) at(x, y float64) float64 {
	gx, gy := min(max(x, 0), 0.9999)*float64(f.cells), min(max(y, 0), 0.9999)*float64(f.cells)
	column, row := int(gx), int(gy)
	a, b := smooth(2*(gx-float64(column))-1), smooth(2*(gy-float64(row))-1)
	corner := func(i, j int) float64 { return f.values[(row+j)*(f.cells+2)+column+i] }
	return (corner(0, 0)*(1-a)+corner(1, 0)*a)*(1-b) + (corner(0, 1)*(1-a)+corner(1, 1)*a)*b
}

// place is a finding's place in pixels.
func (c *canvas) place(f Finding, e ellipse) Finding {
	f.X, f.Y = int(e.x*float64(c.width)), int(e.y*float64(c.height))
	f.Radius = int(max(e.rx*float64(c.width), e.ry*float64(c.height)))
	return f
}

// grey is the finished picture, cut to the range of the stored values.
func (c *canvas) grey(low, high float64) picture {
	for i, v := range c.v {
		c.v[i] = min(max(v, low), high)
	}
	return picture{width: c.width, height: c.height, grey: c.v}
}

// paint is a finished picture in colours, by place and the canvas's value there.
func (c *canvas) paint(color func(x, y, v float64) [3]float64) picture {
	p := picture{width: c.width, height: c.height, color: make([][3]float64, len(c.v))}
	i := 0
	c.each(func(x, y, v float64) float64 {
		p.color[i] = color(x, y, v)
		i++
		return v
	})
	return p
}
