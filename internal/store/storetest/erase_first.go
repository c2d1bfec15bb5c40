package storetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/retention"
)

// vouching is what a store needs for verified visitors.
type vouching interface {
	AddVisitorLogin(ctx context.Context, n identity.NewVisitorLogin) (identity.VisitorLogin, error)
	AddTicket(ctx context.Context, hash []byte, t legacy.Ticket, lasts time.Duration) (chat.Millis, error)
}

// vouched is a verified visitor who has written nothing yet.
func (f *fixture) vouched(n int) identity.VerifiedVisitor {
	f.Helper()
	store, ok := f.store.(vouching)
	if !ok {
		f.Fatal("the store knows no verified visitors")
	}
	one := identity.NewVisitorLogin{
		Login: identity.VisitorLogin{
			ID: int64(9000 + n), Site: site, SigningKey: 5, MadeAt: start, LastUsedAt: start,
			Visitor: identity.VerifiedVisitor{ID: chat.VisitorID(8000 + n), Vouched: chat.Vouched{ID: fmt.Sprint("u-", n)}},
		},
		Hash: secret(20_000 + n), JTI: fmt.Sprint("jti-", n), ExchangeHash: secret(n), Expires: start + 1000,
	}
	copy(one.Login.Visitor.Hash[:], verified(n))
	made, err := store.AddVisitorLogin(f.Context(), one)
	f.no(err)
	return made.Visitor
}

// Tickets bear the person's id at its website for as long as cookies last.
func testEraseTickets(f *fixture) {
	v, store := f.vouched(1), f.store.(vouching)
	f.vouched(2)
	for i, t := range []legacy.Ticket{
		{Name: "u-1", Door: legacy.PushDoor, Login: 9001},
		{Name: "u-1", Door: legacy.PushDoor, Key: 3, Reusable: true}, // made by the website's server
		{Name: "u-1", Door: legacy.ChatDoor},                         // names of that door are nobody's id
		{Name: "u-1", Door: legacy.PushDoor, Site: site + 1},
		{Name: "u-2", Door: legacy.PushDoor, Login: 9002},
	} {
		t.Site = cmp.Or(t.Site, site)
		_, err := store.AddTicket(f.Context(), secret(i), t, time.Hour)
		f.no(err)
	}
	eraser, words, _ := f.eraser(&journal{})
	_, err := eraser.Erase(f.Context(), audit.By{Actor: ann.Ref()}, site, v.ID)
	f.no(err)
	tables, err := words.Words(f.Context())
	f.no(err)
	left := 0
	for i := range 5 {
		if there := slices.Contains(tables["ticket"], string(secret(i))); there != (i >= 2) {
			f.Errorf("ticket %d is there: %t", i, there)
		} else if there {
			left++
		}
	}
	if left != 3 {
		f.Errorf("%d tickets are left, want 3", left)
	}
}

func testEraseFirst(f *fixture) { raceEraseFirst(f, f, 0) }

func testTwoEraseFirst(p *pair) {
	raceEraseFirst(p.fixture, p.second, 0)
	raceEraseFirst(p.second, p.fixture, races)
}

// raceEraseFirst erases verified visitors while their first message is committed: each
// is refused, or goes with its visitor. A conversation without a visitor is nobody's to erase.
func raceEraseFirst(f, other *fixture, from int) {
	f.Helper()
	eraser, store, _ := other.eraser(&journal{})
	for n := range races {
		v := f.vouched(from + n)
		reached, gone := make(chan struct{}), make(chan error, 1)
		var once sync.Once
		f.onCommit(func(commit func() error) error {
			once.Do(func() { // all is written, and nothing is kept yet
				close(reached)
				select {
				case err := <-gone:
					gone <- err
				case <-time.After(30 * time.Millisecond): // it waits for this commit, as it should
				}
			})
			return commit()
		})
		go func() {
			if n%2 == 0 {
				<-reached
			}
			_, err := eraser.Erase(context.WithoutCancel(f.Context()), audit.By{Actor: ann.Ref()}, site, v.ID)
			gone <- err
		}()
		by := chat.Actor{Kind: chat.VisitorActor}
		changed, err := f.try(chat.Change{
			Begin: &chat.Beginning{Site: site, SecretHash: v.Hash[:], Visitor: v.ID, Profile: chat.Profile{Vouched: &v.Vouched}},
			By:    by, ClientID: newClientID(), Fingerprint: []byte("x"), Decide: chat.SendMessage(by, secretWord, f),
		})
		once.Do(func() { close(reached) })
		if err != nil && chat.CodeOf(err) != identity.LogInEnded {
			f.Errorf("the visitor is answered %v", err)
		}
		if err := <-gone; err != nil {
			f.Fatalf("the erasure ended with %v", err)
		}
		if err == nil {
			_, err = f.store.Head(f.Context(), changed.Conversation.ID)
			f.refused(err, chat.NotFound)
		}
		if _, err := store.Erasure(f.Context(), retention.HashOf(site, v.ID)); err != nil {
			f.Errorf("there is no receipt: %v", err)
		}
	}
	f.onCommit(nil)
	tables, err := store.Words(f.Context())
	f.no(err)
	for _, table := range []string{"conversation", "head", "list", "round", "event", "visitor", "visitor_login"} {
		if len(tables[table]) != 0 {
			f.Errorf("%s has %q: want nothing", table, tables[table])
		}
	}
}
