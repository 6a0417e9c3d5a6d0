package node

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Source is how it was announced what a study holds.
type Source string

// The sources of announcements.
const (
	ByStep         Source = "mpps"  // a modality's performed procedure step (PS3.4 F.7)
	ByNotification Source = "ian"   // an instance availability notification (PS3.4 R)
	ByQuery        Source = "query" // a peer's answer to a C-FIND (PS3.4 C)
)

// The states of a performed procedure step (PS3.3 C.4.14).
const (
	StepInProgress   = "IN PROGRESS"
	StepCompleted    = "COMPLETED"
	StepDiscontinued = "DISCONTINUED"
)

// MaxAnnouncements bounds the announcements of a study that count; of more
// than toldAnnouncements its cases are not told one by one.
const (
	MaxAnnouncements  = 100
	toldAnnouncements = 20
)

// unanswered is the status of a query that brought nothing to go by.
const unanswered = "unanswered"

// Reference names an instance.
type Reference struct{ ClassUID, SeriesUID, SOPUID string }

// Announcement is what somebody says that studies hold or will hold.
type Announcement struct {
	Source     Source
	UID        string // of the step or notification; of a query: its peer and study
	From       string // AE title or name of whom it comes from
	Status     string // of a step: one of the three above
	StudyUIDs  []string
	Accessions []string
	Count      int         // instances that are said to be there
	Instances  []Reference // the same by name; nil: unknown, or not asked for
	Pulls      int         // how often instances were asked for after a query
	At         time.Time
}

// AnnouncementTx keeps announcements for a month.
type AnnouncementTx interface {
	// PutAnnouncement enters an announcement or replaces it. Without Instances
	// those that it had stay.
	PutAnnouncement(*Announcement) error
	// Announcement returns one without its instances, nil when it is unknown.
	Announcement(source Source, uid string) (*Announcement, error)
	// Announcements lists the newest MaxAnnouncements of a study, or, if no study
	// is named so, of an accession number, oldest first and without instances.
	Announcements(studyUID, accession string) ([]Announcement, error)
	// MissingInstances lists the instances by name that are not here.
	MissingInstances(source Source, uid string) ([]Reference, error)
}

// What is wrong with what a modality says of a performed procedure step.
var (
	ErrAnnounced   = errors.New("this was announced before")
	ErrUnannounced = errors.New("no such performed procedure step")
	ErrStepEnded   = errors.New("the performed procedure step has ended")
)

// Announce enters a new step or notification and returns once it is durable.
// ErrAnnounced: it is known. A *FullError: there is no room for it.
func (n *Node) Announce(ctx context.Context, a *Announcement) error {
	if err := n.room(); err != nil {
		return err
	}
	err := n.Index.Update(ctx, func(tx Tx) error {
		known, err := tx.Announcement(a.Source, a.UID)
		if err != nil {
			return err
		}
		if known != nil {
			return ErrAnnounced
		}
		return n.announce(tx, a, time.Now())
	})
	switch {
	case err != nil:
	case a.Source == ByStep:
		n.Stats.Steps.Add(1)
	default:
		n.Stats.Notifications.Add(1)
	}
	return err
}

// UpdateStep changes a step that is in progress: its status unless that is
// empty, and its instances unless they are nil. It returns once the change is
// durable. ErrUnannounced: there is no such step. ErrStepEnded: it is final.
func (n *Node) UpdateStep(ctx context.Context, uid, status string, instances []Reference) error {
	if err := n.room(); err != nil {
		return err
	}
	return n.Index.Update(ctx, func(tx Tx) error {
		step, err := tx.Announcement(ByStep, uid)
		switch {
		case err != nil:
			return err
		case step == nil:
			return ErrUnannounced
		case step.Status != StepInProgress:
			return ErrStepEnded
		}
		setDefault(&status, step.Status)
		changed := status != step.Status || instances != nil && len(instances) != step.Count
		step.Status, step.Instances = status, instances
		if instances != nil {
			step.Count = len(instances)
		}
		if !changed { // no news for a case
			return tx.PutAnnouncement(step)
		}
		return n.announce(tx, step, time.Now())
	})
}

// announce stores an announcement and tells the cases of its studies.
func (n *Node) announce(tx Tx, a *Announcement, now time.Time) error {
	a.At = now
	if err := tx.PutAnnouncement(a); err != nil {
		return err
	}
	studies, err := tx.FindStudies(StudyKeys{UIDs: a.StudyUIDs, Accessions: a.Accessions})
	if err != nil {
		return err
	}
	told := map[string]bool{}
	for i := range studies {
		told[studies[i].UID] = true
		if err := n.announceTo(tx, a, studies[i].UID, &studies[i], now); err != nil {
			return err
		}
	}
	for _, uid := range a.StudyUIDs {
		if told[uid] {
			continue
		}
		if err := n.announceTo(tx, a, uid, nil, now); err != nil {
			return err
		}
	}
	return nil
}

// announceTo tells the cases of one study; study is nil while none of its
// images are here.
func (n *Node) announceTo(tx Tx, a *Announcement, uid string, study *Study, now time.Time) error {
	cases, err := tx.StudyCases(uid)
	if err != nil || len(cases) == 0 {
		return err
	}
	known, err := tx.Announcements(uid, "")
	if err != nil {
		return err
	}
	for _, c := range cases {
		if c.State == Superseded || c.State == Withdrawn {
			continue
		}
		if len(known) <= toldAnnouncements {
			if err := tx.AddEvent(c.ID, CaseEvent{At: now, Event: a.String()}); err != nil {
				return err
			}
		}
		if c.State == Settling && study != nil {
			if err := n.scheduleSettle(tx, c, study, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// noteAnnounced writes what was announced before a case began into its
// timeline.
func noteAnnounced(tx Tx, c *Case, now time.Time) error {
	if c.StudyUID == "" {
		return nil
	}
	known, err := tx.Announcements(c.StudyUID, c.Accession)
	if err != nil {
		return err
	}
	for i := range known[:min(len(known), toldAnnouncements)] {
		if err := tx.AddEvent(c.ID, CaseEvent{At: now, Event: known[i].String()}); err != nil {
			return err
		}
	}
	return nil
}

// String is the announcement as a line of a timeline.
func (a *Announcement) String() string {
	switch {
	case a.Status == unanswered:
		return a.From + " does not say how many instances it has"
	case a.Source == ByStep && a.Count == 0:
		return fmt.Sprintf("procedure step at %s: %s", a.From, a.Status)
	case a.Source == ByStep:
		return fmt.Sprintf("procedure step at %s: %s, %s", a.From, a.Status, instances(a.Count))
	}
	return a.From + " has " + instances(a.Count)
}

func instances(n int) string {
	if n == 1 {
		return "1 instance"
	}
	return fmt.Sprintf("%d instances", n)
}
