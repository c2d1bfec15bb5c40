package bus_test

import (
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/rueidis"

	"github.com/kefu-chat/kefu/internal/bus"
	"github.com/kefu-chat/kefu/internal/bus/bustest"
	"github.com/kefu-chat/kefu/internal/bus/seal"
	"github.com/kefu-chat/kefu/internal/redis"
	"github.com/kefu-chat/kefu/test/engines"
)

// redisServer is one Redis, or a group that is one.
type redisServer interface {
	URL() string
	Kill()
	Restart() error
	Signal(signal syscall.Signal)
}

type redisBroker struct {
	server redisServer
	plain  bool // it does not know sharded channels
}

func (b redisBroker) Bus(t *testing.T, sealer *seal.Sealer, node string, log *slog.Logger) bus.Bus {
	t.Helper()
	made, err := bus.NewRedis(bus.RedisConfig{URL: b.server.URL()}, sealer, node, log)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (b redisBroker) Stop(*testing.T) { b.server.Kill() }

func (b redisBroker) Restart(t *testing.T) {
	t.Helper()
	if err := b.server.Restart(); err != nil {
		t.Fatal(err)
	}
}

func (b redisBroker) Freeze(*testing.T) { b.server.Signal(syscall.SIGSTOP) }
func (b redisBroker) Thaw(*testing.T)   { b.server.Signal(syscall.SIGCONT) }

func (b redisBroker) Inject(t *testing.T, topic string, raw []byte) {
	t.Helper()
	option, err := redis.Options(b.server.URL(), "")
	if err != nil {
		t.Fatal(err)
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	channel := bus.RedisChannel(topic)
	command := client.B().Spublish().Channel(channel).Message(rueidis.BinaryString(raw)).Build()
	if b.plain {
		command = client.B().Publish().Channel(channel).Message(rueidis.BinaryString(raw)).Build()
	}
	heard, err := client.Do(t.Context(), command).AsInt64()
	if err != nil || heard != 1 {
		t.Fatalf("heard by %d, %v; want the one that joined", heard, err)
	}
}

func TestRedis(t *testing.T) {
	bustest.RunNetwork(t, func(t *testing.T) bustest.Broker {
		t.Helper()
		return redisBroker{server: engines.StartRedis(t)}
	})
}

// TestRedisBeforeSharding is a server of a version before 7.
func TestRedisBeforeSharding(t *testing.T) {
	bustest.RunNetwork(t, func(t *testing.T) bustest.Broker {
		t.Helper()
		old := []string{"--rename-command", "SSUBSCRIBE", "", "--rename-command", "SUNSUBSCRIBE", "", "--rename-command", "SPUBLISH", ""}
		return redisBroker{server: engines.StartRedis(t, old...), plain: true}
	})
}

func TestRedisCluster(t *testing.T) {
	bustest.RunNetwork(t, func(t *testing.T) bustest.Broker {
		t.Helper()
		return redisBroker{server: engines.StartRedisCluster(t)}
	})
}

func TestRedisSentinel(t *testing.T) {
	bustest.RunNetwork(t, func(t *testing.T) bustest.Broker {
		t.Helper()
		return redisBroker{server: engines.StartRedisSentinel(t)}
	})
}

func TestRedisChannelsStayWhatTheyAre(t *testing.T) {
	for topic, want := range map[string]string{"all": "kefu:bus:{4}:all", "c/1": "kefu:bus:{2}:c/1", "c/2": "kefu:bus:{15}:c/2"} {
		if got := bus.RedisChannel(topic); got != want {
			t.Errorf("%s is heard on %s, want %s: nodes of the version before would not hear it", topic, got, want)
		}
	}
}

func TestRedisConfigIsChecked(t *testing.T) {
	sealer := bustest.NewSealer(t, bustest.NewKeys())
	for _, c := range []struct {
		config bus.RedisConfig
		says   string
	}{
		{bus.RedisConfig{}, "redis.url"},
		{bus.RedisConfig{URL: "redis://:hunter2@a:b"}, "redis.url"},
		{bus.RedisConfig{URL: "redis://:hunter2@a", Prefix: "a{b"}, "redis.prefix"},
	} {
		_, err := bus.NewRedis(c.config, sealer, "node", slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: %v, want %q and no password", c.config, err, c.says)
		}
	}
}

// TestRedisFollowsItsSentinels: the master is killed, and its replica takes over.
func TestRedisFollowsItsSentinels(t *testing.T) {
	group := engines.StartRedisSentinel(t)
	sealer, lines := bustest.NewSealer(t, bustest.NewKeys()), bustest.NewLines()
	config := bus.RedisConfig{URL: group.URL()}
	here := must[*bus.Relay](t)(bus.NewRedis(config, sealer, "here", lines.Log()))
	there := must[*bus.Relay](t)(bus.NewRedis(config, sealer, "there", slog.New(slog.DiscardHandler)))
	talks(t, here, there)
	group.Master.Kill()
	bustest.Await(t, "it is seen", func() bool { return !here.Stats().Up })
	received := there.Stats().Received
	bustest.Await(t, "notices come over the new master", func() bool {
		here.Publish("all", nil)
		return there.Stats().Received > received
	})
	if here.Stats().Reconnects != 1 || lines.Count("bus is lost") != 1 || lines.Count("bus is back") != 1 {
		t.Errorf("want one line for lost and one for back, have:\n%s", lines)
	}
}

// TestRedisFollowsItsSlots: a part of a cluster moves to another of its servers,
// and nothing but a connection ends.
func TestRedisFollowsItsSlots(t *testing.T) {
	group := engines.StartRedisCluster(t)
	sealer := bustest.NewSealer(t, bustest.NewKeys())
	config := bus.RedisConfig{URL: group.URL()}
	here := must[*bus.Relay](t)(bus.NewRedis(config, sealer, "here", slog.New(slog.DiscardHandler)))
	there := must[*bus.Relay](t)(bus.NewRedis(config, sealer, "there", slog.New(slog.DiscardHandler)))
	talks(t, here, there)
	group.MoveSlot(t, bus.RedisChannel("all"))
	bustest.Await(t, "it is seen", func() bool { return there.Stats().Reconnects > 0 })
	received := there.Stats().Received
	bustest.Await(t, "notices come over the slot's new server", func() bool {
		here.Publish("all", nil)
		return there.Stats().Received > received
	})
}
