// Package console shows the node to people and programs over HTTP: an API in
// JSON, a web page in English and Chinese, metrics in Prometheus form, health.
// docs/api.md is the contract of the API.
//
// It has no accounts of its own: bind it to localhost or to a network that may
// see reports, or put a proxy that knows its users in front (see Access). What
// another web site makes a browser send is refused.
package console

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"concord/node"
)

// Console serves one node. Its fields are set before Handler is called.
type Console struct {
	Node  *node.Node
	Title string        // AE title of the node, for the page
	Peers func() []Peer // the DICOM peers as they are configured now; nil: none
	// ReplaceNetwork changes AE title, peers and destinations; its text is JSON
	// with the keys of the configuration. nil: they cannot be changed here.
	ReplaceNetwork func(ctx context.Context, text []byte) error

	Access Access

	Ready func() error // nil error: the node can take objects and messages
	Log   *zap.Logger

	Metrics []prometheus.Collector // of other parts of the program

	frames frameCache
	checks slots
}

// Peer is a DICOM application that the node knows.
type Peer struct {
	Name        string `json:"name"`
	AETitle     string `json:"ae_title"`
	Address     string `json:"address"`
	SendResults bool   `json:"send_results"`
}

// Handler returns the routes.
func (c *Console) Handler() http.Handler {
	c.frames.rendering = make(slots, maxRendering)
	c.checks = make(slots, maxChecking)
	requests := newRequests()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", c.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(c.registry(requests), promhttp.HandlerOpts{}))
	c.routeAPI(mux)
	c.routePages(mux)

	return requests.count(secure(c.guard(c.known(mux))))
}

func (c *Console) routeAPI(mux *http.ServeMux) {
	for pattern, answer := range map[string]func(*http.Request) (any, error){
		"GET /api/v1/cases":                         c.cases,
		"GET /api/v1/cases/{id}":                    c.caseByID,
		"GET /api/v1/cases/{id}/feedback":           c.caseFeedback,
		"POST /api/v1/cases/{id}/feedback":          c.addFeedback,
		"POST /api/v1/cases/{id}/judge":             c.judgeNow,
		"POST /api/v1/cases/{id}/study":             c.chooseStudy,
		"POST /api/v1/cases/{id}/dismiss":           c.dismiss,
		"GET /api/v1/deliveries":                    c.deliveries,
		"POST /api/v1/deliveries/{id}/resend":       c.resend,
		"GET /api/v1/destinations":                  c.destinations,
		"POST /api/v1/destinations/{name}/{action}": c.switchDestination,
		"GET /api/v1/peers":                         c.peers,
		"GET /api/v1/quarantine":                    c.quarantine,
		"POST /api/v1/quarantine/{id}/read":         c.readAgain,
		"PUT /api/v1/network":                       c.replaceNetwork,
		"POST /api/v1/check":                        c.check,
	} {
		mux.Handle(pattern, c.answer(answer))
	}
	mux.HandleFunc("GET /api/v1/feedback", c.exportFeedback)
	mux.HandleFunc("GET /api/v1/quarantine/{id}", c.quarantined)
	mux.HandleFunc("GET /api/v1/objects/{sop_uid}", c.object)
	mux.HandleFunc("GET /api/v1/objects/{sop_uid}/frames/{frame}", c.frame)
}

// answer makes a handler of a function whose result is the JSON of the answer.
func (c *Console) answer(f func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := takeBody(w, r)
		var v any
		if err == nil {
			v, err = f(r)
		}
		if err != nil {
			c.fail(w, r, err)
			return
		}
		writeJSON(w, http.StatusOK, v)
	})
}

// secure sets the headers that keep report text in this page and out of caches.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "+
			"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// known answers what no route takes in the form of all other errors.
func (c *Console) known(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		refused := refusal{header: w.Header()}
		refuse.ServeHTTP(&refused, r)
		message := "there is no such page or resource"
		if refused.status == http.StatusMethodNotAllowed {
			message = "this resource takes " + w.Header().Get("Allow")
		}
		c.fail(w, r, &httpError{refused.status, message})
	})
}

// refusal keeps status and headers of an answer and drops its text.
type refusal struct {
	header http.Header
	status int
}

func (f *refusal) Header() http.Header         { return f.header }
func (f *refusal) WriteHeader(status int)      { f.status = status }
func (f *refusal) Write(b []byte) (int, error) { return len(b), nil }

func (c *Console) ready(w http.ResponseWriter, _ *http.Request) {
	if err := c.Ready(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Write([]byte("ready\n"))
}

// slots bounds how many requests do something costly at once.
type slots chan struct{}

// take waits for a slot and returns what gives it back.
func (s slots) take(r *http.Request) (release func(), err error) {
	timer := time.NewTimer(slotWait)
	defer timer.Stop()
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	case <-timer.C:
		return nil, &httpError{http.StatusServiceUnavailable, "too many such requests at once; try again in a few seconds"}
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// slotWait is how long a request waits for its turn.
const slotWait = 10 * time.Second

func (c *Console) registry(requests *requests) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(&collector{node: c.Node, log: c.Log}, requests.took)
	registry.MustRegister(c.Metrics...)
	registerRuntime(registry)
	return registry
}
