package pixel

import "concord/dicom"

// lut is a look-up table (PS3.3 C.11.1.1, C.11.2.1.1, C.7.6.3.1.5).
type lut struct {
	first  int // the value that the first entry stands for
	values []int
	bits   int // of an entry
}

const maxEntries = 1 << 16

// at returns the entry for x; values beyond the ends get the end's entry.
func (l *lut) at(x int) int {
	return l.values[min(max(x-l.first, 0), len(l.values)-1)]
}

// readLUT reads a table of d by its descriptor and data. signed says that the
// values it is applied to may be negative, which the descriptor's VR tells too
// rarely to be trusted. It returns nil for a table that is not there, damaged
// or too long to be kept.
func readLUT(d *dicom.DataSet, descriptor, data dicom.Tag, signed bool) *lut {
	count, first, bits, ok := readDescriptor(d, descriptor, signed)
	if !ok {
		return nil
	}
	values := d.Ints(data)
	if raw := d.Bytes(data); bits <= 8 && (len(raw) == count || len(raw) == count+count%2) {
		values = make([]int, count) // one byte an entry
		for i := range values {
			values[i] = int(raw[i])
		}
	}
	if len(values) < count {
		return nil
	}
	l := &lut{first: first, values: values[:count], bits: bits}
	for _, v := range l.values {
		for v >= 1<<l.bits { // the descriptor is wrong
			l.bits++
		}
	}
	return l
}

// readDescriptor reads the three values of a LUT descriptor (PS3.3 C.11.1.1.1).
func readDescriptor(d *dicom.DataSet, tag dicom.Tag, signed bool) (count, first, bits int, ok bool) {
	v := d.Ints(tag)
	if len(v) < 3 {
		return 0, 0, 0, false
	}
	count, first, bits = v[0]&0xFFFF, v[1], v[2]
	if count == 0 {
		count = maxEntries
	}
	if signed {
		first = int(int16(first))
	}
	return count, first, bits, bits >= 1 && bits <= 16
}

// readPaletteLUT reads one colour of a palette, segmented or not, as entries of
// 8 bits.
func readPaletteLUT(d *dicom.DataSet, descriptor, data, segmented dicom.Tag, signed bool) *lut {
	l := readLUT(d, descriptor, data, signed)
	if l == nil && d.Has(segmented) {
		count, first, bits, ok := readDescriptor(d, descriptor, signed)
		if !ok {
			return nil
		}
		values := expandSegments(d.Ints(segmented), count)
		if len(values) == 0 {
			return nil
		}
		l = &lut{first: first, values: values, bits: bits} // the last entry stands for what is missing
	}
	if l != nil {
		l.toBytes()
	}
	return l
}

// toBytes scales the entries to 8 bits. Some palettes say 16 bits and hold 8.
func (l *lut) toBytes() {
	largest := 0
	for _, v := range l.values {
		largest = max(largest, v)
	}
	if largest <= 0xFF {
		return
	}
	scaled := make([]int, len(l.values))
	for i, v := range l.values {
		scaled[i] = v >> (l.bits - 8)
	}
	l.values, l.bits = scaled, 8
}

// expandSegments expands a segmented palette (PS3.3 C.7.9.2) to at most count
// entries; it stops at the first segment that breaks the rules.
func expandSegments(words []int, count int) []int {
	const discrete, linear, indirect = 0, 1, 2
	e := segments{words: words, values: make([]int, 0, count), limit: count}
	for at := 0; at+1 < len(words) && len(e.values) < count; {
		opcode, length := words[at], words[at+1]
		switch opcode {
		case discrete, linear:
			next, ok := e.expand(at)
			if !ok {
				return e.values
			}
			at = next
		case indirect:
			if at+4 > len(words) {
				return e.values
			}
			target := words[at+2] | words[at+3]<<16
			for range length { // no indirect segment may be its target
				next, ok := e.expand(target)
				if !ok {
					return e.values
				}
				target = next
			}
			at += 4
		default:
			return e.values
		}
	}
	return e.values
}

type segments struct {
	words, values []int
	limit         int
}

// expand appends the discrete or linear segment at the given word and returns
// where the next one starts.
func (e *segments) expand(at int) (next int, ok bool) {
	if at < 0 || at+2 > len(e.words) || len(e.values) >= e.limit {
		return 0, false
	}
	opcode, length := e.words[at], e.words[at+1]
	at += 2
	switch {
	case opcode == 0 && at+length <= len(e.words):
		e.values = append(e.values, e.words[at:at+min(length, e.limit-len(e.values))]...)
		return at + length, true
	case opcode == 1 && at < len(e.words) && len(e.values) > 0:
		from, to := e.values[len(e.values)-1], e.words[at]
		for i := range min(length, e.limit-len(e.values)) {
			e.values = append(e.values, from+(to-from)*(i+1)/length)
		}
		return at + 1, true
	}
	return 0, false
}
