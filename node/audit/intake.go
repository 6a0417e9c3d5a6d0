package audit

import "time"

// Intake gathers what one association brings, so that it is recorded once for
// each patient and not for each instance (110104, PS3.15 A.5.3.7).
type Intake struct {
	recorder  *Recorder
	from      Peer
	began     time.Time // of what is gathered now
	transfers []transfer
	classes   int // over all studies
}

// transfer is one message of an Intake.
type transfer struct {
	patient Patient
	action  Action
	studies []Study
}

const (
	// maxClasses of all studies of an Intake keep a message below maxMessage,
	// whatever its identifiers are.
	maxClasses = 20
	// maxIntake is how long instances may wait for the end of their
	// association before they are recorded without it.
	maxIntake = time.Minute
)

// Intake begins to gather what a peer sends on one association.
func (r *Recorder) Intake(from Peer) *Intake {
	if r == nil {
		return nil
	}
	return &Intake{recorder: r, from: from}
}

// Add counts an instance that was stored; held says that the node had it
// already. One goroutine at a time may call it.
func (i *Intake) Add(p Patient, studyUID, sopClassUID string, held bool) {
	if i == nil {
		return
	}
	if i.classes >= maxClasses || len(i.transfers) > 0 && i.recorder.now().Sub(i.began) > maxIntake {
		i.End()
	}
	if len(i.transfers) == 0 {
		i.began = i.recorder.now()
	}
	action := Create
	if held {
		action = Read
	}
	i.classes += i.transfer(p, action).add(studyUID, sopClassUID)
}

func (i *Intake) transfer(p Patient, action Action) *transfer {
	for n := range i.transfers {
		if t := &i.transfers[n]; t.patient == p && t.action == action {
			return t
		}
	}
	i.transfers = append(i.transfers, transfer{patient: p, action: action})
	return &i.transfers[len(i.transfers)-1]
}

// add counts an instance and returns how many SOP classes of studies are new.
func (t *transfer) add(studyUID, sopClassUID string) int {
	for n := range t.studies {
		if t.studies[n].UID == studyUID {
			return t.studies[n].add(sopClassUID)
		}
	}
	t.studies = append(t.studies, Study{UID: studyUID, Classes: []Class{{sopClassUID, 1}}})
	return 1
}

func (s *Study) add(sopClassUID string) int {
	for n := range s.Classes {
		if s.Classes[n].UID == sopClassUID {
			s.Classes[n].Instances++
			return 0
		}
	}
	s.Classes = append(s.Classes, Class{sopClassUID, 1})
	return 1
}

// End records what was gathered. The Intake is empty then and may gather on.
func (i *Intake) End() {
	if i == nil {
		return
	}
	r := i.recorder
	who := []participant{i.from.participant(true, roleSource), r.self(false, roleDestination)}
	for _, t := range i.transfers {
		objects := make([]object, 0, len(t.studies)+1)
		for _, s := range t.studies {
			objects = append(objects, studyObject(s))
		}
		r.record(instancesTransferred, t.action, Success, nil, who, append(objects, patientObject(t.patient))...)
	}
	i.transfers, i.classes = nil, 0
}
