package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"

	"go.uber.org/zap"

	"concord/config"
	"concord/node"
	"concord/node/audit"
	"concord/node/console"
)

// accessOf is how people reach the page.
func accessOf(h config.HTTP) console.Access {
	a := console.Access{Hosts: slices.Clone(h.Hosts), UserHeader: h.UserHeader}
	if host, _, err := net.SplitHostPort(h.Listen); err == nil && host != "" {
		a.Hosts = append(a.Hosts, host)
	}
	if name, err := os.Hostname(); err == nil {
		a.Hosts = append(a.Hosts, name)
	}
	for _, text := range h.TrustedProxies {
		if p, err := config.ParseNetwork(text); err == nil { // the configuration was checked
			a.TrustedProxies = append(a.TrustedProxies, p)
		}
	}
	return a
}

// webTrail records who reads and does what through the page and the API.
type webTrail struct {
	*auditTrail
	console.Access
}

func (t *auditTrail) web(next http.Handler, access console.Access, log *zap.Logger) http.Handler {
	if t.Recorder == nil {
		return next
	}
	w := &webTrail{t, access}
	mux := http.NewServeMux()
	for pattern, record := range map[string]func(*http.Request) error{
		"GET /api/v1/objects/{sop_uid}":                w.objectRead,
		"GET /api/v1/objects/{sop_uid}/frames/{frame}": w.objectRead,
		"GET /api/v1/cases/{id}":                       w.caseRead,
		"GET /api/v1/cases/{id}/feedback":              w.caseRead,
		"GET /cases/{id}":                              w.caseRead,
		"GET /api/v1/cases":                            w.searched,
		"GET /api/v1/feedback":                         w.searched,
		"POST /api/v1/check":                           w.searched,
		"GET /{$}":                                     w.searched,
		"GET /teaching":                                w.searched,
		"POST /api/v1/cases/{id}/{action}":             w.decided,
		"POST /api/v1/deliveries/{id}/resend":          w.resent,
		"POST /api/v1/destinations/{name}/{action}":    w.networkChanged,
		"PUT /api/v1/network":                          w.networkChanged,
	} {
		mux.Handle(pattern, w.recorded(next, record, log))
	}
	mux.Handle("/", next)
	return w.users(mux)
}

// recorded records what was answered well.
func (t *webTrail) recorded(next http.Handler, record func(*http.Request) error, log *zap.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &answered{ResponseWriter: w, status: http.StatusOK}
		asked := r.WithContext(context.WithoutCancel(r.Context())) // who hangs up has read it all the same
		next.ServeHTTP(answer, r)
		if answer.status >= 300 {
			return
		}
		if err := record(asked); err != nil {
			log.Error("a request cannot be recorded in the audit trail", zap.String("route", r.Pattern), zap.Error(err))
		}
	})
}

// users records who comes, and who says so without being believed.
func (t *webTrail) users(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case t.Claimed(r):
			t.UserRefused(audit.Peer{Name: r.Header.Get(t.UserHeader), Address: t.Address(r)})
		case t.User(r) != "":
			t.UserSeen(t.userOf(r))
		}
		next.ServeHTTP(w, r)
	})
}

// answered remembers the status of an answer.
type answered struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (t *webTrail) userOf(r *http.Request) audit.Peer {
	return audit.Peer{Name: t.User(r), Address: t.Address(r)}
}

func (t *webTrail) objectRead(r *http.Request) error {
	o, file, err := t.node.Object(r.Context(), r.PathValue("sop_uid"))
	if err != nil || o == nil {
		return err
	}
	t.InstancesAccessed(t.userOf(r), patientOf(&o.Header), o.Header.StudyUID)
	return file.Close()
}

func (t *webTrail) caseRead(r *http.Request) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return err
	}
	patient, studyUID, err := t.ofCase(r.Context(), id)
	if err == nil {
		t.ProcedureRecord(audit.Read, t.userOf(r), patient, studyUID, audit.Success)
	}
	return err
}

func (t *webTrail) searched(r *http.Request) error {
	t.Query(t.userOf(r), r.URL.Path, r.URL.RawQuery)
	return nil
}

// decided records what a person did to a case: the path names case and action.
func (t *webTrail) decided(r *http.Request) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return err
	}
	return t.decidedOn(r, id)
}

func (t *webTrail) decidedOn(r *http.Request, caseID int64) error {
	patient, studyUID, err := t.ofCase(r.Context(), caseID)
	if err == nil {
		t.Decided(t.userOf(r), r.Method+" "+r.URL.Path, patient, studyUID)
	}
	return err
}

// resent records that a person sent a result again.
func (t *webTrail) resent(r *http.Request) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return err
	}
	var d *node.Delivery
	err = t.node.Index.View(r.Context(), func(tx node.Tx) (err error) {
		d, err = tx.Delivery(id)
		return err
	})
	if err != nil || d == nil {
		return err
	}
	return t.decidedOn(r, d.CaseID)
}

// networkChanged records that somebody changed whom the node talks with.
func (t *webTrail) networkChanged(r *http.Request) error {
	t.NetworkChanged(t.userOf(r), r.Method+" "+r.URL.Path)
	return nil
}
