package rocketmq_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/rocketmq"
)

// withTopic runs a test with a topic of four queues and a consumer that is there already.
func withTopic(t *testing.T, test func(t *testing.T, c *rocketmq.Client, topic string, in *inbox)) {
	onBoth(t, func(t *testing.T, names []string, _ string) {
		c, topic := connect(t, names), newTopic()
		if err := c.CreateTopic(within(t), topic, "", 4); err != nil {
			t.Fatal(err)
		}
		test(t, c, topic, subscribe(t, c, topic))
	})
}

func TestAMessageArrivesWhole(t *testing.T) {
	withTopic(t, func(t *testing.T, c *rocketmq.Client, topic string, in *inbox) {
		p := newProducer(t, c, rocketmq.ProducerConfig{})
		sent := send(t, p, rocketmq.Message{
			Topic: topic, Tag: "a", Keys: []string{"k1", "k2"}, Body: []byte("你好"),
			Properties: map[string]string{"own": "yes\x01\x02!"},
		})
		got := in.next(t)
		if string(got.Body) != "你好" || got.Topic != topic || got.Tag != "a" || fmt.Sprint(got.Keys) != "[k1 k2]" || got.Properties["own"] != "yes!" {
			t.Errorf("got %+v", got)
		}
		if sent.Status != rocketmq.SendOK || got.MsgID != sent.MsgID || got.OffsetMsgID != sent.OffsetMsgID || got.Queue != sent.Queue || got.QueueOffset != sent.QueueOffset {
			t.Errorf("sent %+v, got %+v", sent, got)
		}
		if len(sent.MsgID) != 32 || time.Since(got.Born) > time.Minute || time.Since(got.Stored) > time.Minute {
			t.Errorf("the id is %q, born %v, stored %v", sent.MsgID, got.Born, got.Stored)
		}
	})
}

func TestSendingWithoutWaiting(t *testing.T) {
	withTopic(t, func(t *testing.T, c *rocketmq.Client, topic string, in *inbox) {
		p := newProducer(t, c, rocketmq.ProducerConfig{})
		const each = 200
		want := map[string]bool{}
		failed := make(chan error, each)
		for i := range each {
			async, oneway := fmt.Sprint("async ", i), fmt.Sprint("oneway ", i)
			want[async], want[oneway] = true, true
			if err := p.SendAsync(within(t), rocketmq.Message{Topic: topic, Body: []byte(async)}, func(r rocketmq.SendResult, err error) { failed <- err }); err != nil {
				t.Fatal(err)
			}
			if err := p.SendOneway(within(t), rocketmq.Message{Topic: topic, Body: []byte(oneway)}); err != nil {
				t.Fatal(err)
			}
		}
		for range each {
			if err := <-failed; err != nil {
				t.Error(err)
			}
		}
		for range 2 * each {
			got := string(in.next(t).Body)
			if !want[got] {
				t.Errorf("%q came, which is unknown or came before", got)
			}
			delete(want, got)
		}
	})
}

func TestATopicIsMadeOnTheFly(t *testing.T) {
	onBoth(t, func(t *testing.T, names []string, _ string) {
		c, topic := connect(t, names), newTopic()
		in := subscribe(t, c, topic) // before there is such a topic
		p := newProducer(t, c, rocketmq.ProducerConfig{})
		for i := range 20 {
			send(t, p, rocketmq.Message{Topic: topic, Body: fmt.Append(nil, i)})
		}
		seen := map[string]bool{}
		for range 20 {
			seen[string(in.next(t).Body)] = true
		}
		if len(seen) != 20 {
			t.Errorf("%d of 20 messages came", len(seen))
		}
		route, err := c.Route(within(t), topic)
		if err != nil || len(route.Publish) != 4 || len(route.Subscribe) != 4 {
			t.Errorf("the route is %+v, %v; four queues were expected", route, err)
		}
	})
}

func TestWhatCannotBeSentIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, names []string, _ string) {
		c, topic := connect(t, names), newTopic()
		p := newProducer(t, c, rocketmq.ProducerConfig{})
		if _, err := p.Send(within(t), rocketmq.Message{Topic: topic}); !errors.Is(err, rocketmq.ErrEmptyBody) {
			t.Errorf("an empty message: %v", err)
		}
		var long *rocketmq.TooLongError
		if _, err := p.Send(within(t), rocketmq.Message{Topic: topic, Body: make([]byte, 4<<20+1)}); !errors.As(err, &long) || long.Limit != 4<<20 {
			t.Errorf("a message too long: %v", err)
		}
		for name, m := range map[string]rocketmq.Message{
			"a bad topic":      {Topic: "a b", Body: []byte("x")},
			"the broker's own": {Topic: "SCHEDULE_TOPIC_XXXX", Body: []byte("x")},
			"level 19":         {Topic: topic, DelayLevel: 19, Body: []byte("x")},
			"two delays":       {Topic: topic, DelayLevel: 1, DeliverAt: time.Now(), Body: []byte("x")},
			"own properties":   {Topic: topic, Properties: map[string]string{"DELAY": "3"}, Body: []byte("x")},
			"many properties":  {Topic: topic, Properties: map[string]string{"x": string(make([]byte, 40_000))}, Body: []byte("x")},
		} {
			var wrong *rocketmq.InvalidError
			if _, err := p.Send(within(t), m); !errors.As(err, &wrong) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// What this side lets through the broker refuses, at once and with its reason.
		c2 := connect(t, names)
		free := newProducer(t, c2, rocketmq.ProducerConfig{Group: "GID_FREE", MaxMessageSize: 8 << 20, CompressOver: -1})
		var answer *rocketmq.AnswerError
		if _, err := free.Send(within(t), rocketmq.Message{Topic: topic, Body: make([]byte, 4<<20+1)}); !errors.As(err, &answer) || answer.Code != rocketmq.MessageIllegal {
			t.Errorf("the broker says of a message too long: %v", err)
		}
	})
}

func TestLongMessages(t *testing.T) {
	withTopic(t, func(t *testing.T, c *rocketmq.Client, topic string, in *inbox) {
		p := newProducer(t, c, rocketmq.ProducerConfig{})
		random := make([]byte, 4<<20) // does not become shorter
		_, _ = rand.Read(random)
		for name, body := range map[string][]byte{
			"4 MiB of chance": random, "4 MiB that compresses": bytes.Repeat([]byte("kefu"), 1<<20),
			"just not compressed": bytes.Repeat([]byte("x"), 4<<10), "just compressed": bytes.Repeat([]byte("x"), 4<<10+1),
		} {
			sent := send(t, p, rocketmq.Message{Topic: topic, Body: body})
			got := in.next(t)
			if got.MsgID != sent.MsgID || !bytes.Equal(got.Body, body) {
				t.Errorf("%s: %d bytes came", name, len(got.Body))
			}
		}
	})
}

func TestOrderByKey(t *testing.T) {
	withTopic(t, func(t *testing.T, c *rocketmq.Client, topic string, in *inbox) {
		p := newProducer(t, c, rocketmq.ProducerConfig{})
		const keys, each = 10, 20
		queues := map[int]bool{}
		for i := range each {
			for key := range keys {
				sent := send(t, p, rocketmq.Message{Topic: topic, OrderKey: fmt.Sprint("key-", key), Body: fmt.Append(nil, i)})
				queues[sent.Queue.ID] = true
			}
		}
		next, place := map[string]int{}, map[string]rocketmq.MessageQueue{}
		for range keys * each {
			got := in.next(t)
			if string(got.Body) != fmt.Sprint(next[got.OrderKey]) {
				t.Fatalf("%s: %s came, %d was next", got.OrderKey, got.Body, next[got.OrderKey])
			}
			if queue, ok := place[got.OrderKey]; ok && queue != got.Queue {
				t.Fatalf("%s is in %v and in %v", got.OrderKey, queue, got.Queue)
			}
			next[got.OrderKey]++
			place[got.OrderKey] = got.Queue
		}
		if len(queues) < 2 {
			t.Errorf("all keys are in %d queue", len(queues))
		}
	})
}

func TestDelays(t *testing.T) {
	onBoth(t, func(t *testing.T, names []string, version string) {
		c, topic := connect(t, names), newTopic()
		if err := c.CreateTopic(within(t), topic, "", 1); err != nil {
			t.Fatal(err)
		}
		in := subscribe(t, c, topic)
		p := newProducer(t, c, rocketmq.ProducerConfig{})
		begin := time.Now()
		send(t, p, rocketmq.Message{Topic: topic, DelayLevel: 1, Body: []byte("level")})
		if got := in.next(t); string(got.Body) != "level" || time.Since(begin) < 900*time.Millisecond {
			t.Errorf("%s came after %v; a second was expected", got.Body, time.Since(begin))
		}
		at := time.Now().Add(2500 * time.Millisecond)
		_, err := p.Send(within(t), rocketmq.Message{Topic: topic, DeliverAt: at, Body: []byte("moment")})
		var old *rocketmq.NoTimerError
		if version < "5" {
			if !errors.As(err, &old) || old.Broker != "broker-a" {
				t.Errorf("a moment on version 4: %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := in.next(t); string(got.Body) != "moment" || time.Until(at) > 100*time.Millisecond || time.Since(at) > 10*time.Second {
			t.Errorf("%s came %v after its moment", got.Body, time.Since(at))
		}
	})
}

func TestNamespaces(t *testing.T) {
	onBoth(t, func(t *testing.T, names []string, _ string) {
		topic := newTopic()
		one := newClient(t, rocketmq.Config{NameServers: names, Namespace: "one"})
		two := newClient(t, rocketmq.Config{NameServers: names, Namespace: "two"})
		without := connect(t, names)
		all := map[*rocketmq.Client]*inbox{}
		for _, c := range []*rocketmq.Client{one, two, without} {
			if err := c.CreateTopic(within(t), topic, "", 1); err != nil {
				t.Fatal(err)
			}
			all[c] = subscribe(t, c, topic)
		}
		for c, text := range map[*rocketmq.Client]string{one: "of one", two: "of two", without: "of none"} {
			p := newProducer(t, c, rocketmq.ProducerConfig{})
			sent := send(t, p, rocketmq.Message{Topic: topic, Body: []byte(text)})
			got := all[c].next(t)
			if string(got.Body) != text || got.Topic != topic || got.Queue != sent.Queue {
				t.Errorf("%s: got %+v", text, got)
			}
		}
		for c, in := range all {
			if len(in.came) > 0 {
				t.Errorf("%p heard of another namespace", c)
			}
		}
	})
}
