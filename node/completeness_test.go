package node

import (
	"strings"
	"testing"
	"time"
)

func TestSettling(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	const wait = 10 * time.Minute
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	pending := outlook{pending: []string{"CT1 has 3 instances, 1 of them not here"}}
	asked := outlook{asked: true}
	for name, c := range map[string]struct {
		o        outlook
		quiet    time.Time
		archives bool
		due      time.Time
		ask      bool
		note     string
	}{
		"nothing known, not quiet":         {outlook{}, now.Add(time.Minute), false, now.Add(time.Minute), false, ""},
		"nothing known, quiet":             {outlook{}, now, false, now, false, ""},
		"all here, not quiet":              {outlook{told: []string{"a"}}, now.Add(time.Minute), true, now, false, "complete: a"},
		"all here and more, not quiet":     {outlook{told: []string{"a"}, beyond: true}, now.Add(time.Minute), false, now.Add(time.Minute), false, ""},
		"all here and more, quiet":         {outlook{told: []string{"a"}, beyond: true}, now, false, now, false, ""},
		"missing, not quiet":               {pending, now.Add(time.Minute), false, now.Add(time.Minute), false, "not here"},
		"missing, quiet":                   {pending, now, false, now.Add(wait), false, "not here"},
		"missing, waited long enough":      {pending, ago(wait), false, now, false, "goes on with what is here"},
		"quiet, an archive to ask":         {outlook{}, now, true, now.Add(wait), true, ""},
		"quiet, the archive was asked":     {asked, now, true, now, false, ""},
		"quiet, the archive does not come": {outlook{}, ago(wait), true, now, false, ""},
	} {
		got := settling(c.o, c.quiet, wait, c.archives, now)
		if !got.due.Equal(c.due) || got.ask != c.ask || !strings.Contains(got.note, c.note) || (c.note == "") != (got.note == "") {
			t.Errorf("%s: got %+v, want due %v, ask %v, note %q", name, got, c.due, c.ask, c.note)
		}
	}
}
