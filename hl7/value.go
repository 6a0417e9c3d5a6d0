package hl7

import (
	"iter"
	"strings"
)

// verbatim reads values that are not encoded: MSH-1 and MSH-2.
var verbatim = &dialect{charset: utf8Set}

// Value is a field, or a repetition, component or subcomponent of one. It refers to the
// message's text; taking one apart allocates nothing. Indexes start at 1, and what is
// not there is the empty Value.
type Value struct {
	raw string
	in  *dialect
}

// Name is the segment's name, as OBX; "" for a segment that is not there.
func (s Segment) Name() string {
	if len(s.text) < 3 {
		return ""
	}
	return s.text[:3]
}

// Text is the whole segment as sent, decoded.
func (s Segment) Text() string { return s.text }

// Field is the n-th field as the standard counts: MSH-1 is the field separator.
func (s Segment) Field(n int) Value {
	if len(s.text) < 4 || n < 1 {
		return Value{"", verbatim}
	}
	if isHeader(s.Name()) {
		switch n {
		case 1:
			return Value{s.text[3:4], verbatim}
		case 2:
			return Value{nth(s.text[4:], s.in.Field, 1), verbatim}
		}
		n--
	}
	return Value{nth(s.text[4:], s.in.Field, n), s.in}
}

func isHeader(name string) bool { return name == "MSH" || name == "BHS" || name == "FHS" }

// nth is the n-th part of s between separators; separator 0 separates nothing.
func nth(s string, separator byte, n int) string {
	if n < 1 || separator == 0 && n > 1 {
		return ""
	}
	for ; n > 1; n-- {
		i := strings.IndexByte(s, separator)
		if i < 0 {
			return ""
		}
		s = s[i+1:]
	}
	if i := strings.IndexByte(s, separator); i >= 0 && separator != 0 {
		return s[:i]
	}
	return s
}

// Repetition is the n-th repetition of a field.
func (v Value) Repetition(n int) Value { return Value{nth(v.raw, v.in.Repetition, n), v.in} }

// Component is the n-th component of the first repetition.
func (v Value) Component(n int) Value {
	return Value{nth(v.Repetition(1).raw, v.in.Component, n), v.in}
}

// Subcomponent is the n-th subcomponent of the first component.
func (v Value) Subcomponent(n int) Value {
	return Value{nth(v.Component(1).raw, v.in.Subcomponent, n), v.in}
}

// Repetitions yields every repetition of a field that has a value.
func (v Value) Repetitions() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		rest := v.raw
		for more := rest != ""; more; {
			var one string
			if v.in.Repetition == 0 {
				one, more = rest, false
			} else {
				one, rest, more = strings.Cut(rest, string(rune(v.in.Repetition)))
			}
			if !yield(Value{one, v.in}) {
				return
			}
		}
	}
}

// Raw is the value as sent: decoded, but with its escapes and delimiters.
func (v Value) Raw() string { return v.raw }

// Empty says whether the value is absent or HL7's null, two quotation marks.
func (v Value) Empty() bool { return v.raw == "" || v.raw == `""` }

// String is the value with its escapes resolved; null is "". Delimiters inside, if the
// value is not a leaf, stay as they are.
func (v Value) String() string {
	if v.Empty() {
		return ""
	}
	return unescape(v.raw, v.in)
}

// trimmed is String without the blanks around it.
func (v Value) trimmed() string { return strings.TrimSpace(v.String()) }

// Path names a place in a message as the standard writes it: OBX[2]-5[1].2.1 is the
// first subcomponent of the second component of the first repetition of OBX-5 in the
// second OBX. Component and Subcomponent are 0 where the path names the whole.
type Path struct {
	Segment                                                string
	Occurrence, Field, Repetition, Component, Subcomponent int
}

// ParsePath reads a path; the error says what it lacks.
func ParsePath(s string) (Path, error) {
	p, ok := readPath(s)
	if !ok {
		return Path{}, errorAt(ErrorDataType, "", "'"+s+"' is not an HL7 path; write it like PID-3[2].4.1")
	}
	return p, nil
}

func readPath(s string) (p Path, ok bool) {
	if len(s) < 5 || !isUpper(s[0]) || !isUpperOrDigit(s[1]) || !isUpperOrDigit(s[2]) {
		return p, false
	}
	p.Segment, s = s[:3], s[3:]
	if p.Occurrence, s, ok = readIndex(s); !ok {
		return p, false
	}
	if s == "" || s[0] != '-' {
		return p, false
	}
	if p.Field, s, ok = readNumber(s[1:]); !ok {
		return p, false
	}
	if p.Repetition, s, ok = readIndex(s); !ok {
		return p, false
	}
	for _, part := range []*int{&p.Component, &p.Subcomponent} {
		if s == "" {
			return p, true
		}
		if s[0] != '.' {
			return p, false
		}
		if *part, s, ok = readNumber(s[1:]); !ok {
			return p, false
		}
	}
	return p, s == ""
}

// readIndex reads an optional [n]; absent, it is 1.
func readIndex(s string) (n int, rest string, ok bool) {
	if s == "" || s[0] != '[' {
		return 1, s, true
	}
	n, rest, ok = readNumber(s[1:])
	if !ok || rest == "" || rest[0] != ']' {
		return 0, "", false
	}
	return n, rest[1:], true
}

func readNumber(s string) (n int, rest string, ok bool) {
	i := 0
	for ; i < len(s) && i < 6 && s[i] >= '0' && s[i] <= '9'; i++ {
		n = n*10 + int(s[i]-'0')
	}
	return n, s[i:], n > 0
}

// Get is the text at a path, as PID-3[2].4.1; "" if there is nothing, or no such path.
func (m *Message) Get(path string) string {
	p, ok := readPath(path)
	if !ok {
		return ""
	}
	return m.At(p).String()
}

// At is the value at a path.
func (m *Message) At(p Path) Value { return p.within(find(m.segments, p.Segment, p.Occurrence)) }

// within applies the path within its segment.
func (p Path) within(s Segment) Value {
	v := s.Field(p.Field)
	if v.in == verbatim {
		return v
	}
	v = v.Repetition(max(p.Repetition, 1))
	if p.Component > 0 {
		v = v.Component(p.Component)
	}
	if p.Subcomponent > 0 {
		v = v.Subcomponent(p.Subcomponent)
	}
	return v
}
