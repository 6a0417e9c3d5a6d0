package pixel

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"

	"concord/dicom"
)

// cells are the pixel cells of a monochrome frame, one or two bytes each.
type cells struct {
	data    []byte
	bytes   int   // of a cell
	swapped bool  // words in big-endian order
	holder  frame // of data, if they had to be unpacked
}

func (c cells) release() { c.holder.release() }

// unpack brings cells of 1 to 16 bits to whole bytes; those of 8 and 16 bits
// stay where they are.
func (m *Image) unpack(f frame) cells {
	switch m.bitsAllocated {
	case 8:
		return cells{data: f.data, bytes: 1}
	case 16:
		return cells{data: f.data, bytes: 2, swapped: f.bigEndian}
	}
	pixels := m.rows * m.columns
	width := 1
	if m.bitsAllocated > 8 {
		width = 2
	}
	unpacked := m.newFrame(int64(pixels * width))
	mask := uint32(1<<m.bitsAllocated - 1)
	bit := f.bit
	for i := range pixels {
		v := cellAt(f.data, bit) & mask
		bit += int64(m.bitsAllocated)
		if width == 1 {
			unpacked.data[i] = byte(v)
		} else {
			binary.LittleEndian.PutUint16(unpacked.data[2*i:], uint16(v))
		}
	}
	return cells{data: unpacked.data, bytes: width, holder: unpacked}
}

// cellAt returns the bits from the given one on (PS3.5 8.1.1: the first cell
// is in the lowest bits).
func cellAt(data []byte, bit int64) uint32 {
	i := bit / 8
	var v uint32
	for k := range int64(3) {
		if i+k < int64(len(data)) {
			v |= uint32(data[i+k]) << (8 * k)
		}
	}
	return v >> (bit % 8)
}

// floatPadding returns FloatPixelPaddingValue or its double form.
func (m *Image) floatPadding() (float64, bool) {
	if v, ok := m.obj.Float(dicom.FloatPixelPaddingValue); ok {
		return v, true
	}
	return m.obj.Float(dicom.DoubleFloatPixelPaddingValue)
}

// The part of the values that the default window leaves out at each end.
const outlying = 0.01

// chooseWindow sets a window from the values of the frame, padding excluded.
// Pixels of 8 bits and less are pictures already and keep their whole range.
func (m *Image) chooseWindow(t *transform, c cells) {
	low, high := m.storedRange()
	if m.bitsStored > 8 || m.padding.low <= m.padding.high {
		low, high = m.percentiles(c)
	}
	t.windowOver(float64(low), float64(high))
}

// windowOver sets the window whose ends are the values of two stored values.
func (t *transform) windowOver(low, high float64) {
	a, b := t.value(low), t.value(high)
	a, b = min(a, b), max(a, b)
	t.window = Window{Center: (a + b) / 2, Width: max(b-a, 1e-9), Function: LinearExact}
}

// sampled is about how many pixels are looked at to choose a window.
const sampled = 1 << 15

// histogram counts stored values from the lowest possible one on.
type histogram [1 << 16]uint32

var histograms = sync.Pool{New: func() any { return new(histogram) }}

// percentiles returns the stored values below and above which the outlying part
// lies, by an even sample of the pixels.
func (m *Image) percentiles(c cells) (low, high int) {
	counts := histograms.Get().(*histogram)
	defer histograms.Put(counts)
	lowest, highest := m.storedRange()
	used := counts[:highest-lowest+1]
	clear(used)
	var total uint32
	pixels := m.rows * m.columns
	for i := 0; i < pixels; i += pixels/sampled | 1 {
		v := m.stored(c, i)
		if v < m.padding.low || v > m.padding.high {
			used[v-lowest]++
			total++
		}
	}
	if total == 0 {
		return lowest, highest
	}
	left := uint32(float64(total) * outlying)
	return lowest + rank(used, left), lowest + rank(used, total-1-left)
}

// rank returns the index of the k-th counted thing, from 0.
func rank(counts []uint32, k uint32) int {
	var seen uint32
	for i, n := range counts {
		if seen += n; seen > k {
			return i
		}
	}
	return len(counts) - 1
}

// grayWide renders pixels of more than 16 bits and float pixels (PS3.3
// C.7.6.24) one by one; values that are no numbers are black.
func (m *Image) grayWide(dst []byte, f frame, t transform, ok bool) {
	values := m.wideValues(f)
	if !ok {
		low, high := widePercentiles(values)
		t.windowOver(low, high)
	}
	for i, v := range values {
		if !math.IsNaN(v) {
			dst[i] = t.grey(v)
		}
	}
}

// wideValues returns the stored values of a frame; padding and values that are
// not finite become NaN.
func (m *Image) wideValues(f frame) []float64 {
	values := make([]float64, m.rows*m.columns)
	paddingValue, hasPadding := m.floatPadding()
	bytes := m.bitsAllocated / 8
	for i := range values {
		v := m.wideValue(f.data[i*bytes:], f.bigEndian)
		if math.IsInf(v, 0) || hasPadding && v == paddingValue {
			v = math.NaN()
		}
		values[i] = v
	}
	return values
}

func (m *Image) wideValue(b []byte, bigEndian bool) float64 {
	var order binary.ByteOrder = binary.LittleEndian
	if bigEndian {
		order = binary.BigEndian
	}
	switch {
	case m.float && m.bitsAllocated == 64:
		return math.Float64frombits(order.Uint64(b))
	case m.float:
		return float64(math.Float32frombits(order.Uint32(b)))
	}
	v := order.Uint32(b) >> (m.highBit + 1 - m.bitsStored)
	unused := 32 - m.bitsStored
	if m.signed {
		return float64(int32(v<<unused) >> unused)
	}
	return float64(v << unused >> unused)
}

// widePercentiles sorts a sample of the values.
func widePercentiles(values []float64) (low, high float64) {
	var sample []float64
	for i := 0; i < len(values); i += len(values)/sampled | 1 {
		if !math.IsNaN(values[i]) {
			sample = append(sample, values[i])
		}
	}
	if len(sample) == 0 {
		return 0, 1
	}
	slices.Sort(sample)
	left := int(float64(len(sample)) * outlying)
	return sample[left], sample[len(sample)-1-left]
}
