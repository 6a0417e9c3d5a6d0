package node

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
)

// States lists the states of a case in the order of the way through.
var States = []State{WaitingReport, WaitingImages, Ambiguous, Settling, Ready, Judging, Judged, Delivering, Done,
	Withdrawn, Superseded, Expired, Failed}

// CaseView is a case with what happened to it, as the API shows it.
type CaseView struct {
	*Case
	Deliveries []Delivery
	Held       []HeldFlag // flags that destinations did not get
	Timeline   []CaseEvent
}

// MarshalJSON writes the case's own fields with deliveries and timeline beside.
func (v *CaseView) MarshalJSON() ([]byte, error) {
	own, err := json.Marshal(v.Case)
	if err != nil {
		return nil, err
	}
	added, err := json.Marshal(struct {
		Deliveries []Delivery  `json:"deliveries"`
		Held       []HeldFlag  `json:"held,omitempty"`
		Timeline   []CaseEvent `json:"timeline"`
	}{orEmpty(v.Deliveries), v.Held, orEmpty(v.Timeline)})
	if err != nil {
		return nil, err
	}
	return append(append(own[:len(own)-1], ','), added[1:]...), nil
}

// Cases lists cases, newest first.
func (n *Node) Cases(ctx context.Context, filter CaseFilter) ([]*CaseView, error) {
	views := []*CaseView{}
	err := n.view(ctx, func(tx Tx) error {
		cases, err := tx.Cases(filter)
		if err != nil {
			return err
		}
		views, err = viewsOf(tx, cases)
		return err
	})
	return views, err
}

// Case returns one case, or nil when there is none with the ID.
func (n *Node) Case(ctx context.Context, id int64) (view *CaseView, err error) {
	err = n.view(ctx, func(tx Tx) error {
		c, err := tx.Case(id)
		if err != nil || c == nil {
			return err
		}
		views, err := viewsOf(tx, []*Case{c})
		if err == nil {
			view = views[0]
		}
		return err
	})
	return view, err
}

// viewsOf reads what belongs to all of the cases at once.
func viewsOf(tx Tx, cases []*Case) ([]*CaseView, error) {
	views, byID := make([]*CaseView, len(cases)), make(map[int64]*CaseView, len(cases))
	ids := make([]int64, len(cases))
	for i, c := range cases {
		views[i], ids[i] = &CaseView{Case: c}, c.ID
		byID[c.ID] = views[i]
	}
	deliveries, err := tx.CaseDeliveries(ids...)
	if err != nil {
		return nil, err
	}
	for _, d := range deliveries {
		byID[d.CaseID].Deliveries = append(byID[d.CaseID].Deliveries, d)
	}
	alerts, err := tx.CaseAlerts(ids...)
	if err != nil {
		return nil, err
	}
	for _, a := range alerts {
		byID[a.CaseID].Held = append(byID[a.CaseID].Held, a.heldFlags()...)
	}
	timelines, err := tx.Timelines(ids...)
	for id, timeline := range timelines {
		byID[id].Timeline = timeline
	}
	return views, err
}

// CountCases counts the cases of each state.
func (n *Node) CountCases(ctx context.Context) (counts map[State]int, err error) {
	err = n.Index.View(ctx, func(tx Tx) error {
		counts, err = tx.CountCases()
		return err
	})
	return counts, err
}

// Object finds a stored instance with its file, or nil when there is none. The
// caller closes the file.
func (n *Node) Object(ctx context.Context, sopInstanceUID string) (*Object, ObjectFile, error) {
	o, err := n.knownObject(ctx, sopInstanceUID)
	if err != nil || o == nil {
		return nil, nil, err
	}
	file, err := n.Objects.Open(o.Path)
	if errors.Is(err, fs.ErrNotExist) { // retention may have removed it just now
		if now, err := n.knownObject(ctx, sopInstanceUID); err != nil || now == nil {
			return nil, nil, err
		}
	}
	if err != nil {
		return nil, nil, err
	}
	return o, file, nil
}

// NewReader reads an object's file from its beginning.
func NewReader(f ObjectFile) io.ReadSeeker { return io.NewSectionReader(f, 0, f.Size()) }
