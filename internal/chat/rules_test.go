package chat_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kefu-chat/kefu/internal/chat"
)

func TestRoundsAreNumberedAndKeepTheirTimes(t *testing.T) {
	th := newThread()
	opened := chat.At(th.world.now)
	th.says(t, visitor, "one")
	th.world.pass(time.Minute)
	th.must(t, chat.Take(ada))
	th.world.pass(time.Minute)
	resolved := chat.At(th.world.now)
	th.must(t, chat.Resolve(ada))
	want := chat.Round{Number: 1, State: chat.Resolved, Assignee: ada.Agent(), OpenedAt: opened, ResolvedAt: resolved}
	if diff := cmp.Diff(want, th.state.Round); diff != "" {
		t.Errorf("after resolve (-want +got):\n%s", diff)
	}
	th.world.pass(time.Minute)
	th.world.set(ada, true, false)
	th.says(t, visitor, "two")
	want.State, want.ResolvedAt = chat.Assigned, 0
	if diff := cmp.Diff(want, th.state.Round); diff != "" {
		t.Errorf("after reopening (-want +got):\n%s", diff)
	}
	th.must(t, chat.Resolve(ada))
	th.world.pass(chat.ReopenWithin + time.Millisecond)
	th.says(t, visitor, "three")
	want = chat.Round{Number: 2, State: chat.Waiting, OpenedAt: chat.At(th.world.now)}
	if diff := cmp.Diff(want, th.state.Round); diff != "" {
		t.Errorf("a new round (-want +got):\n%s", diff)
	}
}

func TestWaitingCountsFromTheOldestUnansweredMessage(t *testing.T) {
	th := newThread()
	asked := chat.At(th.world.now)
	th.says(t, visitor, "one")
	th.world.pass(time.Minute)
	th.says(t, visitor, "two")
	check := func(when string, waiting, unanswered chat.Millis) {
		t.Helper()
		if th.state.WaitingSince != waiting || th.state.UnansweredSince != unanswered {
			t.Errorf("%s: waiting since %d, unanswered since %d; want %d, %d", when, th.state.WaitingSince, th.state.UnansweredSince, waiting, unanswered)
		}
	}
	check("two messages", asked, asked)
	th.must(t, chat.Take(ada))
	check("taken", 0, asked)
	th.world.pass(time.Minute)
	th.must(t, chat.Release(ada))
	check("released unanswered", asked, asked)
	th.says(t, ada, "hello")
	check("answered", 0, 0)
	th.world.pass(time.Minute)
	th.must(t, chat.Release(ada))
	released := chat.At(th.world.now)
	check("released answered", released, 0)
	th.world.pass(time.Minute)
	th.says(t, visitor, "three")
	check("asked while it waits", released, chat.At(th.world.now))
	th.must(t, chat.Resolve(ben))
	check("resolved", 0, 0)
}

func TestAHandOverNamesBothAgents(t *testing.T) {
	th := newThread()
	th.says(t, visitor, "one")
	th.must(t, chat.Take(ada))
	events := th.must(t, chat.Assign(ada, ben.Agent(), ben.Name, true))
	change, err := events[0].Body.RoundChange()
	want := chat.RoundChange{Round: 1, Agent: ben.Agent(), AgentName: "Ben", From: ada.Agent()}
	if err != nil || change != want || events[0].By != ada.Ref() {
		t.Errorf("by %+v: %+v, %v; want by Ada %+v", events[0].By, change, err, want)
	}
}

func TestOnlyWhatWasAskedForCarriesTheClientID(t *testing.T) {
	th := newThread()
	for _, step := range []struct {
		rule chat.Decide
		asks chat.Kind
	}{
		{chat.SendMessage(visitor, "one", th.world), chat.Message},
		{chat.AddNote(ben, "n"), chat.Note},
		{chat.SendMessage(ada, "two", th.world), chat.Message},
		{chat.EditText(ada, 5, "2"), chat.Edit},
		{chat.RecallText(ada, 5), chat.Recall},
		{chat.Release(ada), chat.Released},
		{chat.Take(ben), chat.AssignedTo},
		{chat.Resolve(ben), chat.Resolution},
	} {
		for _, e := range th.must(t, step.rule) {
			if e.ClientID.IsNil() == (e.Kind == step.asks) {
				t.Errorf("%s: event %d (%s) has client_id %s", step.asks, e.Seq, e.Kind, e.ClientID)
			}
		}
	}
}

func TestRolesContainOneAnother(t *testing.T) {
	for _, role := range []chat.Role{chat.RoleAgent, chat.RoleSupervisor, chat.RoleAdmin} {
		if back, ok := chat.ParseRole(role.String()); !ok || back != role {
			t.Errorf("%v is read as %v, %v", role, back, ok)
		}
	}
	for _, text := range []string{"", "root", "Agent"} {
		if role, ok := chat.ParseRole(text); ok || role != chat.NoRole {
			t.Errorf("%q is read as %v", text, role)
		}
	}
	if chat.NoRole >= chat.RoleAgent || chat.RoleAgent >= chat.RoleSupervisor || chat.RoleSupervisor >= chat.RoleAdmin {
		t.Error("the roles are out of order")
	}
}
