package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"concord/node"
)

// tx is a transaction of the index. Its statements use the driver's cache of
// prepared statements, and placeholders $1, $2, … in the order in which they
// first appear, which means the same to SQLite and PostgreSQL.
type tx struct {
	store  *Store
	number string             // of the transaction, where nodes share the index
	conn   *sql.Conn          // nil once the transaction is over
	wake   []string           // queues whose schedule changed
	counts map[node.State]int // what came and went, see flushCounts
}

var _ node.Tx = (*tx)(nil)

// begin opens a transaction in which nobody else writes.
func (t *tx) begin() error {
	if _, err := t.exec(t.store.dialect.begin); err != nil || t.store.dialect.alone == "" {
		return err
	}
	number, err := one(t, func(row scanner) (*string, error) {
		var number, locked string
		return &number, row.Scan(&number, &locked)
	}, t.store.dialect.alone)
	if err != nil {
		return err
	}
	t.number = *number
	return nil
}

// undo takes back what one closure did; alone: all that the transaction did.
func (t *tx) undo(alone bool) error {
	if !alone {
		return t.execAll([]string{"ROLLBACK TO SAVEPOINT one", "RELEASE one"})
	}
	if _, err := t.exec("ROLLBACK"); err != nil {
		return err
	}
	return t.begin()
}

var errTxOver = errors.New("store: a transaction was used after its function had returned")

// background has no Done channel, so the driver starts no goroutine for each
// statement to watch it. No statement of a node runs long.
var background = context.Background()

// exec runs a statement and counts the rows it changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	if t.conn == nil {
		return 0, errTxOver
	}
	t.store.changes.Add(1)
	result, err := t.conn.ExecContext(background, t.store.dialect.form(query), t.store.dialect.values(args)...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// insert enters a row and returns its ID.
func (t *tx) insert(query string, args ...any) (int64, error) {
	if t.store.dialect.returning {
		id, err := one(t, scanColumn[int64], query+" RETURNING id", args...)
		if err != nil {
			return 0, err
		}
		return *id, nil
	}
	if t.conn == nil {
		return 0, errTxOver
	}
	result, err := t.conn.ExecContext(background, t.store.dialect.form(query), args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// execAll runs statements that have no parameters.
func (t *tx) execAll(statements []string) error {
	for _, statement := range statements {
		if _, err := t.exec(statement); err != nil {
			return err
		}
	}
	return nil
}

// scanner is one row of a result.
type scanner interface{ Scan(dest ...any) error }

// one returns the first row of a query, nil when there is none.
func one[T any](t *tx, scan func(scanner) (*T, error), query string, args ...any) (*T, error) {
	if t.conn == nil {
		return nil, errTxOver
	}
	v, err := scan(t.conn.QueryRowContext(background, t.store.dialect.form(query), t.store.dialect.values(args)...))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return v, err
}

// all returns the rows of a query.
func all[T any](t *tx, scan func(scanner) (*T, error), query string, args ...any) (list []*T, err error) {
	if t.conn == nil {
		return nil, errTxOver
	}
	rows, err := t.conn.QueryContext(background, t.store.dialect.form(query), t.store.dialect.values(args)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// numbers writes IDs as a list of SQL, which may not be empty.
func numbers(ids []int64) string {
	if len(ids) == 0 {
		return "NULL"
	}
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(list, ", ")
}

// scanColumn reads rows of one column.
func scanColumn[T any](row scanner) (*T, error) {
	v := new(T)
	return v, row.Scan(v)
}

// values copies a list for callers that want no pointers.
func values[T any](list []*T) []T {
	if len(list) == 0 {
		return nil
	}
	flat := make([]T, len(list))
	for i, v := range list {
		flat[i] = *v
	}
	return flat
}

// failed names the operation that an error of the index stopped. Neither
// SQLite's messages nor ours hold values of rows.
func failed(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("store: %s: %w", what, marked(err))
}

func toMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func toInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// blob is b for a column that is never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// jsonColumn stores v as JSON text.
type jsonColumn struct{ v any }

// Scan implements sql.Scanner.
func (c jsonColumn) Scan(src any) error {
	switch text := src.(type) {
	case string:
		return json.Unmarshal([]byte(text), c.v)
	case []byte:
		return json.Unmarshal(text, c.v)
	default:
		return fmt.Errorf("a JSON column holds %T", src)
	}
}

func toJSON(v any) (prose, error) {
	text, err := json.Marshal(v)
	return prose(text), err
}
