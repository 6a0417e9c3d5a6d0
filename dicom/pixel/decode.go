package pixel

import (
	"errors"

	"concord/dicom/pixel/codec"
)

// checkSyntax refuses, by name, what nothing here decodes.
func (m *Image) checkSyntax() error {
	switch {
	case m.syntax.Video:
		return failf(Video, "video (%s, %s) is not judged", m.syntax.Name, m.syntax.UID)
	case m.pixels.Encapsulated && !codec.Known(m.syntax.UID):
		return failf(Syntax, "cannot decode transfer syntax %s (%s) yet", m.syntax.Name, m.syntax.UID)
	}
	return nil
}

// decode turns the bytes of one encapsulated frame into native samples.
func (m *Image) decode(data []byte) (frame, error) {
	format := codec.Format{Syntax: m.syntax.UID, Rows: m.rows, Columns: m.columns, Samples: m.samples,
		BitsAllocated: m.bitsAllocated, BitsStored: m.bitsStored, Signed: m.signed, Planar: m.planar, Photometric: m.photometric}
	f := m.newFrame(format.Size())
	layout, err := codec.Decode(&format, data, f.data)
	if err != nil {
		f.release()
		var e *codec.Error
		if errors.As(err, &e) {
			return frame{}, failf(Code(e.Code), "%s", e.Reason)
		}
		return frame{}, err
	}
	f.bigEndian, f.planar, f.photometric = false, layout.Planar, layout.Photometric
	return f, nil
}
