package console

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"concord/node"
)

const (
	maxChecking = 4                // checks at once; each holds a body and the pictures of one study
	checkTime   = 30 * time.Second // a person waits to sign
)

// check judges a report that is not signed yet. The body is JSON, or an HL7
// message with the keys in the query.
func (c *Console) check(r *http.Request) (any, error) {
	ask, err := readCheck(r)
	if err != nil {
		return nil, err
	}
	release, err := c.checks.take(r)
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(r.Context(), checkTime)
	defer cancel()
	checks, err := c.Node.Check(ctx, ask)
	if err != nil && ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err) // whatever the model says of being stopped
	}
	return map[string]any{"checks": checks}, err
}

func readCheck(r *http.Request) (ask node.CheckRequest, err error) {
	switch mediaType(r) {
	case hl7Type, hl7ERType, hl7XERType:
		q := r.URL.Query()
		ask.StudyUID, ask.Accession = q.Get("study_uid"), q.Get("accession")
		ask.HL7, err = io.ReadAll(r.Body)
		return ask, err
	case jsonType:
		var body struct {
			Report    string `json:"report"`
			HL7       string `json:"hl7"`
			StudyUID  string `json:"study_uid"`
			Accession string `json:"accession"`
		}
		if err := readJSON(r, &body); err != nil {
			return ask, err
		}
		if (body.Report == "") == (body.HL7 == "") {
			return ask, &httpError{http.StatusBadRequest, "give either report or hl7"}
		}
		return node.CheckRequest{Text: body.Report, HL7: []byte(body.HL7), StudyUID: body.StudyUID, Accession: body.Accession}, nil
	}
	return ask, &httpError{http.StatusUnsupportedMediaType, "the body must be " + jsonType + " or " + hl7Type}
}
