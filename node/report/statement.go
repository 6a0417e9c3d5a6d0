package report

import "slices"

// detail is what the rules need of a statement beyond its public face.
type detail struct {
	clause   *clause
	mentions []mention
	measures []measure
	lesions  []lesion
	carried  *mention // the organ of an earlier statement of the same paragraph, where this one names none
	label    label
	ran      side // the one side of the statement before in the same Chinese sentence
	title    bool
}

// append adds the statement of clause c.
func (r *Report) append(p paragraph, c *clause) {
	start, end := c.tokens[0].start, c.tokens[len(c.tokens)-1].end
	s := Statement{N: len(r.Statements) + 1, Section: p.section, Block: p.block, Paragraph: p.number,
		Start: start, End: end, Text: p.text[start:end]}
	if p.section == signature {
		s.Section = ""
	}
	s.Language = languageOf(countScripts(s.Text))
	d := detail{clause: c, mentions: c.mentions(), measures: c.measures(), title: p.title}
	d.carry(r, &s)
	d.lesions = d.findLesions()
	s.Terms = terms(p.text, &d)
	s.colour(&d)
	s.Skip = skip(p, &s, &d)
	s.Judge = s.Skip == ""
	s.Short, s.English = d.simplify(s.Language)
	if made := d.technique(); made != "" && s.Language == "zh" && s.Section != "impression" { // there it would be advice
		s.Short, s.English = "", made
	}
	r.Statements = append(r.Statements, s)
	r.details = append(r.details, d)
}

// organ is the last named organ or region, nil for none.
func (d *detail) organ() *mention {
	for i := len(d.mentions) - 1; i >= 0; i-- {
		if m := &d.mentions[i]; m.place() {
			return m
		}
	}
	return nil
}

func (m *mention) place() bool {
	return m.kind == "organ" || m.kind == "sex-organ" || m.kind == "region"
}

// colour sets the flags of the statement from its section and cues.
func (s *Statement) colour(d *detail) {
	c := d.clause
	s.Historical = s.Section == "history" || c.colours&cueHistory != 0
	s.Comparison = s.Section == "comparison" || c.colours&cuePrior != 0
	s.Recommendation = s.Section == "recommendation" || c.colours&cueRecommend != 0
	s.Uncertain = c.colours&cueUncertain != 0
	s.Vague = c.colours&cueVague != 0
	s.Negated = d.allDenied()
}

// allDenied: every finding is denied and nothing is called normal; without either, most words are denied.
func (d *detail) allDenied() bool {
	found := false
	for _, m := range d.mentions {
		switch m.kind {
		case "finding", "device":
			if !m.denied {
				return false
			}
			found = true
		case "normal":
			if !m.denied {
				return false
			}
		}
	}
	return found || d.clause.mostlyDenied()
}

// mostlyDenied: at least half of the words stand in the scope of a negation.
func (c *clause) mostlyDenied() bool {
	denied, all := 0, 0
	for i, t := range c.tokens {
		if t.class != classMark {
			all++
			if c.denied[i] {
				denied++
			}
		}
	}
	return denied > 0 && denied*2 >= all
}

func (d *detail) names(kinds ...string) bool { return d.clause.names(kinds...) }

// skip is why the statement must not be asked of today's images, "" if it may.
func skip(p paragraph, s *Statement, d *detail) string {
	specific := d.names("organ", "sex-organ", "region") && d.names("finding", "normal", "device", "sign")
	switch {
	case d.title || d.heading(p):
		return SkipHeading
	case s.Historical:
		return SkipHistory
	case s.Recommendation:
		return SkipRecommendation
	case s.Comparison:
		return SkipComparison
	case s.Section == "technique":
		return SkipTechnique
	case p.section == signature || d.clause.colours&cueTalk != 0:
		return SkipNotImage
	case s.Vague && !specific:
		return SkipVague
	case !d.names("finding", "normal", "device", "sign", "organ", "sex-organ", "region", "modality", "view", "plane"):
		return SkipUnknown
	}
	return ""
}

// heading: a line of capitals that names an organ or examination and says nothing of it.
func (d *detail) heading(p paragraph) bool {
	c := d.clause
	return c.tokens[0].start == p.start && c.tokens[len(c.tokens)-1].end == p.end &&
		len(c.tokens) <= 8 && allUpper(c.tokens) && !d.names("finding", "normal")
}

// terms lists the mentions and measurements in the order of the text.
func terms(text string, d *detail) []Term {
	var out []Term
	for _, m := range d.mentions {
		start, end := d.clause.tokens[m.from].start, d.clause.tokens[m.to-1].end
		out = append(out, Term{m.id, m.kind, text[start:end], m.english, m.denied, start, end})
	}
	for _, m := range d.measures {
		start, end := d.clause.tokens[m.from].start, d.clause.tokens[m.to-1].end
		out = append(out, Term{"CC-measurement-length", "measurement", text[start:end], text[start:end], d.clause.denied[m.from], start, end})
	}
	slices.SortStableFunc(out, func(a, b Term) int { return a.Start - b.Start })
	return out
}
