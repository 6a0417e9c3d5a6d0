package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A token is a Latin word, a number, a single Han character or a single mark. Hyphens and blanks
// separate tokens and are none themselves, so 'ground-glass' and 'ground glass' read the same.
type token struct {
	start, end int
	class      class
	upper      bool // a Latin word without lower-case letters
}

type class uint8

const (
	classWord class = iota
	classNumber
	classHan
	classMark
)

// tokenize splits text, offset by base, appending to out.
func tokenize(text string, base int, out []token) []token {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case isBlank(r) || isHyphen(r):
			i += n
			continue
		case isHan(r):
			out = append(out, token{base + i, base + i + n, classHan, false})
		case isDigit(r):
			n = numberLength(text[i:])
			out = append(out, token{base + i, base + i + n, classNumber, false})
		case unicode.IsLetter(r):
			var upper bool
			n, upper = wordLength(text[i:])
			out = append(out, token{base + i, base + i + n, classWord, upper})
		default:
			out = append(out, token{base + i, base + i + n, classMark, false})
		}
		i += n
	}
	return out
}

// wordLength measures a Latin word: letters, digits after a letter (T2WI), apostrophes between letters.
func wordLength(s string) (n int, upper bool) {
	upper = true
	for n < len(s) {
		r, size := utf8.DecodeRuneInString(s[n:])
		switch {
		case isHan(r):
			return n, upper
		case unicode.IsLetter(r):
			upper = upper && !unicode.IsLower(r)
		case isDigit(r):
		case r == '\'' || r == '’':
			next, _ := utf8.DecodeRuneInString(s[n+size:])
			if !unicode.IsLetter(next) || isHan(next) {
				return n, upper
			}
		default:
			return n, upper
		}
		n += size
	}
	return n, upper
}

// numberLength measures digits with one decimal point (2.5) or thousands comma (1,200).
func numberLength(s string) int {
	n := 0
	for n < len(s) && isDigit(rune(s[n])) {
		n++
	}
	if n+1 < len(s) && (s[n] == '.' || s[n] == ',' && n+3 < len(s) && isDigit(rune(s[n+2])) && isDigit(rune(s[n+3]))) && isDigit(rune(s[n+1])) {
		n++
		for n < len(s) && isDigit(rune(s[n])) {
			n++
		}
	}
	return n
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func isHan(r rune) bool { return r >= 0x2E80 && unicode.Is(unicode.Han, r) }

// isBlank also takes what has no width: byte order marks and zero-width spaces.
func isBlank(r rune) bool { return unicode.IsSpace(r) || r == 0xFEFF || r == 0x200B }

func isHyphen(r rune) bool { return r == '-' || r == '‐' || r == '‑' || r == '–' || r == '—' }

func countScripts(s string) (han, latin int) {
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf:
			if r|0x20 >= 'a' && r|0x20 <= 'z' {
				latin++
			}
		case isHan(r):
			han++
		}
	}
	return han, latin
}

// appendFolded appends the form of s under which words compare: lower case, plural endings off.
func appendFolded(buf []byte, s string) []byte {
	at := len(buf)
	for _, r := range s {
		if r == '’' {
			r = '\''
		}
		buf = utf8.AppendRune(buf, unicode.ToLower(r))
	}
	return buf[:at+stemLength(buf[at:])]
}

// stemLength cuts an English plural: -s but not -ss, -us, -is; short words stay.
// 'densities' and 'density' meet in the lexicon, which lists irregular plurals.
func stemLength(w []byte) int {
	n := len(w)
	if n < 4 || w[n-1] != 's' {
		return n
	}
	switch w[n-2] {
	case 's', 'u', 'i', '\'':
		return n
	}
	return n - 1
}

// firstRune and lastRune spare the callers the width.
func firstRune(s string) rune { r, _ := utf8.DecodeRuneInString(s); return r }
func lastRune(s string) rune  { r, _ := utf8.DecodeLastRuneInString(s); return r }

func trimSpan(text string, start, end int) (int, int) {
	s := text[start:end]
	start += len(s) - len(strings.TrimLeftFunc(s, isBlank))
	end -= len(s) - len(strings.TrimRightFunc(s, isBlank))
	if start > end {
		return end, end
	}
	return start, end
}
