package bus_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/bus"
	"github.com/kefu-chat/kefu/internal/bus/bustest"
	"github.com/kefu-chat/kefu/internal/bus/seal"
	"github.com/kefu-chat/kefu/internal/rocketmq"
	"github.com/kefu-chat/kefu/test/engines"
)

// rocketBroker is a topic of a real RocketMQ, on which nothing else is carried.
type rocketBroker struct {
	servers *engines.RocketMQ
	config  bus.RocketMQConfig
	stopped bool
}

func (b *rocketBroker) Bus(t *testing.T, sealer *seal.Sealer, node string, log *slog.Logger) bus.Bus {
	t.Helper()
	made, err := bus.NewRocketMQ(b.config, sealer, node, log)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (b *rocketBroker) Stop(*testing.T) {
	b.stopped = true
	b.servers.Broker.Kill()
}

func (b *rocketBroker) Restart(t *testing.T) {
	t.Helper()
	b.stopped = false
	if err := b.servers.Broker.Restart(); err != nil {
		t.Fatal(err)
	}
}

func (b *rocketBroker) Freeze(*testing.T) { b.servers.Broker.Signal(syscall.SIGSTOP) }
func (b *rocketBroker) Thaw(*testing.T)   { b.servers.Broker.Signal(syscall.SIGCONT) }

func (b *rocketBroker) Inject(t *testing.T, topic string, raw []byte) {
	t.Helper()
	body := append([]byte{1, byte(len(topic))}, topic...)
	body = binary.BigEndian.AppendUint32(body, uint32(len(raw)))
	b.send(t, b.config.Tag, append(body, raw...))
}

func (b *rocketBroker) send(t *testing.T, tag string, body []byte) {
	t.Helper()
	client, err := rocketmq.New(rocketmq.Config{NameServers: b.config.NameServers})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	producer, err := client.NewProducer(rocketmq.ProducerConfig{Group: "GID_STRANGER"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := producer.Send(ctx, rocketmq.Message{Topic: b.config.Topic, Tag: tag, Body: body}); err != nil {
		t.Fatal(err)
	}
}

var rocketTopics atomic.Int64

// newRocketBroker is a topic on the servers that the tests share. They are there
// again after a test that stopped them.
func newRocketBroker(t *testing.T, version string) *rocketBroker {
	t.Helper()
	servers := engines.SharedRocketMQ(t, version)
	b := &rocketBroker{servers: servers, config: bus.RocketMQConfig{
		NameServers: servers.Names(), Topic: fmt.Sprint("NOTICES_", rocketTopics.Add(1)), Tag: "kefu", Group: "GID_KEFU",
	}}
	t.Cleanup(func() {
		if b.stopped {
			b.Restart(t)
		}
	})
	return b
}

func TestRocketMQ(t *testing.T) {
	for _, version := range engines.RocketMQVersions() {
		t.Run(version, func(t *testing.T) {
			engines.SharedRocketMQ(t, version) // before a test looks at what runs
			bustest.RunNetwork(t, func(t *testing.T) bustest.Broker { return newRocketBroker(t, version) })
		})
	}
}

// TestRocketMQSharesATopic: others on the topic have another tag, and one who has
// the same harms nobody, and is told of once.
func TestRocketMQSharesATopic(t *testing.T) {
	b := newRocketBroker(t, engines.RocketMQVersions()[0])
	sealer := bustest.NewSealer(t, bustest.NewKeys())
	lines := bustest.NewLines()
	node := b.Bus(t, sealer, "node", lines.Log())
	if err := node.Start(func(string, []byte) {}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Close)
	bustest.Await(t, "the bus is up", func() bool { return node.Stats().Up })
	b.send(t, "another", []byte("not for us"))
	for _, body := range []string{"not a notice", "\x01\x03all\xff\xff\xff\xff", "\x01\x03al"} {
		b.send(t, "kefu", []byte(body))
	}
	bustest.Await(t, "it is said", func() bool { return lines.Count("is not made of notices") > 0 })
	if n := lines.Count("was left out"); n != 1 {
		t.Errorf("it is said %d times, want once", n)
	}
}

func TestRocketMQConfigIsChecked(t *testing.T) {
	sealer := bustest.NewSealer(t, bustest.NewKeys())
	whole := bus.RocketMQConfig{NameServers: []string{"127.0.0.1:9876"}, Topic: "T", Tag: "kefu", Group: "G"}
	for says, spoil := range map[string]func(*bus.RocketMQConfig){
		"rocketmq.topic is empty": func(c *bus.RocketMQConfig) { c.Topic = "" },
		"rocketmq.tag is empty":   func(c *bus.RocketMQConfig) { c.Tag = "" },
		"rocketmq.group is empty": func(c *bus.RocketMQConfig) { c.Group = "" },
		"name servers are given":  func(c *bus.RocketMQConfig) { c.NameServers = nil },
		"is not host:port":        func(c *bus.RocketMQConfig) { c.NameServers = []string{"nowhere"} },
		"needed together":         func(c *bus.RocketMQConfig) { c.AccessKey = "key" },
		"group's name":            func(c *bus.RocketMQConfig) { c.Group = "a b" },
	} {
		config := whole
		spoil(&config)
		if _, err := bus.NewRocketMQ(config, sealer, "node", slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want an error with %q, have %v", says, err)
		}
	}
}
