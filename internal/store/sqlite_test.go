package store

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/store/storetest"
	"github.com/kefu-chat/kefu/test/engines"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(tests{m}) }

// tests end the servers that they started before anybody looks for what is left.
type tests struct{ *testing.M }

// Run also holds every statement that a test sent to MariaDB to inBrackets' rule.
func (t tests) Run() int {
	defer engines.End()
	code := t.M.Run()
	spilled, err := engines.Spilled()
	if err != nil || len(spilled) > 0 {
		fmt.Fprintf(os.Stderr, "MariaDB made temporary tables on disk (%v) for:\n%s\n", err, strings.Join(spilled, "\n"))
		return max(code, 1)
	}
	return code
}

// world is one in which everybody is here.
type world struct{}

func (world) Now() time.Time                        { return time.Now() }
func (world) Here(chat.SiteID, chat.AgentID) bool   { return true }
func (world) Absent(chat.SiteID, chat.AgentID) bool { return false }

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t testing.TB, o storetest.Options) storetest.Engine {
		cfg := Config{Path: newFileIn(t, o.Place), Now: o.Now, Committed: o.Committed, Marked: o.Marked, Commit: o.Commit}
		if o.Fast {
			cfg.Synchronous, cfg.Relaxed = "off", true
		}
		db, err := Open(context.Background(), cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return db
	})
}
