package node

import (
	"context"
	"fmt"
	"image"
	"slices"

	"concord/dicom/pixel"
	"concord/hl7"
	"concord/inference"
	"concord/node/report"
)

// Judge asks of every statement of a report whether the images support it:
// rules from the headers first, then the model with the pictures. It keeps no
// state of its own; the same case gives the same judgement.
type Judge struct {
	Model     *inference.Model // nil: no pack is loaded, and the verdicts say so
	Open      func(path string) (ObjectFile, error)
	MaxImages int             // pictures of one case at most; 0: 8
	Rules     report.Rules    // which rules fire, and how severe they are
	Lexicon   *report.Lexicon // nil: the built-in one
	// AccessionStrip makes accession numbers of messages and images alike.
	AccessionStrip hl7.Strip
}

// Judgement is what a judge says about one case.
type Judgement struct {
	Language   string // of the report: en or zh
	Statements []Statement
	Flags      []Flag
	Pack       string

	// Fingerprint of the text, and Copied, the flag to raise when another
	// patient's report has the same one.
	Fingerprint string
	Copied      Flag
}

// Judge judges a report against the objects of its study.
func (j *Judge) Judge(ctx context.Context, r *hl7.Report, objects []Object) (*Judgement, error) {
	text := j.read(r)
	words := wordsIn(text.Language)
	out := &Judgement{Language: text.Language, Pack: j.pack(), Fingerprint: text.Fingerprint(),
		Copied: ruleFlags([]report.Finding{text.Duplicate()})[0]}
	for i := range text.Statements {
		out.Statements = append(out.Statements, statementOf(r, &text.Statements[i]))
	}
	out.Flags = ruleFlags(j.Rules.Check(text, j.facts(r, objects)))
	if slices.ContainsFunc(out.Flags, func(f Flag) bool { return f.Code == identityMismatch }) {
		holdBack(out.Statements, words.identityHeld)
		return out, nil
	}
	if err := j.askModel(ctx, out, text, objects, words); err != nil {
		return nil, err
	}
	out.Flags = append(out.Flags, modelFlags(out.Statements, words)...)
	return out, nil
}

func (j *Judge) read(r *hl7.Report) *report.Report {
	if j.Lexicon != nil {
		return j.Lexicon.Read(blocksOf(r))
	}
	return report.Read(blocksOf(r))
}

// identityMismatch is the code of a report and images of two patients; its
// images say nothing about the report, so no verdict is given.
const identityMismatch = "CC105"

func (j *Judge) pack() string {
	if j.Model == nil {
		return ""
	}
	return j.Model.Name() + " sha256:" + j.Model.Digest()[:12]
}

func holdBack(statements []Statement, reason string) {
	for i := range statements {
		statements[i].Verdict, statements[i].Reason = NotJudged, reason
	}
}

func statementOf(r *hl7.Report, s *report.Statement) Statement {
	out := Statement{N: s.N, Section: s.Section, Paragraph: s.Paragraph, Text: s.Text,
		Locator: r.Locator(&r.Blocks[s.Block], s.Start, s.End), Terms: []Term{}, Images: []ImageRef{}}
	for _, t := range s.Terms {
		out.Terms = append(out.Terms, Term{Concept: t.Concept, Kind: t.Kind, Text: t.Text})
	}
	// How the pictures were made shows in them, too: a technique is asked about.
	if !s.Judge && s.Skip != report.SkipTechnique {
		out.Verdict, out.Reason = NotJudged, wordsIn(s.Language).skip(s.Skip)
	}
	return out
}

func ruleFlags(findings []report.Finding) (flags []Flag) {
	for _, f := range findings {
		flags = append(flags, Flag{Code: f.Code, Rule: f.Rule,
			Severity: Severity(f.Severity), Statement: f.Statement, Text: f.Text})
	}
	return flags
}

// supportRule is the rule identifier of flags that come from the model.
const supportRule = "VLM-SUPPORT"

func modelFlags(statements []Statement, words *words) (flags []Flag) {
	for _, s := range statements {
		if s.Verdict == No {
			flags = append(flags, Flag{Code: "CC100", Rule: supportRule, Severity: Warning, Statement: s.N, Text: words.mismatch(s)})
		}
	}
	return flags
}

// askModel fills the verdicts that no rule has settled.
func (j *Judge) askModel(ctx context.Context, out *Judgement, text *report.Report, objects []Object, words *words) error {
	var open []int // statements to ask about
	for i := range out.Statements {
		if out.Statements[i].Verdict == "" {
			open = append(open, i)
		}
	}
	if len(open) == 0 {
		return nil
	}
	if j.Model == nil {
		out.giveUp(open, words.noPack)
		return nil
	}
	frames := j.choose(objects)
	for _, l := range looksAt(text, open, frames) {
		if err := j.ask(ctx, out, text, frames, l, words); err != nil {
			return err
		}
	}
	return nil
}

func (out *Judgement) giveUp(statements []int, reason string) {
	for _, i := range statements {
		out.Statements[i].Verdict, out.Statements[i].Reason = NotJudged, reason
	}
}

// look is a window with the statements that are judged in it.
type look struct {
	window     pixel.Window
	statements []int
}

// looksAt gives each statement the window in which a radiologist would look at
// its anatomy on CT; all else is seen as the objects say.
func looksAt(text *report.Report, open []int, frames []frame) (looks []look) {
	isCT := slices.ContainsFunc(frames, func(f frame) bool { return f.object.Header.Modality == "CT" })
	for _, i := range open {
		var w pixel.Window
		if isCT {
			w = windowFor(&text.Statements[i])
		}
		k := slices.IndexFunc(looks, func(l look) bool { return l.window == w })
		if k < 0 {
			looks = append(looks, look{window: w})
			k = len(looks) - 1
		}
		looks[k].statements = append(looks[k].statements, i)
	}
	return looks
}

func windowFor(s *report.Statement) pixel.Window {
	for _, t := range s.Terms {
		if w, ok := pixel.PresetFor(t.English); ok && (t.Kind == "organ" || t.Kind == "finding") {
			return w
		}
	}
	return pixel.Window{}
}

// ask puts the statements of one look to the model.
func (j *Judge) ask(ctx context.Context, out *Judgement, text *report.Report, frames []frame, l look, words *words) error {
	pictures, problem := j.pictures(ctx, frames, l.window, words)
	if len(pictures) == 0 {
		out.giveUp(l.statements, problem)
		return ctx.Err()
	}
	questions := make([]inference.Statement, len(l.statements))
	for k, i := range l.statements {
		questions[k] = Question(&text.Statements[i])
	}
	images, err := j.encode(ctx, pictures)
	if err != nil {
		return err
	}
	scores, err := j.Model.Score(ctx, images, questions)
	if err != nil {
		return fmt.Errorf("ask the model: %w", err)
	}
	for k, i := range l.statements {
		combine(&out.Statements[i], pictures, func(p int) inference.Score { return scores[p][k] }, words)
	}
	return nil
}

// Question is what the model is asked about a statement.
func Question(s *report.Statement) inference.Statement {
	return inference.Statement{Text: s.Text, English: s.English, Language: s.Language, Negated: s.Negated}
}

func (j *Judge) encode(ctx context.Context, pictures []picture) ([]*inference.Encoded, error) {
	images := make([]*inference.Encoded, len(pictures))
	for i := range pictures {
		var err error
		if images[i], err = j.Model.EncodeImage(ctx, pictures[i].image); err != nil {
			return nil, fmt.Errorf("encode picture %d of %d: %w", i+1, len(pictures), err)
		}
	}
	return images, nil
}

// combine makes one verdict of the scores over several pictures: support
// anywhere supports; a contradiction counts only when every picture that could
// be judged contradicts.
func combine(s *Statement, pictures []picture, score func(p int) inference.Score, words *words) {
	byLabel := map[string][]int{}
	best := map[string]float64{}
	for p := range pictures {
		sc := score(p)
		byLabel[sc.Label] = append(byLabel[sc.Label], p)
		best[sc.Label] = max(best[sc.Label], sc.Confidence)
	}
	refs := func(l string) (out []ImageRef) {
		for _, p := range byLabel[l] {
			out = append(out, pictures[p].ref)
		}
		return out
	}
	yes, no, maybe := len(byLabel[inference.Yes]), len(byLabel[inference.No]), len(byLabel[inference.Maybe])
	switch {
	case yes > 0:
		s.Verdict, s.Confidence, s.Images = Yes, best[inference.Yes], refs(inference.Yes)
	case no > 0 && maybe == 0:
		s.Verdict, s.Images = No, refs(inference.No)
		s.Confidence = 1
		for _, p := range byLabel[inference.No] { // no stronger than its weakest picture
			s.Confidence = min(s.Confidence, score(p).Confidence)
		}
	case no+maybe > 0:
		s.Verdict, s.Reason = Maybe, words.undecided
		s.Images = append(refs(inference.Maybe), refs(inference.No)...)
		s.Confidence = max(best[inference.Maybe], 0)
		if maybe > 0 {
			s.Reason = firstNonEmpty(score(byLabel[inference.Maybe][0]).Reason, s.Reason)
		}
	default:
		s.Verdict, s.Reason = NotJudged, score(0).Reason
	}
}

func firstNonEmpty(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// picture is one picture as the model sees it.
type picture struct {
	ref   ImageRef
	image image.Image
}
