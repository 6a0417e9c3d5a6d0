package store

// messageJournal names the journal of received messages.
const messageJournal = "messages"

func (t *tx) Processed() (uint64, error) {
	n, err := one(t, scanColumn[int64], `SELECT processed FROM journal_position WHERE name = $1`, messageJournal)
	if err != nil || n == nil {
		return 0, failed("read the position in the journal", err)
	}
	return uint64(*n), nil
}

func (t *tx) SetProcessed(sequence uint64) error {
	_, err := t.exec(`INSERT INTO journal_position (name, processed) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET processed = excluded.processed`, messageJournal, int64(sequence))
	return failed("set the position in the journal", err)
}
