package dicom

// fragmentCost is what a [Span] takes, with the slack of a growing slice.
const fragmentCost = 32

func isPixelData(t Tag) bool {
	return t == PixelDataTag || t == FloatPixelDataTag || t == DoubleFloatPixelDataTag
}

// native records pixel data of known length (PS3.5 8.1) without reading them.
func (s *scanner) native(h header, vr VR, enc layout) error {
	start, length := s.pos+h.size, int64(h.length)
	have := min(length, s.src.left(start))
	s.obj.PixelData = &PixelData{Tag: h.tag, VR: vr, BigEndian: enc.bigEndian, Offset: start, Length: have}
	set := s.obj.DataSet
	set.elements = append(set.elements, element{tag: h.tag, vr: vr, offset: start, length: length})
	s.pos = start + length
	if have < length {
		return &TruncatedError{Tag: h.tag, Need: length, Have: have}
	}
	return s.skip(h.tag, start, length)
}

// encapsulated walks the fragments of a value of undefined length (PS3.5 A.4)
// by their headers alone. Those of the object's own pixel data are recorded;
// others, as in an icon, are stepped over.
func (s *scanner) encapsulated(h header, vr VR) error {
	l := s.top()
	start := s.pos + h.size
	pixels := &PixelData{Tag: h.tag, VR: vr, BigEndian: l.enc.bigEndian, Offset: start, Encapsulated: true}
	own := len(s.stack) == 1 && isPixelData(h.tag)
	if own {
		s.obj.PixelData = pixels
	}
	if err := s.charge(elementCost); err != nil {
		return err
	}
	l.set.elements = append(l.set.elements, element{tag: h.tag, vr: vr, offset: start, length: undefined})
	s.pos = start
	for {
		span, more, err := s.fragment(h.tag, l)
		if more {
			pixels.Fragments = append(pixels.Fragments, span)
		}
		pixels.Length = s.pos - start
		if err != nil || !more {
			return err
		}
	}
}

// fragment reads one item header of an encapsulated value and moves beyond the
// item; more is false at the sequence delimiter.
func (s *scanner) fragment(tag Tag, l *level) (span Span, more bool, err error) {
	if err := s.charge(fragmentCost); err != nil {
		return span, false, err
	}
	b, err := s.src.peek(s.pos, shortHeader, shortHeader)
	if err != nil {
		return span, false, err
	}
	if len(b) < shortHeader {
		return span, false, &TruncatedError{Tag: tag, Need: shortHeader, Have: int64(len(b))}
	}
	h, _ := decodeHeader(b, l.enc, s.src.left(s.pos))
	switch h.tag {
	case SequenceDelimitationItem:
		s.pos += shortHeader
		return span, false, nil
	case Item:
	default:
		return span, false, &FormatError{Offset: s.pos, Reason: "a fragment of encapsulated pixel data is missing"}
	}
	start, length := s.pos+shortHeader, int64(h.length)
	have := min(length, s.src.left(start))
	s.pos = start + have
	span = Span{Offset: start, Length: have}
	if have < length {
		return span, true, &TruncatedError{Tag: tag, Need: length, Have: have}
	}
	return span, true, s.skip(tag, start, length)
}
