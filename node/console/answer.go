package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"concord/node"
)

// httpError is an error with its status.
type httpError struct {
	status  int
	message string
}

func (e *httpError) Error() string { return e.message }

// conflict says that what is asked for does not fit the state of its target.
func conflict(err error) error {
	var input *node.InputError
	if errors.As(err, &input) {
		return &httpError{http.StatusConflict, input.Text}
	}
	return err
}

// explain gives an error its status and what may be said of it. An error that
// nobody foresaw is a 500 without detail, for it might hold what only the log
// may know.
func explain(err error) (status int, message string) {
	var (
		known    *httpError
		input    *node.InputError
		notFound *node.NotFoundError
		tooLarge *http.MaxBytesError
	)
	switch {
	case errors.As(err, &known):
		return known.status, known.message
	case errors.As(err, &input):
		return http.StatusBadRequest, input.Text
	case errors.As(err, &notFound):
		return http.StatusNotFound, notFound.Error()
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge, "the body has more than " + strconv.FormatInt(tooLarge.Limit, 10) + " bytes"
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable, "this took too long; try again later"
	}
	return http.StatusInternalServerError, "internal error; see the node's log"
}

// fail answers with an error: programs get JSON, people a page.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody waits for the answer
	}
	status, message := explain(err)
	if status == http.StatusInternalServerError {
		c.Log.Error("a request failed", zap.String("route", r.Pattern), zap.Error(err))
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	if strings.HasPrefix(r.URL.Path, "/api/") {
		writeJSON(w, status, map[string]string{"error": message})
		return
	}
	c.failPage(w, r, status, message)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(v) // an error is one of the connection
}

// Bounds of what a request may bring, and how long it may take to.
const (
	maxBody    = 4 << 20
	bodyWait   = 30 * time.Second
	jsonType   = "application/json"
	hl7Type    = "application/hl7-v2"
	hl7ERType  = "application/hl7-v2+er7"
	hl7XERType = "x-application/hl7-v2+er7"
)

// takeBody reads the body of a POST or PUT before anything is done with it: bounded in
// bytes and time, and without a deadline that would cut the work off later.
func takeBody(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		return nil
	}
	connection := http.NewResponseController(w)
	connection.SetReadDeadline(time.Now().Add(bodyWait)) // an error: the connection knows no deadlines
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	connection.SetReadDeadline(time.Time{})
	r.Body = io.NopCloser(bytes.NewReader(body))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &httpError{http.StatusRequestTimeout, "the body did not come in time"}
	}
	return err
}

// mediaType is the type of the body without its parameters.
func mediaType(r *http.Request) string {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

// readJSON reads the one JSON object of a body; unknown fields are errors.
func readJSON(r *http.Request, to any) error {
	if mediaType(r) != jsonType {
		return &httpError{http.StatusUnsupportedMediaType, "the body must be " + jsonType}
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(to); err != nil {
		return badJSON(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return badJSON(errors.New("something follows the object"))
	}
	return nil
}

// badJSON keeps the values of the body out of the error: they may be report text.
func badJSON(err error) error {
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType):
		return &httpError{http.StatusBadRequest, "the field " + wrongType.Field + " must be a " + wrongType.Type.String()}
	case strings.HasPrefix(err.Error(), "json: unknown field"):
		return &httpError{http.StatusBadRequest, strings.TrimPrefix(err.Error(), "json: ")}
	}
	return &httpError{http.StatusBadRequest, "the body is not one JSON object"}
}

// number reads a number from 1 that a request names.
func number(name, s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 {
		return 0, &httpError{http.StatusBadRequest, name + " must be a number from 1"}
	}
	return n, nil
}
