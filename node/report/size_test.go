package report

import (
	"strings"
	"testing"
)

func TestSizeSwap(t *testing.T) {
	hit, n := 0, 0
	for _, b := range append(append(realEnglish(t), realChinese(t)...), realMessages(t)...) {
		r := Read(b.blocks)
		for i := range r.Statements {
			st, d := &r.Statements[i], &r.details[i]
			if st.Section != "impression" && st.Section != "findings" || len(d.measures) != 1 || st.Skip == SkipHistory {
				continue
			}
			m := d.measures[0]
			a, z := d.clause.tokens[m.from].start, d.clause.tokens[m.to-1].end
			old := b.blocks[st.Block].Text[a:z]
			nu := strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(old, "cm", "XX"), "mm", "cm"), "XX", "mm")
			s := b.clone()
			s.blocks[st.Block].Text = b.blocks[st.Block].Text[:a] + nu + b.blocks[st.Block].Text[z:]
			n++
			ok := false
			for _, f := range Check(Read(s.blocks), s.facts) {
				ok = ok || f.Code == "CC113" || f.Code == "CC114"
			}
			if ok {
				hit++
			} else {
				t.Logf("MISS %s %s %s -> %s: %s", b.id, st.Section, old, nu, strings.Join(strings.Fields(st.Text), " "))
			}
		}
	}
	t.Logf("%d of %d", hit, n)
}
