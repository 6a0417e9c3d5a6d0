package inference

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// bpe is a byte-level byte-pair encoding with the final ids of a pack's vocabulary. Spellings of special tokens in
// a text are plain text.
type bpe struct {
	bpeForm
	ids               map[string]int64 // of a piece in GPT-2's byte letters
	ranks             map[[2]string]int
	letters           [256]string // a printable letter for each byte
	start, end, other int64
}

// A bpeForm is what differs between the tokenizers of this family.
type bpeForm struct {
	startToken, endToken, otherToken string
	padToken                         string // empty: any id of the vocabulary may pad
	ending                           string // of each word's last piece
	words                            func(text string) []string
}

// gpt2Form is that of GPT-2 and BART.
var gpt2Form = bpeForm{startToken: "<s>", endToken: "</s>", otherToken: "<unk>", padToken: "<pad>", words: gpt2Words}

// readBPE reads vocab.json (piece → id) and merges.txt (a pair a line, most frequent first).
func readBPE(fsys fs.FS, spec TextSpec, form bpeForm) (*bpe, error) {
	vocab, merges := spec.Files["vocab"], spec.Files["merges"]
	b := &bpe{bpeForm: form, ranks: map[[2]string]int{}, letters: byteLetters()}
	text, err := fs.ReadFile(fsys, vocab)
	if err != nil {
		return nil, fmt.Errorf("text.files.vocab: %w", err)
	}
	if err := json.Unmarshal(text, &b.ids); err != nil {
		return nil, fmt.Errorf("%s: %w", vocab, err)
	}
	for _, token := range []struct {
		name string
		id   *int64
	}{{form.startToken, &b.start}, {form.endToken, &b.end}, {form.otherToken, &b.other}} {
		var ok bool
		if *token.id, ok = b.ids[token.name]; !ok {
			return nil, fmt.Errorf("%s: the token %s is missing", vocab, token.name)
		}
	}
	if err := b.checkPad(spec.Pad); err != nil {
		return nil, err
	}
	if text, err = fs.ReadFile(fsys, merges); err != nil {
		return nil, fmt.Errorf("text.files.merges: %w", err)
	}
	if err := b.readMerges(text); err != nil {
		return nil, fmt.Errorf("%s: %w", merges, err)
	}
	return b, nil
}

func (b *bpe) checkPad(pad int64) error {
	if b.padToken != "" && b.ids[b.padToken] != pad {
		return fmt.Errorf("text.pad is not the vocabulary's %s", b.padToken)
	}
	for _, id := range b.ids {
		if id == pad {
			return nil
		}
	}
	return fmt.Errorf("text.pad is %d, which is no id of the vocabulary", pad)
}

func (b *bpe) readMerges(text []byte) error {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || n == 1 && strings.HasPrefix(line, "#version") {
			continue
		}
		left, right, ok := strings.Cut(line, " ")
		if !ok || left == "" || right == "" || strings.Contains(right, " ") {
			return fmt.Errorf("line %d is no pair", n)
		}
		b.ranks[[2]string{left, right}] = len(b.ranks)
	}
	if len(b.ranks) == 0 {
		return errors.New("no pairs in it")
	}
	return lines.Err()
}

// byteLetters is GPT-2's bytes_to_unicode: printable Latin-1 stands for itself, the rest for U+0100 on.
func byteLetters() [256]string {
	var letters [256]string
	next := rune(256)
	for i := range letters {
		r := rune(i)
		if !(r >= '!' && r <= '~' || r >= 0xA1 && r <= 0xAC || r >= 0xAE && r <= 0xFF) {
			r = next
			next++
		}
		letters[i] = string(r)
	}
	return letters
}

func (b *bpe) ends() (start, end int64) { return b.start, b.end }

// encode gives the ids of a text, without those of its start and end.
func (b *bpe) encode(text string) []int64 {
	var ids []int64
	for _, word := range b.words(text) {
		for _, piece := range b.merge(word) {
			id, ok := b.ids[piece]
			if !ok {
				id = b.other
			}
			ids = append(ids, id)
		}
	}
	return ids
}

// merge joins the bytes of one word into pieces, the most frequent pair first.
func (b *bpe) merge(word string) []string {
	pieces := make([]string, len(word))
	for i := range len(word) {
		pieces[i] = b.letters[word[i]]
	}
	pieces[len(pieces)-1] += b.ending
	for {
		best, at := math.MaxInt, -1
		for i := range len(pieces) - 1 {
			if rank, ok := b.ranks[[2]string{pieces[i], pieces[i+1]}]; ok && rank < best {
				best, at = rank, i
			}
		}
		if at < 0 {
			return pieces
		}
		left, right := pieces[at], pieces[at+1]
		kept := pieces[:at]
		for i := at; i < len(pieces); i++ {
			if i+1 < len(pieces) && pieces[i] == left && pieces[i+1] == right {
				kept = append(kept, left+right)
				i++
				continue
			}
			kept = append(kept, pieces[i])
		}
		pieces = kept
	}
}

// gpt2Words cuts a text into words; all of it is in one of them.
func gpt2Words(text string) (words []string) {
	for text != "" {
		n := wordLength(text)
		words = append(words, text[:n])
		text = text[n:]
	}
	return words
}

// contraction is the length of one at the start of a text, or 0.
func contraction(text string) int {
	for _, ending := range []string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"} {
		if strings.HasPrefix(text, ending) {
			return len(ending)
		}
	}
	return 0
}

// wordLength is the length in bytes of the first word of a text that is not empty, by GPT-2's pattern
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func wordLength(text string) int {
	if n := contraction(text); n > 0 {
		return n
	}
	lead := 0
	if text[0] == ' ' && len(text) > 1 {
		lead = 1
	}
	first, _ := utf8.DecodeRuneInString(text[lead:])
	if class := classOf(first); class != blank {
		return lead + runLength(text[lead:], class)
	}
	run := runLength(text, blank)
	if run < len(text) { // the last blank belongs to the word that follows, if it is not alone
		if _, last := utf8.DecodeLastRuneInString(text[:run]); last < run {
			return run - last
		}
	}
	return run
}

// class is the kind of a character that GPT-2's pattern tells apart.
type class int

const (
	blank class = iota
	letter
	number
	sign
)

func classOf(r rune) class {
	switch {
	case unicode.IsSpace(r):
		return blank
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	}
	return sign
}

// runLength is the length in bytes of the characters of one class at the start of a text.
func runLength(text string, want class) int {
	for i, r := range text {
		if classOf(r) != want {
			return i
		}
	}
	return len(text)
}
