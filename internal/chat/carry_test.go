package chat_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kefu-chat/kefu/internal/chat"
)

const (
	fromID, toID = chat.ConversationID(11), chat.ConversationID(12)
	verified     = chat.VisitorID(200)
)

var (
	fromName = uuid.Must(uuid.FromString("0197a1c0-5d00-7000-8000-0000000000c1"))
	toName   = uuid.Must(uuid.FromString("0197a1c0-5d00-7000-8000-0000000000c2"))
	lin      = chat.Actor{Kind: chat.VisitorActor, ID: int64(verified)}
)

// names is chat.Members: everybody works everywhere.
type names struct{}

func (names) Member(_ chat.SiteID, id chat.AgentID) (string, bool) {
	return map[chat.AgentID]string{ada.Agent(): "Ada", ben.Agent(): "Ben"}[id], true
}

// newTo is the verified visitor's conversation, in the same world.
func newTo(from *thread) *thread {
	return &thread{world: from.world, state: chat.NewState(chat.Conversation{ID: toID, Site: site, Visitor: verified})}
}

// round are the events of the open round.
func (th *thread) round() (events []chat.Event) {
	for _, e := range th.events {
		if e.Kind == chat.Opened {
			events = nil
		}
		events = append(events, e)
	}
	return events
}

func luggage(from, to *thread) chat.Luggage {
	tag := uint32(9000)
	return chat.Luggage{
		From: from.state, To: to.state, FromName: fromName, ToName: toName, Now: chat.At(from.world.now),
		Tag: func() uint32 { tag++; return tag }, Round: from.round(),
	}
}

func carry(from, to *thread) chat.Carriage { return chat.CarryOver(luggage(from, to), names{}) }

// shown is the events in short: the kind's name, or the text of a message or note.
func shown(t testing.TB, events []chat.Event) string {
	t.Helper()
	var out []string
	for _, e := range events {
		word := string(e.Kind)
		if e.Kind == chat.Message || e.Kind == chat.Note {
			text, err := e.Body.Text()
			if err != nil {
				t.Fatal(err)
			}
			word = text.Text
		}
		out = append(out, word)
	}
	return strings.Join(out, " ")
}

func roundOf(s chat.State) string {
	switch s.Round.State {
	case chat.Waiting:
		return fmt.Sprintf("%dw", s.Round.Number)
	case chat.Assigned:
		return fmt.Sprintf("%da%d", s.Round.Number, s.Round.Assignee)
	}
	return string(s.Round.State)
}

// TestCarryOver is the table of CarryOver, with what To's round is then and what was appended to it.
func TestCarryOver(t *testing.T) {
	none := func(testing.TB, *thread, chat.Actor) {}
	waiting := func(t testing.TB, th *thread, by chat.Actor) { th.says(t, by, by.Name+"q") }
	takenBy := func(agent chat.Actor) func(testing.TB, *thread, chat.Actor) {
		return func(t testing.TB, th *thread, by chat.Actor) {
			waiting(t, th, by)
			th.must(t, chat.Take(agent))
		}
	}
	resolved := func(t testing.TB, th *thread, by chat.Actor) {
		waiting(t, th, by)
		th.must(t, chat.Resolve(ada))
	}
	for _, row := range []struct {
		name     string
		from, to func(testing.TB, *thread, chat.Actor)
		round    string
		appended string
	}{
		{"nothing to carry", none, waiting, "", ""},
		{"resolved stays", resolved, none, "", ""},
		{"waiting into nothing", waiting, none, "1w", "opened q"},
		{"assigned into nothing", takenBy(ada), none, "1a1", "opened q assigned"},
		{"waiting behind resolved", waiting, resolved, "2w", "opened q"},
		{"assigned behind resolved", takenBy(ada), resolved, "2a1", "opened q assigned"},
		{"waiting joins waiting", waiting, waiting, "1w", "q"},
		{"assigned joins waiting", takenBy(ada), waiting, "1a1", "q assigned"},
		{"waiting joins assigned", waiting, takenBy(ben), "1a2", "q"},
		{"assigned joins assigned", takenBy(ada), takenBy(ben), "1a2", "q"},
	} {
		t.Run(row.name, func(t *testing.T) {
			from := newThread()
			to := newTo(from)
			row.to(t, to, lin)
			from.world.pass(time.Minute)
			row.from(t, from, visitor)
			from.world.pass(time.Minute)
			got := carry(from, to)
			if row.round == "" {
				if len(got.Events) > 0 || got.Already {
					t.Fatalf("something was carried: %s", shown(t, got.Events))
				}
				return
			}
			if r, events := roundOf(got.To), shown(t, got.Events); r != row.round || events != row.appended {
				t.Errorf("the round is %s behind %q, want %s behind %q", r, events, row.round, row.appended)
			}
			if got.From.Round.State != chat.Resolved || got.From.CarriedTo != toID || got.Ending.Kind != chat.Carried || got.Ending.Public {
				t.Errorf("the old conversation ends as %+v with %+v", got.From, got.Ending)
			}
			if change, err := got.Ending.Body.RoundChange(); err != nil || change.To != toName {
				t.Errorf("the last event points to %v, %v", change.To, err)
			}
		})
	}
}

func TestCarriedAgainNothingDoubles(t *testing.T) {
	from := newThread()
	to := newTo(from)
	from.says(t, visitor, "hello")
	first := carry(from, to)
	from.state, to.state = first.From, first.To
	if again := carry(from, to); !again.Already || len(again.Events) > 0 {
		t.Errorf("the second carry gave %+v", again)
	}
	third := newTo(from)
	third.state.Conversation = 13
	if other := carry(from, third); other.Already || len(other.Events) > 0 {
		t.Errorf("a carry to another log-in gave %+v", other)
	}
	other := newTo(from)
	other.state.Site = site + 1
	fresh := newThread()
	fresh.says(t, visitor, "hello")
	if abroad := carry(fresh, other); len(abroad.Events) > 0 {
		t.Errorf("a carry to another site gave %+v", abroad)
	}
}

// TestCarriedEventsAreThoseThatWere compares what is carried with what was.
func TestCarriedEventsAreThoseThatWere(t *testing.T) {
	from := newThread()
	to := newTo(from)
	from.says(t, visitor, "old")
	from.must(t, chat.Resolve(ada))
	from.world.pass(chat.ReopenWithin + time.Minute)
	from.says(t, visitor, "mine")
	from.must(t, chat.EditText(visitor, 5, "mine, edited"))
	from.must(t, chat.AddNote(ben, "a note"))
	from.says(t, ada, "taken back")
	from.must(t, chat.RecallText(ada, from.state.Seq))
	from.must(t, chat.EditText(visitor, 2, "old, edited"))
	got := carry(from, to)
	if events := shown(t, got.Events); events != "opened mine, edited edit a note assigned  recall" {
		t.Fatalf("carried %q: want the open round, without what was done to the older one", events)
	}
	mine, edit, note, reply, recall := got.Events[1], got.Events[2], got.Events[3], got.Events[5], got.Events[6]
	old := from.round()
	if mine.By.ID != int64(verified) || mine.Rev != 1 || mine.At != old[1].At || mine.ClientID != old[1].ClientID || mine.ClientID.IsNil() {
		t.Errorf("the visitor's message became %+v, was %+v", mine, old[1])
	}
	text, err := mine.Body.Text()
	if err != nil || text.Origin == nil || *text.Origin != (chat.Origin{Conversation: fromName, Seq: old[1].Seq}) {
		t.Errorf("its origin is %+v, %v", text.Origin, err)
	}
	if ref, _ := edit.Body.TargetRef(); ref.Seq != mine.Seq || ref.PublicSeq != mine.PublicSeq || edit.Target == nil || edit.Target.Seq != mine.Seq {
		t.Errorf("the edit is of %+v, want of event %d", ref, mine.Seq)
	}
	if note.Public || note.By != ben.Ref() || note.PublicSeq != edit.PublicSeq || !note.ClientID.IsNil() {
		t.Errorf("the note became %+v", note)
	}
	if ref, _ := recall.Body.TargetRef(); !reply.Erased() || ref.Seq != reply.Seq {
		t.Errorf("the recalled reply became %+v, its recall is of %d", reply, ref.Seq)
	}
	if got.To.UnansweredSince != from.state.UnansweredSince || got.To.VisitorMessages != 1 || got.To.AgentMessages != 1 {
		t.Errorf("the head became %+v", got.To)
	}
}

// TestALongRoundIsCarriedInPart leaves out the beginning.
func TestALongRoundIsCarriedInPart(t *testing.T) {
	from := newThread()
	to := newTo(from)
	from.says(t, visitor, "one")
	from.must(t, chat.Take(ada))
	from.says(t, visitor, "two")
	l := luggage(from, to)
	l.Round = l.Round[3:]
	got := chat.CarryOver(l, names{})
	if events := shown(t, got.Events); events != "opened two assigned" || roundOf(got.To) != "1a1" {
		t.Errorf("carried %q, the round is %s", events, roundOf(got.To))
	}
	if got.To.Round.OpenedAt != from.state.Round.OpenedAt || got.To.UnansweredSince != from.state.UnansweredSince {
		t.Errorf("its clocks are %+v, want those of %+v", got.To, from.state)
	}
}

// TestAJoinedRoundKeepsWhatItAwaits: a reply in the other conversation answered nothing here.
func TestAJoinedRoundKeepsWhatItAwaits(t *testing.T) {
	from := newThread()
	to := newTo(from)
	to.says(t, lin, "asked")
	asked := to.state.UnansweredSince
	from.world.pass(time.Minute)
	from.says(t, visitor, "elsewhere")
	from.says(t, ada, "answered")
	got := carry(from, to)
	if got.To.UnansweredSince != asked || got.To.Unread(chat.Mark{}) != 2 {
		t.Errorf("it awaits since %d with %d unread, want since %d with 2", got.To.UnansweredSince, got.To.Unread(chat.Mark{}), asked)
	}
}

func TestMarksAreCarriedWhereNothingIsUnread(t *testing.T) {
	from := newThread()
	to := newTo(from)
	from.says(t, visitor, "one") // 1 opened, 2
	from.says(t, ada, "two")     // 3 assigned, 4
	from.says(t, visitor, "three")
	l := luggage(from, to)
	l.FromMarks = []chat.Mark{
		{Conversation: fromID, Who: visitor.Ref(), Read: 2, Received: 4},
		{Conversation: fromID, Who: ada.Ref(), Read: 5, Received: 5},
	}
	got := chat.CarryOver(l, names{}).Marks
	want := []chat.Mark{
		{Conversation: toID, Who: ada.Ref(), Received: 5, Read: 5, ReceivedPublic: 5, ReadPublic: 5, VisitorMessagesRead: 2, AgentMessagesRead: 1},
		{Conversation: toID, Who: lin.Ref(), Received: 4, Read: 2, ReceivedPublic: 4, ReadPublic: 2, VisitorMessagesRead: 1},
	}
	for i := range want {
		want[i].Who.Name = ""
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
	to.says(t, lin, "unread by Ada")
	to.must(t, chat.Take(ben))
	l.To = to.state
	for _, m := range chat.CarryOver(l, names{}).Marks {
		if m.Who.ID == ada.ID {
			t.Errorf("Ada's mark jumped over what she has not read: %+v", m)
		}
	}
}

// TestAnEndedConversationTakesNothing but an agent's recall of what stayed in it.
func TestAnEndedConversationTakesNothing(t *testing.T) {
	from := newThread()
	from.says(t, ada, "before any round")
	from.says(t, visitor, "hello")
	got := carry(from, newTo(from))
	from.state, from.events = got.From, append(from.events, got.Ending)
	from.events[2].Body = chat.CarriedBody()
	for name, rule := range map[string]chat.Decide{
		"send": chat.SendMessage(visitor, "more", from.world), "reply": chat.SendMessage(ada, "more", from.world), "note": chat.AddNote(ada, "n"),
		"take": chat.Take(ada), "assign": chat.Assign(supervisor, ben.Agent(), "Ben", true), "release": chat.Release(ada), "resolve": chat.Resolve(ada),
		"edit": chat.EditText(ada, 1, "e"), "visitor's recall": chat.RecallText(visitor, 3), "recall of what went": chat.RecallText(supervisor, 3),
	} {
		before := from.state
		if _, err := from.apply(rule); chat.CodeOf(err) != chat.Ended {
			t.Errorf("%s: %v, want %s", name, err, chat.Ended)
		}
		if from.state != before {
			t.Errorf("%s changed the conversation", name)
		}
	}
	if _, err := from.apply(chat.RecallText(ada, 1)); err != nil {
		t.Errorf("an agent cannot take back what stayed: %v", err)
	}
}

// TestCarriedNumbersHaveNoGap carries random rounds and counts them anew.
func TestCarriedNumbersHaveNoGap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := newThread()
		to := newTo(from)
		random(t, from, visitor, "from")
		random(t, to, lin, "to")
		before, open := to.state, from.state.Round.State.Open()
		got := carry(from, to)
		if (len(got.Events) > 0) != open {
			t.Fatalf("%d events were carried of a round that is %s", len(got.Events), from.state.Round.State)
		}
		if !open {
			return
		}
		check(t, before, got, from.state)
	})
}

func random(t *rapid.T, th *thread, by chat.Actor, who string) {
	for range rapid.IntRange(0, 15).Draw(t, who) {
		agent := rapid.SampledFrom([]chat.Actor{ada, ben, supervisor}).Draw(t, "agent")
		number := rapid.Int64Range(1, 9).Draw(t, "number")
		rule := rapid.SampledFrom([]chat.Decide{
			chat.SendMessage(by, "v", th.world), chat.SendMessage(by, "v", th.world), chat.SendMessage(agent, "a", th.world), chat.AddNote(agent, "n"), chat.Take(agent),
			chat.Release(agent), chat.Resolve(agent), chat.EditText(by, number, "e"), chat.RecallText(agent, number),
		}).Draw(t, "rule")
		_, _ = th.apply(rule) // refusals are part of it
		th.world.pass(time.Duration(rapid.IntRange(1, 400).Draw(t, "s")) * time.Second)
	}
}

func check(t *rapid.T, before chat.State, got chat.Carriage, from chat.State) {
	seq, public, byVisitor, byAgents := before.Seq, before.PublicSeq, before.VisitorMessages, before.AgentMessages
	seen := map[int64]bool{}
	for i, e := range got.Events {
		seq++
		if e.Public {
			public++
		}
		if e.Kind == chat.Message && e.By.Kind == chat.VisitorActor {
			byVisitor++
		} else if e.Kind == chat.Message {
			byAgents++
		}
		if e.Seq != seq || e.PublicSeq != public || e.VisitorMessages != byVisitor || e.AgentMessages != byAgents || e.Conversation != toID {
			t.Fatalf("event %d is %+v, want seq %d, public %d, %d and %d messages", i, e, seq, public, byVisitor, byAgents)
		}
		if origin := got.Origins[i]; origin != 0 && seen[origin] {
			t.Fatalf("event %d was carried twice", origin)
		}
		seen[got.Origins[i]] = true
		if e.Target != nil && (e.Target.Seq <= before.Seq || e.Target.Seq >= e.Seq) {
			t.Fatalf("event %d is about %d, which is not of this round", e.Seq, e.Target.Seq)
		}
	}
	last := got.Events[len(got.Events)-1]
	s := got.To
	if s.Seq != seq || s.PublicSeq != public || s.Tag != last.Tag || s.VisitorMessages != byVisitor || s.AgentMessages != byAgents {
		t.Fatalf("the head is %+v behind event %+v", s, last)
	}
	if !s.Round.State.Open() || (s.Round.State == chat.Waiting) != (s.WaitingSince != 0) || s.LastAt < before.LastAt {
		t.Fatalf("the round is %+v, waiting since %d", s.Round, s.WaitingSince)
	}
	if !before.Round.State.Open() && (s.Round.Assignee != from.Round.Assignee || s.UnansweredSince != from.UnansweredSince || s.WaitingSince != from.WaitingSince ||
		s.Round.OpenedAt != from.Round.OpenedAt || s.Round.State != from.Round.State) {
		t.Fatalf("the round became %+v, was %+v", s, from)
	}
	if got.From.Seq != from.Seq+1 || got.Ending.Seq != got.From.Seq || got.From.PublicSeq != from.PublicSeq || got.From.Round.State.Open() {
		t.Fatalf("the old conversation became %+v", got.From)
	}
}
