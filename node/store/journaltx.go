package store

// The journals.
const (
	messageJournal = "messages"
	objectJournal  = "objects"
)

func (t *tx) Processed() (uint64, error) { return t.position(messageJournal) }

func (t *tx) SetProcessed(sequence uint64) error { return t.setPosition(messageJournal, sequence) }

// position is the sequence up to which a journal's records have taken effect.
func (t *tx) position(journal string) (uint64, error) {
	n, err := one(t, scanColumn[int64], `SELECT processed FROM journal_position WHERE name = $1`, t.journalName(journal))
	if err != nil || n == nil {
		return 0, failed("read the position in the journal", err)
	}
	return uint64(*n), nil
}

func (t *tx) setPosition(journal string, sequence uint64) error {
	_, err := t.exec(`INSERT INTO journal_position (name, processed) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET processed = excluded.processed`, t.journalName(journal), int64(sequence))
	return failed("set the position in the journal", err)
}

// journalName tells the journals of nodes that share the index apart.
func (t *tx) journalName(journal string) string {
	if t.store.name == "" {
		return journal
	}
	return journal + " " + t.store.name
}
