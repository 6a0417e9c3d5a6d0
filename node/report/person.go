package report

import (
	"slices"
	"strconv"
	"strings"
)

func (k *checker) sexName(s string) string {
	if k.zh() {
		return map[string]string{"M": "男性", "F": "女性"}[s]
	}
	return map[string]string{"M": "male", "F": "female"}[s]
}

// SEX-001: an organ the recorded sex does not have. History counts too, relatives do not.
func (k *checker) sexOrgans() {
	sex := strings.ToUpper(strings.TrimSpace(k.f.Sex))
	if sex != "M" && sex != "F" {
		return
	}
	wrong := map[string]string{"M": "female", "F": "male"}[sex]
	for i := range k.r.Statements {
		s, d := &k.r.Statements[i], &k.r.details[i]
		if s.Recommendation || d.clause.relatives() {
			continue
		}
		for j := range d.mentions {
			m := &d.mentions[j]
			if m.has(wrong) && !m.has("loose") && !d.innocent(m) {
				k.flag("SEX-001", s.N, k.name(m.concept), k.sexName(sex))
				break
			}
		}
	}
}

// innocent: the word means something else here. 附件 of a vertebra are its posterior elements (only
// sided or regional adnexa are in the lexicon); a fetus has a sex of its own.
func (d *detail) innocent(m *mention) bool {
	if m.chinese == "附件区" && slices.ContainsFunc(d.mentions, func(o mention) bool {
		return strings.HasSuffix(o.region, "spine") || o.english == "bone"
	}) {
		return true
	}
	return m.has("male") && slices.ContainsFunc(d.mentions, func(o mention) bool { return o.english == "fetus" })
}

var kin = setOf("mother father sister brother aunt uncle daughter son wife husband grandmother grandfather maternal paternal cousin niece partner 母 父 姐 妹 兄 弟 妻")

// setOf makes a set of the words of a list.
func setOf(words string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(words) {
		out[w] = true
	}
	return out
}

// relatives: the clause speaks of someone else.
func (c *clause) relatives() bool {
	for i := range c.tokens {
		if kin[strings.TrimSuffix(c.lower(i), "'s")] {
			return true
		}
	}
	return false
}

// SEX-002 and AGE-001: '62-year-old male', '男，45岁'.
func (k *checker) statedSex() {
	sex := strings.ToUpper(strings.TrimSpace(k.f.Sex))
	if sex != "M" && sex != "F" {
		return
	}
	for i := range k.r.Statements {
		if said := k.r.details[i].clause.statedSex(); said != "" && said != sex {
			k.flag("SEX-002", k.r.Statements[i].N, k.sexName(said), k.sexName(sex))
			return
		}
	}
}

var sexWords = map[string]string{"male": "M", "man": "M", "gentleman": "M", "boy": "M", "female": "F", "woman": "F", "lady": "F", "girl": "F"}

// statedSex reads the sex that stands with an age, or after 患者 or 性别.
func (c *clause) statedSex() string {
	if c.relatives() {
		return ""
	}
	for i := range c.tokens {
		if _, next := c.ageAt(i); next > 0 {
			for j := next; j < len(c.tokens) && j < next+4; j++ {
				if s := sexWords[c.lower(j)]; s != "" {
					return s
				}
			}
			if w := c.wordAfter(next); w == "M" || w == "F" {
				return w
			}
		}
		if s := sexWords[c.lower(i)]; s != "" && i > 0 && slices.Contains(agedWords, c.lower(i-1)) {
			return s
		}
		if s := c.chineseSex(i); s != "" {
			return s
		}
	}
	return ""
}

// wordAfter is the first word at or after token i, marks aside: the M of '50 y.o. M'.
func (c *clause) wordAfter(i int) string {
	for i < len(c.tokens) && c.mark(i, ".,") {
		i++
	}
	if i < len(c.tokens) {
		return c.word(i)
	}
	return ""
}

// agedWords stand before a sex word where no age in years is given: 'a middle-aged female'.
var agedWords = []string{"aged", "elderly", "adult", "young", "old", "newborn", "teenage", "adolescent"}

// chineseSex: 患者男, 患者，女性, 性别：男, 男，45岁, 45岁男性.
func (c *clause) chineseSex(i int) string {
	sex := map[string]string{"男": "M", "女": "F"}[c.word(i)]
	if sex == "" || i+1 < len(c.tokens) && strings.Contains("儿科友孩婴", c.word(i+1)) {
		return ""
	}
	before := c.back(i, 4)
	ahead := i + 1
	for ahead < len(c.tokens) && (c.mark(ahead, "，,、") || c.word(ahead) == "性") {
		ahead++
	}
	_, age := c.ageAt(ahead)
	if age > 0 || strings.Contains(before, "患者") || strings.Contains(before, "患儿") || strings.Contains(before, "性别") || strings.HasSuffix(before, "岁") {
		return sex
	}
	return ""
}

// back joins the n tokens before i, marks left out.
func (c *clause) back(i, n int) string {
	var b strings.Builder
	for j := max(0, i-n); j < i; j++ {
		if c.tokens[j].class != classMark {
			b.WriteString(c.word(j))
		}
	}
	return b.String()
}

// ageAt reads '62-year-old', '62 y/o', '62 year old', '62岁' at token i; years and the token after, 0 for none.
func (c *clause) ageAt(i int) (years, next int) {
	if i < 0 || i+1 >= len(c.tokens) || c.tokens[i].class != classNumber {
		return 0, 0
	}
	n, err := strconv.Atoi(c.word(i))
	if err != nil || n > 130 {
		return 0, 0
	}
	w := c.lower(i + 1)
	third := ""
	if i+2 < len(c.tokens) {
		third = c.lower(i + 2)
	}
	switch {
	case w == "岁":
		return n, i + 2
	case (w == "year" || w == "years" || w == "yr" || w == "yrs") && (third == "old" || third == "o"):
		return n, i + 3
	case w == "yo" || w == "y" && third == "o":
		return n, i + 3
	case w == "y" && (third == "/" || third == ".") && i+3 < len(c.tokens) && c.lower(i+3) == "o":
		return n, i + 4
	case w == "yearold":
		return n, i + 2
	}
	return 0, 0
}

// AGE-001: an age that no reading of the birth date allows.
func (k *checker) age() {
	if k.f.AgeYears < 0 {
		return
	}
	for i := range k.r.Statements {
		c := k.r.details[i].clause
		if c.relatives() {
			continue
		}
		for j := range c.tokens {
			said, next := c.ageAt(j)
			if next == 0 || c.pastAge(j, next) {
				continue
			}
			if d := said - k.f.AgeYears; d > 1 || d < -1 {
				k.flag("AGE-001", k.r.Statements[i].N, strconv.Itoa(said), strconv.Itoa(k.f.AgeYears))
			}
			return
		}
	}
}

// pastAge: 'at age 40', 'diagnosed when 40 years old', 'for a 40-year-old' speak of another time or of norms.
func (c *clause) pastAge(i, next int) bool {
	for j := max(0, i-4); j < i; j++ {
		switch c.lower(j) {
		case "at", "age", "aged", "when", "since", "for", "until", "bone", "normal", "average", "typical", "骨", "时", "自":
			return true
		}
	}
	return next < len(c.tokens) && (c.word(next) == "时" || c.word(next) == "起")
}
