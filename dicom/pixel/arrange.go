package pixel

import (
	"image"
	"math"
	"strings"

	"concord/dicom"
)

// arrangement is the way from the stored matrix to the picture as it hangs at a
// light box.
type arrangement struct {
	transpose    bool // rows and columns change places, before
	flipX, flipY bool // left and right, top and bottom change places
	// The height of a stored pixel by its width.
	aspect float64
}

// arrangement finds how frame n hangs: slices with the patient's right on the
// left and anterior or the head up, by ImageOrientationPatient (PS3.3 C.7.6.2,
// C.7.6.16.2.4); frontal projections of the trunk by PatientOrientation
// (C.7.6.1.1.1). All else stays as it was sent.
func (m *Image) arrangement(n int) arrangement {
	a := arrangement{aspect: m.aspect(n)}
	orientation := m.obj.Floats(dicom.ImageOrientationPatient)
	if group := m.group(n, dicom.PlaneOrientationSequence); group != nil {
		orientation = group.Floats(dicom.ImageOrientationPatient)
	}
	if len(orientation) == 6 && crossSectional[m.obj.String(dicom.Modality)] {
		a.hangSlice([3]float64(orientation[:3]), [3]float64(orientation[3:]))
	} else if frontal, right := m.frontal(); frontal {
		a.flipX = right
	}
	return a
}

// planes are the axes of the picture for a normal along x, y or z of the
// patient (x to the left, y to the back, z to the head): right and down.
var planes = [3]struct{ right, down [3]float64 }{
	{right: [3]float64{0, 1, 0}, down: [3]float64{0, 0, -1}}, // sagittal: back, feet
	{right: [3]float64{1, 0, 0}, down: [3]float64{0, 0, -1}}, // coronal: left, feet
	{right: [3]float64{1, 0, 0}, down: [3]float64{0, 1, 0}},  // axial: left, back
}

// hangSlice turns the slice whose rows run along row and columns along column.
func (a *arrangement) hangSlice(row, column [3]float64) {
	normal := [3]float64{
		row[1]*column[2] - row[2]*column[1], row[2]*column[0] - row[0]*column[2], row[0]*column[1] - row[1]*column[0],
	}
	axis := 0
	for i, v := range normal {
		if math.Abs(v) > math.Abs(normal[axis]) {
			axis = i
		}
	}
	if !(dot(normal, normal) > 0.5) { // the directions are none
		return
	}
	plane := planes[axis]
	if math.Abs(dot(row, plane.right)) < math.Abs(dot(column, plane.right)) {
		a.transpose = true
		row, column = column, row
	}
	a.flipX, a.flipY = dot(row, plane.right) < 0, dot(column, plane.down) < 0
}

func dot(a, b [3]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

// trunk holds the values of BodyPartExamined whose frontal pictures always hang
// with the patient's right on the left; a hand or a breast hangs otherwise.
var trunk = map[string]bool{"CHEST": true, "THORAX": true, "ABDOMEN": true, "ABDOMENPELVIS": true, "PELVIS": true,
	"CSPINE": true, "TSPINE": true, "LSPINE": true, "SPINE": true, "RIB": true}

// frontal says whether the object is an upright frontal projection of the
// trunk, and whether the patient's right is on the right.
func (m *Image) frontal() (frontal, right bool) {
	switch m.obj.String(dicom.Modality) {
	case "CR", "DX", "RG", "RF":
	default:
		return false, false
	}
	sides := m.obj.Strings(dicom.PatientOrientation)
	if len(sides) != 2 || !trunk[strings.ToUpper(m.obj.String(dicom.BodyPartExamined))] || !strings.HasPrefix(sides[1], "F") {
		return false, false
	}
	return true, strings.HasPrefix(sides[0], "R")
}

// Pixels further from square than this are made square.
const (
	squareEnough = 0.02
	longestPixel = 8 // a header that says more is wrong
)

// aspect is the height of a pixel of frame n by its width, by the first that is
// there of pixel spacing and PixelAspectRatio (PS3.3 C.7.6.3.1.7).
func (m *Image) aspect(n int) float64 {
	spacings := [][]float64{m.obj.Floats(dicom.PixelSpacing), m.obj.Floats(dicom.ImagerPixelSpacing), m.obj.Floats(dicom.PixelAspectRatio)}
	if group := m.group(n, dicom.PixelMeasuresSequence); group != nil {
		spacings = append([][]float64{group.Floats(dicom.PixelSpacing)}, spacings...)
	}
	for _, s := range spacings {
		if len(s) != 2 {
			continue
		}
		if a := s[0] / s[1]; a > 1.0/longestPixel && a < longestPixel && math.Abs(math.Log(a)) > squareEnough {
			return a
		}
		return 1
	}
	return 1
}

// apply arranges a picture as Frame makes them.
func (a arrangement) apply(picture image.Image) image.Image {
	size := picture.Bounds().Size()
	width, height := size.X, size.Y
	if a.transpose || a.flipX || a.flipY {
		if a.transpose {
			width, height = height, width
		}
		turned, pix, step := blank(picture, width, height)
		turn(pix, pixels(picture), step, width, height, a)
		picture = turned
	}
	aspect := a.aspect
	if a.transpose {
		aspect = 1 / aspect
	}
	switch {
	case aspect > 1:
		return stretchRows(picture, int(float64(height)*aspect+0.5))
	case aspect < 1:
		return stretchColumns(picture, int(float64(width)/aspect+0.5))
	}
	return picture
}

// blank returns an empty picture of the kind of another, with its bytes and how
// many a pixel has.
func blank(kind image.Image, width, height int) (picture image.Image, pix []byte, step int) {
	if _, grey := kind.(*image.Gray); grey {
		p := image.NewGray(image.Rect(0, 0, width, height))
		return p, p.Pix, 1
	}
	p := image.NewNRGBA(image.Rect(0, 0, width, height))
	return p, p.Pix, 4
}

func pixels(picture image.Image) []byte {
	if p, grey := picture.(*image.Gray); grey {
		return p.Pix
	}
	return picture.(*image.NRGBA).Pix
}

// turn writes a matrix into dst, which has the given size.
func turn(dst, src []byte, step, width, height int, a arrangement) {
	alongX, alongY := step, step*width // in src, for a step in dst
	if a.transpose {
		alongX, alongY = step*height, step
	}
	start := 0
	if a.flipX {
		start += alongX * (width - 1)
		alongX = -alongX
	}
	if a.flipY {
		start += alongY * (height - 1)
		alongY = -alongY
	}
	for y := range height {
		from := start + y*alongY
		row := dst[y*width*step : (y+1)*width*step]
		for ; len(row) > 0; row = row[step:] {
			copy(row[:step], src[from:from+step])
			from += alongX
		}
	}
}

// tap is the place of a stretched row or column between two of the source.
type tap struct {
	first, second int
	weight        int // of the second, of 256
}

func taps(from, to int) []tap {
	list := make([]tap, to)
	for i := range list {
		at := max((float64(i)+0.5)*float64(from)/float64(to)-0.5, 0)
		first := min(int(at), from-1)
		list[i] = tap{first: first, second: min(first+1, from-1), weight: int((at-float64(first))*256 + 0.5)}
	}
	return list
}

// stretchRows makes a picture higher, by linear interpolation.
func stretchRows(picture image.Image, height int) image.Image {
	size := picture.Bounds().Size()
	stretched, pix, step := blank(picture, size.X, height)
	src, stride := pixels(picture), size.X*step
	for y, t := range taps(size.Y, height) {
		a, b := src[t.first*stride:][:stride], src[t.second*stride:][:stride]
		for i, v := range a {
			pix[y*stride+i] = mix(v, b[i], t.weight)
		}
	}
	return stretched
}

// stretchColumns makes a picture wider.
func stretchColumns(picture image.Image, width int) image.Image {
	size := picture.Bounds().Size()
	stretched, pix, step := blank(picture, width, size.Y)
	src := pixels(picture)
	list := taps(size.X, width)
	for y := range size.Y {
		row, out := src[y*size.X*step:], pix[y*width*step:]
		for x, t := range list {
			for s := range step {
				out[x*step+s] = mix(row[t.first*step+s], row[t.second*step+s], t.weight)
			}
		}
	}
	return stretched
}

func mix(a, b byte, weight int) byte { return byte((int(a)*(256-weight) + int(b)*weight + 128) >> 8) }
