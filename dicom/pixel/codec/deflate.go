package codec

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
)

// copyFrame reads Encapsulated Uncompressed (PS3.5 A.4.11).
func copyFrame(f *Format, data, dst []byte) (Layout, error) {
	if len(data) < len(dst) {
		return Layout{}, failf(Truncated, "%d bytes cannot hold %d × %d pixels", len(data), f.Columns, f.Rows)
	}
	copy(dst, data)
	return Layout{Planar: f.Planar, Photometric: f.Photometric}, nil
}

// inflateFrame reads Deflated Image Frame Compression (PS3.5 A.4.12); no
// deflate stream grows by more than 1032.
func inflateFrame(f *Format, data, dst []byte) (Layout, error) {
	if err := f.checkRatio(data, 1032); err != nil {
		return Layout{}, err
	}
	_, err := io.ReadFull(flate.NewReader(bytes.NewReader(data)), dst)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return Layout{}, failf(Truncated, "a deflated frame ends early")
	case err != nil:
		return Layout{}, failf(Malformed, "a deflated frame is corrupt: %v", err)
	}
	return Layout{Planar: f.Planar, Photometric: f.Photometric}, nil
}
