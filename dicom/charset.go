package dicom

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// decode returns the value of a text element in UTF-8 (PS3.3 C.12.1.1.2, PS3.5
// 6.1), before it is split: bytes of multi-byte sets may look like a backslash.
func (d *DataSet) decode(e *element) string {
	if isASCII(e.value) {
		return string(e.value)
	}
	if !e.vr.text() {
		return undeclared(e.value)
	}
	return d.charset().decode(e.value, e.vr == PN)
}

// isASCII says whether b means the same in every character set: no byte above
// 7F, no escape.
func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf || c == escape {
			return false
		}
	}
	return true
}

// undeclared reads text whose character set nobody names: UTF-8 if it is valid,
// which is hardly ever chance, else Latin-1.
func undeclared(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return convert(charmap.ISO8859_1, b)
}

func convert(enc encoding.Encoding, b []byte) string {
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(out)
}

// charset is a SpecificCharacterSet (0008,0005) made ready.
type charset struct {
	// whole decodes a value without code extensions; nil with them.
	whole encoding.Encoding
	// unknown means that no set is declared, or none that is known.
	unknown bool
	initial g1 // the set of value 1 in G1
	// fallback reads high bytes where nothing is designated: writers forget to
	// repeat an escape after a delimiter.
	fallback g1
}

// charset returns the set that holds for d: its own or that of the data set
// around it.
func (d *DataSet) charset() charset {
	for ; d != nil; d = d.parent {
		if e := d.find(SpecificCharacterSet); e != nil {
			return parseCharset(string(e.value))
		}
	}
	return charset{unknown: true}
}

// parseCharset reads the value of SpecificCharacterSet: defined terms of PS3.3
// C.12.1.1.2 with common misspellings ("ISO-IR 100", "ISO_IR_192").
func parseCharset(value string) charset {
	terms := strings.Split(strings.Trim(value, " \x00"), `\`)
	for i, term := range terms {
		terms[i] = strings.ToUpper(strings.TrimSpace(term))
	}
	switch first := registration(terms[0]); {
	case first == "192" || terms[0] == "UTF-8" || terms[0] == "UTF8":
		return charset{whole: unicode.UTF8}
	case terms[0] == "GB18030":
		return charset{whole: simplifiedchinese.GB18030}
	case terms[0] == "GBK" || terms[0] == "GB2312":
		return charset{whole: simplifiedchinese.GBK}
	}
	c := charset{unknown: true}
	for i, term := range terms {
		set, ok := designations[registration(term)]
		if i == 0 {
			c.initial = set
		}
		if ok {
			c.unknown = false
			if c.fallback.enc == nil || !c.fallback.double {
				c.fallback = set
			}
		}
	}
	return c
}

// registration returns the ISO registration number in a defined term, the
// digits after "IR"; "6" for an empty one.
func registration(term string) string {
	if term == "" {
		return "6"
	}
	i := strings.LastIndex(term, "IR")
	if i < 0 {
		return term
	}
	return strings.Trim(term[i+2:], " _-")
}

func (c charset) decode(b []byte, name bool) string {
	switch {
	case c.whole != nil && isWhole(c.whole, b):
		return convert(c.whole, b)
	case c.whole != nil || c.unknown && !strings.ContainsRune(string(b), escape):
		return undeclared(b)
	}
	return c.decodeExtended(b, name)
}

// isWhole says whether b can be text of the set; a peer that declares UTF-8 and
// sends something else is read by undeclared.
func isWhole(enc encoding.Encoding, b []byte) bool {
	return enc != unicode.UTF8 || utf8.Valid(b)
}

// g1 is a character set for the codes 80-FF, or G0 for a double set of 21-7E.
type g1 struct {
	enc    encoding.Encoding
	double bool // two bytes a character
}

// designations are the sets by ISO registration number (PS3.3 Tables C.12-2 to
// C.12-4).
var designations = map[string]g1{
	"6":   {},
	"100": {enc: charmap.ISO8859_1},
	"101": {enc: charmap.ISO8859_2},
	"109": {enc: charmap.ISO8859_3},
	"110": {enc: charmap.ISO8859_4},
	"144": {enc: charmap.ISO8859_5},
	"127": {enc: charmap.ISO8859_6},
	"126": {enc: charmap.ISO8859_7},
	"138": {enc: charmap.ISO8859_8},
	"148": {enc: charmap.ISO8859_9},
	"203": {enc: charmap.ISO8859_15},
	"166": {enc: charmap.Windows874},
	"13":  {enc: japanese.ShiftJIS}, // its single bytes A1-DF are JIS X 0201
	"149": {enc: korean.EUCKR, double: true},
	"58":  {enc: simplifiedchinese.GBK, double: true},
	"87":  {},
	"159": {},
}

const escape = 0x1B

// designation is what an escape sequence selects.
type designation struct {
	sequence string // without ESC
	g0       bool
	set      g1
	prefix   string // before each pair when it is written as EUC
}

// escapes are the sequences of PS3.3 Tables C.12-3 and C.12-4. JIS X 0208 and
// 0212 are read as EUC-JP: high bits set, 0212 behind 8F.
var escapes = []designation{
	{sequence: "(B", g0: true},
	{sequence: "(J", g0: true},
	{sequence: "$B", g0: true, set: g1{japanese.EUCJP, true}},
	{sequence: "$@", g0: true, set: g1{japanese.EUCJP, true}},
	{sequence: "$(D", g0: true, set: g1{japanese.EUCJP, true}, prefix: "\x8f"},
	{sequence: "$)C", set: designations["149"]},
	{sequence: "$)A", set: designations["58"]},
	{sequence: ")I", set: designations["13"]},
	{sequence: "-A", set: designations["100"]},
	{sequence: "-B", set: designations["101"]},
	{sequence: "-C", set: designations["109"]},
	{sequence: "-D", set: designations["110"]},
	{sequence: "-L", set: designations["144"]},
	{sequence: "-G", set: designations["127"]},
	{sequence: "-F", set: designations["126"]},
	{sequence: "-H", set: designations["138"]},
	{sequence: "-M", set: designations["148"]},
	{sequence: "-b", set: designations["203"]},
	{sequence: "-T", set: designations["166"]},
}

// extended decodes one value with code extensions (PS3.5 6.1.2.5).
type extended struct {
	charset
	out strings.Builder
	g0  designation // set is empty for ASCII
	g1  g1
}

func (c charset) decodeExtended(b []byte, name bool) string {
	x := extended{charset: c, g1: c.initial}
	for len(b) > 0 {
		switch {
		case b[0] == escape:
			b = x.designate(b[1:])
		case x.g0.set.double && len(b) >= 2 && graphic(b[0]) && graphic(b[1]):
			x.write(x.g0.set.enc, x.g0.prefix+string([]byte{b[0] | 0x80, b[1] | 0x80}))
			b = b[2:]
		case b[0] >= 0x80:
			b = b[x.high(b):]
		default:
			x.out.WriteByte(b[0])
			if delimits(b[0], name) {
				x.g0, x.g1 = designation{}, c.initial
			}
			b = b[1:]
		}
	}
	return x.out.String()
}

func graphic(c byte) bool { return c > 0x20 && c < 0x7F }

// delimits says whether c returns to the set of value 1 (PS3.5 6.1.2.5.3).
func delimits(c byte, name bool) bool {
	switch c {
	case '\\', '\n', '\r', '\f', '\t':
		return true
	case '^', '=':
		return name
	}
	return false
}

// designate obeys the escape sequence that b starts with, behind its ESC, and
// returns what follows. An unknown one is dropped.
func (x *extended) designate(b []byte) []byte {
	for _, d := range escapes {
		if strings.HasPrefix(string(b[:min(len(b), 3)]), d.sequence) {
			if d.g0 {
				x.g0 = d
			} else {
				x.g1 = d.set
			}
			return b[len(d.sequence):]
		}
	}
	return b
}

// high decodes the run of G1 characters that b starts with and returns its
// length.
func (x *extended) high(b []byte) int {
	set := x.g1
	if set.enc == nil {
		set = x.fallback
	}
	if set.enc == nil {
		set.enc = charmap.ISO8859_1
	}
	n := 1
	for n < len(b) && b[n] >= 0x80 {
		n++
	}
	x.write(set.enc, string(b[:n]))
	return n
}

func (x *extended) write(enc encoding.Encoding, s string) { x.out.WriteString(convert(enc, []byte(s))) }
