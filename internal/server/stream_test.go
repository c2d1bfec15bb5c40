package server_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/wire"
)

// seen collects what one side was shown of a conversation.
type seen struct {
	mu      sync.Mutex
	numbers []int64
	texts   []string
	changed chan struct{}
}

func newSeen() *seen { return &seen{changed: make(chan struct{}, 1)} }

func (s *seen) observer() client.Observer {
	return client.Observer{
		Event: func(_ *client.Conversation, e *client.Event) {
			s.mu.Lock()
			s.numbers = append(s.numbers, e.N)
			if e.Kind == "message" {
				s.texts = append(s.texts, e.Text())
			}
			s.mu.Unlock()
			select {
			case s.changed <- struct{}{}:
			default:
			}
		},
		Based: func(_ *client.Conversation, why client.Base, _ int64) {
			if why == client.Reset {
				s.mu.Lock()
				s.numbers = append(s.numbers, -1)
				s.mu.Unlock()
			}
		},
	}
}

// texts waits until so many messages were shown.
func (s *seen) want(t *testing.T, n int) []string {
	t.Helper()
	late := time.NewTimer(30 * time.Second)
	defer late.Stop()
	for {
		s.mu.Lock()
		texts := slices.Clone(s.texts)
		s.mu.Unlock()
		if len(texts) >= n {
			return texts
		}
		select {
		case <-s.changed:
		case <-late.C:
			t.Fatalf("%d of %d messages were shown: %q", len(texts), n, texts)
		}
	}
}

// inOrder fails unless each event was shown once, in order.
func (s *seen) inOrder(t *testing.T, who string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, n := range s.numbers {
		if n != int64(i+1) {
			t.Fatalf("%s was shown the events %v, want 1, 2, 3, …", who, s.numbers)
		}
	}
}

func settled(t *testing.T, i *client.Item) {
	t.Helper()
	select {
	case <-i.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("a command was not answered")
	}
	if i.State != client.Acked {
		t.Fatalf("a command was refused: %+v", i.Refusal)
	}
}

var transports = map[string]client.Transport{"streaming": client.Streaming, "polling": client.Polling, "WebSocket": client.WebSocket}

// Both sides write while their streams end and begin anew on two nodes: nothing
// is lost, nothing comes twice.
func TestChatOverStreamsOfTwoNodes(t *testing.T) {
	for name, transport := range transports {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, server.Config{StreamLasts: 30 * time.Millisecond, PollLasts: 30 * time.Millisecond, StreamBeat: 10 * time.Millisecond})
			owner := p.owner()
			visitorSaw, agentSaw := newSeen(), newSeen()
			cfg := p.config(transport, server.VisitorDoor)
			cfg.Observer = visitorSaw.observer()
			visitor := client.StartVisitor(t.Context(), cfg, p.firstSite().Key, client.NewSecret())
			defer visitor.Close()
			settled(t, visitor.Send("v0"))
			id := visitor.Conversation().ID()

			cfg = p.agentConfig(transport, owner)
			cfg.Observer = agentSaw.observer()
			agent := client.StartAgent(t.Context(), cfg)
			defer agent.Close()
			agent.Watch(chat.ViewOpen)
			agent.Open(id, true)
			settled(t, agent.Take(id))
			const each = 25
			var writers sync.WaitGroup
			for i := range each {
				settled(t, visitor.Send(fmt.Sprint("v", i+1)))
				writers.Go(func() { settled(t, agent.Send(id, fmt.Sprint("a", i))) })
			}
			writers.Wait()
			if got, want := agentSaw.want(t, 2*each+1), visitorSaw.want(t, 2*each+1); !slices.Equal(got, want) {
				t.Errorf("the agent saw %q, the visitor %q", got, want)
			}
			if begun := p.begun.Load(); begun < 3 && transport != client.WebSocket {
				t.Errorf("the visitor began %d streams: too few to lose anything between them", begun)
			}
			visitorSaw.inOrder(t, "the visitor")
			agentSaw.inOrder(t, "the agent")
		})
	}
}

// A newcomer's first message goes to another node than its stream: the answer
// reaches it long before the stream ends by itself.
func TestNewcomerHearsTheAnswer(t *testing.T) {
	for _, transport := range []client.Transport{client.Streaming, client.Polling} {
		p := newPair(t, server.Config{StreamLasts: time.Hour, PollLasts: time.Hour})
		owner := p.owner()
		saw := newSeen()
		cfg := p.config(transport, server.VisitorDoor)
		cfg.Observer = saw.observer()
		cfg.Marks = false
		visitor := client.StartVisitor(t.Context(), cfg, p.firstSite().Key, client.NewSecret())
		t.Cleanup(visitor.Close)
		settled(t, visitor.Send("first"))
		agent := client.StartAgent(t.Context(), p.agentConfig(client.WebSocket, owner))
		t.Cleanup(agent.Close)
		settled(t, agent.Send(visitor.Conversation().ID(), "answer"))
		if got := saw.want(t, 2); got[1] != "answer" {
			t.Errorf("the visitor saw %q", got)
		}
	}
}

// A server that stops ends its streams, those that wait for news and those that
// nobody has come back to.
func TestStreamsEndWithTheServer(t *testing.T) {
	p := newPair(t, server.Config{StreamGrace: time.Hour})
	p.owner()
	codes := make(chan uint16, 8)
	for _, transport := range []client.Transport{client.Streaming, client.Polling} {
		cfg := p.config(transport, server.VisitorDoor)
		hello := make(chan struct{}, 8)
		cfg.Observer = client.Observer{
			Connected: func(*wire.ServerHello) { hello <- struct{}{} },
			Lost:      func(code uint16, _ error) { codes <- code },
		}
		cfg.Stay = true
		visitor := client.StartVisitor(t.Context(), cfg, p.firstSite().Key, client.NewSecret())
		t.Cleanup(visitor.Close)
		<-hello
	}
	for _, node := range p.nodes {
		p.must(node.Shutdown(t.Context()))
	}
	if n := p.registry.On("c").Count(p.firstSite().ID); n != 0 {
		t.Errorf("%d visitors are still here", n)
	}
	for range 2 {
		if code := <-codes; code != uint16(wire.CloseRestart) {
			t.Errorf("a line ended with %d, want %d", code, wire.CloseRestart)
		}
	}
}
