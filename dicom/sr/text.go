package sr

import (
	"strings"
	"time"
	"unicode/utf8"
)

// printable gives a text that every reader can store: a byte that is no UTF-8
// and a code point that is no character become U+FFFD; a control character
// becomes one space, so character offsets keep. ISO_IR 192 has no escapes
// (PS3.5 6.1.3), and XML forms of an SR have no other controls than these.
func printable(s, controls string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r >= 0x7f && r < 0xa0:
			if strings.ContainsRune(controls, r) {
				return r
			}
			return ' '
		case r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef:
			return utf8.RuneError
		}
		return r
	}, s)
}

// unlimitedText is a value of VR UT (PS3.5 6.2): paragraphs, any length. Spaces
// at its end mean nothing.
func unlimitedText(s string) string {
	return strings.TrimRight(printable(s, "\r\n"), " \r\n")
}

// shortText is a value of VR LO or SH (PS3.5 6.2) of at most limit characters.
// A backslash would make it two values.
func shortText(s string, limit int) string {
	s = strings.ReplaceAll(printable(s, ""), `\`, "/")
	return cut(strings.TrimSpace(s), limit)
}

// identifier is a value of VR LO or SH that names one thing: it is s or empty.
func identifier(s string, limit int) string {
	s = strings.TrimSpace(s)
	if shortText(s, limit) != s {
		return ""
	}
	return s
}

// personName is a value of VR PN (PS3.5 6.2.1): at most three groups of at most
// 64 characters, each of at most five components.
func personName(s string) string {
	groups := strings.Split(strings.ReplaceAll(printable(s, ""), `\`, " "), "=")
	groups = groups[:min(len(groups), 3)]
	for i, group := range groups {
		components := strings.SplitN(group, "^", 5)
		last := len(components) - 1
		components[last] = strings.ReplaceAll(components[last], "^", " ")
		groups[i] = cut(strings.TrimSpace(strings.Join(components, "^")), 64)
	}
	return strings.TrimRight(strings.Join(groups, "="), "= ")
}

// cut keeps the first limit characters.
func cut(s string, limit int) string {
	count := 0
	for i := range s {
		if count == limit {
			return strings.TrimRight(s[:i], " ")
		}
		count++
	}
	return s
}

// date is a value of VR DA, or empty.
func date(s string) string {
	if _, err := time.Parse("20060102", s); err != nil {
		return ""
	}
	return s
}

// clock is a value of VR TM, or empty.
func clock(s string) string {
	whole, fraction, dotted := strings.Cut(s, ".")
	layout := "150405"
	if len(whole)%2 != 0 || len(whole) < 2 || len(whole) > len(layout) {
		return ""
	}
	if dotted && (len(whole) != len(layout) || len(fraction) < 1 || len(fraction) > 6 || strings.Trim(fraction, digits) != "") {
		return ""
	}
	if _, err := time.Parse(layout[:len(whole)], whole); err != nil {
		return ""
	}
	return s
}

const digits = "0123456789"

// codeString is a value of VR CS, or empty.
func codeString(s string) string {
	if len(s) > 16 || strings.Trim(s, digits+"ABCDEFGHIJKLMNOPQRSTUVWXYZ _") != "" {
		return ""
	}
	return s
}

// zone is the location of a Timezone Offset From UTC (PS3.3 C.12.1.1.8), or nil.
func zone(offset string) *time.Location {
	t, err := time.Parse("-0700", offset)
	if err != nil {
		return nil
	}
	_, seconds := t.Zone()
	return time.FixedZone(offset, seconds)
}
