package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

// PairsReport is "bench pairs".
type PairsReport struct {
	Machine  Machine `json:"machine"`
	Database string  `json:"database"`
	Nodes    int     `json:"nodes"`
	Visitors int     `json:"visitors"`
	Agents   int     `json:"agents"`
	// Store is the bare store with as many messages under way, before and after; Lone a commit alone.
	Store []Yardstick `json:"store"`
	Lone  Yardstick   `json:"lone"`

	Closed *Load `json:"closed,omitempty"`
	// Ratio is Closed's rate to the mean of Store's.
	Ratio float64 `json:"ratio,omitempty"`
	Paced *Load   `json:"paced,omitempty"`

	Again     int64    `json:"sent_again"`
	Repeats   int64    `json:"repeats_on_the_wire"`
	Gaps      int64    `json:"gaps_on_the_wire"`
	Anomalies int      `json:"anomalies"`
	First     []string `json:"first_anomalies,omitempty"`
}

// Load is what one stretch of talk took. Messages are the acked ones of both sides.
type Load struct {
	Seconds   float64 `json:"seconds"`
	Messages  int64   `json:"messages"`
	PerSecond float64 `json:"per_second"`
	// Server and Generator are CPU seconds for 1,000 messages; Server is that of all nodes, without the database's own.
	Server    float64 `json:"server_cpu_s_per_1000"`
	Generator float64 `json:"generator_cpu_s_per_1000"`
	// Ack is from the sending to the ack; Delivery to the other side's reading it.
	Ack      Latency `json:"ack"`
	Delivery Latency `json:"delivery"`
	// Late is by how much the pacer was late, Skipped how often nobody was free.
	Late    *Latency `json:"pacer_late,omitempty"`
	Skipped int64    `json:"skipped,omitempty"`
	Memory  *Memory  `json:"server_memory,omitempty"`
}

// pairsPlan is what "bench pairs" does.
type pairsPlan struct {
	visitors, agents int
	warmUp, seconds  float64
	rate             float64 // messages a second, both sides
	rateSeconds      float64
	storeSeconds     float64
}

func runPairs(ctx context.Context, w where, p pairsPlan) (r PairsReport, err error) {
	r = PairsReport{Machine: machineOf(w.folder), Database: w.kind(), Nodes: max(1, w.nodes), Visitors: p.visitors, Agents: p.agents}
	if err := roomForFiles(p.visitors + p.agents + spareFiles); err != nil {
		return r, err
	}
	if r.Lone, err = w.measureStore(ctx, 1, p.storeSeconds); err != nil {
		return r, err
	}
	yardstick := func() error {
		y, err := w.measureStore(ctx, p.visitors, p.storeSeconds)
		r.Store = append(r.Store, y)
		return err
	}
	if err := yardstick(); err != nil {
		return r, err
	}
	h, err := w.open(ctx, p.agents, true)
	if err != nil {
		return r, err
	}
	err = r.talk(ctx, h, p)
	if closed := h.close(); err == nil {
		err = closed
	}
	if err != nil {
		return r, err
	}
	if err := yardstick(); err != nil {
		return r, err
	}
	if r.Closed != nil {
		r.Ratio = 2 * r.Closed.PerSecond / (r.Store[0].PerSecond + r.Store[1].PerSecond)
	}
	return r, nil
}

// spareFiles are open beside connections: the database, logs, pipes.
const spareFiles = 200

func (r *PairsReport) talk(ctx context.Context, h *host, p pairsPlan) error {
	t, err := begin(ctx, h.installation, p.visitors)
	defer func() {
		t.close()
		t.compare()
		r.Again, r.Repeats, r.Gaps = t.again.Load(), t.repeats.Load(), t.gaps.Load()
		if r.Anomalies, r.First = t.anomalies, t.first; r.Repeats > 0 {
			r.Anomalies++
			r.First = append(r.First, fmt.Sprintf("%d events came twice over one connection", r.Repeats))
		}
	}()
	if err != nil {
		return err
	}
	if p.seconds > 0 {
		if r.Closed, err = t.flatOut(ctx, h.pids, p); err != nil {
			return err
		}
	}
	if p.rate > 0 {
		r.Paced, err = t.paced(ctx, h.pids, p)
	}
	return err
}

// flatOut lets each visitor write as soon as it has its answer.
func (t *talk) flatOut(ctx context.Context, pids []int, p pairsPlan) (*Load, error) {
	t.closed.Store(true)
	for _, d := range t.dialogues {
		d.ask()
	}
	if err := pause(ctx, seconds(p.warmUp)); err != nil {
		return nil, err
	}
	g, err := t.gauge(pids)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, seconds(p.seconds)); err != nil {
		return nil, err
	}
	return g.read(ctx)
}

// paced lets visitors in turn write at random times, at half the rate: their
// answers are the other half.
func (t *talk) paced(ctx context.Context, pids []int, p pairsPlan) (*Load, error) {
	pc := &pacer{t: t, gap: time.Duration(2 / p.rate * float64(time.Second)), random: rand.New(rand.NewPCG(1, 2))}
	if err := pc.run(ctx, seconds(p.warmUp)); err != nil {
		return nil, err
	}
	g, err := t.gauge(pids)
	if err != nil {
		return nil, err
	}
	pc.late, pc.skipped = nil, 0
	if err := pc.run(ctx, seconds(p.rateSeconds)); err != nil {
		return nil, err
	}
	l, err := g.read(ctx)
	if err != nil {
		return nil, err
	}
	late := latencyOf(pc.late)
	l.Late, l.Skipped = &late, pc.skipped
	return l, nil
}

// pacer is an open loop: it does not wait for answers.
type pacer struct {
	t       *talk
	gap     time.Duration // mean
	random  *rand.Rand
	next    int
	late    []time.Duration
	skipped int64
}

func (p *pacer) run(ctx context.Context, span time.Duration) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	at := time.Now()
	for end := at.Add(span); ; {
		at = at.Add(time.Duration(p.random.ExpFloat64() * float64(p.gap)))
		if at.After(end) {
			return ctx.Err()
		}
		if wait := time.Until(at); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		p.late = append(p.late, max(0, time.Since(at)))
		p.askOne()
	}
}

func (p *pacer) askOne() {
	for range p.t.dialogues {
		d := p.t.dialogues[p.next%len(p.t.dialogues)]
		p.next++
		if d.idle() {
			d.ask()
			return
		}
	}
	p.skipped++
}

// gauge measures a stretch of talk.
type gauge struct {
	t           *talk
	pids        []int
	at          time.Time
	acked       int64
	server, own time.Duration
}

func (t *talk) gauge(pids []int) (*gauge, error) {
	g := &gauge{t: t, pids: pids, at: time.Now(), acked: t.acked.Load()}
	var err error
	g.server, g.own, err = cpus(pids)
	t.counting.Store(true)
	return g, err
}

// cpus are the CPU times of the server's known processes together, and of this process.
func cpus(pids []int) (server, own time.Duration, err error) {
	for _, pid := range pids {
		one, err := cpuOf(pid)
		if err != nil {
			return 0, 0, err
		}
		server += one
	}
	own, err = cpuOf(os.Getpid())
	return server, own, err
}

// read ends the stretch; then it waits for all to rest.
func (g *gauge) read(ctx context.Context) (*Load, error) {
	t := g.t
	server, own, err := cpus(g.pids)
	if err != nil {
		return nil, err
	}
	took, n := time.Since(g.at), t.acked.Load()-g.acked
	t.counting.Store(false)
	l := &Load{Seconds: took.Seconds(), Messages: n, PerSecond: float64(n) / took.Seconds()}
	for _, pid := range g.pids {
		m, err := memoryOf(pid)
		if err != nil {
			return nil, err
		}
		l.Memory = m.plus(l.Memory)
	}
	if n > 0 {
		l.Server = (server - g.server).Seconds() * 1000 / float64(n)
		l.Generator = (own - g.own).Seconds() * 1000 / float64(n)
	}
	if err := t.rest(ctx); err != nil {
		return nil, err
	}
	acks, deliveries := t.drain()
	l.Ack, l.Delivery = latencyOf(acks), latencyOf(deliveries)
	return l, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// pause lets others work for a time.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
