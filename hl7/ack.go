package hl7

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// AckCode is MSA-1, table 0008.
type AckCode string

// AA, AE and AR answer in original mode and as application acknowledgement; CA, CE and
// CR are the accept acknowledgement of enhanced mode.
const (
	AA AckCode = "AA"
	AE AckCode = "AE"
	AR AckCode = "AR"
	CA AckCode = "CA"
	CE AckCode = "CE"
	CR AckCode = "CR"
)

// Codes of table 0357, message error condition.
const (
	ErrorSegmentSequence   = 100
	ErrorRequiredField     = 101
	ErrorDataType          = 102
	ErrorTableValue        = 103
	ErrorMessageType       = 200
	ErrorEvent             = 201
	ErrorProcessingID      = 202
	ErrorVersion           = 203
	ErrorUnknownKey        = 204
	ErrorDuplicateKey      = 205
	ErrorApplicationLocked = 206
	ErrorInternal          = 207
)

var errorTexts = map[int]string{
	0: "Message accepted", 100: "Segment sequence error", 101: "Required field missing",
	102: "Data type error", 103: "Table value not found", 200: "Unsupported message type",
	201: "Unsupported event code", 202: "Unsupported processing id", 203: "Unsupported version id",
	204: "Unknown key identifier", 205: "Duplicate key identifier",
	206: "Application record locked", 207: "Application internal error",
}

// Error is what is wrong with a message and where; it becomes an ERR segment. Text says
// what to do next and holds no patient data.
type Error struct {
	Code     int    // table 0357
	Location string // a path, as OBX[2]-5, or a segment name; "" if unknown
	Text     string
}

func (e *Error) Error() string {
	if e.Location == "" {
		return "hl7: " + e.Text
	}
	return "hl7: " + e.Location + ": " + e.Text
}

func errorAt(code int, location, text string) *Error { return &Error{code, location, text} }

// Ack answers a message: MSH with the two ends swapped, MSA with the control ID received,
// and an ERR segment for each error, in the message's own version, delimiters and
// character set. It ends in CR and is not framed.
func (m *Message) Ack(code AckCode, text string, errs ...Error) []byte {
	msh := m.segments[0]
	raw := func(n int) string { return echo(msh.Field(n)) }
	version := m.Version()
	w := writer{d: m.in.Delimiters}
	_, event := m.Type()
	w.segment("MSH", fields{
		3: raw(5), 4: raw(6), 5: raw(3), 6: raw(4),
		7: FormatTime(time.Now()), 9: w.ackType(event, version),
		10: raw(10), 11: raw(11), 12: raw(12), 18: raw(18),
	})
	msa := fields{1: string(code), 2: raw(10), 3: w.leaf(text)}
	if len(errs) > 0 && atLeast(version, "2.3") && !atLeast(version, "2.5") {
		msa[6] = w.errorCode(errs[0].Code)
	}
	w.segment("MSA", msa)
	for _, e := range errs {
		w.err(e, version)
	}
	return m.in.charset.encode(w.buf)
}

// maxEcho bounds a field that is sent back; the standard's longest is 227.
const maxEcho = 1000

func echo(v Value) string {
	if len(v.raw) > maxEcho {
		return ""
	}
	return oneLine(v.raw)
}

// ackType is MSH-9 of an acknowledgement: ACK, ACK^R01 from 2.2 on, ACK^R01^ACK from 2.4 on.
func (w *writer) ackType(event, version string) string {
	switch {
	case event == "" || !atLeast(version, "2.2"):
		return "ACK"
	case atLeast(version, "2.4"):
		return w.components("ACK", event, "ACK")
	}
	return w.components("ACK", event)
}

// err writes ERR: 2.5 and later by ERR-2, 3, 4 and 7; earlier versions by ERR-1, whose
// fourth component is the code.
func (w *writer) err(e Error, version string) {
	p, located := readPath(e.Location)
	place := []string{e.Location}
	if located {
		place = []string{p.Segment, strconv.Itoa(p.Occurrence), strconv.Itoa(p.Field)}
	}
	if !atLeast(version, "2.5") {
		place = append(place, "", "")[:3]
		code := strings.ReplaceAll(w.errorCode(e.Code), string(rune(w.d.Component)), string(rune(w.d.Subcomponent)))
		if w.d.Subcomponent == 0 {
			code = strconv.Itoa(e.Code)
		}
		w.segment("ERR", fields{1: w.join(append(w.leaves(place), code))})
		return
	}
	if located && p.Component > 0 {
		place = append(place, strconv.Itoa(p.Repetition), strconv.Itoa(p.Component))
	}
	w.segment("ERR", fields{
		2: w.join(w.leaves(place)), 3: w.errorCode(e.Code), 4: "E", 7: w.leaf(e.Text), 8: w.leaf(e.Text),
	})
}

func (w *writer) errorCode(code int) string {
	return w.components(strconv.Itoa(code), errorTexts[code], "HL70357")
}

// Nack answers bytes that Parse refused with AE, or as their MSH-15 and MSH-16 ask for,
// and an ERR segment for each error. What can be read of an MSH (the ends, the control ID,
// the character set) is used as it stands, and what is added is ASCII.
func Nack(raw []byte, text string, errs ...Error) []byte {
	plain := make([]Error, len(errs))
	for i, e := range errs {
		plain[i] = Error{e.Code, ascii(e.Location), ascii(e.Text)}
	}
	return salvage(raw).Answer(AE, ascii(text), plain...)
}

func ascii(text string) string { return string(asciiSet.encode([]byte(text))) }

// salvage reads as much of the header as there is, byte for byte, so that its fields can
// be echoed whatever they are encoded in.
func salvage(raw []byte) *Message {
	header, _, _ := strings.Cut(string(trimFrame(raw[:min(len(raw), 4096)])), "\r")
	header, _, _ = strings.Cut(header, "\n")
	header = strings.TrimPrefix(header, string(utf8BOM))
	delimiters, err := readDelimiters(header)
	if !strings.HasPrefix(header, "MSH") || err != nil {
		header, delimiters = `MSH|^~\&|||||||||P|2.5.1`, StandardDelimiters
	}
	in := &dialect{delimiters, &charset{name: "as received"}}
	return &Message{Raw: raw, in: in, segments: []Segment{{header, in}}}
}

// Answer gives the acknowledgement that the sender asked for in MSH-15 and MSH-16, for
// code AA, AE or AR. Both empty is original mode. Otherwise (chapter 2.9.3) an application
// acknowledgement is sent where MSH-16 asks for one, since it implies the accept
// acknowledgement, else CA, CE or CR where MSH-15 does, else nothing: the empty slice. A
// sender that only says in MSH-16 that it wants none waits for the accept acknowledgement.
func (m *Message) Answer(code AckCode, text string, errs ...Error) []byte {
	accept, application := m.segments[0].Field(15).trimmed(), m.segments[0].Field(16).trimmed()
	switch {
	case accept == "" && application == "", wanted(application, code):
		return m.Ack(code, text, errs...)
	case accept == "", wanted(accept, code):
		return m.Ack("C"+code[1:], text, errs...)
	}
	return []byte{}
}

// wanted reads table 0155: AL always, SU on success, ER on error or reject, NE never.
func wanted(condition string, code AckCode) bool {
	return condition == "AL" || condition == "SU" && code == AA || condition == "ER" && code != AA
}

// Ack is an acknowledgement received.
type Ack struct {
	Code      AckCode
	ControlID string // MSA-2: the message it answers
	Text      string // MSA-3, else the text of the first ERR
	ErrorCode int    // table 0357, from ERR or MSA-6; 0 if none is given
}

// Accepted says whether the peer has the message: AA, or CA, which may be followed by an
// application acknowledgement if one was asked for.
func (a Ack) Accepted() bool { return a.Code == AA || a.Code == CA }

// Retryable says whether the same message may be accepted later: after AE and CE, and
// after AR and CR where the peer was locked or failed (206, 207).
func (a Ack) Retryable() bool {
	passing := a.ErrorCode == ErrorApplicationLocked || a.ErrorCode == ErrorInternal
	return a.Code == AE || a.Code == CE || !a.Accepted() && passing
}

// ParseAck reads an acknowledgement, with or without its last CR.
func ParseAck(raw []byte) (Ack, error) {
	m, err := Parse(raw, Options{DefaultCharset: "8859/1"})
	if err != nil {
		return Ack{}, err
	}
	msa := m.Segment("MSA")
	ack := Ack{
		Code:      AckCode(strings.ToUpper(msa.Field(1).trimmed())),
		ControlID: msa.Field(2).trimmed(),
		Text:      msa.Field(3).trimmed(),
		ErrorCode: leadingNumber(msa.Field(6).Component(1).String()),
	}
	switch ack.Code {
	case AA, AE, AR, CA, CE, CR:
	default:
		return Ack{}, errorAt(ErrorTableValue, "MSA-1", fmt.Sprintf("MSA-1 is %.10q, not AA, AE, AR, CA, CE or CR; the peer's answer cannot be read", string(ack.Code)))
	}
	if e := m.Segment("ERR"); e.Name() != "" {
		code := e.Field(3).Component(1)
		if code.Empty() {
			code = e.Field(1).Component(4).Subcomponent(1)
		}
		if n := leadingNumber(code.String()); n != 0 {
			ack.ErrorCode = n
		}
		if ack.Text == "" {
			ack.Text = cmp.Or(e.Field(8).trimmed(), e.Field(7).trimmed(), e.Field(3).Component(2).String())
		}
	}
	return ack, nil
}

// leadingNumber is the number that s starts with; 0 if it does not, or is over six digits.
func leadingNumber(s string) int {
	n, _, _ := readNumber(strings.TrimSpace(s))
	return n
}

// atLeast compares versions such as 2.5.1; one that is empty or unreadable counts as 2.1.
func atLeast(version, least string) bool {
	if len(version) < 3 || !strings.HasPrefix(version, "2.") || !utf8.ValidString(version) {
		version = "2.1"
	}
	return version >= least
}
