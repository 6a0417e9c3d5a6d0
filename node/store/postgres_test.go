package store

import (
	"context"
	"database/sql"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
)

// opener opens a store; again with the same directory, the same index.
type opener func(t testing.TB, dir string) *Store

// onBoth runs a test with the index in SQLite and in PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, open opener)) {
	t.Run("SQLite", func(t *testing.T) { test(t, open) })
	t.Run("PostgreSQL", func(t *testing.T) {
		test(t, func(t testing.TB, dir string) *Store { return openAt(t, dir, database(t, dir)) })
	})
}

func openAt(t testing.TB, dir, address string) *Store {
	t.Helper()
	s, err := OpenAt(t.Context(), dir, address, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// server is the PostgreSQL of this test process. It keeps nothing over a crash
// of the machine, and orders words as in English, not by their bytes.
type server struct {
	dir     string
	process *exec.Cmd
	missing string // why there is none
}

var startServer = sync.OnceValues(func() (*server, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return &server{missing: "PostgreSQL is not installed (Debian package postgresql)"}, nil
	}
	bin := filepath.Dir(slices.Max(found))
	dir, err := os.MkdirTemp("", "concord-postgres-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	run, err := s.unprivileged()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	initialise := run(filepath.Join(bin, "initdb"), "-D", data, "-U", "concord", "-A", "trust", "-E", "UTF8", "--no-sync",
		"--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
	if out, err := initialise.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	s.process = run(filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off",
		"-c", "max_connections=300", "-c", "logging_collector=off")
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	if err := s.await(); err != nil {
		return nil, err
	}
	return s, s.makeBlank()
})

// unprivileged prepares commands in the server's directory. PostgreSQL refuses
// to run as root.
func (s *server) unprivileged() (func(name string, args ...string) *exec.Cmd, error) {
	var as *syscall.Credential
	if os.Getuid() == 0 {
		account, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(account.Uid)
		gid, _ := strconv.Atoi(account.Gid)
		as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(s.dir, uid, gid); err != nil {
			return nil, err
		}
	}
	return func(name string, args ...string) *exec.Cmd {
		c := exec.Command(name, args...)
		c.Dir = s.dir
		c.SysProcAttr = &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGQUIT}
		return c
	}, nil
}

func (s *server) address(database string) string {
	return fmt.Sprintf("host=%s user=concord dbname=%s sslmode=disable", s.dir, database)
}

func (s *server) await() error {
	db, err := sql.Open("pgx", s.address("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	for range 200 {
		if err = db.Ping(); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// makeBlank makes the database that those of the tests are copies of: it has
// the schema, whose migrations take longer than a copy.
func (s *server) makeBlank() error {
	if err := s.create("blank", "template1"); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "concord-blank-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	blank, err := OpenAt(context.Background(), dir, s.address("blank"), zap.NewNop())
	if err != nil {
		return err
	}
	return blank.Close()
}

// create makes a database, unless it is there.
func (s *server) create(name, template string) error {
	db, err := sql.Open("pgx", s.address("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	var there bool
	err = db.QueryRow("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)", name).Scan(&there)
	if err == nil && !there {
		_, err = db.Exec("CREATE DATABASE " + name + " TEMPLATE " + template)
	}
	return err
}

func (s *server) stop() {
	if s.process != nil {
		_ = s.process.Process.Signal(syscall.SIGQUIT)
		_ = s.process.Wait()
	}
	_ = os.RemoveAll(s.dir)
}

// database is the address of the index of a data directory.
func database(t testing.TB, dir string) string {
	t.Helper()
	s, err := startServer()
	if err != nil {
		t.Fatal(err)
	}
	if s.missing != "" {
		t.Skip(s.missing)
	}
	digest := fnv.New64()
	digest.Write([]byte(dir))
	name := fmt.Sprintf("test_%x", digest.Sum64())
	if err := s.create(name, "blank"); err != nil {
		t.Fatal(err)
	}
	return s.address(name)
}
