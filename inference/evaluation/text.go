package evaluation

import "math"

// textFolds is how many parts the pictures are cut into for TextOnly and for fits that are checked.
const textFolds = 5

// TextOnly answers each row by its words alone: naive Bayes, learnt from the rows of other pictures (five folds), with
// the share of each label as prior. A pack that is no better than this does not use the picture.
func TextOnly(rows []Row) []Row {
	fold := folds(rows, textFolds)
	out := make([]Row, len(rows))
	for part := range textFolds {
		known := learn(filter(rows, func(r Row) bool { return fold[r.Picture] != part }))
		for i, r := range rows {
			if fold[r.Picture] == part {
				out[i] = r
				out[i].Answer = known.answer(r.Statement)
			}
		}
	}
	return out
}

// bayes counts, for the labels no and yes, rows and the rows that hold a word.
type bayes struct {
	rows  [2]float64
	holds map[string][2]float64
}

func learn(rows []Row) bayes {
	b := bayes{holds: map[string][2]float64{}}
	for _, r := range rows {
		label := 0
		if r.Supported {
			label = 1
		}
		b.rows[label]++
		seen := map[string]bool{}
		for _, word := range words(r.Statement) {
			if !seen[word] {
				seen[word] = true
				n := b.holds[word]
				n[label]++
				b.holds[word] = n
			}
		}
	}
	return b
}

func (b bayes) answer(statement string) Answer {
	odds := math.Log((b.rows[1] + 1) / (b.rows[0] + 1))
	seen := map[string]bool{}
	for _, word := range words(statement) {
		if n, known := b.holds[word]; known && !seen[word] {
			seen[word] = true
			odds += math.Log((n[1]+1)/(b.rows[1]+2)) - math.Log((n[0]+1)/(b.rows[0]+2))
		}
	}
	yes := 1 / (1 + math.Exp(-odds))
	a := Answer{Verdict: Yes, Probabilities: [3]float64{1 - yes, yes, 0}}
	if yes <= 0.5 {
		a.Verdict = No
	}
	return a
}
