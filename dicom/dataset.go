package dicom

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
)

// DataSet is a data set or a sequence item (PS3.5 7). The methods of a nil
// DataSet find nothing, so lookups through [DataSet.Item] can be chained.
type DataSet struct {
	elements []element // sorted by tag
	parent   *DataSet  // the data set around an item, nil at the top
}

type element struct {
	tag       Tag
	vr        VR
	bigEndian bool
	offset    int64 // of the value
	length    int64 // as declared
	value     []byte
	items     []*DataSet
}

// sort puts the elements in the order of their tags, in which nearly all come.
func (d *DataSet) sort() {
	byTag := func(a, b element) int { return cmp.Compare(a.tag, b.tag) }
	if !slices.IsSortedFunc(d.elements, byTag) {
		slices.SortStableFunc(d.elements, byTag)
	}
}

func (d *DataSet) find(tag Tag) *element {
	if d == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(d.elements, tag, func(e element, t Tag) int { return cmp.Compare(e.tag, t) })
	if !ok {
		return nil
	}
	return &d.elements[i]
}

// Len returns the number of elements.
func (d *DataSet) Len() int {
	if d == nil {
		return 0
	}
	return len(d.elements)
}

// Has says whether the element is there, with or without a value.
func (d *DataSet) Has(tag Tag) bool { return d.find(tag) != nil }

// Items returns the items of a sequence, nil without.
func (d *DataSet) Items(tag Tag) []*DataSet {
	if e := d.find(tag); e != nil {
		return e.items
	}
	return nil
}

// Item returns the first item of a sequence, nil without.
func (d *DataSet) Item(tag Tag) *DataSet {
	if items := d.Items(tag); len(items) > 0 {
		return items[0]
	}
	return nil
}

// Bytes returns the value as it was encoded, or nil where there is none or it
// was too long to be kept. It must not be changed.
func (d *DataSet) Bytes(tag Tag) []byte {
	if e := d.find(tag); e != nil {
		return e.value
	}
	return nil
}

// Span returns where the value of an element lies, kept or not; false for a
// sequence, an undefined length or a missing element.
func (d *DataSet) Span(tag Tag) (Span, bool) {
	e := d.find(tag)
	if e == nil || e.vr == SQ || e.length == undefined {
		return Span{}, false
	}
	return Span{Offset: e.offset, Length: e.length}, true
}

// String returns the first value of an element as text, trimmed of padding; ""
// without. Text is decoded by SpecificCharacterSet; a person name keeps its
// component groups, "Wang^XiaoDong=王^小东".
func (d *DataSet) String(tag Tag) string {
	e := d.find(tag)
	if e == nil {
		return ""
	}
	if e.numeric() {
		if values := e.numbers(1); len(values) > 0 {
			return values[0].text()
		}
		return ""
	}
	s := d.decode(e)
	if e.vr.single() {
		return strings.TrimRight(s, " \x00")
	}
	first, _, _ := strings.Cut(s, `\`)
	return strings.Trim(first, " \x00")
}

// Strings returns all values of an element as text, each trimmed; nil without.
func (d *DataSet) Strings(tag Tag) []string {
	e := d.find(tag)
	if e == nil || len(e.value) == 0 {
		return nil
	}
	if e.numeric() {
		var texts []string
		for _, v := range e.numbers(math.MaxInt) {
			texts = append(texts, v.text())
		}
		return texts
	}
	if e.vr.single() {
		return []string{d.String(tag)}
	}
	values := strings.Split(d.decode(e), `\`)
	for i := range values {
		values[i] = strings.Trim(values[i], " \x00")
	}
	return values
}

// Int returns the first value of an element as a number; false if there is none
// or it is not whole.
func (d *DataSet) Int(tag Tag) (int, bool) {
	if e := d.find(tag); e != nil {
		if values := e.numbers(1); len(values) > 0 {
			return values[0].int()
		}
	}
	return 0, false
}

// Ints returns all values of an element as numbers; nil if there are none or
// one is not whole.
func (d *DataSet) Ints(tag Tag) []int {
	e := d.find(tag)
	if e == nil {
		return nil
	}
	values := e.numbers(math.MaxInt)
	ints := make([]int, len(values))
	for i, v := range values {
		n, ok := v.int()
		if !ok {
			return nil
		}
		ints[i] = n
	}
	return ints
}

// Float returns the first value of an element as a number; false if there is
// none or it is not finite.
func (d *DataSet) Float(tag Tag) (float64, bool) {
	if e := d.find(tag); e != nil {
		if values := e.numbers(1); len(values) > 0 {
			return values[0].float()
		}
	}
	return 0, false
}

// Floats returns all values of an element as numbers; nil if there are none or
// one is not finite.
func (d *DataSet) Floats(tag Tag) []float64 {
	e := d.find(tag)
	if e == nil {
		return nil
	}
	values := e.numbers(math.MaxInt)
	floats := make([]float64, len(values))
	for i, v := range values {
		f, ok := v.float()
		if !ok {
			return nil
		}
		floats[i] = f
	}
	return floats
}

// number is one value of a numeric element: whole ones exactly.
type number struct {
	whole int64
	real  float64
	exact bool // whole holds
}

func (n number) int() (int, bool) {
	if n.exact {
		return int(n.whole), true
	}
	if n.real == math.Trunc(n.real) && math.Abs(n.real) < 1<<53 {
		return int(n.real), true
	}
	return 0, false
}

func (n number) float() (float64, bool) {
	if n.exact {
		return float64(n.whole), true
	}
	return n.real, !math.IsNaN(n.real) && !math.IsInf(n.real, 0)
}

func (n number) text() string {
	if n.exact {
		return strconv.FormatInt(n.whole, 10)
	}
	return strconv.FormatFloat(n.real, 'g', -1, 64)
}

// width returns the bytes of one binary value (PS3.5 6.2), 0 for text.
func (v VR) width() int {
	switch v {
	case OB:
		return 1
	case US, SS, OW:
		return 2
	case UL, SL, FL, OF, OL, AT:
		return 4
	case UV, SV, FD, OD, OV:
		return 8
	}
	return 0
}

func (e *element) numeric() bool { return e.vr.width() > 0 }

// numbers returns at most limit values of a binary or numeric text element. A
// text that is no number gives none at all.
func (e *element) numbers(limit int) []number {
	width := e.vr.width()
	if width == 0 {
		return e.textNumbers(limit)
	}
	count := min(len(e.value)/width, limit)
	values := make([]number, count)
	order := layout{bigEndian: e.bigEndian}.order()
	for i := range values {
		values[i] = binaryNumber(e.vr, order, e.value[i*width:])
	}
	return values
}

func binaryNumber(vr VR, order binary.ByteOrder, b []byte) number {
	whole := func(n int64) number { return number{whole: n, exact: true} }
	switch vr {
	case OB:
		return whole(int64(b[0]))
	case US, OW:
		return whole(int64(order.Uint16(b)))
	case SS:
		return whole(int64(int16(order.Uint16(b))))
	case UL, OL:
		return whole(int64(order.Uint32(b)))
	case SL:
		return whole(int64(int32(order.Uint32(b))))
	case AT:
		return whole(int64(order.Uint16(b))<<16 | int64(order.Uint16(b[2:])))
	case UV, SV, OV:
		return whole(int64(order.Uint64(b)))
	case FL, OF:
		return number{real: float64(math.Float32frombits(order.Uint32(b)))}
	}
	return number{real: math.Float64frombits(order.Uint64(b))}
}

// textNumbers reads IS and DS, and any other text that is made of numbers. Some
// writers put a decimal comma, which is read as a point.
func (e *element) textNumbers(limit int) []number {
	var values []number
	rest, more := string(e.value), len(e.value) > 0
	for more && len(values) < limit {
		var text string
		text, rest, more = strings.Cut(rest, `\`)
		text = strings.Trim(text, " \x00")
		if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
			values = append(values, number{whole: whole, exact: true})
			continue
		}
		real, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
		if err != nil {
			return nil
		}
		values = append(values, number{real: real})
	}
	return values
}
