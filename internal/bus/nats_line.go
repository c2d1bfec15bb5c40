package bus

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// natsWaiting is how many notices wait between NATS's client and the Relay,
	// which takes them without waiting itself.
	natsWaiting = 4096
	natsDial    = 2 * time.Second
	// A server that is silent is given up after natsPing*(natsPings+1).
	natsPing  = 2 * time.Second
	natsPings = 2
	// natsFlush bounds a write to a server that does not read.
	natsFlush = 2 * time.Second
)

// natsLine carries envelopes over a connection to NATS: topic a/b is the subject
// PREFIX.a.b.
type natsLine struct {
	prefix  string
	options []nats.Option
	to      receiver
	node    string
	log     *slog.Logger

	conn   atomic.Pointer[nats.Conn] // set before up is first called
	came   chan *nats.Msg
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	joined map[string]natsTopic
	slow   map[*nats.Subscription]struct{} // those that let something fall
	fallen int64                           // by those that are left
	said   atomic.Bool                     // the server's refusal, since the last connection
}

// natsTopic is a topic that was joined, on a connection that may be the last one:
// it is replaced while topics are joined.
type natsTopic struct {
	*nats.Subscription
	on *nats.Conn
}

var _ carrier = (*natsLine)(nil)

func newNATSLine(prefix, node string, log *slog.Logger, options []nats.Option) *natsLine {
	return &natsLine{
		prefix: prefix + ".", node: node, log: log, options: options,
		came:   make(chan *nats.Msg, natsWaiting),
		joined: map[string]natsTopic{}, slow: map[*nats.Subscription]struct{}{},
	}
}

func (l *natsLine) subject(topic string) string {
	return l.prefix + strings.ReplaceAll(topic, "/", ".")
}

func (l *natsLine) topic(subject string) string {
	return strings.ReplaceAll(strings.TrimPrefix(subject, l.prefix), ".", "/")
}

func (l *natsLine) open(to receiver) error {
	l.to = to
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	l.done.Go(func() { l.connect(ctx) })
	l.done.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case m := <-l.came:
				to.came(l.topic(m.Subject), m.Data)
			}
		}
	})
	return nil
}

// connect keeps a connection. The client reconnects by itself, for ever; should it
// give up all the same, there is a new one.
func (l *natsLine) connect(ctx context.Context) {
	for attempt := 0; ; attempt++ {
		closed := make(chan struct{})
		conn, err := nats.Connect("", l.clientOptions(ctx, closed)...)
		if err == nil {
			attempt = 0
			l.use(conn)
			l.to.up(false)
			select {
			case <-ctx.Done():
				conn.Close()
				<-closed
				return
			case <-closed:
				err = conn.LastError()
			}
		}
		l.lost(err)
		if !sleep(ctx, backoff(attempt)) {
			return
		}
	}
}

func (l *natsLine) clientOptions(ctx context.Context, closed chan<- struct{}) []nats.Option {
	return append([]nats.Option{
		nats.Name("kefu " + l.node), nats.NoEcho(), nats.Timeout(natsDial), nats.SetCustomDialer(endingDialer{ctx}),
		nats.MaxReconnects(-1), nats.CustomReconnectDelay(backoff), nats.ReconnectBufSize(-1), nats.IgnoreAuthErrorAbort(),
		nats.PingInterval(natsPing), nats.MaxPingsOutstanding(natsPings), nats.FlusherTimeout(natsFlush),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { l.lost(err) }),
		nats.ReconnectHandler(func(*nats.Conn) { l.said.Store(false); l.to.up(true) }),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }),
		nats.ErrorHandler(l.failed),
	}, l.options...)
}

// use takes a new connection, on which nothing is joined yet.
func (l *natsLine) use(conn *nats.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s := range l.slow {
		l.forget(s)
	}
	clear(l.joined)
	l.conn.Store(conn)
}

// forget keeps the count of a subscription that is left.
func (l *natsLine) forget(s *nats.Subscription) {
	if _, was := l.slow[s]; was {
		n, _ := s.Dropped() // an error tells that it was never there
		l.fallen += int64(n)
		delete(l.slow, s)
	}
}

func (l *natsLine) lost(err error) {
	if err == nil {
		err = errors.New("the connection was closed")
	}
	l.to.down(err)
}

// failed takes what the client tells beside its calls.
func (l *natsLine) failed(_ *nats.Conn, s *nats.Subscription, err error) {
	if errors.Is(err, nats.ErrSlowConsumer) && s != nil {
		l.mu.Lock()
		l.slow[s] = struct{}{}
		l.mu.Unlock()
		return
	}
	if !l.said.Swap(true) {
		l.log.Warn("the bus was refused something", "error", err)
	}
}

func (l *natsLine) dropped() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.fallen
	for s := range l.slow {
		n, _ := s.Dropped() // an error tells that it is left
		all += int64(n)
	}
	return all
}

func (l *natsLine) send(_ context.Context, parcels []parcel) (sent int) {
	conn := l.conn.Load()
	for _, p := range parcels {
		if conn.Publish(l.subject(p.topic), p.envelope) == nil {
			sent++
		}
	}
	return sent
}

func (l *natsLine) join(_ context.Context, topics []string) error {
	for _, topic := range topics {
		conn := l.conn.Load()
		l.mu.Lock()
		is := l.joined[topic].on == conn
		l.mu.Unlock()
		if is {
			continue
		}
		s, err := conn.ChanSubscribe(l.subject(topic), l.came)
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.joined[topic] = natsTopic{s, conn}
		l.mu.Unlock()
	}
	return nil
}

func (l *natsLine) leave(_ context.Context, topics []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, topic := range topics {
		s, is := l.joined[topic]
		if !is {
			continue
		}
		delete(l.joined, topic)
		l.forget(s.Subscription)
		if err := s.Unsubscribe(); err != nil {
			return err
		}
	}
	return nil
}

func (l *natsLine) features() Features { return Features{Ordered: true, Filtered: true} }

func (l *natsLine) close() {
	if l.cancel == nil {
		return
	}
	if conn := l.conn.Load(); conn != nil && conn.IsConnected() {
		_ = conn.FlushTimeout(natsFlush) // what does not go in time is lost
	}
	l.cancel()
	l.done.Wait()
}

// endingDialer gives up when the context ends.
type endingDialer struct{ ctx context.Context }

// Dial implements nats.CustomDialer.
func (d endingDialer) Dial(network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: natsDial}
	return dialer.DialContext(d.ctx, network, address)
}
