package inference

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
	"unicode/utf8"
)

const kindsData = "testdata/kinds"

// kindVocabulary is the vocabulary of a pack of testdata/kinds.
func kindVocabulary(t testing.TB, pack string, lower bool) vocabulary {
	t.Helper()
	fsys := Dir(filepath.Join(kindsData, pack))
	m, err := readManifest(fsys)
	if err != nil {
		t.Fatal(err)
	}
	m.Text.LowerCase = lower
	v, err := readVocabulary(fsys, m.Text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// tokens.json is what Hugging Face's tokenizers makes of the texts; see tokens.py.
func TestVocabulariesEqualHuggingFace(t *testing.T) {
	var golden struct {
		Texts     []string
		CLIP      [][]int64 `json:"clip"`
		BERT      [][]int64 `json:"bert"`
		CasedBERT [][]int64 `json:"bert_cased"`
		GPT2      [][]int64 `json:"choice"`
	}
	readJSON(t, filepath.Join(kindsData, "tokens.json"), &golden)
	for _, c := range []struct {
		pack  string
		lower bool
		want  [][]int64
	}{{"clip", false, golden.CLIP}, {"bert", true, golden.BERT}, {"bert", false, golden.CasedBERT}, {"choice", false, golden.GPT2}} {
		v := kindVocabulary(t, c.pack, c.lower)
		if len(c.want) != len(golden.Texts) || len(c.want) < 50 {
			t.Fatalf("%d texts with %d lists of ids", len(golden.Texts), len(c.want))
		}
		for i, text := range golden.Texts {
			if got := v.encode(text); !slices.Equal(got, c.want[i]) {
				t.Errorf("%s, lower %v, %q: %v; want %v", c.pack, c.lower, text, got, c.want[i])
			}
		}
	}
}

func TestBERTWords(t *testing.T) {
	for _, c := range []struct {
		text  string
		lower bool
		want  []string
	}{
		{"Naïve Épanchement", true, []string{"naive", "epanchement"}},
		{"Naïve", false, []string{"Naïve"}},
		{"左肺CT，12.5", true, []string{"左", "肺", "ct", "，", "12", ".", "5"}},
		{"a$b~c", true, []string{"a", "$", "b", "~", "c"}},
		{"x\u0000y\u200bz\ufffd\t w", true, []string{"xyz", "w"}},
		{"\xffab", true, []string{"ab"}},
		{" \n", true, nil},
	} {
		if got := bertWords(c.text, c.lower); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q; want %q", c.text, got, c.want)
		}
	}
}

func TestCLIPWords(t *testing.T) {
	for text, want := range map[string][]string{
		"It's  12 cm!": {"it", "'s", "1", "2", "cm", "!"},
		"e\u0301 '":    {"é", "'"},
		"İ":            {"i", "\u0307"},
		"''ll":         {"''", "ll"},
		"":             nil,
	} {
		if got := clipWords(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q; want %q", text, got, want)
		}
	}
}

func TestWordPieceFilesThatAreBroken(t *testing.T) {
	for want, text := range map[string]string{
		"[SEP] is missing": "[PAD]\n[UNK]\n[CLS]\n",
		"stands twice":     "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\na\n",
		"text.pad":         "[UNK]\n[PAD]\n[CLS]\n[SEP]\n",
	} {
		spec := TextSpec{Files: map[string]string{"vocab": "v"}}
		if _, err := readWordPiece(fstest.MapFS{"v": {Data: []byte(text)}}, spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want %q in it", err, want)
		}
	}
}

// The template's end and the sequence's stay where a sentence is cut, and every list keeps within max_ids.
func TestPromptsOfKindsKeepTheirEnds(t *testing.T) {
	for _, pack := range []string{"clip", "bert"} {
		m, err := readManifest(Dir(filepath.Join(kindsData, pack)))
		if err != nil {
			t.Fatal(err)
		}
		m.Text.Templates.Alone = "a radiograph showing {hyp} lung"
		p, err := readPrompts(Dir(filepath.Join(kindsData, pack)), m)
		if err != nil {
			t.Fatal(err)
		}
		start, end := p.ends()
		tail := append(p.encode("lung"), end)
		got := p.prompt(Statement{Text: strings.Repeat("effusion ", 90), Language: "en"}).ids
		if len(got) != m.Text.MaxIDs+2 || got[0] != start || !slices.Equal(got[len(got)-len(tail):], tail) {
			t.Errorf("%s: %v", pack, got)
		}
	}
}

func FuzzWordPiece(f *testing.F) {
	for _, seed := range []string{"Pleural effusions", "左肺 Épanchement", "a\x00\xff\u200b", strings.Repeat("s", 101), "[CLS]##s", "\u1112\u1161\u11ab한"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	lower, cased := kindVocabulary(f, "bert", true).(*wordPiece), kindVocabulary(f, "bert", false).(*wordPiece)
	back := map[int64]string{}
	for piece, id := range lower.ids {
		back[id] = strings.TrimPrefix(piece, "##")
	}
	f.Fuzz(func(t *testing.T, text string, lowered bool) {
		w := cased
		if lowered {
			w = lower
		}
		for _, word := range bertWords(text, lowered) {
			if word == "" || !utf8.ValidString(word) || strings.ContainsFunc(word, unicode.IsSpace) {
				t.Fatalf("the word %q of %q", word, text)
			}
			var spelt strings.Builder
			ids := w.cut(word)
			for _, id := range ids {
				spelt.WriteString(back[id])
			}
			if unknown := slices.Equal(ids, []int64{w.none}); !unknown && spelt.String() != word {
				t.Fatalf("%q came back as %q", word, spelt.String())
			}
		}
	})
}

// With every byte in the vocabulary, with and without </w>, the pieces spell the words again.
func FuzzCLIP(f *testing.F) {
	for _, seed := range []string{"A radiograph", "it's 12'll", "İΣ 肺部\xff\xfe", "e\u0301\u00a0\u3000x", "<|endoftext|>"} {
		f.Add(seed)
	}
	c := kindVocabulary(f, "clip", false).(*bpe)
	back := map[int64]string{}
	for piece, id := range c.ids {
		back[id] = piece
	}
	bytesOf := map[rune]byte{}
	for b, letter := range c.letters {
		bytesOf[[]rune(letter)[0]] = byte(b)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > maxSentence {
			return
		}
		var spelt strings.Builder
		for _, id := range c.encode(text) {
			if id == c.other {
				t.Fatalf("an unknown piece in %q", text)
			}
			spelt.WriteString(back[id])
		}
		var out []byte
		for _, letter := range strings.ReplaceAll(spelt.String(), "</w>", "\n") {
			if letter == '\n' {
				out = append(out, '\n')
			} else {
				out = append(out, bytesOf[letter])
			}
		}
		want := ""
		for _, word := range clipWords(text) {
			want += word + "\n"
		}
		if string(out) != want {
			t.Fatalf("%q came back as %q", want, out)
		}
	})
}
