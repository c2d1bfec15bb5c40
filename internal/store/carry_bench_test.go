package store

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Member is chat.Members: everybody works everywhere.
func (world) Member(chat.SiteID, chat.AgentID) (string, bool) { return "Ann", true }

// BenchmarkCarry carries as many events as go along at once, each of 100 letters.
func BenchmarkCarry(b *testing.B) {
	for name, where := range databases() {
		b.Run(name, func(b *testing.B) {
			db, err := Open(b.Context(), where(b), slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				writeRound(b, db, i)
				b.StartTimer()
				over, err := chat.NewDesk(db, world{}, world{}, 1000).Carry(b.Context(), 1, benchSecret(2*i), chat.Beginning{Site: 1, SecretHash: benchSecret(2*i + 1)})
				if err != nil || len(over.To.Events) < chat.MaxCarriedEvents {
					b.Fatal(len(over.To.Events), err)
				}
			}
		})
	}
}

func benchSecret(n int) []byte {
	hash := make([]byte, 32)
	hash[0], hash[1], hash[31] = byte(n), byte(n>>8), 9
	return hash
}

func writeRound(b *testing.B, db *DB, n int) {
	by, text := chat.Actor{Kind: chat.VisitorActor}, strings.Repeat("x", 100)
	done := make(chan error, chat.MaxCarriedEvents)
	for range chat.MaxCarriedEvents {
		db.Change(&chat.Change{
			Begin: &chat.Beginning{Site: 1, SecretHash: benchSecret(2 * n)}, By: by, ClientID: uuid.Must(uuid.NewV7()), Fingerprint: []byte(text),
			Decide: chat.SendMessage(by, text, world{}), Done: func(_ chat.Changed, err error) { done <- err },
		})
	}
	for range chat.MaxCarriedEvents {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}
