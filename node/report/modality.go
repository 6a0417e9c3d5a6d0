package report

import (
	"slices"
	"strings"
)

// compatible lists for a modality as reports name it the DICOM modalities that may carry it.
var compatible = map[string][]string{
	"CT":  {"CT", "PT", "NM", "ST"},
	"MR":  {"MR", "PT"},
	"US":  {"US", "IVUS", "BDUS", "EC"},
	"XR":  {"CR", "DX", "RG", "RF", "XA", "PX", "IO", "MG", "DR", "XR"},
	"MG":  {"MG", "CR", "DX"},
	"RF":  {"RF", "XA", "CR", "DX", "RG", "DR", "XR"},
	"XA":  {"XA", "RF", "CT", "MR", "DSA", "NM", "DX", "CR"},
	"NM":  {"NM", "PT", "ST"},
	"PT":  {"PT", "CT", "NM", "MR"},
	"PC":  {"PT", "CT", "NM"},
	"ES":  {"ES", "GM", "XC", "US"},
	"SM":  {"SM", "GM"},
	"BMD": {"BMD", "DX", "CR", "CT", "US"},
}

// carries: images of these DICOM modalities can be what the report calls m.
func carries(codes []string, m string) bool {
	list, known := compatible[m]
	if !known {
		return true // an electrocardiogram is no modality of the study
	}
	return slices.ContainsFunc(codes, func(c string) bool {
		return slices.Contains(list, c) || !slices.ContainsFunc(allCompatible, func(l string) bool { return l == c })
	})
}

// allCompatible is every code the table knows: an unknown code of the headers settles nothing.
var allCompatible = func() []string {
	var out []string
	for _, l := range compatible {
		out = append(out, l...)
	}
	return out
}()

// modality is the table's key of a modality or sign concept: the first of its flags.
func (c *concept) modality() string {
	if len(c.flags) == 0 {
		return ""
	}
	return c.flags[0]
}

// MOD-001: the title or technique names only modalities that the images are not.
func (k *checker) titleModality() {
	if len(k.exam.modalities) == 0 {
		return
	}
	var first *mention
	n := 0
	ok := false
	k.described(func(s *Statement, d *detail) bool {
		for i := range d.mentions {
			m := &d.mentions[i]
			ok = ok || m.kind == "view" && carries(k.exam.modalities, "XR")
			if m.kind != "modality" || m.denied || k.regurgitation(d.clause, m) {
				continue
			}
			ok = ok || carries(k.exam.modalities, m.modality())
			if first == nil && (!d.clause.verb() || k.opensParagraph(s)) {
				first, n = m, s.N
			}
		}
		return !ok
	})
	if first != nil && !ok {
		k.flag("MOD-001", n, k.name(first.concept), k.imageModality())
	}
}

// opensParagraph: a technique begins with what was done; later sentences may speak of other examinations.
func (k *checker) opensParagraph(s *Statement) bool {
	return s.N == 1 || k.r.Statements[s.N-2].Paragraph != s.Paragraph
}

// regurgitation: 'MR' in an echocardiogram is mitral regurgitation.
func (k *checker) regurgitation(c *clause, m *mention) bool {
	if !slices.Contains(k.exam.modalities, "US") || m.to != m.from+1 || c.word(m.from) != "MR" || c.names("region") {
		return false
	}
	return m.to >= len(c.tokens) || c.tokens[m.to].class != classHan && !strings.HasPrefix(c.lower(m.to), "imag")
}

func (k *checker) imageModality() string { return strings.Join(k.exam.modalities, "/") }

// MOD-002: a statement opens with another modality and tells its result ('胸部CT未见明显异常').
func (k *checker) foreignResult() {
	if len(k.exam.modalities) == 0 {
		return
	}
	titles := k.titles()
	k.observed(func(s *Statement, d *detail) bool {
		m := d.openingModality()
		if m != nil && !k.mayTell(m.modality()) && !k.regurgitation(d.clause, m) &&
			d.names("finding", "normal") && !titles[m.modality()] {
			k.flag("MOD-002", s.N, k.name(m.concept), k.imageModality())
		}
		return true
	})
}

// mayTell: the study is of the modality, or of one that is read together with it: mammograms with ultrasound.
func (k *checker) mayTell(modality string) bool {
	if carries(k.exam.modalities, modality) {
		return true
	}
	return modality == "US" && slices.Contains(k.exam.modalities, "MG") || modality == "MG" && slices.Contains(k.exam.modalities, "US")
}

// openingModality is the modality that is the subject of the statement: first, or after body part and article only.
func (d *detail) openingModality() *mention {
	for i := range d.mentions {
		m := &d.mentions[i]
		switch {
		case m.kind == "modality":
			if m.from <= 4 && d.resultFollows(m.to) {
				return m
			}
			return nil
		case !m.place() && m.kind != "side" && m.kind != "contrast":
			return nil
		}
	}
	return nil
}

var resultWords = strings.Fields("shows show demonstrates demonstrate reveals reveal is are 未 无 示 显 见 提 检 平 增 扫 正")

// resultFollows: what follows the modality is its result now: not 'CT-guided biopsy', not what an
// examination of another day 'showed'.
func (d *detail) resultFollows(at int) bool {
	for i := at; i < len(d.clause.tokens) && i < at+10; i++ {
		switch w := d.clause.lower(i); {
		case slices.Contains([]string{"was", "were", "showed", "revealed", "demonstrated", "from", "on", "dated"}, w):
			return false
		case slices.Contains(resultWords, w):
			return true
		}
	}
	return false
}

// titles is the set of modalities that the report's own title and technique name.
func (k *checker) titles() map[string]bool {
	out := map[string]bool{}
	k.described(func(_ *Statement, d *detail) bool {
		for _, m := range d.mentions {
			if m.kind == "modality" {
				out[m.modality()] = true
			}
		}
		return true
	})
	return out
}

// MOD-003: words only another modality uses, in a report that never names that modality.
func (k *checker) foreignWords() {
	if len(k.exam.modalities) == 0 {
		return
	}
	k.observed(func(s *Statement, d *detail) bool {
		for _, m := range d.mentions {
			owner := m.sign()
			if owner == "" || k.mayTell(owner) || k.names(owner) {
				continue
			}
			k.flag("MOD-003", s.N, d.clause.spanText(m.hit), owner, k.imageModality())
			break
		}
		return true
	})
}

func (c *clause) spanText(h hit) string { return c.text[c.tokens[h.from].start:c.tokens[h.to-1].end] }

// sign is the modality whose word c is, "" for none: T2WI is said of MR, 低回声 of ultrasound.
func (c *concept) sign() string {
	if c.kind == "sign" {
		return c.modality()
	}
	for _, f := range c.flags {
		if owner, ok := strings.CutPrefix(f, "sign="); ok {
			return owner
		}
	}
	return ""
}

// names: the report names the modality anywhere, as when a lesion is followed up from an ultrasound.
func (k *checker) names(modality string) bool {
	if k.modalities == nil {
		k.modalities = map[string]bool{}
		for i := range k.r.details {
			for _, m := range k.r.details[i].mentions {
				if m.kind == "modality" {
					k.modalities[m.modality()] = true
				}
			}
		}
	}
	return k.modalities[modality]
}

// MOD-004: the order's modality is not that of the images.
func (k *checker) orderedModality() {
	if len(k.exam.modalities) == 0 {
		return
	}
	c := k.lex.describe(k.f.Procedure)
	var first *hit
	for i := range c.terms {
		h := &c.terms[i]
		if h.kind != "modality" {
			continue
		}
		if carries(k.exam.modalities, h.modality()) {
			return
		}
		if first == nil {
			first = h
		}
	}
	if first != nil {
		k.flag("MOD-004", 0, k.name(first.concept), k.imageModality())
	}
}
