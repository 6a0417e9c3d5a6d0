package report

import (
	"fmt"
	"strconv"
	"strings"
)

// day is a calendar day; its order is that of the number YYYYMMDD.
type day int

func makeDay(y, m, d int) (day, bool) {
	if y < 100 {
		y += 2000
	}
	if y < 1900 || y > 2200 || m < 1 || m > 12 || d < 1 || d > 31 {
		return 0, false
	}
	return day(y*10000 + m*100 + d), true
}

func (d day) String() string { return fmt.Sprintf("%04d-%02d-%02d", d/10000, d/100%100, d%100) }

// dateAt reads a date that begins at token i: 2024-03-05, 2024年3月5日, 2024.3.5, 3/5/2024, March 5, 2024,
// 5 March 2024. Where day and month may be told either way it returns both readings, the earlier one first.
func (c *clause) dateAt(i int) (readings []day, next int) {
	if r, next := c.monthOf(i); next > 0 {
		return r, next
	}
	if m := month(c.word(i)); m > 0 {
		return c.namedMonth(i, m)
	}
	if c.tokens[i].class != classNumber || i+2 >= len(c.tokens) {
		return nil, 0
	}
	if m := month(c.word(i + 1)); m > 0 {
		return readingsOf(i+3, [3]int{c.int(i + 2), m, c.int(i)})
	}
	return c.numericDate(i)
}

// monthOf reads a month without a day as its first day: March 2024, 3/2024, 2024年3月片.
func (c *clause) monthOf(i int) (readings []day, next int) {
	if m := month(c.word(i)); m > 0 && c.int(i+1) > 1900 {
		return readingsOf(i+2, [3]int{c.int(i + 1), m, 1})
	}
	a, b := c.int(i), c.int(i+2)
	switch {
	case a < 0 || b < 0:
	case c.mark(i+1, "/") && b > 1900 && (i == 0 || !c.mark(i-1, "/.")):
		return readingsOf(i+3, [3]int{b, a, 1})
	case a > 1900 && c.word(i+1) == "年" && i+4 < len(c.tokens) && c.word(i+3) == "月" && c.int(i+4) < 0:
		return readingsOf(i+4, [3]int{a, b, 1})
	}
	return nil, 0
}

// namedMonth: March 5, 2024 or March 5 2024.
func (c *clause) namedMonth(i, m int) ([]day, int) {
	j := i + 1
	if j < len(c.tokens) && c.mark(j, ".") {
		j++
	}
	d := c.int(j)
	if j++; j < len(c.tokens) && c.mark(j, ",") {
		j++
	}
	if y := c.int(j); y > 1900 {
		return readingsOf(j+1, [3]int{y, m, d})
	}
	return nil, 0
}

// numericDate reads three numbers: joined by hyphens (which are no tokens), slashes, dots or 年月日.
func (c *clause) numericDate(i int) ([]day, int) {
	a := c.int(i)
	j := i + 1
	if c.mark(j, "/.") || c.word(j) == "年" {
		j++
	} else if c.gap(i, j) != "-" {
		return c.dottedDate(i)
	}
	b := c.int(j)
	j++
	if j < len(c.tokens) && c.mark(j, "/.") || j < len(c.tokens) && c.word(j) == "月" {
		j++
	} else if j >= len(c.tokens) || c.gap(j-1, j) != "-" {
		return c.dottedDate(i)
	}
	d := c.int(j)
	return readingsOfNumbers(a, b, d, j+1)
}

// dottedDate: 2024.3.5 tokenises as 2024.3 . 5.
func (c *clause) dottedDate(i int) ([]day, int) {
	y, m, ok := strings.Cut(c.word(i), ".")
	if !ok || len(y) != 4 || i+2 >= len(c.tokens) || !c.mark(i+1, ".") {
		return nil, 0
	}
	year, _ := strconv.Atoi(y)
	mon, _ := strconv.Atoi(m)
	return readingsOf(i+3, [3]int{year, mon, c.int(i + 2)})
}

// readingsOfNumbers: year first is unambiguous, year last leaves month and day open.
func readingsOfNumbers(a, b, d, next int) ([]day, int) {
	if a > 1900 {
		return readingsOf(next, [3]int{a, b, d})
	}
	if d < 100 && d > 50 {
		d += 1900
	}
	return readingsOf(next, [3]int{d, a, b}, [3]int{d, b, a})
}

func readingsOf(next int, ymd ...[3]int) ([]day, int) {
	var out []day
	for _, v := range ymd {
		if d, ok := makeDay(v[0], v[1], v[2]); ok && v[0] > 0 {
			out = append(out, d)
		}
	}
	if len(out) == 0 {
		return nil, 0
	}
	if len(out) == 2 && out[1] < out[0] {
		out[0], out[1] = out[1], out[0]
	}
	return out, next
}

// int is the whole number of token i, -1 for none.
func (c *clause) int(i int) int {
	if i >= len(c.tokens) || c.tokens[i].class != classNumber {
		return -1
	}
	n, err := strconv.Atoi(c.word(i))
	if err != nil {
		return -1
	}
	return n
}

// gap is the text between two tokens.
func (c *clause) gap(i, j int) string { return c.text[c.tokens[i].end:c.tokens[j].start] }

var monthNumbers = map[string]int{"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "sept": 9,
	"oct": 10, "nov": 11, "dec": 12, "january": 1, "february": 2, "march": 3, "april": 4, "june": 6, "july": 7, "august": 8,
	"september": 9, "october": 10, "november": 11, "december": 12}

func month(w string) int {
	if len(w) < 3 || len(w) > 9 {
		return 0
	}
	return monthNumbers[strings.ToLower(w)]
}

// DATE-001: a comparison dated after the study, by every reading of the date.
func (k *checker) comparisonDates() {
	digits := digits(k.f.StudyDate)
	if len(digits) < 8 {
		return
	}
	n, _ := strconv.Atoi(digits[:8])
	study := day(n)
	for i := range k.r.Statements {
		s, c := &k.r.Statements[i], k.r.details[i].clause
		if !s.Comparison {
			continue
		}
		for j := c.priorFrom(s.Section == "comparison"); j < len(c.tokens); j++ {
			if r, next := c.dateAt(j); next > 0 && r[0] > study {
				k.flag("DATE-001", s.N, r[0].String(), study.String())
				break
			}
		}
	}
}

// priorFrom is the first token that can belong to the date of an earlier examination.
func (c *clause) priorFrom(whole bool) int {
	for _, s := range c.shades {
		if s.cue&cuePrior != 0 && !whole && c.tokens[s.from].class != classHan {
			return s.to
		}
	}
	for i := 1; i < len(c.tokens); i++ {
		if c.mark(i, ":：") && c.mark(i-1, ")）") {
			return i + 1 // 补充报告（2024-03-05）：… is the day of the addendum
		}
	}
	return 0
}
