package chat_test

import (
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

var (
	bot = chat.Actor{Kind: chat.BotActor, ID: 50, Name: "Robo", Role: chat.RoleAgent}
	key = chat.Actor{Kind: chat.KeyActor, ID: 50, Name: "Shop", Role: chat.RoleSupervisor}
)

// TestABotAnswersAndTakesNothing: whoever waited for a person still does, until an
// agent has the round; then the bot is silent.
func TestABotAnswersAndTakesNothing(t *testing.T) {
	th := newThread()
	asked := chat.At(th.world.now)
	th.says(t, visitor, "one")
	th.world.pass(time.Minute)
	th.says(t, bot, "just a moment")
	s := th.state
	if s.Round.State != chat.Waiting || s.WaitingSince != asked || s.UnansweredSince != asked {
		t.Errorf("after the bot's answer: %+v", s)
	}
	if s.AgentMessages != 1 || s.LastReplySeq != 0 || s.Unread(chat.Mark{}) != 1 || s.UnreadByVisitor(chat.Mark{}) != 1 {
		t.Errorf("the bot's answer counts as %d messages, last reply %d", s.AgentMessages, s.LastReplySeq)
	}
	th.refused(t, chat.NotAllowed, chat.Take(bot))
	th.refused(t, chat.NotAllowed, chat.EditText(bot, 3, "two"))
	th.must(t, chat.Take(ada))
	th.refused(t, chat.NotYours, chat.SendMessage(bot, "still here", th.world))
	th.refused(t, chat.NotYours, chat.Resolve(bot))
	th.must(t, chat.AddNote(bot, "asked for the order number"))
	th.must(t, chat.Release(ada))
	th.must(t, chat.Resolve(bot))
	if th.state.Round.State != chat.Resolved {
		t.Errorf("the round is %s", th.state.Round.State)
	}
}

// TestAKeyDirectsButDoesNotTalk: a message is somebody's.
func TestAKeyDirectsButDoesNotTalk(t *testing.T) {
	th := newThread()
	th.says(t, visitor, "one")
	th.refused(t, chat.NotAllowed, chat.SendMessage(key, "hello", th.world))
	th.refused(t, chat.NotAllowed, chat.Take(key))
	th.must(t, chat.Assign(key, ada.Agent(), ada.Name, true))
	th.refused(t, chat.NotMember, chat.Assign(key, stranger.Agent(), "", false))
	th.must(t, chat.Release(key))
	th.must(t, chat.AddNote(key, "is a wholesale buyer"))
	th.must(t, chat.Resolve(key))
	roleless := key
	roleless.Role = chat.NoRole
	th.refused(t, chat.NotAllowed, chat.AddNote(roleless, "no"))
}

// TestEventsSayByWhichKeyTheyCame: of an agent's reply both the reply and the taking
// of the round do; an edit of it leaves that as it was.
func TestEventsSayByWhichKeyTheyCame(t *testing.T) {
	desk, m := newDesk()
	m.says(t, visitor, "one")
	via := &chat.Via{ID: key.ID, Name: key.Name}
	command := chat.Command{By: ada, ClientID: newClientID(), Conversation: 11, Via: via}
	var o outcomeOf
	desk.Send(command, "hello", o.done)
	if o.err != nil || len(o.changed.Events) != 2 {
		t.Fatalf("%+v, %v", o.changed, o.err)
	}
	taken, err := o.changed.Events[0].Body.RoundChange()
	if err != nil || taken.Via == nil || *taken.Via != *via || taken.Agent != ada.Agent() {
		t.Errorf("the taking is %+v, %v", taken, err)
	}
	m.must(t, chat.EditText(ada, o.changed.Events[1].Seq, "hullo"))
	said, err := m.events[o.changed.Events[1].Seq-1].Body.Text()
	if err != nil || said.Via == nil || *said.Via != *via || said.Text != "hullo" {
		t.Errorf("the reply is %+v, %v", said, err)
	}
}

// TestBotsOfOneKeyAreTold: they have one id, so a repetition under another name is another command.
func TestBotsOfOneKeyAreTold(t *testing.T) {
	desk, m := newDesk()
	m.says(t, visitor, "one")
	for _, name := range []string{"Robo", "Mate"} {
		c := chat.Command{By: bot, ClientID: newClientID(), Conversation: 11}
		c.By.Name = name
		var o outcomeOf
		desk.Send(c, "hello", o.done)
		if o.err != nil {
			t.Fatal(o.err)
		}
	}
	if a, b := m.changes[0].Fingerprint, m.changes[1].Fingerprint; string(a) == string(b) {
		t.Errorf("both have the fingerprint %q", a)
	}
}

func (th *thread) refused(t *testing.T, want chat.Code, rule chat.Decide) {
	t.Helper()
	if _, err := th.apply(rule); chat.CodeOf(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
}
