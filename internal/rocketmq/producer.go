package rocketmq

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf16"
)

// ProducerConfig is how a producer sends. Only Group is needed.
type ProducerConfig struct {
	Group          string
	Retries        int // on another broker, after the first attempt; 2 if it is 0, none if it is negative
	MaxMessageSize int // of a body, in bytes; 4 MiB if it is 0, as on the brokers
	CompressOver   int // bodies over so many bytes are compressed; 4 KiB if it is 0, none if it is negative
	MaxInFlight    int // sends under way; 1,024 if it is 0. Further ones wait
	// CheckTransaction tells the recorded outcome of a transaction, which its
	// message names (MsgID), when the broker asks: also after a restart, and also
	// after a Commit or Rollback that the broker did not hear or remember. It must
	// never decide anew. A producer without it has no transactions.
	CheckTransaction func(ctx context.Context, message *MessageExt) TransactionState
}

// SendStatus tells how safe a message is that a broker took.
type SendStatus int

// The statuses. All mean that the message is stored; those after SendOK, that not
// everything happened in time for which the broker is configured.
const (
	SendOK SendStatus = iota
	SendFlushDiskTimeout
	SendFlushSlaveTimeout
	SendSlaveNotAvailable
)

func (s SendStatus) String() string {
	return [...]string{"SEND_OK", "FLUSH_DISK_TIMEOUT", "FLUSH_SLAVE_TIMEOUT", "SLAVE_NOT_AVAILABLE"}[s]
}

// SendResult is what a broker says of a message that it took.
type SendResult struct {
	Status        SendStatus
	MsgID         string // ours (UNIQ_KEY)
	OffsetMsgID   string // the broker's
	Queue         MessageQueue
	QueueOffset   int64
	TransactionID string // as the broker names it
}

// Producer sends messages. It is safe for concurrent use.
type Producer struct {
	client *Client
	config ProducerConfig
	group  string // with its namespace
	next   atomic.Uint32

	room    chan struct{} // a token for each send under way
	closing sync.Once
	closed  chan struct{}
}

const (
	defaultRetries  = 2
	defaultMaxSize  = 4 << 20
	defaultCompress = 4 << 10
	defaultInFlight = 1024
)

// NewProducer makes a producer. A client has one for each group.
func (c *Client) NewProducer(config ProducerConfig) (*Producer, error) {
	if err := checkName("group", config.Group, maxGroupName); err != nil {
		return nil, err
	}
	for _, d := range []struct {
		at      *int
		without int
	}{{&config.Retries, defaultRetries}, {&config.MaxMessageSize, defaultMaxSize}, {&config.CompressOver, defaultCompress}, {&config.MaxInFlight, defaultInFlight}} {
		if *d.at == 0 {
			*d.at = d.without
		}
	}
	if config.MaxInFlight < 0 || config.MaxMessageSize < 0 || config.MaxMessageSize > maxFrame {
		return nil, invalid("MaxInFlight is %d and MaxMessageSize %d; they were expected above 0, and the size up to %d", config.MaxInFlight, config.MaxMessageSize, maxFrame)
	}
	p := &Producer{
		client: c, config: config, group: inNamespace(c.config.Namespace, config.Group),
		room: make(chan struct{}, config.MaxInFlight), closed: make(chan struct{}),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	if c.producers[p.group] != nil {
		return nil, invalid("group %s has a producer already", config.Group)
	}
	c.producers[p.group] = p
	c.tasks.Go(func() { c.beat(c.ctx) }) // brokers ask connected producers about transactions
	return p, nil
}

// Close waits for the sends under way and tells the brokers.
func (p *Producer) Close() {
	p.closing.Do(func() {
		close(p.closed)
		for range cap(p.room) {
			p.room <- struct{}{}
		}
		c := p.client
		c.mu.Lock()
		if c.producers[p.group] == p {
			delete(c.producers, p.group)
		}
		c.mu.Unlock()
		c.unregister("producerGroup", p.group)
	})
}

// enter takes room for a send; leave gives it back.
func (p *Producer) enter(ctx context.Context) error {
	select {
	case <-p.closed:
		return ErrClosed
	default:
	}
	select {
	case p.room <- struct{}{}:
		return nil
	case <-p.closed:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Producer) leave() { <-p.room }

// Send sends a message and waits until a broker has taken it.
func (p *Producer) Send(ctx context.Context, m Message) (SendResult, error) {
	if err := p.enter(ctx); err != nil {
		return SendResult{}, err
	}
	defer p.leave()
	out, err := p.pack(&m, nil, 0)
	if err != nil {
		return SendResult{}, err
	}
	return p.deliver(ctx, out)
}

// SendAsync sends a message and calls done with what Send would have answered,
// from another goroutine. It waits while MaxInFlight sends are under way; ctx also
// bounds the sending.
func (p *Producer) SendAsync(ctx context.Context, m Message, done func(SendResult, error)) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	out, err := p.pack(&m, nil, 0)
	if err != nil {
		p.leave()
		return err
	}
	p.client.tasks.Go(func() {
		defer p.leave()
		done(p.deliver(ctx, out))
	})
	return nil
}

// SendOneway sends a message without asking whether a broker has taken it.
func (p *Producer) SendOneway(ctx context.Context, m Message) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	defer p.leave()
	out, err := p.pack(&m, nil, 0)
	if err != nil {
		return err
	}
	out.oneway = true
	_, err = p.deliver(ctx, out)
	return err
}

// deliver sends to one broker after the other, until one has taken the message.
func (p *Producer) deliver(ctx context.Context, out *outgoing) (SendResult, error) {
	var failed []error
	avoid := ""
	for attempt := 0; attempt <= max(p.config.Retries, 0); attempt++ {
		route, err := p.client.routes.publish(ctx, out.topic)
		if err != nil {
			return SendResult{}, errors.Join(append(failed, err)...)
		}
		queue, err := p.choose(route, out, avoid)
		if err != nil {
			return SendResult{}, err
		}
		result, err := p.attempt(ctx, route, queue, out)
		if err == nil {
			return result, nil
		}
		failed = append(failed, err)
		p.client.routes.doubt(out.topic)
		if out.ordered || !elsewhere(err) || ctx.Err() != nil {
			break
		}
		avoid = queue.Broker
	}
	return SendResult{}, errors.Join(failed...)
}

// choose takes the queue of the message's key; without one, all in turn, on
// another broker than avoid where there is one.
func (p *Producer) choose(route *Route, out *outgoing, avoid string) (MessageQueue, error) {
	n := len(route.Publish)
	if n == 0 {
		return MessageQueue{}, invalid("topic %s has no queue that may be written: is a master up, and is writing permitted?", out.topic)
	}
	if out.ordered {
		return route.Publish[orderedQueue(out.orderKey, n)], nil
	}
	first := int(p.next.Add(1) % uint32(n))
	for i := range n {
		if q := route.Publish[(first+i)%n]; q.Broker != avoid {
			return q, nil
		}
	}
	return route.Publish[first], nil
}

// orderedQueue is the queue of n that a key belongs to, by Java's String.hashCode,
// so that other clients of the fleet choose the same.
func orderedQueue(key string, n int) int {
	queue := int(javaHash(key)) % n
	if queue < 0 {
		queue = -queue
	}
	return queue
}

// javaHash is Java's String.hashCode.
func javaHash(s string) int32 {
	var h int32
	for _, unit := range utf16.Encode([]rune(s)) {
		h = 31*h + int32(unit)
	}
	return h
}

// attempt sends to one queue.
func (p *Producer) attempt(ctx context.Context, route *Route, queue MessageQueue, out *outgoing) (SendResult, error) {
	ctx, cancel := p.client.within(ctx)
	defer cancel()
	addr, ok := route.master(queue.Broker)
	if !ok {
		return SendResult{}, &connError{queue.Broker, errors.New("the broker has no master at the moment")}
	}
	conn, err := p.client.brokers.get(ctx, addr)
	if err != nil {
		return SendResult{}, err
	}
	if version := int(conn.version.Load()); out.timed && version < firstVersion5 {
		return SendResult{}, &NoTimerError{Broker: queue.Broker, Version: version}
	}
	request := out.request(p.group, queue, time.Now())
	if out.oneway {
		return SendResult{MsgID: out.id, Queue: queue}, conn.oneway(ctx, request)
	}
	answer, err := conn.request(ctx, request)
	if err != nil {
		return SendResult{}, err
	}
	return p.result(conn, answer, queue, out)
}
