package store

import (
	"time"

	"concord/node"
)

const feedbackColumns = `id, case_id, statement, rule, opinion, author, note, at`

func scanFeedback(row scanner) (*node.Feedback, error) {
	var f node.Feedback
	var at int64
	err := row.Scan(&f.ID, &f.CaseID, &f.Statement, &f.Rule, &f.Opinion, &f.Author, &f.Note, &at)
	f.At = fromMillis(at)
	return &f, err
}

func (t *tx) AddFeedback(f node.Feedback) error {
	_, err := t.exec(`INSERT INTO feedback (case_id, statement, rule, opinion, author, note, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		f.CaseID, f.Statement, f.Rule, string(f.Opinion), f.Author, prose(f.Note), toMillis(f.At))
	return failed("add feedback", err)
}

// CaseFeedback lists the feedback on a case, oldest first.
func (t *tx) CaseFeedback(caseID int64) ([]node.Feedback, error) {
	list, err := all(t, scanFeedback, `SELECT `+feedbackColumns+` FROM feedback WHERE case_id = $1 ORDER BY id`, caseID)
	return values(list), failed("list feedback", err)
}

func (t *tx) Feedback(afterID int64, limit int) ([]node.Feedback, error) {
	list, err := all(t, scanFeedback, `SELECT `+feedbackColumns+` FROM feedback WHERE id > $1 ORDER BY id LIMIT $2`, afterID, limit)
	return values(list), failed("list feedback", err)
}

// PauseDestination remembers since when a destination is paused; a second
// pause changes nothing.
func (t *tx) PauseDestination(name string, at time.Time) error {
	_, err := t.exec(`INSERT INTO paused_destinations (name, at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, toMillis(at))
	return failed("pause destination", err)
}

func (t *tx) ResumeDestination(name string) error {
	_, err := t.exec(`DELETE FROM paused_destinations WHERE name = $1`, name)
	return failed("resume destination", err)
}

func (t *tx) PausedDestinations() (map[string]time.Time, error) {
	type pause struct {
		name string
		at   int64
	}
	list, err := all(t, func(row scanner) (*pause, error) {
		var p pause
		return &p, row.Scan(&p.name, &p.at)
	}, `SELECT name, at FROM paused_destinations`)
	paused := make(map[string]time.Time, len(list))
	for _, p := range list {
		paused[p.name] = fromMillis(p.at)
	}
	return paused, failed("list paused destinations", err)
}
