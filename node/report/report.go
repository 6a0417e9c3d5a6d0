// Package report reads the text of a radiology report, English or Chinese, and checks it without a model.
//
// [Read] turns text into statements: the smallest stretches that say one thing about the patient, each with
// its place in the text, the section it stands in, what kind of statement it is and the terms it uses.
// [Check] holds those statements against each other and against what the DICOM headers and the order say.
//
// The language knowledge lives in data/*.tsv. The rules fire on evidence a person would accept and stay
// silent on everything else: a false alarm costs more trust than a miss.
package report

// Block is one stretch of report text as the message delivered it.
type Block struct {
	// Section is "findings", "impression", "history", "technique", "comparison", "addendum",
	// "recommendation", or "" when unknown. Headings inside Text override it from there on.
	Section, Text string
}

// Report is the text as statements, in the order of the text.
type Report struct {
	Language   string // "en" or "zh": the dominant one
	Statements []Statement

	lex     *Lexicon
	details []detail // what the rules need of Statements[i]
}

// Statement is the smallest stretch of text that says one thing.
type Statement struct {
	N          int // 1-based over the report
	Section    string
	Block      int // index into the blocks given to Read
	Paragraph  int // 1-based over the report: a non-empty line, wrapped lines joined, or a numbered item; lone headings are not counted
	Start, End int // byte offsets into Blocks[Block].Text; Text is exactly that slice
	Text       string
	Language   string // "en" or "zh"

	Negated        bool // everything it reports is reported absent
	Uncertain      bool
	Historical     bool
	Comparison     bool // speaks of earlier images
	Recommendation bool
	Vague          bool

	Judge bool   // may be asked of today's images
	Skip  string // why not, one of the Skip constants; "" when Judge

	Terms   []Term
	Short   string // organ + lesion + attribute, side and negation, in the statement's language
	English string // Short in English; "" when a word of it is out of the lexicon
}

// Reasons why a statement is not asked of today's images.
const (
	SkipHeading        = "heading"
	SkipHistory        = "history"
	SkipComparison     = "comparison to priors"
	SkipRecommendation = "recommendation"
	SkipTechnique      = "technique"
	SkipVague          = "vague"
	SkipNotImage       = "not about the images"
	SkipUnknown        = "no known term"
)

// Term is a word or phrase of the lexicon, or a measurement.
type Term struct {
	Concept    string // own id, for example CC-organ-lung
	Kind       string // organ, sex-organ, region, side, finding, normal, attribute, modality, sign, view, plane, device, measurement
	Text       string // as written
	English    string // preferred English name
	Negated    bool   // stands in the scope of a negation
	Start, End int    // byte offsets into the block's text
}

// Read reads blocks with the built-in lexicon. It never fails; its time is linear in the text.
func Read(blocks []Block) *Report { return builtin().Read(blocks) }

// Read reads blocks with the lexicon l.
func (l *Lexicon) Read(blocks []Block) *Report {
	r := &Report{Language: dominantLanguage(blocks), lex: l}
	doc := layout{lex: l}
	for i, b := range blocks {
		doc.read(i, b)
	}
	doc.settle()
	r.Statements = make([]Statement, 0, 2*len(doc.paragraphs))
	r.details = make([]detail, 0, 2*len(doc.paragraphs))
	for _, p := range doc.paragraphs {
		for _, s := range splitStatements(l, p) {
			r.append(p, s)
		}
	}
	r.closing(&doc)
	return r
}

// Negated tells whether text[start:end] stands in the scope of a negation of its own sentence. A phrase
// that is not in the lexicon has no Term; this answers for it.
func Negated(text string, start, end int) bool {
	for _, s := range sentences(text, 0, len(text)) {
		if s.end <= start || s.start >= end {
			continue
		}
		return builtin().analyse(text, s.start, s.end).deniedSpan(start, end)
	}
	return false
}

// dominantLanguage is "zh" when at least a fifth of the letters are Han: a Chinese report
// is full of Latin abbreviations, an English one never holds that many Han characters.
func dominantLanguage(blocks []Block) string {
	han, latin := 0, 0
	for _, b := range blocks {
		h, l := countScripts(b.Text)
		han, latin = han+h, latin+l
	}
	return languageOf(han, latin)
}

func languageOf(han, latin int) string {
	if han > 0 && han*4 >= latin {
		return "zh"
	}
	return "en"
}
