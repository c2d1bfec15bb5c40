package server_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/jobs"
)

// Add and Cancel keep what broadcasts have to do later; the test does it itself.

func (w *world) Add(ctx context.Context, j jobs.Job) error { return w.db.AddJob(ctx, j) }

func (w *world) Cancel(ctx context.Context, kind, key string) (bool, error) {
	return w.db.CancelJob(ctx, kind, key)
}

// due are the jobs that a node would run now.
func (w *world) due() []jobs.Claim {
	w.t.Helper()
	claims, _, err := w.db.ClaimJobs(w.t.Context(), []jobs.Want{{Kind: broadcast.JobKind, Most: 10}}, time.Second)
	w.must(err)
	return claims
}

func word(text, kind string) fields {
	return fields{"text": text, "show": "card", "audience": fields{"kind": kind}}
}

// draft is the id of a new draft, or of one that is out, if the path is to withdraw it.
func (s *stage) draft(on chat.SiteID, path string) string {
	if !strings.Contains(path, "{broadcast}") {
		return ""
	}
	s.t.Helper()
	by := broadcast.By{Actor: chat.Actor{Kind: chat.KeyActor, ID: 1}}
	c := broadcast.Content{Text: "word", Show: broadcast.AsCard, Audience: broadcast.Audience{Kind: broadcast.Everybody}}
	b, err := s.parts.Broadcasts.Make(s.t.Context(), by, on, c)
	s.must(err)
	if strings.HasSuffix(path, "/withdraw") {
		_, err = s.parts.Broadcasts.Publish(s.t.Context(), by, on, b.ID, b.Version)
		s.must(err)
	}
	return jsonID(int64(b.ID))
}

func TestABroadcastFromTheDraftToTheVisitor(t *testing.T) {
	s := newStage(t)
	boss := s.cast["supervisor"]
	all := "/api/v1/sites/" + jsonID(int64(s.own)) + "/broadcasts"
	visitor := s.visitor(s.own)

	if n := boss.want(200, "POST", all+"/count", fields{"audience": fields{"kind": "online"}}); n.get("visitors") != 1.0 || n.get("exact") != true {
		t.Errorf("it would be for %s", n.text)
	}
	made := boss.want(201, "POST", all, word("open on <Sunday>", "all"))
	one := all + "/" + made.string("id")
	if made.string("state") != "draft" || made.string("by", "name") != "supervisor" {
		t.Errorf("made %s", made.text)
	}
	content := word("open on <Sunday> 周日", "all")
	changed := boss.want(200, "PUT", one, fields{"version": 1, "content": content})
	boss.want(409, "PUT", one, fields{"version": 1, "content": content})
	out := boss.want(200, "POST", one+"/publish", fields{"version": changed.get("version")})
	if out.string("state") != "published" || out.get("expected") != 1.0 {
		t.Errorf("published %s", out.text)
	}
	boss.want(409, "POST", one+"/publish", fields{"version": out.get("version")})
	got := visitor.until(func(h head) bool { return h.T == "broadcasts" })
	if !strings.Contains(got.raw, "open on <Sunday> 周日") {
		t.Errorf("the visitor got %s", got.raw)
	}
	visitor.say(`{"t":"broadcasts","read":1}`)
	for deadline := time.Now().Add(10 * time.Second); ; <-time.After(20 * time.Millisecond) {
		now := boss.want(200, "GET", one, nil)
		if now.get("delivered") == 1.0 && now.get("read") == 1.0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the counts stay %s", now.text)
		}
	}
	boss.want(200, "POST", one+"/withdraw", fields{"version": out.get("version")})
	visitor.until(func(h head) bool {
		return h.T == "broadcasts" && strings.Contains(h.raw, `"drop":["`+made.string("id")+`"]`)
	})
	page := boss.want(200, "GET", all+"?limit=1", nil)
	if !strings.Contains(page.text, `"state":"withdrawn"`) {
		t.Errorf("the list is %s", page.text)
	}
	if next := boss.want(200, "GET", all+"?before="+made.string("id"), nil); next.text != "{\"broadcasts\":[]}\n" {
		t.Errorf("behind the last one is %s", next.text)
	}
	what := s.cast["admin"].want(200, "GET", "/api/v1/sites/"+jsonID(int64(s.own))+"/audit", nil)
	for _, deed := range []string{"broadcast_published", "broadcast_withdrawn"} {
		if !strings.Contains(what.text, deed) {
			t.Errorf("the audit knows nothing of %s", deed)
		}
	}
}

func TestBroadcastsThatCannotBe(t *testing.T) {
	s := newStage(t)
	boss := s.cast["supervisor"]
	all := "/api/v1/sites/" + jsonID(int64(s.own)) + "/broadcasts"
	with := func(name string, value any) fields {
		f := word("text", "all")
		f[name] = value
		return f
	}
	for field, body := range map[string]fields{
		"text":              word(" \u200b", "all"),
		"show":              with("show", "shout"),
		"audience.kind":     word("text", "none"),
		"audience":          word("text", "segment"),
		"audience.language": with("audience", fields{"kind": "segment", "language": "z%"}),
		"audience.page":     with("audience", fields{"kind": "segment", "page": "javascript:alert(1)"}),
		"expires_at":        with("expires_at", 1000),
		"wave_seconds":      with("waves", 3),
		"waves":             with("waves", 101),
	} {
		if a := boss.want(422, "POST", all, body); a.string("field") != field {
			t.Errorf("%v: the fault is in %q: %s", body, a.string("field"), a.text)
		}
	}
	if a := boss.want(422, "POST", all, word(strings.Repeat("长", broadcast.MaxText+1), "all")); a.string("field") != "text" {
		t.Errorf("a long text: %s", a.text)
	}
	for _, at := range []int64{9_000_000_000_000_000, math.MaxInt64} { // no page can write that down
		if a := boss.want(422, "POST", all, with("expires_at", at)); a.string("field") != "expires_at" {
			t.Errorf("an end at %d: %s", at, a.text)
		}
	}
	for range broadcast.MaxShown {
		made := boss.want(201, "POST", all, word("one of many", "all"))
		boss.want(200, "POST", all+"/"+made.string("id")+"/publish", fields{"version": 1})
	}
	made := boss.want(201, "POST", all, word("one too many", "all"))
	boss.want(409, "POST", all+"/"+made.string("id")+"/publish", fields{"version": 1})
	// Another site's looks as if there were none.
	foreign := s.draft(s.other, "/{broadcast}")
	a, b := boss.want(404, "GET", all+"/"+foreign, nil), boss.want(404, "GET", all+"/1", nil)
	if a.text != b.text {
		t.Errorf("told apart: %s and %s", a.text, b.text)
	}
}

func TestABroadcastIsScheduled(t *testing.T) {
	s := newStage(t)
	boss := s.cast["supervisor"]
	all := "/api/v1/sites/" + jsonID(int64(s.own)) + "/broadcasts"
	made := boss.want(201, "POST", all, word("later", "all"))
	one := all + "/" + made.string("id")
	at := s.clock.Now().Add(time.Hour).UnixMilli()
	boss.want(422, "POST", one+"/schedule", fields{"version": 1, "at": 1000})
	planned := boss.want(200, "POST", one+"/schedule", fields{"version": 1, "at": at})
	if planned.string("state") != "scheduled" || len(s.due()) != 0 {
		t.Errorf("it is %s, and due is %v", planned.text, s.due())
	}
	s.clock.forward(2 * time.Hour)
	due := s.due()
	if len(due) != 1 {
		t.Fatalf("due are %v", due)
	}
	for range 2 { // on two nodes
		s.must(s.parts.Broadcasts.Run(t.Context(), due[0].Job))
	}
	now := boss.want(200, "GET", one, nil)
	if now.string("state") != "published" || now.get("version") != 3.0 {
		t.Errorf("after its time it is %s", now.text)
	}

	made = boss.want(201, "POST", all, word("twice planned", "all"))
	one = all + "/" + made.string("id")
	boss.want(200, "POST", one+"/schedule", fields{"version": 1, "at": s.clock.Now().Add(time.Minute).UnixMilli()})
	s.clock.forward(2 * time.Minute)
	slow := s.due() // claimed, and then its node was slow
	boss.want(200, "POST", one+"/withdraw", fields{"version": 2})
	boss.want(200, "POST", one+"/schedule", fields{"version": 3, "at": s.clock.Now().Add(24 * time.Hour).UnixMilli()})
	if len(slow) != 1 {
		t.Fatalf("due are %v", slow)
	}
	s.must(s.parts.Broadcasts.Run(t.Context(), slow[0].Job))
	if now := boss.want(200, "GET", one, nil); now.string("state") != "scheduled" {
		t.Errorf("planned for tomorrow, after the run of its earlier time it is %s", now.text)
	}

	made = boss.want(201, "POST", all, word("never", "all"))
	one = all + "/" + made.string("id")
	boss.want(200, "POST", one+"/schedule", fields{"version": 1, "at": s.clock.Now().Add(time.Hour).UnixMilli()})
	if a := boss.want(200, "POST", one+"/withdraw", fields{"version": 2}); a.string("state") != "draft" {
		t.Errorf("withdrawn before its time it is %s", a.text)
	}
	s.clock.forward(2 * time.Hour)
	for _, c := range s.due() {
		if c.Key == made.string("id") {
			t.Error("the job of what was withdrawn is still there")
		}
	}
	boss.want(204, "DELETE", one+"?version=3", nil)
	boss.want(404, "GET", one, nil)
}

func TestDraftsOfASiteAreBounded(t *testing.T) {
	s := newStage(t)
	by := broadcast.By{Actor: chat.Actor{Kind: chat.KeyActor, ID: 1}}
	c := broadcast.Content{Text: "word", Show: broadcast.AsCard, Audience: broadcast.Audience{Kind: broadcast.Everybody}}
	var last broadcast.Broadcast
	for range broadcast.MaxDrafts {
		var err error
		last, err = s.parts.Broadcasts.Make(t.Context(), by, s.own, c)
		s.must(err)
	}
	boss, all := s.cast["supervisor"], "/api/v1/sites/"+jsonID(int64(s.own))+"/broadcasts"
	if a := boss.want(409, "POST", all, word("one too many", "all")); !strings.Contains(a.text, "200 drafts") {
		t.Errorf("one draft too many: %s", a.text)
	}
	boss.want(204, "DELETE", all+"/"+jsonID(int64(last.ID))+"?version=1", nil)
	boss.want(201, "POST", all, word("room again", "all"))
}

func TestADueBroadcastWaitsForRoom(t *testing.T) {
	s := newStage(t)
	boss := s.cast["supervisor"]
	all := "/api/v1/sites/" + jsonID(int64(s.own)) + "/broadcasts"
	first := ""
	for range broadcast.MaxShown {
		first = all + "/" + boss.want(201, "POST", all, word("one of many", "all")).string("id")
		boss.want(200, "POST", first+"/publish", fields{"version": 1})
	}
	one := all + "/" + boss.want(201, "POST", all, word("later", "all")).string("id")
	boss.want(200, "POST", one+"/schedule", fields{"version": 1, "at": s.clock.Now().Add(time.Minute).UnixMilli()})
	runs := func() (state string) {
		s.clock.forward(2 * time.Minute)
		due := s.due()
		if len(due) != 1 {
			t.Fatalf("due are %v", due)
		}
		s.must(s.parts.Broadcasts.Run(t.Context(), due[0].Job))
		s.must(s.db.FinishJob(t.Context(), due[0]))
		return boss.want(200, "GET", one, nil).string("state")
	}
	if state := runs(); state != "scheduled" {
		t.Errorf("while visitors see as many as they may it is %s", state)
	}
	boss.want(200, "POST", first+"/withdraw", fields{"version": 2})
	if state := runs(); state != "published" {
		t.Errorf("once there is room it is %s", state)
	}
}

func TestAnApplicationServerBroadcasts(t *testing.T) {
	s := newStage(t)
	all := "/api/v1/sites/" + jsonID(int64(s.own)) + "/broadcasts"
	with := func(scope identity.Scope) *person {
		_, secret, err := s.parts.Keys.Make(t.Context(), audit.By{}, s.own, "shop's server", []identity.Scope{scope})
		s.must(err)
		p := s.person()
		p.header.Set("Authorization", "Bearer "+secret)
		return p
	}
	visitor, app := s.visitor(s.own), with(identity.BroadcastScope)
	made := app.want(201, "POST", all, word("by the server", "all"))
	out := app.want(200, "POST", all+"/"+made.string("id")+"/publish", fields{"version": 1})
	if out.string("by", "kind") != "key" || out.string("by", "name") != "shop's server" {
		t.Errorf("published %s", out.text)
	}
	visitor.until(func(h head) bool { return h.T == "broadcasts" && strings.Contains(h.raw, "by the server") })
	with(identity.PushScope).want(403, "POST", all, word("no", "all"))
	app.want(404, "POST", "/api/v1/sites/"+jsonID(int64(s.other))+"/broadcasts", word("no", "all"))
}
