//go:build linux

package scenario

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/test/checker"
)

// honest is within what presence must be right, on every node.
const honest = 30*time.Second + slack

// Who is online is right on every node within 30 s after Redis has lost
// everything, and after a node was killed whose clients do not come back, or a
// client that streams or polls has vanished behind a proxy that tells nobody; who
// stayed, one stream after the other too, is shown as online all the time. A crowd
// writes meanwhile.
func TestPresenceOverNodes(t *testing.T) {
	for _, on := range []pair{{"postgres", "mesh"}, {"postgres", "redis"}} {
		t.Run(on.String(), func(t *testing.T) {
			t.Parallel()
			w := newWatched(t, on)
			if on.bus == "redis" {
				w.forgetful()
			}
			w.killed()
			w.finish()
		})
	}
}

// watched is a cluster of three nodes with people on each: consoles on the first
// two, who watch them all, and on the third those who will be lost with it.
type watched struct {
	t        *testing.T
	c        *cluster
	crowd    *crowd
	consoles []*console
	visitors map[chat.ConversationUUID]*client.Visitor
	stay     people
	doomed   people
	vanish   people // they stay until they do
	left     people
	came     int
}

// crowding is how many visitors are in the crowd: they come back when they are lost.
const crowding = 3

func newWatched(t *testing.T, on pair) *watched {
	w := &watched{t: t, c: newCluster(t, on, 3), visitors: map[chat.ConversationUUID]*client.Visitor{}}
	for range 3 {
		w.stay.visitors = append(w.stay.visitors, w.comes(w.c.nodes[0]), w.comes(w.c.nodes[1]))
		w.doomed.visitors = append(w.doomed.visitors, w.comes(w.c.nodes[2]))
	}
	proxy := newSwallower(t, w.c.nodes[0].address, w.c.nodes[1].address)
	for _, transport := range []client.Transport{client.Streaming, client.Polling} {
		front := proxy.front(w.c, transport)
		w.stay.visitors = append(w.stay.visitors, w.comes(front))
		w.vanish.visitors = append(w.vanish.visitors, w.comes(front))
	}
	staff := w.c.in.agents[2:]
	for _, who := range staff[2:4] {
		w.c.nodes[2].agent(who, client.Observer{}, nil)
		w.doomed.agents = append(w.doomed.agents, who.id)
	}
	for i, who := range staff[:2] {
		w.stay.agents = append(w.stay.agents, who.id)
		w.consoles = append(w.consoles, newConsole(t, w.c.nodes[i], who, w.everybody()...))
	}
	w.crowd = newCrowd(w.c.server, crowding, 2, paced)
	w.right("when all have come", nil)
	return w
}

func (w *watched) everybody() []chat.ConversationUUID {
	return slices.Concat(w.stay.visitors, w.vanish.visitors, w.doomed.visitors, w.left.visitors)
}

// comes has one more visitor come, and write.
func (w *watched) comes(to *server) chat.ConversationUUID {
	w.t.Helper()
	w.came++
	v := to.visitor(fmt.Sprint("watched ", w.came), client.NewSecret(), client.Observer{}, nil)
	id := say(w.t, v.Send(fmt.Sprint("I am here. 我在。", w.came))).AckedIn
	w.visitors[id] = v
	return id
}

// right waits until all consoles, and new ones on the same nodes, show everybody
// as they are; since is nil, or when it began to be wrong.
func (w *watched) right(when string, since *time.Time) {
	w.t.Helper()
	here := people{w.stay.agents, slices.Concat(w.stay.visitors, w.vanish.visitors)}
	gone := w.left
	if w.c.nodes[2].p != nil {
		here = people{slices.Concat(here.agents, w.doomed.agents), slices.Concat(here.visitors, w.doomed.visitors)}
	} else {
		gone = people{slices.Concat(gone.agents, w.doomed.agents), slices.Concat(gone.visitors, w.doomed.visitors)}
	}
	allowed := patience
	if since != nil {
		allowed = honest - time.Since(*since)
	}
	why := within(allowed, func() string {
		for _, k := range w.consoles {
			if why := k.wants(here, gone, int64(len(here.visitors)+crowding)); why != "" {
				return why
			}
		}
		return ""
	})
	if why != "" {
		w.t.Fatalf("%s, after %s: %s", when, allowed, why)
	}
	if since != nil {
		w.t.Logf("%s it was right after %s", when, time.Since(*since).Round(100*time.Millisecond))
	}
}

// steady fails if one of those who stayed was shown as offline for longer.
func (w *watched) steady(when string, allowed time.Duration) {
	w.t.Helper()
	for _, k := range w.consoles {
		if who, long := k.offlineFor(w.stay); long > allowed {
			w.t.Errorf("%s %s showed %s %s as offline for %s", when, k.me.name, who.who, who.where, long)
		}
	}
}

func (w *watched) forget() {
	for _, k := range w.consoles {
		k.forget()
	}
}

// forgetful takes everything from Redis; one visitor comes, one leaves.
func (w *watched) forgetful() {
	w.t.Helper()
	w.forget()
	begun := time.Now()
	w.flush()
	goes := w.stay.visitors[0]
	w.visitors[goes].Close()
	w.left.visitors, w.stay.visitors = append(w.left.visitors, goes), append(w.stay.visitors[1:], w.comes(w.c.nodes[1]))
	for _, k := range w.consoles {
		k.a.Open(w.stay.visitors[len(w.stay.visitors)-1], true)
	}
	w.right("when Redis had lost everything", &begun)
	writeFor(w.t, w.crowd, 3*time.Second)
	w.right("a while after Redis had lost everything", nil)
	w.steady("when Redis had lost everything", honest)
}

// flush is Redis's own command, said by hand.
func (w *watched) flush() {
	w.t.Helper()
	var address string
	for _, arg := range w.c.nodes[0].args {
		if after, is := strings.CutPrefix(arg, "--redis-url=redis://"); is {
			address = after
		}
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	answer := make([]byte, len("+OK"))
	if _, err := io.WriteString(conn, "FLUSHALL\r\n"); err != nil {
		w.t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "+OK" {
		w.t.Fatalf("FLUSHALL was answered with %q, %v", answer, err)
	}
}

// killed is kill -9 of the third node; its clients find nobody at its address any
// more. Others vanish behind the proxy.
func (w *watched) killed() {
	w.t.Helper()
	w.forget()
	w.c.balancer.lead(w.c.nodes[0].address, w.c.nodes[1].address)
	begun := time.Now()
	w.c.nodes[2].p.kill()
	w.c.nodes[2].p = nil
	for _, id := range w.vanish.visitors {
		w.visitors[id].Close()
	}
	w.left.visitors, w.vanish.visitors = append(w.left.visitors, w.vanish.visitors...), nil
	w.right("when a node was killed", &begun)
	w.steady("when a node was killed", 0)
	for _, n := range w.c.nodes[:2] {
		w.consoles = append(w.consoles, newConsole(w.t, n, w.c.in.owner, w.everybody()...))
	}
	w.right("to new consoles", nil)
}

func (w *watched) finish() {
	w.t.Helper()
	w.crowd.await(50)
	w.crowd.rest()
	w.crowd.close()
	for _, v := range w.visitors {
		v.Close()
	}
	for _, k := range w.consoles {
		k.a.Close()
	}
	w.c.stopAll()
	w.c.mustHold(checker.Expect{Settled: true})
}
