package chat_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
)

const site = chat.SiteID(7)

var (
	visitor    = chat.Actor{Kind: chat.VisitorActor, ID: 100}
	ada        = agent(1, "Ada", chat.RoleAgent)
	ben        = agent(2, "Ben", chat.RoleAgent)
	supervisor = agent(3, "Sue", chat.RoleSupervisor)
	admin      = agent(4, "Adam", chat.RoleAdmin)
	stranger   = agent(5, "Nora", chat.NoRole)
)

func agent(id int64, name string, role chat.Role) chat.Actor {
	return chat.Actor{Kind: chat.AgentActor, ID: id, Name: name, Role: role}
}

// world is what rules ask about, set by hand.
type world struct {
	now    time.Time
	here   map[chat.AgentID]bool
	absent map[chat.AgentID]bool
}

func newWorld() *world {
	return &world{
		now:  time.UnixMilli(1750000000000),
		here: map[chat.AgentID]bool{}, absent: map[chat.AgentID]bool{},
	}
}

func (w *world) Now() time.Time                                { return w.now }
func (w *world) Here(s chat.SiteID, agent chat.AgentID) bool   { return s == site && w.here[agent] }
func (w *world) Absent(s chat.SiteID, agent chat.AgentID) bool { return s == site && w.absent[agent] }
func (w *world) pass(d time.Duration)                          { w.now = w.now.Add(d) }
func (w *world) set(agent chat.Actor, here, absentForLong bool) {
	w.here[agent.Agent()], w.absent[agent.Agent()] = here, absentForLong
}

// thread is a conversation in memory: what a store would keep.
type thread struct {
	world  *world
	state  chat.State
	events []chat.Event
	files  []chat.Upload
}

func newThread() *thread {
	return &thread{
		world: newWorld(),
		state: chat.NewState(chat.Conversation{ID: 11, Site: site, Visitor: chat.VisitorID(visitor.ID)}),
	}
}

// Event is chat.Log.
func (th *thread) Event(number int64, public bool) (chat.Event, error) {
	for _, e := range th.events {
		if (!public && e.Seq == number) || (public && e.Public && e.PublicSeq == number) {
			return e, nil
		}
	}
	return chat.Event{}, chat.Refuse(chat.NotFound, "no event %d", number)
}

// Files is chat.Log.
func (th *thread) Files(ids []chat.FileID) (found []chat.Upload, err error) {
	for _, u := range th.files {
		if slices.Contains(ids, u.ID) {
			found = append(found, u)
		}
	}
	return found, nil
}

// apply decides and appends; a refusal changes nothing.
func (th *thread) apply(rule chat.Decide) ([]chat.Event, error) {
	drafts, err := rule(th.state, th)
	if err != nil {
		return nil, err
	}
	for _, d := range drafts {
		if d.Replace != nil {
			th.events[d.Replace.Seq-1].Body = d.Replace.Body
			th.events[d.Replace.Seq-1].Rev++
		}
		if d.Erase != 0 {
			th.events[d.Erase-1].Body = nil
		}
	}
	tag := uint32(1000 + 10*th.state.Seq)
	state, events := chat.Append(th.state, drafts, newClientID(), chat.At(th.world.now), func() uint32 { tag++; return tag })
	th.state, th.events = state, append(th.events, events...)
	return events, nil
}

func (th *thread) must(t testing.TB, rule chat.Decide) []chat.Event {
	t.Helper()
	events, err := th.apply(rule)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func (th *thread) says(t testing.TB, by chat.Actor, text string) []chat.Event {
	t.Helper()
	return th.must(t, chat.SendMessage(by, text, th.world))
}

func newClientID() chat.ClientID { return uuid.Must(uuid.NewV7()) }
