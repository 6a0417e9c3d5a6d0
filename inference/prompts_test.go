package inference

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const ofaMini = "../../shared/ofa-mini"

// ofaPrompts is the tokenizer of ofa-mini, or a skip where that is not there.
func ofaPrompts(t testing.TB, words, ids int) *prompts {
	t.Helper()
	if _, err := os.Stat(ofaMini); err != nil {
		t.Skip("ofa-mini is not there")
	}
	p, err := readPrompts(Dir(ofaMini), Manifest{Languages: []string{"en"}, Text: TextSpec{Tokenizer: "bpe",
		Files: map[string]string{"vocab": "vocab.json", "merges": "merges.txt"}, Pad: 1, MaxWords: words, MaxIDs: ids,
		Templates: Templates{
			Alone:   ` does the image describe " {hyp} "?`,
			Premise: ` can image and text1 " {caption} " imply text2 " {hyp} "?`,
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tsv calls each with the two columns of a file's lines, the first decoded from JSON.
func tsv(t *testing.T, name string, each func(text, column string)) {
	t.Helper()
	file, err := os.Open(filepath.Join(ofaMini, name))
	if err != nil {
		t.Skip("ofa-mini is not there")
	}
	defer file.Close()
	lines, count := bufio.NewScanner(file), 0
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		quoted, column, _ := strings.Cut(lines.Text(), "\t")
		var text string
		if err := json.Unmarshal([]byte(quoted), &text); err != nil {
			t.Fatal(err)
		}
		each(text, column)
		count++
	}
	if count == 0 {
		t.Fatal("no lines")
	}
}

func TestCleanEqualsOFA(t *testing.T) {
	tsv(t, "clean_goldens.tsv", func(text, column string) {
		var want string
		if err := json.Unmarshal([]byte(column), &want); err != nil {
			t.Fatal(err)
		}
		if got := clean(text, 80); got != want {
			t.Errorf("%q became %q; want %q", text, got, want)
		}
	})
}

func TestClean(t *testing.T) {
	for _, c := range []struct {
		text, want string
		words      int
	}{
		{"  Leading", "leading", 80},
		{"...!Marks", "marks", 80},
		{" .guarded by a blank", ".guarded by a blank", 80},
		{"a-b/c - d", "a b c d", 80},
		{"<PERSON>\t\tx\n", "person x", 80},
		{"one\ttab", "one\ttab", 80},
		{"one two three four", "one two three", 3},
		{"İ ΟΔΟΣ", "i\u0307 οδος", 80},
	} {
		if got := clean(c.text, c.words); got != c.want {
			t.Errorf("%q became %q; want %q", c.text, got, c.want)
		}
	}
}

func TestBPEEqualsOFA(t *testing.T) {
	p := ofaPrompts(t, 80, 256)
	tsv(t, "bpe_goldens.tsv", func(text, column string) {
		var want []int64
		for _, field := range strings.Fields(column) {
			id, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, id)
		}
		if got := p.encode(text); !slices.Equal(got, want) {
			t.Errorf("%q: %v; want %v", text, got, want)
		}
	})
}

func TestPromptsEqualOFA(t *testing.T) {
	p := ofaPrompts(t, 80, 256)
	var g goldens
	readJSON(t, filepath.Join(ofaMini, "goldens.json"), &g)
	for i, c := range g.Cases {
		statement := Statement{Text: c.Statement, Language: "en"}
		if got := p.prompt(statement); !slices.Equal(got.ids, c.Alone.IDs) {
			t.Errorf("case %d alone: %v; want %v", i, got.ids, c.Alone.IDs)
		}
		statement.Premise = c.Caption
		if got := p.prompt(statement); !slices.Equal(got.ids, c.Premised.IDs) {
			t.Errorf("case %d with its caption: %v; want %v", i, got.ids, c.Premised.IDs)
		}
	}
}

// A prompt that is too long keeps the template's end: the sentence is cut, unlike in the reference.
func TestPromptsCutTheSentence(t *testing.T) {
	p := ofaPrompts(t, 80, 40)
	got := p.prompt(Statement{Text: strings.Repeat("effusion ", 70), Language: "en"})
	tail := p.encode(` "?`)
	_, end := p.ends()
	if len(got.ids) != 42 || !slices.Equal(got.ids[41-len(tail):41], tail) || got.ids[41] != end {
		t.Errorf("%d ids: %v", len(got.ids), got.ids)
	}
	full := p.prompt(Statement{Text: "effusion", Language: "en"})
	if !slices.Equal(got.ids[:7], full.ids[:7]) {
		t.Errorf("the template's start became %v", got.ids[:7])
	}
	long := p.prompt(Statement{Text: "x", Premise: strings.Repeat("premise ", 70), Language: "en"})
	if long.refusal != english.tooLong {
		t.Errorf("a premise that leaves no room: %+v", long)
	}
}

func TestPromptsChooseTheLanguage(t *testing.T) {
	p := ofaPrompts(t, 80, 256)
	want := p.prompt(Statement{Text: "pleural effusion", Language: "en"})
	if got := p.prompt(Statement{Text: "胸腔积液", English: "pleural effusion", Language: "zh"}); !slices.Equal(got.ids, want.ids) {
		t.Errorf("the English was not used: %v", got.ids)
	}
	if got := p.prompt(Statement{Text: "胸腔积液", Language: "zh"}); got.refusal != chinese.language {
		t.Errorf("no English: %+v", got)
	}
	if got := p.prompt(Statement{Text: strings.Repeat("x", maxSentence+1), Language: "en"}); got.refusal != english.tooLong {
		t.Errorf("a long sentence: %q", got.refusal)
	}
}

func TestWordLength(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"a cat's  3 paws!!", []string{"a", " cat", "'s", " ", " 3", " paws", "!!"}},
		{"it's 'll 're", []string{"it", "'s", " '", "ll", " '", "re"}},
		{"x\t\ty \n", []string{"x", "\t", "\t", "y", " \n"}},
		{"\u3000\u3000肺 ", []string{"\u3000", "\u3000", "肺", " "}},
		{"1.2cm", []string{"1", ".", "2", "cm"}},
		{"a\x1fb", []string{"a", "\x1f", "b"}},
		{"<pad></s>", []string{"<", "pad", "></", "s", ">"}},
	} {
		var got []string
		for text := c.text; text != ""; {
			n := wordLength(text)
			got = append(got, text[:n])
			text = text[n:]
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: %q; want %q", c.text, got, c.want)
		}
	}
}

var bpeFiles = map[string]string{"vocab": "v", "merges": "m"}

// tinyBPE knows single bytes and one pair.
func tinyBPE(t testing.TB) *bpe {
	t.Helper()
	vocab := map[string]int{"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "ab": 4}
	for _, letter := range byteLetters() {
		vocab[letter] = len(vocab)
	}
	text, _ := json.Marshal(vocab)
	b, err := readBPE(fstest.MapFS{"v": {Data: text}, "m": {Data: []byte("#version: 0.2\na b\n")}}, TextSpec{Files: bpeFiles, Pad: 1}, gpt2Form)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBPEFilesThatAreBroken(t *testing.T) {
	good := `{"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}`
	for name, c := range map[string][2]string{
		"no special token": {`{"<s>": 0}`, "a b"},
		"no JSON":          {"", "a b"},
		"no pair":          {good, "ab"},
		"three pieces":     {good, "a b c"},
		"empty merges":     {good, "#version: 0.2\n"},
	} {
		if _, err := readBPE(fstest.MapFS{"v": {Data: []byte(c[0])}, "m": {Data: []byte(c[1])}}, TextSpec{Files: bpeFiles, Pad: 1}, gpt2Form); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// With every byte in the vocabulary, the pieces of any text spell it again.
func FuzzBPE(f *testing.F) {
	for _, seed := range []string{"abab", " it's  ", "肺部\xff\xfe", "\u0130\u00a0x", "a\x1f\x1fb"} {
		f.Add(seed)
	}
	b := tinyBPE(f)
	back := map[int64]string{}
	for i, letter := range b.letters {
		back[b.ids[letter]] = string([]byte{byte(i)})
	}
	back[4] = "ab"
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > maxSentence {
			return
		}
		var out strings.Builder
		for _, id := range b.encode(text) {
			out.WriteString(back[id])
		}
		if out.String() != text {
			t.Fatalf("%q came back as %q", text, out.String())
		}
	})
}
