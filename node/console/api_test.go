package console_test

import (
	"bytes"
	"image/png"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"concord/node"
)

const jsonType = "application/json"

// TestAnswers walks the routes of a node with one case of each kind: 1 done,
// 2 and 3 two studies of one accession, 4 a report that fits both.
func TestAnswers(t *testing.T) {
	h := newHarness(t, 20*time.Millisecond)
	h.store(study1, "A1")
	h.send(oru("M1", "A1", "Normal prostate."))
	h.wait(node.Done)
	h.store(study2, "A2")
	h.store(study2+"1", "A2")
	h.wait(node.Done, node.WaitingReport, node.WaitingReport)
	h.send(oru("M2", "A2", "Normal heart."))
	h.wait(node.Done, node.WaitingReport, node.WaitingReport, node.Ambiguous)

	documented := readContract(t)
	big := `{"report":"` + strings.Repeat("x", 5<<20) + `"}`
	for _, c := range []struct {
		method, path, contentType, body string
		status                          int
		says                            string
	}{
		{"GET", "/healthz", "", "", 200, "ok"},
		{"GET", "/readyz", "", "", 200, "ready"},
		{"GET", "/api/v1/cases", "", "", 200, `"id": 4`},
		{"GET", "/api/v1/cases?accession=A1", "", "", 200, `"accession": "A1"`},
		{"GET", "/api/v1/cases?accession=none", "", "", 200, `"cases": []`},
		{"GET", "/api/v1/cases?study=" + study1, "", "", 200, study1},
		{"GET", "/api/v1/cases?patient=P1&state=ambiguous", "", "", 200, `"candidates"`},
		{"GET", "/api/v1/cases?before=2&limit=1", "", "", 200, `"id": 1`},
		{"GET", "/api/v1/cases?limit=0", "", "", 400, "limit must be a number from 1"},
		{"GET", "/api/v1/cases?before=x", "", "", 400, "before must be"},
		{"GET", "/api/v1/cases?state=asleep", "", "", 400, "the states are waiting_report"},
		{"GET", "/api/v1/cases/1", "", "", 200, `"code": "CC104"`},
		{"GET", "/api/v1/cases/99", "", "", 404, "no case 99"},
		{"GET", "/api/v1/cases/one", "", "", 400, "a case ID must be a number"},
		{"PUT", "/api/v1/cases/1", "", "", 405, "takes GET, HEAD"},
		{"GET", "/api/v1/nothing", "", "", 404, "no such page"},
		{"GET", "/api/v1/objects/" + study1 + ".1.1", "", "", 200, "DICM"},
		{"GET", "/api/v1/objects/2.25.9", "", "", 404, "no such SOP instance"},
		{"GET", "/api/v1/objects/" + study1 + ".1.1/frames/2", "", "", 404, "no frame 2"},
		{"GET", "/api/v1/objects/" + study1 + ".1.1/frames/0", "", "", 400, "a frame must be"},
		{"GET", "/api/v1/objects/" + study1 + ".1.1/frames/1?size=9999", "", "", 400, "size must be"},
		{"GET", "/api/v1/peers", "", "", 200, `"ae_title": "ORTHANC"`},
		{"GET", "/api/v1/destinations", "", "", 200, `"name": "pacs"`},
		{"POST", "/api/v1/destinations/pacs/pause", "", "", 200, "paused_since"},
		{"POST", "/api/v1/destinations/pacs/resume", "", "", 200, `"kind": "sr"`},
		{"POST", "/api/v1/destinations/pacs/explode", "", "", 404, "can pause and resume"},
		{"POST", "/api/v1/destinations/nobody/pause", "", "", 404, "no destination nobody"},
		{"GET", "/api/v1/deliveries?state=sent", "", "", 200, `"case": 1`},
		{"GET", "/api/v1/deliveries?state=dead", "", "", 200, `"deliveries": []`},
		{"GET", "/api/v1/deliveries", "", "", 400, "state must be one of dead"},
		{"POST", "/api/v1/deliveries/1/resend", "", "", 409, "only one that was given up"},
		{"POST", "/api/v1/deliveries/99/resend", "", "", 404, "no delivery 99"},
		{"POST", "/api/v1/cases/1/judge", "", "", 409, "only one that settles"},
		{"POST", "/api/v1/cases/99/judge", "", "", 404, "no case 99"},
		{"POST", "/api/v1/cases/1/study", jsonType, `{"study_uid":"` + study1 + `"}`, 409, "the case is done"},
		{"POST", "/api/v1/cases/4/study", jsonType, `{"study_uid":"2.25.9"}`, 404, "no study"},
		{"POST", "/api/v1/cases/4/study", jsonType, `{}`, 400, "study_uid is empty"},
		{"POST", "/api/v1/cases/4/study", jsonType, `{"study":"x"}`, 400, "unknown field"},
		{"POST", "/api/v1/cases/4/study", jsonType, `{"study_uid":7}`, 400, "study_uid must be a string"},
		{"POST", "/api/v1/cases/4/study", jsonType, `{"study_uid":"x"} {}`, 400, "one JSON object"},
		{"POST", "/api/v1/cases/4/study", "text/plain", `{"study_uid":"x"}`, 415, "must be application/json"},
		{"POST", "/api/v1/cases/1/feedback", jsonType, `{"statement":1,"opinion":"wrong","author":"ann"}`, 200, `"opinion": "wrong"`},
		{"POST", "/api/v1/cases/1/feedback", jsonType, `{"statement":1,"opinion":"great"}`, 400, "opinion must be"},
		{"POST", "/api/v1/cases/1/feedback", jsonType, `{"statement":7,"opinion":"right"}`, 400, "statements 1 to 1"},
		{"POST", "/api/v1/cases/99/feedback", jsonType, `{"opinion":"right"}`, 404, "no case 99"},
		{"GET", "/api/v1/cases/1/feedback", "", "", 200, `"author": "ann"`},
		{"GET", "/api/v1/cases/99/feedback", "", "", 404, "no case 99"},
		{"GET", "/api/v1/feedback?after=x", "", "", 400, "after must be"},
		{"GET", "/api/v1/feedback?format=xml", "", "", 400, "format must be"},
		{"POST", "/api/v1/check", jsonType, `{"report":"Normal prostate.","accession":"A1"}`, 200, `"code": "CC104"`},
		{"POST", "/api/v1/check", "application/hl7-v2; charset=utf-8", oru("M9", "A1", "Normal prostate."), 200, `"control_id": "M9"`},
		{"POST", "/api/v1/check", jsonType, `{"report":"Normal.","hl7":"MSH","accession":"A1"}`, 400, "either report or hl7"},
		{"POST", "/api/v1/check", jsonType, `{"report":"Normal.","accession":"A2"}`, 400, "2 studies carry this accession number"},
		{"POST", "/api/v1/check", jsonType, `{"report":"Normal.","accession":"A3"}`, 404, "no study"},
		{"POST", "/api/v1/check", "text/html", `x`, 415, "must be application/json or"},
		{"POST", "/api/v1/check", jsonType, big, 413, "more than 4194304 bytes"},
		{"POST", "/api/v1/cases/4/study", jsonType, `{"study_uid":"` + study2 + `"}`, 200, study2},
	} {
		answer, body := h.do(c.method, c.path, c.contentType, c.body)
		if answer.StatusCode != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s %s %.60s: %d %.300s; want %d and %q", c.method, c.path, c.body, answer.StatusCode, body, c.status, c.says)
		}
		if answer.StatusCode >= 400 && answer.StatusCode < 600 {
			if _, err := errorOf(body); err != nil {
				t.Errorf("%s %s: %v: %.300s", c.method, c.path, err, body)
			}
		}
		if answer.Header.Get("Content-Type") == "application/json; charset=utf-8" {
			documented.check(t, body)
		}
		if strings.Contains(body, patientName) && !strings.Contains(c.path, "/objects/") {
			t.Errorf("%s %s names the patient", c.method, c.path)
		}
	}
	h.wait(node.Done, node.Superseded, node.WaitingReport, node.Done)
}

func TestOtherSitesAreRefused(t *testing.T) {
	h := newHarness(t, time.Millisecond)
	for _, c := range []struct {
		method, header, value string
		status                int
	}{
		{"POST", "Origin", "https://elsewhere.example", 403},
		{"POST", "Sec-Fetch-Site", "cross-site", 403},
		{"POST", "Sec-Fetch-Site", "same-site", 403},
		{"POST", "Sec-Fetch-Site", "same-origin", 200},
		{"POST", "Origin", h.url, 200},
		{"GET", "Sec-Fetch-Site", "cross-site", 405},
	} {
		answer, body := h.do(c.method, "/api/v1/destinations/pacs/pause", "", "", c.header, c.value)
		if answer.StatusCode != c.status {
			t.Errorf("%s with %s: %s: %s %s, want %d", c.method, c.header, c.value, answer.Status, body, c.status)
		}
		if allowed := answer.Header.Get("Access-Control-Allow-Origin"); allowed != "" {
			t.Errorf("another site may read the answer: %s", allowed)
		}
	}
}

func TestJudgeNow(t *testing.T) {
	h := newHarness(t, time.Hour)
	h.store(study1, "A1")
	h.wait(node.WaitingReport)
	h.send(oru("M1", "A1", "Normal heart."))
	h.wait(node.Settling)
	if answer, body := h.do("POST", "/api/v1/cases/1/judge", "", ""); answer.StatusCode != 200 {
		t.Fatalf("%s %s", answer.Status, body)
	}
	h.wait(node.Done)
}

func TestResendWhatWasGivenUp(t *testing.T) {
	h := newHarness(t, time.Millisecond)
	h.ris.refuses.Store(true)
	h.store(study1, "A1")
	h.send(oru("M1", "A1", "Normal heart."))
	h.wait(node.Failed)
	var dead struct {
		Deliveries []struct {
			ID, Case    int64
			Destination string
			Detail      string
		}
	}
	h.get("/api/v1/deliveries?state=dead", &dead)
	if len(dead.Deliveries) != 1 || dead.Deliveries[0].Destination != "ris" || dead.Deliveries[0].Case != 1 || dead.Deliveries[0].Detail != "MSA-1 AR" {
		t.Fatalf("got %+v", dead)
	}
	h.ris.refuses.Store(false)
	answer, body := h.do("POST", "/api/v1/deliveries/2/resend", "", "")
	// It may be sent before the answer is written.
	if answer.StatusCode != 200 || strings.Contains(body, `"state": "dead"`) {
		t.Fatalf("%s %s", answer.Status, body)
	}
	h.wait(node.Done)
}

func TestFramesAreAtMostTheirSize(t *testing.T) {
	h := newHarness(t, time.Hour)
	h.store(study1, "A1")
	h.wait(node.WaitingReport)
	for query, width := range map[string]int{"": 64, "?size=0": 64, "?size=32": 32, "?size=2048": 64} {
		for range 2 {
			answer, body := h.do("GET", "/api/v1/objects/"+study1+".1.1/frames/1"+query, "", "")
			img, err := png.Decode(bytes.NewReader([]byte(body)))
			if err != nil || answer.Header.Get("Content-Type") != "image/png" {
				t.Fatalf("%q: %v, %s", query, err, answer.Header.Get("Content-Type"))
			}
			if b := img.Bounds(); b.Dx() != width || b.Dy() != width*3/4 {
				t.Errorf("%q: got %v, want a width of %d", query, b, width)
			}
		}
	}
}

func TestHeaders(t *testing.T) {
	h := newHarness(t, time.Hour)
	for _, path := range []string{"/", "/api/v1/cases", "/api/v1/nothing"} {
		answer, _ := h.do("GET", path, "", "")
		csp := answer.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept: %q", path, answer.Header.Get("Cache-Control"))
		}
	}
	answer, _ := h.do("GET", "/static/app.css", "", "")
	again, _ := h.do("GET", "/static/app.css", "", "", "If-None-Match", answer.Header.Get("ETag"))
	if again.StatusCode != http.StatusNotModified {
		t.Errorf("an unchanged style sheet was sent again: %s", again.Status)
	}
}

func TestMetrics(t *testing.T) {
	h := newHarness(t, time.Millisecond)
	h.store(study1, "A1")
	h.send(oru("M1", "A1", "Normal heart."))
	h.wait(node.Done)
	h.do("GET", "/api/v1/cases/1", "", "")
	h.do("GET", "/api/v1/cases/77?patient="+patientName, "", "")
	h.do("GET", "/nothing/"+patientName, "", "")
	_, body := h.do("GET", "/metrics", "", "")
	for _, line := range []string{
		`concord_http_request_seconds_count{route="GET /api/v1/cases/{id}",status="200"} 1`,
		`concord_http_request_seconds_count{route="GET /api/v1/cases/{id}",status="404"} 1`,
		`concord_http_request_seconds_count{route="none",status="404"} 1`,
		`concord_judging_seconds_count 1`, `concord_sending_seconds_count 2`, `concord_cases{state="done"} 1`,
		`concord_cases{state="failed"} 0`, `concord_destination_paused{destination="pacs"} 0`, `go_goroutines `, `process_`,
	} {
		if !strings.Contains(body, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
	if strings.Contains(body, patientName) || strings.Contains(body, study1) {
		t.Error("the metrics hold an identifier")
	}
}

// contract is the text of docs/api.md.
type contract string

func readContract(t *testing.T) contract {
	t.Helper()
	text, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	return contract(text)
}

// check finds the fields of an answer that the contract does not name.
func (c contract) check(t *testing.T, body string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^ *"(\w+)": `).FindAllStringSubmatch(body, -1) {
		if !regexp.MustCompile(`[^\w]` + m[1] + `[^\w]`).MatchString(string(c)) {
			t.Errorf("docs/api.md does not name the field %q", m[1])
		}
	}
}
