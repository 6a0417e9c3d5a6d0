package inference

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// maxSentence bounds the bytes of a sentence that is put into a prompt.
const maxSentence = 8192

// Placeholders of a template.
const (
	placeStatement = "{hyp}"
	placePremise   = "{caption}"
)

// prompts is the tokenizer of OFA: the cleaned sentence in a template, byte-pair encoded.
type prompts struct {
	bpe  *bpe
	spec TextSpec
	// languages that the pack reads as they are
	languages []string
}

func readPrompts(fsys fs.FS, m Manifest) (*prompts, error) {
	spec := m.Text
	if spec.MaxWords < 1 {
		return nil, fmt.Errorf("text.max_words is %d; want 1 or more", spec.MaxWords)
	}
	if strings.Count(spec.Templates.Alone, placeStatement) != 1 {
		return nil, fmt.Errorf("text.templates.alone must hold %s once", placeStatement)
	}
	if t := spec.Templates.Premise; t != "" && (strings.Count(t, placeStatement) != 1 || strings.Count(t, placePremise) != 1 ||
		strings.Index(t, placePremise) > strings.Index(t, placeStatement)) {
		return nil, fmt.Errorf("text.templates.premise must hold %s and then %s, each once", placePremise, placeStatement)
	}
	codes, err := readBPE(fsys, spec.Files["vocab"], spec.Files["merges"])
	if err != nil {
		return nil, err
	}
	if spec.Pad != codes.ids["<pad>"] {
		return nil, errors.New("text.pad is not the vocabulary's <pad>")
	}
	return &prompts{codes, spec, m.Languages}, nil
}

// encode puts the sentence, or its English where the pack does not read its language, into the template.
func (p *prompts) encode(s Statement) prompt {
	say := phrasesFor(s.Language)
	text := s.Text
	if !slices.Contains(p.languages, baseLanguage(s.Language)) {
		text = s.English
		if text == "" || !slices.Contains(p.languages, "en") {
			return prompt{refusal: say.language, say: say}
		}
	}
	if len(text) > maxSentence || len(s.Premise) > maxSentence {
		return prompt{refusal: say.tooLong, say: say}
	}
	before, after, _ := strings.Cut(p.spec.Templates.Alone, placeStatement)
	if s.Premise != "" && p.spec.Templates.Premise != "" {
		before, after, _ = strings.Cut(p.spec.Templates.Premise, placeStatement)
		before = strings.Replace(before, placePremise, clean(s.Premise, p.spec.MaxWords), 1)
	}
	ids := p.fit(before, clean(text, p.spec.MaxWords), after)
	if ids == nil {
		return prompt{refusal: say.tooLong, say: say}
	}
	return prompt{ids: ids, reason: say.whole, say: say}
}

// fit encodes a prompt. One with too many ids loses the end of the sentence, never of the template, which
// begins and ends at a blank, so that its ids do not depend on the sentence; nil: nothing would be left.
func (p *prompts) fit(before, sentence, after string) []int64 {
	ids := p.bpe.encode(before + sentence + after)
	if len(ids) > p.spec.MaxIDs {
		tail := p.bpe.encode(after)
		keep := p.spec.MaxIDs - len(tail)
		if keep <= len(p.bpe.encode(before)) {
			return nil
		}
		ids = append(ids[:keep], tail...)
	}
	return append(append([]int64{p.bpe.start}, ids...), p.bpe.end)
}

// clean is OFA's pre_caption: lower case; marks stripped from the left; - and / become blanks; <person> becomes
// person; runs of two and more blanks become one; newlines at the end, then blanks at both ends, go; then
// the first words, cut at single blanks.
func clean(text string, words int) string {
	text = cases.Lower(language.Und).String(text)
	text = strings.TrimLeft(text, ",.!?*#:;~")
	text = strings.NewReplacer("-", " ", "/", " ").Replace(text)
	text = strings.ReplaceAll(text, "<person>", "person")
	text = strings.Trim(strings.TrimRight(collapse(text), "\n"), " ")
	split := strings.SplitN(text, " ", words+1)
	return strings.Join(split[:min(words, len(split))], " ")
}

// collapse turns each run of two or more blanks, as Python's \s sees them, into one blank.
func collapse(text string) string {
	var out strings.Builder
	var run []rune
	flush := func() {
		if len(run) > 1 {
			out.WriteByte(' ')
		} else {
			out.WriteString(string(run))
		}
		run = run[:0]
	}
	for _, r := range text {
		if unicode.IsSpace(r) || r >= 0x1C && r <= 0x1F {
			run = append(run, r)
			continue
		}
		flush()
		out.WriteRune(r)
	}
	flush()
	return out.String()
}
