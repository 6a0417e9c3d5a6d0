package console

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"concord/hl7"
	"concord/node"
)

func TestFrameCacheIsBounded(t *testing.T) {
	var f frameCache
	picture := make([]byte, maxCachedFrame)
	for i := range 40 { // more than fit
		f.put(frameKey{frame: i}, picture)
		f.get(frameKey{frame: 0}) // the first is used all the time
	}
	if f.size > maxCache || f.newest.Len() != len(f.kept) || len(f.kept) != maxCache/maxCachedFrame {
		t.Errorf("%d bytes in %d pictures, %d indexed", f.size, f.newest.Len(), len(f.kept))
	}
	if f.get(frameKey{frame: 0}) == nil || f.get(frameKey{frame: 39}) == nil || f.get(frameKey{frame: 1}) != nil {
		t.Error("the picture that was not used for longest has to go first")
	}
	f.put(frameKey{frame: 99}, make([]byte, maxCachedFrame+1))
	if f.get(frameKey{frame: 99}) != nil {
		t.Error("a huge picture was kept")
	}
}

// Every phrase of the page, and every word of the API that it shows, is there
// in Chinese.
func TestChineseIsComplete(t *testing.T) {
	phrase := regexp.MustCompile(`(?:T|"Ask") "([^"]+)"`)
	files, err := fs.Glob(pageFiles, "page/*.html")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %d templates", err, len(files))
	}
	for _, file := range files {
		text, err := pageFiles.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range phrase.FindAllStringSubmatch(string(text), -1) {
			if chinese[m[1]] == "" {
				t.Errorf("%s: no Chinese for %q", file, m[1])
			}
		}
	}
	words := []string{string(node.Yes), string(node.No), string(node.Maybe), string(node.NotJudged), string(node.Info),
		string(node.Warning), string(node.Critical), string(node.OpinionRight), string(node.OpinionWrong), string(node.OpinionNotSure)}
	for _, s := range node.States {
		words = append(words, string(s))
	}
	for _, s := range deliveryStates {
		words = append(words, string(s))
	}
	for _, w := range words {
		if chinese[w] == "" {
			t.Errorf("no Chinese for %q", w)
		}
	}
	for key, text := range chinese {
		if strings.Count(key, "%d") != strings.Count(text, "%d") || strings.Count(key, "%s") != strings.Count(text, "%s") {
			t.Errorf("%q and %q take other arguments", key, text)
		}
	}
}

func TestStatementsAreFoundInTheText(t *testing.T) {
	for _, c := range []struct {
		blocks, statements []string
		want               string // statements in brackets, blocks divided by |
	}{
		{[]string{"Normal. Normal."}, []string{"Normal.", "Normal."}, "[Normal.] [Normal.]|"},
		{[]string{"A. B.", "C."}, []string{"A.", "C."}, "[A.] B.|[C.]|"},
		{[]string{"A. B.", "C."}, []string{"A.", "gone", "B.", "C."}, "[A.] [B.]|[C.]|"},
		{[]string{"Nothing said."}, []string{""}, "Nothing said.|"},
		{nil, []string{"A."}, ""},
	} {
		report := &hl7.Report{}
		for _, b := range c.blocks {
			report.Blocks = append(report.Blocks, hl7.Block{Text: b})
		}
		var statements []*statementView
		for i, s := range c.statements {
			statements = append(statements, &statementView{Statement: node.Statement{N: i + 1, Text: s}})
		}
		var got strings.Builder
		for _, b := range blocksOf(&node.Case{Report: report}, statements) {
			for _, p := range b.Parts {
				if p.Statement != nil {
					got.WriteString("[" + p.Text + "]")
				} else {
					got.WriteString(p.Text)
				}
			}
			got.WriteString("|")
		}
		if got.String() != c.want {
			t.Errorf("%q in %q: got %s, want %s", c.statements, c.blocks, got.String(), c.want)
		}
	}
}
