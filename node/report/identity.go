package report

import (
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// ID-001 … ID-005: the patient of the message against the patient of the images. What only one side
// gives, or what cannot be compared (two authorities, two ways of spelling), is left alone.
func (k *checker) identity() {
	a, b := k.f.ImagePatient, k.f.ReportPatient
	if differentID(a, b) {
		k.flag("ID-001", 0)
	}
	if differentName(a.Name, b.Name) {
		k.flag("ID-002", 0)
	}
	if differentDate(a.BirthDate, b.BirthDate) {
		k.flag("ID-003", 0)
	}
	if differentCode(a.Accession, b.Accession) {
		k.flag("ID-004", 0)
	}
	x, y := strings.ToUpper(strings.TrimSpace(a.Sex)), strings.ToUpper(strings.TrimSpace(b.Sex))
	if x == "M" && y == "F" || x == "F" && y == "M" {
		k.flag("ID-005", 0)
	}
}

// differentID: both authorities must be the same or one of them unsaid.
func differentID(a, b Patient) bool {
	x, y := strings.TrimSpace(a.Issuer), strings.TrimSpace(b.Issuer)
	if x != "" && y != "" && !strings.EqualFold(authority(x), authority(y)) {
		return false
	}
	return differentCode(a.ID, b.ID)
}

// authority is the first component of an HD: namespace^universal ID^type.
func authority(s string) string {
	for _, sep := range []string{"^", "&"} {
		s, _, _ = strings.Cut(s, sep)
	}
	return s
}

// differentCode compares identifiers and accession numbers: case, blanks, punctuation and leading
// zeros are spelling, a site prefix of letters too, and DICOM cuts an SH value at 16 characters.
func differentCode(a, b string) bool {
	x, y := plainCode(a), plainCode(b)
	if x == "" || y == "" || x == y {
		return false
	}
	if len(x) > len(y) {
		x, y = y, x
	}
	if len(strings.TrimSpace(a)) >= 16 && strings.HasPrefix(y, x) {
		return false
	}
	if len(strings.TrimSpace(b)) >= 16 && strings.HasPrefix(y, x) {
		return false
	}
	prefix := strings.TrimSuffix(y, x)
	lettersOnly := strings.IndexFunc(prefix, unicode.IsDigit) < 0
	return !(len(prefix) < len(y) && lettersOnly && len(x) >= 4)
}

// plainCode keeps letters and digits in upper case, without leading zeros.
func plainCode(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, norm.NFKC.String(s))
	return strings.TrimLeft(s, "0")
}

// differentDate compares YYYYMMDD to the precision that both have.
func differentDate(a, b string) bool {
	x, y := digits(a), digits(b)
	n := min(len(x), len(y), 8)
	if n != 4 && n != 6 && n != 8 {
		return false
	}
	return x[:n] != y[:n]
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if isDigit(r) {
			return r
		}
		return -1
	}, s)
}

// differentName compares each writing of one name with each writing of the other. Order, case, accents,
// titles, middle names, initials and the spacing of pinyin do not count; across scripts Han characters are
// compared by their pinyin where nothing in one script says more.
func differentName(a, b string) bool {
	comparable, crossing := false, false
	for _, x := range writings(a) {
		for _, y := range writings(b) {
			switch xHan, yHan := isHan(firstRune(x[0])), isHan(firstRune(y[0])); {
			case xHan == yHan:
				comparable = true
				if sameName(x, y) {
					return false
				}
			case xHan:
				crossing = crossing || differentSound(x[0], y)
			default:
				crossing = crossing || differentSound(y[0], x)
			}
		}
	}
	return comparable || crossing
}

// writings splits a PN or XPN value into its groups by script; each is a list of words.
func writings(name string) [][]string {
	var out [][]string
	for group := range strings.SplitSeq(name, "=") {
		var latin, han []string
		for _, w := range strings.FieldsFunc(group, func(r rune) bool { return strings.ContainsRune("^ ,.;-·　&\t", r) }) {
			w = plainName(w)
			switch {
			case w == "" || nameTitles[w]:
			case isHan(firstRune(w)):
				han = append(han, w)
			default:
				latin = append(latin, w)
			}
		}
		if len(latin) > 0 {
			out = append(out, latin)
		}
		if len(han) > 0 {
			out = append(out, []string{strings.Join(han, "")})
		}
	}
	return out
}

var nameTitles = map[string]bool{"dr": true, "mr": true, "mrs": true, "ms": true, "md": true, "jr": true, "sr": true, "prof": true, "phd": true, "iii": true, "ii": true}

// plainName folds case and accents and the commonest traditional characters of names.
func plainName(s string) string {
	s = strings.NewReplacer("ß", "ss", "ø", "o", "Ø", "o", "ł", "l", "Ł", "l", "æ", "ae", "Æ", "ae", "đ", "d").Replace(s)
	return strings.Map(func(r rune) rune {
		if s, ok := simplified()[r]; ok {
			return s
		}
		if !unicode.IsLetter(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(s))
}

// sameName compares the words of two writings in one script.
func sameName(a, b []string) bool {
	if isHan(firstRune(a[0])) {
		return sameHan(a[0], b[0])
	}
	if sameLetters(a, b) {
		return true
	}
	if len(a) > len(b) {
		a, b = b, a
	}
	// each word of the shorter writing is a word of the longer one, or its initial
	full := 0
	used := make([]bool, len(b))
	for _, w := range a {
		i := matchWord(w, b, used)
		if i < 0 {
			return false
		}
		used[i] = true
		if len(w) > 1 && len(b[i]) > 1 {
			full++
		}
	}
	return full >= 2 || full == 1 && len(a) == 2
}

// sameHan: order of family and given name aside.
func sameHan(a, b string) bool {
	x, y := []rune(a), []rune(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// matchWord finds a free word of b equal to w, one of them perhaps an initial, or different only by
// a transcribed umlaut or one slip in a long word.
func matchWord(w string, b []string, used []bool) int {
	for i, v := range b {
		if !used[i] && (w == v || umlauts(w) == umlauts(v)) {
			return i
		}
	}
	for i, v := range b {
		if !used[i] && (len(w) == 1 || len(v) == 1) && w[0] == v[0] {
			return i
		}
	}
	return -1
}

var umlautReplacer = strings.NewReplacer("ae", "a", "oe", "o", "ue", "u")

func umlauts(s string) string { return umlautReplacer.Replace(s) }

// sameLetters: some order of the words of a, written together, is b in some order: pinyin is
// written 'Ou Yang Min', 'OuYang Min', 'Min Ouyang'.
func sameLetters(a, b []string) bool {
	if len(a) > 5 || len(b) > 5 {
		return false
	}
	all := map[string]bool{}
	permute(slices.Clone(a), 0, func(s string) { all[umlauts(s)] = true })
	same := false
	permute(slices.Clone(b), 0, func(s string) { same = same || all[umlauts(s)] })
	return same
}

// permute visits every order of words; there are at most five, so 120 orders.
func permute(words []string, at int, visit func(string)) {
	if at == len(words) {
		visit(strings.Join(words, ""))
		return
	}
	for i := at; i < len(words); i++ {
		words[at], words[i] = words[i], words[at]
		permute(words, at+1, visit)
		words[at], words[i] = words[i], words[at]
	}
}

// simplified maps traditional characters to simplified ones.
var simplified = sync.OnceValue(func() map[rune]rune {
	out := map[rune]rune{}
	for _, row := range rows("traditional.tsv", 2) {
		out[firstRune(row[0])] = firstRune(row[1])
	}
	return out
})
