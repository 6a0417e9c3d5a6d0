package store

import "time"

// NewestEvent is when the last event of any case was.
func (t *tx) NewestEvent() (time.Time, error) {
	at, err := one(t, scanColumn[int64], `SELECT at FROM case_events ORDER BY id DESC LIMIT 1`)
	if err != nil || at == nil {
		return time.Time{}, failed("find the newest event", err)
	}
	return fromMillis(*at), nil
}
