package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"concord/node"
)

// statementView is a statement with what was said of it.
type statementView struct {
	node.Statement
	Pictures []*pictureView // those it was judged on
	Opinion  node.Opinion   // the newest
}

// flagView is a flag with what was said of it.
type flagView struct {
	node.Flag
	Opinion node.Opinion
}

// pictureView is a picture beside the text. Its number is its position among
// the pictures of the case, by which flags call it.
type pictureView struct {
	node.ImageRef
	Statements []*node.Statement
}

// blockView is a block of the report, cut where statements begin and end.
type blockView struct {
	Section string
	Parts   []part
}

// part is a stretch of text; Statement is nil between statements.
type part struct {
	Text      string
	Statement *statementView
}

// candidateView is a study that a person may choose, with its facts.
type candidateView struct {
	node.Candidate
	Study       *node.Study // nil: it is gone
	Description string
	Picture     *node.ImageRef
}

// casePage shows one case with all that a person needs to judge its verdicts.
func (c *Console) casePage(r *http.Request) (any, error) {
	view, err := c.findCase(r)
	if err != nil {
		return nil, err
	}
	feedback, err := c.feedbackOn(r.Context(), view.ID)
	if err != nil {
		return nil, err
	}
	statements := statementsOf(view.Case, feedback)
	pictures := picturesOf(statements)
	judgedOn := len(pictures) > 0
	if !judgedOn && view.StudyUID != "" {
		if pictures, err = c.studyPictures(r.Context(), view.StudyUID); err != nil {
			return nil, err
		}
	}
	candidates, err := c.candidatesOf(r.Context(), view.Case)
	if err != nil {
		return nil, err
	}
	return map[string]any{"Case": view, "Statements": statements, "Blocks": blocksOf(view.Case, statements), "Feedback": feedback,
		"Flags": flagsOf(view.Case, feedback), "Pictures": pictures, "JudgedOn": judgedOn, "Candidates": candidates,
		"CanJudge":   view.CanBeJudged(),
		"Hint":       hints[view.State],
		"CanDismiss": view.State == node.Failed && view.DismissedAt.IsZero(),
		"CanChoose":  view.Report != nil && view.Accepts(node.StudyChosen)}, nil
}

// hints say what comes next in states in which a case may rest.
var hints = map[node.State]string{
	node.Settling:   "Images may still come: it is judged when none has come for a while.",
	node.Ready:      "It waits for its turn to be judged.",
	node.Delivering: "Results are on their way; what keeps them stands with the deliveries below.",
	node.Expired:    "Nobody waits for it any more; it goes on when what is missing comes or is chosen.",
	node.Failed:     "Mend the cause, then try again here; or dismiss the case.",
}

func statementsOf(c *node.Case, feedback []node.Feedback) []*statementView {
	views := make([]*statementView, len(c.Statements))
	for i, s := range c.Statements {
		views[i] = &statementView{Statement: s, Opinion: newest(feedback, s.N, "")}
	}
	return views
}

func flagsOf(c *node.Case, feedback []node.Feedback) []flagView {
	views := make([]flagView, len(c.Flags))
	for i, f := range c.Flags {
		views[i] = flagView{f, newest(feedback, f.Statement, f.Rule)}
	}
	slices.SortStableFunc(views, func(a, b flagView) int { return rank(b.Severity) - rank(a.Severity) })
	return views
}

func rank(s node.Severity) int {
	return slices.Index([]node.Severity{node.Info, node.Warning, node.Critical}, s)
}

// newest is the last opinion of a verdict or flag; empty when there is none.
func newest(feedback []node.Feedback, statement int, rule string) node.Opinion {
	for _, f := range slices.Backward(feedback) {
		if f.Statement == statement && f.Rule == rule {
			return f.Opinion
		}
	}
	return ""
}

// picturesOf lists the pictures that statements were judged on, each once.
func picturesOf(statements []*statementView) (pictures []*pictureView) {
	type key struct {
		uid   string
		frame int
	}
	known := map[key]*pictureView{}
	for _, s := range statements {
		for _, ref := range s.Images {
			p := known[key{ref.SOPUID, ref.Frame}]
			if p == nil {
				p = &pictureView{ImageRef: ref}
				known[key{ref.SOPUID, ref.Frame}] = p
				pictures = append(pictures, p)
			}
			p.Statements = append(p.Statements, &s.Statement)
			s.Pictures = append(s.Pictures, p)
		}
	}
	slices.SortStableFunc(pictures, func(a, b *pictureView) int { return a.Position - b.Position })
	return pictures
}

// otherPictures is how many pictures are shown when no verdict rests on one.
const otherPictures = 4

func (c *Console) studyPictures(ctx context.Context, studyUID string) (pictures []*pictureView, err error) {
	err = c.Node.Index.View(ctx, func(tx node.Tx) error {
		objects, err := tx.StudyObjects(studyUID)
		for _, ref := range firstPictures(objects, otherPictures) {
			ref.Position = len(pictures) + 1
			pictures = append(pictures, &pictureView{ImageRef: ref})
		}
		return err
	})
	return pictures, err
}

func firstPictures(objects []node.Object, most int) (refs []node.ImageRef) {
	for _, o := range objects {
		if len(refs) < most && o.Header.Frames > 0 && o.Header.NotShown == "" {
			refs = append(refs, node.ImageRef{SOPUID: o.SOPInstanceUID, SeriesNumber: o.Header.SeriesNumber,
				InstanceNumber: o.Header.InstanceNumber, Frame: (o.Header.Frames + 1) / 2})
		}
	}
	return refs
}

// shownCandidates bounds the studies whose facts are looked up.
const shownCandidates = 20

func (c *Console) candidatesOf(ctx context.Context, of *node.Case) (views []candidateView, err error) {
	err = c.Node.Index.View(ctx, func(tx node.Tx) error {
		for _, candidate := range of.Candidates[:min(len(of.Candidates), shownCandidates)] {
			view := candidateView{Candidate: candidate}
			var err error
			if view.Study, err = tx.Study(candidate.StudyUID); err != nil {
				return err
			}
			objects, err := tx.StudyObjects(candidate.StudyUID)
			if err != nil {
				return err
			}
			if len(objects) > 0 {
				view.Description = objects[0].Header.StudyDescription
			}
			if refs := firstPictures(objects, 1); len(refs) > 0 {
				view.Picture = &refs[0]
			}
			views = append(views, view)
		}
		return nil
	})
	return views, err
}

// blocksOf finds the statements in the text of the report. Both are in the
// same order, so each is looked for behind the one before; one that is not
// found there stays without a mark.
func blocksOf(c *node.Case, statements []*statementView) (views []blockView) {
	if c.Report == nil {
		return nil
	}
	rest := make([]string, len(c.Report.Blocks))
	for i, b := range c.Report.Blocks {
		rest[i] = b.Text
		views = append(views, blockView{Section: b.Section})
	}
	at := 0
	for _, s := range statements {
		ahead := slices.IndexFunc(rest[at:], func(text string) bool { return strings.Contains(text, s.Text) })
		if ahead < 0 || s.Text == "" {
			continue
		}
		at += ahead
		before, after, _ := strings.Cut(rest[at], s.Text)
		views[at].Parts = append(views[at].Parts, part{Text: before}, part{s.Text, s})
		rest[at] = after
	}
	for i := range views {
		views[i].Parts = append(views[i].Parts, part{Text: rest[i]})
	}
	return views
}

// frameURL is where a picture is, at most size pixels a side.
func frameURL(ref node.ImageRef, size int) string {
	return fmt.Sprintf("/api/v1/objects/%s/frames/%d?size=%d", url.PathEscape(ref.SOPUID), ref.Frame, size)
}

// URL is where the picture is in the size of the page.
func (p *pictureView) URL() string { return frameURL(p.ImageRef, 512) }

// Large is where the picture is in the size of a screen.
func (p *pictureView) Large() string { return frameURL(p.ImageRef, 1536) }

// URL is where the picture of the study is in the size of a stamp.
func (v candidateView) URL() string { return frameURL(*v.Picture, 160) }
