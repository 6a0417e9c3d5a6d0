package dicom

import (
	"fmt"
	"sync"
)

const (
	// maxDepth is the deepest nesting of sequences that is followed.
	maxDepth = 32
	// maxHeader bounds the memory that the elements of one object may take.
	maxHeader = 32 << 20
	// maxValue is the longest value that is kept; a full palette or LUT of
	// 65536 entries of two bytes just fits. Private values are never used, so
	// only short ones are kept.
	maxValue        = 128 << 10
	maxPrivateValue = 4 << 10
	// elementCost is what an element takes beside its value: its struct and the
	// slack of a growing slice.
	elementCost = 128
	// arenaSize is the piece of memory from which short values are cut.
	arenaSize = 8 << 10
)

// scanner walks the elements of an object by a stack of levels, so that no
// nesting can exhaust the call stack.
type scanner struct {
	src    *source
	pos    int64
	stack  []level
	obj    *Object
	budget int64
	arena  []byte // what is left of a piece of memory for short values
	meta   bool   // reading group 0002, which ends with the first other group
	// cut is set where an element reaches beyond the data but what is there of
	// it can still be read.
	cut *TruncatedError
}

// memory is what the header of most objects needs. It comes from objects that
// were released.
type memory struct {
	stack [8]level
	meta  [16]element
	body  [64]element
	arena [arenaSize]byte
}

var memories = sync.Pool{New: func() any { return new(memory) }}

func newScanner(src *source) *scanner {
	m := memories.Get().(*memory)
	obj := &Object{Meta: &DataSet{elements: m.meta[:0]}, DataSet: &DataSet{elements: m.body[:0]}, memory: m}
	return &scanner{src: src, budget: maxHeader, obj: obj, stack: m.stack[:0], arena: m.arena[:]}
}

// Release gives the object's memory to scans that follow. Nothing of the object
// may be used any more but strings that came from it; an object that is not
// released is the garbage collector's.
func (o *Object) Release() {
	m := o.memory
	clear(m.stack[:])
	clear(m.meta[:])
	clear(m.body[:])
	*o = Object{}
	memories.Put(m)
}

// level is a data set or item being read, or a sequence whose items are next.
type level struct {
	set      *DataSet // where elements go; for a sequence the set that owns it
	sequence int      // index in set.elements of the sequence, -1 for a set or item
	end      int64    // no byte of the level lies at or beyond
	enc      layout
}

func (s *scanner) top() *level { return &s.stack[len(s.stack)-1] }

func (s *scanner) pop() {
	if l := s.top(); l.sequence < 0 {
		l.set.sort()
	}
	s.stack = s.stack[:len(s.stack)-1]
}

// charge takes n bytes off the budget.
func (s *scanner) charge(n int64) error {
	if s.budget -= n; s.budget < 0 {
		return &LimitError{What: "the memory for the header", Limit: maxHeader}
	}
	return nil
}

// run reads elements into set until the data end; in the meta information,
// until the group does.
func (s *scanner) run(set *DataSet, enc layout) error {
	s.stack = append(s.stack, level{set: set, sequence: -1, end: s.src.size, enc: enc})
	for len(s.stack) > 0 {
		if s.pos >= s.top().end {
			s.pop()
			continue
		}
		done, err := s.next()
		if done || err != nil {
			for len(s.stack) > 0 {
				s.pop()
			}
			return err
		}
	}
	return nil
}

// next reads one element or delimiter; done says that nothing more belongs to
// the data set.
func (s *scanner) next() (done bool, err error) {
	b, err := s.src.peek(s.pos, longHeader, windowSize)
	if err != nil {
		return true, err
	}
	l := s.top()
	root := len(s.stack) == 1
	if root && (len(b) == 0 || s.meta && len(b) < shortHeader) {
		return true, nil
	}
	if len(b) < shortHeader {
		return true, s.cutHeader(len(b))
	}
	h, ok := decodeHeader(b, l.enc, s.src.left(s.pos))
	if !ok {
		return true, s.cutHeader(len(b))
	}
	switch {
	case s.meta && root && h.tag.Group() != 2:
		return true, nil
	case root && s.obj.PixelData != nil && h.tag <= s.obj.PixelData.Tag:
		return true, nil // what follows the pixels out of order is padding
	case l.sequence >= 0:
		return false, s.inSequence(h)
	case h.tag.Group() == Item.Group():
		return false, s.delimiter(h)
	}
	return false, s.element(h)
}

// cutHeader is the error for an element whose header is not whole. A few bytes
// after the pixels are padding.
func (s *scanner) cutHeader(have int) error {
	if s.obj.PixelData != nil && len(s.stack) == 1 {
		return nil
	}
	return &TruncatedError{Need: shortHeader, Have: int64(have)}
}

// inSequence reads the header of an item or the end of a sequence (PS3.5 7.5).
func (s *scanner) inSequence(h header) error {
	l := s.top()
	switch h.tag {
	case Item:
		return s.openItem(h)
	case SequenceDelimitationItem:
		s.pos += shortHeader
		s.pop()
	case ItemDelimitationItem:
		s.pos += shortHeader // one too many
	default:
		// The delimiter is missing, or a sequence of known length holds
		// something else: its end is known, so nothing outside is lost.
		if parent := s.stack[len(s.stack)-2]; l.end < parent.end {
			s.pos = l.end
		}
		s.pop()
	}
	return nil
}

func (s *scanner) openItem(h header) error {
	l := s.top()
	if err := s.charge(elementCost); err != nil {
		return err
	}
	start := s.pos + shortHeader
	enc := l.enc
	if enc.implicit {
		// Some writers leave explicit VRs inside a sequence that they send as UN.
		b, err := s.src.peek(start, longHeader, windowSize)
		if err != nil {
			return err
		}
		enc, _ = guess(b, enc, l.end-start)
	}
	item := &DataSet{parent: l.set}
	sequence := &l.set.elements[l.sequence]
	sequence.items = append(sequence.items, item)
	s.stack = append(s.stack, level{set: item, sequence: -1, end: s.endOf(h, start), enc: enc})
	s.pos = start
	return nil
}

// endOf returns where the container whose content starts at start ends: for an
// undefined length, at the latest where the container around it does.
func (s *scanner) endOf(h header, start int64) int64 {
	bound := s.top().end
	if h.length == undefined {
		return bound
	}
	end := start + int64(h.length)
	if end > s.src.size && s.cut == nil {
		s.cut = &TruncatedError{Tag: h.tag, Need: int64(h.length), Have: s.src.left(start)}
	}
	return min(end, bound)
}

// delimiter handles a tag of group FFFE where an element is expected (PS3.5
// 7.5.2). Whatever it is, it ends the item; a delimiter that belongs to the
// sequence, or starts its next item, is left for it.
func (s *scanner) delimiter(h header) error {
	root := len(s.stack) == 1
	switch {
	case h.tag == ItemDelimitationItem && !root:
		s.pos += shortHeader
		s.pop()
	case (h.tag == SequenceDelimitationItem || h.tag == Item) && !root:
		s.pop()
	case h.tag == ItemDelimitationItem || h.tag == SequenceDelimitationItem:
		s.pos += shortHeader
	default:
		return &FormatError{Offset: s.pos, Reason: fmt.Sprintf("%v stands where a data element is expected", h.tag)}
	}
	return nil
}

// element reads a data element of the data set or item on top.
func (s *scanner) element(h header) error {
	l := s.top()
	vr, enc := h.vr, l.enc
	if vr == UN && !h.implicit {
		// PS3.5 6.2.2: a value sent as UN is in implicit VR little endian.
		enc = layout{implicit: true}
		vr = dictionaryVR(h.tag)
	}
	switch {
	case h.length == undefined && (vr == OB || vr == OW || h.tag == PixelDataTag):
		return s.encapsulated(h, vr)
	case h.length == undefined || vr == SQ:
		return s.openSequence(h, enc)
	}
	return s.value(h, vr, enc)
}

func (s *scanner) openSequence(h header, enc layout) error {
	if len(s.stack) > 2*maxDepth {
		return &LimitError{What: "the nesting of sequences", Limit: maxDepth}
	}
	if err := s.charge(elementCost); err != nil {
		return err
	}
	l := s.top()
	start := s.pos + h.size
	if h.length == undefined && !s.itemAt(start, enc) {
		return &FormatError{Offset: s.pos, Reason: fmt.Sprintf("%v has an undefined length but no items", h.tag)}
	}
	l.set.elements = append(l.set.elements, element{tag: h.tag, vr: SQ, offset: start, length: int64(h.length)})
	s.stack = append(s.stack, level{set: l.set, sequence: len(l.set.elements) - 1, end: s.endOf(h, start), enc: enc})
	s.pos = start
	return nil
}

// itemAt says whether an item or a delimiter stands at pos.
func (s *scanner) itemAt(pos int64, enc layout) bool {
	b, err := s.src.peek(pos, shortHeader, windowSize)
	return err == nil && len(b) == shortHeader && enc.order().Uint16(b) == Item.Group()
}

// value records an element with a value of known length and keeps the value if
// it is short.
func (s *scanner) value(h header, vr VR, enc layout) error {
	l := s.top()
	start, length := s.pos+h.size, int64(h.length)
	root := len(s.stack) == 1
	if length > l.end-start && l.end < s.src.size {
		s.pos = l.end // longer than its item: the item is damaged, the rest is not
		return nil
	}
	if root && isPixelData(h.tag) {
		return s.native(h, vr, enc)
	}
	if length > s.src.left(start) {
		return &TruncatedError{Tag: h.tag, Need: length, Have: s.src.left(start)}
	}
	e := element{tag: h.tag, vr: vr, bigEndian: enc.bigEndian, offset: start, length: length}
	if err := s.keep(&e); err != nil {
		return err
	}
	l.set.elements = append(l.set.elements, e)
	s.pos = start + length
	return nil
}

// keep reads the value of e unless it is too long to be kept.
func (s *scanner) keep(e *element) error {
	limit := int64(maxValue)
	if e.tag.Private() {
		limit = maxPrivateValue
	}
	if e.length > limit {
		if err := s.charge(elementCost); err != nil {
			return err
		}
		return s.skip(e.tag, e.offset, e.length)
	}
	if err := s.charge(elementCost + e.length); err != nil {
		return err
	}
	e.value = s.allocate(int(e.length))
	n, err := s.src.read(e.value, e.offset)
	if err == nil && n < len(e.value) {
		err = &TruncatedError{Tag: e.tag, Need: e.length, Have: int64(n)}
	}
	return err
}

// allocate cuts n bytes from the arena.
func (s *scanner) allocate(n int) []byte {
	if n > len(s.arena) {
		if n > arenaSize/4 {
			return make([]byte, n)
		}
		s.arena = make([]byte, arenaSize)
	}
	b := s.arena[:n:n]
	s.arena = s.arena[n:]
	return b
}

// skip makes sure that the length bytes at start exist where only the reading
// can tell.
func (s *scanner) skip(tag Tag, start, length int64) error {
	if !s.src.inflating || length == 0 {
		return nil
	}
	b, err := s.src.peek(start+length-1, 1, 1)
	if err == nil && len(b) == 0 {
		err = &TruncatedError{Tag: tag, Need: length, Have: s.src.r.(*inflater).pos - start}
	}
	return err
}
