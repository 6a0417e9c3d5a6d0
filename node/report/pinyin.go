package report

import (
	"slices"
	"strings"
	"sync"
)

// differentSound compares a name in Han characters with one in Latin letters. Only Hanyu Pinyin is compared:
// Cantonese, Wade-Giles and foreign names have other spellings, and pinyin that could be one of those
// (CHANG^WEI) is left alone, so a difference needs a syllable no other spelling has.
func differentSound(han string, latin []string) bool {
	readings := readingsOfName(han)
	words := make([]string, len(latin))
	for i, w := range latin {
		words[i] = plainPinyin(w)
	}
	if readings == nil || len(words) > 4 || sounds(readings, words) || !onlyPinyin(words) {
		return false
	}
	if !slices.Contains(syllableCounts(strings.Join(words, "")), len(readings)) {
		return !shareSyllable(readings, words) // a part of the name may have been left out
	}
	return true
}

// readingsOfName lists for each character its readings without tones; polyphonic surnames (单, 解, 尉迟) have
// several. It is nil for what is no Chinese personal name.
func readingsOfName(han string) [][]string {
	runes := []rune(han)
	if len(runes) < 2 || len(runes) > 6 {
		return nil
	}
	out := make([][]string, len(runes))
	for i, r := range runes {
		out[i] = readings()[r]
		if out[i] == nil {
			return nil
		}
	}
	return out
}

// plainPinyin folds the spellings of ü: lü, lv, lyu and lu are one syllable here.
func plainPinyin(s string) string {
	return pinyinReplacer.Replace(s)
}

var pinyinReplacer = strings.NewReplacer("lyu", "lu", "nyu", "nu", "lv", "lu", "nv", "nu", "ü", "u", "v", "u")

// sounds: the words in some order, written together, are the characters read in their order or with the
// family name behind.
func sounds(readings [][]string, words []string) bool {
	same := false
	permute(slices.Clone(words), 0, func(s string) {
		for i := range readings {
			same = same || spells(append(slices.Clone(readings[i:]), readings[:i]...), s)
		}
	})
	return same
}

// spells: s is one reading of each character in turn.
func spells(readings [][]string, s string) bool {
	if len(readings) == 0 {
		return s == ""
	}
	for _, r := range readings[0] {
		if rest, ok := strings.CutPrefix(s, r); ok && spells(readings[1:], rest) {
			return true
		}
	}
	return false
}

func shareSyllable(readings [][]string, words []string) bool {
	for _, w := range words {
		for _, r := range slices.Concat(readings...) {
			if strings.HasPrefix(w, r) || strings.HasSuffix(w, r) {
				return true
			}
		}
	}
	return false
}

// onlyPinyin: every word falls into syllables, and one begins as no other romanization has it, or two as
// hardly any has.
func onlyPinyin(words []string) bool {
	sure, likely := 0, 0
	for _, w := range words {
		if len(w) > 24 || len(syllableCounts(w)) == 0 {
			return false
		}
		switch {
		case w[0] == 'x' || w[0] == 'q' || strings.HasPrefix(w, "zh"), w[0] == 'z', w[0] == 'c' && w[1] != 'h':
			sure++
		case strings.ContainsRune("bdgr", rune(w[0])):
			likely++
		case strings.ContainsAny(w[1:], "xqz"):
			sure++
		}
	}
	return sure > 0 || likely > 1
}

// syllableCounts lists the numbers of pinyin syllables w may be made of, nil for none.
func syllableCounts(w string) []int {
	known := syllables()
	reach := make([][]int, len(w)+1)
	reach[0] = []int{0}
	for i := range w {
		for n := 1; n <= 6 && i+n <= len(w) && len(reach[i]) > 0; n++ {
			if !known[w[i:i+n]] {
				continue
			}
			for _, c := range reach[i] {
				if !slices.Contains(reach[i+n], c+1) {
					reach[i+n] = append(reach[i+n], c+1)
				}
			}
		}
	}
	return reach[len(w)]
}

// syllables is the set of pinyin syllables without tones.
var syllables = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	for _, row := range rows("pinyin.tsv", 2) {
		out[row[0]] = true
	}
	return out
})

// readings lists the syllables of each character. It is built when the first name in Han characters meets one
// in Latin letters.
var readings = sync.OnceValue(func() map[rune][]string {
	out := make(map[rune][]string, 1<<15)
	for _, row := range rows("pinyin.tsv", 2) {
		for _, r := range row[1] {
			out[r] = append(out[r], row[0])
		}
	}
	return out
})
