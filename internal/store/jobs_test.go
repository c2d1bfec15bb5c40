package store

import (
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/store/storetest"
)

func TestJobsInSQLite(t *testing.T) {
	storetest.RunJobs(t, func(t testing.TB, o storetest.Options) storetest.Engine {
		return open(t, Config{Path: newFileIn(t, o.Place), Now: o.Now, Synchronous: "off", Relaxed: true})
	}, true)
}

func TestJobsInServers(t *testing.T) {
	t.Parallel()
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			storetest.RunJobs(t, s.opener(), false)
		})
	}
}

// TestJobsGoByTheServersClock: not by this process's.
func TestJobsGoByTheServersClock(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			db := open(t, Config{URL: s.fresh(t)})
			if db.cfg.Now != nil || db.clock() == "" {
				t.Fatal("the store goes by this process's clock")
			}
			var before, after chat.Millis
			clock := func(to *chat.Millis) {
				if err := db.write.NewRaw("SELECT "+db.clock()).Scan(t.Context(), to); err != nil {
					t.Fatal(err)
				}
			}
			clock(&before)
			if err := db.AddJob(t.Context(), jobs.Job{Kind: "mail", Key: "a"}); err != nil {
				t.Fatal(err)
			}
			claims, now, err := db.ClaimJobs(t.Context(), []jobs.Want{{Kind: "mail", Most: 1}}, time.Second)
			clock(&after)
			if err != nil || len(claims) != 1 || now < claims[0].RunAt || claims[0].RunAt < before || now > after {
				t.Errorf("between %d and %d it claimed %+v at %d: %v", before, after, claims, now, err)
			}
		})
	}
}

// TestDueJobsNeedNoSorting holds the index to the query.
func TestDueJobsNeedNoSorting(t *testing.T) {
	db := open(t, Config{})
	const query = "SELECT kind, job_key FROM job WHERE kind = ? AND due_at <= ? ORDER BY kind, due_at LIMIT ?"
	if plan := explain(t, db, query, "mail", 1, 1); strings.Contains(plan, "SCAN") || strings.Contains(plan, "TEMP") {
		t.Error(plan)
	}
}
