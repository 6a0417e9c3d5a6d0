package node

import (
	"cmp"
	"slices"
)

// flagsIn are the flags of a judged case in another language. What the rules
// say is said again; a flag that is not found again stays as it is.
func (n *Node) flagsIn(language string, c *Case, objects []Object) []Flag {
	text := n.Judge.read(c.Report)
	if text.Language == language {
		return c.Flags
	}
	text.Language = language
	said := ruleFlags(append(n.Judge.Rules.Check(text, n.Judge.facts(c.Report, objects)), text.Duplicate()))
	said = append(said, modelFlags(c.Statements, wordsIn(language))...)
	flags := slices.Clone(c.Flags)
	for i := range flags {
		f := &flags[i]
		k := slices.IndexFunc(said, func(o Flag) bool { return o.Rule == f.Rule && o.Statement == f.Statement })
		if k >= 0 {
			f.Text = said[k].Text
		}
	}
	return flags
}

// inLanguage is the case with flags and reasons in another language.
func (n *Node) inLanguage(language string, c *Case, objects []Object) *Case {
	said := *c
	said.Flags = n.flagsIn(language, c, objects)
	said.Statements = slices.Clone(c.Statements)
	for i := range said.Statements {
		said.Statements[i].Reason = wordsIn(language).reason(said.Statements[i].Reason)
	}
	return &said
}

// reason says a reason of the other language in this one, where it is one of
// the fixed ones.
func (w *words) reason(text string) string {
	for _, other := range []*words{&english, &chinese} {
		for _, pair := range [][2]string{{other.identityHeld, w.identityHeld}, {other.noPack, w.noPack}, {other.noPictures, w.noPictures},
			{other.undecided, w.undecided},
			{other.deadline, w.deadline}, {other.unavailable, w.unavailable}} {
			if text == pair[0] {
				return pair[1]
			}
		}
		for skip, said := range other.skipped {
			if text == said {
				return cmp.Or(w.skipped[skip], skip)
			}
		}
	}
	return w.skip(text)
}
