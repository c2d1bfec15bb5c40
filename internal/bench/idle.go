package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/wire"
)

// IdleReport is "bench idle".
type IdleReport struct {
	Machine     Machine `json:"machine"`
	Connections int     `json:"connections"`
	// Known: the visitors had written before; else they are newcomers.
	Known bool `json:"known"`
	// Agents watched the visitors meanwhile.
	Agents int `json:"agents"`

	Before Memory `json:"before"`
	// AtOnce is when all have just come, After when the time to settle is over.
	AtOnce Memory `json:"at_once"`
	After  Memory `json:"after"`
	// EachAtOnce and Each are what a connection adds to the server's RSS then, in bytes.
	EachAtOnce float64 `json:"bytes_each_at_once"`
	Each       float64 `json:"bytes_each"`

	ConnectPerSecond float64 `json:"connects_per_second"`
	ConnectCPU       float64 `json:"connect_cpu_ms"` // of the server, for each
	// IdleCPU is the share of one core that the server uses while all are silent.
	IdleCPU float64 `json:"idle_cpu_share"`
	Lost    int64   `json:"lost"`
}

// idlePlan is what "bench idle" does.
type idlePlan struct {
	visitors int
	known    bool
	watched  bool          // by an agent
	settle   time.Duration // from when all are there to the measure
	quiet    time.Duration // for which the idle CPU is measured
}

// Bounds of a bench of silent visitors.
const (
	dialAtOnce  = 64
	warmUpCrowd = 200 // connections that come and go before the first measure
	idleWithin  = 5 * time.Minute
	restSoon    = 10 * time.Second // for memory that settles by itself
)

func runIdle(ctx context.Context, w where, p idlePlan) (r IdleReport, err error) {
	r = IdleReport{Machine: machineOf(w.folder), Connections: p.visitors, Known: p.known}
	if w.url != "" && w.pid == 0 {
		return r, errors.New("the memory of a server that runs already is read from /proc: give its --pid")
	}
	if err := roomForFiles(p.visitors + spareFiles); err != nil {
		return r, err
	}
	ctx, cancel := context.WithTimeout(ctx, idleWithin+2*p.settle+p.quiet)
	defer cancel()
	h, err := w.open(ctx, 0, false)
	if err != nil {
		return r, err
	}
	err = r.measure(ctx, h, p)
	return r, errors.Join(err, h.close())
}

func (r *IdleReport) measure(ctx context.Context, h *host, p idlePlan) error {
	secrets := make([]string, p.visitors)
	for i := range secrets {
		secrets[i] = client.NewSecret()
	}
	if p.known {
		if err := writeOnce(ctx, h, secrets); err != nil {
			return err
		}
	}
	if p.watched {
		watcher, err := watch(ctx, h)
		if err != nil {
			return err
		}
		defer watcher.Close()
		r.Agents = 1
	}
	warm := &crowd{h: h}
	err := warm.connect(ctx, secrets[:min(warmUpCrowd, len(secrets))])
	warm.close()
	if err != nil {
		return err
	}
	if r.Before, err = settle(ctx, h.pids[0], min(p.settle, restSoon)); err != nil {
		return err
	}
	crowd := &crowd{h: h}
	defer crowd.close()
	begun := time.Now()
	cpu, err := cpuOf(h.pids[0])
	if err == nil {
		err = crowd.connect(ctx, secrets)
	}
	if err != nil {
		return err
	}
	r.ConnectPerSecond = float64(p.visitors) / time.Since(begun).Seconds()
	after, err := cpuOf(h.pids[0])
	r.ConnectCPU = millis(after-cpu) / float64(p.visitors)
	if err != nil {
		return err
	}
	if err := r.hold(ctx, h.pids[0], p); err != nil {
		return err
	}
	r.IdleCPU, err = idleCPU(ctx, h.pids[0], p.quiet)
	r.Lost = crowd.lost.Load()
	if err == nil && r.Lost > 0 {
		err = fmt.Errorf("%d of %d silent connections were lost", r.Lost, p.visitors)
	}
	return err
}

// hold measures what the connections take, at once and later: the runtime
// collects garbage, shrinks stacks and gives memory back only now and then, at
// the latest after two minutes.
func (r *IdleReport) hold(ctx context.Context, pid int, p idlePlan) (err error) {
	begun := time.Now()
	if r.AtOnce, err = settle(ctx, pid, min(p.settle, restSoon)); err != nil {
		return err
	}
	if err := pause(ctx, p.settle-time.Since(begun)); err != nil {
		return err
	}
	r.After, err = memoryOf(pid)
	each := func(m Memory) float64 { return float64(m.RSS-r.Before.RSS) * 1024 / float64(p.visitors) }
	r.EachAtOnce, r.Each = each(r.AtOnce), each(r.After)
	return err
}

func idleCPU(ctx context.Context, pid int, span time.Duration) (float64, error) {
	if span <= 0 {
		return 0, nil
	}
	before, err := cpuOf(pid)
	if err == nil {
		err = pause(ctx, span)
	}
	if err != nil {
		return 0, err
	}
	after, err := cpuOf(pid)
	return float64(after-before) / float64(span), err
}

// crowd are visitors who say nothing.
type crowd struct {
	h        *host
	sessions []*client.Visitor
	ending   atomic.Bool
	lost     atomic.Int64
}

// connect connects one visitor for each secret, a few at a time, and waits
// until all are authenticated.
func (c *crowd) connect(ctx context.Context, secrets []string) error {
	door := c.h.door(0)
	greeted := make(chan struct{}, dialAtOnce)
	for i, secret := range secrets {
		if i >= dialAtOnce {
			if err := awaitAll(ctx, greeted, 1); err != nil {
				return fmt.Errorf("connect visitor %d of %d: %w", i, len(secrets), err)
			}
		}
		cfg := client.Config{
			URL: door.visitor, Header: originOf(door.origin), LocalAddr: localAddress(i), ReadBuffer: 512,
			Presence: wire.Online, Name: "kefu-bench/1",
		}
		cfg.Observer.Connected = func(*wire.ServerHello) { tell(greeted) }
		cfg.Observer.Lost = func(uint16, error) {
			if !c.ending.Load() {
				c.lost.Add(1)
			}
		}
		c.sessions = append(c.sessions, client.StartVisitor(ctx, cfg, c.h.key, secret))
	}
	return awaitAll(ctx, greeted, min(dialAtOnce, len(secrets)))
}

func (c *crowd) close() {
	c.ending.Store(true)
	var all sync.WaitGroup
	for _, s := range c.sessions {
		all.Go(s.Close)
	}
	all.Wait()
}

// writeOnce gives each visitor a conversation, then starts the server anew.
func writeOnce(ctx context.Context, h *host, secrets []string) error {
	if h.own == nil {
		return errors.New("visitors who have written before need a server of the bench's own: leave out --url")
	}
	for len(secrets) > 0 {
		some := secrets[:min(len(secrets), sessionsPerAddress)]
		secrets = secrets[len(some):]
		c := &crowd{h: h}
		err := c.connect(ctx, some)
		var items []*client.Item
		for _, s := range c.sessions {
			items = append(items, s.Send("Hello"+filler))
		}
		for _, i := range items {
			select {
			case <-i.Done():
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		c.close()
		if err != nil {
			return fmt.Errorf("have the visitors write: %w", err)
		}
	}
	return h.restart(ctx, false)
}

// watch connects the owner as an agent who sees lists and visitors.
func watch(ctx context.Context, h *host) (*client.Agent, error) {
	door := h.door(0)
	connected := make(chan struct{}, 1)
	cfg := client.Config{URL: door.agent, Header: originOf(door.origin), ReadBuffer: 16 << 10, Presence: wire.Online, Name: "kefu-bench/1"}
	cfg.Header.Set("Cookie", h.owner)
	cfg.Observer.Connected = func(*wire.ServerHello) { tell(connected) }
	a := client.StartAgent(ctx, cfg)
	for _, view := range views() {
		a.Watch(view)
	}
	err := awaitAll(ctx, connected, 1)
	if err == nil {
		_, err = a.Visitors(ctx)
	}
	if err != nil {
		a.Close()
		return nil, fmt.Errorf("connect an agent: %w", err)
	}
	return a, nil
}
