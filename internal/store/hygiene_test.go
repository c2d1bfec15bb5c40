package store

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/retention"
)

// TestCachedHeadsHoldNoTexts: what was written stays in memory as long as
// somebody delivers it, not as long as its conversation is busy.
func TestCachedHeadsHoldNoTexts(t *testing.T) {
	const conversations, size = 200, 64 << 10
	db := open(t, Config{Synchronous: "off", Relaxed: true})
	inUse := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	send(t, db, message(255, "warm"))
	before := inUse()
	for n := range conversations {
		c := message(byte(n), strings.Repeat("x", size))
		send(t, db, c)
	}
	if after := inUse(); after > before+conversations*size/4 {
		t.Errorf("%d conversations of one text of %d bytes each keep %d bytes", conversations, size, after-before)
	}
}

// TestRecalledTextLeavesTheFile: a text that was taken back or replaced stands
// nowhere in the database's file.
func TestRecalledTextLeavesTheFile(t *testing.T) {
	const first, second = "marigold-before-the-edit", "larkspur-after-the-edit"
	long := strings.Repeat("hollyhock-in-pages-of-its-own ", 500)
	path := newFile(t)
	db := open(t, Config{Path: path})
	begun := send(t, db, message(1, first))
	by := chat.Actor{Kind: chat.VisitorActor, ID: int64(begun.Conversation.Visitor)}
	number := begun.Events[begun.Answer].PublicSeq
	for _, rule := range []chat.Decide{chat.EditText(by, number, second), chat.EditText(by, number, long), chat.RecallText(by, number)} {
		send(t, db, chat.Change{Conversation: begun.Conversation.ID, By: by, ClientID: uuid.Must(uuid.NewV7()), Decide: rule})
	}
	if _, err := raw(t, path).Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{first, second, long[:30]} {
		if bytes.Contains(data, []byte(text)) {
			t.Errorf("the file still holds %q", text)
		}
	}
}

// TestWhatIsErasedLeavesTheLog: what a visitor wrote stands nowhere on disk soon after it
// was erased, though nobody else writes.
func TestWhatIsErasedLeavesTheLog(t *testing.T) {
	const word = "foxglove-of-whom-nothing-stays"
	path := newFile(t)
	db := open(t, Config{Path: path})
	begun := send(t, db, message(1, word))
	s, err := db.Subject(t.Context(), begun.Conversation.Site, begun.Conversation.Visitor)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.RemoveEvents(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if _, err := db.RemoveSubject(t.Context(), s, retention.Erasure{ID: 1, Hash: s.Hash(), Site: s.Site}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal"} {
		eventually(t, func() bool {
			data, err := os.ReadFile(name)
			return os.IsNotExist(err) || err == nil && !bytes.Contains(data, []byte(word))
		})
	}
}

// TestLongReaderStopsNoWriter: while somebody reads for long, as a backup does,
// the log grows, and commits go on.
func TestLongReaderStopsNoWriter(t *testing.T) {
	path := newFile(t)
	db := open(t, Config{Path: path, MaxLogPages: 1, CheckpointAfter: 1, Synchronous: "off", Relaxed: true})
	begun := send(t, db, message(1, "first"))
	reader, err := raw(t, path).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	for _, statement := range []string{"BEGIN", "SELECT COUNT(*) FROM event"} {
		if _, err := reader.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 100 {
		c := message(1, "more")
		c.Conversation, c.Begin = begun.Conversation.ID, nil
		c.By.ID = int64(begun.Conversation.Visitor)
		c.Decide = chat.SendMessage(c.By, "more", world{})
		began := time.Now()
		select {
		case o := <-submit(db, c):
			if o.err != nil {
				t.Fatal(o.err)
			}
		case <-ctx.Done():
			t.Fatal("no commit in 20 s")
		}
		if took := time.Since(began); took > 8*time.Second {
			t.Fatalf("a commit waited %s for somebody who reads", took)
		}
	}
}
