package report

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// paragraph is a stretch of one block under one heading: a line, wrapped lines joined, or a numbered item.
type paragraph struct {
	block, number int
	section       string
	text          string // the whole block
	start, end    int    // without heading, item marker and outer blanks
	title         bool   // an examination title rather than prose
	headed        bool   // the section was said, by the block or a heading, not inferred
}

// layout finds sections and paragraphs. Its state runs on from block to block.
type layout struct {
	lex        *Lexicon
	paragraphs []paragraph
	number     int
	seen       bool // some heading or titled block has been met
	notes      int  // headings of a clinical note met
}

// read appends the paragraphs of one block.
func (d *layout) read(block int, b Block) {
	section, headed := b.Section, b.Section != ""
	d.seen = d.seen || headed
	lines := wrapped(b.Text)
	all := make([][]piece, len(lines))
	last := -1 // the last line under a heading of findings
	for i, ln := range lines {
		all[i] = d.headed(b.Text, ln)
		if slices.ContainsFunc(all[i], func(p piece) bool { return p.known && p.name == "findings" }) {
			last = i
		}
	}
	for i, ln := range lines {
		pieces := all[i]
		if i > 0 && (i > last || section != "history") && b.Section != section && !pieces[0].heading && d.leaves(section, b.Text, ln) {
			section, headed = "findings", false
		}
		for _, p := range pieces {
			if p.heading {
				section, headed = d.enter(p, section), p.known
			}
			if at := d.leavesWithin(section, b.Text, p); at > 0 && i > last && (i+1 == len(lines) || all[i+1][0].heading) {
				d.add(paragraph{block: block, text: b.Text, section: section, headed: headed}, piece{start: p.start, end: at})
				section, headed, p.start = "findings", false, at
			}
			d.add(paragraph{block: block, text: b.Text, section: section, headed: headed}, p)
		}
		if i+1 < len(lines) && lines[i+1].gap && endsAtGap(section) && hasBody(pieces) && b.Section != section {
			section, headed = "findings", false
		}
	}
}

// enter is the section after a heading.
func (d *layout) enter(p piece, before string) string {
	d.seen = true
	section := p.section(before)
	if section == note {
		d.notes++
		return "history"
	}
	return section
}

// settle moves what a clinical note says under no heading of a report to history once all blocks are read.
func (d *layout) settle() {
	if d.notes < 3 {
		return
	}
	for i := range d.paragraphs {
		if p := &d.paragraphs[i]; !p.headed && p.section != signature || p.section == "technique" {
			p.section = "history"
		}
	}
}

// leavesWithin is where a history runs into the findings on the only line of a report before its impression, 0 for
// nowhere: 'HX: COUGH. THE LUNGS ARE CLEAR. …'
func (d *layout) leavesWithin(section, text string, p piece) int {
	if section != "history" {
		return 0
	}
	for i, s := range sentences(text, p.start, p.end) {
		if i > 0 && d.leaves(section, text, s) {
			return s.start
		}
	}
	return 0
}

// leaves: a line without a heading of its own is no longer part of section. A comparison is one line long;
// a technique ends where something is found, a history where a line says so of a part of the body and shows no other
// sign of being history.
func (d *layout) leaves(section, text string, ln line) bool {
	if section != "comparison" && section != "technique" && section != "history" {
		return false
	}
	if section == "history" {
		ln = sentences(text, ln.start, ln.end)[0]
	}
	c := d.lex.analyse(text, ln.start, ln.end)
	if section == "history" {
		return c.says() && c.names("organ", "sex-organ", "region") && !c.names("modality") && c.colours == 0 && c.statedSex() == "" && !strings.Contains(text[ln.start:ln.end], "?")
	}
	if section == "comparison" {
		return len(c.tokens) > 6 && c.says() && (c.colours&cuePrior == 0 || c.names("organ", "sex-organ") && !c.names("modality"))
	}
	return c.says() && !c.names("modality", "contrast", "view")
}

// endsAtGap: in a dictation these sections are one paragraph long; what follows an empty line
// without a heading of its own is the body of the report again.
func endsAtGap(section string) bool {
	return section == "history" || section == "comparison" || section == "technique"
}

func hasBody(pieces []piece) bool {
	last := pieces[len(pieces)-1]
	return last.start < last.end
}

// add numbers the piece and splits its inline items ('1. … 2. …'); like is the paragraph but for its place.
func (d *layout) add(like paragraph, p piece) {
	if p.start >= p.end {
		return
	}
	if like.title = like.section == "" && !d.seen && d.isTitle(like.text[p.start:p.end]); like.title {
		like.section = "technique"
	} else if n := d.opening(like, p); n > 0 {
		title := like
		title.section, title.title, title.number, title.start, title.end = "technique", true, d.number+1, p.start, p.start+n
		d.paragraphs = append(d.paragraphs, title)
		p.start, p.end = trimSpan(like.text, p.start+n, p.end)
	}
	if like.section == "" {
		like.section = "findings"
	}
	for _, it := range splitItems(like.text, p.start, p.end) {
		d.number++
		like.number, like.start, like.end = d.number, it.start, it.end
		d.paragraphs = append(d.paragraphs, like)
	}
}

// opening measures the title that the first paragraph of a report without headings opens with, as in
// '颈椎MRI平扫：…' and 'Thyroid ultrasound. The right lobe …'; 0 for none.
func (d *layout) opening(like paragraph, p piece) int {
	if like.section != "" || d.seen || d.number > 0 {
		return 0
	}
	s := like.text[p.start:p.end]
	n := strings.IndexAny(s, ":：.。")
	if n < 0 {
		return 0
	}
	_, size := utf8.DecodeRuneInString(s[n:])
	if n+size == len(s) || s[n] == '.' && s[n+1] != ' ' || !d.isTitle(s[:n]) {
		return 0
	}
	if c := d.lex.analyse(s, 0, n); c.colours != 0 || !c.names("region", "organ", "sex-organ") || !c.names("modality", "view") && !c.hasWord([]string{"view", "views"}) {
		return 0 // 'Persistent pain, radiographs equivocal.', 'Left hip: severe osteoarthritis.'
	}
	return n + size
}

// isTitle: a short first line that names an examination, or nothing but a body part, and is no sentence.
func (d *layout) isTitle(s string) bool {
	if len(s) > 110 || strings.HasSuffix(s, "。") || strings.Count(s, ". ") > 0 {
		return false
	}
	tokens := tokenize(s, 0, nil)
	ids := d.lex.identify(s, tokens)
	named, place, other := false, false, false
	for i := 0; i < len(tokens); {
		v, n := d.lex.terms.longest(ids[i:], tokens[i:])
		w := strings.ToLower(s[tokens[i].start:tokens[i].end])
		if n > 0 {
			switch d.lex.concepts[v].kind {
			case "modality", "view":
				named = true
			case "normal", "finding":
				return false
			case "region":
				place = true
			case "side":
			default:
				other = true
			}
		}
		named = named || w == "view" || w == "views"
		other = other || n == 0 && tokens[i].class != classMark
		i += max(n, 1)
	}
	return named || place && !other
}

// line is a logical line of a block; gap says that an empty line stands before it.
type line struct {
	start, end int
	gap        bool
}

// wrapped splits text at line ends and joins lines that a fixed width broke.
func wrapped(text string) []line {
	var raw []line
	gap := false
	for at := 0; at <= len(text); {
		end := len(text)
		if n := strings.IndexAny(text[at:], "\n\r"); n >= 0 {
			end = at + n
		}
		if s, e := trimSpan(text, at, end); s < e {
			raw = append(raw, line{s, e, gap})
			gap = false
		} else {
			gap = len(raw) > 0
		}
		at = end + 1
		if end < len(text) && text[end] == '\r' && at < len(text) && text[at] == '\n' {
			at++
		}
	}
	return joinWrapped(text, raw)
}

// joinWrapped joins line i+1 to line i if i had no room for the first word of i+1, or if the
// sentence plainly runs on.
func joinWrapped(text string, raw []line) []line {
	width := wrapWidth(text, raw)
	out := raw[:0]
	for i, ln := range raw {
		if i > 0 && !ln.gap && runsOn(text, raw[i-1], ln, width, lineStart(text, raw[i-1].start)) {
			out[len(out)-1].end = ln.end
			continue
		}
		out = append(out, ln)
	}
	return out
}

func lineStart(text string, at int) int {
	return strings.LastIndexAny(text[:at], "\n\r") + 1
}

// wrapWidth is the width at which text seems to have been broken, 0 for none: a quarter of the
// lines must end in the middle of a sentence.
func wrapWidth(text string, raw []line) int {
	width, broken := 0, 0
	for i, ln := range raw {
		n := ln.end - ln.start
		width = max(width, n)
		if n >= 40 && i+1 < len(raw) && !raw[i+1].gap && !endsSentence(text[ln.start:ln.end]) {
			broken++
		}
	}
	if width < 40 || width > 132 || broken < 2 || broken*4 < len(raw) {
		return 0
	}
	return width
}

func runsOn(text string, prev, next line, width, prevStart int) bool {
	a, b := text[prev.start:prev.end], text[next.start:next.end]
	if itemMarker(b) > 0 || lastRune(a) == ':' || lastRune(a) == '：' {
		return false
	}
	if r := firstRune(b); unicode.IsLower(r) && !endsSentence(a) {
		return true
	}
	if width == 0 || looksHeaded(b) {
		return false
	}
	word := strings.IndexFunc(b, unicode.IsSpace)
	if word < 0 {
		word = len(b)
	}
	return prev.end-prevStart+1+word > width && !strings.HasSuffix(b, ":")
}

func endsSentence(s string) bool { return strings.ContainsRune(".:;!?。；：！？", lastRune(s)) }

// looksHeaded: 'LUNGS: …' opens a line of its own even in wrapped text.
func looksHeaded(s string) bool {
	colon := strings.IndexAny(s, ":：")
	if colon <= 0 || colon > 40 {
		return false
	}
	return strings.ToUpper(s[:colon]) == s[:colon]
}

// itemMarker measures a list marker at the start of s: '1. ', '2)', '(3) ', '④', '- ', '• '.
func itemMarker(s string) int {
	n := 0
	r, size := utf8.DecodeRuneInString(s)
	switch {
	case r >= '①' && r <= '⑳', r == '•', r == '·':
		n = size
	case (r == '-' || r == '*') && len(s) > 1 && s[1] == ' ':
		n = 1
	case r == '(' || r == '（':
		n = numberedMarker(s, size, ")）")
	default:
		n = numberedMarker(s, 0, ".)、．）")
	}
	if n == 0 {
		return 0
	}
	return n + len(s[n:]) - len(strings.TrimLeftFunc(s[n:], unicode.IsSpace))
}

func numberedMarker(s string, at int, closers string) int {
	digits := at
	for digits < len(s) && digits < at+2 && isDigit(rune(s[digits])) {
		digits++
	}
	if digits == at {
		return 0
	}
	r, size := utf8.DecodeRuneInString(s[digits:])
	if size == 0 || !strings.ContainsRune(closers, r) {
		return 0
	}
	if digits+size < len(s) && isDigit(rune(s[digits+size])) && r == '.' {
		return 0 // 2.5 cm
	}
	return digits + size
}

// splitItems cuts 'text 1. … 2. …' into items; the numbers must count up from 1, each after a stop.
func splitItems(text string, start, end int) []line {
	first, _ := itemNumber(text[start:end])
	start += itemMarker(text[start:end])
	var out []line
	from, want := start, max(first, 0)+1
	for i := start; i < end; i++ {
		n, size := itemNumber(text[i:end])
		if n != want || i > start && isDigit(rune(text[i-1])) || !afterStop(text, from, i, start) {
			continue
		}
		out = appendSpan(out, text, from, i)
		want = n + 1
		from = i + size
		i = from - 1
	}
	return appendSpan(out, text, from, end)
}

// itemNumber reads a numbered marker at the start of s: '2. ', '（2）', '②'; its number and length, 0 for none.
func itemNumber(s string) (n, size int) {
	at := 0
	switch r, width := utf8.DecodeRuneInString(s); {
	case r >= '①' && r <= '⑳':
		return int(r-'①') + 1, itemMarker(s)
	case r == '(' || r == '（':
		at = width
	}
	if at == len(s) || !isDigit(rune(s[at])) {
		return 0, 0
	}
	if size = itemMarker(s); size == 0 {
		return 0, 0
	}
	return number(s[at:]), size
}

func appendSpan(out []line, text string, from, to int) []line {
	if s, e := trimSpan(text, from, to); s < e {
		out = append(out, line{start: s, end: e})
	}
	return out
}

func number(s string) int {
	n := 0
	for i := 0; i < len(s) && i < 3 && isDigit(rune(s[i])); i++ {
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// afterStop: a numbered item starts the piece or follows the end of a sentence.
func afterStop(text string, from, i, start int) bool {
	s := strings.TrimRightFunc(text[from:i], unicode.IsSpace)
	if s == "" {
		return i == start || from == i
	}
	if n := len(s); n > 1 && s[n-1] == '.' && isDigit(rune(s[n-2])) && from+n == i {
		return false // 2024.12.1
	}
	return strings.ContainsRune(".;:。；：;)）", lastRune(s))
}
