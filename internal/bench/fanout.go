package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// FanoutReport is "bench fanout".
type FanoutReport struct {
	Machine Machine `json:"machine"`
	// Known: the visitors have conversations, so that what came to each is written down.
	Known bool     `json:"known"`
	Runs  []Fanout `json:"runs"`
}

// Fanout is one message at a time to so many visitors, from the server and from the bare loop.
type Fanout struct {
	Visitors   int `json:"visitors"`
	NotReading int `json:"not_reading"` // of them
	Messages   int `json:"messages"`
	Bytes      int `json:"frame_bytes"`
	// InTurns: the server and the bare loop sent their messages in turns, so that what
	// else the machine did met both alike; else one sent all of them, then the other, as
	// so many connections may not be open at once.
	InTurns bool `json:"in_turns"`

	Server FanoutLoad `json:"server"`
	Bare   FanoutLoad `json:"bare"`
	// Ratio and CPURatio are the server's of the bare loop's.
	Ratio    float64 `json:"deliveries_ratio"`
	CPURatio float64 `json:"cpu_ratio"`
	// ToFirst is from the request that publishes to the first receiver.
	ToFirst Latency `json:"to_first"`
	// Counted is what the server says in the end that it delivered, of all messages.
	Counted int64 `json:"counted"`
}

// FanoutLoad is what one side did.
type FanoutLoad struct {
	// PerSecond is the median of the messages: receivers, from the first that has it to the last.
	PerSecond float64 `json:"deliveries_per_second"`
	// CPU of the sending process, in µs for each delivery, from the first message to the
	// last and until what came to whom has been written down; without what it uses while
	// all are silent, which is Idle, as a share of a core.
	CPU  float64 `json:"cpu_us_per_delivery"`
	Idle float64 `json:"idle_cpu_share"`
	Lost int64   `json:"lost"` // connections that were to read
}

// fanoutPlan is what "bench fanout" does.
type fanoutPlan struct {
	visitors []int
	messages int
	known    bool
	idle     time.Duration // for which the CPU of silence is measured
	settle   time.Duration // until it is written down who got the last one
}

// Bounds of a bench of broadcasts.
const (
	fanoutWithin   = 5 * time.Minute
	fanoutPause    = 200 * time.Millisecond // between two messages, of which every second is the server's: the site shows 20 at a time
	fanoutLasts    = 4 * time.Second        // what a message is shown for
	fanoutIdle     = 3 * time.Second
	fanoutSettle   = 4 * time.Second  // the server writes every 2 s who got what
	fanoutWritten  = 20 * time.Second // more, where the disk is slow
	notReadingEach = 100              // one in so many does not read
	receiveWithin  = 20 * time.Second
)

func runFanout(ctx context.Context, w where, p fanoutPlan) (r FanoutReport, err error) {
	r = FanoutReport{Machine: machineOf(w.folder), Known: p.known}
	for _, n := range p.visitors {
		one, err := w.fanout(ctx, n, p)
		if err != nil {
			return r, err
		}
		r.Runs = append(r.Runs, one)
	}
	return r, nil
}

func (w where) fanout(ctx context.Context, visitors int, p fanoutPlan) (f Fanout, err error) {
	f = Fanout{Visitors: visitors, NotReading: visitors / notReadingEach, Messages: p.messages}
	f.InTurns = roomForFiles(2*visitors+spareFiles) == nil
	if err := roomForFiles(visitors + spareFiles); err != nil {
		return f, err
	}
	ctx, cancel := context.WithTimeout(ctx, fanoutWithin)
	defer cancel()
	h, err := w.open(ctx, 0, false)
	if err != nil {
		return f, err
	}
	err = f.measure(ctx, h, w.program, p)
	return f, errors.Join(err, h.close())
}

// measure has both sides send.
func (f *Fanout) measure(ctx context.Context, h *host, own program, p fanoutPlan) error {
	server, err := f.toServer(ctx, h, p)
	if err != nil {
		return err
	}
	defer server.audience.close()
	loop, err := startBare(ctx, own)
	if err != nil {
		return err
	}
	bare, err := f.both(ctx, p, server.sender, loop)
	if err = errors.Join(err, loop.stop()); err != nil {
		return err
	}
	f.Server, f.Bare, f.ToFirst = server.load, bare.load, latencyOf(server.toFirst)
	f.Ratio, f.CPURatio = f.Server.PerSecond/f.Bare.PerSecond, f.Server.CPU/f.Bare.CPU
	f.Counted, err = server.counted(ctx)
	return err
}

func (f *Fanout) both(ctx context.Context, p fanoutPlan, server *sender, loop *bareLoop) (bare *sender, err error) {
	if !f.InTurns {
		err = f.send(ctx, p, server)
		server.audience.close()
		if err != nil {
			return nil, err
		}
	}
	if bare, err = f.toBare(ctx, loop, server.audience); err != nil {
		return nil, err
	}
	defer bare.audience.close()
	if f.InTurns {
		return bare, f.send(ctx, p, server, bare)
	}
	return bare, f.send(ctx, p, bare)
}

// sender is a process that sends, with those who receive.
type sender struct {
	pid      int
	audience *audience
	one      func(i int) error // sends a message
	settled  func() error      // waits until all is written down; nil: nothing is

	load    FanoutLoad
	cpu     time.Duration // used before
	spans   []time.Duration
	toFirst []time.Duration
}

// kefuSender is a Kefu whose owner publishes broadcasts.
type kefuSender struct {
	*sender
	host *host
	sent []string // their paths
}

func (f *Fanout) toServer(ctx context.Context, h *host, p fanoutPlan) (*kefuSender, error) {
	secrets := make([]string, f.Visitors)
	for i := range secrets {
		secrets[i] = client.NewSecret()
	}
	if p.known {
		if err := writeOnce(ctx, h, secrets); err != nil {
			return nil, err
		}
	}
	door := h.door(0)
	audience, err := gather(ctx, f, door.visitor, originOf(door.origin), func(i int) []byte {
		data, _ := wire.Encode(wire.ClientHello{Site: h.key, Secret: secrets[i], Client: "kefu-bench/1"}) // of plain ASCII
		return data
	})
	if err != nil {
		return nil, err
	}
	s := &kefuSender{sender: &sender{pid: h.pids[0], audience: audience}, host: h}
	s.one = func(i int) error { return s.publish(ctx, i) }
	s.settled = func() error { return s.settle(ctx, int64(f.Messages*audience.reading)) }
	return s, nil
}

func (s *kefuSender) publish(ctx context.Context, i int) error {
	var made struct {
		ID string `json:"id"`
	}
	body := map[string]any{
		"text": fmt.Sprintf("%d: %s", i, strings.Repeat("word to everybody ", 10)), "show": "card", "audience": map[string]any{"kind": "all"},
		"expires_at": time.Now().Add(fanoutLasts).UnixMilli(),
	}
	path := "/sites/" + s.host.site + "/broadcasts"
	if err := s.host.rest(ctx, http.MethodPost, path, s.host.owner, body, &made, nil); err != nil {
		return err
	}
	s.sent = append(s.sent, path+"/"+made.ID)
	return s.host.rest(ctx, http.MethodPost, path+"/"+made.ID+"/publish", s.host.owner, map[string]any{"version": 1}, nil, nil)
}

// settle waits, not for ever, until so many deliveries are counted.
func (s *kefuSender) settle(ctx context.Context, all int64) error {
	for deadline := time.Now().Add(fanoutWritten); time.Now().Before(deadline); {
		if n, err := s.counted(ctx); err != nil || n >= all {
			return err
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
	return nil
}

// counted is what the server says that it has delivered.
func (s *kefuSender) counted(ctx context.Context) (n int64, err error) {
	for _, one := range s.sent {
		var now struct {
			Delivered int64 `json:"delivered"`
		}
		if err := s.host.rest(ctx, http.MethodGet, one, s.host.owner, nil, &now, nil); err != nil {
			return n, err
		}
		n += now.Delivered
	}
	return n, nil
}

// send has messages sent, one after the other is received by all, and sums up.
func (f *Fanout) send(ctx context.Context, p fanoutPlan, sides ...*sender) error {
	for _, s := range sides {
		var err error
		if s.load.Idle, err = idleCPU(ctx, s.pid, p.idle); err != nil {
			return err
		}
	}
	for _, s := range sides {
		var err error
		if s.cpu, err = cpuOf(s.pid); err != nil {
			return err
		}
	}
	started := time.Now()
	for i := range f.Messages {
		for _, s := range sides {
			if err := s.send(ctx, i); err != nil {
				return fmt.Errorf("message %d of %d: %w", i+1, f.Messages, err)
			}
		}
	}
	if err := pause(ctx, p.settle); err != nil {
		return err
	}
	for _, s := range sides {
		if s.settled != nil {
			if err := s.settled(); err != nil {
				return err
			}
		}
		after, err := cpuOf(s.pid)
		if err != nil {
			return err
		}
		s.load.PerSecond = float64(s.audience.reading-1) / median(s.spans).Seconds()
		used := after - s.cpu - time.Duration(s.load.Idle*float64(time.Since(started)))
		s.load.CPU = float64(used/time.Microsecond) / float64(f.Messages*f.Visitors)
		s.load.Lost = s.audience.lost.Load()
	}
	f.Bytes = int(sides[0].audience.bytes.Load())
	return nil
}

func (s *sender) send(ctx context.Context, i int) error {
	s.audience.expect()
	begun := time.Now()
	if err := s.one(i); err != nil {
		return err
	}
	first, last, err := s.audience.await(ctx)
	if err != nil {
		return err
	}
	s.spans, s.toFirst = append(s.spans, last.Sub(first)), append(s.toFirst, first.Sub(begun))
	return pause(ctx, fanoutPause)
}

// audience are connections that receive, and some that do not read.
type audience struct {
	conns   []*ws.ClientConn
	reading int
	ended   sync.WaitGroup
	bytes   atomic.Int64

	got   atomic.Int64
	lost  atomic.Int64
	want  atomic.Int64
	first atomic.Int64 // ns since base
	base  time.Time
	all   chan time.Time
}

// gather connects everybody, those who read first. hello, if any, is what each says; it
// is answered.
func gather(ctx context.Context, f *Fanout, address string, header http.Header, hello func(i int) []byte) (*audience, error) {
	a := &audience{conns: make([]*ws.ClientConn, f.Visitors), reading: f.Visitors - f.NotReading, base: time.Now(), all: make(chan time.Time, 1)}
	var wait sync.WaitGroup
	places, failed := make(chan struct{}, dialAtOnce), make(chan error, f.Visitors)
	for i := range a.conns {
		places <- struct{}{}
		wait.Go(func() {
			defer func() { <-places }()
			c, err := ws.Dial(ctx, address, ws.DialOptions{Header: header, Subprotocols: []string{wire.Subprotocol}, LocalAddr: localAddress(i), ReadBuffer: 1024})
			if err != nil {
				failed <- err
				return
			}
			a.conns[i] = c
			if hello == nil {
				return
			}
			if err := c.Write(hello(i)); err != nil {
				failed <- err
			} else if data, err := c.Read(); err != nil || !bytes.HasPrefix(data, []byte(`{"t":"hello"`)) {
				failed <- fmt.Errorf("no hello: %.100s, %w", data, errors.Join(err))
			}
		})
	}
	wait.Wait()
	if len(failed) > 0 {
		a.close()
		return nil, fmt.Errorf("%d of %d did not come in: %w", len(failed), f.Visitors, <-failed)
	}
	for _, c := range a.conns[:a.reading] {
		a.ended.Go(func() { a.receive(c) })
	}
	return a, nil
}

func (a *audience) receive(c *ws.ClientConn) {
	for {
		data, err := c.Read()
		if err != nil {
			a.lost.Add(1)
			return
		}
		if !bytes.HasPrefix(data, []byte(`{"t":"broadcasts"`)) {
			continue
		}
		now := time.Now()
		switch n := a.got.Add(1); n {
		case 1:
			a.bytes.Store(int64(len(data)))
			a.first.Store(int64(now.Sub(a.base)))
			if a.want.Load() == 1 {
				a.all <- now
			}
		case a.want.Load():
			a.all <- now
		}
	}
}

// expect begins a message.
func (a *audience) expect() {
	a.got.Store(0)
	a.want.Store(int64(a.reading) - a.lost.Load())
}

// await waits until all who read have the message.
func (a *audience) await(ctx context.Context) (first, last time.Time, err error) {
	limit := time.NewTimer(receiveWithin)
	defer limit.Stop()
	select {
	case last = <-a.all:
		return a.base.Add(time.Duration(a.first.Load())), last, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-limit.C:
		err = errors.New("it did not come in time")
	}
	return first, last, fmt.Errorf("%d of %d have it, %d connections were lost: %w", a.got.Load(), a.reading, a.lost.Load(), err)
}

func (a *audience) close() {
	for _, c := range a.conns {
		if c != nil {
			_ = c.Close()
		}
	}
	a.ended.Wait()
}
