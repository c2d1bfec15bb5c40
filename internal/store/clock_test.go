package store

import (
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/test/engines"
)

// TestTimeIsTheDatabases: a node whose clock differs from the database's by two
// hours writes the database's time, and healing finds what it wrote.
func TestTimeIsTheDatabases(t *testing.T) {
	for name, start := range map[string]func(t *testing.T, env []string) string{
		"PostgreSQL": func(t *testing.T, env []string) string { return engines.StartPostgreSQLIn(t, env).NewDatabase(t) },
		"MariaDB":    func(t *testing.T, env []string) string { return engines.StartMariaDBIn(t, env).NewDatabase(t) },
	} {
		t.Run(name, func(t *testing.T) {
			clock := engines.NewClock(t)
			clock.Set(t, -2*time.Hour)
			db := open(t, Config{URL: start(t, clock.Env())})
			near := func(what string, at chat.Millis) {
				t.Helper()
				if off := time.Since(at.Time()) - 2*time.Hour; off < -time.Minute || off > time.Minute {
					t.Errorf("%s is %s: want two hours ago", what, at.Time())
				}
			}
			begun := send(t, db, message(1, "hello"))
			near("the conversation", begun.Conversation.CreatedAt)
			near("the event", begun.Events[1].At)
			c := message(1, "more")
			c.Conversation, c.By.ID = begun.Conversation.ID, int64(begun.Conversation.Visitor)
			near("the next event", send(t, db, c).Events[0].At)
			states, now, err := db.ChangedSince(t.Context(), []chat.SiteID{1}, 15_000)
			near("healing", now)
			if err != nil || len(states) != 1 || states[0].Seq != 3 {
				t.Errorf("healing found %+v, %v", states, err)
			}
			login := identity.Login{ID: 5, Agent: 7, CreatedAt: now, ExpiresAt: chat.At(time.Now().Add(time.Hour))}
			if err := db.InsertLogin(t.Context(), login, []byte("hash")); err != nil {
				t.Fatal(err)
			}
			if ids, err := db.RevokeLogins(t.Context(), 7, []int64{5}, chat.At(time.Now())); err != nil || len(ids) != 1 {
				t.Fatal(ids, err)
			}
			ids, now, err := db.RevokedSince(t.Context(), 15_000)
			near("the read of what was revoked", now)
			if err != nil || len(ids) != 1 || ids[0] != 5 {
				t.Errorf("revoked are %v, %v", ids, err)
			}
		})
	}
}
