package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/pressly/goose/v3/database"

	"github.com/kefu-chat/kefu/test/engines"
)

// beside is a server's database beside the store, for looking and for breaking.
func beside(t testing.TB, address string) *sql.DB {
	t.Helper()
	d, err := openDialect(Config{URL: address}.withDefaults(), address)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := d.pool(t.Context(), 2, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	return pool.DB
}

// serverSchema is what makes a server's database: columns with types, then indexes.
func serverSchema(t *testing.T, s server, db *sql.DB) []string {
	t.Helper()
	queries := []string{
		"SELECT CONCAT(table_name, '.', column_name, ' ', column_type, ' ', is_nullable, ' ', COALESCE(collation_name, '-')) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name <> 'schema_version' ORDER BY 1",
		"SELECT CONCAT(table_name, '.', index_name, ' ', seq_in_index, ' ', column_name, ' ', non_unique) FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name <> 'schema_version' ORDER BY 1",
	}
	if s.name == "PostgreSQL" {
		queries = []string{
			"SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || COALESCE(collation_name, '-') FROM information_schema.columns WHERE table_schema = current_schema() AND table_name <> 'schema_version' ORDER BY 1",
			"SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename <> 'schema_version' ORDER BY 1",
		}
	}
	var all []string
	for _, query := range queries {
		all = append(all, names(t, db, query)...)
	}
	return all
}

// steps calls each with the migrations of a dialect, one more each time.
func steps(t *testing.T, dialect string, each func(name string, some fs.FS)) {
	t.Helper()
	files, err := fs.Sub(migrations, "migrations/"+dialect)
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	some := fstest.MapFS{}
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "+goose Down") {
			t.Errorf("%s goes backward", name)
		}
		some[name] = &fstest.MapFile{Data: data}
		each(name, some)
	}
}

func TestUpgradeOfAServerEndsInTheSameSchema(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			fresh, stepped := s.empty(t), s.empty(t)
			d := open(t, Config{URL: fresh}).dialect
			pool := beside(t, stepped)
			steps(t, d.name(), func(name string, some fs.FS) {
				if err := migrateWith(t.Context(), pool, d, some, quiet); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			})
			a, b := serverSchema(t, s, beside(t, fresh)), serverSchema(t, s, pool)
			if len(a) < 100 || !slices.Equal(a, b) {
				t.Errorf("fresh:    %q\nupgraded: %q", a, b)
			}
			for name, copied := range map[string]string{"copied": s.fresh(t), "lent": s.lend(t)} {
				if c := serverSchema(t, s, beside(t, copied)); !slices.Equal(a, c) {
					t.Errorf("fresh: %q\n%s: %q", a, name, c)
				}
			}
		})
	}
}

// TestDialectsHaveTheSameTables compares names of tables and columns, in their
// order, across all engines: what one has, the others have.
func TestDialectsHaveTheSameTables(t *testing.T) {
	const ofSQLite = "SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> 'schema_version' ORDER BY m.name, c.cid"
	want := names(t, raw(t, open(t, Config{}).cfg.Path), ofSQLite)
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			address := s.fresh(t)
			open(t, Config{URL: address})
			schema := map[string]string{"MariaDB": "DATABASE()", "PostgreSQL": "current_schema()"}[s.name]
			got := names(t, beside(t, address), "SELECT CONCAT(table_name, '.', column_name) FROM information_schema.columns WHERE table_schema = "+schema+
				" AND table_name <> 'schema_version' ORDER BY table_name, ordinal_position")
			if !slices.Equal(got, want) {
				t.Errorf("it has  %v\nSQLite has %v", got, want)
			}
		})
	}
}

func names(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var all []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		all = append(all, name)
	}
	return all
}

// TestNodesStartTogether opens an empty database from several nodes at once.
func TestNodesStartTogether(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			address := s.empty(t)
			const nodes = 4
			keys, errs := make([][]byte, nodes), make([]error, nodes)
			var wg sync.WaitGroup
			for i := range nodes {
				wg.Go(func() {
					var db *DB
					if db, errs[i] = Open(context.Background(), Config{URL: address}, quiet); errs[i] != nil {
						return
					}
					keys[i], errs[i] = fingerprintKey(context.Background(), db.write.DB, db.dialect)
					if err := db.Close(); errs[i] == nil {
						errs[i] = err
					}
				})
			}
			wg.Wait()
			for i := range nodes {
				if errs[i] != nil {
					t.Fatalf("node %d: %v", i, errs[i])
				}
				if len(keys[i]) != 32 || !slices.Equal(keys[i], keys[0]) {
					t.Errorf("node %d has the key %x, the first has %x", i, keys[i], keys[0])
				}
			}
		})
	}
}

// TestAStartThatWasKilledGoesOn: also one that had made the table of versions, and
// nothing in it.
func TestAStartThatWasKilledGoesOn(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			address := s.empty(t)
			pool := beside(t, address)
			d, err := openDialect(Config{URL: address}.withDefaults(), address)
			if err != nil {
				t.Fatal(err)
			}
			spoken, _ := d.migrating()
			versions, err := database.NewStore(spoken, schemaTable)
			if err == nil {
				err = versions.CreateVersionTable(t.Context(), pool)
			}
			if err != nil {
				t.Fatal(err)
			}
			open(t, Config{URL: address})
		})
	}
}

func TestTooNewServerStopsTheStart(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			address := s.fresh(t)
			open(t, Config{URL: address})
			if _, err := beside(t, address).ExecContext(t.Context(), "UPDATE compatibility SET oldest_schema = 9000"); err != nil {
				t.Fatal(err)
			}
			_, err := Open(t.Context(), Config{URL: address}, quiet)
			if err == nil || !strings.Contains(err.Error(), "too new") || !strings.Contains(err.Error(), "9000") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestStartSaysWhatIsWrong: one sentence that helps, and never the password.
func TestStartSaysWhatIsWrong(t *testing.T) {
	const password = "s3cr:t/p@ss"
	with := func(address string, change func(u *url.URL)) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword(u.User.Username(), password)
		change(u)
		return u.String()
	}
	cases := map[string]struct{ address, want string }{
		"no scheme":       {"kefu:" + password + "@localhost/x", "cannot be read"},
		"broken":          {"postgres://kefu:" + password + "@localhost/x", "cannot be read"},
		"other scheme":    {"oracle://kefu:s3cr@localhost/x", "oracle://"},
		"no database":     {"mysql://kefu:s3cr@localhost:3306", "names no database"},
		"setting of pg":   {"postgres://kefu:s3cr@localhost/x?connect_timeout=soon", "not understood"},
		"setting of mysq": {"mysql://kefu:s3cr@localhost/x?timeout=soon", "not understood"},
		"nobody there":    {fmt.Sprintf("mysql://kefu:s3cr@127.0.0.1:%d/x", engines.FreePort(t)), "cannot be reached"},
		"nobody there pg": {fmt.Sprintf("postgres://kefu:s3cr@127.0.0.1:%d/x", engines.FreePort(t)), "cannot be reached"},
	}
	for _, s := range servers(t) {
		address := s.fresh(t)
		cases[s.name+" without the database"] = struct{ address, want string }{
			with(address, func(u *url.URL) { u.Path += "_not"; u.User = url.UserPassword(u.User.Username(), "") }), "no such database"}
		pool := beside(t, address)
		statement := "CREATE USER stranger IDENTIFIED BY 'other'"
		if s.name == "PostgreSQL" {
			statement = "" // the server of the tests trusts everybody whom it knows
		}
		if statement != "" {
			if _, err := pool.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		cases[s.name+" with a wrong password"] = struct{ address, want string }{
			with(address, func(u *url.URL) { u.User = url.UserPassword("stranger", password) }), "refuses this user with this password"}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			db, err := Open(t.Context(), Config{URL: c.address}, quiet)
			if err == nil {
				_ = db.Close()
				t.Fatal("it was opened")
			}
			text := err.Error()
			if !strings.Contains(text, c.want) || strings.Contains(text, "\n") {
				t.Errorf("got %q, want a sentence with %q", text, c.want)
			}
			for _, secret := range []string{password, url.QueryEscape(password), "s3cr", "p@ss"} {
				if strings.Contains(text, secret) {
					t.Errorf("%q shows the password", text)
				}
			}
		})
	}
}

// TestBackupOfAServerNamesItsTool: the command works as it stands, but for the password.
func TestBackupOfAServerNamesItsTool(t *testing.T) {
	tools := map[string]struct{ dump, load string }{"PostgreSQL": {"pg_dump", "pg_restore"}, "MariaDB": {"mariadb-dump", "mariadb"}}
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			tool, known := tools[s.name]
			if !known {
				t.Fatal("no tool is expected of this engine: name it here")
			}
			address := s.fresh(t)
			for _, err := range []error{open(t, Config{URL: address}).Backup(t.Context(), "copy.db"), BackupServer(address, "copy.db")} {
				if err == nil || !strings.Contains(err.Error(), tool.dump+" --host=127.0.0.1 --port=") || !strings.Contains(err.Error(), "copy.db") {
					t.Errorf("backup: %v", err)
				}
			}
			if err := RestoreServer(address, "copy.db"); err == nil || !strings.Contains(err.Error(), tool.load+" --host=127.0.0.1") {
				t.Errorf("restore: %v", err)
			}
		})
	}
}

// TestTheToolsCommandIsForAShell: names with a meaning to a shell have none, nobody is
// asked, and the password is not shown.
func TestTheToolsCommandIsForAShell(t *testing.T) {
	for _, scheme := range []string{"postgres", "mysql"} {
		address := scheme + "://o%27brien:s3cret@127.0.0.1:1/my%20chat"
		for _, err := range []error{BackupServer(address, "$(reboot); a copy"), RestoreServer(address, "$(reboot); a copy")} {
			if err == nil {
				t.Fatal("it was done")
			}
			for _, word := range []string{`='o'\''brien' `, `'my chat'`, `'$(reboot); a copy'`} {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%s: %v has no %s", scheme, err, word)
				}
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s: %v shows the password", scheme, err)
			}
		}
	}
}
