package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/broadcast"
)

func named(ids ...string) fields {
	f := word("for the named", "list")
	f["audience"] = fields{"kind": "list", "ids": ids}
	return f
}

// idOf is the visitor's id as an agent's conversation has it.
func (s *stage) idOf(conversation string) string {
	s.t.Helper()
	agent := s.agent(s.cast["agent"])
	agent.say(`{"t":"open","r":1,"c":"` + conversation + `"}`)
	got := agent.until(func(h head) bool { return h.R == 1 })
	var frame struct {
		Visitor struct {
			ID string `json:"id"`
		} `json:"visitor"`
	}
	s.must(json.Unmarshal([]byte(got.raw), &frame))
	return frame.Visitor.ID
}

func TestABroadcastForAList(t *testing.T) {
	s := newStage(t)
	boss := s.cast["supervisor"]
	all := "/api/v1/sites/" + jsonID(int64(s.own)) + "/broadcasts"
	one, two := s.visitor(s.own), s.visitor(s.own)
	first, second := s.idOf(one.begin()), s.idOf(two.begin())

	list := named(first, "77", " "+first+" ")
	if n := boss.want(200, "POST", all+"/count", fields{"audience": list["audience"]}); n.get("visitors") != 1.0 || n.get("online") != 1.0 || n.get("unknown") != 1.0 {
		t.Errorf("it would be for %s", n.text)
	}
	made := boss.want(201, "POST", all, list)
	if made.get("audience", "size") != 2.0 || made.get("audience", "unknown") != 1.0 || strings.Contains(made.text, `"ids"`) {
		t.Errorf("made %s", made.text)
	}
	path := all + "/" + made.string("id")
	if n := boss.want(200, "POST", all+"/count", fields{"broadcast": made.string("id")}); n.get("visitors") != 1.0 || n.get("unknown") != 1.0 {
		t.Errorf("the draft would be for %s", n.text)
	}
	// What is not sent back need not be sent again.
	list["text"], list["audience"] = "for one of them", fields{"kind": "list", "size": 99}
	changed := boss.want(200, "PUT", path, fields{"version": 1, "content": list})
	if changed.string("text") != "for one of them" || changed.get("audience", "size") != 2.0 || changed.get("audience", "unknown") != 1.0 {
		t.Errorf("changed %s", changed.text)
	}
	out := boss.want(200, "POST", path+"/publish", fields{"version": 2})
	if out.get("expected") != 1.0 {
		t.Errorf("published %s", out.text)
	}
	one.until(func(h head) bool { return h.T == "broadcasts" && strings.Contains(h.raw, "for one of them") })
	two.until(func(h head) bool {
		if strings.Contains(h.raw, "for one of them") {
			t.Error("it came to one who is not named")
		}
		return h.T == "broadcasts"
	})
	boss.want(409, "PUT", path, fields{"version": 3, "content": named(second)})

	draft := all + "/" + boss.want(201, "POST", all, word("for all", "all")).string("id")
	if a := boss.want(422, "PUT", draft, fields{"version": 1, "content": list}); a.string("field") != "audience.ids" {
		t.Errorf("a list that was never given: %s", a.text)
	}
	if a := boss.want(200, "PUT", draft, fields{"version": 1, "content": named(second)}); a.get("audience", "size") != 1.0 {
		t.Errorf("changed to a list: %s", a.text)
	}
}

func TestAListThatCannotBe(t *testing.T) {
	s := newStage(t)
	boss := s.cast["supervisor"]
	all := "/api/v1/sites/" + jsonID(int64(s.own)) + "/broadcasts"
	for want, ids := range map[string][]string{
		`"abc", at place 2 of the list`: {"7", "abc", "def"},
		`"", at place 1 of the list`:    {""},
		"at least one visitor":          {},
	} {
		if a := boss.want(422, "POST", all, named(ids...)); a.string("field") != "audience.ids" || !strings.Contains(a.string("text"), want) {
			t.Errorf("%q: %s", ids, a.text)
		}
	}
	if a := boss.want(422, "POST", all, word("no list", "list")); a.string("field") != "audience.ids" {
		t.Errorf("no ids: %s", a.text)
	}
	if a := boss.want(422, "POST", all+"/count", fields{"audience": fields{"kind": "list"}}); a.string("field") != "audience.ids" {
		t.Errorf("counted without ids: %s", a.text)
	}
	boss.want(422, "POST", all+"/count", fields{})
	boss.want(404, "POST", all+"/count", fields{"broadcast": s.draft(s.other, "/{broadcast}")})

	ids := make([]string, broadcast.MaxListed+1)
	for i := range ids {
		ids[i] = fmt.Sprint(1_000_000_000_000_000_000 + i) // the longest there are
	}
	if a := boss.want(422, "POST", all, named(ids...)); a.string("field") != "audience.ids" {
		t.Errorf("one too many: %.200s", a.text)
	}
	made := boss.want(201, "POST", all, named(ids[1:]...))
	if made.get("audience", "size") != float64(broadcast.MaxListed) || made.get("audience", "unknown") != float64(broadcast.MaxListed) {
		t.Errorf("made %s", made.text)
	}
	boss.want(413, "POST", all, named(append(ids, ids...)...))
}
