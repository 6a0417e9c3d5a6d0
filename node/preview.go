package node

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"

	"concord/dicom"
	"concord/dicom/pixel"
	"concord/inference"
)

// Preview renders a frame, from 1, of a stored object as its judge sees it. A
// picture whose longer side exceeds size pixels is scaled down to it; 0 leaves
// it as it is. What is not there, or cannot be shown, is a *NotFoundError.
func (n *Node) Preview(ctx context.Context, sopInstanceUID string, number, size int) (image.Image, error) {
	object, file, err := n.Object(ctx, sopInstanceUID)
	if err != nil {
		return nil, err
	}
	if object == nil {
		return nil, &NotFoundError{"such SOP instance"}
	}
	defer file.Close()
	if number < 1 || number > object.Header.Frames {
		return nil, &NotFoundError{fmt.Sprintf("frame %d; the object has %d", number, object.Header.Frames)}
	}
	img, err := decodeFrame(file, number, pixel.Window{})
	var problem *pixel.Error
	if errors.As(err, &problem) {
		return nil, &NotFoundError{"picture of it: " + problem.Reason}
	}
	if err != nil {
		return nil, err
	}
	return scaledDown(img, size), nil
}

// decodeFrame renders a frame of an object's file; with the zero window as the
// object itself says.
func decodeFrame(file ObjectFile, number int, w pixel.Window) (image.Image, error) {
	scanned, err := dicom.Scan(file, file.Size())
	if err != nil {
		return nil, fmt.Errorf("scan object: %w", err)
	}
	source, err := pixel.Open(file, file.Size(), scanned)
	if err != nil {
		return nil, err
	}
	return source.Frame(number, w)
}

// scaledDown keeps the ratio of a picture.
func scaledDown(img image.Image, size int) image.Image {
	b := img.Bounds()
	longest := max(b.Dx(), b.Dy())
	if size <= 0 || longest <= size {
		return img
	}
	side := func(n int) int { return max(1, int(math.Round(float64(n)*float64(size)/float64(longest)))) }
	return inference.Resize(img, side(b.Dx()), side(b.Dy()))
}
