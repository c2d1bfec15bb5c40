package folder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/files/filestest"
)

func open(t *testing.T) (*Folder, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a", "files")
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f, dir
}

func TestFolder(t *testing.T) {
	f, dir := open(t)
	filestest.Blobs(t, f)
	left, err := os.ReadDir(filepath.Join(dir, unfinished))
	if err != nil || len(left) != 0 {
		t.Errorf("%d blobs were left unfinished, %v", len(left), err)
	}
}

func TestNoKeyLeadsOutOfTheFolder(t *testing.T) {
	f, dir := open(t)
	outside := filepath.Join(filepath.Dir(dir), "outside")
	if err := os.WriteFile(outside, []byte("not ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"", "/", "..", "../outside", "7/../../outside", "/etc/passwd", "7//x", "7/x/", "7/.hidden", `7\x`, "7/x\x00", "7/X", "link"} {
		if b, err := f.Open(t.Context(), key); err == nil {
			_ = b.Close()
			t.Errorf("%q was opened", key)
		}
		if err := f.Delete(t.Context(), key); err == nil && key != "link" {
			t.Errorf("%q was deleted", key)
		}
		if err := f.Put(t.Context(), key, strings.NewReader("x"), 1); err == nil && key != "link" {
			t.Errorf("%q was written", key)
		}
	}
	if text, err := os.ReadFile(outside); string(text) != "not ours" || err != nil {
		t.Errorf("what lies outside is %q, %v", text, err)
	}
}

func TestAFolderThatCannotBeUsedIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); err == nil {
		t.Error("a file was taken for a folder")
	}
}
