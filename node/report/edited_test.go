package report

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// edit turns a clean report into one with a slip.
type edit struct{ kind, text string }

// readEdited reads a file of clean reports with their edits.
func readEdited(t testing.TB, name string) (clean []sample, edits [][]edit) {
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile(`(?m)^### `).Split(string(raw), -1)[1:] {
		head, body, _ := strings.Cut(block, "\n")
		parts := regexp.MustCompile(`(?m)^%% `).Split(body, -1)
		cells := strings.SplitN(head, "|", 7)
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		f := Facts{StudyDate: "20260915", StudyDescription: cells[5]}
		for key, value := range map[string]string{"mod": cells[1], "part": cells[2], "sex": cells[3], "age": cells[4]} {
			f.set(key, value)
		}
		for pair := range strings.SplitSeq(cells[6], ",") {
			key, value, _ := strings.Cut(pair, "=")
			f.set(strings.TrimSpace(key), strings.TrimSpace(value))
		}
		clean = append(clean, sample{cells[0], []Block{{"", parts[0]}}, f})
		var list []edit
		for _, p := range parts[1:] {
			kind, text, _ := strings.Cut(p, "|")
			list = append(list, edit{strings.TrimSpace(kind), text})
		}
		edits = append(edits, list)
	}
	return clean, edits
}

func (f *Facts) set(key, value string) {
	switch key {
	case "mod":
		f.Modalities = []string{value}
	case "part":
		f.BodyParts = []string{value}
	case "sex":
		f.Sex = value
	case "age":
		f.AgeYears, _ = strconv.Atoi(value)
	case "lat":
		f.Laterality = []string{value}
	case "view":
		f.ViewPositions = []string{value}
	case "contrast":
		given := true
		f.ContrastGiven = &given
	}
}

// apply makes the slip.
func (e edit) apply(t *testing.T, s sample) sample {
	s = s.clone()
	if header, ok := strings.CutPrefix(strings.TrimSpace(e.text), "@"); ok {
		key, value, _ := strings.Cut(header, "=")
		s.facts.set(key, value)
		return s
	}
	for change := range strings.SplitSeq(e.text, ";;") {
		old, replacement, _ := strings.Cut(change, "=>")
		if strings.Contains(strings.Trim(old, " "), "\n") {
			old, replacement = strings.Trim(old, " "), strings.TrimSuffix(strings.Trim(replacement, " "), "\n")
		} else {
			old, replacement = strings.TrimSpace(old), strings.TrimSpace(replacement)
		}
		if !strings.Contains(s.blocks[0].Text, old) {
			t.Errorf("%s: there is no %q to replace", s.id, old)
		}
		s.blocks[0].Text = strings.Replace(s.blocks[0].Text, old, replacement, 1)
	}
	return s
}

// TestEditedReports counts false alarms on whole reports as hospitals write them, headings or none, and what the
// rules find of one slip in each. At first sight 3 of 120 clean ones were flagged, then, with the rules mended on
// those, 2 of 40, 1 of 40 and 1 of 22. Part of the slips nobody could be certain of; the gate only keeps the share from
// falling.
func TestEditedReports(t *testing.T) {
	for _, name := range []string{"edited-en.txt", "edited-zh.txt"} {
		t.Run(name, func(t *testing.T) {
			clean, edits := readEdited(t, name)
			flagged, caught, n := 0, 0, 0
			kinds := map[string][2]int{}
			for i, s := range clean {
				before := Check(Read(s.blocks), s.facts)
				if len(before) > 0 {
					flagged++
					t.Logf("%s: %v", s.id, before)
				}
				for j, e := range edits[i] {
					slip := e.apply(t, s)
					hit := slices.ContainsFunc(Check(Read(slip.blocks), slip.facts), func(f Finding) bool { return !slices.Contains(before, f) })
					k := kinds[e.kind]
					k[1]++
					if hit {
						k[0]++
						caught++
					} else {
						t.Logf("missed %s.%d %s", s.id, j+1, e.kind)
					}
					kinds[e.kind] = k
					n++
				}
			}
			t.Logf("%d of %d clean reports flagged; %d of %d slips caught: %v", flagged, len(clean), caught, n, kinds)
			if flagged*100 > len(clean) || caught*100 < 60*n {
				t.Errorf("more than one in a hundred clean reports is flagged, or fewer than six in ten slips are caught")
			}
		})
	}
}
