package report

import (
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed data/*.tsv
var dataFiles embed.FS

// Lexicon is the language knowledge: terms, cues and headings. It is immutable and safe for concurrent use.
type Lexicon struct {
	vocabulary map[string]int32
	terms      phrases // values index concepts
	scopes     phrases // values are cue, the negation family
	colours    phrases // values are cue, the others
	headings   phrases // values index sections
	concepts   []concept
	sections   []string
	byName     map[string]int // preferred English name → concept
	regions    map[string]region
	removals   []removal
	sizes      map[string][2]float64 // preferred English name → smallest and largest plausible millimetres
}

// concept is one row of terms.tsv.
type concept struct {
	id, kind, region string
	english, chinese string   // preferred names
	within           string   // the organ it is part of or sits in, by preferred English name
	isa              string   // the finding it is a kind of
	twin             string   // its counterpart on the other side: left and right atrium
	up, kindOf       *concept // within and isa, resolved; nil for none
	flags            []string
}

// region is a part of the body as one examination covers it.
type region struct {
	english, chinese string
	neighbours       []string // regions an examination of this one may well show
	namesakes        []string // regions a title may name for it
}

// removal is how reports say that an organ was taken out.
type removal struct {
	organ   *concept
	phrases []string // in lower case
}

// adjacent: an examination of region a may well show region b.
func (l *Lexicon) adjacent(a, b string) bool { return slices.Contains(l.regions[a].neighbours, b) }

func (c *concept) has(flag string) bool { return slices.Contains(c.flags, flag) }

// OwnTerm is a term a site adds to the lexicon: the form in which its configuration holds it.
type OwnTerm struct {
	Kind    string   `yaml:"kind" json:"kind"`       // a Term.Kind
	Region  string   `yaml:"region" json:"region"`   // for organs: head, chest, abdomen, …; "" is any
	Flags   []string `yaml:"flags" json:"flags"`     // paired, male, female, critical
	English []string `yaml:"english" json:"english"` // the first is the preferred name
	Chinese []string `yaml:"chinese" json:"chinese"`
}

// Kinds an OwnTerm may have.
var ownKinds = []string{"organ", "sex-organ", "region", "finding", "normal", "attribute", "modality", "device"}

// builtin is the embedded lexicon. Its files are part of the binary and tested: an error is a build fault.
var builtin = sync.OnceValue(func() *Lexicon {
	l, err := NewLexicon(nil)
	if err != nil {
		panic(err)
	}
	return l
})

// NewLexicon is the built-in lexicon with a site's own terms added; an own phrase wins over a built-in one.
func NewLexicon(own []OwnTerm) (*Lexicon, error) {
	l := &Lexicon{vocabulary: map[string]int32{}, byName: map[string]int{}, regions: map[string]region{}, sizes: map[string][2]float64{}}
	l.terms, l.scopes, l.colours, l.headings = newPhrases(), newPhrases(), newPhrases(), newPhrases()
	for i, t := range own {
		if err := t.validate(); err != nil {
			return nil, fmt.Errorf("own term %d: %w", i+1, err)
		}
		l.addConcept(t.Kind, t.Region, t.Flags, t.English, t.Chinese)
	}
	for _, row := range rows("terms.tsv", 5) {
		l.addConcept(row[0], row[1], splitList(row[2]), splitList(row[3]), splitList(row[4]))
	}
	for _, row := range rows("cues.tsv", 3) {
		kind, ok := cueKinds[row[0]]
		if !ok {
			return nil, fmt.Errorf("cues.tsv: unknown kind %q", row[0])
		}
		set := &l.colours
		if kind&scopeCues != 0 {
			set = &l.scopes
		}
		for _, p := range splitList(row[2]) {
			set.mark(l.internAll(p), int32(kind))
		}
	}
	for _, row := range rows("cues.tsv", 3) {
		for _, p := range splitList(row[2]) {
			ids := l.internAll(p)
			l.colours.widen(ids)
		}
	}
	for _, row := range rows("regions.tsv", 5) {
		l.regions[row[0]] = region{row[1], row[2], splitList(row[3]), splitList(row[4])}
	}
	for _, row := range rows("sizes.tsv", 3) {
		l.sizes[row[0]] = [2]float64{decimal(row[1]), decimal(row[2])}
	}
	for _, row := range rows("headings.tsv", 3) {
		l.sections = append(l.sections, row[0])
		for _, p := range splitList(row[2]) {
			l.addPhrase(&l.headings, p, int32(len(l.sections)-1))
		}
	}
	l.resolve()
	return l, nil
}

// resolve turns names of concepts into concepts.
func (l *Lexicon) resolve() {
	for i := range l.concepts {
		c := &l.concepts[i]
		c.up, c.kindOf = l.named(c.within), l.named(c.isa)
	}
	for _, row := range rows("removals.tsv", 2) {
		l.removals = append(l.removals, removal{l.named(row[0]), splitList(row[1])})
	}
}

// named is the concept of a preferred English name, nil for none.
func (l *Lexicon) named(english string) *concept {
	if i, ok := l.byName[english]; ok {
		return &l.concepts[i]
	}
	return nil
}

func (t OwnTerm) validate() error {
	if !slices.Contains(ownKinds, t.Kind) {
		return fmt.Errorf("kind %q is unknown; use one of %s", t.Kind, strings.Join(ownKinds, ", "))
	}
	if len(t.English) == 0 || strings.TrimSpace(t.English[0]) == "" {
		return fmt.Errorf("english is empty; give at least the preferred English name")
	}
	return nil
}

func (l *Lexicon) addConcept(kind, region string, flags, english, chinese []string) {
	c := concept{id: "CC-" + kind + "-" + slug(english[0]), kind: kind, region: region, english: english[0], flags: flags}
	if len(chinese) > 0 {
		c.chinese = chinese[0]
	}
	for _, f := range flags {
		key, value, _ := strings.Cut(f, "=")
		switch key {
		case "in":
			c.within = value
		case "isa":
			c.isa = value
		case "twin":
			c.twin = value
		}
	}
	at := int32(len(l.concepts))
	l.concepts = append(l.concepts, c)
	if _, taken := l.byName[c.english]; !taken {
		l.byName[c.english] = int(at)
	}
	for _, p := range append(slices.Clone(english), chinese...) {
		l.addPhrase(&l.terms, p, at)
	}
}

func slug(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), " ", "-")
}

// addPhrase enters one phrase into p; a short one in capitals is an abbreviation.
func (l *Lexicon) addPhrase(p *phrases, phrase string, value int32) {
	p.add(l.internAll(phrase), leaf{value: value, upper: len(phrase) <= 5 && allUpper(tokenize(phrase, 0, nil))})
}

func (l *Lexicon) internAll(phrase string) []int32 {
	var ids []int32
	for _, t := range tokenize(phrase, 0, nil) {
		ids = append(ids, l.intern(phrase[t.start:t.end]))
	}
	return ids
}

func (l *Lexicon) intern(word string) int32 {
	key := string(appendFolded(nil, word))
	id, ok := l.vocabulary[key]
	if !ok {
		id = int32(len(l.vocabulary) + 1)
		l.vocabulary[key] = id
	}
	return id
}

// identify looks the words of text up; 0 stands for a word no phrase uses.
func (l *Lexicon) identify(text string, tokens []token) []int32 {
	ids := make([]int32, len(tokens))
	var buf []byte
	for i, t := range tokens {
		buf = appendFolded(buf[:0], text[t.start:t.end])
		if ids[i] = l.vocabulary[string(buf)]; ids[i] == 0 && t.class == classWord && len(buf) > 4 {
			ids[i] = l.vocabulary[american.Replace(string(buf))]
		}
	}
	return ids
}

// american spells what is British: haemangioma, oedema, tumour.
var american = strings.NewReplacer("ae", "e", "oe", "e", "our", "or", "isation", "ization", "calibre", "caliber", "centre", "center", "fibre", "fiber")

func decimal(cell string) float64 {
	v, err := strconv.ParseFloat(cell, 64)
	if err != nil {
		panic(err) // embedded data
	}
	return v
}

// rows reads an embedded table: tab-separated, # opens a comment line, every row has n cells.
func rows(name string, n int) [][]string {
	raw, err := dataFiles.ReadFile("data/" + name)
	if err != nil {
		panic(err) // embedded: absent only if the build is broken
	}
	var out [][]string
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		cells := strings.Split(line, "\t")
		if len(cells) != n {
			panic(fmt.Sprintf("%s: %q has %d cells, want %d", name, line, len(cells), n))
		}
		out = append(out, cells)
	}
	return out
}

// splitList splits a cell at ';'. A lone '-' is empty.
func splitList(cell string) []string {
	if cell == "-" || cell == "" {
		return nil
	}
	return strings.Split(cell, ";")
}
