package report

import (
	"slices"
	"strings"
)

// piece is a stretch of a line under at most one heading.
type piece struct {
	start, end int
	heading    bool
	name       string // section of a known heading, "" for an unknown one
	known      bool
}

// section is the section that holds after the heading, given the one before it.
func (p piece) section(before string) string {
	if p.known {
		return p.name
	}
	if endsAtGap(before) || before == "" {
		return "findings" // an unknown label ends history, technique and comparison
	}
	return before
}

// headed cuts a line at its headings. An unknown label ('LUNGS:') stays part of the text it opens.
func (d *layout) headed(text string, ln line) []piece {
	tokens := tokenize(text[ln.start:ln.end], ln.start, make([]token, 0, (ln.end-ln.start)/4+4))
	ids := d.lex.identify(text, tokens)
	out := []piece{{start: ln.start, end: ln.end}}
	for i := 0; i < len(tokens); i++ {
		if !headingPlace(text, tokens, i) {
			continue
		}
		h, n := d.heading(text, tokens, ids, i, ln)
		if n == 0 {
			continue
		}
		last := &out[len(out)-1]
		last.end = openBracket(text, tokens, i)
		h.end = ln.end
		if last.start >= last.end && !last.heading {
			out = out[:len(out)-1]
		}
		out = append(out, h)
		i += n - 1
	}
	for i := range out {
		out[i].start, out[i].end = trimSpan(text, out[i].start, max(out[i].start, out[i].end))
	}
	return out
}

// headingPlace: a heading opens a line, stands in brackets, or follows the end of a sentence.
func headingPlace(text string, tokens []token, i int) bool {
	if i == 0 {
		return true
	}
	prev := text[tokens[i-1].start:tokens[i-1].end]
	if tokens[i].upper && tokens[i].end-tokens[i].start >= 4 && !tokens[i-1].upper {
		return true // capitals after small letters
	}
	return strings.Contains(".。；;!]】[【", prev) || prev == ":" && tokens[i].upper
}

func openBracket(text string, tokens []token, i int) int {
	if i > 0 && strings.Contains("[【", text[tokens[i-1].start:tokens[i-1].end]) {
		return tokens[i-1].start
	}
	return tokens[i].start
}

// heading recognises a heading at token i and returns it with its length in tokens, colon included.
func (d *layout) heading(text string, tokens []token, ids []int32, i int, ln line) (piece, int) {
	v, n := d.lex.headings.longest(ids[i:], tokens[i:])
	if n > 0 {
		if end, ok := closesHeading(text, tokens, i, n, ln); ok {
			return d.knownHeading(tokens, v, i+end), end
		}
	}
	return d.label(text, tokens, ids, i)
}

func (d *layout) knownHeading(tokens []token, v int32, next int) piece {
	return piece{heading: true, known: true, name: d.lex.sections[v], start: tokens[next-1].end}
}

// note is the section of a clinical note: complaint, physical examination, hospital course. It is no
// part of a radiology report, so it counts as history, and in a text with several such headings so
// does all that stands under none of the report's own.
const note = "note"

// signature is the section of what follows the report: names, dates, boilerplate.
const signature = "signature"

// closesHeading: after the heading's n tokens comes a colon, a dash, a closing bracket or the first item of a list,
// or the line ends.
func closesHeading(text string, tokens []token, i, n int, ln line) (int, bool) {
	if i+n < len(tokens) {
		mark := text[tokens[i+n].start:tokens[i+n].end]
		if strings.Contains(":：]】", mark) {
			if i+n+1 < len(tokens) && strings.Contains(":：", text[tokens[i+n+1].start:tokens[i+n+1].end]) {
				return n + 2, true
			}
			return n + 1, true
		}
		if gap := text[tokens[i+n-1].end:tokens[i+n].start]; i == 0 && strings.HasPrefix(gap, " ") && slices.Contains([]string{"-", "–", "—"}, strings.TrimSpace(gap)) {
			return n, true // Impression - …
		}
		return n, i == 0 && mark == "1" && itemMarker(text[tokens[i+n].start:ln.end]) > 0 // 结论 1.左侧…
	}
	return n, i == 0 && tokens[0].start == ln.start
}

// label recognises a heading the table lacks: a few words with a colon at the start of the line,
// known by its first or last words ('MAMMOGRAM FINDINGS:'), or else in capitals ('RIGHT LEG:').
func (d *layout) label(text string, tokens []token, ids []int32, i int) (piece, int) {
	if i > 0 {
		return piece{}, 0
	}
	colon := -1
	for j := 1; j < len(tokens) && j <= 8; j++ {
		if m := text[tokens[j].start:tokens[j].end]; m == ":" || m == "：" {
			colon = j
			break
		} else if strings.Contains(".。，,；;", m) {
			return piece{}, 0
		}
	}
	whole := colon < 0 && len(tokens) <= 8 && allUpper(tokens)
	if colon < 0 && !whole {
		return piece{}, 0
	}
	if whole {
		return d.capitalLine(tokens, ids)
	}
	for _, j := range []int{0, colon - 1, colon - 2} {
		if j < 0 {
			continue
		}
		v, n := d.lex.headings.longest(ids[j:colon], tokens[j:colon])
		if n > 0 && n < colon && tokens[0].class == classHan && d.lex.sections[v] == "comparison" {
			return piece{}, 0 // 对比2023-09-11本院CT：… goes on with the findings
		}
		if n > 0 && (j == 0 || j+n == colon) && d.lex.sections[v] != signature {
			h := d.knownHeading(tokens, v, colon+1)
			if j > 0 && h.name == "technique" {
				h.start = tokens[0].start // 'XR CHEST 2 VIEWS:' says what was examined
			}
			return h, colon + 1
		}
	}
	if !allUpper(tokens[:colon]) {
		return piece{}, 0
	}
	return piece{heading: true, start: tokens[0].start}, colon + 1
}

// capitalLine is a line of capitals alone: a known heading by its last word, or a label that stays in the text.
func (d *layout) capitalLine(tokens []token, ids []int32) (piece, int) {
	last := len(tokens) - 1
	if v, n := d.lex.headings.longest(ids[last:], tokens[last:]); n > 0 && last > 0 && d.lex.sections[v] != "technique" {
		return d.knownHeading(tokens, v, len(tokens)), len(tokens)
	}
	return piece{}, 0
}

// allUpper: every Latin word is in capitals, and there is one.
func allUpper(tokens []token) bool {
	words := 0
	for _, t := range tokens {
		switch t.class {
		case classWord:
			if !t.upper {
				return false
			}
			words++
		case classHan:
			return false
		}
	}
	return words > 0
}

// labelled: the text opens with a label: 'LUNGS: …', '肝脏：…'.
func labelled(s string) bool {
	colon := strings.IndexAny(s, ":：")
	return colon > 0 && colon <= 48 && !strings.ContainsAny(s[:colon], ".,;，。；")
}
