package hl7

import "strings"

// writer builds segments. Methods whose arguments are texts escape them; segment takes
// fields that are ready.
type writer struct {
	d   Delimiters
	buf []byte
}

// fields are those of a segment by their numbers; OBR-29 is the last that is written.
type fields [30]string

// segment appends a segment of the fields given. For MSH, fields 1 and 2 are the
// delimiters.
func (w *writer) segment(name string, f fields) {
	w.buf = append(w.buf, name...)
	first := 1
	if isHeader(name) {
		w.buf = append(w.buf, w.d.Field)
		for _, c := range []byte{w.d.Component, w.d.Repetition, w.d.Escape, w.d.Subcomponent} {
			if c != 0 {
				w.buf = append(w.buf, c)
			}
		}
		first = 3
	}
	last := len(f) - 1
	for last >= first && f[last] == "" {
		last--
	}
	for n := first; n <= last; n++ {
		w.buf = append(w.buf, w.d.Field)
		w.buf = append(w.buf, f[n]...)
	}
	w.buf = append(w.buf, '\r')
}

// leaf is one text as a value; line breaks become blanks.
func (w *writer) leaf(text string) string { return Escape(text, w.d, " ") }

func (w *writer) leaves(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = w.leaf(t)
	}
	return out
}

// components joins texts as the components of a field, without empty ones at the end.
func (w *writer) components(texts ...string) string { return w.join(w.leaves(texts)) }

// join joins components that are ready. Without a component delimiter only the first
// can be said.
func (w *writer) join(parts []string) string {
	if w.d.Component == 0 {
		return parts[0]
	}
	component := string(rune(w.d.Component))
	return strings.TrimRight(strings.Join(parts, component), component)
}

// subcomponents joins texts as the subcomponents of a component.
func (w *writer) subcomponents(texts ...string) string {
	separator := string(rune(w.d.Subcomponent))
	return strings.TrimRight(strings.Join(w.leaves(texts), separator), separator)
}

// oneLine makes a value as sent fit to be sent again: a line break or framing byte in it
// would end the segment or the message.
func oneLine(raw string) string {
	if strings.IndexFunc(raw, func(r rune) bool { return r < ' ' }) < 0 {
		return raw
	}
	out := []byte(raw) // byte by byte: what a refused message holds need not be UTF-8
	for i, c := range out {
		if c < ' ' {
			out[i] = ' '
		}
	}
	return string(out)
}
