package ws

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// Server upgrades requests and owns the connections that come of them.
type Server struct {
	cfg          Config
	rules        rules
	buffers      buffers
	outboxes     sync.Pool // of *outbox
	ops          sync.Pool // of *writeOp
	wheel        *wheel
	second       uint32 // in ticks, as the next three
	pingTicks    uint32
	pongTicks    uint32
	messageTicks uint32
	stats        counters

	mu       sync.Mutex // orders a new connection against Shutdown
	wg       sync.WaitGroup
	closing  atomic.Bool
	farewell []byte // the close frame of the shutdown; under mu
	ticker   *time.Ticker
	stop     chan struct{}
	swept    chan struct{}
	once     sync.Once
}

// NewServer starts a server, which must be ended with Shutdown.
func NewServer(cfg Config) *Server {
	cfg = cfg.withDefaults()
	ticker := time.NewTicker(cfg.tick())
	s := newServer(cfg, ticker.C)
	s.ticker = ticker
	return s
}

// newServer takes the ticks of its coarse clock from a channel.
func newServer(cfg Config, ticks <-chan time.Time) *Server {
	cfg = cfg.withDefaults()
	s := &Server{
		cfg:          cfg,
		ops:          newWriteOps(),
		second:       cfg.ticks(time.Second),
		pingTicks:    cfg.ticks(cfg.PingEvery),
		pongTicks:    cfg.ticks(cfg.PongWait),
		messageTicks: cfg.ticks(cfg.MessageTimeout),
		stop:         make(chan struct{}),
		swept:        make(chan struct{}),
	}
	s.rules = rules{maxFrames: cfg.MaxFrames, binary: cfg.AllowBinary, buffers: &s.buffers, partials: new(sync.Pool)}
	s.wheel = newWheel(max(s.pingTicks, s.pongTicks) + 2)
	go s.sweep(ticks)
	return s
}

// Shutdown refuses new connections with 503, closes the open ones with code and
// reason, and waits until all are gone and their handlers have returned. When ctx
// ends first, the rest is cut off and ctx's error returned.
func (s *Server) Shutdown(ctx context.Context, code uint16, reason string) error {
	if !validCode(code) {
		code = CodeGoingAway
	}
	s.mu.Lock()
	s.farewell = appendFrame(nil, ws.OpClose, closePayload(code, reason))
	s.closing.Store(true)
	s.mu.Unlock()
	for _, c := range s.wheel.all() {
		c.Close(code, reason)
	}
	gone := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(gone)
	}()
	var err error
	select {
	case <-gone:
	case <-ctx.Done():
		err = ctx.Err()
		for _, c := range s.wheel.all() {
			c.abort(ErrShutdown)
		}
		<-gone
	}
	s.once.Do(func() {
		close(s.stop)
		if s.ticker != nil {
			s.ticker.Stop()
		}
	})
	<-s.swept
	return err
}

// Stats are counts since the start; Open is now.
type Stats struct {
	Open        int64
	Accepted    uint64 // upgraded
	Refused     uint64 // handshakes that were not
	MessagesIn  uint64
	MessagesOut uint64
	BytesIn     uint64
	BytesOut    uint64
	Slow        uint64 // closed because their queue was full
	Lost        uint64 // closed because they did not answer a ping
	Broken      uint64 // closed because they broke the protocol or a bound
}

// With are the counts of two servers together.
func (s Stats) With(o Stats) Stats {
	return Stats{
		Open: s.Open + o.Open, Accepted: s.Accepted + o.Accepted, Refused: s.Refused + o.Refused,
		MessagesIn: s.MessagesIn + o.MessagesIn, MessagesOut: s.MessagesOut + o.MessagesOut,
		BytesIn: s.BytesIn + o.BytesIn, BytesOut: s.BytesOut + o.BytesOut,
		Slow: s.Slow + o.Slow, Lost: s.Lost + o.Lost, Broken: s.Broken + o.Broken,
	}
}

type counters struct {
	open                    atomic.Int64
	accepted, refused       atomic.Uint64
	messagesIn, messagesOut atomic.Uint64
	bytesIn, bytesOut       atomic.Uint64
	slow, lost, broken      atomic.Uint64
}

// Stats reads the counters.
func (s *Server) Stats() Stats {
	n := &s.stats
	return Stats{
		Open: n.open.Load(), Accepted: n.accepted.Load(), Refused: n.refused.Load(),
		MessagesIn: n.messagesIn.Load(), MessagesOut: n.messagesOut.Load(),
		BytesIn: n.bytesIn.Load(), BytesOut: n.bytesOut.Load(),
		Slow: n.slow.Load(), Lost: n.lost.Load(), Broken: n.broken.Load(),
	}
}
