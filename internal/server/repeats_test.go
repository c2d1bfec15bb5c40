package server_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/server"
)

// shaky is a database that breaks off where a test says so.
type shaky struct {
	identity.Requests
	identity.Book
	unanswered atomic.Bool   // no answer is kept
	renewed    chan struct{} // nil: nobody waits for that
	claimed    chan struct{} // so
	tell       func(do func() error) error
}

var errBroken = errors.New("the connection broke")

func (s *shaky) AnswerRequest(ctx context.Context, r identity.Request, lease int64, a identity.Answer) error {
	if s.unanswered.Load() {
		return errBroken
	}
	return s.Requests.AnswerRequest(ctx, r, lease, a)
}

func (s *shaky) ClaimRequest(ctx context.Context, r identity.Request) (identity.Claim, error) {
	if s.claimed != nil {
		select {
		case s.claimed <- struct{}{}:
		case <-ctx.Done():
		}
	}
	return s.Requests.ClaimRequest(ctx, r)
}

func (s *shaky) RenewRequest(ctx context.Context, r identity.Request, lease int64) error {
	err := s.Requests.RenewRequest(ctx, r, lease)
	if s.renewed == nil {
		return err
	}
	select {
	case s.renewed <- struct{}{}:
	case <-ctx.Done():
	}
	return err
}

func (s *shaky) Tell(ctx context.Context, on chat.SiteID, id chat.VisitorID, change func(identity.ToldByApp) (identity.ToldByApp, error)) (v identity.Listed, err error) {
	return v, s.tell(func() error {
		v, err = s.Book.Tell(ctx, on, id, change)
		return err
	})
}

// onShakyGround has the stage's server work with such a database from now on.
func (s *stage) onShakyGround() *shaky {
	ground := &shaky{Requests: s.db, Book: s.db, tell: func(do func() error) error { return do() }}
	s.parts.Requests, s.parts.Book = ground, ground
	s.server = server.New(server.Config{RequestBurst: 100000, RenewRequests: time.Millisecond, Now: s.clock.Now}, s.parts)
	s.listen()
	return ground
}

// TestALostAnswerIsNoSecondDraft: the node died after the draft was made, before what it
// answered was kept.
func TestALostAnswerIsNoSecondDraft(t *testing.T) {
	s := newStage(t)
	ground, app, drafts := s.onShakyGround(), s.application(identity.BroadcastScope, identity.WriteScope), s.onSite("/broadcasts")
	ground.unanswered.Store(true)
	made := app.named("draft").want(201, "POST", drafts, word("news", "all"))
	one, _ := s.sites.ByID(s.own)
	change := fields{"version": one.Version, "name": "Store"}
	app.named("name").want(200, "PATCH", s.onSite(""), change)
	ground.unanswered.Store(false)
	s.clock.forward(identity.RequestHeld + time.Second)
	for range 2 {
		if a := app.named("draft").ask("POST", drafts, word("news", "all")); a.status != 409 || a.code() != "answer_lost" {
			t.Errorf("repeated: %d %s", a.status, a.text)
		}
		if a := app.named("name").ask("PATCH", s.onSite(""), change); a.status != 409 || a.code() != "answer_lost" {
			t.Errorf("repeated: %d %s", a.status, a.text)
		}
	}
	if a := app.named("draft").ask("POST", drafts, word("other", "all")); a.code() != "client_id_reused" {
		t.Errorf("another body: %d %s", a.status, a.text)
	}
	if a := app.want(200, "GET", drafts, nil); len(a.get("broadcasts").([]any)) != 1 || !strings.Contains(a.text, made.string("id")) {
		t.Errorf("the drafts are %s", a.text)
	}
}

// TestAnUnknownOutcomeIsFoundOut: what broke off before its commit is done by the
// repetition, and what broke off after it is not done again over what came since.
func TestAnUnknownOutcomeIsFoundOut(t *testing.T) {
	s := newStage(t)
	ground, app := s.onShakyGround(), s.application(identity.PeopleScope)
	c := s.begun(s.own, "Li")
	path := s.onSite("/visitors/%d", c.Visitor)
	ground.tell = func(func() error) error { return errBroken }
	app.named("before").want(500, "PATCH", path, fields{"name": "One"})
	app.named("before").want(409, "PATCH", path, fields{"name": "Two"})
	ground.tell = func(do func() error) error { return errors.Join(do(), errBroken) }
	app.named("after").want(500, "PATCH", path, fields{"email": "one@example.com"})
	ground.tell = func(do func() error) error { return do() }
	app.named("before").want(204, "PATCH", path, fields{"name": "One"})
	app.want(204, "PATCH", path, fields{"email": "two@example.com"})
	for range 2 {
		if a := app.named("after").want(204, "PATCH", path, fields{"email": "one@example.com"}); a.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("the headers are %v", a.header)
		}
	}
	if a := app.want(200, "GET", path, nil); a.string("told", "name") != "One" || a.string("told", "email") != "two@example.com" {
		t.Errorf("told was %s", a.text)
	}
	ground.unanswered.Store(true)
	receipt := app.named("erase").want(200, "DELETE", path, nil)
	s.clock.forward(identity.RequestHeld + time.Second)
	ground.unanswered.Store(false)
	for range 2 {
		if again := app.named("erase").want(200, "DELETE", path, nil); again.text != receipt.text {
			t.Errorf("the receipt was %s, and is %s", receipt.text, again.text)
		}
	}
}

// TestARequestIsHeldForAsLongAsItTakes: a repetition waits, however late it is.
func TestARequestIsHeldForAsLongAsItTakes(t *testing.T) {
	s := newStage(t)
	ground, app := s.onShakyGround(), s.application(identity.PeopleScope)
	ground.renewed = make(chan struct{})
	c := s.begun(s.own, "Li")
	path, told := s.onSite("/visitors/%d", c.Visitor), fields{"name": "One"}
	goOn, begun := make(chan struct{}), make(chan struct{}, 2)
	ground.tell = func(do func() error) error {
		begun <- struct{}{}
		<-goOn
		return do()
	}
	var all sync.WaitGroup
	all.Go(func() { app.named("a").want(204, "PATCH", path, told) })
	<-begun
	for range 3 {
		s.clock.forward(identity.RequestHeld * 3 / 4)
		for range 2 { // the second one began after that
			<-ground.renewed
		}
	}
	all.Go(func() { app.named("a").want(204, "PATCH", path, told) })
	for range 5 {
		<-ground.renewed
	}
	close(goOn)
	all.Wait()
	if len(begun) != 0 {
		t.Error("it was done twice")
	}
}

// TestWhoWaitsLooksEverMoreSeldom: each look is a transaction, and others write meanwhile.
func TestWhoWaitsLooksEverMoreSeldom(t *testing.T) {
	s := newStage(t)
	ground, app := s.onShakyGround(), s.application(identity.PeopleScope)
	c := s.begun(s.own, "Li")
	path, told := s.onSite("/visitors/%d", c.Visitor), fields{"name": "One"}
	goOn, begun := make(chan struct{}), make(chan struct{}, 2)
	ground.tell = func(do func() error) error {
		begun <- struct{}{}
		<-goOn
		return do()
	}
	var all sync.WaitGroup
	all.Go(func() { app.named("a").want(204, "PATCH", path, told) })
	<-begun
	ground.claimed = make(chan struct{})
	all.Go(func() { app.named("a").want(204, "PATCH", path, told) })
	<-ground.claimed
	first := time.Now()
	const looks = 6
	for range looks - 1 {
		<-ground.claimed
	}
	if took := time.Since(first); took < 700*time.Millisecond {
		t.Errorf("%d looks took %s", looks, took)
	}
	close(goOn)
	over := make(chan struct{})
	go func() {
		all.Wait()
		close(over)
	}()
	for {
		select {
		case <-ground.claimed: // maybe one that finds the answer
		case <-over:
			return
		}
	}
}

// TestANameIsOneRequests: of two in different names that come at the same instant, at
// two doors, one is done.
func TestANameIsOneRequests(t *testing.T) {
	s := newStage(t)
	app := s.application(identity.ReadScope, identity.WriteScope)
	doors := []string{s.base, ""}
	s.server = server.New(server.Config{RequestBurst: 100000, Now: s.clock.Now}, s.parts)
	s.listen()
	doors[1] = s.base
	c := s.begun(s.own, "Li")
	for try := range 10 {
		name := "try " + string(rune('a'+try))
		counts := atOnce(6, func(i int) int {
			as := fields{"bot": "Robo"}
			if i%2 == 1 {
				as = fields{"bot": "Robi"}
			}
			w := *s.world
			w.base = doors[i/2%2]
			p := app.named(name)
			p.w = &w
			path := "/notes"
			if i%3 == 2 {
				path, as = "/messages", fields{"agent": s.cast["supervisor"].id}
			}
			return p.ask("POST", s.inside(c, path), fields{"as": as, "text": name}).status
		})
		if counts[201]+counts[409]+counts[503]+counts[403] != 6 {
			t.Errorf("%s: %v", name, counts)
		}
		if a := app.want(200, "GET", s.inside(c, "/events?limit=200&order=newest"), nil); strings.Count(a.text, `"text":"`+name+`"`) != 1 {
			t.Errorf("%s: not once: %v %s", name, counts, a.text)
		}
	}
}

// TestWhatAppendedNothingIsRemembered: a repetition does not do later what there was
// nothing to do for.
func TestWhatAppendedNothingIsRemembered(t *testing.T) {
	s := newStage(t)
	app, agent := s.application(identity.ReadScope, identity.WriteScope), s.cast["agent"]
	c := s.begun(s.own, "Li")
	take, as := s.inside(c, "/take"), fields{"as": fields{"agent": agent.id}}
	app.want(200, "POST", take, as)
	first := app.named("take").want(200, "POST", take, as)
	app.want(200, "POST", s.inside(c, "/release"), as)
	again := app.named("take").want(200, "POST", take, as)
	if first.get("event") != nil || again.get("event") != nil || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("first %s, again %s", first.text, again.text)
	}
	if state := again.string("conversation", "round", "state"); state != "waiting" {
		t.Errorf("the repetition took the round: %s", again.text)
	}
	if a := app.named("take").ask("POST", s.inside(c, "/release"), as); a.code() != "client_id_reused" {
		t.Errorf("another act: %d %s", a.status, a.text)
	}
}
