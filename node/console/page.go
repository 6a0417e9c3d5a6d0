package console

import (
	"embed"
	"errors"
	"html/template"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"concord/node"
)

//go:embed page/*.html
var pageFiles embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"time":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
	"percent": func(f float64) int { return int(f*100 + 0.5) },
	"words":   func(s any) string { return strings.ReplaceAll(toString(s), "_", " ") },
}).ParseFS(pageFiles, "page/*.html"))

func toString(s any) string {
	switch v := s.(type) {
	case node.State:
		return string(v)
	case node.Verdict:
		return string(v)
	case string:
		return v
	}
	return ""
}

func (c *Console) casesPage(w http.ResponseWriter, r *http.Request) {
	filter, err := filterOf(r)
	if err != nil {
		c.failPage(w, err)
		return
	}
	views, err := c.Node.Cases(r.Context(), filter)
	if err != nil {
		c.failPage(w, err)
		return
	}
	c.show(w, "cases.html", map[string]any{"Title": c.Title, "Cases": views, "Filter": filter, "States": node.States})
}

func (c *Console) casePage(w http.ResponseWriter, r *http.Request) {
	view, err := c.findCase(r)
	if err != nil {
		c.failPage(w, err)
		return
	}
	c.show(w, "case.html", map[string]any{"Title": c.Title, "Case": view})
}

func (c *Console) failPage(w http.ResponseWriter, err error) {
	var known *httpError
	if errors.As(err, &known) {
		http.Error(w, known.message, known.status)
		return
	}
	c.Log.Error("a page failed", zap.Error(err))
	http.Error(w, "internal error; see the node's log", http.StatusInternalServerError)
}

func (c *Console) show(w http.ResponseWriter, page string, data any) {
	var body strings.Builder
	if err := pages.ExecuteTemplate(&body, page, data); err != nil {
		c.failPage(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write([]byte(body.String()))
}
