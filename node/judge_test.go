package node

import (
	"slices"
	"testing"

	"concord/inference"
)

// One statement over several pictures: support anywhere supports; a contradiction needs every picture that could be
// judged; a score that is missing yet leaves the statement without a verdict.
func TestCombine(t *testing.T) {
	score := func(label string, confidence float64) inference.Score {
		return inference.Score{Label: label, Confidence: confidence, Reason: label + "'s reason"}
	}
	yes, no, maybe, none := score(inference.Yes, 0.9), score(inference.No, 0.8), score(inference.Maybe, 0.6), score(inference.NotJudged, 0)
	weakNo := score(inference.No, 0.7)
	for name, c := range map[string]struct {
		scores     []inference.Score
		verdict    Verdict
		confidence float64
		images     []int
	}{
		"support":                            {[]inference.Score{yes}, Yes, 0.9, []int{1}},
		"support beside contradictions":      {[]inference.Score{no, maybe, yes, none}, Yes, 0.9, []int{3}},
		"all contradict, the weakest counts": {[]inference.Score{no, weakNo}, No, 0.7, []int{1, 2}},
		"one could not be judged":            {[]inference.Score{no, none}, No, 0.8, []int{1}},
		"one is undecided":                   {[]inference.Score{no, maybe}, Maybe, 0.6, []int{2, 1}},
		"undecided":                          {[]inference.Score{maybe, none}, Maybe, 0.6, []int{1}},
		"none could be judged":               {[]inference.Score{none, none}, NotJudged, 0, nil},
		"one is missing yet":                 {[]inference.Score{yes, {}}, "", 0, nil},
	} {
		var s Statement
		var pictures []picture
		for i := range c.scores {
			pictures = append(pictures, picture{ref: ImageRef{Position: i + 1}})
		}
		combine(&s, pictures, func(p int) inference.Score { return c.scores[p] }, &english)
		var images []int
		for _, ref := range s.Images {
			images = append(images, ref.Position)
		}
		if s.Verdict != c.verdict || s.Confidence != c.confidence || !slices.Equal(images, c.images) {
			t.Errorf("%s: %s %v by pictures %v; want %s %v by %v", name, s.Verdict, s.Confidence, images, c.verdict, c.confidence, c.images)
		}
		if (s.Verdict == NotJudged || s.Verdict == Maybe) && s.Reason == "" {
			t.Errorf("%s: no reason", name)
		}
	}
}
