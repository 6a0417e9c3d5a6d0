package report

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"unicode"
)

// Fingerprint is a stable digest of what a report says of its patient, by which the copy of one
// patient's report under another's name is found. Case, blanks, punctuation and layout do not count,
// and only findings, impression and addenda do. It is "" for a report that
// says nothing particular (all normal, or too short), since such texts are rightly alike.
func (r *Report) Fingerprint() string {
	h := sha256.New()
	particular, size := 0, 0
	for i := range r.Statements {
		s := &r.Statements[i]
		if s.Section != "findings" && s.Section != "impression" && s.Section != "addendum" {
			continue
		}
		d := &r.details[i]
		if slices.ContainsFunc(d.lesions, func(l lesion) bool { return !l.denied && l.finding != unnamed }) {
			particular++
		}
		particular += len(d.measures)
		for _, c := range s.Text {
			if unicode.IsLetter(c) || unicode.IsDigit(c) {
				h.Write([]byte(string(unicode.ToLower(c))))
				size++
			}
		}
	}
	if particular < 2 || size < 40 {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Duplicate is the finding to raise when another patient's report has the same fingerprint.
func (r *Report) Duplicate() Finding {
	k := &checker{r: r}
	k.flag("DUP-001", 0)
	return k.out[0]
}
