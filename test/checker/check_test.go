package checker

import (
	"fmt"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/wire"
)

// world is a conversation of a visitor and an agent in which everything went
// well, for tests to spoil.
type world struct {
	h        *History
	db       *Database
	log      *Log
	commands []Command // hello, take, reply, note, bye
	visitor  *Copy
	agent    *Copy
	expect   Expect
}

const hello, take, reply, note, bye = 0, 1, 2, 3, 4

func newWorld() *world {
	w := &world{h: New(), expect: Expect{Settled: true, CaughtUp: true}}
	c := client.NewID()
	w.log = &Log{ID: 1, UUID: c}
	w.db = &Database{Logs: map[chat.ConversationUUID]*Log{c: w.log}, Damage: "ok"}
	for _, k := range []Command{
		{By: "visitor", ByVisitor: true, T: "send", Text: "hello"},
		{By: "agent", T: "take"},
		{By: "agent", T: "send", Text: "reply"},
		{By: "agent", T: "note", Text: "a note"},
		{By: "visitor", ByVisitor: true, T: "send", Text: "bye"},
	} {
		k.ID, k.Conversation = client.NewID(), c
		w.commands = append(w.commands, k)
		w.h.Sent(k)
	}
	id := func(i int) chat.ClientID { return w.commands[i].ID }
	w.log.Rows = []Row{
		{Kind: chat.Opened, Public: true, By: chat.VisitorActor},
		{Kind: chat.Message, Public: true, By: chat.VisitorActor, Text: "hello", ClientID: id(hello)},
		{Kind: chat.AssignedTo, Public: true, By: chat.AgentActor, ClientID: id(take)},
		{Kind: chat.Message, Public: true, By: chat.AgentActor, Text: "reply", ClientID: id(reply)},
		{Kind: chat.Note, By: chat.AgentActor, Text: "a note", ClientID: id(note)},
		{Kind: chat.Message, Public: true, By: chat.VisitorActor, Text: "bye", ClientID: id(bye)},
	}
	w.number()
	w.visitor, w.agent = w.h.Copy("visitor", true), w.h.Copy("agent", false)
	for i := range w.log.Rows {
		r := &w.log.Rows[i]
		e := Seen{Conversation: c, N: r.Seq, Tag: r.Tag, Kind: r.Kind, By: r.By, Private: !r.Public, Text: r.Text}
		w.h.Saw(w.agent, e)
		if r.Public {
			e.N = r.PublicSeq
			w.h.Saw(w.visitor, e)
		}
	}
	w.ack(hello, 1)
	w.ack(take, 2)
	w.ack(reply, 3)
	w.ack(note, 4)
	w.ack(bye, 5)
	return w
}

// number gives the rows their numbers and counts, and makes the head follow.
func (w *world) number() {
	head := Head{FirstSeq: 1}
	for i := range w.log.Rows {
		r := &w.log.Rows[i]
		head.Seq++
		r.Seq, r.Tag = head.Seq, uint32(1000+i)
		head.Tag = r.Tag
		if r.Public {
			head.PublicSeq, head.PublicTag = head.PublicSeq+1, r.Tag
		}
		visitor, agent := counts(r)
		head.VisitorMessages, head.AgentMessages = head.VisitorMessages+visitor, head.AgentMessages+agent
		r.PublicSeq, r.VisitorMessages, r.AgentMessages = head.PublicSeq, head.VisitorMessages, head.AgentMessages
	}
	w.log.Head = head
}

func (w *world) ack(command, row int) {
	k, r := w.commands[command], w.log.Rows[row]
	w.h.Settled(k.ID, Acked, wire.Position{N: r.number(k.ByVisitor), Tag: r.Tag}, w.log.UUID, nil)
}

func (w *world) stored(command int) *Command { return w.h.commands[w.commands[command].ID] }

func TestAllIsWell(t *testing.T) {
	w := newWorld()
	if got := Check(w.h, w.db, w.expect); len(got) > 0 {
		t.Fatal(Say(got))
	}
}

func TestEachViolationIsFound(t *testing.T) {
	for _, test := range []struct {
		what  string
		want  Promise
		spoil func(w *world)
	}{
		{"the database is damaged", Sound, func(w *world) { w.db.Damage = "row 3 missing from index event_seq" }},
		{"an acked message has no row", Kept, func(w *world) {
			w.log.Rows = w.log.Rows[:5]
			w.number()
		}},
		{"an ack gave another number", Kept, func(w *world) { w.stored(bye).At.N++ }},
		{"an ack gave another tag", Kept, func(w *world) { w.stored(note).At.Tag++ }},
		{"an acked message stands twice", Once, func(w *world) {
			w.log.Rows = append(w.log.Rows, w.log.Rows[1])
			w.number()
		}},
		{"a message stands twice, the second without its client_id", Once, func(w *world) {
			again := w.log.Rows[1]
			again.ClientID = chat.ClientID{}
			w.log.Rows = append(w.log.Rows, again)
			w.number()
		}},
		{"an unacked message stands twice", Once, func(w *world) {
			w.stored(bye).Fate = Pending
			w.expect.Settled = false
			w.log.Rows = append(w.log.Rows, w.log.Rows[5])
			w.number()
		}},
		{"a number is missing", Numbered, func(w *world) {
			w.log.Rows = append(w.log.Rows[:2:2], w.log.Rows[3:]...)
		}},
		{"a number comes twice", Numbered, func(w *world) { w.log.Rows[3].Seq = 3 }},
		{"the head lags behind", Numbered, func(w *world) { w.log.Head.Seq-- }},
		{"the head has another tag", Numbered, func(w *world) { w.log.Head.PublicTag++ }},
		{"a note has a public number", Counted, func(w *world) { w.log.Rows[4].PublicSeq++ }},
		{"the visitor's messages are miscounted", Counted, func(w *world) { w.log.Rows[5].VisitorMessages++ }},
		{"the agents' messages are miscounted", Counted, func(w *world) { w.log.Rows[3].AgentMessages = 0 }},
		{"the head miscounts", Numbered, func(w *world) { w.log.Head.AgentMessages++ }},
		{"a text was changed", Faithful, func(w *world) { w.log.Rows[3].Text = "repl" }},
		{"a message became another's", Faithful, func(w *world) { w.log.Rows[1].By = chat.AgentActor }},
		{"a message went to another conversation", Faithful, func(w *world) { w.stored(hello).In = client.NewID() }},
		{"a refused message has a row", Faithful, func(w *world) { w.stored(note).Fate = Refused }},
		{"a copy misses an event", Ordered, func(w *world) { w.agent.Events = append(w.agent.Events[:2:2], w.agent.Events[3:]...) }},
		{"a copy has an event twice", Ordered, func(w *world) { w.visitor.Events = append(w.visitor.Events[:3], w.visitor.Events[2:]...) }},
		{"a copy has two events in the wrong order", Ordered, func(w *world) {
			w.agent.Events[1], w.agent.Events[2] = w.agent.Events[2], w.agent.Events[1]
		}},
		{"a copy holds an event of another conversation", Ordered, func(w *world) { w.agent.Events[2].Conversation = client.NewID() }},
		{"a copy shows what was never committed", Committed, func(w *world) {
			w.agent.Events = append(w.agent.Events, Seen{Conversation: w.log.UUID, N: 7, Tag: 9, Kind: chat.Message})
		}},
		{"a copy shows another log's event", Committed, func(w *world) { w.agent.Events[3].Tag++ }},
		{"a copy is of a conversation that is not there", Committed, func(w *world) { w.db.Logs = nil }},
		{"a copy shows another text", Faithful, func(w *world) { w.agent.Events[3].Text = "" }},
		{"a copy lags behind", Complete, func(w *world) { w.visitor.Events = w.visitor.Events[:4] }},
		{"a visitor saw a note", Private, func(w *world) { w.visitor.Events[3].Kind = chat.Note }},
		{"a visitor saw what is private", Private, func(w *world) { w.visitor.Events[3].Private = true }},
		{"somebody had to start anew", Anew, func(w *world) { w.agent.Resets = 1 }},
		{"somebody missed what was removed", Anew, func(w *world) { w.agent.Why = client.Truncated }},
		{"a command was never answered", Answered, func(w *world) { w.stored(bye).Fate = Pending }},
	} {
		t.Run(test.what, func(t *testing.T) {
			w := newWorld()
			test.spoil(w)
			got := Check(w.h, w.db, w.expect)
			if !Broken(got, test.want) {
				t.Errorf("found %q, want %s", Say(got), test.want)
			}
		})
	}
}

// What nobody knows the outcome of may be there or not.
func TestUnackedMayBeThereOrNot(t *testing.T) {
	for _, there := range []bool{true, false} {
		w := newWorld()
		w.stored(bye).Fate = Pending
		w.expect.Settled = false
		if !there {
			w.log.Rows = w.log.Rows[:5]
			w.number()
			w.agent.Events, w.visitor.Events = w.agent.Events[:5], w.visitor.Events[:4]
		}
		if got := Check(w.h, w.db, w.expect); len(got) > 0 {
			t.Errorf("there=%v: %s", there, Say(got))
		}
	}
}

func TestHolds(t *testing.T) {
	w := newWorld()
	for i := range w.commands {
		if !w.db.Holds(*w.stored(i)) {
			t.Errorf("%s is not held", w.commands[i].T)
		}
	}
	w.stored(bye).At.Tag++
	if w.db.Holds(*w.stored(bye)) {
		t.Error("another log's position is held")
	}
}

func TestManyViolationsAreCounted(t *testing.T) {
	w := newWorld()
	for i := range 30 {
		w.h.Sent(Command{ID: client.NewID(), By: "visitor", ByVisitor: true, T: "send", Text: fmt.Sprint("lost ", i)})
	}
	if got := Check(w.h, w.db, w.expect); len(got) != maxOfEach+1 {
		t.Errorf("%d violations are told, want %d and how many more: %s", len(got), maxOfEach, Say(got))
	}
}

// rounds records takes and releases of one conversation, one after the other.
type rounds struct {
	h   *History
	c   chat.ConversationUUID
	who map[string]chat.AgentID
	now time.Duration
}

func newRounds() *rounds {
	return &rounds{h: New(), c: client.NewID(), who: map[string]chat.AgentID{"ada": 1, "ben": 2}}
}

func (r *rounds) do(by, t string, fate Fate, code chat.Code, holder chat.AgentID) {
	id := client.NewID()
	r.h.Sent(Command{ID: id, By: by, T: t, Conversation: r.c})
	if fate != Pending {
		r.h.Settled(id, fate, wire.Position{}, r.c, &wire.ServerError{Code: code, Round: &wire.Round{Agent: &wire.Agent{ID: holder}}})
	}
	k := r.h.commands[id]
	r.now += 2
	k.First, k.Last = r.now, r.now+1
}

func TestRounds(t *testing.T) {
	for _, test := range []struct {
		what string
		ok   bool
		run  func(r *rounds)
	}{
		{"one has it, the other is told who", true, func(r *rounds) {
			r.do("ada", "take", Acked, "", 0)
			r.do("ben", "take", Refused, chat.NotYours, 1)
			r.do("ben", "release", Refused, chat.NotYours, 1)
			r.do("ada", "release", Acked, "", 0)
			r.do("ada", "release", Refused, chat.Conflict, 0)
			r.do("ben", "take", Acked, "", 0)
			r.do("ben", "take", Acked, "", 0)
		}},
		{"both have it", false, func(r *rounds) {
			r.do("ada", "take", Acked, "", 0)
			r.do("ben", "take", Acked, "", 0)
		}},
		{"the wrong one is named", false, func(r *rounds) {
			r.do("ada", "take", Acked, "", 0)
			r.do("ben", "take", Refused, chat.NotYours, 2)
		}},
		{"nobody has it, but it is refused", false, func(r *rounds) {
			r.do("ben", "take", Refused, chat.NotYours, 1)
		}},
		{"an unanswered one may have happened", true, func(r *rounds) {
			r.do("ada", "take", Pending, "", 0)
			r.do("ben", "take", Refused, chat.NotYours, 1)
		}},
		{"an unanswered one may not have happened", true, func(r *rounds) {
			r.do("ada", "take", Pending, "", 0)
			r.do("ben", "take", Acked, "", 0)
		}},
	} {
		t.Run(test.what, func(t *testing.T) {
			r := newRounds()
			test.run(r)
			if ok, n := Rounds(r.h, r.who); ok != test.ok || n == 0 {
				t.Errorf("%v over %d operations, want %v", ok, n, test.ok)
			}
		})
	}
}
