package inference

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// clipForm is the byte-pair encoding of CLIP: lower case, no blanks, each word's last piece ends in </w>.
var clipForm = bpeForm{startToken: "<|startoftext|>", endToken: "<|endoftext|>", otherToken: "<|endoftext|>",
	ending: "</w>", words: clipWords}

// clipWords composes a text (NFC), lowers it and cuts it by CLIP's pattern
//
//	's|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+
func clipWords(text string) (words []string) {
	text = norm.NFC.String(strings.ToValidUTF8(text, ""))
	text = strings.ToLower(strings.ReplaceAll(text, "İ", "i\u0307")) // as Unicode's full mapping has it
	for text != "" {
		first, n := utf8.DecodeRuneInString(text)
		class := classOf(first)
		if length := contraction(text); length > 0 {
			n = length
		} else if class != number {
			n = runLength(text, class)
		}
		if class != blank {
			words = append(words, text[:n])
		}
		text = text[n:]
	}
	return words
}
