package store

import (
	"fmt"

	"concord/node"
)

func scanQuarantined(row scanner) (*node.Quarantined, error) {
	var q node.Quarantined
	var at int64
	err := row.Scan(&q.ID, &q.Peer, &q.Problem, &at, &q.Bytes)
	q.ReceivedAt = fromMillis(at)
	return &q, err
}

func (t *tx) Quarantine(limit int) ([]node.Quarantined, error) {
	list, err := all(t, scanQuarantined, fmt.Sprintf(`SELECT id, peer, problem, received_at, length(raw) FROM messages
		WHERE problem <> '' ORDER BY id DESC LIMIT %d`, limit)) // written out for the planner, as firstMatches is
	return values(list), failed("list the quarantine", err)
}

func (t *tx) QuarantinedMessage(id int64) (*node.Message, error) {
	m, err := one(t, func(row scanner) (*node.Message, error) {
		var m node.Message
		var at int64
		err := row.Scan(&m.Peer, &m.ControlID, &m.Problem, &at, &m.Raw)
		m.ReceivedAt = fromMillis(at)
		return &m, err
	}, `SELECT peer, control_id, problem, received_at, raw FROM messages WHERE id = $1 AND problem <> ''`, id)
	return m, failed("read a message in quarantine", err)
}
