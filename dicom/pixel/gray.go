package pixel

import (
	"encoding/binary"
	"image"
	"math/bits"
	"sync"
)

// table maps the raw cells of up to 16 bits to grey.
type table [1 << 16]uint8

var tables = sync.Pool{New: func() any { return new(table) }}

// gray renders a monochrome frame.
func (m *Image) gray(f frame, n int, w Window) (image.Image, error) {
	t, ok, err := m.transform(n, w)
	if err != nil {
		return nil, err
	}
	picture := image.NewGray(image.Rect(0, 0, m.columns, m.rows))
	if m.float || m.bitsAllocated > 16 {
		m.grayWide(picture.Pix, f, t, ok)
		return picture, nil
	}
	cells := m.unpack(f)
	defer cells.release()
	if !ok {
		m.chooseWindow(&t, cells)
	}
	look := tables.Get().(*table)
	defer tables.Put(look)
	m.fill(look, &t)
	m.spread(look, cells)
	if cells.bytes == 1 {
		for i, b := range cells.data[:len(picture.Pix)] {
			picture.Pix[i] = look[b]
		}
	} else {
		look.words(picture.Pix, cells.data)
	}
	return picture, nil
}

// words maps 16-bit words in little-endian order.
func (l *table) words(dst, src []byte) {
	for len(dst) >= 4 && len(src) >= 8 {
		four := binary.LittleEndian.Uint64(src)
		dst[0], dst[1] = l[uint16(four)], l[uint16(four>>16)]
		dst[2], dst[3] = l[uint16(four>>32)], l[uint16(four>>48)]
		dst, src = dst[4:], src[8:]
	}
	for i := range dst {
		dst[i] = l[binary.LittleEndian.Uint16(src[2*i:])]
	}
}

// fill computes the grey of every stored value, at the index of its lowest
// bitsStored bits. What lies outside a linear window is one grey, and padding
// is black.
func (m *Image) fill(look *table, t *transform) {
	low, high := m.storedRange()
	mask := 1<<m.bitsStored - 1
	first, last := m.insideWindow(t, low, high)
	below, above := t.grey(float64(low)), t.grey(float64(high))
	for s := low; s < first; s++ {
		look[s&mask] = below
	}
	for s := first; s <= last; s++ {
		look[s&mask] = t.grey(float64(s))
	}
	for s := last + 1; s <= high; s++ {
		look[s&mask] = above
	}
	for s := max(m.padding.low, low); s <= min(m.padding.high, high); s++ {
		look[s&mask] = 0
	}
}

// insideWindow returns the stored values between which the grey varies; all,
// where that takes more than a window to tell.
func (m *Image) insideWindow(t *transform, low, high int) (first, last int) {
	if t.modality != nil || t.voi != nil || t.window.Function == Sigmoid {
		return low, high
	}
	a := (t.window.Center - t.window.Width/2 - 1 - t.intercept) / t.slope
	b := (t.window.Center + t.window.Width/2 + 1 - t.intercept) / t.slope
	a, b = min(a, b)-1, max(a, b)+1
	first = int(min(max(a, float64(low)), float64(high)))
	last = int(min(max(b, float64(low)), float64(high)))
	return first, last
}

// spread turns a table of stored values into one of raw cells: other bits than
// the stored ones are ignored, a high bit that is not the last is shifted down,
// words in big-endian order are swapped.
func (m *Image) spread(look *table, c cells) {
	shift := m.highBit + 1 - m.bitsStored
	mask := uint16(1<<m.bitsStored - 1)
	size := 1 << (8 * c.bytes)
	if shift == 0 && int(mask) == size-1 && !c.swapped {
		return
	}
	stored := tables.Get().(*table)
	defer tables.Put(stored)
	copy(stored[:int(mask)+1], look[:])
	for raw := range size {
		v := uint16(raw)
		if c.swapped {
			v = bits.ReverseBytes16(v)
		}
		look[raw] = stored[v>>shift&mask]
	}
}
