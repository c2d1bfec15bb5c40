package webhook_test

import (
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
)

// carry takes the n-th visitor's open round along to a log-in.
func (w *world) carry(n byte) chat.CarriedOver {
	w.Helper()
	from, to := make([]byte, 32), make([]byte, 32)
	from[0], to[0], to[1] = n, n, 1
	done := make(chan error, 1)
	var out chat.CarriedOver
	w.db.Carry(&chat.Carry{
		Ctx: w.Context(), Site: site, From: from, To: &chat.Beginning{Site: site, SecretHash: to},
		Decide: func(l chat.Luggage) chat.Carriage { return chat.CarryOver(l, members{}) },
		Done: func(over chat.CarriedOver, err error) {
			out = over
			done <- err
		},
	})
	w.no(<-done)
	return out
}

// TestCarriedEventsAreToldWithTheirOrigin: once each, in order, so that a bot knows what
// it has answered; what comes then has none.
func TestCarriedEventsAreToldWithTheirOrigin(t *testing.T) {
	w := newWorld(t)
	h := w.hook("message.created", "message.edited", "note.created", "round.opened", "round.carried")
	from := w.says(1, "before I logged in").Conversation
	visitor := chat.Actor{Kind: chat.VisitorActor, ID: int64(from.Visitor)}
	w.change(chat.Change{Conversation: from.ID, By: ann, Decide: chat.AddNote(ann, "a note")})
	w.change(chat.Change{Conversation: from.ID, By: visitor, Decide: chat.EditText(visitor, 2, "edited")})
	w.deliver(h.ID)
	w.messages()
	to := w.carry(1).To.Conversation
	w.change(chat.Change{Conversation: to.ID, By: ann, Decide: chat.SendMessage(ann, "after", w)})
	w.deliver(h.ID)
	var told []string
	var last int64
	for _, r := range w.messages() {
		e, origin := r.what.Data.Event, r.what.Data.Event.Origin
		if r.conversation() == from.UUID.String() {
			if r.what.Type != "round.carried" || origin != nil || !strings.Contains(string(r.body), `"to":"`+to.UUID.String()+`"`) {
				t.Errorf("the old conversation says %s", r.body)
			}
			continue
		}
		if r.seq() <= last {
			t.Errorf("%d comes after %d", r.seq(), last)
		}
		last = r.seq()
		if e.Text == "after" {
			if origin != nil {
				t.Errorf("what is new came from %+v", origin)
			}
			continue
		}
		if origin == nil || origin.Conversation != from.UUID.String() || !strings.Contains(string(r.body), `"origin":{"conversation":"`) {
			t.Fatalf("carried without its origin: %s", r.body)
		}
		told = append(told, string(r.what.Type))
		if want := map[int64]string{2: "edited", 3: "a note"}[origin.Seq]; e.Text != want {
			t.Errorf("%d has the text %q, want %q", origin.Seq, e.Text, want)
		}
	}
	if want := "round.opened message.created note.created message.edited"; strings.Join(told, " ") != want {
		t.Errorf("%q were carried, want %q", told, want)
	}
}

// members are the one agent there is.
type members struct{}

func (members) Member(_ chat.SiteID, id chat.AgentID) (string, bool) {
	return ann.Name, int64(id) == ann.ID
}
