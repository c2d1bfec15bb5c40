package store

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
)

type world struct{}

func (world) Now() time.Time                        { return time.Now() }
func (world) Here(chat.SiteID, chat.AgentID) bool   { return true }
func (world) Absent(chat.SiteID, chat.AgentID) bool { return false }

func TestSmoke(t *testing.T) {
	db, err := Open(context.Background(), Config{Path: filepath.Join(t.TempDir(), "kefu.db")}, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	v := chat.Actor{Kind: chat.VisitorActor}
	id := uuid.Must(uuid.NewV7())
	var conv chat.Conversation
	for range 2 {
		done := make(chan struct{})
		db.Change(&chat.Change{Begin: &chat.Beginning{Site: 1, SecretHash: make([]byte, 32)}, By: v, ClientID: id, Fingerprint: []byte("x"),
			Decide: chat.SendMessage(v, "hello", world{}), Done: func(c chat.Changed, err error) {
				t.Logf("%+v %v", c, err)
				conv = c.Conversation
				close(done)
			}})
		<-done
	}
	p, err := db.Page(context.Background(), chat.PageQuery{Conversation: conv.ID, Limit: 10})
	t.Logf("%+v %v", p, err)
	rows, err := db.List(context.Background(), chat.ListQuery{Sites: []chat.SiteID{1}, View: chat.ViewWaiting, Limit: 10})
	t.Logf("%+v %v", rows, err)
	h, err := db.Head(context.Background(), conv.ID)
	t.Logf("%+v %v", h, err)
}
