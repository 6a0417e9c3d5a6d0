package inference

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"image"
	"image/color"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// formulaPicture is the picture that testdata/make.py gave to Pillow.
func formulaPicture(w, h, channels int) image.Image {
	gray, rgb := image.NewGray(image.Rect(0, 0, w, h)), image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			r := uint8((x*x*3 + y*7 + x*y) % 256)
			gray.SetGray(x, y, color.Gray{Y: r})
			rgb.SetRGBA(x, y, color.RGBA{R: r, G: uint8((x*5 + y*y) % 251), B: uint8((x/3 + y/5) % 2 * 255), A: 255})
		}
	}
	if channels == 1 {
		return gray
	}
	return rgb
}

func hashPixels(img image.Image) string {
	r := rasterOf(img)
	var pix []uint8
	for y := range r.h {
		for i, v := range r.row(y) {
			if r.c == 1 || i%4 < 3 {
				pix = append(pix, v)
			}
		}
	}
	sum := sha256.Sum256(pix)
	return hex.EncodeToString(sum[:])
}

func TestResizeEqualsPillow(t *testing.T) {
	var goldens struct {
		Resizes []struct {
			Channels int
			From, To [2]int
			SHA256   string
		}
	}
	readJSON(t, "testdata/resize.json", &goldens)
	if len(goldens.Resizes) == 0 {
		t.Fatal("no goldens")
	}
	defer onAnyProcessor(false)
	for _, plain := range []bool{false, true} {
		onAnyProcessor(plain)
		for _, g := range goldens.Resizes {
			got := Resize(formulaPicture(g.From[0], g.From[1], g.Channels), g.To[0], g.To[1])
			if hashPixels(got) != g.SHA256 {
				t.Errorf("%v to %v, %d channels, on any processor %v: the bytes differ from Pillow's", g.From, g.To, g.Channels, plain)
			}
		}
	}
}

// Rows and columns that do not fill a block of the loops, in both directions.
func TestResizeOnAnyProcessor(t *testing.T) {
	defer onAnyProcessor(false)
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		w, h, tw, th := 1+random.IntN(90), 1+random.IntN(90), 1+random.IntN(60), 1+random.IntN(60)
		img := formulaPicture(w, h, 1+2*random.IntN(2))
		onAnyProcessor(false)
		fast := hashPixels(Resize(img, tw, th))
		onAnyProcessor(true)
		if plain := hashPixels(Resize(img, tw, th)); plain != fast {
			t.Errorf("%T of %d×%d to %d×%d differs", img, w, h, tw, th)
		}
	}
}

// The pictures and values of ofa-mini, where they are at hand.
func TestResizeEqualsPillowOnPictures(t *testing.T) {
	const dir = "../../shared/ofa-mini"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("ofa-mini is not there")
	}
	var goldens struct {
		Images map[string]struct {
			Results []struct {
				Width, Height int
				SHA256        string
				SHA256L       string `json:"sha256_L"`
			}
		}
	}
	readJSON(t, filepath.Join(dir, "resize_goldens.json"), &goldens)
	for name, picture := range goldens.Images {
		img, err := readImage(os.DirFS(filepath.Join(dir, "images")), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range picture.Results {
			got := Resize(img, r.Width, r.Height)
			want := r.SHA256
			if r.SHA256L != "" {
				want = r.SHA256L
			}
			if hashPixels(got) != want {
				t.Errorf("%s to %d×%d: the bytes differ from Pillow's", name, r.Width, r.Height)
			}
		}
	}
}

func TestResizeKeepsTheKindOfPicture(t *testing.T) {
	if got, ok := Resize(formulaPicture(9, 9, 1), 4, 5).(*image.Gray); !ok || got.Bounds() != image.Rect(0, 0, 4, 5) {
		t.Errorf("grey picture became %T", got)
	}
	if got, ok := Resize(formulaPicture(9, 9, 3), 4, 5).(*image.RGBA); !ok || !got.Opaque() {
		t.Errorf("colour picture became %T", got)
	}
}

// Pictures that are windows into larger ones, and kinds with their own colour model.
func TestRasterOf(t *testing.T) {
	big := formulaPicture(20, 20, 1).(*image.Gray)
	part := big.SubImage(image.Rect(3, 4, 8, 9))
	if got := rasterOf(part); got.w != 5 || got.h != 5 || got.pix[0] != big.GrayAt(3, 4).Y || got.row(4)[4] != big.GrayAt(7, 8).Y {
		t.Errorf("part of a picture read as %+v", got)
	}
	half := image.NewRGBA(image.Rect(0, 0, 1, 1))
	half.SetRGBA(0, 0, color.RGBA{R: 50, G: 100, B: 0, A: 128}) // premultiplied
	if got := rasterOf(half).pix; got[0] != 99 || got[1] != 199 || got[2] != 0 {
		t.Errorf("half transparent colour read as %v", got)
	}
	deep := image.NewGray16(image.Rect(0, 0, 1, 1))
	deep.SetGray16(0, 0, color.Gray16{Y: 0xABCD})
	if got := rasterOf(deep).pix; got[0] != 0xAB || got[2] != 0xAB {
		t.Errorf("16-bit grey read as %v", got)
	}
}

func FuzzResize(f *testing.F) {
	f.Add(3, 5, 7, 2, []byte{0, 255, 9})
	f.Add(1, 1, 1, 1, []byte{17})
	f.Add(40, 2, 3, 60, []byte{1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, w, h, tw, th int, fill []byte) {
		for _, n := range []int{w, h, tw, th} {
			if n < 1 || n > 64 {
				t.Skip()
			}
		}
		if len(fill) == 0 {
			t.Skip()
		}
		img := image.NewGray(image.Rect(0, 0, w, h))
		low, high := fill[0], fill[0]
		for i := range img.Pix {
			img.Pix[i] = fill[i%len(fill)]
			low, high = min(low, img.Pix[i]), max(high, img.Pix[i])
		}
		out := Resize(img, tw, th).(*image.Gray)
		if len(out.Pix) != tw*th {
			t.Fatalf("%d bytes for %d×%d", len(out.Pix), tw, th)
		}
		if low == high { // a flat picture stays flat
			for _, v := range out.Pix {
				if v != low {
					t.Fatalf("flat %d became %d", low, v)
				}
			}
		}
		if w == tw && h == th && string(out.Pix) != string(img.Pix) {
			t.Fatal("the same size changed the picture")
		}
	})
}

func BenchmarkResizeGray2000To384(b *testing.B) {
	img := formulaPicture(2000, 2000, 1)
	for b.Loop() {
		Resize(img, 384, 384)
	}
}

func BenchmarkResizeRGB2000To384(b *testing.B) {
	img := formulaPicture(2000, 2000, 3)
	for b.Loop() {
		Resize(img, 384, 384)
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}
