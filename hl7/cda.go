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

// cdaSections reads the narrative blocks of a CDA document (HL7 CDA R2 4.3.5) in order,
// token by token, without following entities.
func cdaSections(document string) ([]cdaSection, error) {
	decoder := xml.NewDecoder(strings.NewReader(document))
	decoder.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // decoded before
	var sections []cdaSection
	var open []string
	var text strings.Builder
	narrative := 0 // depth of the open <text>, 0 outside
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return withText(sections), nil
		}
		if err != nil || len(open) > maxCDADepth {
			return withText(sections), errors.New("the document is not well-formed")
		}
		switch e := token.(type) {
		case xml.StartElement:
			parent := ""
			if len(open) > 0 {
				parent = open[len(open)-1]
			}
			open = append(open, e.Name.Local)
			switch {
			case narrative > 0:
				breakLine(&text, e.Name.Local)
			case e.Name.Local == "section":
				sections = append(sections, cdaSection{})
			case parent != "section" || len(sections) == 0:
			case e.Name.Local == "code":
				sections[len(sections)-1].code = attribute(e, "code")
			case e.Name.Local == "text":
				narrative = len(open)
			}
		case xml.EndElement:
			if narrative == len(open) && narrative > 0 {
				sections[len(sections)-1].text = tidy(text.String())
				text.Reset()
				narrative = 0
			} else if narrative > 0 {
				breakLine(&text, e.Name.Local)
			}
			open = open[:len(open)-1]
		case xml.CharData:
			switch {
			case narrative > 0:
				text.WriteString(strings.Join(strings.Fields(" "+string(e)+" "), " ") + " ")
			case len(open) > 1 && open[len(open)-1] == "title" && open[len(open)-2] == "section":
				sections[len(sections)-1].title += strings.TrimSpace(string(e))
			}
		}
	}
}

// breakLine starts a line at the elements that are blocks.
func breakLine(b *strings.Builder, element string) {
	switch element {
	case "br", "paragraph", "item", "tr", "caption", "list", "table":
		b.WriteByte('\n')
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// tidy trims each line and drops blank ones.
func tidy(text string) string {
	var kept []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

func withText(sections []cdaSection) []cdaSection {
	var kept []cdaSection
	for _, s := range sections {
		if s.text != "" {
			kept = append(kept, s)
		}
	}
	return kept
}
