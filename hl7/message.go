// Package hl7 reads and writes HL7 version 2 messages (2.1 to 2.8, the bar-and-hat
// encoding of chapter 2): Parse gives a Message with access by path, Reports finds the
// report text in ORU and MDM messages, Ack and Nack answer, and ORU writes Concord's
// flags for a RIS. The bytes received are kept as they came; text is decoded to UTF-8
// before it is split, since trail bytes of GB18030, GBK, Big5 and ISO-2022 look like
// delimiters.
package hl7

import (
	"bytes"
	"fmt"
	"iter"
	"strings"
)

// Limits of one message: maxSegments bounds its index, 24 bytes a segment, 5 MB in all;
// maxOrders the work on a hostile one.
const (
	maxSegments = 200_000
	maxOrders   = 1000
)

// Options say what a peer's messages leave open. The zero value fits a peer that
// declares its character set in MSH-18, or sends ASCII or UTF-8.
type Options struct {
	DefaultCharset string // for messages without MSH-18: a name of table 0211, or GBK, CP1252, …
	Charset        string // read every message as this, whatever MSH-18 says
}

// Delimiters are MSH-1 and MSH-2; one that the message does not define is 0.
type Delimiters struct {
	Field, Component, Repetition, Escape, Subcomponent byte
}

// StandardDelimiters are the recommended |^~\& of chapter 2.5.4.
var StandardDelimiters = Delimiters{'|', '^', '~', '\\', '&'}

// dialect is what is needed to read a value: the delimiters, and the character set
// of bytes given as \X…\.
type dialect struct {
	Delimiters
	charset *charset
}

// Message is a parsed message. It may be read from many goroutines.
type Message struct {
	Raw      []byte // as received; never changed
	segments []Segment
	in       *dialect
}

// Segment is one segment, MSH included.
type Segment struct {
	text string // name, field separator, fields; no terminator
	in   *dialect
}

// Parse reads one message. raw is kept, not copied: the caller must leave it as it is.
// The error is an *Error, which fits Nack and tells the operator what to do.
func Parse(raw []byte, opts Options) (*Message, error) {
	body := trimFrame(raw)
	if err := checkStart(body); err != nil {
		return nil, err
	}
	text, set, err := decode(body, opts)
	if err != nil {
		return nil, err
	}
	delimiters, err := readDelimiters(text)
	if err != nil {
		return nil, err
	}
	m := &Message{Raw: raw, in: &dialect{delimiters, set}}
	m.segments, err = splitSegments(text, m.in)
	if err != nil {
		return nil, err
	}
	orders := 0
	for range m.Segments("OBR") {
		orders++
	}
	if orders > maxOrders {
		return nil, errorAt(ErrorInternal, "OBR", fmt.Sprintf("the message has more than %d orders; send them in several messages", maxOrders))
	}
	return m, nil
}

// trimFrame drops what may surround a message in a file: blanks, a byte order mark and
// the MLLP block characters.
func trimFrame(raw []byte) []byte {
	raw = bytes.TrimLeft(raw, "\v\r\n\t ")
	return bytes.TrimRight(raw, "\x1c\r\n")
}

func checkStart(body []byte) error {
	if isUTF16(body) {
		return errorAt(ErrorDataType, "MSH-18", "the message is in UTF-16 or UTF-32, which HL7 framing cannot carry safely; set the sender to UTF-8")
	}
	head := bytes.TrimPrefix(body, utf8BOM)
	switch {
	case len(head) == 0:
		return errorAt(ErrorSegmentSequence, "MSH", "the message is empty; send a message that starts with MSH")
	case bytes.HasPrefix(head, []byte("FHS")), bytes.HasPrefix(head, []byte("BHS")):
		return errorAt(ErrorSegmentSequence, "MSH", "this is a batch, not one message; split it first")
	case !bytes.HasPrefix(head, []byte("MSH")):
		return errorAt(ErrorSegmentSequence, "MSH", "the message does not start with an MSH segment; check that the sender speaks HL7 version 2")
	}
	return nil
}

// readDelimiters reads MSH-1 and MSH-2 (chapter 2.14.9.1, 2.14.9.2). A fifth character,
// the truncation character of 2.7, changes nothing that is read here.
func readDelimiters(text string) (Delimiters, error) {
	if len(text) < 5 {
		return Delimiters{}, errorAt(ErrorRequiredField, "MSH-2", "the message ends inside MSH-2; the delimiters |^~\\& are expected after MSH")
	}
	separator := text[3]
	chars := text[4:]
	if end := strings.IndexAny(chars, string(rune(separator))+"\r\n"); end >= 0 {
		chars = chars[:end]
	}
	if len(chars) < 1 || len(chars) > 5 {
		return Delimiters{}, errorAt(ErrorRequiredField, "MSH-2", fmt.Sprintf("MSH-2 holds %d characters; 1 to 5 are allowed, usually ^~\\&", len(chars)))
	}
	seen := string(rune(separator)) + chars
	for i := 0; i < len(seen); i++ {
		if !isDelimiter(seen[i]) || strings.IndexByte(seen[:i], seen[i]) >= 0 {
			return Delimiters{}, errorAt(ErrorDataType, "MSH-2", "MSH-1 and MSH-2 must be different punctuation marks, usually |^~\\&")
		}
	}
	all := [5]byte{separator}
	copy(all[1:], chars)
	return Delimiters{all[0], all[1], all[2], all[3], all[4]}, nil
}

func isDelimiter(c byte) bool {
	alphanumeric := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
	return c > ' ' && c < 0x7f && !alphanumeric
}

// splitSegments cuts the text where it says that lines end: at CR if the MSH segment ends
// in CR or CR LF, and LF is data; else at LF, and at stray CRs. A line that does not start
// like a segment belongs to the segment before it: senders put raw line breaks into report
// text, and no text is to be lost.
func splitSegments(text string, in *dialect) ([]Segment, error) {
	terminators := "\r"
	if i := strings.IndexAny(text, "\r\n"); i >= 0 && text[i] == '\n' {
		terminators = "\r\n"
	}
	segments := make([]Segment, 0, min(strings.Count(text, terminators[len(terminators)-1:])+1, maxSegments))
	start := 0
	for next := 0; next < len(text); {
		if isSegmentStart(text[next:], in.Field) && next > 0 {
			segments = append(segments, Segment{strings.TrimRight(text[start:next], "\r\n"), in})
			start = next
			if len(segments) == maxSegments {
				return nil, errorAt(ErrorInternal, "", fmt.Sprintf("the message has more than %d segments; split it", maxSegments))
			}
		}
		end := strings.IndexAny(text[next:], terminators)
		if end < 0 {
			break
		}
		next += end + 1
		for next < len(text) && text[next] == '\n' {
			next++
		}
	}
	return append(segments, Segment{strings.TrimRight(text[start:], "\r\n"), in}), nil
}

func isSegmentStart(line string, separator byte) bool {
	return len(line) > 3 && line[3] == separator &&
		isUpper(line[0]) && isUpperOrDigit(line[1]) && isUpperOrDigit(line[2])
}

func isUpper(c byte) bool        { return c >= 'A' && c <= 'Z' }
func isUpperOrDigit(c byte) bool { return isUpper(c) || c >= '0' && c <= '9' }

// Charset is the character set the message was read in, by its name in table 0211.
func (m *Message) Charset() string { return m.in.charset.name }

// Type is MSH-9: the message code and the trigger event, as ORU and R01.
func (m *Message) Type() (code, event string) {
	kind := m.segments[0].Field(9)
	return kind.Component(1).String(), kind.Component(2).String()
}

// Version is MSH-12, as 2.5.1.
func (m *Message) Version() string { return m.segments[0].Field(12).Component(1).String() }

// ControlID is MSH-10.
func (m *Message) ControlID() string { return m.segments[0].Field(10).String() }

// All are the segments in the order they came.
func (m *Message) All() []Segment { return m.segments }

// Segments yields the segments of that name in order.
func (m *Message) Segments(name string) iter.Seq[Segment] {
	return func(yield func(Segment) bool) {
		for _, s := range m.segments {
			if s.Name() == name && !yield(s) {
				return
			}
		}
	}
}

// Segment is the first segment of that name; the empty Segment if there is none.
func (m *Message) Segment(name string) Segment { return find(m.segments, name, 1) }

// find gives the n-th segment of that name, or the empty Segment.
func find(segments []Segment, name string, n int) Segment {
	for _, s := range segments {
		if s.Name() == name {
			if n--; n <= 0 {
				return s
			}
		}
	}
	return Segment{in: verbatim}
}
