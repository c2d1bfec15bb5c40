package rocketmq_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/rocketmq"
	"github.com/kefu-chat/kefu/test/engines"
)

// TestServersThatDie kills what the other tests share: it runs before them, because
// it is not parallel to them.
func TestServersThatDie(t *testing.T) {
	t.Run("all", func(t *testing.T) {
		for _, version := range engines.RocketMQVersions() {
			t.Run(version, func(t *testing.T) {
				t.Parallel()
				servers := engines.SharedRocketMQ(t, version)
				brokerKilledAndBack(t, servers)
				nameServerGone(t, servers)
			})
		}
	})
}

func brokerKilledAndBack(t *testing.T, servers *engines.RocketMQ) {
	c := newClient(t, rocketmq.Config{NameServers: servers.Names(), RouteInterval: time.Second})
	topic := newTopic()
	if err := c.CreateTopic(within(t), topic, "", 2); err != nil {
		t.Fatal(err)
	}
	in := subscribe(t, c, topic)
	p := newProducer(t, c, rocketmq.ProducerConfig{})
	for i := range 10 {
		send(t, p, rocketmq.Message{Topic: topic, Body: fmt.Append(nil, "before ", i)})
		in.next(t)
	}
	servers.Broker.Kill()
	if trouble := <-in.trouble; trouble == nil {
		t.Error("the consumer says that all is well")
	}
	begin := time.Now()
	if _, err := p.Send(within(t), rocketmq.Message{Topic: topic, Body: []byte("nobody there")}); err == nil || time.Since(begin) > 10*time.Second {
		t.Errorf("sending to nobody: %v after %v", err, time.Since(begin))
	}
	if err := servers.Broker.Restart(); err != nil {
		t.Fatal(err)
	}
	retry(t, func(ctx context.Context) error {
		_, err := p.Send(ctx, rocketmq.Message{Topic: topic, Body: []byte("after")})
		return err
	})
	if got := in.next(t); string(got.Body) != "after" {
		t.Errorf("%q came after the restart; nothing from before was expected", got.Body)
	}
	for trouble := errors.New("not read yet"); trouble != nil; { // the last queue went after the first, and they come back so
		select {
		case trouble = <-in.trouble:
		case <-time.After(waitFor):
			t.Fatal("the consumer did not say that all is well")
		}
	}
	if len(in.trouble) > 0 {
		t.Errorf("the consumer says %d things more after all was well", len(in.trouble))
	}
}

func nameServerGone(t *testing.T, servers *engines.RocketMQ) {
	before := newClient(t, rocketmq.Config{NameServers: servers.Names(), RouteInterval: 100 * time.Millisecond})
	p, topic := newProducer(t, before, rocketmq.ProducerConfig{Group: "GID_BEFORE"}), newTopic()
	send(t, p, rocketmq.Message{Topic: topic, Body: []byte("x")})
	servers.NameServers[0].Kill()
	send(t, p, rocketmq.Message{Topic: topic, Body: []byte("x")})
	send(t, p, rocketmq.Message{Topic: newTopic(), Body: []byte("a topic that must be looked for")})
	after := newClient(t, rocketmq.Config{NameServers: servers.Names()})
	q := newProducer(t, after, rocketmq.ProducerConfig{Group: "GID_AFTER"})
	send(t, q, rocketmq.Message{Topic: topic, Body: []byte("x")})
	if err := servers.NameServers[0].Restart(); err != nil {
		t.Fatal(err)
	}
	servers.AwaitRegistered(t)
}

func TestNobodyThere(t *testing.T) {
	c := connect(t, []string{"127.0.0.1:1", "127.0.0.1:2"})
	p := newProducer(t, c, rocketmq.ProducerConfig{})
	ctx := within(t)
	_, err := p.Send(ctx, rocketmq.Message{Topic: "T", Body: []byte("x")})
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no name server: %v", err)
	}
	t.Log(err)
}

// retry tries until it goes well.
func retry(t *testing.T, try func(context.Context) error) {
	t.Helper()
	ctx := within(t)
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}
