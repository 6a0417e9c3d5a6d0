package report

import (
	"os"
	"strings"
	"testing"
)

// hardPhrase is a labelled stretch of a hard paragraph: '+', '-' or '?'.
type hardPhrase struct {
	label      byte
	start, end int
}

// hardPiece is one labelled statement: its text without marks, and p, h, r or 0 for its kind.
type hardPiece struct {
	text string
	kind byte
}

// readHard takes the marks out of a labelled line.
func readHard(line string) (text string, phrases []hardPhrase, pieces []hardPiece) {
	var b strings.Builder
	for part := range strings.SplitSeq(line, "¦") {
		var kind byte
		if n := len(part); n > 3 && part[n-1] == '}' {
			kind, part = part[n-2], part[:n-3]
		}
		from := b.Len()
		for i := 0; i < len(part); i++ {
			switch part[i] {
			case '[':
				i++
				phrases = append(phrases, hardPhrase{label: part[i], start: b.Len()})
			case ']':
				phrases[len(phrases)-1].end = b.Len()
			default:
				b.WriteByte(part[i])
			}
		}
		said := b.String()[from:]
		pieces = append(pieces, hardPiece{said[itemMarker(said):], kind})
	}
	return b.String(), phrases, pieces
}

// TestHardSentences measures negation, uncertainty, kind and segmentation on sentences chosen for being
// hard.
func TestHardSentences(t *testing.T) {
	for _, name := range []string{"hard-en.txt", "hard-zh.txt"} {
		raw, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		var denied, unsure, cut score
		kinds, right, n := 0, 0, 0
		for line := range strings.Lines(string(raw)) {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			n++
			text, phrases, pieces := readHard(line)
			r := Read([]Block{{"findings", text}})
			for _, p := range phrases {
				i := coveredBy(r, p)
				if i < 0 {
					t.Errorf("%s: no statement holds %q", text, text[p.start:p.end])
					continue
				}
				denied.count(t, "negated", text[p.start:p.end]+" in "+text, r.details[i].clause.deniedSpan(p.start, p.end), p.label == '-')
				unsure.count(t, "uncertain", text[p.start:p.end]+" in "+text, r.Statements[i].Uncertain, p.label == '?')
			}
			want := map[string]byte{}
			for _, p := range pieces {
				want[bare(p.text)] = p.kind
			}
			for _, s := range r.Statements {
				kind, ok := want[bare(s.Text)]
				cut.count(t, "cut", s.Text, true, ok)
				if ok {
					kinds++
					if s.kind() == kind {
						right++
					} else {
						t.Logf("kind %c, labelled %c: %s", s.kind(), kind, s.Text)
					}
				}
				delete(want, bare(s.Text))
			}
			for w := range want {
				cut.count(t, "cut", w, false, true)
			}
		}
		t.Logf("%s: %d paragraphs; F1 of negation %.3f, of uncertainty %.3f, of segmentation %.3f; kind %d of %d", name, n, denied.f1(), unsure.f1(), cut.f1(), right, kinds)
		if denied.f1() < 0.97 || cut.f1() < 0.95 {
			t.Errorf("%s: below 0.97 for negation or 0.95 for segmentation", name)
		}
	}
}

func coveredBy(r *Report, p hardPhrase) int {
	for i := range r.Statements {
		if r.Statements[i].Start <= p.start && p.end <= r.Statements[i].End {
			return i
		}
	}
	return -1
}

// kind is the letter a labelled statement bears.
func (s *Statement) kind() byte {
	switch {
	case s.Historical:
		return 'h'
	case s.Recommendation:
		return 'r'
	case s.Comparison:
		return 'p'
	}
	return 0
}

// score counts right, needless and missing answers.
type score struct{ tp, fp, fn int }

func (s *score) count(t *testing.T, what, of string, got, want bool) {
	switch {
	case got && want:
		s.tp++
	case got:
		s.fp++
		t.Logf("needlessly %s: %s", what, of)
	case want:
		s.fn++
		t.Logf("not %s: %s", what, of)
	}
}

func (s *score) f1() float64 { return 2 * float64(s.tp) / float64(2*s.tp+s.fp+s.fn) }
