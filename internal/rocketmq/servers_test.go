package rocketmq_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kefu-chat/kefu/internal/rocketmq"
	"github.com/kefu-chat/kefu/test/engines"
)

func TestMain(m *testing.M) {
	code := engines.Main(m)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

const waitFor = 20 * time.Second

// onBoth runs a test against the servers of each version that the process shares.
func onBoth(t *testing.T, test func(t *testing.T, names []string, version string)) {
	for _, version := range engines.RocketMQVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			test(t, engines.SharedRocketMQ(t, version).Names(), version)
		})
	}
}

var made atomic.Int64

// newTopic is the name of a topic that no other test uses.
func newTopic() string { return fmt.Sprintf("T_%d", made.Add(1)) }

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), waitFor)
	t.Cleanup(cancel)
	return ctx
}

func newClient(t *testing.T, config rocketmq.Config) *rocketmq.Client {
	t.Helper()
	c, err := rocketmq.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func connect(t *testing.T, names []string) *rocketmq.Client {
	t.Helper()
	return newClient(t, rocketmq.Config{NameServers: names})
}

func newProducer(t *testing.T, c *rocketmq.Client, config rocketmq.ProducerConfig) *rocketmq.Producer {
	t.Helper()
	if config.Group == "" {
		config.Group = "GID_TEST"
	}
	p, err := c.NewProducer(config)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// inbox are the messages that came to a consumer.
type inbox struct {
	*rocketmq.Consumer
	came    chan *rocketmq.MessageExt
	trouble chan error
}

func subscribe(t *testing.T, c *rocketmq.Client, topic string, tags ...string) *inbox {
	t.Helper()
	in := &inbox{came: make(chan *rocketmq.MessageExt, 10_000), trouble: make(chan error, 100)}
	var err error
	in.Consumer, err = c.Subscribe(within(t), rocketmq.ConsumerConfig{
		Group: "GID_READ_" + topic, Topic: topic, Tags: tags, Watch: func(err error) { in.trouble <- err },
	}, func(m *rocketmq.MessageExt) { in.came <- m })
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func (in *inbox) next(t *testing.T) *rocketmq.MessageExt {
	t.Helper()
	select {
	case m := <-in.came:
		return m
	case <-time.After(waitFor):
		t.Fatal("no message came in time")
		return nil
	}
}

func send(t *testing.T, p *rocketmq.Producer, m rocketmq.Message) rocketmq.SendResult {
	t.Helper()
	r, err := p.Send(within(t), m)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
