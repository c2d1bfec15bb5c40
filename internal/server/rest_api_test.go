package server_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

// begun is the conversation of a visitor of a name, who has written once.
func (s *stage) begun(on chat.SiteID, name string) chat.Conversation {
	s.t.Helper()
	return s.writes(on, name, "hello from "+name)
}

func (s *stage) writes(on chat.SiteID, name, text string) chat.Conversation {
	s.t.Helper()
	hash := sha256.Sum256([]byte(name))
	type outcome struct {
		c   chat.Changed
		err error
	}
	done := make(chan outcome, 1)
	s.hub.Desk().Send(chat.Command{
		By: chat.Actor{Kind: chat.VisitorActor}, ClientID: uuid.Must(uuid.NewV7()),
		Begin: &chat.Beginning{Site: on, SecretHash: hash[:], Profile: chat.Profile{Name: name, Email: name + "@Example.com"}},
	}, text, func(c chat.Changed, err error) { done <- outcome{c, err} })
	o := <-done
	s.must(o.err)
	return o.c.Conversation
}

// application is an application server with a key of its own.
func (s *stage) application(scopes ...identity.Scope) *person {
	_, secret, err := s.parts.Keys.Make(s.t.Context(), audit.By{}, s.own, "Shop", scopes)
	s.must(err)
	p := s.person()
	p.header.Set("Authorization", "Bearer "+secret)
	return p
}

// named is the person whose next requests carry an Idempotency-Key.
func (p *person) named(name string) *person {
	other := *p
	other.header = p.header.Clone()
	other.header.Set("Idempotency-Key", name)
	return &other
}

func (s *stage) onSite(path string, of ...any) string {
	return "/api/v1/sites/" + jsonID(int64(s.own)) + fmt.Sprintf(path, of...)
}

func (s *stage) inside(c chat.Conversation, path string) string {
	return s.onSite("/conversations/%s%s", c.UUID, path)
}

// TestAProgramAnswersAsAnAgent: the visitor sees the agent, and it is live; agents see
// by which key it came; the agent has taken the round, as if it had answered itself.
func TestAProgramAnswersAsAnAgent(t *testing.T) {
	s := newStage(t)
	app, agent := s.application(identity.ReadScope, identity.WriteScope), s.cast["agent"]
	visitor := s.visitor(s.own)
	visitor.say(`{"t":"send","id":"` + uuid.Must(uuid.NewV7()).String() + `","text":"where is my parcel?"}`)
	c := visitor.until(func(h head) bool { return h.T == "ack" }).C
	send := s.onSite("/conversations/%s/messages", c)
	made := app.want(201, "POST", send, fields{"as": fields{"agent": agent.id}, "text": "on its way"})
	if made.string("event", "by", "kind") != "agent" || made.string("event", "by", "id") != agent.id || made.string("event", "via", "name") != "Shop" ||
		made.string("conversation", "round", "state") != "assigned" || made.string("conversation", "round", "agent", "id") != agent.id {
		t.Errorf("sent: %s", made.text)
	}
	got := visitor.until(func(h head) bool { return h.T == "event" && strings.Contains(h.raw, "on its way") })
	if !strings.Contains(got.raw, `"kind":"agent","id":"`+agent.id) || strings.Contains(got.raw, "via") || strings.Contains(got.raw, "Shop") {
		t.Errorf("the visitor sees %s", got.raw)
	}
	app.want(403, "POST", send, fields{"text": "whose is this?"})
	app.want(404, "POST", send, fields{"as": fields{"agent": jsonID(int64(s.extra(s.other).ID))}, "text": "not one of us"})
	app.want(422, "POST", send, fields{"as": fields{"agent": agent.id, "bot": "Robo"}, "text": "both"})
	app.want(422, "POST", send, fields{"as": fields{"agent": agent.id}, "text": " "})
	if a := app.ask("POST", send, fields{"as": fields{"bot": "Robo"}, "text": "beep"}); a.status != 403 || a.code() != "not_yours" || a.string("round", "agent", "id") != agent.id {
		t.Errorf("a bot in an agent's round: %d %s", a.status, a.text)
	}
	app.want(200, "POST", s.onSite("/conversations/%s/release", c), fields{})
	if a := app.want(201, "POST", send, fields{"as": fields{"bot": "Robo"}, "text": "beep"}); a.string("event", "by", "name") != "Robo" || a.string("conversation", "round", "state") != "waiting" {
		t.Errorf("a bot: %s", a.text)
	}
	app.want(201, "POST", s.onSite("/conversations/%s/notes", c), fields{"text": "a wholesale buyer"})
	supervisor := s.cast["supervisor"]
	if a := app.want(200, "POST", s.onSite("/conversations/%s/assign", c), fields{"agent": supervisor.id}); a.string("event", "by", "kind") != "key" || a.string("event", "round", "agent", "name") != "supervisor" {
		t.Errorf("assigned: %s", a.text)
	}
	app.want(403, "POST", s.onSite("/conversations/%s/resolve", c), fields{"as": fields{"agent": agent.id}})
	if a := app.want(200, "POST", s.onSite("/conversations/%s/resolve", c), fields{"as": fields{"agent": supervisor.id}}); a.string("conversation", "round", "state") != "resolved" {
		t.Errorf("resolved: %s", a.text)
	}
	app.want(409, "POST", s.onSite("/conversations/%s/take", c), fields{"as": fields{"agent": agent.id}})
	readOnly := s.application(identity.ReadScope)
	readOnly.want(403, "POST", send, fields{"as": fields{"agent": agent.id}, "text": "no"})
	readOnly.want(403, "GET", s.onSite("/visitors"), nil)
}

// TestAProgramReadsConversations in pages, from both ends, each event once.
func TestAProgramReadsConversations(t *testing.T) {
	s := newStage(t)
	app := s.application(identity.ReadScope)
	const n = 7
	var c chat.Conversation
	for i := range n {
		c = s.writes(s.own, "Li", fmt.Sprint("text ", i))
		s.begun(s.own, fmt.Sprint("other ", i))
	}
	s.begun(s.other, "foreign")
	for _, order := range []string{"oldest", "newest"} {
		var seqs []float64
		for cursor, more := "", true; more; {
			a := app.want(200, "GET", s.inside(c, "/events?limit=3&order="+order+"&cursor="+cursor), nil)
			for _, e := range a.get("events").([]any) {
				seqs = append(seqs, e.(fields)["seq"].(float64))
			}
			more, _ = a.get("more").(bool)
			cursor = a.string("next")
		}
		for i, seq := range seqs {
			want := float64(i + 1)
			if order == "newest" {
				want = float64(n + 1 - i)
			}
			if seq != want || len(seqs) != n+1 { // the first message opened the round, too
				t.Fatalf("%s: %v", order, seqs)
			}
		}
	}
	end := app.want(200, "GET", s.inside(c, "/events?limit=200"), nil).string("next")
	s.writes(s.own, "Li", "one more")
	if a := app.want(200, "GET", s.inside(c, "/events?cursor="+end), nil); len(a.get("events").([]any)) != 1 || !strings.Contains(a.text, "one more") {
		t.Errorf("behind the end: %s", a.text)
	}
	if a := app.want(200, "GET", s.inside(c, "/events?cursor=5.1"), nil); a.get("reset") != true {
		t.Errorf("a position of another log: %s", a.text)
	}
	app.want(422, "GET", s.inside(c, "/events?cursor=x"), nil)
	for _, state := range []string{"waiting", "open", "all"} {
		seen := map[string]bool{}
		for cursor, first := "", true; first || cursor != ""; first = false {
			a := app.want(200, "GET", s.onSite("/conversations?limit=3&state=%s&cursor=%s", state, cursor), nil)
			for _, one := range a.get("conversations").([]any) {
				id := one.(fields)["id"].(string)
				if seen[id] {
					t.Errorf("%s: %s twice", state, id)
				}
				seen[id] = true
			}
			cursor = a.string("next")
		}
		if len(seen) != n+1 || !seen[c.UUID.String()] {
			t.Errorf("%s: %d conversations, want %d", state, len(seen), n+1)
		}
	}
	if a := app.want(200, "GET", s.onSite("/conversations?state=resolved"), nil); len(a.get("conversations").([]any)) != 0 {
		t.Errorf("resolved: %s", a.text)
	}
	app.want(422, "GET", s.onSite("/conversations?state=waiting&since=1"), nil)
	app.want(422, "GET", s.onSite("/conversations?state=open&cursor=%s", app.want(200, "GET", s.onSite("/conversations?state=waiting&limit=1"), nil).string("next")), nil)
	foreign := s.begun(s.other, "foreign")
	app.want(404, "GET", s.inside(foreign, ""), nil)
	app.want(404, "GET", s.inside(foreign, "/events"), nil)
	app.want(404, "GET", s.onSite("/conversations/not-a-name"), nil)
	writes := s.application(identity.WriteScope)
	for range 2 {
		writes.want(200, "POST", s.inside(c, "/resolve"), fields{})
		s.clock.forward(time.Hour) // a message soon after would open the same round again
		s.writes(s.own, "Li", "and another thing")
	}
	var rounds []any
	for cursor, first := "", true; first || cursor != ""; first = false {
		a := app.want(200, "GET", s.inside(c, "/rounds?limit=1&cursor="+cursor), nil)
		for _, one := range a.get("rounds").([]any) {
			rounds = append(rounds, one.(fields)["number"])
		}
		cursor = a.string("next")
	}
	if want := []any{3.0, 2.0, 1.0}; !slices.Equal(rounds, want) {
		t.Errorf("rounds %v, want %v", rounds, want)
	}
}

// TestConversationsByTimeAndAssignee are those of the round that the agent has, and of
// those times.
func TestConversationsByTimeAndAssignee(t *testing.T) {
	s := newStage(t)
	app, agent := s.application(identity.ReadScope, identity.WriteScope), s.cast["agent"]
	early := s.begun(s.own, "early")
	s.clock.forward(5e9)
	between := s.clock.Now().UnixMilli()
	s.clock.forward(5e9)
	late := s.begun(s.own, "late")
	only := func(query string, want chat.Conversation) {
		t.Helper()
		a := app.want(200, "GET", s.onSite("/conversations?%s", query), nil)
		if all := a.get("conversations").([]any); len(all) != 1 || all[0].(fields)["id"] != want.UUID.String() {
			t.Errorf("%s: %s", query, a.text)
		}
	}
	only(fmt.Sprint("since=", between), late)
	only(fmt.Sprint("before=", between), early)
	app.want(200, "POST", s.inside(early, "/take"), fields{"as": fields{"agent": agent.id}})
	only("assignee="+agent.id, early)
	only("state=assigned", early)
	only("state=waiting", late)
}

// TestARepeatedActIsDoneOnce: by the Idempotency-Key alone, also when several come at
// one instant, and without any row of its own.
func TestARepeatedActIsDoneOnce(t *testing.T) {
	s := newStage(t)
	app, agent := s.application(identity.ReadScope, identity.WriteScope), s.cast["agent"]
	c := s.begun(s.own, "Li")
	send, as := s.inside(c, "/messages"), fields{"agent": agent.id}
	var all sync.WaitGroup
	var first atomic.Value
	for range 8 {
		all.Go(func() {
			a := app.named("one").ask("POST", send, fields{"as": as, "text": "hello"})
			if seq := fmt.Sprint(a.status, " ", a.get("event", "seq")); !first.CompareAndSwap(nil, seq) && first.Load() != seq {
				t.Errorf("%s, another try %s", seq, first.Load())
			}
		})
	}
	all.Wait()
	if a := app.want(200, "GET", s.inside(c, "/events?limit=200"), nil); strings.Count(a.text, `"text":"hello"`) != 1 {
		t.Errorf("not once: %s", a.text)
	}
	for what, a := range map[string]answer{
		"another text":  app.named("one").ask("POST", send, fields{"as": as, "text": "hullo"}),
		"another act":   app.named("one").ask("POST", s.inside(c, "/resolve"), fields{"as": as}),
		"another agent": app.named("one").ask("POST", send, fields{"as": fields{"agent": s.cast["supervisor"].id}, "text": "hello"}),
		"another place": app.named("one").ask("POST", s.inside(s.begun(s.own, "Bo"), "/messages"), fields{"as": as, "text": "hello"}),
	} {
		if a.status != 409 || a.code() != "client_id_reused" {
			t.Errorf("%s: %d %s", what, a.status, a.text)
		}
	}
	other := s.application(identity.WriteScope)
	other.named("one").want(201, "POST", send, fields{"as": as, "text": "of another key"})
	app.want(201, "POST", send, fields{"as": as, "text": "unnamed"})
	app.want(201, "POST", send, fields{"as": as, "text": "unnamed"})
	app.named(strings.Repeat("x", 201)).want(422, "POST", send, fields{"as": as, "text": "x"})
}

// TestARepeatedChangeIsAnsweredAlike: what is no act in a conversation is remembered.
func TestARepeatedChangeIsAnsweredAlike(t *testing.T) {
	s := newStage(t)
	app := s.application(identity.WriteScope, identity.BroadcastScope)
	drafts := s.onSite("/broadcasts")
	var all sync.WaitGroup
	var ids sync.Map
	for range 8 {
		all.Go(func() {
			a := app.named("draft").ask("POST", drafts, word("news", "all"))
			if a.status != http.StatusCreated {
				t.Errorf("%d %s", a.status, a.text)
			}
			ids.Store(a.string("id"), true)
		})
	}
	all.Wait()
	n := 0
	ids.Range(func(any, any) bool { n++; return true })
	if made := app.want(200, "GET", drafts, nil); n != 1 || len(made.get("broadcasts").([]any)) != 1 {
		t.Errorf("%d drafts were told of, and there are %s", n, made.text)
	}
	if a := app.named("draft").ask("POST", drafts, word("other news", "all")); a.status != 409 || a.code() != "client_id_reused" {
		t.Errorf("another body: %d %s", a.status, a.text)
	}
	one, _ := s.sites.ByID(s.own)
	first := app.named("name").want(200, "PATCH", s.onSite(""), fields{"version": one.Version, "name": "Store"})
	again := app.named("name").want(200, "PATCH", s.onSite(""), fields{"version": one.Version, "name": "Store"})
	if first.text != again.text || again.header.Get("Idempotent-Replayed") != "true" || first.header.Get("Idempotent-Replayed") != "" || again.header.Get("Content-Type") != "application/json" {
		t.Errorf("first %s, again %s %v", first.text, again.text, again.header)
	}
	refused := fields{"version": one.Version, "name": "Later"} // changed nothing: it may be tried again, with another body
	app.named("late").want(409, "PATCH", s.onSite(""), refused)
	refused["version"] = one.Version + 1
	app.named("late").want(200, "PATCH", s.onSite(""), refused)
	if a := app.want(200, "PATCH", s.onSite(""), fields{"version": one.Version + 2}); a.get("role") != nil {
		t.Errorf("a key's role: %s", a.text)
	}
}

// TestAProgramTellsOfVisitors beside what they say themselves, on its own site only.
func TestAProgramTellsOfVisitors(t *testing.T) {
	s := newStage(t)
	app := s.application(identity.PeopleScope)
	li, foreign := s.begun(s.own, "li"), s.begun(s.other, "li")
	s.begun(s.own, "bo")
	found := app.want(200, "GET", s.onSite("/visitors?email=LI@example.com"), nil)
	if all := found.get("visitors").([]any); len(all) != 1 || all[0].(fields)["id"] != jsonID(int64(li.Visitor)) || all[0].(fields)["conversation"] != li.UUID.String() {
		t.Fatalf("found %s", found.text)
	}
	one := s.onSite("/visitors/%d", li.Visitor)
	app.named("a").want(204, "PATCH", one, fields{"name": " Li Hua ", "email": "hua@example.com", "fields": fields{"plan": "gold", "gone": "x"}})
	app.named("a").want(204, "PATCH", one, fields{"name": " Li Hua ", "email": "hua@example.com", "fields": fields{"plan": "gold", "gone": "x"}})
	app.want(204, "PATCH", one, fields{"fields": fields{"gone": ""}})
	got := app.want(200, "GET", one, nil)
	if got.string("told", "name") != "Li Hua" || got.string("told", "fields", "plan") != "gold" || got.get("told", "fields", "gone") != nil ||
		got.string("told", "by", "name") != "Shop" || got.string("says", "name") != "li" || got.get("verified") != nil {
		t.Errorf("%s", got.text)
	}
	if a := app.want(200, "GET", s.onSite("/visitors?email=hua@example.com"), nil); len(a.get("visitors").([]any)) != 1 {
		t.Errorf("by what was told: %s", a.text)
	}
	for what, body := range map[string]fields{
		"two lines": {"name": "a\nb"}, "no name": {"fields": fields{"": "x"}}, "long": {"fields": fields{"x": strings.Repeat("y", 501)}},
	} {
		if a := app.ask("PATCH", one, body); a.status != 422 {
			t.Errorf("%s: %d %s", what, a.status, a.text)
		}
	}
	app.want(404, "PATCH", s.onSite("/visitors/%d", foreign.Visitor), fields{"name": "x"})
	app.want(404, "GET", s.onSite("/visitors/%d", foreign.Visitor), nil)
	first := app.want(200, "GET", s.onSite("/visitors?limit=1"), nil)
	second := app.want(200, "GET", s.onSite("/visitors?limit=1&cursor=%s", first.string("next")), nil)
	if first.text == second.text || second.string("next") != "" {
		t.Errorf("pages %s and %s", first.text, second.text)
	}
}

// TestMarksAndPresenceOfPrograms: a program reads who has read what and who is here.
func TestMarksAndPresenceOfPrograms(t *testing.T) {
	s := newStage(t)
	app, agent := s.application(identity.ReadScope, identity.WriteScope), s.cast["agent"]
	c := s.begun(s.own, "Li")
	if a := app.want(200, "PUT", s.inside(c, "/marks"), fields{"agent": agent.id, "read": 2}); a.get("read") != 2.0 || a.get("received") != 2.0 || a.string("who", "name") != "agent" {
		t.Errorf("marked: %s", a.text)
	}
	if a := app.want(200, "PUT", s.inside(c, "/marks"), fields{"agent": agent.id, "read": 1}); a.get("read") != 2.0 {
		t.Errorf("it went back: %s", a.text)
	}
	if a := app.want(200, "GET", s.inside(c, "/marks"), nil); len(a.get("marks").([]any)) == 0 || !strings.Contains(a.text, agent.id) {
		t.Errorf("marks: %s", a.text)
	}
	app.want(422, "PUT", s.inside(c, "/marks"), fields{"agent": "", "read": 1})
	if a := app.want(200, "GET", s.onSite("/presence"), nil); !strings.Contains(a.text, `"presence":"offline"`) || !strings.Contains(a.text, agent.id) {
		t.Errorf("agents: %s", a.text)
	}
	if a := app.want(200, "GET", s.onSite("/visitors/%d/presence", c.Visitor), nil); a.string("presence") != "offline" {
		t.Errorf("who has gone: %s", a.text)
	}
	visitor := s.visitor(s.own)
	visitor.say(`{"t":"send","id":"` + uuid.Must(uuid.NewV7()).String() + `","text":"hi"}`)
	there := visitor.until(func(h head) bool { return h.T == "ack" }).C
	id := app.want(200, "GET", s.onSite("/conversations/%s", there), nil).string("visitor")
	for until := time.Now().Add(10 * time.Second); ; { // presence learns the visitor's id after the ack
		a := app.want(200, "GET", s.onSite("/visitors/%s/presence", id), nil)
		if a.string("presence") == "online" {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("who is here: %s", a.text)
		}
	}
}

// TestWhatAPersonDecides is refused to programs, by the setting's name, whatever version
// they name; the rest of the settings is theirs to change.
func TestWhatAPersonDecides(t *testing.T) {
	s := newStage(t)
	app, admin, path := s.application(identity.ReadScope, identity.WriteScope), s.cast["admin"], s.onSite("")
	now := func() (version any, settings fields) {
		a := admin.want(200, "GET", path, nil)
		return a.get("version"), a.get("settings").(fields)
	}
	first, _ := now()
	for name, value := range map[string]any{"origins": []string{"https://elsewhere.example"}, "verified_only": true, "carry_over": false, "retain_days": 30} {
		version, settings := now()
		kept := settings[name]
		settings[name] = value
		if a := app.want(403, "PATCH", path, fields{"version": version, "settings": settings}); a.code() != "not_allowed" || a.string("field") != "settings."+name {
			t.Errorf("%s: %s", name, a.text)
		}
		admin.want(200, "PATCH", path, fields{"version": version, "settings": settings})
		version, _ = now()
		settings[name] = kept // back to what it was, by somebody who has not seen the change
		if a := app.want(403, "PATCH", path, fields{"version": version, "settings": settings}); a.string("field") != "settings."+name {
			t.Errorf("%s: %s", name, a.text)
		}
	}
	version, settings := now()
	settings["answer_goal_seconds"] = 77
	app.want(409, "PATCH", path, fields{"version": first, "settings": settings})
	if a := app.want(200, "PATCH", path, fields{"version": version, "name": "Store", "settings": settings}); a.string("name") != "Store" || a.get("settings", "retain_days") != 30.0 {
		t.Errorf("%s", a.text)
	}
}
