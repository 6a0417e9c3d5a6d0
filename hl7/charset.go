package hl7

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
	"unsafe"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

var utf8BOM = []byte("\xef\xbb\xbf")

// charset is one character set that messages come in. A nil coding is UTF-8, of which
// ASCII is a part.
type charset struct {
	name     string // as MSH-18 spells it where table 0211 has it
	coding   encoding.Encoding
	right    *graphic // what its bytes A0 to FF are to ISO 2022; nil: it has no place there
	switches bool     // escape sequences change the set
}

var (
	asciiSet = &charset{name: "ASCII"}
	utf8Set  = &charset{name: "UNICODE UTF-8"}
	jisSet   = &charset{"ISO IR87", japanese.ISO2022JP, katakana, true}
	koreaSet = &charset{"KS X 1001", korean.EUCKR, hangul, false}
	gbkSet   = &charset{name: "GBK", coding: simplifiedchinese.GBK}
	gbSet    = &charset{name: "GB 18030-2000", coding: simplifiedchinese.GB18030}
	big5Set  = &charset{name: "BIG-5", coding: traditionalchinese.Big5}
	sjisSet  = &charset{"Shift_JIS", japanese.ShiftJIS, katakana, false}
	noSet    = &charset{name: "UTF-16"} // known, and refused
)

// charsets are the names of table 0211 and the ones in use beside it, as charsetKey
// writes them.
var charsets = withCodePages(map[string]*charset{
	"ASCII": asciiSet, "ISOIR6": asciiSet, "USASCII": asciiSet,
	"UTF8": utf8Set, "UNICODEUTF8": utf8Set, "UNICODE": utf8Set, "ISOIR192": utf8Set,
	"GB18030": gbSet, "GB180302000": gbSet, "GB180302005": gbSet, "GB180302022": gbSet,
	"GBK": gbkSet, "GB2312": gbkSet, "CP936": gbkSet, "ISOIR58": gbkSet,
	"BIG5": big5Set, "CP950": big5Set,
	"ISOIR87": jisSet, "ISOIR159": jisSet, "ISOIR14": jisSet, "ISO2022JP": jisSet,
	"SHIFTJIS": sjisSet, "SJIS": sjisSet, "CP932": sjisSet, "WINDOWS31J": sjisSet, "ISOIR13": sjisSet,
	"EUCJP":   {name: "EUC-JP", coding: japanese.EUCJP},
	"KSX1001": koreaSet, "EUCKR": koreaSet, "CP949": koreaSet, "KSC5601": koreaSet, "ISOIR149": koreaSet,
	"UTF16": noSet, "UNICODEUTF16": noSet, "UTF32": noSet, "UNICODEUTF32": noSet,
})

// withCodePages adds the single-byte sets: 8859/1 to 8859/16 and Windows 874, 1250-1258.
func withCodePages(sets map[string]*charset) map[string]*charset {
	latin := map[int]*charmap.Charmap{
		1: charmap.ISO8859_1, 2: charmap.ISO8859_2, 3: charmap.ISO8859_3, 4: charmap.ISO8859_4,
		5: charmap.ISO8859_5, 6: charmap.ISO8859_6, 7: charmap.ISO8859_7, 8: charmap.ISO8859_8,
		9: charmap.ISO8859_9, 10: charmap.ISO8859_10, 13: charmap.ISO8859_13, 14: charmap.ISO8859_14,
		15: charmap.ISO8859_15, 16: charmap.ISO8859_16,
	}
	for part, coding := range latin {
		set := &charset{fmt.Sprintf("8859/%d", part), coding, rightHalf(coding), false}
		sets[fmt.Sprintf("8859%d", part)] = set
		sets[fmt.Sprintf("ISO8859%d", part)] = set
	}
	windows := map[int]*charmap.Charmap{
		874: charmap.Windows874, 1250: charmap.Windows1250, 1251: charmap.Windows1251,
		1252: charmap.Windows1252, 1253: charmap.Windows1253, 1254: charmap.Windows1254,
		1255: charmap.Windows1255, 1256: charmap.Windows1256, 1257: charmap.Windows1257,
		1258: charmap.Windows1258,
	}
	for page, coding := range windows {
		set := &charset{name: fmt.Sprintf("CP%d", page), coding: coding}
		sets[fmt.Sprintf("CP%d", page)] = set
		sets[fmt.Sprintf("WINDOWS%d", page)] = set
	}
	for registration, part := range map[string]string{ // the same sets by ISO-IR number
		"ISOIR100": "88591", "ISOIR101": "88592", "ISOIR109": "88593", "ISOIR110": "88594",
		"ISOIR144": "88595", "ISOIR127": "88596", "ISOIR126": "88597", "ISOIR138": "88598", "ISOIR148": "88599",
	} {
		sets[registration] = sets[part]
	}
	return sets
}

// charsetKey spells a name so that 'GB 18030-2000' and 'GB18030-2000' are one.
func charsetKey(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -_/", r) {
			return -1
		}
		return r
	}, strings.ToUpper(name))
}

// CheckCharset says whether a name can be used in Options, or why not.
func CheckCharset(name string) error {
	_, err := configured(name)
	return err
}

func configured(name string) (*charset, error) {
	set := charsets[charsetKey(name)]
	if set == nil || set == noSet {
		return nil, errorAt(ErrorTableValue, "MSH-18", fmt.Sprintf("character set %.20q cannot be used; configure one such as UTF-8, GB18030, GBK, BIG-5, ISO IR87, KS X 1001, 8859/1 or CP1252", name))
	}
	return set, nil
}

// decode finds the character set of a message and gives its text in UTF-8: the set that
// the peer is configured to send, else MSH-18, else the peer's default, else strict UTF-8.
func decode(body []byte, opts Options) (string, *charset, error) {
	if opts.Charset != "" {
		set, err := configured(opts.Charset)
		if err != nil {
			return "", nil, err
		}
		return set.decode(bytes.TrimPrefix(body, utf8BOM))
	}
	name, set := declared(body)
	if set == noSet {
		return "", nil, errorAt(ErrorTableValue, "MSH-18", "UTF-16 and UTF-32 are refused; set the sender to UNICODE UTF-8")
	}
	if rest, marked := bytes.CutPrefix(body, utf8BOM); marked {
		return utf8Set.decode(rest)
	}
	plain := isPlain(body)
	if set != nil && (plain || set != asciiSet) {
		return set.decode(body)
	}
	usual := asciiSet
	if opts.DefaultCharset != "" {
		var err error
		if usual, err = configured(opts.DefaultCharset); err != nil {
			return "", nil, err
		}
	}
	switch {
	case plain && !usual.switches:
		return shared(body), asciiSet, nil
	case usual != asciiSet:
		return usual.decode(body)
	}
	if utf8.Valid(body) {
		return shared(body), utf8Set, nil
	}
	return "", nil, errorAt(ErrorTableValue, "MSH-18", fmt.Sprintf("the text is neither ASCII nor UTF-8 and MSH-18 says %.20q; configure this peer's character set, such as GB18030 or 8859/1, or let the sender fill MSH-18", name))
}

// maxHeader bounds the part of MSH in which the character set is looked for.
const maxHeader = 16 << 10

// declared reads MSH-18 from undecoded bytes. A trail byte in MSH-3 to MSH-6 may look
// like a field separator and shift the count, so a name found at or after the 18th field
// counts if it stands in MSH-18 once the header is decoded by it.
func declared(body []byte) (name string, set *charset) {
	header := bytes.TrimPrefix(body, utf8BOM)
	if end := bytes.IndexAny(header, "\r\n"); end >= 0 {
		header = header[:end]
	}
	header = header[:min(len(header), maxHeader)]
	if len(header) < 8 {
		return "", nil
	}
	separator, repetition := header[3:4], header[5:6]
	fields := bytes.Split(header, separator)
	for n := 17; n < len(fields) && n < 60; n++ {
		found := setOf(fields[n], repetition)
		if found == nil {
			continue
		}
		text, _, err := found.decode(header)
		if err != nil {
			continue
		}
		value := nth(text, separator[0], 18)
		if again := setOf([]byte(value), repetition); again != nil && *again == *found {
			return value, found
		}
	}
	return nth(string(header), separator[0], 18), nil
}

// setOf is the set that a field names, if any. Of several repetitions the first that is
// not ASCII counts, as it contains ASCII; where ISO 2022 has them, too, escape sequences
// switch between them.
func setOf(field, repetition []byte) (set *charset) {
	for i, name := range bytes.Split(field, repetition) {
		found := charsets[charsetKey(string(name))]
		switch {
		case i == maxSets:
			return set
		case found == nil || found == set:
		case set == nil || set == asciiSet:
			set = found
		case set.right != nil && found.right != nil && !set.switches:
			set = &charset{set.name, set.coding, set.right, true}
			if found == jisSet {
				set.coding = found.coding
			}
		}
	}
	return set
}

// maxSets bounds the repetitions of MSH-18 that are looked at.
const maxSets = 8

// isPlain says whether every byte is ASCII and none switches character sets.
func isPlain(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf || c == 0x1b {
			return false
		}
	}
	return true
}

func isUTF16(body []byte) bool {
	return bytes.HasPrefix(body, []byte{0xfe, 0xff}) || bytes.HasPrefix(body, []byte{0xff, 0xfe}) ||
		bytes.IndexByte(body[:min(len(body), 8)], 0) >= 0
}

// decode gives the text, which may share the memory of b; bytes that the set does not
// have are an error, since a report with a hole in it must not pass as read.
func (c *charset) decode(b []byte) (string, *charset, error) {
	if c.coding == nil {
		if utf8.Valid(b) {
			return shared(b), c, nil
		}
		return "", nil, c.undecodable()
	}
	escape := escapeOf(b)
	if isPlain(b) && !(c.switches && (bytes.Contains(b, []byte{escape, 'M'}) || bytes.Contains(b, []byte{escape, 'C'}))) {
		return shared(b), c, nil
	}
	var out []byte
	var err error
	if c.switches {
		out, err = iso2022(b, c.right, escape)
	} else {
		out, err = c.coding.NewDecoder().Bytes(c.announced(b))
	}
	if err != nil || bytes.ContainsRune(out, utf8.RuneError) {
		return "", nil, c.undecodable()
	}
	return shared(out), c, nil
}

// shared is b as a string in the same memory: a message of megabytes is not there twice.
// Nobody changes b any more.
func shared(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func (c *charset) undecodable() error {
	return errorAt(ErrorDataType, "MSH-18", "the text holds bytes that are not "+c.name+"; let the sender put its true character set in MSH-18, or configure it for this peer")
}

// announced drops the announcement of KS X 1001 in G1, which is what EUC-KR means anyway.
func (c *charset) announced(b []byte) []byte {
	if c == koreaSet {
		return bytes.ReplaceAll(b, []byte("\x1b$)C"), nil)
	}
	return b
}

// text decodes the bytes of \X…\; what the set does not have is read as 8859/1.
func (c *charset) text(b []byte) string {
	text, _, err := c.decode(b)
	if err != nil {
		out, _ := charmap.ISO8859_1.NewDecoder().Bytes(b) // every byte is a character there
		return string(out)
	}
	return text
}

// encode writes text in the set; characters it lacks become a question mark.
func (c *charset) encode(text []byte) []byte {
	if c == asciiSet {
		return bytes.Map(func(r rune) rune {
			if r >= utf8.RuneSelf {
				return '?'
			}
			return r
		}, text)
	}
	if c.coding == nil || isPlain(text) {
		return text
	}
	out, err := encoding.ReplaceUnsupported(c.coding.NewEncoder()).Bytes(text)
	if err != nil {
		return asciiSet.encode(text)
	}
	return bytes.ReplaceAll(out, []byte{encoding.ASCIISub}, []byte("?"))
}
