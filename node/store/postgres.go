package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"go.uber.org/zap"

	"concord/node"
)

const (
	// oneWriter is the number of the advisory lock that a transaction which
	// writes holds to its end. As in SQLite there is one at a time, over all
	// nodes: what it reads nobody changes before it ends, so that the node's
	// rules need no locks on rows, jobs leave a queue in order, and nothing has
	// to be run twice. Nodes group their updates, so the lock is passed on some
	// hundred times a second.
	oneWriter = 0x436f6e636f7264 // 'Concord'
	// jobChannel tells the other nodes of new jobs: '<node> <queue>'.
	jobChannel = "concord_jobs"
	// minPostgres has all that is used; 13 brought pg_xact_status of xid8.
	minPostgres = 130000
	// outcomeTime is how long a commit whose answer was lost is asked for.
	outcomeTime = 30 * time.Second
)

// postgres keeps the index in a database that nodes share. Text is compared
// byte by byte, as in SQLite.
var postgres = dialect{
	goose: goose.DialectPostgres,
	words: strings.NewReplacer("INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
		"INTEGER PRIMARY KEY", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", " TEXT", ` TEXT COLLATE "C"`, "BLOB", "BYTEA", ") WITHOUT ROWID", ")"),
	begin:     "BEGIN",
	alone:     fmt.Sprintf("SELECT pg_current_xact_id()::text, pg_advisory_xact_lock(%d)::text", oneWriter),
	view:      "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
	loose:     "SET LOCAL synchronous_commit = off",
	returning: true,
	form:      func(query string) string { return query },
	arguments: fitting,
}

// openPostgres opens the index at an address of the form
// postgres://user@host:5432/database; libpq's environment and password file
// count, too.
func (s *Store) openPostgres(ctx context.Context, dir, address string) error {
	config, err := pgx.ParseConfig(address)
	if err != nil { // its text may hold the password
		return errors.New("store: index: this is no address of PostgreSQL; write postgres://user@host:5432/database, the password in PGPASSWORD or ~/.pgpass")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 5 * time.Second
	}
	config.RuntimeParams["application_name"] = "concord"
	config.RuntimeParams["jit"] = "off" // every statement is a small one
	s.dialect = &postgres
	s.read = stdlib.OpenDB(*config)
	writer := config.Copy()
	for key, value := range map[string]string{
		"idle_in_transaction_session_timeout": "5s", // a node that hangs does not keep the others from writing
		"lock_timeout":                        "8s",
	} {
		if writer.RuntimeParams[key] == "" { // the address may name another
			writer.RuntimeParams[key] = value
		}
	}
	s.write = stdlib.OpenDB(*writer)
	if err := s.checkPostgres(ctx); err != nil {
		return fmt.Errorf("store: index: %w", err)
	}
	if s.name, err = nodeName(dir); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	s.address = config
	if err := s.migrate(ctx); err != nil {
		return fmt.Errorf("store: index: %w", err)
	}
	return nil
}

func (s *Store) checkPostgres(ctx context.Context) error {
	var version int
	if err := s.read.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::integer").Scan(&version); err != nil {
		return fmt.Errorf("PostgreSQL does not answer: %w; check the address, and that the database is there", err)
	}
	if version < minPostgres {
		return fmt.Errorf("PostgreSQL %d is too old; version 13 or later is needed", version/10000)
	}
	return nil
}

// nodeName is what tells this data directory from those of the other nodes
// with the same index. It moves with the directory.
func nodeName(dir string) (string, error) {
	path := filepath.Join(dir, "node")
	name, err := os.ReadFile(path)
	if len(name) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return string(name), err
	}
	random := make([]byte, 8)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	name = []byte(hex.EncodeToString(random))
	if err := os.WriteFile(path, name, 0o640); err != nil {
		return "", err
	}
	return string(name), nil
}

// endShared commits and tells the other nodes of new jobs; wait: not before it
// is on disk.
func (t *tx) endShared(group []*request, wait bool) error {
	var queues []string
	for _, u := range group {
		if u.err == nil {
			queues = append(queues, u.wake...)
		}
	}
	slices.Sort(queues)
	for _, queue := range slices.Compact(queues) {
		if _, err := t.exec("SELECT pg_notify($1, $2)", jobChannel, t.store.name+" "+queue); err != nil {
			return err
		}
	}
	if !wait {
		if _, err := t.exec(t.store.dialect.loose); err != nil {
			return err
		}
	}
	_, err := t.exec("COMMIT")
	if err == nil || errors.As(err, new(*pgconn.PgError)) {
		return err
	}
	return t.store.outcome(t.number, err)
}

// outcome asks what became of a transaction whose commit got no answer.
func (s *Store) outcome(xid string, cause error) error {
	s.log.Warn("store: PostgreSQL went away during a commit; asking what became of it", zap.Error(cause))
	ctx, cancel := context.WithTimeout(context.Background(), outcomeTime)
	defer cancel()
	for ctx.Err() == nil {
		var status sql.NullString
		err := s.read.QueryRowContext(ctx, "SELECT pg_xact_status($1::text::xid8)", xid).Scan(&status)
		switch {
		case err == nil && status.String == "committed":
			return nil
		case err == nil && status.String != "in progress": // aborted
			return cause
		}
		time.Sleep(100 * time.Millisecond)
	}
	return cause
}

// listen begins to hear of jobs that other nodes add, once.
func (s *Store) listen() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.writer.Go(func() {
		for ctx.Err() == nil {
			if err := s.hear(ctx); ctx.Err() == nil {
				s.log.Warn("store: cannot hear of jobs of other nodes; trying again", zap.Error(err))
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	})
}

func (s *Store) hear(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, s.address)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "LISTEN "+jobChannel); err != nil {
		return err
	}
	rows, _ := conn.Query(ctx, "SELECT DISTINCT queue FROM jobs") // those that were not heard of; rows has the error
	queues, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, queue := range queues {
		s.OnJob(queue)
	}
	for {
		heard, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		if from, queue, _ := strings.Cut(heard.Payload, " "); from != s.name {
			s.OnJob(queue)
		}
	}
}

// maxKey is how much of a text counts that may be in an index, which takes no
// more than 2,704 bytes a row.
const maxKey = 1000

// prose is text that is never in an index.
type prose string

// fitting makes text that PostgreSQL takes: valid UTF-8 without NUL, and not
// too long for an index.
func fitting(args []any) []any {
	for i, arg := range args {
		switch text := arg.(type) {
		case prose:
			args[i] = clean(string(text))
		case string:
			args[i] = clean(text)
			if len(text) > maxKey {
				args[i] = shortened(clean(text))
			}
		}
	}
	return args
}

// shortened is a text that is too long, told from others by its digest.
func shortened(text string) string {
	digest := sha256.Sum256([]byte(text))
	return strings.ToValidUTF8(text[:maxKey-2*len(digest)], "") + hex.EncodeToString(digest[:])
}

func clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "\ufffd")
}

// busy says that another node wrote for too long.
func busy(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "55P03" // lock_not_available
}

// postgresError marks an error that is about the index as a whole (PostgreSQL,
// appendix A: classes of error codes).
func postgresError(err error) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code[:2] {
	case "21", "22", "23", "42", "54": // about the statement and its values
		return err
	}
	return fmt.Errorf("%w: %w", node.ErrUnavailable, err)
}
