package report

import (
	"slices"
	"strconv"
	"strings"
)

var lobeNames = []string{"upper lobe", "middle lobe", "lower lobe", "lingula"}

// lobesOf lists the pulmonary lobes a statement names, with the one side they are on; the lingula counts
// as upper lobe, since both names are used for it.
func (d *detail) lobesOf() (lobes []string, on side) {
	for i := range d.mentions {
		m := &d.mentions[i]
		if !slices.Contains(lobeNames, m.english) {
			if m.english == "lung" || m.kind == "side" {
				on = max(on, m.side)
			}
			continue
		}
		name := m.english
		if name == "lingula" {
			name = "upper lobe"
		}
		lobes = appendNew(lobes, name)
		on = max(on, m.side)
	}
	return lobes, on
}

// LOC-001: the impression puts a lesion of the lung in one lobe, and the findings describe lesions of that
// lung in other lobes only.
func (k *checker) lobes() {
	for _, i := range k.concludes() {
		s, d := &k.r.Statements[i], &k.r.details[i]
		lobes, on := d.lobesOf()
		if s.Comparison || len(lobes) != 1 || on != sideLeft && on != sideRight || !d.affirms() {
			continue
		}
		if other := k.otherLobes(lobes[0], on); other != nil {
			k.flag("LOC-001", s.N, k.lobeName(lobes[0], on), k.lobeName(other[0], on))
		}
	}
}

func (d *detail) affirms() bool {
	return slices.ContainsFunc(d.mentions, func(m mention) bool { return m.kind == "finding" && !m.denied })
}

// otherLobes is where the findings describe lesions of the lung on that side, nil if any statement could
// mean the lobe itself: it names it, or the lung without a lobe, or both sides.
func (k *checker) otherLobes(lobe string, on side) []string {
	var other []string
	for i := range k.r.Statements {
		d := &k.r.details[i]
		if k.r.Statements[i].Section != "findings" || !d.affirms() {
			continue
		}
		lobes, at := d.lobesOf()
		lung := slices.ContainsFunc(d.mentions, func(m mention) bool {
			return m.region == "chest" && (m.place() || m.kind == "finding" && !m.denied)
		})
		switch {
		case !lung || at == on.opposite():
		case len(lobes) == 0 || at != on || slices.Contains(lobes, lobe):
			return nil
		default:
			other = append(other, lobes...)
		}
	}
	return other
}

func (k *checker) lobeName(lobe string, on side) string {
	name := k.name(k.lex.named(lobe))
	if k.zh() {
		return sideHan[on] + name
	}
	return k.sideName(on) + " " + name
}

// levelFindings are told by spinal level.
var levelFindings = []string{"herniation", "bulge", "compression fracture", "fracture", "spondylolisthesis"}

// LOC-002: the impression puts a finding at a spinal level of which the findings say nothing but what is
// normal, and they affirm the finding at other levels only.
func (k *checker) levels() {
	for _, i := range k.concludes() {
		s, d := &k.r.Statements[i], &k.r.details[i]
		said := d.clause.levels()
		if len(said) != 1 || d.clause.ranged() {
			continue
		}
		for _, m := range d.mentions {
			if m.denied || !slices.Contains(levelFindings, m.english) {
				continue
			}
			if found := k.levelsOf(m.concept); len(found) > 0 && !overlap(found, said) && !k.spokenOf(said) {
				k.flag("LOC-002", s.N, said[0], k.name(m.concept), strings.Join(found, ", "))
			}
			break
		}
	}
}

// levelsOf lists the levels at which the findings affirm f, none if a statement does so without naming its levels.
func (k *checker) levelsOf(f *concept) []string {
	var all []string
	for i := range k.r.Statements {
		d := &k.r.details[i]
		if k.r.Statements[i].Section != "findings" || !slices.ContainsFunc(d.mentions, func(m mention) bool { return related(m.concept, f) && !m.denied }) {
			continue
		}
		at := d.clause.levels()
		if len(at) == 0 || d.clause.ranged() {
			return nil
		}
		all = append(all, at...)
	}
	return all
}

// overlap: the lists share a level, or one names a vertebra and the other a disc beside it.
func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool {
		return slices.ContainsFunc(b, func(y string) bool { return x == y || besideDisc(x, y) || besideDisc(y, x) })
	})
}

// besideDisc: L4 and L5 lie beside L4-5.
func besideDisc(vertebra, disc string) bool {
	upper, lower, ok := strings.Cut(disc, "-")
	if !ok || strings.Contains(vertebra, "-") {
		return false
	}
	return vertebra == upper || vertebra == lower || vertebra == upper[:1]+lower
}

// spokenOf: the findings say something of one of the levels that is neither a denial nor a normal look.
func (k *checker) spokenOf(levels []string) bool {
	for i := range k.r.Statements {
		s, d := &k.r.Statements[i], &k.r.details[i]
		if s.Section == "findings" && !d.clears(s) && overlap(d.clause.levels(), levels) {
			return true
		}
	}
	return false
}

// LAT-003 for discs, whose side is often a direction (向左后突出, 左后型): at one level the findings have it on
// the other side only.
func (k *checker) discSide() {
	for _, i := range k.concludes() {
		s, d := &k.r.Statements[i], &k.r.details[i]
		levels, on := d.clause.discs(), d.clause.leaning()
		if len(levels) != 1 || on != sideLeft && on != sideRight || !d.displaced() {
			continue
		}
		if k.leaningAt(levels[0]) == on.opposite() {
			k.flag("LAT-003", s.N, k.sideName(on), levels[0], k.sideName(on.opposite()))
		}
	}
}

// leaningAt is the one side on which the findings have a disc of a level displaced.
func (k *checker) leaningAt(level string) side {
	var all []side
	for i := range k.r.Statements {
		d := &k.r.details[i]
		if k.r.Statements[i].Section != "findings" || !slices.Contains(d.clause.discs(), level) {
			continue
		}
		if on := d.clause.leaning(); on == sideNone || !d.displaced() || len(d.clause.discs()) > 1 {
			all = append(all, sideBoth)
		} else {
			all = append(all, on)
		}
	}
	return oneSide(all)
}

// discFindings are told by level and side.
var discFindings = []string{"herniation", "bulge", "stenosis"}

// discs are the levels, less the vertebrae beside a disc among them: 'C5/6 stenosis compressing C6'.
func (c *clause) discs() []string {
	all := c.levels()
	return slices.DeleteFunc(slices.Clone(all), func(v string) bool {
		return slices.ContainsFunc(all, func(disc string) bool { return besideDisc(v, disc) })
	})
}

func (d *detail) displaced() bool {
	return slices.ContainsFunc(d.mentions, func(m mention) bool {
		return !m.denied && slices.Contains(discFindings, m.english)
	})
}

// leaning is the one side a clause names, sideBoth where it names several.
func (c *clause) leaning() side {
	on := sideNone
	for i := range c.tokens {
		switch w := c.lower(i); {
		case w == "bilateral" || w == "bilaterally" || w == "双" || w == "两" && i+1 < len(c.tokens) && c.word(i+1) == "侧":
			return sideBoth
		case w == "left" || w == "左":
			on |= sideLeft
		case w == "right" || w == "右":
			on |= sideRight
		}
	}
	return on
}

// levels lists vertebrae and discs: 'L4', 'L4/5' and 'L4-L5' both as L4-5, 胸12, 腰4/5.
func (c *clause) levels() []string {
	var out []string
	for i := 0; i < len(c.tokens); i++ {
		region, n, next := c.vertebra(i)
		if next == 0 {
			continue
		}
		name := region + strconv.Itoa(n)
		if lower, after := c.lowerVertebra(next, region, n); after > 0 {
			name += "-" + lower
			next = after
		}
		out = appendNew(out, name)
		i = next - 1
	}
	return out
}

var hanSpine = map[string]string{"颈": "C", "胸": "T", "腰": "L", "骶": "S"}

// vertebra reads one vertebra at token i: L4 as one word, 胸12 as two tokens.
func (c *clause) vertebra(i int) (region string, n, next int) {
	w := c.word(i)
	if c.tokens[i].class == classWord && len(w) >= 2 && len(w) <= 3 && strings.ContainsAny(w[:1], "CTLSctls") {
		if n, err := strconv.Atoi(w[1:]); err == nil && n >= 1 && n <= 12 && !c.weighting(i) {
			return strings.ToUpper(w[:1]), n, i + 1
		}
	}
	region = hanSpine[w]
	if region != "" && i+1 < len(c.tokens) {
		if n := c.int(i + 1); n >= 1 && n <= 12 {
			return region, n, i + 2
		}
	}
	return "", 0, 0
}

// weighting: T1 and T2 are also MR weightings.
func (c *clause) weighting(i int) bool {
	if w := strings.ToUpper(c.word(i)); w != "T1" && w != "T2" {
		return false
	}
	return c.names("sign") || i+1 < len(c.tokens) && slices.Contains([]string{"weighted", "signal", "bright", "hyperintense", "and"}, c.lower(i+1))
}

// lowerVertebra reads the rest of a disc level: '/5', '-5', '-L5', '/S1'; below L5 comes S1.
func (c *clause) lowerVertebra(i int, region string, upper int) (name string, next int) {
	if i >= len(c.tokens) {
		return "", 0
	}
	if c.mark(i, "/") {
		i++
	} else if c.gap(i-1, i) == "" || !isHyphen(firstRune(c.gap(i-1, i))) {
		return "", 0
	}
	if i >= len(c.tokens) {
		return "", 0
	}
	_, n, next := c.vertebra(i)
	if next == 0 {
		n, next = c.int(i), i+1
	}
	switch n {
	case upper + 1:
		return strconv.Itoa(n), next
	case 1:
		return map[string]string{"C": "T", "T": "L", "L": "S", "S": "S"}[region] + "1", next
	}
	return "", 0
}

// ranged: 'L3 through S1', 'from C4 to C7', 'L2-S1' speak of several levels at once.
func (c *clause) ranged() bool {
	for i := range c.tokens {
		switch c.lower(i) {
		case "through", "from", "levels", "multilevel", "multiple", "all", "remaining", "to", "多", "各", "至":
			return true
		}
	}
	return false
}
