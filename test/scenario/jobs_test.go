//go:build linux

package scenario

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/store"
)

// A node is killed while it runs a job: another one does it, once, at most 10 s
// after its time, by the database's clock.
func TestNodeKilledWhileItRunsAJob(t *testing.T) {
	t.Parallel()
	program, err := rig.faulty()
	if err != nil {
		t.Fatal(err)
	}
	for _, on := range []pair{{"postgres", "mesh"}, {"mariadb", "mesh"}} {
		t.Run(on.database, func(t *testing.T) {
			t.Parallel()
			c := newClusterOf(t, program, on, 3)
			db, err := store.Open(t.Context(), store.Config{URL: c.database}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			killedWhileItRunsAJob(t, c, db)
		})
	}
}

// lateAtMost is by how much a job of a killed node may be late.
const lateAtMost = 10*time.Second + slack

func killedWhileItRunsAJob(t *testing.T, c *cluster, db *store.DB) {
	t.Helper()
	_, _, now, err := db.KeptCertificate(t.Context(), "the time")
	if err != nil {
		t.Fatal(err)
	}
	due := chat.Millis(now) + 1000
	if err := db.AddJob(t.Context(), jobs.Job{Kind: "witness", Key: "of the kill", RunAt: due}); err != nil {
		t.Fatal(err)
	}
	var killed *server
	eventually(t, func() string {
		for _, n := range c.nodes {
			if n.p.said("a witness runs") {
				killed = n
				return ""
			}
		}
		return "no node runs the job"
	})
	killed.p.kill()
	runs := strings.Count(killed.p.output(), "a witness runs")
	killed.p = nil

	var seen string
	var version int64
	eventually(t, func() string {
		value, v, _, err := db.KeptCertificate(t.Context(), "witness/of the kill")
		if err != nil || v == 0 {
			return fmt.Sprintf("no other node has run the job: %v", err)
		}
		seen, version = string(value), v
		return ""
	})
	var attempt int
	var at chat.Millis
	if _, err := fmt.Sscan(seen, &attempt, &at); err != nil {
		t.Fatal(err)
	}
	if late := time.Duration(at-due) * time.Millisecond; attempt != 2 || version != 1 || late > lateAtMost {
		t.Errorf("attempt %d ran the job %s after its time, and wrote %d times: want attempt 2, at most %s, once", attempt, late, version, lateAtMost)
	} else {
		t.Logf("attempt 2 ran the job %s after its time", late)
	}
	c.stopAll()
	if there, err := db.CancelJob(t.Context(), "witness", "of the kill"); err != nil || there {
		t.Errorf("the job is still there: %v", err)
	}
	for _, n := range c.nodes {
		if n.p != nil {
			runs += strings.Count(n.p.output(), "a witness runs")
		}
	}
	if runs != 2 {
		t.Errorf("the job ran %d times: want once on the killed node and once on another", runs)
	}
}
