package report

import (
	"os"
	"strings"
	"testing"
)

// paragraphsOf reads a labelled file: each paragraph with the statements its ¦ marks cut it into.
func paragraphsOf(t *testing.T, name string) (texts []string, statements [][]string) {
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for para := range strings.SplitSeq(string(raw), "\n\n") {
		var text []string
		var want []string
		for line := range strings.Lines(para) {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			for piece := range strings.SplitSeq(line, "¦") {
				want = append(want, bare(piece))
			}
			text = append(text, strings.ReplaceAll(line, "¦", ""))
		}
		sep := " "
		if strings.HasSuffix(name, "zh.txt") {
			sep = ""
		}
		texts, statements = append(texts, strings.Join(text, sep)), append(statements, want)
	}
	return texts, statements
}

// bare drops the marks and conjunctions between statements, which belong to neither, and all blanks.
func bare(s string) string {
	s = strings.Trim(strings.TrimSpace(s), ".,;，。；、 ")
	for _, c := range []string{"and", "but", "while"} {
		s = strings.TrimSuffix(strings.TrimPrefix(s, c+" "), " "+c)
	}
	return strings.Join(strings.Fields(strings.Trim(s, ".,;，。；、 ")), "")
}

func TestSegmentation(t *testing.T) {
	for _, name := range []string{"segments-en.txt", "segments-zh.txt"} {
		texts, wants := paragraphsOf(t, name)
		tp, fp, fn := 0, 0, 0
		for i, text := range texts {
			want := map[string]bool{}
			for _, w := range wants[i] {
				want[w] = true
			}
			for _, s := range Read([]Block{{"findings", text}}).Statements {
				if want[bare(s.Text)] {
					tp++
					delete(want, bare(s.Text))
				} else {
					fp++
					t.Logf("extra   %s", s.Text)
				}
			}
			for w := range want {
				fn++
				t.Logf("missing %s", w)
			}
		}
		f1 := 2 * float64(tp) / float64(2*tp+fp+fn)
		t.Logf("%s: F1 %.3f (%d right, %d extra, %d missing)", name, f1, tp, fp, fn)
		if f1 < 0.95 {
			t.Errorf("%s: F1 %.3f is below 0.95", name, f1)
		}
	}
}
