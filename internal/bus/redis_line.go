package bus

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// redisAnswer is how long a Redis may take to answer.
const redisAnswer = 4 * time.Second

var errMoved = errors.New("a part of the cluster has moved to another server")

// redisLine carries envelopes over the publish and subscribe of Redis: topic a/b is
// the channel PREFIX:bus:{BUCKET}:a/b. Where the server knows sharded channels
// (Redis 7) they are used, so that a cluster does not tell all its servers
// everything: then each bucket is heard on a connection of its own.
type redisLine struct {
	prefix string
	option rueidis.ClientOption
	log    *slog.Logger
	to     receiver

	cancel  context.CancelFunc
	done    sync.WaitGroup
	current atomic.Pointer[redisSession]
	said    atomic.Bool // what the server refused, since the last connection
}

// redisSession lasts as long as all its connections.
type redisSession struct {
	client  rueidis.Client
	sharded bool
	ears    []rueidis.DedicatedClient // one, or one for each bucket
	lost    chan error                // has room for one

	mu   sync.Mutex
	held map[string]struct{} // channels
}

var _ carrier = (*redisLine)(nil)

func newRedisLine(prefix string, option rueidis.ClientOption, log *slog.Logger) *redisLine {
	return &redisLine{prefix: prefix + ":bus:{", option: option, log: log}
}

func (l *redisLine) channel(topic string) string {
	return l.prefix + strconv.Itoa(bucketOf(topic)) + "}:" + topic
}

func (l *redisLine) topic(channel string) string {
	_, topic, _ := strings.Cut(strings.TrimPrefix(channel, l.prefix), "}:")
	return topic
}

func (l *redisLine) open(to receiver) error {
	l.to = to
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	l.option.DialCtxFn = dialUntil(ctx)
	l.done.Go(func() {
		for attempt := 0; ; attempt++ {
			wasUp, err := l.session(ctx, true)
			if redisUnknown(err) {
				wasUp, err = l.session(ctx, false)
			}
			if ctx.Err() != nil {
				return
			}
			if wasUp {
				attempt = 0
			}
			to.down(err)
			if !sleep(ctx, backoff(attempt)) {
				return
			}
		}
	})
	return nil
}

// dialUntil is rueidis's own way to connect, but gives up when the context ends.
func dialUntil(end context.Context) func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) {
	return func(ctx context.Context, address string, dialer *net.Dialer, encryption *tls.Config) (net.Conn, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(end, cancel)()
		if encryption != nil {
			return (&tls.Dialer{NetDialer: dialer, Config: encryption}).DialContext(ctx, "tcp", address)
		}
		return dialer.DialContext(ctx, "tcp", address)
	}
}

// session connects, and lasts until a connection is lost or the context ends.
func (l *redisLine) session(ctx context.Context, sharded bool) (wasUp bool, err error) {
	client, err := rueidis.NewClient(l.option)
	if client != nil {
		defer client.Close()
	}
	if err != nil {
		return false, err
	}
	s := &redisSession{client: client, sharded: sharded, lost: make(chan error, 1), held: map[string]struct{}{}}
	var watching sync.WaitGroup
	defer watching.Wait()
	defer s.close()
	if err := l.listen(ctx, s, &watching); err != nil {
		return false, err
	}
	l.said.Store(false)
	l.current.Store(s)
	defer l.current.Store(nil)
	l.to.up(false)
	select {
	case <-ctx.Done():
		return true, ctx.Err()
	case err := <-s.lost:
		return true, err
	}
}

// listen opens the connections on which notices come.
func (l *redisLine) listen(ctx context.Context, s *redisSession, watching *sync.WaitGroup) error {
	ears := 1
	if s.sharded && s.client.Mode() == rueidis.ClientModeCluster {
		ears = redisBuckets
	}
	for i := range ears {
		ear, _ := s.client.Dedicate()
		s.ears = append(s.ears, ear)
		ended := ear.SetPubSubHooks(rueidis.PubSubHooks{
			OnMessage:      func(m rueidis.PubSubMessage) { l.to.came(l.topic(m.Channel), []byte(m.Message)) },
			OnSubscription: s.subscription,
		})
		watching.Go(func() { s.end(<-ended) })
		// A channel on which nothing comes ties the connection to the bucket's server.
		if err := s.subscribe(ctx, i, true, []string{l.prefix + strconv.Itoa(i) + "}"}); err != nil {
			return err
		}
	}
	return nil
}

// subscribe changes what one of the ears hears; sharded channels of one bucket only.
func (s *redisSession) subscribe(ctx context.Context, ear int, join bool, channels []string) error {
	ctx, cancel := context.WithTimeout(ctx, redisAnswer)
	defer cancel()
	b := s.ears[ear].B()
	var command rueidis.Completed
	switch {
	case s.sharded && join:
		command = b.Ssubscribe().Channel(channels...).Build()
	case s.sharded:
		command = b.Sunsubscribe().Channel(channels...).Build()
	case join:
		command = b.Subscribe().Channel(channels...).Build()
	default:
		command = b.Unsubscribe().Channel(channels...).Build()
	}
	return s.ears[ear].Do(ctx, command).Error()
}

// subscription is called for what was joined and left. A server that gives a part
// of the cluster away ends its subscriptions by itself.
func (s *redisSession) subscription(change rueidis.PubSubSubscription) {
	if !strings.HasSuffix(change.Kind, "unsubscribe") {
		return
	}
	s.mu.Lock()
	_, held := s.held[change.Channel]
	s.mu.Unlock()
	if held {
		s.end(errMoved)
	}
}

func (s *redisSession) end(err error) {
	if err == nil {
		err = errors.New("the connection was closed")
	}
	select {
	case s.lost <- err:
	default:
	}
}

func (s *redisSession) close() {
	for _, ear := range s.ears {
		ear.Close()
	}
}

// change joins or leaves, bucket by bucket where there are several ears.
func (l *redisLine) change(ctx context.Context, topics []string, join bool) error {
	s := l.current.Load()
	if s == nil {
		return rueidis.ErrClosing
	}
	byEar := map[int][]string{}
	s.mu.Lock()
	for _, topic := range topics {
		channel := l.channel(topic)
		ear := bucketOf(topic) % len(s.ears)
		byEar[ear] = append(byEar[ear], channel)
		if join {
			s.held[channel] = struct{}{}
		} else {
			delete(s.held, channel)
		}
	}
	s.mu.Unlock()
	for ear, channels := range byEar {
		if err := s.subscribe(ctx, ear, join, channels); err != nil {
			l.say(err)
			return err
		}
	}
	return nil
}

func (l *redisLine) join(ctx context.Context, topics []string) error {
	return l.change(ctx, topics, true)
}

func (l *redisLine) leave(ctx context.Context, topics []string) error {
	return l.change(ctx, topics, false)
}

func (l *redisLine) send(ctx context.Context, parcels []parcel) (sent int) {
	s := l.current.Load()
	if s == nil {
		return 0
	}
	commands := make(rueidis.Commands, 0, len(parcels))
	for _, p := range parcels {
		channel, envelope := l.channel(p.topic), rueidis.BinaryString(p.envelope)
		if s.sharded {
			commands = append(commands, s.client.B().Spublish().Channel(channel).Message(envelope).Build())
		} else {
			commands = append(commands, s.client.B().Publish().Channel(channel).Message(envelope).Build())
		}
	}
	for _, answer := range s.client.DoMulti(ctx, commands...) {
		if err := answer.Error(); err != nil {
			l.say(err)
			continue
		}
		sent++
	}
	return sent
}

// say tells once in a session that the server refuses something, such as by its
// access list.
func (l *redisLine) say(err error) {
	if redisRefused(err) && !l.said.Swap(true) {
		l.log.Warn("the bus was refused something", "error", err)
	}
}

func (l *redisLine) dropped() int64 { return 0 }

func (l *redisLine) features() Features { return Features{Ordered: true, Filtered: true} }

func (l *redisLine) close() {
	if l.cancel == nil {
		return
	}
	l.cancel()
	l.done.Wait()
}
