package codec

// huffman is a Huffman table (ISO/IEC 10918-1 C.2, F.2.2.3) with a fast look at
// the next bits.
type huffman struct {
	fast   [1 << lookBits]int32
	limit  [17]int32 // the codes of each length are below it; for the slow look
	offset [17]int32 // from a code of that length to its index in values
	values []byte
}

// lookBits is how many bits the fast look takes: most codes with their
// additional bits fit in.
const lookBits = 12

// An entry of the fast table has the bits used (0: the code is longer), the
// symbol and, if the additional bits are used too, their value.
const (
	entryLength   = 0x3F
	entryComplete = 0x40
	symbolShift   = 8
	valueShift    = 16
)

// newHuffman builds a table from the number of codes of each length, 1 to 16,
// and their symbols. For a table of AC coefficients the lower half of a symbol
// is the number of additional bits, else the whole symbol. nil if it is none.
func newHuffman(counts, values []byte, ac bool) *huffman {
	h := &huffman{values: values}
	code, k := int32(0), int32(0)
	for length := 1; length <= 16; length++ {
		h.offset[length] = k - code
		for range counts[length-1] {
			size := uint(values[k])
			if ac {
				size &= 15
			}
			if code >= 1<<length || size > 16 {
				return nil
			}
			h.enter(code, uint(length), int32(values[k]), size, ac)
			code++
			k++
		}
		h.limit[length] = code
		code <<= 1
	}
	return h
}

// enter fills the fast table for one code.
func (h *huffman) enter(code int32, length uint, symbol int32, size uint, ac bool) {
	if length > lookBits {
		return
	}
	free := lookBits - length
	complete := size <= free && (!ac || size > 0)
	if size == 16 && !ac { // H.1.2.2: a difference of 32768, no additional bits
		complete = true
	}
	for rest := range int32(1) << free {
		entry := symbol<<symbolShift | int32(length)
		switch {
		case complete && size == 16:
			entry |= -32768<<valueShift | entryComplete
		case complete:
			value := int32(extend(int(rest>>(free-size)), size))
			entry = value<<valueShift | symbol<<symbolShift | entryComplete | int32(length+size)
		}
		h.fast[code<<free|rest] = entry
	}
}

// symbol decodes one code, whose 16 bits have to be there; ok is false for one
// that is not in the table.
func (h *huffman) symbol(r *bitReader) (symbol byte, ok bool) {
	if e := h.fast[r.acc>>(64-lookBits)]; e&entryLength != 0 && e&entryComplete == 0 {
		r.skip(uint(e & entryLength))
		return byte(e >> symbolShift), true
	}
	for length := uint(1); length <= 16; length++ {
		if code := int32(r.acc >> (64 - length)); code < h.limit[length] {
			r.skip(length)
			return h.values[code+h.offset[length]], true
		}
	}
	return 0, false
}

// difference decodes a code with its additional bits (F.2.2.1, H.2.2), modulo
// 65536.
func (h *huffman) difference(r *bitReader) (int, bool) {
	if r.n < 32 {
		r.refill()
	}
	if e := h.fast[r.acc>>(64-lookBits)]; e&entryComplete != 0 {
		r.skip(uint(e & entryLength))
		return int(e >> valueShift), true
	}
	size, ok := h.symbol(r)
	if size == 16 {
		return -32768, ok
	}
	return extend(r.take(uint(size)), uint(size)), ok
}
