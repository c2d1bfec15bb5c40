package inredis_test

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/presence/inredis"
	"github.com/kefu-chat/kefu/internal/presence/presencetest"
	"github.com/kefu-chat/kefu/test/engines"
)

func flush(t testing.TB, url string) func(t testing.TB) {
	admin := connect(t, url)
	return func(t testing.TB) {
		for _, node := range admin.Nodes() {
			if err := node.Do(context.Background(), node.B().Flushall().Build()).Error(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// back moves all leases ahead, as a clock that is set back does.
func back(t testing.TB, url string) func(t testing.TB, by time.Duration) {
	admin := connect(t, url)
	return func(t testing.TB, by time.Duration) {
		const all = `local met = 0
for _, key in ipairs(redis.call('KEYS', '*:leases')) do
  for _, name in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    redis.call('ZINCRBY', key, ARGV[1], name)
    met = met + 1
  end
end
return met`
		met := int64(0)
		for _, node := range admin.Nodes() {
			n, err := node.Do(context.Background(), node.B().Eval().Script(all).Numkeys(0).Arg(strconv.FormatInt(by.Milliseconds(), 10)).Build()).AsInt64()
			if err != nil {
				t.Fatal(err)
			}
			met += n
		}
		if met == 0 {
			t.Fatal("no lease was met")
		}
	}
}

func TestCluster(t *testing.T) {
	group := engines.StartRedisCluster(t)
	presencetest.Run(t, presencetest.Engine{
		Place: func(t testing.TB) presence.Place { return inredis.New(connect(t, group.URL()), "kefu") },
		Lose:  flush(t, group.URL()),
		Back:  back(t, group.URL()),
	})
}

// pair is two nodes that exchange by themselves.
type pair struct {
	t    *testing.T
	a, b *presence.Shared
	log  *lines
}

type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func newPair(t *testing.T, url string) *pair {
	p := &pair{t: t, log: &lines{}}
	make := func(name string, log *slog.Logger) *presence.Shared {
		s := presence.NewShared(inredis.New(connect(t, url), "kefu"), presence.SharedConfig{
			Node: name, Every: 20 * time.Millisecond, Lease: 2 * time.Second, Timeout: 300 * time.Millisecond, Log: log,
		})
		t.Cleanup(s.Close)
		s.Renew([]presence.Want{{Site: 7}})
		return s
	}
	p.a, p.b = make("a", slog.New(slog.NewTextHandler(p.log, nil))), make("b", nil)
	p.a.SetAgent(1, presence.Online)
	p.b.SetAgent(2, presence.Away)
	p.a.SetVisitor(&presence.Visitor{Site: 7, Key: presence.Key{1}, State: presence.Online})
	p.b.SetVisitor(&presence.Visitor{Site: 7, Key: presence.Key{2}, State: presence.Online})
	p.await("each sees both", p.whole)
	return p
}

func (p *pair) whole() bool {
	for _, s := range []*presence.Shared{p.a, p.b} {
		if s.Agent(1) != presence.Online || s.Agent(2) != presence.Away || s.Count(7) != 2 {
			return false
		}
	}
	return true
}

// alone is what node a knows when the other one's lease is over.
func (p *pair) alone() bool {
	_, own := p.a.ByKey(7, presence.Key{1})
	_, other := p.a.ByKey(7, presence.Key{2})
	return p.a.Agent(1) == presence.Online && p.a.Agent(2) == presence.Offline && own && !other && p.a.Count(7) == 1
}

func (p *pair) await(what string, done func() bool) {
	p.t.Helper()
	deadline := time.NewTimer(25 * time.Second)
	defer deadline.Stop()
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	for !done() {
		select {
		case <-deadline.C:
			p.t.Fatalf("it did not come true: %s\n%s", what, p.log)
		case <-ticks.C:
		}
	}
}

func (p *pair) logged(lost, back int) {
	p.t.Helper()
	text := p.log.String()
	if strings.Count(text, "level=WARN") != lost || strings.Count(text, "level=INFO") != back {
		p.t.Errorf("want %d lines of loss and %d of return in\n%s", lost, back, text)
	}
}

func TestServerDiesAndComesBackEmpty(t *testing.T) {
	server := engines.StartRedis(t)
	p := newPair(t, server.URL())
	server.Kill()
	p.await("one's own, when the other's lease is over", p.alone)
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	p.await("each sees both again", p.whole)
	p.logged(1, 1)
}

func TestServerHangs(t *testing.T) {
	server := engines.StartRedis(t)
	p := newPair(t, server.URL())
	server.Signal(syscall.SIGSTOP)
	p.await("one's own, when the other's lease is over", p.alone)
	server.Signal(syscall.SIGCONT)
	p.await("each sees both again", p.whole)
	p.logged(1, 1)
}

func TestMasterDies(t *testing.T) {
	group := engines.StartRedisSentinel(t)
	p := newPair(t, group.URL())
	group.Master.Kill()
	p.await("the loss is noticed", func() bool { since, _ := p.a.Stats(); return !since.IsZero() })
	p.await("each sees both on the new master", func() bool {
		since, _ := p.a.Stats()
		return since.IsZero() && p.whole()
	})
	p.logged(1, 1)
}

// TestNothingIsLeftForEver: every key ends by itself.
func TestNothingIsLeftForEver(t *testing.T) {
	server := engines.StartRedis(t)
	p := newPair(t, server.URL())
	both := func(s *presence.Shared, state presence.State) {
		s.SetVisitor(&presence.Visitor{Site: 7, Key: presence.Key{9}, State: state})
	}
	both(p.a, presence.Online)
	both(p.b, presence.Away)
	p.await("a shared visitor", func() bool { return p.a.Count(7) == 3 && p.b.Count(7) == 3 })
	both(p.a, presence.Offline)
	p.await("it is left to one", func() bool { v, ok := p.a.ByKey(7, presence.Key{9}); return ok && v.State == presence.Away })
	p.b.Leave()
	p.await("the other node has left", p.alone)
	admin := connect(t, server.URL())
	keys, err := admin.Do(context.Background(), admin.B().Keys().Pattern("*").Build()).AsStrSlice()
	if err != nil || len(keys) < 5 {
		t.Fatalf("keys %q, %v", keys, err)
	}
	for _, key := range keys {
		left, err := admin.Do(context.Background(), admin.B().Pttl().Key(key).Build()).AsInt64()
		if err != nil || left <= 0 || left > 16_000 || !strings.HasPrefix(key, "kefu:presence:") {
			t.Errorf("key %s ends in %d ms, %v; want at most 8 leases", key, left, err)
		}
	}
}

// TestOneSiteIsLost: a cluster may lose one server's keys; whoever held visitors
// there tells them at its next tick.
func TestOneSiteIsLost(t *testing.T) {
	server := engines.StartRedis(t)
	admin := connect(t, server.URL())
	var nodes []*presence.Shared
	sync := func(s *presence.Shared) {
		t.Helper()
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range []string{"a", "b"} {
		s := presence.NewShared(inredis.New(connect(t, server.URL()), "kefu"), presence.SharedConfig{Node: name, Every: time.Hour, Lease: time.Minute})
		t.Cleanup(s.Close)
		s.Renew([]presence.Want{{Site: 7}})
		s.SetVisitor(&presence.Visitor{Site: 7, Key: presence.Key{byte(i)}, State: presence.Online})
		sync(s)
		nodes = append(nodes, s)
	}
	keys, err := admin.Do(t.Context(), admin.B().Keys().Pattern("kefu:presence:{kefu:7}:*").Build()).AsStrSlice()
	if err != nil || len(keys) < 4 {
		t.Fatalf("keys %q, %v", keys, err)
	}
	if err := admin.Do(t.Context(), admin.B().Del().Key(keys...).Build()).Error(); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*presence.Shared{nodes[0], nodes[1], nodes[0]} {
		sync(s)
	}
	for _, s := range nodes {
		if all, _ := s.Visitors(7, 10); len(all) != 2 || s.Count(7) != 2 {
			t.Errorf("%d are shown and %d counted, want both", len(all), s.Count(7))
		}
	}
}
