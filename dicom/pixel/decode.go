package pixel

import (
	"concord/dicom"
	"concord/dicom/pixel/codec"
)

// checkSyntax refuses, by name, what nothing here decodes.
func (m *Image) checkSyntax() error {
	switch {
	case m.syntax.Video:
		return failf(Video, "video (%s, %s) is not judged", m.syntax.Name, m.syntax.UID)
	case m.pixels.Encapsulated && !codec.Known(m.syntax.UID):
		return failf(Syntax, "transfer syntax %s (%s) is not decoded: %s", m.syntax.Name, m.syntax.UID, whyNot(m.syntax.UID))
	}
	return nil
}

// whyNot says why a syntax with fragments is not decoded.
func whyNot(uid string) string {
	switch uid {
	case "1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93":
		return "JPEG 2000 Part 2 codes frames together as components, which OpenJPEG does not read"
	case "1.2.840.10008.1.2.4.58", "1.2.840.10008.1.2.4.59", "1.2.840.10008.1.2.4.60", "1.2.840.10008.1.2.4.61", "1.2.840.10008.1.2.4.62",
		"1.2.840.10008.1.2.4.63", "1.2.840.10008.1.2.4.64", "1.2.840.10008.1.2.4.65", "1.2.840.10008.1.2.4.66":
		return "no library reads this process of JPEG, which DICOM retired"
	}
	return "it is not known"
}

// decodeFrame lets a worker decode the frame in the given fragments. The
// samples are the worker's memory, so it is busy until the frame is released.
func (m *Image) decodeFrame(fragments []dicom.Span) (frame, error) {
	var length int64
	for _, s := range fragments {
		length += s.Length
	}
	switch {
	case length > maxFrame:
		return frame{}, failf(TooLarge, "a compressed frame of %d bytes has more than %d MiB", length, maxFrame>>20)
	case length == 0:
		return frame{}, failf(Truncated, "the frame has no bytes")
	}
	w, err := workers.acquire()
	if err != nil {
		return frame{}, err
	}
	at := int64(0)
	for _, s := range fragments {
		if err := m.read(w.memory[at:at+s.Length], s.Offset); err != nil {
			w.release()
			return frame{}, err
		}
		at += s.Length
	}
	format := codec.Format{Syntax: m.syntax.UID, Rows: m.rows, Columns: m.columns, Samples: m.samples,
		BitsAllocated: m.bitsAllocated, Planar: m.planar, Photometric: m.photometric}
	layout, err := w.decode(&format, int(length))
	if err != nil {
		w.release()
		return frame{}, err
	}
	return frame{data: w.memory[maxFrame:][:format.Size()], planar: layout.Planar, photometric: layout.Photometric, worker: w}, nil
}
