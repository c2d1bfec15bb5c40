package rocketmq

import (
	"fmt"
	"maps"
	"strconv"
	"time"
)

// outgoing is a message made ready, whichever queue it will go to.
type outgoing struct {
	topic      string // with its namespace
	id         string
	properties string
	body       []byte
	sysFlag    int
	orderKey   string
	ordered    bool
	timed      bool // to be delivered at a moment, which brokers before 5.0 do not know
	oneway     bool
}

// pack checks a message and makes it ready. further are properties beyond its own.
func (p *Producer) pack(m *Message, further map[string]string, sysFlag int) (*outgoing, error) {
	if err := m.check(p.config.MaxMessageSize); err != nil {
		return nil, err
	}
	ns := p.client.config.Namespace
	out := &outgoing{
		topic: inNamespace(ns, m.Topic), id: p.client.ids.message(time.Now()), body: m.Body, sysFlag: sysFlag,
		orderKey: m.OrderKey, ordered: m.OrderKey != "", timed: !m.DeliverAt.IsZero(),
	}
	if err := checkName("topic", out.topic, maxTopicName); err != nil {
		return nil, err
	}
	all := map[string]string{propUniqKey: out.id}
	if ns != "" {
		all[propInstance] = ns
	}
	maps.Copy(all, further)
	var err error
	if out.properties, err = m.properties(all); err != nil {
		return nil, err
	}
	return out, p.compress(out)
}

// compress makes a long body shorter, if it becomes so.
func (p *Producer) compress(out *outgoing) error {
	if p.config.CompressOver < 0 || len(out.body) <= p.config.CompressOver {
		return nil
	}
	short, err := deflate(out.body)
	if err != nil || len(short) >= len(out.body) {
		return err
	}
	out.body = short
	out.sysFlag |= sysCompressed | compressedZLIB<<sysCompression
	return nil
}

// request is the servers' SendMessageRequestHeaderV2, whose fields have one letter.
func (o *outgoing) request(group string, queue MessageQueue, now time.Time) *command {
	return &command{code: codeSendMessageV2, body: o.body, ext: map[string]string{
		"a": group,
		"b": o.topic,
		"c": autoCreateTopic,
		"d": strconv.Itoa(autoCreateQueues),
		"e": strconv.Itoa(queue.ID),
		"f": strconv.Itoa(o.sysFlag),
		"g": strconv.FormatInt(now.UnixMilli(), 10),
		"h": "0",
		"i": o.properties,
		"j": "0",
		"k": "false",
		"m": "false",
		"n": queue.Broker,
	}}
}

// result reads a broker's answer to a message.
func (p *Producer) result(from *conn, answer *command, queue MessageQueue, out *outgoing) (SendResult, error) {
	status := map[int]SendStatus{
		Success: SendOK, FlushDiskTimeout: SendFlushDiskTimeout,
		FlushSlaveTimeout: SendFlushSlaveTimeout, SlaveNotAvailable: SendSlaveNotAvailable,
	}
	got, taken := status[answer.code]
	if !taken {
		return SendResult{}, from.refusal(answer)
	}
	r := SendResult{Status: got, MsgID: out.id, OffsetMsgID: answer.ext["msgId"], Queue: queue, TransactionID: answer.ext["transactionId"]}
	r.Queue.Topic = withoutNamespace(p.client.config.Namespace, queue.Topic)
	var err error
	if r.Queue.ID, err = strconv.Atoi(answer.ext["queueId"]); err == nil {
		r.QueueOffset, err = strconv.ParseInt(answer.ext["queueOffset"], 10, 64)
	}
	if err != nil {
		return r, fmt.Errorf("rocketmq: %s took message %s, but its answer cannot be read: %w", from.addr, out.id, err)
	}
	return r, nil
}
