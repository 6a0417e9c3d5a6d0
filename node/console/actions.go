package console

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"concord/node"
)

// judgeNow ends the quiet timer of a case; the answer is the case as it is then.
func (c *Console) judgeNow(r *http.Request) (any, error) {
	id, err := number("a case ID", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if err := c.Node.JudgeNow(r.Context(), id, c.Access.User(r)); err != nil {
		return nil, conflict(err)
	}
	return c.findCase(r)
}

// chooseStudy joins a case to a study; the answer is the case as it is then.
func (c *Console) chooseStudy(r *http.Request) (any, error) {
	id, err := number("a case ID", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	var body struct {
		StudyUID string `json:"study_uid"`
	}
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	if body.StudyUID == "" {
		return nil, &httpError{http.StatusBadRequest, "study_uid is empty"}
	}
	if err := c.Node.ChooseStudy(r.Context(), id, body.StudyUID, c.Access.User(r)); err != nil {
		return nil, conflict(err)
	}
	return c.findCase(r)
}

// dismiss gives up a failed case; the answer is the case as it is then.
func (c *Console) dismiss(r *http.Request) (any, error) {
	id, err := number("a case ID", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	var body struct {
		Reason string `json:"reason"`
	}
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	if strings.TrimSpace(body.Reason) == "" {
		return nil, &httpError{http.StatusBadRequest, "reason is empty; say why the case needs no more work"}
	}
	if err := c.Node.Dismiss(r.Context(), id, strings.TrimSpace(body.Reason), c.Access.User(r)); err != nil {
		return nil, conflict(err)
	}
	return c.findCase(r)
}

// caseDelivery is a delivery outside its case.
type caseDelivery struct {
	node.Delivery
	Case int64 `json:"case"`
}

var deliveryStates = []node.DeliveryState{node.DeliveryDead, node.DeliveryWaiting, node.DeliveryRetrying, node.DeliveryStored, node.DeliverySent}

// deliveries lists those in one state, oldest first.
func (c *Console) deliveries(r *http.Request) (any, error) {
	state := node.DeliveryState(r.URL.Query().Get("state"))
	if !slices.Contains(deliveryStates, state) {
		return nil, &httpError{http.StatusBadRequest, "state must be one of " + joined(deliveryStates)}
	}
	limit, err := limitOf(r)
	if err != nil {
		return nil, err
	}
	list, err := c.deliveriesIn(r.Context(), state, limit)
	return map[string]any{"deliveries": list}, err
}

func (c *Console) deliveriesIn(ctx context.Context, state node.DeliveryState, limit int) ([]caseDelivery, error) {
	list := []caseDelivery{}
	err := c.Node.Index.View(ctx, func(tx node.Tx) error {
		found, err := tx.Deliveries(state, limit)
		for _, d := range found {
			list = append(list, caseDelivery{d, d.CaseID})
		}
		return err
	})
	return list, err
}

// resend queues a result that was given up; the answer is the delivery.
func (c *Console) resend(r *http.Request) (any, error) {
	id, err := number("a delivery ID", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if err := c.Node.Resend(r.Context(), id, c.Access.User(r)); err != nil {
		return nil, conflict(err)
	}
	var queued *node.Delivery
	err = c.Node.Index.View(r.Context(), func(tx node.Tx) (err error) {
		queued, err = tx.Delivery(id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return caseDelivery{*queued, queued.CaseID}, nil
}

// destinationStatus is a destination with its budget of false alerts.
type destinationStatus struct {
	node.DestinationStatus
	Budget *node.BudgetStatus `json:"budget,omitempty"`
}

func (c *Console) destinations(r *http.Request) (any, error) {
	list, err := c.destinationStatuses(r.Context())
	return map[string]any{"destinations": list}, err
}

func (c *Console) destinationStatuses(ctx context.Context) ([]destinationStatus, error) {
	statuses, err := c.Node.DestinationStatuses(ctx)
	if err != nil {
		return nil, err
	}
	list := []destinationStatus{}
	for _, d := range statuses {
		budget, err := c.Node.Budget(ctx, d.Name)
		if err != nil {
			return nil, err
		}
		list = append(list, destinationStatus{d, budget})
	}
	return list, nil
}

// switchDestination pauses or resumes; the answer is all destinations.
func (c *Console) switchDestination(r *http.Request) (any, error) {
	change := map[string]func(context.Context, string) error{"pause": c.Node.Pause, "resume": c.Node.Resume}[r.PathValue("action")]
	if change == nil {
		return nil, &node.NotFoundError{What: "such action; a destination can pause and resume"}
	}
	if err := change(r.Context(), r.PathValue("name")); err != nil {
		return nil, err
	}
	return c.destinations(r)
}
