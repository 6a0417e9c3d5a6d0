package pixel

import (
	"bytes"
	"fmt"
	"image"
	"io"

	"concord/dicom"
)

// maxFrame is the most bytes that a frame may have, decoded or not: 8192 ×
// 8192 pixels of 16 bits; a digital mammogram has 50 MB.
const maxFrame = 128 << 20

// Image is the pixel data of an object, opened but not read. It is safe for
// concurrent use.
type Image struct {
	r      io.ReaderAt
	obj    *dicom.Object
	syntax dicom.TransferSyntax
	pixels *dicom.PixelData

	rows, columns, samples, frames     int
	bitsAllocated, bitsStored, highBit int
	signed, float, planar, bigEndian   bool
	subsampled                         bool // YBR_FULL_422 by PS3.3 C.7.6.3.1.2
	photometric                        string
	padding                            interval       // stored values that are no picture
	spans                              [][]dicom.Span // of each frame, if encapsulated
	frameBits                          int64          // of a decoded frame
}

// interval holds the whole numbers low to high; it is empty if low > high.
type interval struct{ low, high int }

// Open checks what the object says of its pixels against the bytes that are
// there. r and size are those that obj was scanned from. Its errors are of type
// [*Error].
func Open(r io.ReaderAt, size int64, obj *dicom.Object) (*Image, error) {
	if obj.PixelData == nil {
		return nil, failf(NoPixels, "the object has no pixel data (%s)", dicom.SOPClassName(obj.String(dicom.SOPClassUID)))
	}
	m := &Image{r: r, obj: obj, pixels: obj.PixelData}
	m.syntax, _ = dicom.LookupTransferSyntax(obj.TransferSyntax)
	if err := m.checkSyntax(); err != nil {
		return nil, err
	}
	if err := m.readAttributes(); err != nil {
		return nil, err
	}
	if m.syntax.Deflated {
		data, err := obj.Inflate(r, size, maxFrame)
		if err != nil {
			return nil, failf(Truncated, "the deflated data set cannot be read: %v", err)
		}
		m.r = bytes.NewReader(data)
	}
	if m.pixels.Encapsulated {
		return m, m.locateFrames()
	}
	return m, m.checkNative()
}

// readAttributes reads the image pixel module (PS3.3 C.7.6.3) and refuses what
// contradicts itself.
func (m *Image) readAttributes() error {
	d := m.obj.DataSet
	m.rows, _ = d.Int(dicom.Rows)
	m.columns, _ = d.Int(dicom.Columns)
	m.samples = intOr(d, dicom.SamplesPerPixel, 1)
	m.frames = max(intOr(d, dicom.NumberOfFrames, 1), 1)
	m.bitsAllocated = intOr(d, dicom.BitsAllocated, 0)
	m.bitsStored = intOr(d, dicom.BitsStored, m.bitsAllocated)
	m.highBit = intOr(d, dicom.HighBit, m.bitsStored-1)
	m.signed = intOr(d, dicom.PixelRepresentation, 0) == 1
	m.planar = intOr(d, dicom.PlanarConfiguration, 0) == 1
	m.photometric = d.String(dicom.PhotometricInterpretation)
	if a := m.bitsAllocated; m.pixels.Encapsulated && a > 1 && a <= 16 {
		m.bitsAllocated = (a + 7) &^ 7 // decoders give whole bytes
	}
	m.float = m.pixels.Tag != dicom.PixelDataTag
	m.bigEndian = m.pixels.BigEndian || m.syntax.UID == dicom.GEPrivateImplicitBigEndian
	if m.float {
		m.bitsStored, m.highBit = m.bitsAllocated, m.bitsAllocated-1
	}
	if m.photometric == "" && m.samples == 1 {
		m.photometric = "MONOCHROME2" // ACR-NEMA, and objects that forget it
	}
	m.subsampled = m.photometric == "YBR_FULL_422" && !m.pixels.Encapsulated
	m.padding = m.readPadding()
	return m.checkAttributes()
}

func (m *Image) checkAttributes() error {
	switch {
	case m.rows < 1 || m.columns < 1:
		return failf(Malformed, "the object has no picture size: %d rows, %d columns", m.rows, m.columns)
	case m.samples != 1 && m.samples != 3:
		return failf(Unsupported, "%d samples per pixel are not read: DICOM retired ARGB and CMYK", m.samples)
	case m.float && m.bitsAllocated != 32 && m.bitsAllocated != 64:
		return failf(Malformed, "float pixels of %d bits do not exist", m.bitsAllocated)
	case !m.float && (m.bitsAllocated < 1 || m.bitsAllocated > 16 && m.bitsAllocated != 32):
		return failf(Unsupported, "pixels of %d bits are not read", m.bitsAllocated)
	case m.bitsStored < 1 || m.bitsStored > m.bitsAllocated || m.highBit < m.bitsStored-1 || m.highBit >= m.bitsAllocated:
		return failf(Malformed, "bits stored %d and high bit %d do not fit %d bits allocated", m.bitsStored, m.highBit, m.bitsAllocated)
	case m.samples == 3 && m.bitsAllocated != 8 && m.bitsAllocated != 16 && m.bitsAllocated != 32:
		return failf(Unsupported, "colour of %d bits is not read", m.bitsAllocated)
	case m.subsampled && (m.columns%2 != 0 || m.bitsAllocated != 8 || m.planar):
		return failf(Malformed, "YBR_FULL_422 needs an even number of columns, 8 bits and interleaved samples")
	case !m.knownPhotometric():
		return failf(Unsupported, "photometric interpretation %q with %d samples is not read", m.photometric, m.samples)
	}
	perPixel := int64(m.samples * m.bitsAllocated)
	if m.subsampled {
		perPixel = 16
	}
	m.frameBits = int64(m.rows) * int64(m.columns) * perPixel
	if m.frameBits > maxFrame*8 {
		return failf(TooLarge, "a frame of %d × %d pixels has more than %d MiB", m.columns, m.rows, maxFrame>>20)
	}
	return nil
}

func (m *Image) knownPhotometric() bool {
	switch m.photometric {
	case "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR":
		return m.samples == 1
	case "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT", "XYB":
		return m.samples == 3
	}
	return false
}

// readPadding reads PixelPaddingValue and its range limit (PS3.3 C.7.5.1.1.2),
// which are as signed as the pixels whatever VR they were sent in. After lossy
// compression a single value no longer marks padding, but specks in it.
func (m *Image) readPadding() interval {
	low, ok := m.obj.Int(dicom.PixelPaddingValue)
	high, ranged := m.obj.Int(dicom.PixelPaddingRangeLimit)
	if !ok || m.float || !ranged && m.obj.String(dicom.LossyImageCompression) == "01" {
		return interval{low: 1}
	}
	if !ranged {
		high = low
	}
	if m.signed {
		low, high = int(int16(low)), int(int16(high))
	}
	return interval{min(low, high), max(low, high)}
}

func intOr(d *dicom.DataSet, tag dicom.Tag, otherwise int) int {
	if n, ok := d.Int(tag); ok {
		return n
	}
	return otherwise
}

// Frames returns the number of frames, from 1.
func (m *Image) Frames() int { return m.frames }

// Frame returns frame n, counted from 1, as an *image.Gray for monochrome
// pixels seen through w, or as an *image.NRGBA for colour, which has no window.
// It hangs as at a light box, with square pixels, as far as the header tells.
// What is wrong with the object is an error of type [*Error]; a frame or window
// that does not exist and a failure of the reader are others.
func (m *Image) Frame(n int, w Window) (picture image.Image, err error) {
	defer func() { // a picture must not hurt the node, not even by a mistake of ours
		if r := recover(); r != nil {
			picture, err = nil, failf(Decoder, "the frame cannot be rendered: %v", r)
		}
	}()
	picture, err = m.matrix(n, w)
	if err != nil {
		return nil, err
	}
	return m.arrangement(n).apply(picture), nil
}

// matrix renders frame n as it is stored.
func (m *Image) matrix(n int, w Window) (image.Image, error) {
	if n < 1 || n > m.frames {
		return nil, fmt.Errorf("the object has no frame %d; it has %d", n, m.frames)
	}
	f, err := m.frame(n)
	if err != nil {
		return nil, err
	}
	defer f.release()
	switch {
	case m.photometric == "PALETTE COLOR":
		return m.palette(f)
	case m.samples == 3:
		return m.color(f), nil
	}
	return m.gray(f, n, w)
}
