package report

import (
	"regexp"
	"strings"
	"testing"
)

var sideWords = regexp.MustCompile(`(?i)\b(left|right)\b|[左右]`)

// TestSwappedSides turns the side round in each statement of real impressions that names one, where the
// findings name that side too. Part of these slips nobody could notice from the text: the findings are
// bilateral, say nothing of the lesion, or the side is a direction. The figure is printed; the gate only
// keeps it from falling.
func TestSwappedSides(t *testing.T) {
	caught, n := 0, 0
	for _, base := range append(append(append(realEnglish(t), realChinese(t)...), realMessages(t)...), ownReports(t)...) {
		r := Read(base.blocks)
		findings := ""
		for _, st := range r.Statements {
			if st.Section == "findings" {
				findings += strings.ToLower(st.Text)
			}
		}
		for _, st := range r.Statements {
			words := sideWords.FindAllString(st.Text, -1)
			if st.Section != "impression" || !st.Judge || st.Negated || len(words) != 1 || !strings.Contains(findings, strings.ToLower(words[0])) {
				continue
			}
			n++
			s := base.clone()
			text := base.blocks[st.Block].Text
			s.blocks[st.Block].Text = text[:st.Start] + swapSides(st.Text) + text[st.End:]
			for _, f := range Check(Read(s.blocks), s.facts) {
				if f.Code == "CC101" {
					caught++
					break
				}
			}
		}
	}
	t.Logf("%d of %d swapped sides caught", caught, n)
	if caught*2 < n {
		t.Errorf("fewer than half of the swapped sides are caught")
	}
}

func swapSides(s string) string {
	return sideWords.ReplaceAllStringFunc(s, func(w string) string {
		switch w {
		case "left":
			return "right"
		case "right":
			return "left"
		case "Left":
			return "Right"
		case "Right":
			return "Left"
		case "左":
			return "右"
		}
		return "左"
	})
}
