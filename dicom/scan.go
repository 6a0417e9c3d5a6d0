package dicom

import (
	"bytes"
	"errors"
	"io"
)

// Object is the header of a DICOM object: everything but its bulk data.
type Object struct {
	// Meta is the file meta information (group 0002); empty for a bare data set.
	Meta *DataSet
	*DataSet
	// TransferSyntax is the UID that the meta information declares, or the
	// uncompressed one that the bytes turned out to be in where it declares
	// none or a wrong one; "" where the meta information is too broken to tell.
	TransferSyntax string
	// DataSetOffset is where the data set starts in the file: C-STORE sends the
	// bytes from there to the end.
	DataSetOffset int64
	PixelData     *PixelData // nil without

	memory *memory // of elements and values
}

// PixelData says where the pixels of an object are (PS3.5 8, Annex A.4).
// Offsets hold for the file; in a deflated transfer syntax, for the inflated
// data set (see [Object.Inflate]).
type PixelData struct {
	Tag            Tag // PixelDataTag, FloatPixelDataTag or DoubleFloatPixelDataTag
	VR             VR
	BigEndian      bool
	Offset, Length int64 // of the value; Length is what is really there
	Encapsulated   bool
	// Fragments are the items of an encapsulated value. The first is the Basic
	// Offset Table, often empty.
	Fragments []Span
}

// Span is a run of bytes.
type Span struct{ Offset, Length int64 }

const preamble = 128

// Scan reads the header of a DICOM file of size bytes (PS3.10 7). Files without
// preamble or meta information are read too, in the encoding that their first
// bytes show. Scan never reads pixel data, needs a few kilobytes for most
// objects and never more than some 40 MiB, and takes time linear in the header.
//
// An error of type [*TruncatedError], [*FormatError] or [*LimitError] comes
// with what was read before it; [ErrNotDICOM] and failures of r come without.
func Scan(r io.ReaderAt, size int64) (*Object, error) {
	src := newSource(r, size)
	defer src.close()
	s := newScanner(src)

	start, err := metaStart(src)
	if err != nil {
		return nil, err
	}
	if start >= 0 {
		err = s.scanMeta(start)
	}
	if err == nil {
		err = s.scanBody(s.obj.Meta.String(TransferSyntaxUID), start >= 0)
	}
	return s.result(err)
}

// ScanDataSet reads the header of a data set of size bytes in a transfer syntax
// given by its UID, as it comes over the network. Limits and errors are those
// of [Scan].
func ScanDataSet(r io.ReaderAt, size int64, transferSyntax string) (*Object, error) {
	src := newSource(r, size)
	defer src.close()
	s := newScanner(src)
	return s.result(s.scanBody(transferSyntax, true))
}

// metaStart returns where the meta information starts: after preamble and
// prefix (PS3.10 7.1), at 0 where a file begins with it at once, -1 without.
func metaStart(src *source) (int64, error) {
	b, err := src.peek(0, preamble+4, windowSize)
	if err != nil {
		return 0, err
	}
	if len(b) == preamble+4 && bytes.Equal(b[preamble:], []byte("DICM")) {
		return preamble + 4, nil
	}
	if len(b) >= 4 && bytes.Equal(b[:4], []byte("DICM")) {
		return 4, nil
	}
	if len(b) >= 4 && b[0] == 2 && b[1] == 0 && b[3] == 0 {
		return 0, nil
	}
	return -1, nil
}

// scanMeta reads group 0002, always explicit VR little endian. Its group length
// is often wrong or absent, so the group ends with the first other one.
func (s *scanner) scanMeta(start int64) error {
	b, err := s.src.peek(start, longHeader, windowSize)
	if err != nil {
		return err
	}
	enc, _ := guess(b, layout{}, s.src.left(start))
	s.pos, s.meta = start, true
	err = s.run(s.obj.Meta, enc)
	s.meta = false
	return err
}

// scanBody reads the data set at s.pos. declared says whether uid comes from a
// peer or a meta header; without, the bytes must prove that they are DICOM.
func (s *scanner) scanBody(uid string, declared bool) error {
	s.obj.DataSetOffset = s.pos
	s.obj.TransferSyntax = uid
	syntax, _ := LookupTransferSyntax(uid)
	if syntax.Deflated {
		s.src.inflate(s.pos)
		s.pos = 0
	}
	b, err := s.src.peek(s.pos, longHeader, windowSize)
	if err != nil {
		return err
	}
	claim := layout{implicit: syntax.Implicit, bigEndian: syntax.BigEndian}
	enc, ok := guess(b, claim, s.src.left(s.pos))
	if !declared && (!ok || !opens(b, enc)) {
		return ErrNotDICOM
	}
	err = s.run(s.obj.DataSet, enc)
	pixels := s.obj.PixelData
	compressed := syntax.Deflated || pixels != nil && pixels.Encapsulated
	if uid == "" || enc != claim && !compressed {
		s.obj.TransferSyntax = enc.uid()
	}
	return err
}

// opens says whether b begins with a group that data sets begin with: none
// starts beyond the image groups.
func opens(b []byte, enc layout) bool {
	group := enc.order().Uint16(b)
	return group%2 == 0 && group > 0 && group <= 0x0028
}

// result makes the lookups of obj ready and decides whether it goes with err.
func (s *scanner) result(err error) (*Object, error) {
	if err == nil && s.cut != nil {
		err = s.cut
	}
	var truncated *TruncatedError
	var format *FormatError
	var limit *LimitError
	if err != nil && !errors.As(err, &truncated) && !errors.As(err, &format) && !errors.As(err, &limit) {
		return nil, err
	}
	return s.obj, err
}
