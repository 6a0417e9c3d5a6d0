// Package console shows the node to people and programs over HTTP: cases and
// objects as JSON, a page, metrics in Prometheus form, health.
//
// It has no accounts of its own yet: bind it to localhost or to a network that
// may see reports, or put a proxy that knows its users in front.
package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"concord/node"
)

// Console serves one node. Its fields are set before Handler is called.
type Console struct {
	Node  *node.Node
	Title string       // AE title of the node, for the page
	Ready func() error // nil error: the node can take objects and messages
	Log   *zap.Logger
}

// Handler returns the routes.
func (c *Console) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(&collector{node: c.Node, log: c.Log})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", c.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /api/v1/cases", c.cases)
	mux.HandleFunc("GET /api/v1/cases/{id}", c.caseByID)
	mux.HandleFunc("GET /api/v1/objects/{sop_uid}", c.object)
	mux.HandleFunc("GET /{$}", c.casesPage)
	mux.HandleFunc("GET /cases/{id}", c.casePage)
	return secure(mux)
}

// secure sets the headers that keep report text in this page and out of caches.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func (c *Console) ready(w http.ResponseWriter, _ *http.Request) {
	if err := c.Ready(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Write([]byte("ready\n"))
}

// httpError is an error with its status; any other error is a 500 without
// detail, for it might hold what only the log may know.
type httpError struct {
	status  int
	message string
}

func (e *httpError) Error() string { return e.message }

func (c *Console) fail(w http.ResponseWriter, err error) {
	var known *httpError
	if errors.As(err, &known) {
		writeJSON(w, known.status, map[string]string{"error": known.message})
		return
	}
	c.Log.Error("a request failed", zap.Error(err))
	writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "internal error; see the node's log"})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, "cannot encode the answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(append(body, '\n'))
}

const (
	defaultPage = 100
	maxPage     = 1000
)

// filterOf reads the query of a case list.
func filterOf(r *http.Request) (node.CaseFilter, error) {
	q := r.URL.Query()
	f := node.CaseFilter{Accession: q.Get("accession"), PatientID: q.Get("patient"), StudyUID: q.Get("study"),
		State: node.State(q.Get("state")), Limit: defaultPage}
	for name, field := range map[string]func(int64){
		"limit":  func(n int64) { f.Limit = int(min(n, maxPage)) },
		"before": func(n int64) { f.BeforeID = n },
	} {
		if s := q.Get(name); s != "" {
			n, err := strconv.ParseInt(s, 10, 64)
			if err != nil || n < 1 {
				return f, &httpError{http.StatusBadRequest, name + " must be a number from 1"}
			}
			field(n)
		}
	}
	return f, nil
}

func (c *Console) cases(w http.ResponseWriter, r *http.Request) {
	filter, err := filterOf(r)
	if err != nil {
		c.fail(w, err)
		return
	}
	views, err := c.Node.Cases(r.Context(), filter)
	if err != nil {
		c.fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"cases": views})
}

func (c *Console) caseByID(w http.ResponseWriter, r *http.Request) {
	view, err := c.findCase(r)
	if err != nil {
		c.fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, view)
}

func (c *Console) findCase(r *http.Request) (*node.CaseView, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, &httpError{http.StatusBadRequest, "a case ID is a number"}
	}
	view, err := c.Node.Case(r.Context(), id)
	if err == nil && view == nil {
		err = &httpError{http.StatusNotFound, "no case " + r.PathValue("id")}
	}
	return view, err
}

// object sends the Part 10 file of an instance as it was received.
func (c *Console) object(w http.ResponseWriter, r *http.Request) {
	object, file, err := c.Node.Object(r.Context(), r.PathValue("sop_uid"))
	if err != nil {
		c.fail(w, err)
		return
	}
	if object == nil {
		c.fail(w, &httpError{http.StatusNotFound, "no such SOP instance"})
		return
	}
	defer file.Close()
	w.Header().Set("Content-Type", "application/dicom")
	w.Header().Set("Content-Disposition", `attachment; filename="`+object.SOPInstanceUID+`.dcm"`)
	http.ServeContent(w, r, "", time.Time{}, node.NewReader(file))
}
