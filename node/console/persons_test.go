package console_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"concord/node"
)

// What a person does by the page or the API bears the name that the proxy in
// front gives, whatever the request itself says.
func TestPersonsLeaveTheirNames(t *testing.T) {
	h := newHarness(t, time.Millisecond)
	h.ris.refuses.Store(true)
	h.store(study1, "A1")
	h.send(oru("M1", "A1", "Normal heart."))
	h.wait(node.Failed)
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"/api/v1/cases/1/dismiss", `{"reason": " "}`, http.StatusBadRequest},
		{"/api/v1/cases/1/dismiss", `{"reason": "the RIS was replaced"}`, http.StatusOK},
		{"/api/v1/cases/1/dismiss", `{"reason": "again"}`, http.StatusConflict},
		{"/api/v1/cases/1/feedback", `{"statement": 1, "opinion": "right", "author": "somebody else"}`, http.StatusOK},
	} {
		answer, body := h.do("POST", c.path, "application/json", c.body, "X-Remote-User", "Dr Li")
		if answer.StatusCode != c.status {
			t.Errorf("%s %s: %s %s, want %d", c.path, c.body, answer.Status, body, c.status)
		}
	}
	answer, body := h.do("GET", "/api/v1/cases/1", "", "")
	if answer.StatusCode != http.StatusOK || strings.Count(body, `"by": "Dr Li"`) != 2 || !strings.Contains(body, `"dismissed_at"`) {
		t.Errorf("want the dismissal and the opinion by Dr Li: %s", body)
	}
	readContract(t).check(t, body)
	if _, body := h.do("GET", "/api/v1/cases/1/feedback", "", ""); !strings.Contains(body, `"author": "Dr Li"`) {
		t.Errorf("the author is not who asked: %s", body)
	}
	if _, page := h.do("GET", "/cases/1", "", "", "X-Remote-User", "Dr Li"); strings.Contains(page, `id="author"`) || !strings.Contains(page, "Dr Li") {
		t.Error("the page asks a known user for a name")
	}
}

// What a budget holds back is seen with the case and with its destination.
func TestBudgetIsSeen(t *testing.T) {
	h := newHarness(t, time.Millisecond)
	list := h.node.Destinations()
	list[1].MaxFalseAlerts = 0.01
	h.node.SetDestinations(list)
	const absurd = "Nodule of 95 cm in the right upper lobe."
	h.store(study1, "A1")
	h.send(oru("M1", "A1", absurd))
	h.wait(node.Done)
	h.do("POST", "/api/v1/cases/1/feedback", "application/json", `{"statement": 1, "rule": "UNIT-001", "opinion": "wrong"}`)
	h.store(study2, "A2")
	h.send(oru("M2", "A2", absurd))
	h.wait(node.Done, node.Done)
	_, body := h.do("GET", "/api/v1/cases/2", "", "")
	if !strings.Contains(body, `"held": [`) || !strings.Contains(body, `"event": "held back from ris: UNIT-001 on statement 1, `) {
		t.Errorf("the case does not tell what was held back: %s", body)
	}
	readContract(t).check(t, body)
	_, body = h.do("GET", "/api/v1/destinations", "", "")
	if !strings.Contains(body, `"wrong": 1`) {
		t.Errorf("the destination does not tell: %s", body)
	}
	readContract(t).check(t, body)
	if _, body := h.do("GET", "/metrics", "", ""); !strings.Contains(body, `concord_false_alerts_spent_ratio{destination="ris"} 1`) {
		t.Error("the metrics do not tell")
	}
	for path, words := range map[string]string{"/destinations?lang=en": "of 1.0 in 100 reports", "/cases/2?lang=zh": "未发往 ris"} {
		if _, page := h.do("GET", path, "", ""); !strings.Contains(page, words) {
			t.Errorf("%s does not say %q", path, words)
		}
	}
}

// A name that is not the console's gets nothing but what holds no patient data.
func TestForeignNamesAreRefused(t *testing.T) {
	h := newHarness(t, time.Hour)
	for path, status := range map[string]int{"/": 421, "/api/v1/cases": 421, "/static/app.js": 421, "/healthz": 200, "/readyz": 200, "/metrics": 200} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = "rebound.example"
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != status {
			t.Errorf("%s: %s, want %d", path, answer.Status, status)
		}
	}
}
