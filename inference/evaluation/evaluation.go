// Package evaluation measures how right a model pack is on pairs of picture and statement, and fits its calibration.
//
// Start with Measure: it turns answered rows into figures. Controls say what of them the pictures are for: the same
// pack with other pictures of the same category (Shuffle), and what the words alone tell (TextOnly). Fit finds a
// temperature and thresholds; Report writes all of it as Markdown or as a page with plots. Intervals are 95 % and come
// from drawing pictures, not rows, with replacement: rows of one picture are not independent.
package evaluation

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Verdicts of an Answer.
const (
	Yes       = "yes"
	No        = "no"
	Maybe     = "maybe"
	NotJudged = "not_judged"
)

// Row is one question: does the picture support the statement?
type Row struct {
	Picture   string // names the picture
	Report    string // names what would be one report; empty: each picture is one
	Statement string
	Language  string // en, zh or empty
	Category  string // may be empty
	Modality  string // DICOM (0008,0060); empty if unknown
	Supported bool   // the truth
	Answer    Answer
}

// Answer is what the pack said.
type Answer struct {
	Verdict       string
	Probabilities [3]float64 // no, yes, maybe; all 0 if not judged
	Held          bool       // maybe whatever the probability: the picture cannot show all that is said
	Took          time.Duration
}

// Support is how far the picture supports the statement, 0 to 1: half is undecided.
func (a Answer) Support() float64 { return (1 + a.Probabilities[1] - a.Probabilities[0]) / 2 }

// judged says whether the pack looked at all.
func (a Answer) judged() bool { return a.Verdict != NotJudged }

// answered says whether the verdict is yes or no.
func (a Answer) answered() bool { return a.Verdict == Yes || a.Verdict == No }

// right says whether the verdict, yes or no, is the truth.
func (r Row) right() bool { return (r.Answer.Verdict == Yes) == r.Supported }

// guessedRight asks for the side that the probabilities lean to, whatever the thresholds.
func (r Row) guessedRight() bool { return (r.Answer.Support() > 0.5) == r.Supported }

func (r Row) report() string {
	if r.Report != "" {
		return r.Report
	}
	return r.Picture
}

// Shuffle gives the rows of each picture another picture of the same category, by a fixed seed: what a pack then still
// gets right does not come from the picture. The answers are those of before; ask again. A category with one picture
// keeps it.
func Shuffle(rows []Row) []Row {
	pictures := map[string][]string{} // category → its pictures
	for _, r := range rows {
		if !slices.Contains(pictures[r.Category], r.Picture) {
			pictures[r.Category] = append(pictures[r.Category], r.Picture)
		}
	}
	swap := map[[2]string]string{}
	for category, names := range pictures {
		random := rand.New(rand.NewPCG(1, uint64(len(category))))
		random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		for i, name := range names {
			swap[[2]string{category, name}] = names[(i+1)%len(names)] // a ring: nobody keeps his own
		}
	}
	other := slices.Clone(rows)
	for i, r := range other {
		other[i].Picture = swap[[2]string{r.Category, r.Picture}]
	}
	return other
}

// folds cuts the pictures of the rows into so many parts, by a fixed seed: picture → part.
func folds(rows []Row, parts int) map[string]int {
	var names []string
	for _, r := range rows {
		names = append(names, r.Picture)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	random := rand.New(rand.NewPCG(2, 3))
	random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	fold := map[string]int{}
	for i, name := range names {
		fold[name] = i % parts
	}
	return fold
}

// words are what TextOnly counts: letters and digits in lower case; of Chinese each character and each two.
func words(statement string) (all []string) {
	var run []rune
	flush := func() {
		if len(run) > 0 {
			all = append(all, string(run))
			run = run[:0]
		}
	}
	last := rune(0)
	for _, c := range strings.ToLower(statement) {
		switch {
		case c >= 0x3400 && c <= 0x9FFF:
			flush()
			all = append(all, string(c))
			if last != 0 {
				all = append(all, string([]rune{last, c}))
			}
			last = c
			continue
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			run = append(run, c)
		default:
			flush()
		}
		last = 0
	}
	flush()
	return all
}
