package hl7

import (
	"bytes"
	"encoding/hex"
	"errors"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// graphic is a set that ISO 2022 designates as G0 (bytes 21 to 7E) or G1 (A1 to FE): how
// many bytes a character has, and the encoding that has it with the high bits set behind
// a prefix. A nil graphic is ASCII.
type graphic struct {
	width  int
	prefix []byte
	coding encoding.Encoding
}

var (
	katakana = &graphic{1, []byte{0x8e}, japanese.EUCJP} // JIS X 0201, half width
	kanji    = &graphic{2, nil, japanese.EUCJP}          // JIS X 0208
	moreJIS  = &graphic{2, []byte{0x8f}, japanese.EUCJP} // JIS X 0212
	hangul   = &graphic{2, nil, korean.EUCKR}            // KS X 1001
	hanzi    = &graphic{2, nil, simplifiedchinese.GBK}   // GB 2312
)

// leftSets and rightSets are what the escape sequences of ISO 2022 designate as G0 and
// G1, by their bytes after ESC. JIS X 0201 Roman is read as ASCII, for 5C must stay the
// escape character and not become a yen sign.
var (
	leftSets = map[string]*graphic{"(B": nil, "(J": nil, "(I": katakana, "$@": kanji, "$B": kanji, "$(B": kanji, "$(D": moreJIS,
		"$(C": hangul, "$A": hanzi, "$(A": hanzi}
	rightSets = map[string]*graphic{")I": katakana, "$)B": kanji, "$)D": moreJIS, "$)C": hangul, "$)A": hanzi,
		"-A": rightHalf(charmap.ISO8859_1), "-B": rightHalf(charmap.ISO8859_2), "-C": rightHalf(charmap.ISO8859_3), "-D": rightHalf(charmap.ISO8859_4),
		"-L": rightHalf(charmap.ISO8859_5), "-G": rightHalf(charmap.ISO8859_6), "-F": rightHalf(charmap.ISO8859_7), "-H": rightHalf(charmap.ISO8859_8),
		"-M": rightHalf(charmap.ISO8859_9)}
)

func rightHalf(coding *charmap.Charmap) *graphic { return &graphic{1, nil, coding} }

var errISO2022 = errors.New("not in the designated set")

// iso2022 decodes text whose sets change by escape sequences: those of ISO 2022, which
// start with ESC, and those that HL7 has for them (chapter 2.7.2, \C2842\ and \M2442\).
// right is G1 from the start. Lines end with the sets they started with.
func iso2022(b []byte, right *graphic, escape byte) ([]byte, error) {
	out := make([]byte, 0, len(b)*3/2)
	g0, g1 := (*graphic)(nil), right
	for len(b) > 0 {
		sequence, rest := switchAt(b, escape)
		if left, is := leftSets[sequence]; is {
			g0, b = left, rest
			continue
		}
		if other, is := rightSets[sequence]; is {
			g1, b = other, rest
			continue
		}
		c := b[0]
		if c == '\r' || c == '\n' {
			g0, g1 = nil, right
		}
		set := g0
		if c >= utf8.RuneSelf {
			set = g1
		}
		if c <= ' ' || c == 0x7f || c < utf8.RuneSelf && set == nil {
			out, b = append(out, c), b[1:]
			continue
		}
		text, n, err := set.decode(b, escape)
		if err != nil {
			return nil, err
		}
		out, b = append(out, text...), b[n:]
	}
	return out, nil
}

// switchAt gives the escape sequence that b begins with, without what marks it, and what
// follows; "" if there is none.
func switchAt(b []byte, escape byte) (sequence string, rest []byte) {
	switch {
	case b[0] == 0x1b:
		for n := 2; n <= 3 && n < len(b); n++ {
			if known(string(b[1 : n+1])) {
				return string(b[1 : n+1]), b[n+1:]
			}
		}
	case b[0] == escape && escape != 0 && len(b) > 6 && (b[1] == 'C' || b[1] == 'M'):
		end := bytes.IndexByte(b[2:min(len(b), 9)], escape)
		if end < 0 {
			break
		}
		if data, err := hex.DecodeString(string(b[2 : 2+end])); err == nil && known(string(data)) {
			return string(data), b[end+3:]
		}
	}
	return "", nil
}

func known(sequence string) bool {
	_, left := leftSets[sequence]
	_, right := rightSets[sequence]
	return left || right
}

// decode reads the characters of the set that b begins with, and says how many bytes
// they have.
func (g *graphic) decode(b []byte, escape byte) (text []byte, n int, err error) {
	if g == nil {
		return nil, 0, errISO2022
	}
	var coded []byte
	side := b[0] & 0x80
	for n < len(b) && b[n]&0x80 == side && b[n] > ' ' && b[n] != 0x7f {
		if sequence, _ := switchAt(b[n:], escape); sequence != "" {
			break
		}
		if n+g.width > len(b) {
			return nil, 0, errISO2022
		}
		coded = append(coded, g.prefix...)
		for _, c := range b[n : n+g.width] {
			coded = append(coded, c|0x80)
		}
		n += g.width
	}
	text, err = g.coding.NewDecoder().Bytes(coded)
	if err != nil || bytes.ContainsRune(text, utf8.RuneError) {
		return nil, 0, errISO2022
	}
	return text, n, nil
}

// escapeOf is the escape character of a message that is not decoded yet (MSH-2); other
// text has none.
func escapeOf(b []byte) byte {
	if b = bytes.TrimPrefix(b, utf8BOM); len(b) > 6 && bytes.HasPrefix(b, []byte("MSH")) {
		return b[6]
	}
	return 0
}
