package console

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"concord/node"
)

const (
	defaultPage = 50
	maxPage     = 1000
)

// filterOf reads the query of a case list.
func filterOf(r *http.Request) (f node.CaseFilter, err error) {
	q := r.URL.Query()
	f = node.CaseFilter{Accession: strings.TrimSpace(q.Get("accession")), PatientID: q.Get("patient"),
		StudyUID: strings.TrimSpace(q.Get("study")), State: node.State(q.Get("state"))}
	if f.State != "" && !slices.Contains(node.States, f.State) {
		return f, &httpError{http.StatusBadRequest, "there is no such state; the states are " + joined(node.States)}
	}
	if s := q.Get("before"); s != "" {
		if f.BeforeID, err = number("before", s); err != nil {
			return f, err
		}
	}
	f.Limit, err = limitOf(r)
	return f, err
}

// limitOf reads how many entries a list may have.
func limitOf(r *http.Request) (int, error) {
	asked := r.URL.Query().Get("limit")
	if asked == "" {
		return defaultPage, nil
	}
	n, err := number("limit", asked)
	return int(min(n, maxPage)), err
}

func joined[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, w := range list {
		words[i] = string(w)
	}
	return strings.Join(words, ", ")
}

func (c *Console) cases(r *http.Request) (any, error) {
	filter, err := filterOf(r)
	if err != nil {
		return nil, err
	}
	views, err := c.Node.Cases(r.Context(), filter)
	return map[string]any{"cases": views}, err
}

func (c *Console) caseByID(r *http.Request) (any, error) { return c.findCase(r) }

// findCase reads the case that the path names.
func (c *Console) findCase(r *http.Request) (*node.CaseView, error) {
	id, err := number("a case ID", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	view, err := c.Node.Case(r.Context(), id)
	if err == nil && view == nil {
		err = &node.NotFoundError{What: "case " + r.PathValue("id")}
	}
	return view, err
}

// object sends the Part 10 file of an instance as it was received.
func (c *Console) object(w http.ResponseWriter, r *http.Request) {
	object, file, err := c.Node.Object(r.Context(), r.PathValue("sop_uid"))
	if err == nil && object == nil {
		err = &node.NotFoundError{What: "such SOP instance"}
	}
	if err != nil {
		c.fail(w, r, err)
		return
	}
	defer file.Close()
	w.Header().Set("Content-Type", "application/dicom")
	w.Header().Set("Content-Disposition", `attachment; filename="`+object.SOPInstanceUID+`.dcm"`)
	http.ServeContent(w, r, "", time.Time{}, node.NewReader(file))
}

// replaceNetwork changes who may send and where results go, and answers with
// the peers as they are then.
func (c *Console) replaceNetwork(r *http.Request) (any, error) {
	if c.ReplaceNetwork == nil {
		return nil, &httpError{http.StatusConflict, "this node's network cannot be changed while it runs"}
	}
	if mediaType(r) != jsonType {
		return nil, &httpError{http.StatusUnsupportedMediaType, "the body must be " + jsonType}
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if err := c.ReplaceNetwork(r.Context(), text); err != nil {
		return nil, &httpError{http.StatusBadRequest, err.Error()}
	}
	return c.peers(r)
}

func (c *Console) peers(*http.Request) (any, error) {
	peers := []Peer{}
	if c.Peers != nil {
		peers = append(peers, c.Peers()...)
	}
	return map[string]any{"peers": peers}, nil
}
