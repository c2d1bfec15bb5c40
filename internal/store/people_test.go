package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/site"
)

// inEach runs a test on a new database of each engine.
func inEach(t *testing.T, test func(t *testing.T, cfg Config)) {
	t.Run("SQLite", func(t *testing.T) { test(t, Config{Path: newFile(t)}) })
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) { test(t, Config{URL: s.lend(t)}) })
	}
}

// same compares what was read with what should be there.
func same(t *testing.T, what string, got, want any, err error) {
	t.Helper()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%s: %v (-want +got):\n%s", what, err, diff)
	}
}

// refused checks the code of a refusal.
func refused(t *testing.T, what string, err error, want chat.Code) {
	t.Helper()
	if err == nil || chat.CodeOf(err) != want {
		t.Errorf("%s: got %v, want %s", what, err, want)
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func agent(n int) identity.Agent {
	return identity.Agent{
		ID: chat.AgentID(n), Email: fmt.Sprintf("a%d@example.com", n), Name: "Ann 安 😀 'quoted\\'", Owner: n == 1, Disabled: n == 3,
		PasswordHash: "$argon2id$\x01?", LastSeenAt: 5, CreatedAt: 6,
	}
}

func TestPeople(t *testing.T) {
	inEach(t, func(t *testing.T, cfg Config) {
		db, ctx := open(t, cfg), t.Context()
		version, err := db.PeopleVersion(ctx)
		must(t, err)
		for n := 1; n <= 3; n++ {
			must(t, db.InsertAgent(ctx, agent(n)))
		}
		taken := agent(4)
		taken.Email = agent(1).Email
		refused(t, "a taken e-mail address", db.InsertAgent(ctx, taken), identity.EmailTaken)
		taken.Email = "a1@example.com " // bytes are bytes
		must(t, db.InsertAgent(ctx, taken))
		must(t, db.SetRole(ctx, 1, 71, chat.RoleAdmin), db.SetRole(ctx, 1, 72, chat.RoleAgent), db.SetRole(ctx, 1, 71, chat.RoleSupervisor))
		must(t, db.SetRole(ctx, 2, 71, chat.RoleAgent), db.SetRole(ctx, 2, 71, chat.NoRole))
		changed := agent(2)
		changed.Name, changed.Disabled = "博", true
		must(t, db.UpdateAgent(ctx, changed), db.UpdateAgent(ctx, changed)) // nothing new the second time
		refused(t, "an agent that is not there", db.UpdateAgent(ctx, agent(9)), chat.NotFound)
		must(t, db.Seen(ctx, 3, 50), db.Seen(ctx, 3, 40))
		agents, err := db.Agents(ctx)
		slices.SortFunc(agents, func(a, b identity.Agent) int { return int(a.ID - b.ID) })
		first, third := agent(1), agent(3)
		first.Roles, third.LastSeenAt = map[chat.SiteID]chat.Role{71: chat.RoleSupervisor, 72: chat.RoleAgent}, 50
		same(t, "agents", agents, []identity.Agent{first, changed, third, taken}, err)
		seen, err := db.LastSeen(ctx)
		same(t, "last seen", seen, map[chat.AgentID]chat.Millis{1: 5, 2: 5, 3: 50, 4: 5}, err)
		if after, err := db.PeopleVersion(ctx); err != nil || after <= version {
			t.Errorf("the version went from %d to %d, %v", version, after, err)
		}
	})
}

func TestLoginsAndLinks(t *testing.T) {
	inEach(t, func(t *testing.T, cfg Config) {
		db, ctx := open(t, cfg), t.Context()
		now, err := db.time(ctx)
		must(t, err)
		for n := int64(1); n <= 4; n++ {
			l := identity.Login{ID: n, Agent: 7, CreatedAt: now, LastUsedAt: now + chat.Millis(n), ExpiresAt: now + 1000_000, Address: "::1", UserAgent: "浏览器"}
			must(t, db.InsertLogin(ctx, l, []byte{byte(n), 0, 0xff}))
		}
		l, err := db.LoginByHash(ctx, []byte{2, 0, 0xff})
		same(t, "a log-in", l.UserAgent, "浏览器", err)
		_, err = db.LoginByHash(ctx, []byte{2, 0})
		refused(t, "a hash that is not there", err, chat.NotFound)
		l.LastUsedAt, l.ExpiresAt = now+99, now+2000_000
		must(t, db.TouchLogin(ctx, l))
		revoked, err := db.RevokeLogins(ctx, 7, []int64{1, 3, 77}, now)
		slices.Sort(revoked)
		same(t, "revoked", revoked, []int64{1, 3}, err)
		again, err := db.RevokeLogins(ctx, 7, []int64{1, 3}, now)
		same(t, "revoked again", len(again), 0, err)
		valid, err := db.Logins(ctx, 7, now)
		if err != nil || len(valid) != 2 || valid[0].ID != 2 || valid[1].ID != 4 {
			t.Errorf("valid are %+v, %v", valid, err)
		}
		since, _, err := db.RevokedSince(ctx, 15_000)
		slices.Sort(since)
		same(t, "revoked of late", since, []int64{1, 3}, err)
		must(t, db.InsertLogin(ctx, identity.Login{ID: 5, Agent: 7, ExpiresAt: now - 1}, []byte{5}))
		ended, err := db.EndedOf(ctx, []int64{1, 2, 3, 4, 5, 77})
		same(t, "no longer valid", ended, []int64{1, 3, 5, 77}, err)
		must(t, db.ForgetLogins(ctx, now+60_000))
		_, err = db.LoginByHash(ctx, []byte{1, 0, 0xff})
		refused(t, "a forgotten log-in", err, chat.NotFound)

		link := identity.Link{ID: 9, Kind: identity.InviteLink, Agent: 7, CreatedAt: 1, ExpiresAt: 2}
		must(t, db.InsertLink(ctx, link, []byte("link")))
		got, err := db.LinkByHash(ctx, []byte("link"))
		same(t, "a link", got, link, err)
		must(t, db.UseLink(ctx, 9, 5))
		refused(t, "a used link", db.UseLink(ctx, 9, 6), identity.LinkSpent)
		must(t, db.VoidLinks(ctx, 7, 7))
	})
}

func TestSitesAndAudit(t *testing.T) {
	inEach(t, func(t *testing.T, cfg Config) {
		db, ctx := open(t, cfg), t.Context()
		s := site.Site{ID: 71, Name: "Shop 商店", Key: "key", Settings: site.DefaultSettings(), Version: 1, CreatedAt: 3}
		must(t, db.InsertSite(ctx, s))
		s.Name = "Shop"
		after, err := db.UpdateSite(ctx, s)
		must(t, err)
		if after.Version != 2 || after.Name != "Shop" {
			t.Errorf("the site is %+v", after)
		}
		_, err = db.UpdateSite(ctx, s)
		refused(t, "an old version", err, chat.Conflict)
		_, err = db.SetSiteKey(ctx, 72, 1, "x")
		refused(t, "no site", err, chat.NotFound)
		after, err = db.SetSiteKey(ctx, 71, 2, "other")
		must(t, err)
		sites, err := db.Sites(ctx)
		same(t, "sites", sites, []site.Site{after}, err)
		entry := audit.Entry{
			ID: 1, At: 2, By: chat.ActorRef{Kind: chat.AgentActor, ID: 3, Name: "Ann"}, Address: "::1", What: audit.LoggedIn, Site: 71, Agent: 3,
			Detail: map[string]string{"名": "\"x\" \\ 'y'"},
		}
		must(t, db.Record(ctx, entry))
		entries, err := db.Entries(ctx, audit.Query{Site: 71, Limit: 10})
		same(t, "entries", entries, []audit.Entry{entry}, err)
		boom := errors.New("boom")
		err = db.Together(ctx, func(ctx context.Context) error {
			must(t, db.Record(ctx, audit.Entry{ID: 2}))
			return boom
		})
		if !errors.Is(err, boom) {
			t.Error(err)
		}
		entries, err = db.Entries(ctx, audit.Query{Limit: 10, Before: 3})
		same(t, "entries after a rollback", len(entries), 1, err)
		begun := send(t, db, message(1, "hello"))
		must(t, db.UpdateProfile(ctx, begun.Conversation.Visitor, chat.Profile{Name: "李"}))
		v, err := db.Visitor(ctx, 1, beginning(1).SecretHash)
		same(t, "the visitor", v, identity.Visitor{
			ID: begun.Conversation.Visitor, Site: 1, Conversation: begun.Conversation, Profile: chat.Profile{Name: "李"},
		}, err)
		_, err = db.Visitor(ctx, 1, []byte("nobody"))
		refused(t, "a visitor who is not there", err, chat.NotFound)
	})
}

// TestPeopleOnTwoNodes: what must happen once happens once, whichever node is asked.
func TestPeopleOnTwoNodes(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			cfg := Config{URL: s.lend(t)}
			nodes := []*DB{open(t, cfg), open(t, cfg)}
			ctx := t.Context()
			must(t, nodes[0].InsertSite(ctx, site.Site{ID: 71, Name: "Shop", Key: "key", Settings: site.DefaultSettings(), Version: 1}))
			once(t, "a site's version", chat.Conflict, nodes, func(db *DB, i int) error {
				_, err := db.UpdateSite(ctx, site.Site{ID: 71, Name: fmt.Sprint(i), Settings: site.DefaultSettings(), Version: 1})
				return err
			})
			once(t, "an e-mail address", identity.EmailTaken, nodes, func(db *DB, i int) error {
				a := agent(10 + i)
				a.Email = "one@example.com"
				return db.InsertAgent(ctx, a)
			})
			must(t, nodes[0].InsertLink(ctx, identity.Link{ID: 5, Kind: identity.ResetLink}, []byte("link")))
			once(t, "a link", identity.LinkSpent, nodes, func(db *DB, i int) error { return db.UseLink(ctx, 5, chat.Millis(i+1)) })
			// What is read in Together stays so until it has written: of two owners one remains.
			must(t, nodes[0].InsertAgent(ctx, agent(1)))
			second := agent(2)
			second.Owner = true
			must(t, nodes[0].InsertAgent(ctx, second))
			once(t, "the last owner", chat.NotAllowed, nodes, func(db *DB, i int) error {
				return db.Together(ctx, func(ctx context.Context) error {
					agents, err := db.Agents(ctx)
					if err != nil {
						return err
					}
					owners := slices.DeleteFunc(agents, func(a identity.Agent) bool { return !a.Owner })
					if len(owners) < 2 {
						return chat.Refuse(chat.NotAllowed, "the last owner stays")
					}
					mine := owners[slices.IndexFunc(owners, func(a identity.Agent) bool { return a.ID == chat.AgentID(i%2+1) })]
					mine.Owner = false
					return db.UpdateAgent(ctx, mine)
				})
			})
		})
	}
}

// once tries something at all nodes at once, several times: one succeeds.
func once(t *testing.T, what string, code chat.Code, nodes []*DB, try func(db *DB, i int) error) {
	t.Helper()
	const tries = 6
	errs := make([]error, tries)
	var wg sync.WaitGroup
	for i := range tries {
		wg.Go(func() { errs[i] = try(nodes[i%len(nodes)], i) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if chat.CodeOf(err) != code {
			t.Errorf("%s: got %v, want %s", what, err, code)
		}
	}
	if won != 1 {
		t.Errorf("%s: %d succeeded: want one", what, won)
	}
}
