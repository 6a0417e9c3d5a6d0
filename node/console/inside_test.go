package console

import (
	"io/fs"
	"regexp"
	"slices"
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

func TestFlagsComeFirst(t *testing.T) {
	with := func(id int64, state node.State, severities ...node.Severity) *node.Case {
		c := &node.Case{ID: id, State: state}
		for _, s := range severities {
			c.Flags = append(c.Flags, node.Flag{Severity: s})
		}
		return c
	}
	waiting, mild, bad := with(9, node.WaitingReport), with(8, node.Done, node.Info), with(7, node.Done, node.Info, node.Critical)
	old, replaced := with(2, node.Failed, node.Critical), with(6, node.Superseded, node.Critical)
	flagged, others := flagsFirst([]*node.Case{waiting, mild, bad, replaced}, []*node.Case{mild, bad, with(3, node.Done), old})
	if !slices.Equal(flagged, []*node.Case{bad, old, mild}) || !slices.Equal(others, []*node.Case{waiting, replaced}) {
		t.Errorf("got %d flagged and %d others", len(flagged), len(others))
	}
	if bad.Flags[0].Severity != node.Critical {
		t.Error("the worst flag of a case has to stand first")
	}
}

// Whatever the statements are, the page shows the whole text and nothing else.
func FuzzStatementsInText(f *testing.F) {
	f.Add("A. B.", "C.", "A.", "C.")
	f.Add("Normal. Normal.", "", "Normal.", "Normal.")
	f.Add("心影不大。", "前列腺", "不", "gone")
	f.Add("x", "y", "", "xy")
	f.Fuzz(func(t *testing.T, block1, block2, statement1, statement2 string) {
		c := &node.Case{Report: &hl7.Report{Blocks: []hl7.Block{{Text: block1}, {Text: block2}}}}
		statements := []*statementView{{Statement: node.Statement{N: 1, Text: statement1}}, {Statement: node.Statement{N: 2, Text: statement2}}}
		for i, b := range blocksOf(c, statements) {
			var whole string
			for _, p := range b.Parts {
				whole += p.Text
				if p.Statement != nil && p.Statement.Text != p.Text {
					t.Errorf("%q is marked as %q", p.Text, p.Statement.Text)
				}
			}
			if whole != c.Report.Blocks[i].Text {
				t.Errorf("the page shows %q, the report says %q", whole, c.Report.Blocks[i].Text)
			}
		}
	})
}

func TestWhatTheNodeSaysInChinese(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{chinese.event("images arrived → settling"), "影像到达 → 等待静默期结束"},
		{chinese.event("sr to pacs: sent, C-STORE status 0000H"), "DICOM SR 发往 pacs：已发送，C-STORE status 0000H"},
		{chinese.event("feedback on statement 3: wrong"), "对语句 3 的反馈：错误"},
		{chinese.event("something new"), "something new"},
		{english.event("images arrived → waiting_report"), "images arrived → waiting for report"},
		{english.event("oru to ris: dead, MSA-1 AR"), "HL7 ORU to ris: given up, MSA-1 AR"},
		{chinese.reason("12 studies carry the order number of this report: choose one of them"), "有 12 个检查带有本报告的申请单号：请选择其中一个"},
		{chinese.reason("ris refused the result: 7 %d"), "ris 拒绝了结果：7 %d"},
		{chinese.event("held back from ris: UNIT-001 on statement 1, doubt 14 %: surer flags use up the budget"), "未发往 ris：UNIT-001（语句 1），疑误率 14 %：更有把握的提示用完了误报限额"},
		{person("Wang^Xiao"), "Wang Xiao"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
