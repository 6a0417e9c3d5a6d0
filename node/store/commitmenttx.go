package store

import (
	"time"

	"concord/node"
)

func (t *tx) AddCommitment(transaction string, deliveryID int64, at time.Time) error {
	_, err := t.exec(`INSERT INTO commitments (transaction_uid, delivery_id, at) VALUES ($1, $2, $3)`, transaction, deliveryID, toMillis(at))
	return failed("add commitment", err)
}

func (t *tx) RemoveCommitment(transaction string) error {
	_, err := t.exec(`DELETE FROM commitments WHERE transaction_uid = $1`, transaction)
	return failed("remove commitment", err)
}

func (t *tx) ForgetCommitments(deliveryID int64) error {
	_, err := t.exec(`DELETE FROM commitments WHERE delivery_id = $1`, deliveryID)
	return failed("forget commitments", err)
}

func (t *tx) Commitment(transaction string) (int64, error) {
	id, err := one(t, scanColumn[int64], `SELECT delivery_id FROM commitments WHERE transaction_uid = $1`, transaction)
	if err != nil || id == nil {
		return 0, failed("find commitment", err)
	}
	return *id, nil
}

func (t *tx) CountCommitments(deliveryID int64) (int, error) {
	n, err := one(t, scanColumn[int], `SELECT count(*) FROM commitments WHERE delivery_id = $1`, deliveryID)
	if err != nil {
		return 0, failed("count commitments", err)
	}
	return *n, nil
}

func (t *tx) PutOwed(o *node.Owed) error {
	text, err := toJSON(o)
	if err != nil {
		return failed("put owed result", err)
	}
	_, err = t.exec(`INSERT INTO owed_results (owed_key, result) VALUES ($1, $2)
		ON CONFLICT (owed_key) DO UPDATE SET result = excluded.result`, o.Key(), text)
	return failed("put owed result", err)
}

func (t *tx) Owed(key string) (*node.Owed, error) {
	o, err := one(t, func(row scanner) (*node.Owed, error) {
		var o node.Owed
		return &o, row.Scan(jsonColumn{&o})
	}, `SELECT result FROM owed_results WHERE owed_key = $1`, key)
	return o, failed("find owed result", err)
}

func (t *tx) RemoveOwed(key string) error {
	_, err := t.exec(`DELETE FROM owed_results WHERE owed_key = $1`, key)
	return failed("remove owed result", err)
}
