package inference

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const smallTerms = `
schema: 1
facts:
  - {name: ct, group: modality, show: {en: CT, zh: CT}}
  - {name: xr, group: modality, show: {en: radiograph, zh: X线平片}}
  - {name: chest, group: region, show: {en: chest, zh: 胸部}}
  - {name: head, group: region, show: {en: head, zh: 头部}}
  - {name: toy, group: kind}
  - {name: ball, group: ball, with: toy}
  - {name: left, group: side, with: toy, else: open}
terms:
  - {facts: [ct], words: [CT, computed tomography]}
  - {facts: [xr], words: [x-ray, X线片]}
  - {facts: [xr, chest], words: [CXR, 胸片]}
  - {facts: [chest], words: [chest, 胸部]}
  - {facts: [head], words: [head, 头颅]}
  - {facts: [toy], words: [toy]}
  - {facts: [ball], words: [ball]}
  - {facts: [left], words: [left, 左侧]}
headings: [region, modality]
filler: [the, of, a, is, this, with, 的, 为]
about: [picture, this is, 图像]
open: [with contrast, without contrast, 增强]
negation: [not, no, without, 不是]
`

func smallTokenizer(t *testing.T) *terms {
	t.Helper()
	m := Manifest{Languages: []string{"en", "zh"}, Text: TextSpec{Files: map[string]string{"terms": "t"}, MaxIDs: 4}}
	got, err := readTerms(fstest.MapFS{"t": {Data: []byte(smallTerms)}}, m)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTermsReadStatements(t *testing.T) {
	tokenizer := smallTokenizer(t)
	for _, c := range []struct {
		text    string
		ids     []int64
		negated bool
		open    string
	}{
		{"CT of the chest.", []int64{1, 3}, false, ""},
		{"Chest X-Ray", []int64{3, 2}, false, ""},
		{"COMPUTED  TOMOGRAPHY, head", []int64{1, 4}, false, ""},
		{"胸部的CT", []int64{3, 1}, false, ""},
		{"胸片", []int64{2, 3}, false, ""},
		{"胸部X线片", []int64{3, 2}, false, ""},
		{"This is not a CT of the head", []int64{1, 4}, true, ""},
		{"This is not a chest without CT", []int64{3, 1}, false, ""}, // two negations
		{"图像不是CT", []int64{1}, true, ""},
		{"The picture is of the chest", []int64{3}, false, ""},
		{"CT of the head with contrast", []int64{1, 4}, false, "with contrast"},
		{"CT of the head without contrast", []int64{1, 4}, false, "without contrast"},
		{"头颅CT增强", []int64{4, 1}, false, "增强"},
		{"a toy with a ball", []int64{5, 6}, false, ""},
		{"a toy, left", []int64{5, 7}, false, ""},
		{"CT of the left chest", []int64{1, 3}, false, "left"},
		{"左侧胸部CT", []int64{3, 1}, false, "左侧"},
		{"this is CT CT CT", []int64{1}, false, ""},
	} {
		language := "en"
		if strings.ContainsAny(c.text, "胸头图左") {
			language = "zh-CN"
		}
		p := tokenizer.prompt(Statement{Text: c.text, Language: language})
		if p.refusal != "" || !slices.Equal(p.ids, c.ids) || p.negated != c.negated {
			t.Errorf("%q: ids %v, negated %v, refusal %q; want %v, %v", c.text, p.ids, p.negated, p.refusal, c.ids, c.negated)
		}
		if !strings.Contains(p.open, c.open) || (p.open == "") != (c.open == "") {
			t.Errorf("%q: open %q; want %q in it", c.text, p.open, c.open)
		}
	}
}

func TestTermsRefuse(t *testing.T) {
	tokenizer := smallTokenizer(t)
	for _, c := range []struct{ text, language, want string }{
		{"No pleural effusion.", "en", english.factsOnly},
		{"CT of the chest shows a nodule", "en", english.factsOnly},
		{"双肺纹理清晰", "zh", chinese.factsOnly},
		{"", "en", english.factsOnly},
		{"the of a", "en", english.factsOnly},
		{"a ball", "en", english.factsOnly}, // goes with the toy only
		{"left", "en", english.factsOnly},
		{"CT of the head, CT of the chest", "en", english.several},
		{"Chest:", "en", english.heading},
		{"The left chest", "en", english.heading},
		{"CT without contrast", "en", english.heading},
		{"CT CT", "en", english.heading},
		{"胸部", "zh", chinese.heading},
		{"CT du crâne", "fr", english.language},
		{strings.Repeat("CT ", 400), "en", english.tooLong},
	} {
		if p := tokenizer.prompt(Statement{Text: c.text, Language: c.language}); p.refusal != c.want || len(p.ids) != 0 {
			t.Errorf("%.30q: refusal %q, ids %v; want %q", c.text, p.refusal, p.ids, c.want)
		}
	}
}

// The caller's own reading of the negation counts only where the text has no word for it.
func TestTermsTakeTheCallersNegation(t *testing.T) {
	tokenizer := smallTokenizer(t)
	for text, want := range map[string]bool{
		"CT of the head":                  true,
		"not a CT of the chest":           true,
		"CT of the head without contrast": false,
	} {
		if p := tokenizer.prompt(Statement{Text: text, Language: "en", Negated: true}); p.negated != want {
			t.Errorf("%q: negated %v; want %v", text, p.negated, want)
		}
	}
}

func TestTermsFallBackToEnglish(t *testing.T) {
	p := smallTokenizer(t).prompt(Statement{Text: "电子断层头颅像", English: "CT of the head", Language: "zh"})
	if !slices.Equal(p.ids, []int64{1, 4}) || !strings.Contains(p.reason, "头部") {
		t.Errorf("ids %v, reason %q", p.ids, p.reason)
	}
}

func TestTermFilesThatContradictThemselves(t *testing.T) {
	for name, text := range map[string]string{
		"unknown key":   "schema: 1\nfact: []",
		"other schema":  "schema: 2",
		"fact twice":    "schema: 1\nfacts: [{name: a, group: g}, {name: a, group: g}]",
		"unknown fact":  "schema: 1\nterms: [{facts: [a], words: [b]}]",
		"word twice":    "schema: 1\nfacts: [{name: a, group: g}]\nterms: [{facts: [a], words: [b, B]}]",
		"empty word":    "schema: 1\nfiller: ['...']",
		"strange else":  "schema: 1\nfacts: [{name: a, group: g, else: shut}]",
		"goes with air": "schema: 1\nfacts: [{name: a, group: g, with: b}]",
	} {
		m := Manifest{Text: TextSpec{Files: map[string]string{"terms": "t"}}}
		if _, err := readTerms(fstest.MapFS{"t": {Data: []byte(text)}}, m); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := readTerms(fstest.MapFS{}, Manifest{}); err == nil {
		t.Error("no file: accepted")
	}
}

func FuzzTerms(f *testing.F) {
	for _, seed := range []string{"CT of the chest", "胸部X线片", "not not no", "x-ray\x00\xff", strings.Repeat("头", 300)} {
		f.Add(seed, "en")
		f.Add(seed, "zh_TW")
	}
	m := Manifest{Languages: []string{"en", "zh"}, Text: TextSpec{Files: map[string]string{"terms": "t"}, MaxIDs: 4}}
	tokenizer, err := readTerms(fstest.MapFS{"t": {Data: []byte(smallTerms)}}, m)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, language string) {
		p := tokenizer.prompt(Statement{Text: text, Language: language})
		if (p.refusal == "") != (len(p.ids) > 0) {
			t.Fatalf("refusal %q with ids %v", p.refusal, p.ids)
		}
		for _, id := range p.ids {
			if id < 1 || id > 7 {
				t.Fatalf("id %d is no fact", id)
			}
		}
	})
}
