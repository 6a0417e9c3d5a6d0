package console

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"time"

	"concord/node"
)

//go:embed page
var pageFiles embed.FS

// pages are the templates in each language.
var pages = func() map[string]*template.Template {
	byLanguage := map[string]*template.Template{}
	for language, words := range phrases {
		byLanguage[language] = template.Must(template.New("").Funcs(template.FuncMap{
			"T": words.say, "event": words.event, "reason": words.reason, "person": person,
			"time":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
			"iso":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
			"more":    func(n, shown int) int { return n - shown },
			"day":     func(t time.Time) string { return t.Format("2006-01-02") },
			"tenths":  func(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) },
			"share":   func(part, whole float64) float64 { return part / whole },
			"percent": func(f float64) int { return int(f*100 + 0.5) },
			"form":    func(api string, fields ...any) map[string]any { return pairsOf(append(fields, "API", api)) },
		}).ParseFS(pageFiles, "page/*.html"))
	}
	return byLanguage
}()

// pairsOf makes a map of keys and values, for a template that takes several.
func pairsOf(fields []any) map[string]any {
	m := map[string]any{}
	for i := 0; i+1 < len(fields); i += 2 {
		m[fmt.Sprint(fields[i])] = fields[i+1]
	}
	return m
}

func (c *Console) routePages(mux *http.ServeMux) {
	for pattern, page := range map[string]struct {
		template string
		data     func(*http.Request) (any, error)
	}{
		"GET /{$}":          {"cases.html", c.casesPage},
		"GET /cases/{id}":   {"case.html", c.casePage},
		"GET /destinations": {"destinations.html", c.destinationsPage},
		"GET /teaching":     {"teaching.html", c.teachingPage},
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			data, err := page.data(r)
			if err != nil {
				c.fail(w, r, err)
				return
			}
			c.show(w, r, http.StatusOK, page.template, data)
		})
	}
	for _, name := range []string{"app.css", "app.js"} {
		mux.HandleFunc("GET /static/"+name, asset(name))
	}
}

// asset serves an embedded file, which a browser may keep while it is the same.
func asset(name string) http.HandlerFunc {
	data, err := pageFiles.ReadFile(path.Join("page", name))
	if err != nil {
		panic(err) // it is embedded
	}
	sum := sha256.Sum256(data)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", tag)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
	}
}

// show writes a page in the language of the request.
func (c *Console) show(w http.ResponseWriter, r *http.Request, status int, page string, data any) {
	language := languageOf(w, r)
	var body bytes.Buffer
	err := pages[language].ExecuteTemplate(&body, page, map[string]any{"Title": c.Title, "Language": language, "User": c.Access.User(r),
		"Path": r.URL.Path, "Query": r.URL.Query(), "Data": data})
	if err != nil {
		c.Log.Error("a page cannot be written: " + page)
		http.Error(w, "internal error; see the node's log", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Add("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	w.Write(body.Bytes())
}

func (c *Console) failPage(w http.ResponseWriter, r *http.Request, status int, message string) {
	c.show(w, r, status, "error.html", map[string]any{"Status": status, "Message": message})
}

// casesPage lists cases, the flagged ones first and the worst of them on top.
func (c *Console) casesPage(r *http.Request) (any, error) {
	filter, err := filterOf(r)
	if err != nil {
		return nil, err
	}
	var listed, judged []*node.Case
	var counts map[node.State]int
	err = c.Node.Index.View(r.Context(), func(tx node.Tx) (err error) {
		if listed, err = tx.Cases(filter); err != nil {
			return err
		}
		if filter == (node.CaseFilter{Limit: filter.Limit}) {
			if judged, err = newestJudged(tx); err != nil {
				return err
			}
		}
		counts, err = tx.CountCases()
		return err
	})
	if err != nil {
		return nil, err
	}
	next := ""
	if len(listed) == filter.Limit {
		next = "/?" + withQuery(r.URL.Query(), "before", strconv.FormatInt(listed[len(listed)-1].ID, 10))
	}
	flagged, others := flagsFirst(listed, judged)
	return map[string]any{"Flagged": flagged, "Others": others, "Filter": filter, "States": node.States,
		"Counts": counts, "Next": next, "First": filter.BeforeID != 0}, nil
}

// shownJudged is how many cases of each state that follows judging are looked
// through for flags: the newest cases of all may just have begun to wait.
const shownJudged = 50

func newestJudged(tx node.Tx) (judged []*node.Case, err error) {
	for _, state := range []node.State{node.Judged, node.Delivering, node.Done, node.Failed} {
		cases, err := tx.Cases(node.CaseFilter{State: state, Limit: shownJudged})
		if err != nil {
			return nil, err
		}
		judged = append(judged, cases...)
	}
	return judged, nil
}

// flagsFirst divides the cases of a page, and those beside it that have flags.
func flagsFirst(listed, beside []*node.Case) (flagged, others []*node.Case) {
	known := map[int64]bool{}
	for _, c := range slices.Concat(listed, beside) {
		if urgency(c) > 0 && !known[c.ID] {
			flagged, known[c.ID] = append(flagged, c), true
			slices.SortStableFunc(c.Flags, func(a, b node.Flag) int { return cmp.Compare(rank(b.Severity), rank(a.Severity)) })
		}
	}
	slices.SortFunc(flagged, func(a, b *node.Case) int { return cmp.Or(cmp.Compare(urgency(b), urgency(a)), cmp.Compare(b.ID, a.ID)) })
	for _, c := range listed {
		if !known[c.ID] {
			others = append(others, c)
		}
	}
	return flagged, others
}

func withQuery(q url.Values, key, value string) string {
	q.Set(key, value)
	return q.Encode()
}

// urgency ranks a case by its worst flag, 0 for one without; what was replaced or
// withdrawn is never urgent.
func urgency(c *node.Case) (worst int) {
	if c.State == node.Superseded || c.State == node.Withdrawn {
		return 0
	}
	for _, f := range c.Flags {
		worst = max(worst, 1+rank(f.Severity))
	}
	return worst
}

// destinationView is a destination with what is on its way to it.
type destinationView struct {
	destinationStatus
	Waiting, Retrying, Dead int
}

// shownDeliveries bounds the deliveries of each state that a page looks at.
const shownDeliveries = 500

func (c *Console) destinationsPage(r *http.Request) (any, error) {
	lists := map[node.DeliveryState][]caseDelivery{}
	full := false
	for _, state := range []node.DeliveryState{node.DeliveryDead, node.DeliveryRetrying, node.DeliveryWaiting} {
		list, err := c.deliveriesIn(r.Context(), state, shownDeliveries)
		if err != nil {
			return nil, err
		}
		lists[state] = list
		full = full || len(list) == shownDeliveries
	}
	statuses, err := c.destinationStatuses(r.Context())
	if err != nil {
		return nil, err
	}
	var views []destinationView
	for _, d := range statuses {
		to := func(state node.DeliveryState) (n int) {
			for _, delivery := range lists[state] {
				if delivery.Destination == d.Name {
					n++
				}
			}
			return n
		}
		views = append(views, destinationView{d, to(node.DeliveryWaiting), to(node.DeliveryRetrying), to(node.DeliveryDead)})
	}
	var peers []Peer
	if c.Peers != nil {
		peers = c.Peers()
	}
	return map[string]any{"Destinations": views, "Dead": lists[node.DeliveryDead], "Retrying": lists[node.DeliveryRetrying],
		"Peers": peers, "Full": full, "Most": shownDeliveries}, nil
}
