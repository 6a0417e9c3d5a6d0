package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/mattn/go-sqlite3"
	"github.com/pressly/goose/v3"
	"go.uber.org/zap"

	"concord/node"
)

// sqlite keeps the index in a file of the data directory. It has one writer:
// the lock of the directory says that no other node is there.
var sqlite = dialect{
	goose: goose.DialectSQLite3,
	words: strings.NewReplacer(), // the migrations are written for it
	begin: "BEGIN IMMEDIATE",
	view:  "BEGIN",
	form:  steady,
}

// steady gives a statement a form that SQLite plans once. Where a column is
// compared with a bare parameter, SQLite wants to plan again for other values,
// and the driver, which clears parameters, makes it do so at each run: that
// costs more than the run. A plus sign, which changes no value, hides it.
func steady(query string) string { return strings.ReplaceAll(query, "= $", "= +$") }

// openSQLite opens the index of a data directory. Commits do not wait for the
// disk: flushCommits sees to that.
func (s *Store) openSQLite(ctx context.Context, dir string) (err error) {
	path := filepath.Join(dir, "concord.db")
	s.dialect = &sqlite
	if s.write, err = openFile(path, "_txlock=immediate&_journal_mode=WAL&_synchronous=NORMAL&_foreign_keys=1&_cache_size=-8192"); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return fmt.Errorf("store: %s: %w", path, err)
	}
	if s.read, err = openFile(path, "mode=ro&_query_only=1"); err != nil {
		return err
	}
	if s.tidy, err = openFile(path, "mode=rw&_synchronous=NORMAL"); err != nil {
		return err
	}
	s.tidy.SetMaxOpenConns(1)
	// Its connection stays, so that the log keeps its file.
	if _, err := s.tidy.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		return fmt.Errorf("store: %s: %w", path, marked(err))
	}
	if s.wal, err = os.OpenFile(path+"-wal", os.O_RDWR, 0); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	s.prepare = []string{
		"PRAGMA wal_autocheckpoint = 16384",    // pages, 64 MiB: then checkpoint does not keep up, and updates wait
		"PRAGMA journal_size_limit = 67108864", // else the log keeps the size that the largest transaction gave it
		"PRAGMA temp_store = MEMORY",           // else a savepoint writes each page that is changed to a file first
	}
	return nil
}

// checkpoint moves what the log holds into the index, beside the writer, who
// would make its updates wait for that.
func (s *Store) checkpoint() {
	for range s.grown {
		if _, err := s.tidy.Exec("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
			s.log.Warn("store: cannot move the log into the index; trying again", zap.Error(err))
		}
	}
}

func openFile(path, options string) (*sql.DB, error) {
	dsn := (&url.URL{Scheme: "file", Path: path}).String() + "?_mutex=no&_busy_timeout=5000&_stmt_cache_size=128&" + options
	db, err := sql.Open("sqlite3", dsn)
	if err != nil {
		return nil, fmt.Errorf("store: open %s: %w", path, err)
	}
	return db, nil
}

// sqliteError adds to an error of SQLite what to do about it, or marks it as
// one about the index as a whole.
func sqliteError(err error, e sqlite3.Error) error {
	switch e.Code {
	case sqlite3.ErrNotADB, sqlite3.ErrCorrupt:
		return fmt.Errorf("%w: %w: the index is damaged; restore concord.db from a backup (objects stored since come back by themselves)",
			node.ErrUnavailable, err)
	case sqlite3.ErrConstraint, sqlite3.ErrMismatch, sqlite3.ErrRange, sqlite3.ErrTooBig, sqlite3.ErrError:
		return err
	}
	return fmt.Errorf("%w: %w", node.ErrUnavailable, err)
}

// marked says of an error whether it is about the index as a whole.
func marked(err error) error {
	var file sqlite3.Error
	if errors.As(err, &file) {
		return sqliteError(err, file)
	}
	return postgresError(err)
}
