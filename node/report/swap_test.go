package report

import (
	"regexp"
	"strings"
	"testing"
)

var sideWords = regexp.MustCompile(`(?i)\b(left|right)\b|[左右]`)

func swapSides(s string) string {
	return sideWords.ReplaceAllStringFunc(s, func(w string) string {
		switch strings.ToLower(w) {
		case "left":
			return "right"
		case "right":
			return "left"
		case "左":
			return "右"
		}
		return "左"
	})
}

func TestSwap(t *testing.T) {
	bases := append(append(append(realEnglish(t), realChinese(t)...), realMessages(t)...), ownReports(t)...)
	hit, n := 0, 0
	for _, b := range bases {
		r := Read(b.blocks)
		s := b.clone()
		fnd := ""
		for i := range r.Statements {
			if r.Statements[i].Section == "findings" {
				fnd += r.Statements[i].Text
			}
		}
		for i := len(r.Statements) - 1; i >= 0; i-- {
			st := &r.Statements[i]
			if st.Section != "impression" || !st.Judge || st.Negated || !sideWords.MatchString(st.Text) || strings.Contains(st.Text, "left ventric") || strings.Contains(st.Text, "Left ventric") {
				continue
			}
			both := len(sideWords.FindAllString(st.Text, -1))
			if both != 1 || !strings.Contains(strings.ToLower(fnd), strings.ToLower(sideWords.FindString(st.Text))) {
				continue
			}
			n++
			bl := &s.blocks[st.Block]
			old := bl.Text
			bl.Text = bl.Text[:st.Start] + swapSides(st.Text) + bl.Text[st.End:]
			out := Check(Read(s.blocks), s.facts)
			ok := false
			for _, f := range out {
				ok = ok || f.Code == "CC101"
			}
			if ok {
				hit++
			} else {
				t.Logf("MISS %s %s", b.id, swapSides(st.Text))
			}
			bl.Text = old
		}
	}
	t.Logf("%d of %d", hit, n)
}
