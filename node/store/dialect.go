package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// dialect is what SQLite and PostgreSQL want to hear in words of their own.
// All other statements are the same for both.
type dialect struct {
	goose     goose.Dialect
	words     *strings.Replacer         // of the migrations
	begin     string                    // opens a transaction that writes
	alone     string                    // waits until no other does, and gives the transaction's number; empty: begin has waited
	view      string                    // opens one that reads
	loose     string                    // makes the commit not wait for the disk; empty: none does
	returning bool                      // an insertion tells its ID only when asked
	form      func(query string) string // gives a statement its form
	arguments func(args []any) []any    // changes values that the database does not take; nil: it takes all
}

// values are arguments as the database takes them.
func (d *dialect) values(args []any) []any {
	if d.arguments == nil {
		return args
	}
	return d.arguments(args)
}

// migrate brings the schema up to date. It refuses a schema of a newer
// program, whose tables it might damage.
func (s *Store) migrate(ctx context.Context) error {
	options := []goose.ProviderOption{goose.WithLogger(goose.NopLogger())}
	if s.dialect == &postgres { // nodes may start together
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(s.dialect.goose, s.write, migrationsIn{s.dialect.words}, options...)
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return marked(err)
	}
	if current > target {
		return fmt.Errorf("the index has schema %d and this program knows up to %d: a newer Concord wrote it; run that one, or restore a backup", current, target)
	}
	_, err = p.Up(ctx)
	return marked(err)
}

// migrationsIn are the migrations in the words of a dialect.
type migrationsIn struct{ words *strings.Replacer }

func (m migrationsIn) Open(name string) (fs.File, error) {
	name = path.Join("migrations", name)
	file, err := migrations.Open(name)
	if err != nil {
		return nil, err
	}
	text, err := migrations.ReadFile(name)
	if err != nil { // the folder itself
		return file, nil
	}
	return &migration{file, strings.NewReader(m.words.Replace(string(text)))}, nil
}

// migration is a file whose text was changed.
type migration struct {
	fs.File
	text *strings.Reader
}

func (m *migration) Read(b []byte) (int, error) { return m.text.Read(b) }
