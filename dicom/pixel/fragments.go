package pixel

import (
	"encoding/binary"

	"concord/dicom"
)

// locateFrames finds the fragments of each frame (PS3.5 A.4). The first item is
// the Basic Offset Table; offsets count from the first fragment's header.
func (m *Image) locateFrames() error {
	all := m.pixels.Fragments
	if len(all) < 2 {
		return failf(Truncated, "the encapsulated pixel data hold no fragment")
	}
	table, fragments := all[0], all[1:]
	switch {
	case m.frames == 1:
		m.spans = [][]dicom.Span{fragments}
		return nil
	case len(fragments) == m.frames:
		m.spans = make([][]dicom.Span, m.frames)
		for i := range m.spans {
			m.spans[i] = fragments[i : i+1]
		}
		return nil
	case len(fragments) < m.frames:
		return failf(Truncated, "%d fragments cannot hold %d frames", len(fragments), m.frames)
	}
	offsets, err := m.offsets(table)
	if err != nil {
		return err
	}
	if offsets != nil {
		return m.splitByOffsets(fragments, offsets)
	}
	return m.splitByMarkers(fragments)
}

// offsets returns the offset of each frame from the Extended Offset Table
// (PS3.3 C.7.6.3.1.8) or the basic one; nil if both are absent or of another
// length.
func (m *Image) offsets(table dicom.Span) ([]uint64, error) {
	if extended := m.obj.Bytes(dicom.ExtendedOffsetTable); len(extended) == 8*m.frames {
		offsets := make([]uint64, m.frames)
		for i := range offsets {
			offsets[i] = binary.LittleEndian.Uint64(extended[8*i:])
		}
		return offsets, nil
	}
	if table.Length != int64(4*m.frames) {
		return nil, nil
	}
	b := make([]byte, table.Length)
	if err := m.read(b, table.Offset); err != nil {
		return nil, err
	}
	offsets := make([]uint64, m.frames)
	for i := range offsets {
		offsets[i] = uint64(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return offsets, nil
}

// splitByOffsets cuts the fragments before each offset.
func (m *Image) splitByOffsets(fragments []dicom.Span, offsets []uint64) error {
	origin := fragments[0].Offset
	starts := make([]int, 0, len(offsets))
	for i, f := range fragments {
		if len(starts) < len(offsets) && uint64(f.Offset-origin) == offsets[len(starts)] {
			starts = append(starts, i)
		}
	}
	if len(starts) < len(offsets) {
		return failf(Malformed, "the offset table does not point at fragments: frame %d is lost", len(starts)+1)
	}
	m.cut(fragments, starts)
	return nil
}

// splitByMarkers cuts the fragments where a codestream starts: JPEG family SOI
// (FFD8) or JPEG 2000 SOC (FF4F).
func (m *Image) splitByMarkers(fragments []dicom.Span) error {
	var starts []int
	var b [2]byte
	for i, f := range fragments {
		if f.Length < 2 {
			continue
		}
		if err := m.read(b[:], f.Offset); err != nil {
			return err
		}
		if b[0] == 0xFF && (b[1] == 0xD8 || b[1] == 0x4F) {
			starts = append(starts, i)
		}
	}
	if len(starts) != m.frames || starts[0] != 0 {
		return failf(Malformed, "without an offset table %d frames cannot be told apart in %d fragments", m.frames, len(fragments))
	}
	m.cut(fragments, starts)
	return nil
}

func (m *Image) cut(fragments []dicom.Span, starts []int) {
	m.spans = make([][]dicom.Span, len(starts))
	for i, start := range starts {
		end := len(fragments)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		m.spans[i] = fragments[start:end]
	}
}
