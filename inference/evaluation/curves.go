package evaluation

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// draws is how many bootstrap samples an interval is of.
const draws = 400

// A figure is computed of rows that count so many times each; of: how many rows it is a share of, 0 if there is none.
type figure func(rows []Row, weight []int) (value float64, of int)

// interval computes a figure and, by drawing pictures with replacement by a fixed seed, its 95 % interval.
func interval(rows []Row, compute figure) Share {
	number, weight := map[string]int{}, make([]int, len(rows))
	picture := make([]int, len(rows))
	for i, r := range rows {
		n, known := number[r.Picture]
		if !known {
			n = len(number)
			number[r.Picture] = n
		}
		picture[i], weight[i] = n, 1
	}
	value, of := compute(rows, weight)
	if of == 0 {
		return Share{}
	}
	random, sampled := rand.New(rand.NewPCG(4, 5)), []float64{}
	for range draws {
		times := make([]int, len(number))
		for range times {
			times[random.IntN(len(times))]++
		}
		for i := range rows {
			weight[i] = times[picture[i]]
		}
		if v, n := compute(rows, weight); n > 0 {
			sampled = append(sampled, v)
		}
	}
	slices.Sort(sampled)
	at := func(permille int) float64 { return sampled[min(len(sampled)*permille/1000, len(sampled)-1)] }
	if len(sampled) == 0 {
		return Share{value, value, value, of}
	}
	return Share{value, at(25), at(975), of}
}

// alarms orders rows by how little they are supported, most alarming first; rows that are not supported are what an
// alarm should find.
func alarms(rows []Row) []Row {
	ordered := slices.Clone(rows)
	slices.SortStableFunc(ordered, func(a, b Row) int { return cmp.Compare(a.Answer.Support(), b.Answer.Support()) })
	return ordered
}

// counts calls step after each group of rows with equal support, of rows in the order of alarms: how many alarms were
// true and spurious so far. It returns how many there are in all.
func counts(rows []Row, weight []int, step func(found, spurious int)) (positives, negatives int) {
	for i, r := range rows {
		if r.Supported {
			negatives += weight[i]
		} else {
			positives += weight[i]
		}
		if i+1 == len(rows) || rows[i+1].Answer.Support() != r.Answer.Support() {
			step(positives, negatives)
		}
	}
	return positives, negatives
}

// auc is the area under the ROC curve: the chance that of two rows the one that is not supported is the more alarming.
func auc(rows []Row, weight []int) (float64, int) {
	area, lastFound, lastSpurious := 0.0, 0, 0
	positives, negatives := counts(rows, weight, func(found, spurious int) {
		area += float64(spurious-lastSpurious) * float64(found+lastFound) / 2
		lastFound, lastSpurious = found, spurious
	})
	if positives == 0 || negatives == 0 {
		return 0, 0
	}
	return area / float64(positives) / float64(negatives), positives + negatives
}

// averagePrecision is the mean precision at each alarm that is true.
func averagePrecision(rows []Row, weight []int) (float64, int) {
	sum, lastFound := 0.0, 0
	positives, negatives := counts(rows, weight, func(found, spurious int) {
		if found > lastFound {
			sum += float64(found-lastFound) * float64(found) / float64(found+spurious)
		}
		lastFound = found
	})
	if positives == 0 {
		return 0, 0
	}
	return sum / float64(positives), positives + negatives
}

// curves are the ROC and the precision by what is found, of rows in the order of alarms.
func curves(rows []Row) (roc, pr []Point) {
	var steps [][2]int
	weight := slices.Repeat([]int{1}, len(rows))
	positives, negatives := counts(rows, weight, func(found, spurious int) { steps = append(steps, [2]int{found, spurious}) })
	if positives == 0 || negatives == 0 {
		return nil, nil
	}
	roc = append(roc, Point{0, 0})
	for _, s := range steps {
		found := float64(s[0]) / float64(positives)
		roc = append(roc, Point{float64(s[1]) / float64(negatives), found})
		pr = append(pr, Point{found, float64(s[0]) / float64(s[0]+s[1])})
	}
	return thin(roc), thin(pr)
}
