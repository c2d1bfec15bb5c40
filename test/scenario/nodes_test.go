//go:build linux

package scenario

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/test/checker"
)

// A visitor and two agents, each on another node, on every pair of engines:
// messages both ways, lists, counts, marks, typing, a take that two want, a
// repeat on another node, presence, a log-in that is revoked elsewhere; pages of the
// legacy protocols, a push and a broadcast.
func TestPeopleOnDifferentNodes(t *testing.T) {
	for _, on := range pairs() {
		t.Run(on.String(), func(t *testing.T) {
			c := newCluster(t, on, 3, openDoors...)
			chatRoomElsewhere(t, c)
			pushElsewhere(t, c)
			peopleOnDifferentNodes(t, c, c.nodes[0], c.nodes[1], c.nodes[2])
		})
	}
}

// peopleOnDifferentNodes has a visitor come in by the first address, and an agent by each of the others.
func peopleOnDifferentNodes(t *testing.T, c *cluster, first, second, third *server) {
	t.Helper()
	told := make(chan string, 16)
	broadcasts := client.Observer{Frame: func(kind string, frame []byte) {
		if kind == "broadcasts" {
			told <- string(frame)
		}
	}}
	v := first.visitor("visitor", client.NewSecret(), broadcasts, func(cfg *client.Config) { cfg.Marks = true })
	lists := client.NewLists(c.in.agents[0].id)
	typing := make(chan bool, 16)
	hear := client.Observer{List: lists.List, Rows: lists.Rows, Frame: func(kind string, _ []byte) {
		if kind == "typing" {
			typing <- true
		}
	}}
	a := second.agent(c.in.agents[0], hear, func(cfg *client.Config) { cfg.Marks = true })
	b := third.agent(c.in.agents[1], client.Observer{}, nil)
	a.Watch(chat.ViewWaiting)
	a.Watch(chat.ViewMine)

	id := say(t, v.Send("Is anybody there? 有人吗？")).AckedIn
	soon(t, "the row on the other node", func() string {
		rows, counts, _ := lists.View(chat.ViewWaiting)
		if row := rows[id]; counts.Waiting != 1 || row.Last == nil || row.Last.Text != "Is anybody there? 有人吗？" || row.Unread != 1 {
			return fmt.Sprintf("counts %+v, row %+v", counts, row)
		}
		return ""
	})
	ac, bc := a.Open(id, true), b.Open(id, true)
	eventually(t, behind(ac, 2))
	eventually(t, behind(bc, 2))
	raceBetweenNodes(t, a, b, id)
	winner := holder(t, a, b, id)
	reply := say(t, winner.Send(id, "I am."))
	soon(t, "the reply at the visitor's node", behind(v.Conversation(), reply.Ack.N))
	note := say(t, a.Note(id, "a note across nodes"))
	soon(t, "the note at the other agent's", behind(bc, note.Ack.N))
	eventually(t, behind(ac, note.Ack.N)) // over streams an ack and its event come by two ways
	if err := v.Typing(true); err != nil {
		t.Error(err)
	}
	await(t, "the visitor's typing", typing)
	soon(t, "both sides' marks", func() string {
		_, byAgents, unread := v.Conversation().Marks()
		if byAgents.Read < 2 || unread != 0 {
			return fmt.Sprintf("agents have read to %d, %d unread", byAgents.Read, unread)
		}
		return ""
	})
	revokedElsewhere(t, c, third, c.in.agents[2])
	keyRevokedElsewhere(t, c, third)
	broadcastElsewhere(t, c, third, told)
	for _, s := range []*client.Session{v.Session, a.Session, b.Session} {
		s.Close()
	}
	c.stopAll()
	c.mustHold(checker.Expect{Settled: true, CaughtUp: true})
}

// raceBetweenNodes has two agents on two nodes take the same round.
func raceBetweenNodes(t *testing.T, a, b *client.Agent, id chat.ConversationUUID) {
	t.Helper()
	first, second := a.Take(id), b.Take(id)
	await(t, "the outcome of a take", first.Done())
	await(t, "the outcome of a take", second.Done())
	if (first.State == client.Acked) == (second.State == client.Acked) {
		t.Fatalf("the takes ended as %v and %v, want one acked and one refused", first.State, second.State)
	}
}

func holder(t *testing.T, a, b *client.Agent, id chat.ConversationUUID) *client.Agent {
	t.Helper()
	if i := a.Release(id); await(t, "a release", i.Done()) == struct{}{} && i.State == client.Acked {
		say(t, a.Take(id))
		return a
	}
	return b
}

// revokedElsewhere: an agent on one node is out within 5 s of a request to another.
func revokedElsewhere(t *testing.T, c *cluster, at *server, who access) {
	t.Helper()
	connected, lost := make(chan struct{}, 1), make(chan uint16, 1)
	at.agent(who, client.Observer{
		Connected: func(*wire.ServerHello) { connected <- struct{}{} },
		Lost:      func(code uint16, _ error) { lost <- code },
	}, nil)
	await(t, "the agent's hello", connected)
	begun := time.Now()
	url := fmt.Sprintf("%s/api/v1/people/%d/log-ins", c.nodes[0].base(), who.id)
	if _, err := rest(http.MethodDelete, url, c.in.owner.cookie, nil, nil); err != nil {
		t.Fatal(err)
	}
	if code := await(t, "the revoked agent's close", lost); code != uint16(wire.CloseRevoked) {
		t.Errorf("the revoked agent was closed with %d, want %d", code, wire.CloseRevoked)
	}
	if took := time.Since(begun); took > 5*time.Second+slack {
		t.Errorf("the revoked agent was closed after %s", took)
	}
	if _, err := rest(http.MethodGet, c.nodes[1].base()+"/api/v1/me", who.cookie, nil, nil); err == nil {
		t.Error("the revoked log-in still opens a third node")
	}
}

// A crowd behind a balancer writes and answers while one node after the other
// is killed and comes back: nothing is lost, nothing doubled.
func TestNodeKilledUnderLoad(t *testing.T) {
	c := newCluster(t, pairs()[0], 3)
	crowd := newCrowd(c.server, 40, agentsInCluster, nil)
	for i := range 6 {
		crowd.await(200)
		n := c.nodes[i%len(c.nodes)]
		n.p.kill()
		crowd.await(100)
		n.start()
	}
	crowd.await(100)
	crowd.rest()
	crowd.close()
	c.stopAll()
	c.mustHold(checker.Expect{Settled: true, CaughtUp: true})
	if c.h.Repeated() == 0 {
		t.Error("no command was sent again: the kills came at the wrong time")
	}
	t.Logf("%d commands, %d sent more than once", c.h.Acked(), c.h.Repeated())
}
