package rocketmq

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// TransactionState is the outcome of a transaction.
type TransactionState int

// The outcomes. While it is not known the broker asks again, every 30 s and 15
// times unless it is configured otherwise, and then gives the message up.
const (
	TransactionUnknown TransactionState = iota
	CommitMessage
	RollbackMessage
)

func (s TransactionState) String() string {
	return [...]string{"UNKNOW", "COMMIT_MESSAGE", "ROLLBACK_MESSAGE"}[s]
}

func (s TransactionState) sysFlag() int {
	return [...]int{0, sysTransCommit, sysTransRollback}[s]
}

// Transaction is a message that a broker keeps, and that no consumer sees before
// Commit. Where neither Commit nor Rollback reaches the broker, it asks
// ProducerConfig.CheckTransaction: so record the outcome before you call them.
type Transaction struct {
	SendResult
	producer *Producer
	topic    string
	offset   int64 // in the commit log
}

// Prepare sends the message of a transaction. Only a message that is safe as the
// broker is configured (SendOK) begins one.
func (p *Producer) Prepare(ctx context.Context, m Message) (*Transaction, error) {
	if p.config.CheckTransaction == nil {
		return nil, ErrNoRecord
	}
	if m.DelayLevel != 0 || !m.DeliverAt.IsZero() {
		return nil, invalid("a message of a transaction cannot be delayed")
	}
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	defer p.leave()
	out, err := p.pack(&m, map[string]string{propTransaction: "true", propGroup: p.group}, sysTransPrepared)
	if err != nil {
		return nil, err
	}
	result, err := p.deliver(ctx, out)
	if err != nil {
		return nil, err
	}
	t := &Transaction{SendResult: result, producer: p, topic: out.topic}
	if t.offset, err = commitLogOffset(result.OffsetMsgID); err != nil {
		return nil, err
	}
	if result.Status != SendOK {
		err := fmt.Errorf("rocketmq: message %s was taken with %v, which is too little for a transaction: it is rolled back", result.MsgID, result.Status)
		if failed := t.end(ctx, RollbackMessage); failed != nil {
			return nil, fmt.Errorf("%w (%w)", err, failed)
		}
		return nil, err
	}
	return t, nil
}

// Commit lets consumers see the message. An error means that the broker was not
// told, and will ask.
func (t *Transaction) Commit(ctx context.Context) error { return t.end(ctx, CommitMessage) }

// Rollback has the message forgotten. An error means that the broker was not told,
// and will ask.
func (t *Transaction) Rollback(ctx context.Context) error { return t.end(ctx, RollbackMessage) }

func (t *Transaction) end(ctx context.Context, state TransactionState) error {
	c := t.producer.client
	ctx, cancel := c.within(ctx)
	defer cancel()
	route, err := c.routes.publish(ctx, t.topic)
	if err != nil {
		return err
	}
	addr, ok := route.master(t.Queue.Broker)
	if !ok {
		return &connError{t.Queue.Broker, fmt.Errorf("the broker that keeps message %s is gone", t.MsgID)}
	}
	conn, err := c.brokers.get(ctx, addr)
	if err != nil {
		return err
	}
	return conn.oneway(ctx, &command{code: codeEndTransaction, ext: map[string]string{
		"topic":                t.topic,
		"producerGroup":        t.producer.group,
		"tranStateTableOffset": strconv.FormatInt(t.QueueOffset, 10),
		"commitLogOffset":      strconv.FormatInt(t.offset, 10),
		"commitOrRollback":     strconv.Itoa(state.sysFlag()),
		"fromTransactionCheck": "false",
		"msgId":                t.MsgID,
		"transactionId":        t.TransactionID,
		"bname":                t.Queue.Broker,
	}})
}

// maxChecks bounds the checks that wait for an answer.
const maxChecks = 256

// checkWithin bounds how long CheckTransaction may take.
const checkWithin = 10 * time.Second

// check is a broker's question about a transaction.
type check struct {
	from    *conn
	request *command
}

// answerChecks answers the brokers' checks, one after the other.
func (c *Client) answerChecks() {
	for {
		select {
		case k := <-c.checks:
			if err := c.answerCheck(k); err != nil {
				c.log.Warn("a broker asked about a transaction, and will ask again", "broker", k.from.addr, "error", err)
			}
		case <-c.ctx.Done():
			return
		}
	}
}

func (c *Client) answerCheck(k check) error {
	m, err := parseMessage(k.request.body)
	if err != nil {
		return err
	}
	group := m.Properties[propGroup]
	c.mu.Lock()
	p := c.producers[group]
	c.mu.Unlock()
	if p == nil || p.config.CheckTransaction == nil {
		return fmt.Errorf("group %s has no producer here that can answer", group)
	}
	topic := m.Properties[propRealTopic]
	if err := m.inflateBody(maxFrame); err != nil {
		return err
	}
	c.bare(m, topic)
	ctx, cancel := context.WithTimeout(c.ctx, checkWithin)
	defer cancel()
	state := p.config.CheckTransaction(ctx, m)
	if state == TransactionUnknown {
		return nil // it asks again
	}
	ext := k.request.ext
	answer := map[string]string{
		"topic":                topic, // 4.9.7 does not tell it in its question
		"producerGroup":        group,
		"tranStateTableOffset": ext["tranStateTableOffset"],
		"commitLogOffset":      ext["commitLogOffset"],
		"commitOrRollback":     strconv.Itoa(state.sysFlag()),
		"fromTransactionCheck": "true",
		"msgId":                m.MsgID,
		"transactionId":        ext["transactionId"],
	}
	if name := ext["bname"]; name != "" {
		answer["bname"] = name
	}
	return k.from.oneway(ctx, &command{code: codeEndTransaction, ext: answer})
}

// bare gives a message the name of its topic as the caller knows it.
func (c *Client) bare(m *MessageExt, topic string) {
	m.Topic = withoutNamespace(c.config.Namespace, topic)
	m.Queue.Topic = m.Topic
}
