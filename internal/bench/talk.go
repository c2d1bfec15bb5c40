package bench

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/wire"
)

// talk are many dialogues on one site.
type talk struct {
	began     time.Time
	dialogues []*dialogue
	desks     []*desk

	closed   atomic.Bool // who has its answer writes again
	counting atomic.Bool // latencies are kept
	ending   atomic.Bool // losing a connection is what we do ourselves
	acked    atomic.Int64
	again    atomic.Int64 // messages sent more than once
	repeats  atomic.Int64 // events that came twice over one connection
	gaps     atomic.Int64 // events that came before one they follow

	mu        sync.Mutex
	anomalies int
	first     []string
}

// maxShown bounds the anomalies that are told in words.
const maxShown = 5

func (t *talk) now() int64 { return int64(time.Since(t.began)) }

func (t *talk) anomaly(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.anomalies++
	if len(t.first) < maxShown {
		t.first = append(t.first, fmt.Sprintf(format, args...))
	}
}

// sessionsPerAddress is from how many addresses connections come: one for so many.
const sessionsPerAddress = 500

// localAddress spreads connections over 127.0.0.0/8.
func localAddress(i int) string {
	block := 1 + i/sessionsPerAddress
	return fmt.Sprintf("127.0.%d.%d", 1+block/250, 1+block%250)
}

// begin connects everybody; each visitor writes once and is answered.
func begin(ctx context.Context, in *installation, visitors int) (*talk, error) {
	t := &talk{began: time.Now()}
	connected := make(chan struct{}, visitors+len(in.agents))
	for i, cookie := range in.agents {
		t.desks = append(t.desks, t.newDesk(ctx, in, i, cookie, connected))
	}
	if err := awaitAll(ctx, connected, len(in.agents)); err != nil {
		return t, fmt.Errorf("connect the agents: %w", err)
	}
	for i := range visitors {
		t.dialogues = append(t.dialogues, t.newDialogue(ctx, in, i, connected))
	}
	if err := awaitAll(ctx, connected, visitors); err != nil {
		return t, fmt.Errorf("connect the visitors: %w", err)
	}
	for _, d := range t.dialogues {
		d.ask()
	}
	return t, t.rest(ctx)
}

const connectWithin = 60 * time.Second

func awaitAll(ctx context.Context, connected <-chan struct{}, n int) error {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	for i := range n {
		select {
		case <-connected:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d are connected: %w", i, n, ctx.Err())
		}
	}
	return nil
}

func (t *talk) config(url, origin, cookie string, i int) client.Config {
	cfg := client.Config{
		URL: url, Header: originOf(origin), LocalAddr: localAddress(i),
		ReadBuffer: 4096, Marks: true, Presence: wire.Online, Name: "kefu-bench/1",
	}
	if cookie != "" {
		cfg.Header.Set("Cookie", cookie)
	}
	cfg.Observer.Sent = func(_ *client.Item, tries int) {
		if tries > 1 {
			t.again.Add(1)
		}
	}
	cfg.Observer.Lost = func(code uint16, err error) {
		if !t.ending.Load() {
			t.anomaly("a connection was lost with %d: %v", code, err)
		}
	}
	cfg.Observer.Error = func(e *wire.ServerError) { t.anomaly("the server answered %s: %s", e.Code, e.Text) }
	return cfg
}

func (t *talk) newDialogue(ctx context.Context, in *installation, i int, connected chan<- struct{}) *dialogue {
	d := &dialogue{talk: t, name: dialogueName(i), desk: t.desks[i%len(t.desks)]}
	door := in.door(i)
	cfg := t.config(door.visitor, door.origin, "", i)
	cfg.Observer.Connected = func(*wire.ServerHello) { tell(connected) }
	cfg.Observer.Settled = d.settledVisitor
	cfg.Observer.Event = func(_ *client.Conversation, e *client.Event) { d.eventVisitor(e) }
	cfg.Observer.Frame = func(kind string, data []byte) { t.frame(kind, data, &d.ofVisitor.wire) }
	d.visitor = client.StartVisitor(ctx, cfg, in.key, client.NewSecret())
	return d
}

func (t *talk) newDesk(ctx context.Context, in *installation, i int, cookie string, connected chan<- struct{}) *desk {
	k := &desk{}
	door := in.door(i)
	cfg := t.config(door.agent, door.origin, cookie, i)
	cfg.ReadBuffer = 16 << 10
	cfg.Observer.Connected = func(*wire.ServerHello) { tell(connected) }
	cfg.Observer.Settled = func(item *client.Item) {
		if d := k.of(item.AckedIn); d != nil {
			d.settledAgent(item)
			return
		}
		t.anomaly("an agent's %s was refused: %+v", item.T, item.Refusal)
	}
	cfg.Observer.Event = func(c *client.Conversation, e *client.Event) {
		if d := k.of(c.ID()); d != nil {
			d.eventAgent(c, e)
		}
	}
	cfg.Observer.Frame = func(kind string, data []byte) {
		if c, ok := eventConversation(data); ok {
			if d := k.of(c); d != nil {
				t.frame(kind, data, &d.ofAgent.wire)
			}
		}
	}
	k.agent = client.StartAgent(ctx, cfg)
	for _, view := range views() {
		k.agent.Watch(view)
	}
	return k
}

// views are what an agent's screen watches.
func views() []chat.View { return []chat.View{chat.ViewWaiting, chat.ViewMine, chat.ViewOpen} }

func originOf(base string) http.Header { return http.Header{"Origin": {base}} }

func tell(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // a reconnect, which nobody awaits
	}
}

// frame looks at the order on the wire; a page closes gaps and begins anew.
func (t *talk) frame(kind string, data []byte, o *wireOrder) {
	switch kind {
	case "event":
		repeat, gap := o.see(data)
		if repeat {
			t.repeats.Add(1)
		}
		if gap {
			t.gaps.Add(1)
		}
	case "page":
		o.last = 0
	}
}

const restWithin = 30 * time.Second

// rest waits until every message is acked and answered.
func (t *talk) rest(ctx context.Context) error {
	t.closed.Store(false)
	ctx, cancel := context.WithTimeout(ctx, restWithin)
	defer cancel()
	ticks := time.NewTicker(5 * time.Millisecond)
	defer ticks.Stop()
	for {
		waiting := 0
		for _, d := range t.dialogues {
			if !d.idle() {
				waiting++
			}
		}
		if waiting == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d messages have no ack or no answer: %w%s", waiting, len(t.dialogues), ctx.Err(), t.words())
		case <-ticks.C:
		}
	}
}

func (t *talk) words() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := ""
	for _, one := range t.first {
		text += "\n  " + one
	}
	return text
}

// close ends all sessions; what their goroutines noted may be read then.
func (t *talk) close() {
	t.ending.Store(true)
	var all sync.WaitGroup
	for _, d := range t.dialogues {
		all.Go(d.visitor.Close)
	}
	for _, k := range t.desks {
		all.Go(k.agent.Close)
	}
	all.Wait()
}

// compare demands, behind close, that both ends saw all of the other's messages.
func (t *talk) compare() {
	for _, d := range t.dialogues {
		sent := d.messages.Load()
		if d.ofVisitor.acked != sent || d.ofAgent.heard != sent || d.ofVisitor.heard != sent {
			t.anomaly("%s wrote %d messages: %d acked, %d read by its agent, %d answers", d.name, sent, d.ofVisitor.acked, d.ofAgent.heard, d.ofVisitor.heard)
		}
	}
}

// drain takes the latencies noted so far; nobody may be talking.
func (t *talk) drain() (acks, deliveries []time.Duration) {
	for _, d := range t.dialogues {
		for _, s := range []*side{&d.ofVisitor, &d.ofAgent} {
			acks, deliveries = append(acks, s.acks...), append(deliveries, s.deliveries...)
			s.acks, s.deliveries = s.acks[:0], s.deliveries[:0]
		}
	}
	return acks, deliveries
}
