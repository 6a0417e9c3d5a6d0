package inference

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml"
)

// maxTerms bounds the words of a statement that the terms tokenizer looks at.
const maxTerms = 256

// termFile is the file of a terms tokenizer: the facts that the pack judges and the words for them.
type termFile struct {
	Schema int `yaml:"schema"`
	// Facts in the order of their ids, which count from 1; 0 pads.
	Facts []struct {
		Name    string            `yaml:"name"`
		Group   string            `yaml:"group"`   // a statement with two facts of one group is not judged
		With    string            `yaml:"with"`    // judged only beside this fact
		Else    string            `yaml:"else"`    // without it, or unless it joins another: open, or empty for not judged
		Finding bool              `yaml:"finding"` // denied beside another fact, it is not judged: which of them is denied?
		Show    map[string]string `yaml:"show"`    // by language, for reasons
	} `yaml:"facts"`
	Terms []struct {
		Facts  []string `yaml:"facts"`
		Open   bool     `yaml:"open"`   // the words say more than the facts
		Denies bool     `yaml:"denies"` // the words deny the facts
		Words  []string `yaml:"words"`
	} `yaml:"terms"`
	// Joins are facts that several together come to, like a finding and its side; the first that fits is taken.
	Joins []struct {
		Is    string   `yaml:"is"`
		Facts []string `yaml:"facts"`
	} `yaml:"joins"`
	About    []string `yaml:"about"`    // filler that speaks of a picture
	Headings []string `yaml:"headings"` // facts of one such group alone, not about a picture, are a heading
	Filler   []string `yaml:"filler"`   // says nothing about the picture
	Open     []string `yaml:"open"`     // claims something that the pack cannot see
	Negation []string `yaml:"negation"` // turns the statement round
}

// terms is a tokenizer that knows a closed vocabulary. A statement made of nothing but known words
// becomes its facts; any other word makes it a statement about something else, which is not judged.
type terms struct {
	file      termFile
	words     map[string]meaning // key: tokens joined by blanks
	joins     []join
	longest   int // tokens of the longest key
	languages []string
	maxIDs    int
}

// A join is the fact that others together come to.
type join struct {
	is    int64
	facts []int64
}

// A meaning is what a phrase stands for.
type meaning struct {
	facts    []int64
	about    bool
	open     bool
	negation bool
}

func readTerms(fsys fs.FS, m Manifest) (*terms, error) {
	name := m.Text.Files["terms"]
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("text.files.terms: %w", err)
	}
	t := &terms{words: map[string]meaning{}, languages: m.Languages, maxIDs: m.Text.MaxIDs}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&t.file); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := t.index(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// index fills the dictionary and refuses what contradicts itself.
func (t *terms) index() error {
	if t.file.Schema != 1 {
		return fmt.Errorf("schema is %d; this build reads 1", t.file.Schema)
	}
	ids := map[string]int64{}
	for i, fact := range t.file.Facts {
		if ids[fact.Name] != 0 {
			return fmt.Errorf("fact %q stands twice", fact.Name)
		}
		ids[fact.Name] = int64(i + 1)
	}
	for _, fact := range t.file.Facts {
		if fact.With != "" && ids[fact.With] == 0 {
			return fmt.Errorf("fact %q goes with %q, which is no fact", fact.Name, fact.With)
		}
		if fact.Else != "" && fact.Else != "open" {
			return fmt.Errorf("fact %q has else: %q; only open is known", fact.Name, fact.Else)
		}
	}
	for _, term := range t.file.Terms {
		facts, err := numbers(ids, term.Facts)
		if err != nil {
			return fmt.Errorf("terms: %w", err)
		}
		if err := t.add(term.Words, meaning{facts: facts, open: term.Open, negation: term.Denies}); err != nil {
			return err
		}
	}
	for _, j := range t.file.Joins {
		facts, err := numbers(ids, append([]string{j.Is}, j.Facts...))
		if err != nil {
			return fmt.Errorf("joins: %w", err)
		}
		t.joins = append(t.joins, join{facts[0], facts[1:]})
	}
	if err := t.add(t.file.Filler, meaning{}); err != nil {
		return err
	}
	if err := t.add(t.file.About, meaning{about: true}); err != nil {
		return err
	}
	if err := t.add(t.file.Open, meaning{open: true}); err != nil {
		return err
	}
	return t.add(t.file.Negation, meaning{negation: true})
}

// numbers are the ids of facts.
func numbers(ids map[string]int64, names []string) ([]int64, error) {
	facts := make([]int64, len(names))
	for i, name := range names {
		if facts[i] = ids[name]; facts[i] == 0 {
			return nil, fmt.Errorf("%q is not among the facts", name)
		}
	}
	return facts, nil
}

func (t *terms) add(words []string, m meaning) error {
	for _, word := range words {
		tokens := splitTerms(word)
		key := strings.Join(tokens, " ")
		if _, twice := t.words[key]; twice || key == "" {
			return fmt.Errorf("the phrase %q is empty or stands twice", word)
		}
		t.words[key] = m
		t.longest = max(t.longest, len(tokens))
	}
	return nil
}

// splitTerms cuts a text into lower-case words of letters and digits; every Han character stands alone.
func splitTerms(text string) []string {
	var tokens []string
	var word strings.Builder
	flush := func() {
		if word.Len() > 0 {
			tokens = append(tokens, word.String())
			word.Reset()
		}
	}
	for _, r := range text {
		switch {
		case unicode.Is(unicode.Han, r):
			flush()
			tokens = append(tokens, string(r))
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			word.WriteRune(unicode.ToLower(r))
		default:
			flush()
		}
		if len(tokens) > maxTerms {
			return tokens
		}
	}
	flush()
	return tokens
}

// sample is the first fact.
func (t *terms) sample() prompt { return prompt{ids: []int64{1}} }

// prompt reads the statement in its own language and, if that says nothing to the pack, in English.
func (t *terms) prompt(s Statement) prompt {
	say := phrasesFor(s.Language)
	first := prompt{refusal: say.language, say: say}
	if slices.Contains(t.languages, baseLanguage(s.Language)) {
		first = t.read(s.Text, s.Negated, say, baseLanguage(s.Language))
	}
	if first.refusal != "" && s.English != "" && slices.Contains(t.languages, "en") {
		if second := t.read(s.English, s.Negated, say, baseLanguage(s.Language)); second.refusal == "" {
			return second
		}
	}
	return first
}

// A reading is what the phrases of a text add up to.
type reading struct {
	ids     []int64
	phrases []string // that named the facts of ids
	open    []string // phrases that claim what the pack cannot see
	about   bool     // some word speaks of a picture
	negated bool
	denied  bool // a phrase of the text itself carries the negation
}

// read turns one text into a prompt.
func (t *terms) read(text string, negated bool, say phrases, language string) prompt {
	tokens := splitTerms(text)
	if len(tokens) > maxTerms {
		return prompt{refusal: say.tooLong, say: say}
	}
	r, ok := t.parse(tokens)
	if !ok {
		return prompt{refusal: say.factsOnly, say: say}
	}
	r.negated = r.negated || negated && !r.denied
	t.join(&r)
	t.setAside(&r)
	if refusal := t.refuse(r, say); refusal != "" {
		return prompt{refusal: refusal, say: say}
	}
	p := prompt{ids: r.ids, negated: r.negated, say: say}
	names := t.show(p.ids, language)
	p.reason = fmt.Sprintf(say.judged, strings.Join(names, say.comma))
	for i, name := range names {
		p.parts = append(p.parts, part{name, p.ids[i : i+1]})
	}
	if len(r.open) > 0 {
		p.open = fmt.Sprintf(say.open, strings.Join(r.open, say.comma))
	}
	return p
}

// parse takes the longest phrase that fits at each place; false: some word is unknown.
func (t *terms) parse(tokens []string) (reading, bool) {
	var r reading
	for len(tokens) > 0 {
		found, length := t.match(tokens)
		if length == 0 {
			return r, false
		}
		phrase := tokens[:length]
		tokens = tokens[length:]
		r.about = r.about || found.about
		r.negated = r.negated != found.negation
		r.denied = r.denied || t.denies(phrase)
		if found.open {
			r.open = append(r.open, joinTerms(phrase))
		}
		for _, id := range found.facts {
			if !slices.Contains(r.ids, id) {
				r.ids = append(r.ids, id)
				r.phrases = append(r.phrases, joinTerms(phrase))
			}
		}
	}
	return r, true
}

// join puts one fact in the place of a finding and of where it is. It must be plain which finding is where.
func (t *terms) join(r *reading) {
	findings, groups := 0, map[string]bool{}
	for _, id := range r.ids {
		fact := t.file.Facts[id-1]
		if fact.Finding {
			findings++
		}
		if groups[fact.Group] || findings > 1 {
			return
		}
		groups[fact.Group] = true
	}
	for _, j := range t.joins {
		if slices.ContainsFunc(j.facts, func(id int64) bool { return !slices.Contains(r.ids, id) }) {
			continue
		}
		ids, phrases := []int64{j.is}, []string{t.file.Facts[j.is-1].Name}
		for i, id := range r.ids {
			if !slices.Contains(j.facts, id) {
				ids, phrases = append(ids, id), append(phrases, r.phrases[i])
			}
		}
		r.ids, r.phrases = ids, phrases
		return
	}
}

// setAside makes facts open that stand without what gives them a meaning.
func (t *terms) setAside(r *reading) {
	names := map[string]bool{"": true}
	for _, id := range r.ids {
		names[t.file.Facts[id-1].Name] = true
	}
	var kept []int64
	for i, id := range r.ids {
		if fact := t.file.Facts[id-1]; fact.Else != "open" || fact.With != "" && names[fact.With] {
			kept = append(kept, id)
		} else if !slices.Contains(r.open, r.phrases[i]) {
			r.open = append(r.open, r.phrases[i])
		}
	}
	r.ids = kept
}

// match finds the longest phrase at the start of the tokens; length 0: none.
func (t *terms) match(tokens []string) (found meaning, length int) {
	for n := min(t.longest, len(tokens)); n > 0; n-- {
		if m, ok := t.words[strings.Join(tokens[:n], " ")]; ok {
			return m, n
		}
	}
	return meaning{}, 0
}

// denies says whether a phrase contains a word of negation.
func (t *terms) denies(phrase []string) bool {
	for at := range phrase {
		for n := range len(phrase) - at {
			if t.words[strings.Join(phrase[at:at+n+1], " ")].negation {
				return true
			}
		}
	}
	return false
}

// refuse says why the facts of a text cannot be judged; empty: they can.
func (t *terms) refuse(r reading, say phrases) string {
	groups, names := map[string]bool{}, map[string]bool{"": true}
	for _, id := range r.ids {
		fact := t.file.Facts[id-1]
		if groups[fact.Group] || fact.Finding && r.negated && len(r.ids) > 1 {
			return say.several
		}
		groups[fact.Group], names[fact.Name] = true, true
	}
	for _, id := range r.ids {
		if !names[t.file.Facts[id-1].With] {
			return say.factsOnly
		}
	}
	switch {
	case len(r.ids) == 0:
		return say.factsOnly
	case len(r.ids) > t.maxIDs:
		return say.tooLong
	case len(r.ids) == 1 && !r.about && !r.negated && slices.Contains(t.file.Headings, t.file.Facts[r.ids[0]-1].Group):
		return say.heading
	}
	return ""
}

// show names the facts for a reader.
func (t *terms) show(ids []int64, language string) []string {
	names := make([]string, len(ids))
	for i, id := range ids {
		fact := t.file.Facts[id-1]
		names[i] = fact.Name
		if shown, ok := fact.Show[language]; ok {
			names[i] = shown
		}
	}
	return names
}

// joinTerms writes a phrase as people do: blanks between words, none between Han characters.
func joinTerms(tokens []string) string {
	var out strings.Builder
	for i, token := range tokens {
		if i > 0 && len(token) > 0 && !unicode.Is(unicode.Han, []rune(token)[0]) {
			out.WriteByte(' ')
		}
		out.WriteString(token)
	}
	return out.String()
}
