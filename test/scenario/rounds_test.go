//go:build linux

package scenario

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/test/checker"
)

// Two agents who take the same round at the same instant: one has it, the other
// reads who. Then four take and release at random, and what they were told can
// be put in one order.
func TestTakingTheSameRound(t *testing.T) {
	t.Parallel()
	s := newServer(t, loose...)
	s.start()
	who := map[string]chat.AgentID{}
	var agents []*client.Agent
	for _, one := range s.in.agents[:4] {
		who[one.name] = one.id
		agents = append(agents, s.agent(one, client.Observer{}, nil))
	}
	var conversations []chat.ConversationUUID
	for i := range 8 {
		v := s.visitor(fmt.Sprint("visitor ", i), client.NewSecret(), client.Observer{}, nil)
		conversations = append(conversations, say(t, v.Send(fmt.Sprint("I wait, ", i))).AckedIn)
	}
	for i, c := range conversations {
		race(t, s, agents, i%3, 3, c)
	}
	var all sync.WaitGroup
	for n, a := range agents {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(n)))
			for range 60 {
				c := conversations[rng.IntN(len(conversations))]
				i := &client.Item{T: "take"}
				if rng.IntN(2) == 0 {
					i.T = "release"
				}
				<-a.Conversation(c).Put(i).Done()
			}
		})
	}
	all.Wait()
	for _, a := range agents {
		a.Close()
	}
	s.stop()
	if ok, n := checker.Rounds(s.h, who); !ok {
		t.Errorf("what agents were told of %d takes and releases cannot have happened", n)
	}
	s.mustHold(checker.Expect{Settled: true})
}

// race lets two agents take a round together.
func race(t *testing.T, s *server, agents []*client.Agent, one, other int, c chat.ConversationUUID) {
	t.Helper()
	first, second := agents[one].Take(c), agents[other].Take(c)
	await(t, "the outcome of a take", first.Done())
	await(t, "the outcome of a take", second.Done())
	winner, lost := s.in.agents[one].id, second
	if second.State == client.Acked {
		winner, lost = s.in.agents[other].id, first
	}
	if (first.State == client.Acked) == (second.State == client.Acked) {
		t.Fatalf("the takes ended as %v and %v, want one acked and one refused", first.State, second.State)
	}
	r := lost.Refusal
	if r.Code != chat.NotYours || r.Round == nil || r.Round.Agent == nil || r.Round.Agent.ID != winner {
		t.Errorf("who came second was told %+v, want not_yours and agent %d", r, winner)
	}
}

// A revoked agent loses its connection within 5 s and does not come back.
func TestRevokedAgent(t *testing.T) {
	t.Parallel()
	s := newServer(t, loose...)
	s.start()
	revoke(t, s, s.in.agents[0])
}

// slack is what a busy machine may add to the 5 s in which everything must be told.
const slack = 5 * time.Second

func revoke(t *testing.T, s *server, who access) {
	t.Helper()
	connected := make(chan struct{}, 1)
	lost := make(chan uint16, 1)
	a := s.agent(who, client.Observer{
		Connected: func(*wire.ServerHello) { connected <- struct{}{} },
		Lost:      func(code uint16, _ error) { lost <- code },
	}, nil)
	await(t, "the agent's hello", connected)
	begun := time.Now()
	url := fmt.Sprintf("%s/api/v1/people/%d/log-ins", s.base(), who.id)
	if _, err := rest(http.MethodDelete, url, s.in.owner.cookie, nil, nil); err != nil {
		t.Fatal(err)
	}
	if code := await(t, "the revoked agent's close", lost); code != uint16(wire.CloseRevoked) {
		t.Errorf("the revoked agent was closed with %d, want %d", code, wire.CloseRevoked)
	}
	if took := time.Since(begun); took > 5*time.Second+slack {
		t.Errorf("the revoked agent was closed after %s", took)
	}
	await(t, "the session's end", a.Done())
	if _, err := rest(http.MethodGet, s.base()+"/api/v1/me", who.cookie, nil, nil); err == nil {
		t.Error("the revoked log-in still opens the REST interface")
	}
}

// An agent has a round whose visitor awaits an answer, and goes. The server is
// started again when the agent has been away for three minutes: the round waits again.
func TestAbsentAgentAfterRestart(t *testing.T) {
	t.Parallel()
	s := newServer(t, loose...)
	s.start()
	returned := make(chan struct{}, 1)
	v := s.visitor("visitor", client.NewSecret(), client.Observer{Event: func(_ *client.Conversation, e *client.Event) {
		if e.Kind == chat.Returned {
			returned <- struct{}{}
		}
	}}, nil)
	lists := client.NewLists(s.in.agents[1].id)
	watcher := s.agent(s.in.agents[1], client.Observer{List: lists.List, Rows: lists.Rows}, nil)
	watcher.Watch(chat.ViewWaiting)
	a := s.agent(s.in.agents[0], client.Observer{}, nil)
	c := say(t, v.Send("Is anybody there?")).AckedIn
	say(t, a.Take(c))
	a.Close()
	s.stop()
	longAgo(t, s, s.in.agents[0].id)
	s.start()
	await(t, "the round to wait again", returned)
	eventually(t, func() string {
		if rows, counts, _ := lists.View(chat.ViewWaiting); len(rows) != 1 || counts.Waiting != 1 || rows[c].Round.State != chat.Waiting {
			return fmt.Sprintf("the list shows %d rows, counts %+v", len(rows), counts)
		}
		return ""
	})
	v.Close()
	watcher.Close()
	s.stop()
	s.mustHold(checker.Expect{Settled: true, CaughtUp: true})
}

// longAgo makes an agent of the stopped server one who was last seen 3 minutes ago.
func longAgo(t *testing.T, s *server, agent chat.AgentID) {
	t.Helper()
	db, err := sql.Open("sqlite", s.databaseFile())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	done, err := db.ExecContext(t.Context(), "UPDATE agent SET last_seen_at = ? WHERE id = ? AND last_seen_at > 0",
		time.Now().Add(-chat.AbsentAfter-time.Second).UnixMilli(), int64(agent))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		t.Fatalf("%d agents were last seen, %v: want 1", n, err)
	}
}
