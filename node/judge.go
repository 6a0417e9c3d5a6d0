package node

import (
	"context"
	"errors"
	"fmt"
	"image"
	"slices"
	"time"

	"concord/dicom/pixel"
	"concord/hl7"
	"concord/inference"
	"concord/node/report"
)

// Judge asks of every statement of a report whether the images support it:
// rules from the headers first, then the model with the pictures. It keeps no
// state of its own; the same case gives the same judgement.
type Judge struct {
	Model     *inference.Live // nil: no pack is loaded, and the verdicts say so
	Deadline  time.Duration   // for the pictures and the model of one case; 0: none
	Shadow    *Shadow         // nil: no second pack is compared
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

// Judge judges a report against the objects of its study. A preliminary report goes before others: its author
// is still at it.
func (j *Judge) Judge(ctx context.Context, r *hl7.Report, objects []Object) (*Judgement, error) {
	return j.judge(ctx, r, objects, manner{urgent: preliminary(r.Status)})
}

// manner is how the model is asked.
type manner struct {
	urgent bool // before others
	once   bool // nobody asks again: what has no answer now is not judged
}

// answerTime is what is left of the time of who asks once, to hand over what is there.
const answerTime = 2 * time.Second

// preliminary says whether somebody still writes a report of this status (OBR-25, HL7 table 0123).
func preliminary(status string) bool { return status == "P" }

func (j *Judge) judge(ctx context.Context, r *hl7.Report, objects []Object, how manner) (*Judgement, error) {
	text := j.read(r)
	words := wordsIn(text.Language)
	out := &Judgement{Language: text.Language, Fingerprint: text.Fingerprint(),
		Copied: ruleFlags([]report.Finding{text.Duplicate()})[0]}
	if j.Model != nil {
		out.Pack = packOf(j.Model.Model())
	}
	for i := range text.Statements {
		out.Statements = append(out.Statements, statementOf(r, &text.Statements[i]))
	}
	out.Flags = ruleFlags(j.Rules.Check(text, j.facts(r, objects)))
	if slices.ContainsFunc(out.Flags, func(f Flag) bool { return f.Code == identityMismatch }) {
		holdBack(out.Statements, words.identityHeld)
		return out, nil
	}
	if err := j.askModel(ctx, out, text, objects, how); err != nil {
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

// packOf names a pack in verdicts: with its digest, and that of the site's own calibration.
func packOf(m *inference.Model) string {
	name := m.Name() + " sha256:" + m.Digest()[:12]
	if own := m.Calibrated(); own != "" {
		name += " calibration:" + own[:12]
	}
	return name
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
func (j *Judge) askModel(ctx context.Context, out *Judgement, text *report.Report, objects []Object, how manner) error {
	var open []int // statements to ask about
	for i := range out.Statements {
		if out.Statements[i].Verdict == "" {
			open = append(open, i)
		}
	}
	words := wordsIn(text.Language)
	if j.Model == nil {
		out.giveUp(open, words.noPack)
		return nil
	}
	session := j.Model.Begin(how.urgent)
	defer session.End()
	out.Pack = packOf(session.Model)
	if len(open) == 0 {
		return nil
	}
	inTime, cancel := j.inTime(ctx, how)
	defer cancel()
	frames := j.choose(objects)
	a := asking{j, session, out, text, frames, words}
	for _, l := range looksAt(text, open, frames) {
		err := a.ask(inTime, l)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case inTime.Err() != nil: // what was judged by then stays
			out.giveUp(l.statements, words.deadline)
		case how.once && errors.Is(err, inference.ErrUnavailable):
			out.giveUp(l.statements, words.unavailable)
		case err != nil:
			return err
		}
	}
	return nil
}

// inTime bounds the model's part of a case.
func (j *Judge) inTime(ctx context.Context, how manner) (context.Context, context.CancelFunc) {
	if end, ok := ctx.Deadline(); ok && how.once {
		return context.WithDeadline(ctx, end.Add(-answerTime))
	}
	if j.Deadline > 0 {
		return context.WithTimeout(ctx, j.Deadline)
	}
	return context.WithCancel(ctx)
}

// giveUp says of those statements that have no verdict yet why they get none.
func (out *Judgement) giveUp(statements []int, reason string) {
	for _, i := range statements {
		if s := &out.Statements[i]; s.Verdict == "" {
			s.Verdict, s.Reason = NotJudged, reason
		}
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

// asking is one case with what it is asked by.
type asking struct {
	*Judge
	session *inference.Session
	out     *Judgement
	text    *report.Report
	frames  []frame
	words   *words
}

// ask puts the statements of one look to the model. Where ctx ends before all are answered, it leaves the others
// without a verdict and returns ctx's error.
func (a *asking) ask(ctx context.Context, l look) error {
	pictures, problem := a.pictures(ctx, a.frames, l.window, a.words)
	if len(pictures) == 0 {
		if ctx.Err() == nil {
			a.out.giveUp(l.statements, problem)
		}
		return ctx.Err()
	}
	questions := make([]inference.Statement, len(l.statements))
	for k, i := range l.statements {
		questions[k] = Question(&a.text.Statements[i])
	}
	scores, err := askSession(ctx, a.session, pictures, questions)
	if err != nil && ctx.Err() == nil {
		return err
	}
	asked := shadowed{pictures: pictures, questions: questions}
	for k, i := range l.statements {
		if len(scores) > 0 {
			combine(&a.out.Statements[i], pictures, func(p int) inference.Score { return scores[p][k] }, a.words)
		}
		asked.verdicts = append(asked.verdicts, a.out.Statements[i].Verdict)
	}
	if err == nil && a.Shadow != nil {
		a.Shadow.offer(asked)
	}
	return err
}

// askSession judges each question by each picture: the result is [picture][question].
func askSession(ctx context.Context, session *inference.Session, pictures []picture, questions []inference.Statement) ([][]inference.Score, error) {
	images := make([]*inference.Encoded, len(pictures))
	for i := range pictures {
		encoded, err := session.EncodeImage(ctx, pictures[i].image)
		if err != nil {
			return nil, fmt.Errorf("encode picture %d of %d: %w", i+1, len(pictures), err)
		}
		images[i] = encoded.Of(pictures[i].modality)
	}
	scores, err := session.Score(ctx, images, questions)
	if err != nil {
		return scores, fmt.Errorf("ask the model: %w", err)
	}
	return scores, nil
}

// Question is what the model is asked about a statement.
func Question(s *report.Statement) inference.Statement {
	return inference.Statement{Text: s.Text, English: s.English, Language: s.Language, Negated: s.Negated}
}

// combine makes one verdict of the scores over several pictures: support
// anywhere supports; a contradiction counts only when every picture that could
// be judged contradicts. Where a score is missing yet, there is none.
func combine(s *Statement, pictures []picture, score func(p int) inference.Score, words *words) {
	byLabel := map[string][]int{}
	best := map[string]float64{}
	for p := range pictures {
		sc := score(p)
		if sc.Label == "" {
			return
		}
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
	ref      ImageRef
	modality string // DICOM 0008,0060
	image    image.Image
}
