package chat_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kefu-chat/kefu/internal/chat"
)

// machine drives a thread through every rule, and keeps a second, simpler
// account of what should be.
type machine struct {
	*thread
	open     bool
	rounds   int64
	has      chat.AgentID
	asked    chat.Millis // of the oldest message that nobody answered
	messages map[chat.ActorKind]int64
}

func (m *machine) do(t *rapid.T, rule chat.Decide) {
	before := m.state
	events, err := m.apply(rule)
	var refusal *chat.Refusal
	if err != nil {
		if !errors.As(err, &refusal) || refusal.Round != before.Round {
			t.Fatalf("no refusal with the present round: %v", err)
		}
		if m.state != before {
			t.Fatal("a refusal changed the state")
		}
		return
	}
	for i := range events {
		m.account(t, &events[i])
	}
}

// account replays an event by its kind alone.
func (m *machine) account(t *rapid.T, e *chat.Event) {
	change, _ := e.Body.RoundChange()
	switch e.Kind {
	case chat.Message:
		m.messages[e.By.Kind]++
		if e.By.Kind != chat.VisitorActor {
			m.asked = 0
		} else if m.asked == 0 {
			m.asked = e.At
		}
	case chat.Opened:
		if m.open {
			t.Fatal("a second round was opened beside the first")
		}
		m.open, m.has = true, 0
		m.rounds++
	case chat.Reopened:
		if m.open {
			t.Fatal("an open round was reopened")
		}
		m.open, m.has = true, change.Agent
	case chat.AssignedTo, chat.Released, chat.Returned:
		if !m.open || change.From != m.has {
			t.Fatalf("%s from %d: the round is open: %v, with %d", e.Kind, change.From, m.open, m.has)
		}
		m.has = change.Agent
	case chat.Resolution:
		if !m.open {
			t.Fatal("a resolved round was resolved")
		}
		m.open, m.asked = false, 0
	}
	if e.Kind == chat.Note && e.Public {
		t.Fatal("a note is public")
	}
}

func (m *machine) check(t *rapid.T) {
	s := m.state
	var seq, public int64
	for _, e := range m.events {
		seq++
		if e.Public {
			public++
		}
		if e.Seq != seq || e.PublicSeq != public || e.PublicSeq > e.Seq || e.Tag == 0 {
			t.Fatalf("event %d (public %d) is numbered %d, %d, tag %d", seq, public, e.Seq, e.PublicSeq, e.Tag)
		}
	}
	if s.Seq != seq || s.PublicSeq != public {
		t.Fatalf("the head is at %d, %d: the log at %d, %d", s.Seq, s.PublicSeq, seq, public)
	}
	if s.VisitorMessages != m.messages[chat.VisitorActor] || s.AgentMessages != m.messages[chat.AgentActor] {
		t.Fatalf("counts %d, %d: want %v", s.VisitorMessages, s.AgentMessages, m.messages)
	}
	if s.Round.State.Open() != m.open || s.Round.Number != m.rounds {
		t.Fatalf("round %+v: want number %d, open %v", s.Round, m.rounds, m.open)
	}
	if m.open && (s.Round.Assignee != m.has || (s.Round.State == chat.Assigned) != (m.has != 0)) {
		t.Fatalf("round %+v: want it with %d", s.Round, m.has)
	}
	if (s.Round.ResolvedAt != 0) != (s.Round.State == chat.Resolved) {
		t.Fatalf("round %+v: resolved_at is set if and only if it is resolved", s.Round)
	}
	if s.UnansweredSince != m.asked {
		t.Fatalf("unanswered since %d, want %d", s.UnansweredSince, m.asked)
	}
	if (s.WaitingSince != 0) != (s.Round.State == chat.Waiting) || s.WaitingSince > chat.At(m.world.now) {
		t.Fatalf("waiting since %d while %s", s.WaitingSince, s.Round.State)
	}
	if s.Round.State == chat.Waiting && m.asked != 0 && s.WaitingSince > m.asked {
		t.Fatalf("waiting since %d, though asked at %d", s.WaitingSince, m.asked)
	}
	if unread := s.Unread(chat.Mark{}); unread < 0 || unread > s.VisitorMessages {
		t.Fatalf("%d unread of %d", unread, s.VisitorMessages)
	}
}

func TestAnyCourseKeepsTheInvariants(t *testing.T) {
	agents := []chat.Actor{ada, ben, supervisor, admin, stranger}
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{thread: newThread(), messages: map[chat.ActorKind]int64{}}
		by := func() chat.Actor { return rapid.SampledFrom(agents).Draw(t, "agent") }
		anyone := func() chat.Actor { return rapid.SampledFrom(append(agents, visitor)).Draw(t, "actor") }
		number := func() int64 { return rapid.Int64Range(0, m.state.Seq+1).Draw(t, "number") }
		t.Repeat(map[string]func(*rapid.T){
			"visitor writes": func(t *rapid.T) { m.do(t, chat.SendMessage(visitor, "q", m.world)) },
			"agent writes":   func(t *rapid.T) { m.do(t, chat.SendMessage(by(), "a", m.world)) },
			"note":           func(t *rapid.T) { m.do(t, chat.AddNote(anyone(), "n")) },
			"take":           func(t *rapid.T) { m.do(t, chat.Take(anyone())) },
			"assign": func(t *rapid.T) {
				to := by()
				m.do(t, chat.Assign(anyone(), to.Agent(), to.Name, to.Role != chat.NoRole))
			},
			"release": func(t *rapid.T) { m.do(t, chat.Release(anyone())) },
			"resolve": func(t *rapid.T) { m.do(t, chat.Resolve(anyone())) },
			"edit":    func(t *rapid.T) { m.do(t, chat.EditText(anyone(), number(), "e")) },
			"recall":  func(t *rapid.T) { m.do(t, chat.RecallText(anyone(), number())) },
			"sweep":   func(t *rapid.T) { m.do(t, chat.ReturnAbsent(by().Agent(), m.world)) },
			"presence": func(t *rapid.T) {
				here := rapid.Bool().Draw(t, "here")
				m.world.set(by(), here, !here && rapid.Bool().Draw(t, "absent"))
			},
			"time passes": func(*rapid.T) {
				m.world.pass(time.Duration(rapid.Int64Range(0, 11*60*1000).Draw(t, "ms")) * time.Millisecond)
			},
			"": m.check,
		})
	})
}
