package rocketmq_test

import (
	"fmt"
	"testing"

	"github.com/kefu-chat/kefu/internal/rocketmq"
)

// TestTagsAreExact: to the broker "AaAa" and "BBBB" are the same, and "Aa" and "BB".
func TestTagsAreExact(t *testing.T) {
	onBoth(t, func(t *testing.T, names []string, _ string) {
		c, topic := connect(t, names), newTopic()
		if err := c.CreateTopic(within(t), topic, "", 1); err != nil {
			t.Fatal(err)
		}
		in := subscribe(t, c, topic, "AaAa", "last")
		p := newProducer(t, c, rocketmq.ProducerConfig{})
		for _, tag := range []string{"BBBB", "AaBB", "other", "", "AaAa", "BBBB", "last"} {
			send(t, p, rocketmq.Message{Topic: topic, Tag: tag, Body: []byte("tag " + tag)})
		}
		if first, second := in.next(t), in.next(t); first.Tag != "AaAa" || second.Tag != "last" {
			t.Errorf("%s and %s came; AaAa and last were expected", first.Tag, second.Tag)
		}
		if c.Close(); len(in.came) > 0 {
			t.Errorf("%s came too", in.next(t).Tag)
		}
	})
}

// TestEverybodyGetsAll: consumers of one group that broadcasts each get everything
// that is sent after they subscribed, and nothing from before.
func TestEverybodyGetsAll(t *testing.T) {
	onBoth(t, func(t *testing.T, names []string, _ string) {
		first, second, topic := connect(t, names), connect(t, names), newTopic()
		if err := first.CreateTopic(within(t), topic, "", 4); err != nil {
			t.Fatal(err)
		}
		p := newProducer(t, first, rocketmq.ProducerConfig{})
		earlier := subscribe(t, connect(t, names), topic)
		for range 8 {
			send(t, p, rocketmq.Message{Topic: topic, Body: []byte("from before")})
		}
		for range 8 {
			earlier.next(t) // the broker counts a message a little after it took it
		}
		all := []*inbox{subscribe(t, first, topic), subscribe(t, second, topic)}
		const n = 300
		for i := range n {
			if err := p.SendAsync(within(t), rocketmq.Message{Topic: topic, Body: fmt.Append(nil, i)}, func(_ rocketmq.SendResult, err error) {
				if err != nil {
					t.Error(err)
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		for _, in := range all {
			seen := map[string]bool{}
			for range n {
				seen[string(in.next(t).Body)] = true
			}
			if len(seen) != n || seen["from before"] {
				t.Errorf("%d of %d came; from before: %v", len(seen), n, seen["from before"])
			}
		}
	})
}

// TestAClosedConsumerHearsNothing: and another one may take its group's place in the same client.
func TestAClosedConsumerHearsNothing(t *testing.T) {
	withTopic(t, func(t *testing.T, c *rocketmq.Client, topic string, in *inbox) {
		p := newProducer(t, c, rocketmq.ProducerConfig{})
		if _, err := c.Subscribe(within(t), rocketmq.ConsumerConfig{Group: "GID_READ_" + topic, Topic: topic}, nil); err == nil {
			t.Error("a group has two consumers in one client")
		}
		in.Close()
		next := subscribe(t, c, topic)
		send(t, p, rocketmq.Message{Topic: topic, Body: []byte("late")})
		next.next(t)
		if len(in.came) > 0 {
			t.Error("a closed consumer heard something")
		}
	})
}
