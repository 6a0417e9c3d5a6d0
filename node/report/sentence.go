package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSentence is the longest sentence in bytes: what goes on longer is cut, so that the work on one
// sentence, which grows with its square, stays bounded.
const maxSentence = 4096

// sentences cuts a paragraph at the ends of its sentences. Spans are trimmed and never empty.
func sentences(text string, start, end int) []line {
	var out []line
	from := start
	for i := start; i < end; {
		r, size := utf8.DecodeRuneInString(text[i:end])
		if endsHere(text, from, i, end, r) || i-from > maxSentence {
			i = closeQuotes(text, i+size, end)
			out = appendSpan(out, text, from, i)
			from = i
			continue
		}
		i += size
	}
	return appendSpan(out, text, from, end)
}

func closeQuotes(text string, i, end int) int {
	for i < end {
		r, size := utf8.DecodeRuneInString(text[i:end])
		if !strings.ContainsRune("\"”’)）.。", r) {
			break
		}
		i += size
	}
	return i
}

// endsHere decides whether the mark r at i ends a sentence that began at from.
func endsHere(text string, from, i, end int, r rune) bool {
	switch r {
	case '。', '！', '；':
		return !openParenthesis(text[from:i])
	case '?', '？':
		// a question mark in Chinese reports means 'possible' and stands inside the sentence
		return restIsNewSentence(text, i+utf8.RuneLen(r), end) && !openParenthesis(text[from:i])
	case '!', ';':
		return !openParenthesis(text[from:i])
	case '.':
		return periodEnds(text, from, i, end)
	}
	return false
}

// openParenthesis: a '(' of the last few words is still open, so the mark stands inside an aside.
func openParenthesis(s string) bool {
	if len(s) > 120 {
		s = s[len(s)-120:]
	}
	return strings.LastIndexAny(s, "(（") > strings.LastIndexAny(s, ")）")
}

func restIsNewSentence(text string, i, end int) bool {
	rest := strings.TrimLeftFunc(text[i:end], unicode.IsSpace)
	return rest == "" || len(rest) < end-i && unicode.IsUpper(firstRune(rest)) || strings.HasPrefix(rest, "请") || strings.HasPrefix(rest, "建议") || strings.HasPrefix(rest, "必要时")
}

// periodEnds: a full stop ends a sentence unless it belongs to a number, an abbreviation or an initial.
func periodEnds(text string, from, i, end int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[from:i])
	if i+1 >= end {
		return true
	}
	after, size := utf8.DecodeRuneInString(text[i+1 : end])
	if isHan(before) || strings.ContainsRune(")）」%", before) && isHan(after) {
		return !isDigit(after) || isHan(before)
	}
	if !unicode.IsSpace(after) {
		return glued(text[from:i], text[i+1:end])
	}
	rest := strings.TrimLeftFunc(text[i+1+size:end], unicode.IsSpace)
	next, _ := utf8.DecodeRuneInString(rest)
	if unicode.IsLower(next) && !strings.HasPrefix(rest, "the ") {
		return false
	}
	return !abbreviated(text[from:i], next)
}

// glued: 'seen.No effusion' lacks a blank; 'i.e.', 'L4.5' and 'U.S.' do not.
func glued(before, after string) bool {
	if len(before) < 3 || len(after) < 2 || !unicode.IsUpper(firstRune(after)) {
		return false
	}
	for _, b := range before[len(before)-3:] {
		if !unicode.IsLower(b) {
			return false
		}
	}
	return unicode.IsLower(rune(after[1])) || after[1] == ' '
}

var abbreviations = map[string]bool{"dr": true, "drs": true, "mr": true, "mrs": true, "ms": true, "vs": true, "approx": true,
	"e.g": true, "i.e": true, "y.o": true, "fig": true, "st": true, "jr": true, "cf": true, "resp": true, "prof": true,
	"dept": true, "ref": true, "et": true, "al": true, "max": true, "min": true, "jan": true, "feb": true, "aug": true, "sept": true, "oct": true, "nov": true, "dec": true}

// abbreviated looks at the word before the full stop.
func abbreviated(before string, next rune) bool {
	at := strings.LastIndexFunc(before, func(r rune) bool { return unicode.IsSpace(r) || r == '(' || r == ',' })
	word := before[at+1:]
	lower := strings.ToLower(word)
	if lower == "no" || lower == "nos" {
		return isDigit(next)
	}
	if abbreviations[lower] {
		return true
	}
	return initial(word, before[:at+1], next)
}

// initial: one capital after a name or title, as in 'John A. Smith'; 'hepatitis C.' is none.
func initial(word, before string, next rune) bool {
	if len(word) != 1 || !unicode.IsUpper(rune(word[0])) || !unicode.IsUpper(next) {
		return false
	}
	prev := strings.TrimRightFunc(before, unicode.IsSpace)
	prev = prev[strings.LastIndexFunc(prev, unicode.IsSpace)+1:]
	return prev == "" || unicode.IsUpper(firstRune(prev)) && len(prev) > 1 && strings.ToUpper(prev) != prev || strings.HasSuffix(prev, ".")
}
