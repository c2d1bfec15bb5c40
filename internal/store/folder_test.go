package store

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
)

// TestBackupWhileServing copies in the middle of writing, and restores.
func TestBackupWhileServing(t *testing.T) {
	db := open(t, Config{})
	before := send(t, db, message(1, "before"))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				<-submit(db, message(2, "meanwhile"))
			}
		}
	}()
	file := filepath.Join(t.TempDir(), "copy.db")
	err := db.Backup(t.Context(), file)
	close(stop)
	<-stopped
	if err != nil {
		t.Fatal(err)
	}
	send(t, db, message(1, "after"))
	if err := db.Backup(t.Context(), file); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("a second backup to the same file: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "new")
	if err := Restore(t.Context(), file, dir); err != nil {
		t.Fatal(err)
	}
	copied := open(t, Config{Path: filepath.Join(dir, DatabaseFile)})
	s, err := copied.Head(t.Context(), before.Conversation.ID)
	if err != nil || s != before.State {
		t.Errorf("the copy has %+v, %v; want %+v", s, err, before.State)
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("the backup left %v, %v", entries, err)
	}
	// A reader that had seen more than the copy is told to start anew.
	live, err := db.Head(t.Context(), before.Conversation.ID)
	if err != nil {
		t.Fatal(err)
	}
	p, err := copied.Page(t.Context(), chat.PageQuery{Conversation: live.Conversation, After: &chat.Position{Number: live.Seq, Tag: live.Tag}, Limit: 10})
	if err != nil || !p.Reset || len(p.Events) != 2 {
		t.Errorf("the copy answers %+v, %v", p, err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	db := open(t, Config{})
	send(t, db, message(1, "hello"))
	file := filepath.Join(t.TempDir(), "copy.db")
	if err := db.Backup(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damaged := append([]byte{}, data...)
	for i := 4096; i < len(damaged)-200; i += 4096 {
		copy(damaged[i:], strings.Repeat("x", 200))
	}
	cases := map[string]struct {
		file func(dir string) string
		dir  func(dir string)
		want string
	}{
		"folder with a file": {file: func(string) string { return file }, dir: func(dir string) { write(t, dir, "other", nil) }, want: "not empty"},
		"missing file":       {file: func(dir string) string { return filepath.Join(dir, "..", "none") }, want: "no such file"},
		"no database": {file: func(dir string) string {
			return write(t, filepath.Dir(dir), "text", []byte("hello, this is no database"))
		}, want: "not a sound database"},
		"damaged":   {file: func(dir string) string { return write(t, filepath.Dir(dir), "damaged", damaged) }, want: "damaged"},
		"cut short": {file: func(dir string) string { return write(t, filepath.Dir(dir), "short", data[:len(data)/2]) }, want: ""},
		"in use":    {file: func(string) string { return db.cfg.Path }, want: "in use"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if c.dir != nil {
				c.dir(dir)
			}
			err := Restore(context.Background(), c.file(dir), dir)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if _, err := os.Stat(filepath.Join(dir, DatabaseFile)); err == nil {
				t.Error("a database was put there")
			}
		})
	}
}

func write(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFolderIsLockedOnce(t *testing.T) {
	dir := t.TempDir()
	unlock, err := LockFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LockFolder(dir); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second lock: %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	again, err := LockFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
}

func TestDatabaseIsPrivate(t *testing.T) {
	db := open(t, Config{})
	send(t, db, message(1, "hello"))
	file := filepath.Join(t.TempDir(), "copy.db")
	if err := db.Backup(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{db.cfg.Path, db.cfg.Path + "-wal", file} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", filepath.Base(path), info.Mode())
		}
	}
}

func TestYardstick(t *testing.T) {
	m, err := Yardstick(t.Context(), filepath.Join(t.TempDir(), DatabaseFile), 1100, 64)
	if err != nil || m.Events != 1100 || m.PerSecond() <= 0 {
		t.Errorf("got %+v, %v", m, err)
	}
}
