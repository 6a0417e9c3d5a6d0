package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// inquireQueue holds the cases for which archives are asked what they have.
const inquireQueue = "inquire"

const (
	// maxPulls is how often instances of one study are asked of one archive.
	maxPulls = 3
	// askedTries bound how long a report waits for an archive to have its study.
	askedTries = 5
)

// askAgain are the waits before an archive is asked again for a study that it
// does not have, or for instances that did not come.
var askAgain = [askedTries]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour}

// Archive is a peer that can be asked what it holds.
type Archive struct {
	Name      string
	Retrieves bool // it may be asked to send what is missing, too
	Query     Query
}

// Query is the way to ask an archive.
type Query interface {
	// Studies finds studies by UID or, if that is empty, by accession number.
	Studies(ctx context.Context, uid, accession string) ([]Holding, error)
	// Instances lists the instances of a study, but for documents.
	Instances(ctx context.Context, studyUID string) ([]Reference, error)
	// Retrieve has instances of a study sent to this node, all of them if none
	// are named. The detail is the archive's answer in its own terms.
	Retrieve(ctx context.Context, studyUID string, instances []Reference) (detail string, err error)
}

// Holding is a study in an archive.
type Holding struct {
	StudyUID  string
	Instances int // -1: the archive does not say
}

// SetArchives replaces the peers that are asked what a study holds. It may be
// called while the node runs.
func (n *Node) SetArchives(list []Archive) { n.asked.Store(&list) }

func (n *Node) archives() []Archive {
	if list := n.asked.Load(); list != nil {
		return *list
	}
	return nil
}

// lookFor has archives asked for the study of a report, if it does not come
// without that.
func (n *Node) lookFor(tx Tx, c *Case, now time.Time) error {
	if len(n.archives()) == 0 || !c.Awaited() || c.StudyUID == "" && c.Accession == "" {
		return nil
	}
	return tx.AddJob(Job{Queue: inquireQueue, Key: caseKey(c.ID), CaseID: c.ID, RunAt: now.Add(n.Config.Quiet)})
}

// inquire asks the archives about the study of a case: how much of it is
// missing, or where it is at all.
func (n *Node) inquire(ctx context.Context, job *Job) error {
	var c *Case
	var study *Study
	err := n.Index.View(ctx, func(tx Tx) (err error) {
		if c, err = tx.Case(job.CaseID); err != nil || c == nil {
			return err
		}
		study, err = tx.Study(c.StudyUID)
		return err
	})
	switch {
	case err != nil:
		return err
	case c != nil && c.State == Settling && study != nil:
		return n.askWhatIsMissing(ctx, job, c, study)
	case c != nil && c.State != Expired && c.Awaited():
		return n.fetchStudy(ctx, job, c)
	}
	return n.finish(ctx, job)
}

// askWhatIsMissing stores what each archive says of a study and then has the
// missing instances sent.
func (n *Node) askWhatIsMissing(ctx context.Context, job *Job, c *Case, study *Study) error {
	if job.Attempts == 1 { // or it was asked for while the inquiry before was under way
		asked, err := n.askedOf(ctx, study)
		if err != nil || asked {
			return errors.Join(err, n.finish(ctx, job))
		}
	}
	began, archives := time.Now(), n.archives()
	answers, err := n.askArchives(ctx, archives, c, study)
	if err != nil {
		return err
	}
	missing, err := n.noteAnswers(ctx, answers, began)
	if err != nil {
		return err
	}
	again := false
	for i, from := range archives {
		if from.Retrieves && len(missing[from.Name]) > 0 {
			failed, err := n.pull(ctx, from, c, answers[i], missing[from.Name])
			if err != nil {
				return err
			}
			again = again || failed
		}
	}
	return n.inquireAgain(ctx, job, again)
}

// askArchives asks all archives about a study. One that does not answer is no
// error: the case goes on without it.
func (n *Node) askArchives(ctx context.Context, archives []Archive, c *Case, study *Study) (answers []*Announcement, err error) {
	for _, from := range archives {
		a, err := n.askArchive(ctx, from, study)
		if err != nil && ctx.Err() != nil {
			return nil, err
		}
		if err != nil {
			n.Log.Warn("an archive cannot be asked", zap.String("peer", from.Name), zap.Int64("case", c.ID), zap.Error(err))
			a = &Announcement{Status: unanswered, StudyUIDs: []string{study.UID}}
		}
		a.Source, a.From, a.UID = ByQuery, from.Name, from.Name+" "+study.UID
		answers = append(answers, a)
	}
	return answers, nil
}

// noteAnswers stores answers of the time when they were asked for, and says
// what is missing of each archive's.
func (n *Node) noteAnswers(ctx context.Context, answers []*Announcement, asked time.Time) (missing map[string][]Reference, err error) {
	missing = map[string][]Reference{}
	err = n.Index.Update(ctx, func(tx Tx) error {
		for _, a := range answers {
			known, err := tx.Announcement(a.Source, a.UID)
			if err != nil {
				return err
			}
			if known != nil {
				a.Pulls = known.Pulls
			}
			if err := n.announce(tx, a, asked); err != nil {
				return err
			}
			if missing[a.From], err = tx.MissingInstances(a.Source, a.UID); err != nil {
				return err
			}
		}
		return nil
	})
	for _, a := range answers {
		if err == nil && a.Status != unanswered {
			n.Stats.Inquiries.Add(1)
		}
	}
	return missing, err
}

// askedOf says whether archives were asked since the last object of a study.
func (n *Node) askedOf(ctx context.Context, study *Study) (asked bool, err error) {
	err = n.Index.View(ctx, func(tx Tx) error {
		o, err := n.outlook(tx, study)
		asked = o.asked
		return err
	})
	return asked, err
}

// askArchive asks how many instances of a study an archive has and, unless
// they are as many as are here, which.
func (n *Node) askArchive(ctx context.Context, from Archive, study *Study) (*Announcement, error) {
	a := &Announcement{StudyUIDs: []string{study.UID}, Instances: []Reference{}}
	found, err := from.Query.Studies(ctx, study.UID, "")
	if err != nil || len(found) == 0 {
		return a, err
	}
	if a.Count = found[0].Instances; a.Count == study.Objects {
		return a, nil
	}
	a.Instances, err = from.Query.Instances(ctx, study.UID)
	a.Count = len(a.Instances)
	return a, err
}

// pull has missing instances sent, as often as is allowed, and says whether
// another try makes sense.
func (n *Node) pull(ctx context.Context, from Archive, c *Case, a *Announcement, missing []Reference) (again bool, err error) {
	if a.Pulls >= maxPulls {
		return false, n.note(ctx, c.ID, fmt.Sprintf("%s was asked %d times for the missing instances, and no more: see why it does not send them", from.Name, a.Pulls))
	}
	a.Pulls++
	a.Instances = nil // as they are
	err = n.Index.Update(ctx, func(tx Tx) error {
		if err := tx.PutAnnouncement(a); err != nil {
			return err
		}
		return tx.AddEvent(c.ID, CaseEvent{At: time.Now(), Event: "missing, so asked of " + from.Name + ": " + instances(len(missing))})
	})
	if err != nil {
		return false, err
	}
	detail, err := n.retrieve(ctx, from, a.StudyUIDs[0], missing)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		return a.Pulls < maxPulls, n.note(ctx, c.ID, from.Name+" was asked, and failed: "+err.Error())
	}
	return false, n.note(ctx, c.ID, from.Name+" was asked, and did it: "+detail)
}

// inquireAgain ends an inquiry or sets the time of the next.
func (n *Node) inquireAgain(ctx context.Context, job *Job, again bool) error {
	return n.Index.Update(ctx, func(tx Tx) error {
		if again && job.Attempts <= askedTries {
			return tx.RetryJob(job.ID, time.Now().Add(askAgain[job.Attempts-1]))
		}
		return tx.FinishJob(job.ID)
	})
}

// note writes a line into the timeline of a case.
func (n *Node) note(ctx context.Context, caseID int64, event string) error {
	return n.Index.Update(ctx, func(tx Tx) error {
		return tx.AddEvent(caseID, CaseEvent{At: time.Now(), Event: event})
	})
}

// errNotThere says that no archive has a study.
var errNotThere = errors.New("does not have the study of this report")

// fetchStudy looks for the study of a report that waits for its images, and
// has it sent. It asks again some times: the study may still be on its way.
func (n *Node) fetchStudy(ctx context.Context, job *Job, c *Case) error {
	last := job.Attempts > askedTries
	for _, from := range n.archives() {
		if !from.Retrieves {
			continue
		}
		detail, err := n.fetchFrom(ctx, from, c)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			if err := n.note(ctx, c.ID, from.Name+" was asked for the study, and did it: "+detail); err != nil {
				return err
			}
			return n.inquireAgain(ctx, job, false)
		}
		event := from.Name + ": " + err.Error()
		if last {
			event += "; it is not asked again: send the study to this node"
		}
		if job.Attempts == 1 || last { // say the change, not each try
			if err := n.note(ctx, c.ID, event); err != nil {
				return err
			}
		}
	}
	return n.inquireAgain(ctx, job, true)
}

// fetchFrom has the one study that the keys of a case name sent by an archive.
func (n *Node) fetchFrom(ctx context.Context, from Archive, c *Case) (detail string, err error) {
	found, err := from.Query.Studies(ctx, c.StudyUID, c.Accession)
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "", errNotThere
	case len(found) > 1:
		return "", fmt.Errorf("has %d studies of this accession number; send the right one to this node", len(found))
	}
	return n.retrieve(ctx, from, found[0].StudyUID, nil)
}

// retrieve has instances of a study sent, and counts what came of it.
func (n *Node) retrieve(ctx context.Context, from Archive, studyUID string, named []Reference) (detail string, err error) {
	detail, err = from.Query.Retrieve(ctx, studyUID, named)
	if err != nil {
		n.Stats.RetrievalsFailed.Add(1)
	} else {
		n.Stats.Retrieved.Add(1)
	}
	return detail, err
}
