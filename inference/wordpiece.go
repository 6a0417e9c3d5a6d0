package inference

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// wordPiece is BERT's tokenizer: words and signs, each cut greedily into the longest pieces that the vocabulary has.
// Spellings of special tokens in a text are plain text.
type wordPiece struct {
	ids               map[string]int64
	lower             bool // lower case, accents off
	first, last, none int64
}

// maxWordRunes is BERT's max_input_chars_per_word; a longer word is [UNK].
const maxWordRunes = 100

// readWordPiece reads vocab.txt: a piece a line, its id the line's number from 0.
func readWordPiece(fsys fs.FS, spec TextSpec) (*wordPiece, error) {
	name := spec.Files["vocab"]
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("text.files.vocab: %w", err)
	}
	w := &wordPiece{ids: map[string]int64{}, lower: spec.LowerCase}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for i, line := range lines {
		w.ids[strings.TrimSuffix(line, "\r")] = int64(i)
	}
	if len(w.ids) != len(lines) {
		return nil, fmt.Errorf("%s: a piece stands twice in it", name)
	}
	for token, id := range map[string]*int64{"[CLS]": &w.first, "[SEP]": &w.last, "[UNK]": &w.none} {
		var ok bool
		if *id, ok = w.ids[token]; !ok {
			return nil, fmt.Errorf("%s: the token %s is missing", name, token)
		}
	}
	if pad, ok := w.ids["[PAD]"]; !ok || pad != spec.Pad {
		return nil, errors.New("text.pad is not the vocabulary's [PAD]")
	}
	return w, nil
}

func (w *wordPiece) ends() (start, end int64) { return w.first, w.last }

// encode gives the ids of a text, without [CLS] and [SEP].
func (w *wordPiece) encode(text string) []int64 {
	var ids []int64
	for _, word := range bertWords(text, w.lower) {
		ids = append(ids, w.cut(word)...)
	}
	return ids
}

// cut splits a word into pieces, those after the first with ## before them. One that cannot be spelt is [UNK] as a whole.
func (w *wordPiece) cut(word string) (ids []int64) {
	runes := []rune(word)
	if len(runes) > maxWordRunes {
		return []int64{w.none}
	}
	prefix := ""
	for from := 0; from < len(runes); prefix = "##" {
		end := len(runes)
		for ; end > from; end-- {
			if id, ok := w.ids[prefix+string(runes[from:end])]; ok {
				ids = append(ids, id)
				break
			}
		}
		if end == from {
			return []int64{w.none}
		}
		from = end
	}
	return ids
}

// bertWords cleans a text and cuts it as BERT's BasicTokenizer does: control characters go, Han characters and
// punctuation stand alone, the rest is cut at blanks.
func bertWords(text string, lower bool) []string {
	var out strings.Builder
	for _, r := range strings.ToValidUTF8(text, "") {
		switch {
		case r == '\t' || r == '\n' || r == '\r' || unicode.Is(unicode.Zs, r):
			out.WriteByte(' ')
		case r == unicode.ReplacementChar || unicode.Is(unicode.C, r):
		case isBERTHan(r):
			out.WriteString(" " + string(r) + " ")
		default:
			out.WriteRune(r)
		}
	}
	text = out.String()
	if lower {
		text = strings.ToLower(withoutAccents(text))
	}
	var words []string
	for _, field := range strings.Fields(text) {
		from := 0
		for i, r := range field {
			if !isBERTPunctuation(r) {
				continue
			}
			if from < i {
				words = append(words, field[from:i])
			}
			from = i + len(string(r))
			words = append(words, field[i:from])
		}
		if from < len(field) {
			words = append(words, field[from:])
		}
	}
	return words
}

// withoutAccents decomposes the text (NFD) and drops its nonspacing marks.
func withoutAccents(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(text))
}

// isBERTPunctuation counts all ASCII signs, like $ and ~, as punctuation too.
func isBERTPunctuation(r rune) bool {
	return r >= '!' && r <= '/' || r >= ':' && r <= '@' || r >= '[' && r <= '`' || r >= '{' && r <= '~' || unicode.IsPunct(r)
}

// bertHan are the blocks that BERT takes for Chinese: CJK Unified Ideographs, their extensions A to E, and the
// compatibility ideographs; not the signs between them.
var bertHan = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x3400, Hi: 0x4DBF, Stride: 1}, {Lo: 0x4E00, Hi: 0x9FFF, Stride: 1}, {Lo: 0xF900, Hi: 0xFAFF, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0x20000, Hi: 0x2A6DF, Stride: 1}, {Lo: 0x2A700, Hi: 0x2CEAF, Stride: 1}, {Lo: 0x2F800, Hi: 0x2FA1F, Stride: 1}},
}

func isBERTHan(r rune) bool { return unicode.Is(bertHan, r) }
