package report

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// countable findings are counted and measured.
func (m *mention) countable() bool {
	return m.kind == "finding" && (m.has("lesion") || m.english == "midline shift")
}

// numerals are the words for small numbers.
var numerals = map[string]int{"one": 1, "single": 1, "solitary": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
	"一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6}

// counted finds the number that counts finding i: 'three pulmonary nodules', '2枚结节'; 0 for none.
func (d *detail) counted(i int) int {
	c, m := d.clause, &d.mentions[i]
	if n := c.countBehind(m.to); n > 0 {
		return n
	}
	for j := m.from - 1; j >= 0 && j >= m.from-6; j-- {
		if c.mark(j, ",，;；.。()（）:：") || c.word(j) == "and" {
			return 0
		}
		n := c.small(j)
		if n == 0 {
			continue
		}
		if c.tokens[j].class == classHan || c.tokens[m.from].class == classHan {
			if j+1 < len(c.tokens) && slices.Contains(countWords, c.word(j+1)) && !c.besides(j) {
				return n
			}
			return 0
		}
		if c.betweenNounPhrase(j+1, m.from) && !c.besides(j) && (n > 1) == c.plural(m.to-1) {
			return n
		}
		return 0
	}
	return 0
}

// besides: the number counts only some: 'two further lesions', 另见2枚.
func (c *clause) besides(i int) bool {
	if i+1 < len(c.tokens) && c.lower(i+1) == "of" {
		return true
	}
	for j := max(0, i-3); j < len(c.tokens) && j < i+3; j++ {
		switch c.lower(j) {
		case "further", "additional", "other", "more", "another", "smaller", "satellite", "also", "另", "余", "他", "还", "再":
			return true
		}
	}
	return false
}

var countWords = []string{"枚", "个", "处", "颗"}

// countBehind reads '3枚' or '（5枚）' at token i.
func (c *clause) countBehind(i int) int {
	if i < len(c.tokens) && c.mark(i, "(（") {
		i++
	}
	if i+1 < len(c.tokens) && slices.Contains(countWords, c.word(i+1)) {
		return c.small(i)
	}
	return 0
}

// small reads a whole number from 1 to 12 that is not part of a measurement, level or date.
func (c *clause) small(i int) int {
	if n := numerals[c.lower(i)]; n > 0 {
		return n
	}
	n := c.int(i)
	if n < 1 || n > 12 || i > 0 && (c.tokens[i-1].end == c.tokens[i].start && c.tokens[i-1].class < classHan || c.mark(i-1, "/×*x#")) {
		return 0
	}
	if i+1 < len(c.tokens) && (c.mark(i+1, "/×*x%") || c.tokens[i].end == c.tokens[i+1].start && c.tokens[i+1].class == classWord) {
		return 0
	}
	if u, _ := c.unitAt(i + 1); u != "" {
		return 0
	}
	return n
}

// betweenNounPhrase: only adjectives and nouns stand between number and noun.
func (c *clause) betweenNounPhrase(from, to int) bool {
	for i := from; i < to; i++ {
		switch w := c.lower(i); {
		case c.tokens[i].class != classWord, verbs[w]:
			return false
		case slices.Contains([]string{"of", "in", "the", "with", "to", "or", "month", "months", "week", "weeks", "day", "days", "year", "years", "view", "views", "cm", "mm"}, w):
			return false
		}
	}
	return true
}

func (c *clause) plural(i int) bool { return strings.HasSuffix(c.lower(i), "s") }

// quantity is a count or a size of a lesion at a place.
type quantity struct {
	statement int
	lesion    *concept
	organ     *concept // nil when unsaid
	side      side
	fresh     bool // only what is new
	count     int
	size      measure
	text      string // the size as written
}

// quantities gathers what a section counts and measures.
func (k *checker) quantities(section string) []quantity {
	var out []quantity
	k.observed(func(s *Statement, d *detail) bool {
		if s.Section != section {
			return true
		}
		for i := range d.mentions {
			m := &d.mentions[i]
			if !m.countable() || m.denied {
				continue
			}
			q := quantity{statement: s.N, lesion: m.concept, side: m.side, count: d.counted(i),
				fresh: d.clause.hasWord([]string{"new", "New", "新"})}
			if o := d.organOf(m); o != nil {
				q.organ = o.concept
				if q.side == sideNone {
					q.side = o.side
				}
			}
			if size, ok := d.sizeOf(i); ok {
				q.size, q.text = size, d.clause.measureText(size)
			}
			if q.count > 0 || q.size.mm != nil {
				out = append(out, q)
			}
		}
		return len(out) < maxConclusions
	})
	return out
}

// sizeOf is the one measurement of today that finding i can own.
func (d *detail) sizeOf(i int) (size measure, ok bool) {
	m := &d.mentions[i]
	for _, s := range d.measures {
		if near := s.from - m.to; near >= 0 && near <= 1 && !s.prior {
			return s, true // 'cyst 4.1 cm', 'nodule, 8 mm'
		}
	}
	if slices.ContainsFunc(d.mentions[i+1:], func(o mention) bool { return o.concept == m.concept }) {
		return size, false
	}
	own := slices.DeleteFunc(slices.Clone(d.measures), func(s measure) bool { return s.prior || d.clause.distance(s.from) })
	if len(own) > 1 {
		own = slices.DeleteFunc(own, func(s measure) bool { return d.measured(s) != m.concept })
	} else if !d.onlyLesion(i) {
		return size, false
	}
	if len(own) != 1 {
		return size, false
	}
	return own[0], true
}

// organOf is the place of finding m: the one beside it or the statement's carried one, unless m's kind has
// a place of its own and they are not it.
func (d *detail) organOf(m *mention) *mention {
	o := d.carried
	if m.organ >= 0 {
		o = &d.mentions[m.organ]
	}
	if o != nil && m.within != "" && o.english != m.within && o.within != m.within && o.kind != "region" {
		return nil
	}
	return o
}

// onlyLesion: no other countable finding could own the statement's measurement. Words of one phrase
// (强回声结节) and vague ones name the same thing.
func (d *detail) onlyLesion(i int) bool {
	m := &d.mentions[i]
	for j := range d.mentions {
		o := &d.mentions[j]
		if j != i && o.countable() && o.concept != m.concept && !o.denied && o.to != m.from && m.to != o.from && !o.has("vague") {
			return false
		}
	}
	return true
}

func (c *clause) measureText(m measure) string {
	return c.text[c.tokens[m.from].start:c.tokens[m.to-1].end]
}

// sameLesion: one lesion under one name at one place, as far as both say.
func (k *checker) sameLesion(a, b *quantity) bool {
	if !related(a.lesion, b.lesion) || a.side != b.side {
		return false
	}
	return a.organ == nil || b.organ == nil || related(a.organ, b.organ) || a.organ.region == b.organ.region && a.organ.kind == "region"
}

// NUM-001: the impression counts a lesion that exactly one statement of the findings speaks of, and that one
// counts it otherwise. Where another statement of the findings affirms such a lesion, it may be one more.
func (k *checker) counts() {
	found := k.quantities("findings")
	for _, q := range k.quantities("impression") {
		if q.count == 0 {
			continue
		}
		for i := range found {
			if f := &found[i]; f.count > 0 && f.count != q.count && f.fresh == q.fresh && (k.sameLesion(f, &q) || sameOrgan(f, &q)) && k.onlyStatement(f, &q) {
				k.flag("NUM-001", q.statement, strconv.Itoa(q.count), k.name(q.lesion), strconv.Itoa(f.count))
			}
		}
	}
}

// sameOrgan: the impression names by its kind what the findings describe in one organ: 强回声团, 胆囊结石.
func sameOrgan(f, q *quantity) bool {
	where := q.organ
	if where == nil {
		where = q.lesion.up
	}
	return f.organ != nil && where != nil && f.side == q.side && related(f.organ, where) && mayBe(f.lesion, q.lesion)
}

// onlyStatement: no other statement of the findings than f's affirms what may be the lesion q of the impression,
// but to count or measure the same ones: 子宫肌层见3个结节，较大者2cm.
func (k *checker) onlyStatement(f, q *quantity) bool {
	for i := range k.r.Statements {
		s, d := &k.r.Statements[i], &k.r.details[i]
		if s.Section != "findings" || s.N == f.statement || d.clause.hasWord([]string{"largest", "Largest", "larger", "Larger", "者"}) {
			continue
		}
		for _, l := range d.lesions {
			at := l.place()
			here := at != nil && f.organ != nil && related(at, f.organ) && mayBe(l.finding, f.lesion)
			if !l.denied && d.counted(l.at) != f.count && (here || (at == nil || q.organ == nil) && related(l.finding, f.lesion)) {
				return false
			}
		}
	}
	return true
}

// SIZE-001: the impression gives a lesion a size that no measurement of the findings comes near.
func (k *checker) sizes() {
	found := k.quantities("findings")
	for _, q := range k.quantities("impression") {
		if q.size.mm == nil || slices.ContainsFunc(k.lengths(), func(mm float64) bool { return closeTo(mm, q.size.largest()) }) {
			continue
		}
		var other *quantity
		for i := range found {
			if f := &found[i]; f.size.mm != nil && k.sameLesionBySize(f, &q) {
				other = f
			}
		}
		if other != nil && !closeTo(other.size.largest(), q.size.largest()) {
			k.flag("SIZE-001", q.statement, q.text, k.name(q.lesion), other.text)
		}
	}
}

// sameLesionBySize also lets the impression name what the findings describe (低密度影 → 血管瘤), if organ and side agree.
func (k *checker) sameLesionBySize(f, q *quantity) bool {
	if k.sameLesion(f, q) {
		return true
	}
	if f.organ == nil && q.organ == nil {
		return f.side == q.side && f.side != sideNone && mayBe(f.lesion, q.lesion)
	}
	return f.organ != nil && q.organ != nil && f.side == q.side && related(f.organ, q.organ)
}

// lengths is every length of the findings, in millimetres.
func (k *checker) lengths() []float64 {
	var out []float64
	for i := range k.r.Statements {
		if k.r.Statements[i].Section != "findings" {
			continue
		}
		for _, m := range k.r.details[i].measures {
			if !k.r.details[i].clause.distance(m.from) {
				out = append(out, m.mm...)
			}
		}
	}
	return out
}

// closeTo allows for rounding: a tenth, or one millimetre.
func closeTo(a, b float64) bool { return math.Abs(a-b) <= max(1, 0.11*max(a, b)) }

// UNIT-001, UNIT-002.
func (k *checker) units() {
	k.observed(func(s *Statement, d *detail) bool {
		for _, m := range d.measures {
			if d.clause.distance(m.from) {
				continue
			}
			text := d.clause.measureText(m)
			if m.mixed() {
				k.flag("UNIT-002", s.N, text)
				continue
			}
			if c := k.implausible(d, m); c != nil {
				k.flag("UNIT-001", s.N, text, k.name(c))
			}
		}
		return true
	})
}

// distance: 'a polyp at 35 cm', 'within 4 cm of', '距乳头3cm' tell where, not how large.
func (c *clause) distance(i int) bool {
	for j := max(0, i-2); j < i; j++ {
		if slices.Contains([]string{"at", "within", "from", "above", "below"}, c.lower(j)) {
			return true
		}
	}
	for j := max(0, i-6); j < i; j++ {
		if c.word(j) == "at" && i-j <= 5 && c.tokens[j+1].class == classNumber {
			return true
		}
		if c.word(j) == "距" || c.word(j) == "离" {
			return true
		}
	}
	return false
}

// mixed: within one product a unit of length jumps a hundredfold or more, or the values do so unexplained.
func (m measure) mixed() bool {
	if len(m.mm) < 2 {
		return false
	}
	units := 0
	for i := 1; i < len(m.units); i++ {
		if m.units[i] != "" && m.units[i-1] != "" && m.units[i] != m.units[i-1] {
			units++
		}
	}
	lo, hi := slices.Min(m.mm), slices.Max(m.mm)
	return units > 0 && lo > 0 && hi/lo >= 25 || hi >= 2000
}

// implausible is the only thing the statement can be measuring, if the size lies outside its range.
func (k *checker) implausible(d *detail, m measure) *concept {
	c := d.measured(m)
	if c == nil {
		return nil
	}
	limits, ok := k.lex.sizes[c.english]
	switch v := m.largest(); {
	case !ok:
		return nil
	case v > limits[1]:
		return c
	case v < limits[0] && d.wholeOrgan(c):
		return c
	}
	return nil
}

// wholeOrgan: the statement measures organ c itself and tells of nothing else, in the lexicon's words or others.
func (d *detail) wholeOrgan(c *concept) bool {
	for i := range d.mentions {
		if m := &d.mentions[i]; m.place() && m.concept != c || m.kind == "finding" && !m.denied && m.english != "enlargement" {
			return false
		}
	}
	return d.unknown(sizeWords) == 0
}

var sizeWords = setOf("measures measure measuring measured size length long approximately about in x by cm mm 大 小 约 长 为 径 上 下 前 后 左 右 厚 宽")

// measured is the term the measurement belongs to: the nearest lesion or organ before it, else the first after it.
func (d *detail) measured(m measure) *concept {
	var before, after *concept
	for i := range d.mentions {
		t := &d.mentions[i]
		if !t.countable() && !t.place() && !slices.Contains([]string{"midline shift", "herniation", "bulge"}, t.english) || t.has("generic") {
			continue
		}
		if t.to <= m.from {
			if t.place() && before != nil && before.kind == "finding" {
				continue
			}
			before = t.concept
		} else if after == nil && t.from >= m.to && t.from-m.to <= 4 {
			after = t.concept
		}
	}
	if before == nil || after != nil && after.kind == "finding" && before.kind != "finding" {
		return after
	}
	return before
}
