package hl7

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"
)

// Block is text of one section, in the order it came: observations that follow each other
// in one section are one block, a line break between them.
type Block struct {
	OBR, OBX int    // number of the group (0 without OBR) and of the block's first OBX; see Lines
	Section  string // one of the section constants
	Label    string // OBX-3 as sent: its text, else its code
	Text     string
	Status   string // OBX-11 as a letter
	Lines    []Line // where each line of Text starts and which OBX it is from
}

// Line is the start of a line: a byte offset in the block's text, and the OBX (or, for a
// report that is in notes, the NTE) it came in.
type Line struct{ Start, OBX int }

// Locator names a part of a block (bytes start to end of its Text) for people and for the
// RIS: MSH-10=…;OBR=1;OBX=4;chars=120-149, counted in characters from the start of that
// OBX's text, the end not included. A part that ends in another OBX gives OBX=4-6 and its
// end there.
func (r *Report) Locator(b *Block, start, end int) string {
	first, from := b.place(start)
	last, to := b.place(max(start, end))
	observation := fmt.Sprint(first)
	if last != first {
		observation = fmt.Sprintf("%d-%d", first, last)
	}
	return fmt.Sprintf("MSH-10=%s;OBR=%d;OBX=%s;chars=%d-%d", r.ControlID, b.OBR, observation, from, to)
}

// place gives the OBX at a byte offset, and the characters before it in that OBX.
func (b *Block) place(offset int) (obx, chars int) {
	offset = max(0, min(offset, len(b.Text)))
	if len(b.Lines) == 0 {
		return b.OBX, utf8.RuneCountInString(b.Text[:offset])
	}
	i := max(0, sort.Search(len(b.Lines), func(i int) bool { return b.Lines[i].Start > offset })-1)
	obx = b.Lines[i].OBX
	for i > 0 && b.Lines[i-1].OBX == obx {
		i--
	}
	return obx, utf8.RuneCountInString(b.Text[b.Lines[i].Start:offset])
}

// groupText is what the observations of a group say.
type groupText struct {
	blocks     []Block
	notChecked []string
	status     string // the highest of OBX-11
	observer   Person // OBX-16 of the first text
	observed   bool   // there are observations, whatever they hold
	valued     bool   // one holds a result that is not text
}

// textReader gathers blocks; the builders hold the texts of blocks until they end.
type textReader struct {
	*rules
	full bool // a text was left out
	groupText
	number int // of the OBR
	open   strings.Builder
	last   named // reports repeat it line by line
}

// named is what an OBX-3 says.
type named struct {
	identifier     Value
	section, label string
}

func (t *textReader) name(identifier Value) named {
	if identifier != t.last.identifier {
		t.last = named{identifier, t.section(identifier), cmp.Or(identifier.Component(2).trimmed(), identifier.Component(1).trimmed())}
	}
	return t.last
}

// read gathers the text of a group's OBX; of its NTE if no OBX has a result. number is
// that of the group's OBR.
func (r *rules) read(segments []Segment, number int) groupText {
	t := textReader{rules: r, number: number}
	obx := 0
	for _, s := range segments {
		if s.Name() == "OBX" && !t.full {
			t.observed = true
			obx = nextNumber(s, obx)
			t.observation(s, obx)
		}
	}
	t.finish()
	if len(t.blocks) == 0 && len(t.notChecked) == 0 && !t.valued && !withdraws(t.status) {
		t.notes(segments)
	}
	return t.groupText
}

// observation reads one OBX by its type. Text that is withdrawn is not text any more.
func (t *textReader) observation(s Segment, obx int) {
	status := statusLetter(s.Field(11).trimmed())
	name := t.name(s.Field(3))
	text := ""
	switch kind := strings.ToUpper(s.Field(2).trimmed()); kind {
	case "TX", "FT", "ST", "":
		text = lines(s.Field(5))
		if namesUID(s.Field(3), text) {
			return
		}
		if name.section == SectionUnknown && isNumber(text) {
			t.valued = true
			return
		}
	case "CE", "CWE", "CNE", "CF":
		if name.section == SectionUnknown { // a coded result, not a report
			t.valued = true
			return
		}
		text = cmp.Or(s.Field(5).Component(2).String(), s.Field(5).Component(9).String())
	case "ED":
		t.encapsulated(s, obx, name, status)
		return
	default:
		t.valued = t.valued || kind == "NM" || kind == "SN"
		return
	}
	t.note(status)
	if !withdraws(status) && status != "U" {
		t.add(Block{OBX: obx, Section: name.section, Label: name.label, Status: status}, text)
		if t.observer == (Person{}) {
			t.observer = person(s.Field(16))
		}
	}
}

// namesUID says whether an observation holds the UID of a study, series or object.
func namesUID(identifier Value, text string) bool {
	return isUID(strings.TrimSpace(text)) || strings.HasSuffix(strings.ToLower(identifier.Component(2).trimmed()), " uid")
}

func isNumber(text string) bool {
	text = strings.TrimSpace(text)
	return text != "" && strings.Trim(text, "0123456789.,+-<>=%/ ") == ""
}

func (t *textReader) note(status string) { t.status = higherStatus(t.status, status) }

// lines is a text field with its repetitions and every kind of line break as lines.
func lines(field Value) string {
	if len(field.raw) > maxText {
		return field.raw[:maxText] // too long for add, whatever it says
	}
	text := field.Repetition(1).String()
	if text != field.raw {
		var all []string
		for v := range field.Repetitions() {
			all = append(all, v.String())
		}
		text = strings.Join(all, "\n")
	}
	if strings.IndexByte(text, '\r') >= 0 {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	}
	return text
}

// maxText bounds the report text of one message in bytes; the longest real reports have
// 100 kB.
const maxText = 1 << 20

// add appends text to the open block, or begins another where the section changes. A
// blank observation is a blank line of the block it follows.
func (t *textReader) add(b Block, text string) {
	if form := markup(text); form != "" {
		t.notChecked = append(t.notChecked, fmt.Sprintf("OBX %d: the text is %s, which is not read; send it as plain text", b.OBX, form))
		return
	}
	if t.textRead+len(text) >= maxText {
		if !t.full {
			t.notChecked = append(t.notChecked, fmt.Sprintf("OBX %d: the message has more than %d bytes of report text; what is beyond is not read", b.OBX, maxText))
		}
		t.full = true
		return
	}
	t.textRead += len(text) + 1
	blank := strings.TrimSpace(text) == ""
	open := t.openBlock()
	if open == nil && blank {
		return
	}
	if open == nil || !blank && !open.continues(b) {
		t.finish()
		b.OBR = t.number
		t.blocks = append(t.blocks, b)
		open = &t.blocks[len(t.blocks)-1]
	} else {
		t.open.WriteByte('\n')
	}
	for at := 0; ; {
		open.Lines = append(open.Lines, Line{t.open.Len() + at, b.OBX})
		next := strings.IndexByte(text[at:], '\n')
		if next < 0 {
			break
		}
		at += next + 1
	}
	t.open.WriteString(text)
}

// htmlTag opens a text that is HTML, whole or a piece; '<5 mm' does not.
var htmlTag = regexp.MustCompile(`^<(!doctype html|html|body|p|div|span|font|table|b|br|ul|ol|h[1-6])[ />]`)

// markup names the form of text that is not plain, as some senders put into TX and FT.
func markup(text string) string {
	start := strings.ToLower(strings.TrimSpace(text[:min(len(text), 64)]))
	switch {
	case strings.HasPrefix(start, `{\rtf`):
		return "RTF"
	case htmlTag.MatchString(start):
		return "HTML"
	case strings.HasPrefix(start, "jvberi0"), strings.HasPrefix(start, "%pdf-"):
		return "PDF"
	}
	return ""
}

// openBlock is the block whose text is still in the builder.
func (t *textReader) openBlock() *Block {
	if n := len(t.blocks); n > 0 && t.open.Len() > 0 {
		return &t.blocks[n-1]
	}
	return nil
}

// continues says whether an observation belongs to the block: the same section and state,
// and, where the section is not known, the same OBX-3.
func (b *Block) continues(next Block) bool {
	named := b.Section != SectionUnknown
	return b.Section == next.Section && b.Status == next.Status && (named || b.Label == next.Label)
}

// finish ends the open block, without the blank lines at its end.
func (t *textReader) finish() {
	if b := t.openBlock(); b != nil {
		b.Text = strings.TrimRight(t.open.String(), "\n \t")
		for len(b.Lines) > 1 && b.Lines[len(b.Lines)-1].Start > len(b.Text) {
			b.Lines = b.Lines[:len(b.Lines)-1]
		}
	}
	t.open.Reset()
}

// notes reads the NTE of a group as its text.
func (t *textReader) notes(segments []Segment) {
	number := 0
	for _, s := range segments {
		if s.Name() == "NTE" {
			number = nextNumber(s, number)
			t.add(Block{OBX: number, Label: "NTE"}, lines(s.Field(3)))
		}
	}
	t.finish()
}

// maxDocument bounds an encapsulated text with its markup and encoding.
const maxDocument = 4 << 20

// encapsulated reads ED (chapter 2A): source, type, subtype, encoding, data. Plain text
// and CDA are text; of a document in another form it says that it was not checked.
// Pictures are no report.
func (t *textReader) encapsulated(s Segment, obx int, name named, status string) {
	field := s.Field(5)
	kind := strings.ToLower(field.Component(2).trimmed() + "/" + field.Component(3).trimmed())
	if strings.HasPrefix(kind, "im/") || strings.HasPrefix(kind, "image/") || strings.HasPrefix(kind, "audio/") || strings.HasPrefix(kind, "ns/") {
		return
	}
	t.note(status)
	if withdraws(status) {
		return
	}
	refuse := func(why string) {
		t.notChecked = append(t.notChecked, fmt.Sprintf("OBX %d: a document of type %.40s %s", obx, kind, why))
	}
	if !strings.Contains(kind, "text") && !strings.Contains(kind, "xml") && !strings.Contains(kind, "cda") || strings.Contains(kind, "rtf") || strings.Contains(kind, "html") {
		refuse("is not read; send its text as OBX of type TX or FT")
		return
	}
	data, err := documentBytes(field)
	if err != nil {
		refuse(err.Error())
		return
	}
	text, _, err := utf8Set.decode(data)
	if err != nil {
		text = s.in.charset.text(data)
	}
	block := Block{OBX: obx, Section: name.section, Label: name.label, Status: status}
	if !strings.Contains(text[:min(len(text), 1024)], "<ClinicalDocument") {
		t.add(block, strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"))
		return
	}
	parts, err := cdaSections(text)
	if err != nil || len(parts) == 0 {
		refuse("has no section text that can be read")
	}
	for _, part := range parts {
		block.Label = part.title
		if block.Section = t.sectionByCode(part.code); block.Section == SectionUnknown {
			block.Section = t.sectionByName(part.title)
		}
		t.add(block, part.text)
	}
}

func documentBytes(field Value) ([]byte, error) {
	data := field.Component(5)
	if len(data.raw) > maxDocument {
		return nil, fmt.Errorf("is %d bytes long; at most %d are read", len(data.raw), maxDocument)
	}
	switch strings.ToLower(field.Component(4).trimmed()) {
	case "base64":
		compact := strings.NewReplacer("\r", "", "\n", "", " ", "").Replace(data.String())
		out, err := base64.StdEncoding.DecodeString(compact)
		if err != nil {
			return nil, fmt.Errorf("is not in Base64 as ED.4 says")
		}
		return out, nil
	case "hex":
		out, err := hex.DecodeString(data.trimmed())
		if err != nil {
			return nil, fmt.Errorf("is not in hexadecimal as ED.4 says")
		}
		return out, nil
	}
	return []byte(data.String()), nil
}
