package inference

import (
	"io/fs"
	"strings"
)

// A tokenizer turns statements into the ids that a pack's score graph reads.
type tokenizer interface {
	prompt(Statement) prompt
	sample() prompt // ids that the pack's graphs take, to try them
}

// A prompt is a statement as the score graph takes it.
type prompt struct {
	ids     []int64
	negated bool   // the ids say the opposite of the statement
	refusal string // why the pack cannot judge it; the ids are then empty
	open    string // why agreeing with the claim would say too much; empty: nothing left open
	reason  string // of a yes or no: what was judged
	parts   []part // of a claim with several parts, to say which of them is undecided
	say     phrases
}

// A part is one of several things that a statement claims.
type part struct {
	name string
	ids  []int64
}

// phrases are the reasons in one language; those with verbs take percentages or words.
type phrases struct {
	factsOnly, heading, several, tooLong, language, denial string
	open, judged, whole, unsure, unknown, undecided        string
	comma                                                  string
}

var english = phrases{
	factsOnly: "this pack judges facts of the picture only (modality, body region, plane, view, MR sequence), not findings",
	heading:   "a heading, not a claim about the picture",
	several:   "the sentence names several kinds of picture at once",
	tooLong:   "the sentence is too long for this pack",
	language:  "this pack does not read the language of the sentence",
	denial:    "this pack compares what is said with what is seen: it cannot judge that something is absent",
	open:      "fits as far as the pack can see; it cannot see: %s",
	judged:    "judged: %s",
	whole:     "judged: the sentence as a whole",
	unsure:    "the pack is not sure: %.0f %%, it needs %.0f %%",
	unknown:   "the picture does not decide it, or is unlike those the pack knows",
	undecided: "the picture does not decide, or is unlike those the pack knows: %s",
	comma:     ", ",
}

var chinese = phrases{
	factsOnly: "本模型只判断图像本身的事实（检查类型、部位、断面、体位、MR序列），不判断影像所见",
	heading:   "视为标题，而非对图像的陈述",
	several:   "该句同时涉及多种图像",
	tooLong:   "该句过长",
	language:  "本模型不支持该语言",
	denial:    "本模型仅比较文字与图像是否相似，无法判断“不存在”之类的否定表述",
	open:      "就可见内容而言相符；模型无法判断：%s",
	judged:    "判断依据：%s",
	whole:     "判断依据：整句",
	unsure:    "模型把握不足：%.0f%%，需要 %.0f%%",
	unknown:   "图像不足以判断，或与模型已知的图像不同",
	undecided: "图像不足以判断，或与模型已知的图像不同：%s",
	comma:     "、",
}

func phrasesFor(language string) phrases {
	if baseLanguage(language) == "zh" {
		return chinese
	}
	return english
}

// baseLanguage is the primary subtag of RFC 5646: zh of zh-Hans-CN.
func baseLanguage(tag string) string {
	base, _, _ := strings.Cut(strings.ReplaceAll(strings.ToLower(tag), "_", "-"), "-")
	return base
}

func newTokenizer(fsys fs.FS, m Manifest) (tokenizer, error) {
	if m.Text.Tokenizer == "terms" {
		return readTerms(fsys, m)
	}
	return readPrompts(fsys, m)
}
