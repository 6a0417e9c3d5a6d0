package report

import (
	"slices"
	"strconv"
	"strings"
)

// measure is a length or a product of lengths: '4.6cm×3.9cm', '13*11mm', '2 to 3 cm'.
type measure struct {
	from, to int       // tokens
	mm       []float64 // in millimetres, in the order written
	units    []string  // as written, one per value; "" where the value has none of its own
	prior    bool      // a size of an earlier date: 'previously 3 cm', '原约3cm'
}

// millimetres per unit of length.
var lengths = map[string]float64{"mm": 1, "cm": 10, "m": 1000, "millimeter": 1, "centimeter": 10, "millimetre": 1, "centimetre": 10,
	"毫米": 1, "厘米": 10, "㎜": 1, "㎝": 10, "um": 0.001}

// measures finds the sizes of a clause.
func (c *clause) measures() []measure {
	var out []measure
	for i := 0; i < len(c.tokens); i++ {
		if c.tokens[i].class != classNumber {
			continue
		}
		if m, ok := c.measureAt(i); ok {
			m.prior = c.priorSize(i)
			out = append(out, m)
			i = m.to - 1
		}
	}
	return out
}

// measureAt reads number [unit] { × number [unit] }; a value without a unit takes the next one's.
func (c *clause) measureAt(i int) (measure, bool) {
	m := measure{from: i}
	for {
		v, err := strconv.ParseFloat(strings.ReplaceAll(c.word(i), ",", ""), 64)
		if err != nil {
			return m, false
		}
		unit, next := c.unitAt(i + 1)
		m.mm, m.units, m.to = append(m.mm, v), append(m.units, unit), next
		sep := c.times(next)
		if sep == 0 || next+sep >= len(c.tokens) || c.tokens[next+sep].class != classNumber || len(m.mm) == 4 {
			break
		}
		i = next + sep
	}
	if len(m.mm) == 1 && m.units[0] == "m" {
		return m, false // technetium-99m; a lone metre measures no anatomy
	}
	return m, m.scale()
}

// scale turns the values into millimetres; false when no unit is written at all.
func (m *measure) scale() bool {
	unit := ""
	for i := len(m.mm) - 1; i >= 0; i-- {
		if m.units[i] != "" {
			unit = m.units[i]
		}
		if unit == "" {
			return false
		}
		m.mm[i] *= lengths[unit]
	}
	return true
}

// unitAt reads a unit of length at token i and returns the token after it.
func (c *clause) unitAt(i int) (string, int) {
	if i >= len(c.tokens) {
		return "", i
	}
	w := c.lower(i)
	if c.tokens[i].class == classHan && i+1 < len(c.tokens) {
		if two := w + c.word(i+1); lengths[two] > 0 {
			return two, i + 2
		}
	}
	if w = strings.TrimSuffix(w, "s"); lengths[w] > 0 && !c.continuesUnit(i+1) {
		return w, i + 1
	}
	return "", i
}

// continuesUnit: cm/s, cm2, mm³ and the like are no lengths.
func (c *clause) continuesUnit(i int) bool {
	if i >= len(c.tokens) || c.word(i) == "per" {
		return i < len(c.tokens)
	}
	if c.tokens[i].start != c.tokens[i-1].end {
		return false
	}
	return c.mark(i, "/²³^") || c.tokens[i].class == classNumber
}

// times measures a separator between two values: ×, x, *, by, to.
func (c *clause) times(i int) int {
	if i >= len(c.tokens) {
		return 0
	}
	if c.mark(i, "×*＊x~～") || slices.Contains([]string{"x", "X", "by", "to"}, c.word(i)) {
		return 1
	}
	return 0
}

// priorSize: the words just before the number put it in the past.
func (c *clause) priorSize(i int) bool {
	for j := i - 1; j >= 0 && j >= i-6; j-- {
		switch c.lower(j) {
		case "previously", "prior", "previous", "formerly", "was", "were", "from", "versus", "vs", "原", "前":
			return true
		case ",", "，", ";":
			return false
		}
	}
	return false
}

func (m measure) largest() float64 { return slices.Max(m.mm) }
