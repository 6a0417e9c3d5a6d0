package inference

import (
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

// prompts puts the sentence into a template and encodes that with a vocabulary.
type prompts struct {
	vocabulary
	spec TextSpec
	// clean is what the sentence and the premise go through first
	clean func(text string) string
	// languages that the pack reads as they are
	languages []string
	// affirming: the pack cannot read a denial
	affirming bool
}

// A vocabulary turns text into ids, and knows those that begin and end a sequence.
type vocabulary interface {
	encode(text string) []int64
	ends() (start, end int64)
}

// readVocabulary reads the files of a tokenizer.
func readVocabulary(fsys fs.FS, spec TextSpec) (vocabulary, error) {
	switch spec.Tokenizer {
	case "bpe":
		return readBPE(fsys, spec, gpt2Form)
	case "clip":
		return readBPE(fsys, spec, clipForm)
	case "wordpiece":
		return readWordPiece(fsys, spec)
	}
	return nil, fmt.Errorf("text.tokenizer is %q; this build has terms, bpe, clip and wordpiece", spec.Tokenizer)
}

func readPrompts(fsys fs.FS, m Manifest) (*prompts, error) {
	spec := m.Text
	if strings.Count(spec.Templates.Alone, placeStatement) != 1 {
		return nil, fmt.Errorf("text.templates.alone must hold %s once", placeStatement)
	}
	if t := spec.Templates.Premise; t != "" && (strings.Count(t, placeStatement) != 1 || strings.Count(t, placePremise) != 1 ||
		strings.Index(t, placePremise) > strings.Index(t, placeStatement)) {
		return nil, fmt.Errorf("text.templates.premise must hold %s and then %s, each once", placePremise, placeStatement)
	}
	p := &prompts{spec: spec, clean: strings.TrimSpace, languages: m.Languages, affirming: m.Kind == contrastiveKind}
	if spec.Tokenizer == "bpe" {
		p.clean = func(text string) string { return clean(text, spec.MaxWords) }
	}
	var err error
	if p.vocabulary, err = readVocabulary(fsys, spec); err != nil {
		return nil, err
	}
	if n := len(p.sample().ids) - 2; n >= spec.MaxIDs {
		return nil, fmt.Errorf("text.max_ids is %d: the template alone has %d ids, which leaves no room for a sentence", spec.MaxIDs, n)
	}
	return p, nil
}

// prompt puts the sentence, or its English where the pack does not read its language, into the template.
func (p *prompts) prompt(s Statement) prompt {
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
	if p.affirming && (s.Negated || denies(s.Text) || denies(text)) {
		return prompt{refusal: say.denial, say: say}
	}
	before, after, _ := strings.Cut(p.spec.Templates.Alone, placeStatement)
	if s.Premise != "" && p.spec.Templates.Premise != "" {
		before, after, _ = strings.Cut(p.spec.Templates.Premise, placeStatement)
		before = strings.Replace(before, placePremise, p.clean(s.Premise), 1)
	}
	ids := p.fit(before, p.clean(text), after)
	if ids == nil {
		return prompt{refusal: say.tooLong, say: say}
	}
	return prompt{ids: ids, reason: say.whole, say: say}
}

// fit encodes a prompt. One with too many ids loses the end of the sentence, never of the template, which
// begins and ends at a blank, so that its ids do not depend on the sentence; nil: nothing would be left.
func (p *prompts) fit(before, sentence, after string) []int64 {
	ids := p.encode(before + sentence + after)
	if len(ids) > p.spec.MaxIDs {
		tail := p.encode(after)
		keep := p.spec.MaxIDs - len(tail)
		if keep <= len(p.encode(before)) {
			return nil
		}
		ids = append(ids[:keep], tail...)
	}
	start, end := p.ends()
	return append(append([]int64{start}, ids...), end)
}

// sample is the template with nothing in it.
func (p *prompts) sample() prompt {
	before, after, _ := strings.Cut(p.spec.Templates.Alone, placeStatement)
	start, end := p.ends()
	return prompt{ids: append(append([]int64{start}, p.encode(before+after)...), end)}
}

// denies says whether words of a sentence deny something: a node may not have taken it for a denial as a whole. One too
// long to look through may.
func denies(text string) bool {
	words := splitTerms(text)
	return len(words) > maxTerms || slices.ContainsFunc(words, func(word string) bool { return slices.Contains(denials, word) })
}

var denials = []string{"no", "not", "non", "without", "never", "none", "neither", "nor", "cannot", "t", // isn't
	"absent", "absence", "negative", "denies", "denied", "excluded", "excludes", "lacks", "lacking", "resolved",
	"无", "無", "未", "没", "沒", "不", "否", "非"}

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
