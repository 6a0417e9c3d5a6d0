package hl7

import (
	"strings"
	"time"
)

// timeLayouts are the precisions of TS and DTM (chapter 2A), by their length in digits.
var timeLayouts = map[int]string{
	4: "2006", 6: "200601", 8: "20060102", 10: "2006010215", 12: "200601021504", 14: "20060102150405",
}

// ParseTime reads YYYY[MM[DD[HH[MM[SS[.S…]]]]]][±ZZZZ]. Without a zone it is local time.
// What cannot be read is the zero time: a report is not refused for its clock.
func ParseTime(s string) time.Time {
	s = strings.TrimSpace(s)
	zone := ""
	if i := strings.IndexAny(s, "+-"); i >= 0 {
		s, zone = s[:i], s[i:]
	}
	digits, fraction, _ := strings.Cut(s, ".")
	layout := timeLayouts[len(digits)]
	if layout == "" {
		return time.Time{}
	}
	if fraction != "" && len(digits) == 14 {
		layout, digits = layout+".999999999", digits+"."+fraction
	}
	if len(zone) == 5 {
		layout, digits = layout+"-0700", digits+zone
	}
	t, err := time.ParseInLocation(layout, digits, time.Local)
	if err != nil {
		return time.Time{}
	}
	return t
}

// FormatTime writes a time to the second with its zone; the zero time is "".
func FormatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("20060102150405-0700")
}
