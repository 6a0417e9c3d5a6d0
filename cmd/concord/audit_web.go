package main

import (
	"context"
	"net/http"
	"strconv"

	"go.uber.org/zap"

	"concord/node/audit"
)

// web records who reads what through the page and the API.
func (t *auditTrail) web(next http.Handler, log *zap.Logger) http.Handler {
	if t.Recorder == nil {
		return next
	}
	mux := http.NewServeMux()
	for pattern, record := range map[string]func(*http.Request) error{
		"GET /api/v1/objects/{sop_uid}":                t.objectRead,
		"GET /api/v1/objects/{sop_uid}/frames/{frame}": t.objectRead,
		"GET /api/v1/cases/{id}":                       t.caseRead,
		"GET /api/v1/cases/{id}/feedback":              t.caseRead,
		"GET /cases/{id}":                              t.caseRead,
		"GET /api/v1/cases":                            t.searched,
		"GET /api/v1/feedback":                         t.searched,
		"POST /api/v1/check":                           t.searched,
		"GET /{$}":                                     t.searched,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			answer := &answered{ResponseWriter: w, status: http.StatusOK}
			asked := r.WithContext(context.WithoutCancel(r.Context())) // who hangs up has read it all the same
			next.ServeHTTP(answer, r)
			if answer.status >= 300 {
				return
			}
			if err := record(asked); err != nil {
				log.Error("a reading cannot be recorded in the audit trail", zap.Error(err))
			}
		})
	}
	mux.Handle("/", next)
	return mux
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

func userOf(r *http.Request) audit.Peer { return audit.Peer{Address: hostOf(r.RemoteAddr)} }

func (t *auditTrail) objectRead(r *http.Request) error {
	o, file, err := t.node.Object(r.Context(), r.PathValue("sop_uid"))
	if err != nil || o == nil {
		return err
	}
	t.InstancesAccessed(userOf(r), patientOf(&o.Header), o.Header.StudyUID)
	return file.Close()
}

func (t *auditTrail) caseRead(r *http.Request) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return err
	}
	patient, studyUID, err := t.ofCase(r.Context(), id)
	if err == nil {
		t.ProcedureRecord(audit.Read, userOf(r), patient, studyUID, audit.Success)
	}
	return err
}

func (t *auditTrail) searched(r *http.Request) error {
	t.Query(userOf(r), r.URL.Path, r.URL.RawQuery)
	return nil
}
