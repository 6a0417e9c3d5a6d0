package pixel

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"

	"concord/dicom"
)

// decoder turns the bytes of one encapsulated frame into native samples. It
// allocates no more than those bytes can stand for.
type decoder func(m *Image, data []byte) (frame, error)

// decoders are the encapsulated syntaxes that are read.
var decoders = map[string]decoder{
	dicom.EncapsulatedUncompressed: copyFrame,
	dicom.DeflatedImageFrame:       inflateFrame,
	dicom.RLELossless:              decodeRLE,
	dicom.JPEGBaseline:             decodeJPEG,
	dicom.JPEGExtended:             decodeJPEG, // of 8 bits
	"1.2.840.10008.1.2.4.53":       decodeJPEG, // spectral selection, 8 bits
	"1.2.840.10008.1.2.4.55":       decodeJPEG, // full progression, 8 bits
}

// chooseDecoder refuses, by name, what nothing here decodes.
func (m *Image) chooseDecoder() error {
	switch {
	case m.syntax.Video:
		return failf(Video, "video (%s, %s) is not judged", m.syntax.Name, m.syntax.UID)
	case !m.pixels.Encapsulated:
		return nil
	}
	m.decode = decoders[m.syntax.UID]
	if m.decode == nil {
		return failf(Syntax, "cannot decode transfer syntax %s (%s) yet", m.syntax.Name, m.syntax.UID)
	}
	return nil
}

// frameBytes is the size of a decoded frame.
func (m *Image) frameBytes() int64 { return (m.frameBits + 7) / 8 }

// checkRatio refuses a frame that claims to be more than ratio times larger
// than its compressed bytes, before it is allocated.
func (m *Image) checkRatio(data []byte, ratio int64) error {
	if have := int64(len(data)); m.frameBytes() > have*ratio {
		return failf(Truncated, "%d bytes of %s cannot hold %d × %d pixels", have, m.syntax.Name, m.columns, m.rows)
	}
	return nil
}

// copyFrame reads Encapsulated Uncompressed (PS3.5 A.4.11).
func copyFrame(m *Image, data []byte) (frame, error) {
	if int64(len(data)) < m.frameBytes() {
		return frame{}, failf(Truncated, "%d bytes cannot hold %d × %d pixels", len(data), m.columns, m.rows)
	}
	f := m.newFrame(m.frameBytes())
	copy(f.data, data)
	return f, nil
}

// inflateFrame reads Deflated Image Frame Compression (PS3.5 A.4.12); no
// deflate stream grows by more than 1032.
func inflateFrame(m *Image, data []byte) (frame, error) {
	if err := m.checkRatio(data, 1032); err != nil {
		return frame{}, err
	}
	f := m.newFrame(m.frameBytes())
	if _, err := io.ReadFull(flate.NewReader(bytes.NewReader(data)), f.data); err != nil {
		f.release()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return frame{}, failf(Truncated, "a deflated frame ends early")
		}
		return frame{}, failf(Malformed, "a deflated frame is corrupt: %v", err)
	}
	return f, nil
}
