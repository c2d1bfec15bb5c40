package server_test

import (
	"context"
	"sync"
	"testing"

	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/store"
)

// atOnce asks so often at the same time, and counts the statuses.
func atOnce(n int, ask func(i int) int) map[int]int {
	var (
		mu    sync.Mutex
		all   sync.WaitGroup
		begin = make(chan struct{})
	)
	counts := map[int]int{}
	for i := range n {
		all.Go(func() {
			<-begin
			status := ask(i)
			mu.Lock()
			defer mu.Unlock()
			counts[status]++
		})
	}
	close(begin)
	all.Wait()
	return counts
}

func TestOfManyWhoUseALinkOneGetsIn(t *testing.T) {
	w := newWorld(t, server.Config{})
	people := make([]*person, 8)
	for i := range people {
		people[i] = w.person()
	}
	counts := atOnce(len(people), func(i int) int {
		return people[i].ask("POST", "/api/v1/setup", fields{"secret": w.setup, "name": "Olive", "email": "olive@example.com", "password": password, "site": "Shop"}).status
	})
	if counts[201] != 1 || counts[410] != len(people)-1 {
		t.Errorf("set-up at the same time: %v", counts)
	}
	if len(w.people.All()) != 1 || len(w.sites.All()) != 1 {
		t.Errorf("%d agents, %d sites", len(w.people.All()), len(w.sites.All()))
	}
}

func TestManyTriesAtOnceAreCounted(t *testing.T) {
	w := newWorld(t, server.Config{})
	w.owner()
	people := make([]*person, 20)
	for i := range people {
		people[i] = w.person()
	}
	counts := atOnce(len(people), func(i int) int {
		return people[i].ask("POST", "/api/v1/log-in", fields{"email": "olive@example.com", "password": "wrong"}).status
	})
	if counts[401] != 5 || counts[429] != 15 {
		t.Errorf("wrong passwords at the same time: %v, want 5 × 401 and 15 × 429", counts)
	}
}

// between is a store in which something happens before the next transaction.
type between struct {
	*store.DB
	then func()
}

func (b *between) Together(ctx context.Context, fn func(context.Context) error) error {
	if then := b.then; then != nil {
		b.then = nil
		then()
	}
	return b.DB.Together(ctx, fn)
}

func TestAnOldPasswordLetsNobodyInBehindItsChange(t *testing.T) {
	w := newWorld(t, server.Config{})
	owner := w.owner()
	db := &between{DB: w.db}
	late := identity.New(identity.Config{}, db, w.db, w.sites, nil, w.clock.Now)
	w.must(late.Refresh(t.Context()))
	db.then = func() {
		owner.want(204, "POST", "/api/v1/me/password", fields{"old_password": password, "new_password": "another " + password})
	}
	if _, err := late.LogIn(t.Context(), "olive@example.com", password, identity.From{}); err == nil {
		t.Error("a log-in that began with the old password outlived its change")
	}
	w.must(late.Refresh(t.Context()))
	if _, err := late.LogIn(t.Context(), "olive@example.com", "another "+password, identity.From{}); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

func TestTwoWhoChangeASiteAtOnce(t *testing.T) {
	w := newWorld(t, server.Config{})
	w.owner()
	people := []*person{w.logIn("olive@example.com"), w.logIn("olive@example.com"), w.logIn("olive@example.com")}
	path := "/api/v1/sites/" + idOf(w.firstSite())
	counts := atOnce(len(people), func(i int) int {
		return people[i].ask("PATCH", path, fields{"version": 1, "name": "New"}).status
	})
	if counts[200] != 1 || counts[409] != 2 {
		t.Errorf("changes of one version: %v", counts)
	}
}

func TestASetupLinkMakesNoSecondOwner(t *testing.T) {
	w := newWorld(t, server.Config{})
	if _, err := w.people.CreateOwner(t.Context(), identity.NewOwner{Name: "Otto", Email: "otto@example.com", Password: password, Site: "Shop"}); err != nil {
		t.Fatal(err)
	}
	a := w.person().want(409, "POST", "/api/v1/setup", fields{"secret": w.setup, "name": "Olive", "email": "olive@example.com", "password": password, "site": "Shop"})
	if a.code() != "already_set_up" || len(w.people.All()) != 1 {
		t.Errorf("%s, %d agents", a.text, len(w.people.All()))
	}
}
