package server_test

import (
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/identity"
)

// TestABodyNamesEachMemberOnce: the bounds of the document are those of one member, and
// another one of its name, or in another case, does not pass beside it.
func TestABodyNamesEachMemberOnce(t *testing.T) {
	s := newStage(t)
	app := s.application(identity.PeopleScope, identity.WriteScope)
	li := s.begun(s.own, "li")
	one, long := s.onSite("/visitors/%d", li.Visitor), strings.Repeat("x", 5000)
	for _, body := range []string{
		`{"name":"a","Name":"` + long + `"}`, `{"Name":"` + long + `","name":"a"}`, `{"name":"` + long + `","name":"a"}`, `{"NAME":"a"}`,
		`{"name":"a","n\u0061me":"b"}`, `{"fields":{"a":"1"},"fields":{"b":"2"}}`, `{"fields":{"a":"1","a":"2"}}`,
	} {
		if a := app.ask("PATCH", one, body); a.status != 422 || a.string("code") != "bad_value" {
			t.Errorf("%.30s: %d %.200s", body, a.status, a.text)
		}
	}
	if told := app.want(200, "GET", one, nil).get("told"); told != nil {
		t.Errorf("it was told %.200v", told)
	}
	messages := s.onSite("/conversations/%s/messages", li.UUID)
	for _, body := range []string{`{"as":{"bot":"b","Bot":"` + long + `"},"text":"t"}`, `{"as":{"agent":"1"},"as":{"bot":"b"},"text":"t"}`} {
		if a := app.ask("POST", messages, body); a.status != 422 {
			t.Errorf("%.30s: %d %.200s", body, a.status, a.text)
		}
	}
	app.want(201, "POST", messages, `{"as":{"bot":"b"},"text":"t"}`)
}
