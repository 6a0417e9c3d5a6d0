package hl7

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// cdaSection is a section of a CDA document: its LOINC code, title and narrative text.
type cdaSection struct{ code, title, text string }

// maxCDADepth bounds the nesting of elements.
const maxCDADepth = 100

// cdaReader reads the narrative blocks of a CDA document (HL7 CDA R2 4.3.5) token by
// token; entities that the document declares are not followed.
type cdaReader struct {
	sections  []cdaSection
	open      []string // the elements around the token
	narrative int      // depth of the open <text> of a section; 0 outside
	text      strings.Builder
}

// cdaSections gives the sections that have text, in order.
func cdaSections(document string) ([]cdaSection, error) {
	decoder := xml.NewDecoder(strings.NewReader(document))
	decoder.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is UTF-8 by now
	var c cdaReader
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return c.withText(), nil
		}
		if err != nil || len(c.open) > maxCDADepth {
			return c.withText(), errors.New("the document is not well-formed")
		}
		switch e := token.(type) {
		case xml.StartElement:
			c.start(e)
		case xml.EndElement:
			c.end(e.Name.Local)
		case xml.CharData:
			c.characters(string(e))
		}
	}
}

// parent is the n-th element outwards.
func (c *cdaReader) parent(n int) string {
	if len(c.open) < n {
		return ""
	}
	return c.open[len(c.open)-n]
}

func (c *cdaReader) last() *cdaSection { return &c.sections[len(c.sections)-1] }

func (c *cdaReader) start(e xml.StartElement) {
	name, inSection := e.Name.Local, c.parent(1) == "section"
	c.open = append(c.open, name)
	switch {
	case c.narrative > 0:
		c.breakLine(name)
	case name == "section":
		c.sections = append(c.sections, cdaSection{})
	case inSection && name == "code":
		for _, a := range e.Attr {
			if a.Name.Local == "code" {
				c.last().code = a.Value
			}
		}
	case inSection && name == "text":
		c.narrative = len(c.open)
	}
}

func (c *cdaReader) end(name string) {
	if c.narrative == len(c.open) && c.narrative > 0 {
		c.last().text = tidy(c.text.String())
		c.text.Reset()
		c.narrative = 0
	} else if c.narrative > 0 {
		c.breakLine(name)
	}
	c.open = c.open[:len(c.open)-1]
}

func (c *cdaReader) characters(s string) {
	switch {
	case c.narrative > 0:
		c.text.WriteString(strings.ReplaceAll(s, "\n", " "))
	case c.parent(1) == "title" && c.parent(2) == "section":
		c.last().title += strings.TrimSpace(s)
	}
}

// breakLine starts a line at the elements that are blocks.
func (c *cdaReader) breakLine(element string) {
	switch element {
	case "br", "paragraph", "item", "tr", "caption", "list", "table":
		c.text.WriteByte('\n')
	}
}

func (c *cdaReader) withText() []cdaSection {
	var kept []cdaSection
	for _, s := range c.sections {
		if s.text != "" {
			kept = append(kept, s)
		}
	}
	return kept
}

// tidy leaves single blanks between words and drops blank lines.
func tidy(text string) string {
	var kept []string
	for line := range strings.SplitSeq(text, "\n") {
		if words := strings.Fields(line); len(words) > 0 {
			kept = append(kept, strings.Join(words, " "))
		}
	}
	return strings.Join(kept, "\n")
}
