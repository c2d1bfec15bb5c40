package store

import (
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
)

// TestWhoKeepsNoFileHasNoRow: whoever asks makes itself up as a new visitor, as often as
// it likes; what it cancelled must leave nothing behind.
func TestWhoKeepsNoFileHasNoRow(t *testing.T) {
	inEach(t, func(t *testing.T, cfg Config) {
		db := open(t, cfg)
		owner := chat.VisitorFiles([]byte("somebody"))
		bytes := map[int]int64{}
		for left := 1; left >= 0; left-- {
			must(t, func() error {
				_, err := db.InsertFile(t.Context(), files.File{File: chat.File{ID: chat.FileID(10 + left), Name: "a", Size: 5}, Site: 1, Owner: owner}, files.Use{Keep: time.Hour})
				return err
			}())
		}
		for left := 1; left >= 0; left-- {
			id := chat.FileID(10 + left)
			must(t, db.GiveUp(t.Context(), id))
			must(t, db.ForgetFile(t.Context(), id))
			var rows []int64
			must(t, db.read.NewRaw("SELECT bytes FROM file_use WHERE site_id = 1 AND owner = ?", []byte(owner)).Scan(t.Context(), &rows))
			if len(rows) != left {
				t.Errorf("with %d files left there are rows of %d bytes", left, rows)
			}
			must(t, db.read.NewRaw("SELECT COALESCE(SUM(bytes), 0) FROM file_use WHERE owner = ?", []byte(everybody)).Scan(t.Context(), &rows))
			bytes[left] = rows[0]
		}
		if bytes[1] != 5 || bytes[0] != 0 {
			t.Errorf("the site's bytes by what is left: %v", bytes)
		}
	})
}
