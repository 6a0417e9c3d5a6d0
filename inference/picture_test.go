package inference

import (
	"image"
	"image/color"
	"os"
	"path/filepath"
	"testing"
)

func grayPicture(w, h int, at func(x, y int) uint8) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetGray(x, y, color.Gray{Y: at(x, y)})
		}
	}
	return img
}

func TestPrepareSizes(t *testing.T) {
	for _, c := range []struct {
		resize     string
		w, h, size int
		wantW      int
		wantH      int
	}{
		{"exact", 300, 220, 480, 480, 480},
		{"long_side", 300, 220, 384, 384, 282},
		{"long_side", 100, 200, 384, 192, 384},
		{"long_side", 9000, 2, 384, 384, 1},
		{"long_side", 8, 5, 12, 12, 8},  // 7.5 goes to the even 8
		{"long_side", 24, 5, 12, 12, 2}, // 2.5 goes to the even 2
		{"letterbox", 300, 220, 128, 128, 128},
	} {
		spec := ImageSpec{Size: c.size, Resize: c.resize, Channels: 1, Mean: []float32{0}, Std: []float32{1}}
		got, err := spec.prepare(grayPicture(c.w, c.h, func(x, y int) uint8 { return 7 }))
		if err != nil || got.w != c.wantW || got.h != c.wantH {
			t.Errorf("%+v: %d×%d, %v", c, got.w, got.h, err)
		}
	}
}

func TestLetterboxIsCentredOnBlack(t *testing.T) {
	spec := ImageSpec{Size: 16, Resize: "letterbox", Channels: 1}
	got, _ := spec.prepare(grayPicture(32, 16, func(x, y int) uint8 { return 200 }))
	for y := range 16 {
		want := uint8(0)
		if y >= 4 && y < 12 {
			want = 200
		}
		if got.row(y)[0] != want || got.row(y)[15] != want {
			t.Fatalf("row %d is %v", y, got.row(y))
		}
	}
}

func TestCropTakesTheDarkBorderOff(t *testing.T) {
	crop := CropSpec{Level: 16, Share: 0.1}
	bright := image.Rect(5, 7, 25, 19)
	picture := rasterOf(grayPicture(40, 30, func(x, y int) uint8 {
		if image.Pt(x, y).In(bright) {
			return 90
		}
		if x == 2 && y == 2 { // dirt on the border
			return 255
		}
		return 16
	}))
	if got := crop.box(picture); got != bright {
		t.Errorf("box %v; want %v", got, bright)
	}
	black := newRaster(9, 4, 1)
	if got := crop.box(black); got != image.Rect(0, 0, 9, 4) {
		t.Errorf("black picture cropped to %v", got)
	}
}

func TestWindowStretchesBetweenPercentiles(t *testing.T) {
	picture := rasterOf(grayPicture(100, 10, func(x, y int) uint8 { return uint8(100 + x/2) })) // 100..149
	picture = PercentSpec{Low: 10, High: 90}.stretch(picture)
	if picture.pix[0] != 0 || picture.pix[99] != 255 {
		t.Errorf("ends are %d and %d", picture.pix[0], picture.pix[99])
	}
	// The 10th percentile is 104, the 90th 144: 124 lies in the middle, 127.5 rounds up.
	if got := picture.pix[48]; got != 128 {
		t.Errorf("the middle became %d", got)
	}
	flat := PercentSpec{Low: 1, High: 99}.stretch(newRaster(4, 4, 4))
	if flat.pix[0] != 0 {
		t.Error("a flat picture changed")
	}
}

func TestPixelsAreNormalisedByChannel(t *testing.T) {
	spec := ImageSpec{Channels: 3, Mean: []float32{0.5, 0, 0.25}, Std: []float32{0.5, 1, 2}}
	gray := raster{1, 2, 1, 1, []uint8{0, 255}}
	got := spec.pixels(gray)
	want := []float32{-1, 1, 0, 1, -0.125, 0.375}
	for i, v := range want {
		if got.Floats[i] != v {
			t.Fatalf("values %v; want %v", got.Floats, want)
		}
	}
	if len(got.Shape) != 4 || got.Shape[1] != 3 || got.Shape[2] != 2 || got.Shape[3] != 1 {
		t.Errorf("shape %v", got.Shape)
	}
}

func TestPrepareRefusesAnEmptyPicture(t *testing.T) {
	spec := ImageSpec{Size: 16, Resize: "exact", Channels: 1}
	if _, err := spec.prepare(image.NewGray(image.Rect(0, 0, 0, 5))); err == nil {
		t.Error("accepted")
	}
}

// The pixels of OFA, exactly 480 and with the ratio kept at 384, bit for bit.
func TestPixelsEqualOFA(t *testing.T) {
	const dir = "../../shared/ofa-mini"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("ofa-mini is not there")
	}
	var g struct {
		Images   map[string]goldenImage
		LongSide []struct {
			goldenImage
			Image string
		} `json:"long_side_384"`
	}
	readJSON(t, filepath.Join(dir, "goldens.json"), &g)
	check := func(name string, size int, resize string, want goldenImage) {
		spec := ImageSpec{Size: size, Resize: resize, Channels: 3, Mean: []float32{0.5, 0.5, 0.5}, Std: []float32{0.5, 0.5, 0.5}}
		img, err := readImage(os.DirFS(filepath.Join(dir, "images")), name)
		if err != nil {
			t.Fatal(err)
		}
		prepared, err := spec.prepare(img)
		if err != nil {
			t.Fatal(err)
		}
		if got := hashFloats(spec.pixels(prepared).Floats); got != want.Pixels.Hash {
			t.Errorf("%s, %s: the pixels differ", name, resize)
		}
	}
	for name, want := range g.Images {
		check(name, 480, "exact", want)
	}
	for _, want := range g.LongSide {
		check(want.Image, 384, "long_side", want.goldenImage)
	}
	if len(g.Images) == 0 || len(g.LongSide) == 0 {
		t.Error("no goldens")
	}
}
