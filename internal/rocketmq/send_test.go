package rocketmq_test

import (
	"testing"

	"github.com/kefu-chat/kefu/internal/rocketmq"
)

func TestSendAndReceive(t *testing.T) {
	onBoth(t, func(t *testing.T, names []string, _ string) {
		c, topic := connect(t, names), newTopic()
		if err := c.CreateTopic(within(t), topic, "", 4); err != nil {
			t.Fatal(err)
		}
		in := subscribe(t, c, topic)
		p := newProducer(t, c, rocketmq.ProducerConfig{})
		sent := send(t, p, rocketmq.Message{Topic: topic, Tag: "a", Keys: []string{"k1", "k2"}, Body: []byte("hello"), Properties: map[string]string{"own": "yes"}})
		t.Log(sent)
		got := in.next(t)
		t.Log(got)
		if string(got.Body) != "hello" || got.Tag != "a" || got.MsgID != sent.MsgID || got.OffsetMsgID != sent.OffsetMsgID ||
			got.Queue != sent.Queue || got.QueueOffset != sent.QueueOffset || len(got.Keys) != 2 || got.Properties["own"] != "yes" {
			t.Errorf("sent %+v, got %+v", sent, got)
		}
	})
}
