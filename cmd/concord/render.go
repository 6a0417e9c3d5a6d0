package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"

	"concord/dicom"
	"concord/dicom/pixel"
	"concord/inference"
)

type renderCommand struct {
	Image  string `arg:"" help:"DICOM file." type:"existingfile"`
	Out    string `short:"o" help:"PNG file to write." required:""`
	Frame  int    `help:"Frame, from 1." default:"1"`
	Window string `help:"Window: a preset (lung, mediastinum, bone, brain, ...), CENTER/WIDTH, or N for the Nth one of the header. Without one the header's first." placeholder:"P"`
	Size   int    `help:"Long side in pixels, kept ratio, bicubic. 0: not resized." default:"384"`
}

// Run writes one frame as the model would see it.
func (r renderCommand) Run(context.Context) error {
	img, err := r.frame()
	if err != nil {
		return fmt.Errorf("%s: %w", r.Image, err)
	}
	if r.Size > 0 {
		img = longSide(img, r.Size)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return err
	}
	return os.WriteFile(r.Out, out.Bytes(), 0o600)
}

func (r renderCommand) frame() (image.Image, error) {
	window, err := pixel.ParseWindow(r.Window)
	if err != nil {
		return nil, err
	}
	f, err := openFile(r.Image)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	o, err := dicom.Scan(f, f.Size())
	if err != nil {
		return nil, err
	}
	source, err := pixel.Open(f, f.Size(), o)
	if err != nil {
		return nil, err
	}
	return source.Frame(r.Frame, window)
}

// longSide scales the longer side to size and keeps the ratio.
func longSide(img image.Image, size int) image.Image {
	b := img.Bounds()
	longest := float64(max(b.Dx(), b.Dy()))
	side := func(n int) int { return max(1, int(math.RoundToEven(float64(n*size)/longest))) }
	return inference.Resize(img, side(b.Dx()), side(b.Dy()))
}
