package store

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
)

// TestACarriedTextIsErasedEverywhere looks for a text in every table, once it was
// taken back where it was carried to.
func TestACarriedTextIsErasedEverywhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), DatabaseFile)
	db, err := Open(t.Context(), Config{Path: path}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	begun := send(t, db, message(1, "SECRET one"))
	revise := func(id chat.ConversationID, by chat.Actor, rule chat.Decide) {
		send(t, db, chat.Change{Conversation: id, By: by, ClientID: uuid.Must(uuid.NewV7()), Fingerprint: []byte("SECRET"), Decide: rule})
	}
	by := chat.Actor{Kind: chat.VisitorActor, ID: int64(begun.Conversation.Visitor)}
	revise(begun.Conversation.ID, by, chat.EditText(by, 2, "SECRET two"))
	revise(begun.Conversation.ID, by, chat.EditText(by, 2, "SECRET three"))
	look := func() (found, prints int) {
		const query = "SELECT (SELECT COUNT(*) FROM event WHERE body LIKE '%SECRET%') + (SELECT COUNT(*) FROM event_revision WHERE body LIKE '%SECRET%')," +
			" (SELECT COUNT(*) FROM event WHERE fingerprint IS NOT NULL)"
		if err := raw(t, path).QueryRowContext(t.Context(), query).Scan(&found, &prints); err != nil {
			t.Fatal(err)
		}
		return found, prints
	}
	over, err := chat.NewDesk(db, world{}, world{}, 1000).Carry(t.Context(), begun.Conversation.Site, message(1, "").Begin.SecretHash, chat.Beginning{Site: begun.Conversation.Site, SecretHash: benchSecret(1)})
	if err != nil || !over.Carried {
		t.Fatal(over, err)
	}
	if found, prints := look(); found != 3 || prints != 3 {
		t.Fatalf("%d texts and %d fingerprints are there after the carry: want 3 and 3", found, prints)
	}
	by.ID = int64(over.To.Conversation.Visitor)
	revise(over.To.Conversation.ID, by, chat.RecallText(by, 2))
	if found, prints := look(); found != 0 || prints != 1 {
		t.Errorf("%d texts and %d fingerprints are left: want none, and the recall's", found, prints)
	}
}
