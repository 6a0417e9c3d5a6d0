package store

import "concord/node"

const alertColumns = `case_id, destination, at, flags`

// newestAlerts are those of the reports at a destination whose newest revision
// they are, newest first.
const newestAlerts = ` FROM alerts a JOIN cases c ON c.id = a.case_id
	WHERE a.destination = $1 AND c.state <> '` + string(node.Superseded) + `'`

func scanAlerts(row scanner) (*node.Alerts, error) {
	var a node.Alerts
	var at int64
	err := row.Scan(&a.CaseID, &a.Destination, &at, jsonColumn{&a.Flags})
	a.At = fromMillis(at)
	return &a, err
}

// AddAlerts remembers the flags of a report at a destination.
func (t *tx) AddAlerts(a node.Alerts) error {
	flags, err := toJSON(a.Flags)
	if err == nil {
		_, err = t.exec(`INSERT INTO alerts (case_id, destination, at, flagged, flags) VALUES ($1, $2, $3, $4, $5)`,
			a.CaseID, a.Destination, toMillis(a.At), toInt(len(a.Flags) > 0), flags)
	}
	return failed("add alerts", err)
}

// RecentAlerts lists the newest reports at a destination, newest first.
func (t *tx) RecentAlerts(destination string, flagged bool, limit int) ([]node.Alerts, error) {
	condition := ""
	if flagged {
		condition = " AND a.flagged = 1"
	}
	list, err := all(t, scanAlerts, `SELECT a.case_id, a.destination, a.at, a.flags`+newestAlerts+condition+` ORDER BY a.id DESC LIMIT $2`,
		destination, limit)
	return values(list), failed("list alerts", err)
}

// AlertFeedback lists what was said of the newest cases with flags, oldest first.
func (t *tx) AlertFeedback(destination string, limit int) ([]node.Feedback, error) {
	list, err := all(t, scanFeedback, `SELECT `+feedbackColumns+` FROM feedback WHERE case_id IN (
			SELECT a.case_id`+newestAlerts+` AND a.flagged = 1 ORDER BY a.id DESC LIMIT $2)
		ORDER BY id`, destination, limit)
	return values(list), failed("list feedback on alerts", err)
}

// CaseAlerts lists what was decided on the flags of cases, oldest first.
func (t *tx) CaseAlerts(caseIDs ...int64) ([]node.Alerts, error) {
	list, err := all(t, scanAlerts, `SELECT `+alertColumns+` FROM alerts WHERE case_id IN (`+numbers(caseIDs)+`) ORDER BY id`)
	return values(list), failed("list alerts of cases", err)
}
