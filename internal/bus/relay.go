package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kefu-chat/kefu/internal/bus/seal"
)

const (
	// relayQueue and relayBytes bound what waits to go, and what waits to be
	// delivered, in a Relay.
	relayQueue = 8192
	relayBytes = 32 << 20
	// sendTogether bounds how many notices a carrier is given at a time.
	sendTogether = 256
	// sendWithin is how long a carrier may take for them.
	sendWithin = 3 * time.Second
)

// Relay is a bus over a network. What all such buses do alike is here: sealing,
// which topics are joined, leaving out one's own notices, queues that never block
// who publishes, and one goroutine that delivers. How bytes reach the other nodes
// is its carrier's.
//
// The network may be away when the node starts, or go away: a Relay says so once,
// connects for as long as it takes, and joins its topics again.
type Relay struct {
	node    string
	sealer  *seal.Sealer
	carrier carrier
	log     *slog.Logger

	out, in queue
	topics  topics
	link    linkState

	ctx     context.Context // ends when Close is called
	cancel  context.CancelFunc
	started sync.Once
	closing sync.Once
	done    sync.WaitGroup

	published, received, lost, refused atomic.Int64
	saidRefused                        atomic.Int64 // UnixNano of the last line about it
}

var _ Bus = (*Relay)(nil)

// parcel is an envelope under way.
type parcel struct {
	topic    string
	envelope []byte
}

// receiver is whom a carrier tells what came, and when its connection is there and
// when it is lost: a Relay, or what stands before one.
type receiver interface {
	came(topic string, envelope []byte)
	up(kept bool)
	down(err error)
}

// carrier moves envelopes between nodes.
type carrier interface {
	// open begins to connect, and returns at once. It goes on until close.
	open(to receiver) error
	// send hands parcels over, and tells how many it could. It is called by one
	// goroutine, returns within about sendWithin, and does not keep the slice.
	send(ctx context.Context, parcels []parcel) (sent int)
	// join and leave change what comes. They are called by one goroutine. Topics
	// that were joined stay so until the connection is lost, or, where up says that
	// they were kept, beyond it.
	join(ctx context.Context, topics []string) error
	leave(ctx context.Context, topics []string) error
	// dropped is how many notices its client let fall by itself.
	dropped() int64
	features() Features
	// close ends the connection and all of the carrier's goroutines, also where open failed.
	close()
}

// newRelay checks what all constructors share.
func newRelay(kind string, c carrier, sealer *seal.Sealer, node string, log *slog.Logger) (*Relay, error) {
	if node == "" || len(node) > seal.MaxNode {
		return nil, fmt.Errorf("the node's name has %d bytes: expected 1 to %d", len(node), seal.MaxNode)
	}
	if sealer == nil {
		return nil, errors.New("a bus that leaves the process needs the cluster's keys")
	}
	r := &Relay{node: node, sealer: sealer, carrier: c, log: log.With("bus", kind), out: newQueue(), in: newQueue(), topics: newTopics()}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r, nil
}

// Start implements Bus. An error tells that it can never connect; that nobody
// answers is not one.
func (r *Relay) Start(receive Receive) error {
	err := errors.New("a bus is started once, before it is closed")
	r.started.Do(func() {
		if r.ctx.Err() != nil {
			return
		}
		if err = r.carrier.open(r); err != nil {
			return
		}
		r.done.Go(r.send)
		r.done.Go(r.follow)
		r.done.Go(func() { r.deliver(receive) })
	})
	return err
}

// Publish implements Bus. A notice is lost, and counted, while the network is away.
func (r *Relay) Publish(topic string, notice []byte) {
	if len(notice) > MaxNotice || !validTopic(topic) || !r.link.isUp() {
		r.lost.Add(1)
		return
	}
	envelope, err := r.sealer.Seal(topic, r.node, notice)
	if err != nil || !r.out.put(parcel{topic, envelope}) {
		r.lost.Add(1)
	}
}

// send gives the carrier what waits; what was there when Close is called still goes, unless
// the carrier is too slow for it.
func (r *Relay) send() {
	batch := make([]parcel, 0, sendTogether)
	for {
		select {
		case <-r.ctx.Done():
			r.sendRest(batch)
			return
		case p := <-r.out.waiting:
			batch = r.out.more(append(batch[:0], r.out.taken(p)))
			r.handOver(batch)
		}
	}
}

// sendRest gives the carrier all that waits, as far as it takes it in sendWithin.
func (r *Relay) sendRest(batch []parcel) {
	for end := time.Now().Add(sendWithin); time.Now().Before(end); {
		if batch = r.out.more(batch[:0]); len(batch) == 0 {
			return
		}
		r.handOver(batch)
	}
	r.lost.Add(int64(len(r.out.waiting)))
}

func (r *Relay) handOver(batch []parcel) {
	sent := 0
	if r.link.isUp() {
		// Not cut by Close: what was published before it should go.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), sendWithin)
		sent = r.carrier.send(ctx, batch)
		cancel()
	}
	r.published.Add(int64(sent))
	r.lost.Add(int64(len(batch) - sent))
	clear(batch)
}

// came takes what a carrier got. It keeps the envelope, and never blocks.
func (r *Relay) came(topic string, envelope []byte) {
	if !r.topics.joined(topic) {
		return
	}
	if node, ok := seal.Sender(envelope); ok && node == r.node {
		return
	}
	if !r.in.put(parcel{topic, envelope}) {
		r.lost.Add(1)
	}
}

func (r *Relay) deliver(receive Receive) {
	for {
		select {
		case <-r.ctx.Done():
			return
		case p := <-r.in.waiting:
			p = r.in.taken(p)
			_, notice, err := r.sealer.Open(p.topic, p.envelope)
			if err != nil {
				r.refuse(err)
				continue
			}
			r.received.Add(1)
			receive(p.topic, notice)
		}
	}
}

// refuse counts what was not sealed by this cluster, and says so at most once a minute.
func (r *Relay) refuse(err error) {
	refused := r.refused.Add(1)
	now := time.Now().UnixNano()
	if said := r.saidRefused.Load(); said == 0 || now-said > int64(time.Minute) {
		r.saidRefused.Store(now)
		r.log.Warn("a notice was refused: if this goes on, something that is not of this cluster writes to its topics", "error", err, "refused", refused)
	}
}

// Join implements Bus.
func (r *Relay) Join(topic string) {
	if !validTopic(topic) {
		r.log.Error("a topic was not joined: expected letters, digits, '-' and '_' in parts separated by '/'", "topic", topic)
		return
	}
	r.topics.want(topic, true)
}

// Leave implements Bus.
func (r *Relay) Leave(topic string) { r.topics.want(topic, false) }

// Alone implements Bus: other nodes may come at any time.
func (r *Relay) Alone() bool { return false }

// Features implements Bus.
func (r *Relay) Features() Features { return r.carrier.features() }

// Stats implements Bus.
func (r *Relay) Stats() Stats {
	up, reconnects := r.link.read()
	return Stats{
		Up: up, Reconnects: reconnects,
		Published: r.published.Load(), Received: r.received.Load(),
		Lost: r.lost.Load() + r.carrier.dropped(), Refused: r.refused.Load(),
		Leaving: int64(len(r.out.waiting)), Arriving: int64(len(r.in.waiting)),
	}
}

// Close implements Bus.
func (r *Relay) Close() {
	r.closing.Do(func() {
		r.cancel()
		r.started.Do(func() {}) // a Start that is under way ends first; none comes after
		r.done.Wait()
		r.carrier.close()
	})
}

// backoff is how long to wait before an attempt, from 0: doubling, bounded, and
// spread so that nodes do not come back all at once.
func backoff(attempt int) time.Duration {
	const least, most = 100 * time.Millisecond, 2 * time.Second
	d := min(most, least<<min(attempt, 10))
	return d/2 + rand.N(d/2)
}

// sleep waits, and tells whether the context is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
