package bus

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kefu-chat/kefu/internal/rocketmq"
)

const (
	// rocketWithin bounds one request to a server.
	rocketWithin = 2 * time.Second
	// rocketBeat is how often a broker is asked for a sign of life.
	rocketBeat = 5 * time.Second
	// rocketQueues is how many queues the topic gets on each broker, if it must be made.
	rocketQueues = 4
	// rocketBody bounds how much travels in one message, in bytes.
	rocketBody = 512 << 10
	// rocketMade is how long a topic may take until it is known, once it was made.
	rocketMade = 5 * time.Second
)

// rocketVersion begins the body of every message, which then repeats
//
//	u8 length, topic | u32 length, envelope
const rocketVersion = 1

// rocketLine carries envelopes over a RocketMQ topic. Every node reads all of it,
// by broadcasting, and leaves out what was not joined. A node's messages go
// to one queue, one after the other, and so keep their order.
type rocketLine struct {
	config   RocketMQConfig
	client   *rocketmq.Client
	producer *rocketmq.Producer
	node     string
	log      *slog.Logger
	to       receiver
	cancel   context.CancelFunc
	done     sync.WaitGroup
	refused  atomic.Bool // said that sending fails, since it last went well
	stranger atomic.Bool // said that somebody else uses topic and tag

	mu      sync.Mutex
	begun   bool
	trouble error // the consumer's

	topics sync.RWMutex
	joined map[string]struct{}
}

var _ carrier = (*rocketLine)(nil)

func (l *rocketLine) open(to receiver) error {
	l.to = to
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	l.done.Go(func() { l.connect(ctx) })
	return nil
}

// connect tries until it has subscribed; from then on the consumer tells how it goes.
func (l *rocketLine) connect(ctx context.Context) {
	for attempt := 0; ; attempt++ {
		err := l.begin(ctx)
		if err == nil {
			l.changed(func() { l.begun = true })
			return
		}
		l.to.down(err)
		if !sleep(ctx, backoff(attempt)) {
			return
		}
	}
}

func (l *rocketLine) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*rocketMade)
	defer cancel()
	if err := l.findTopic(ctx); err != nil {
		return err
	}
	l.trouble = nil
	_, err := l.client.Subscribe(ctx, rocketmq.ConsumerConfig{
		Group: l.config.Group, Topic: l.config.Topic, Tags: []string{l.config.Tag},
		Watch: l.watch,
	}, l.came)
	return err
}

// watch hears how much of the topic is read. As long as any of it is, the line is
// up: what the rest would have brought is found without it.
func (l *rocketLine) watch(trouble error) {
	if errors.Is(trouble, rocketmq.ErrSomeQueues) {
		l.log.Warn("part of the bus is not read: look after the RocketMQ broker that does not answer", "error", trouble)
		trouble = nil
	}
	l.changed(func() { l.trouble = trouble })
}

// findTopic makes the topic if it is not there, and waits until it is known.
func (l *rocketLine) findTopic(ctx context.Context) error {
	route, err := l.client.Route(ctx, l.config.Topic)
	if err == nil && len(route.Subscribe) > 0 {
		return nil
	}
	var answer *rocketmq.AnswerError
	if err != nil && (!errors.As(err, &answer) || answer.Code != rocketmq.TopicNotExist) {
		return err
	}
	if err := l.makeTopic(ctx); err != nil {
		return err
	}
	for deadline := time.Now().Add(rocketMade); ; {
		route, err := l.client.Route(ctx, l.config.Topic)
		if err == nil && len(route.Subscribe) > 0 {
			return nil
		}
		if time.Now().After(deadline) || !sleep(ctx, 20*time.Millisecond) {
			return errors.Join(errors.New("the topic was made, but the name server does not know it"), err)
		}
	}
}

// makeTopic asks for the topic, or, where that is not permitted, makes it by a message.
func (l *rocketLine) makeTopic(ctx context.Context) error {
	refused := l.client.CreateTopic(ctx, l.config.Topic, "", rocketQueues)
	if refused == nil {
		return nil
	}
	if _, err := l.producer.Send(ctx, l.message([]byte{rocketVersion})); err != nil {
		return errors.Join(refused, err)
	}
	return nil
}

// changed keeps a change of state, and tells the Relay what it comes to.
func (l *rocketLine) changed(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	switch {
	case !l.begun:
	case l.trouble == nil:
		l.to.up(true)
	default:
		l.to.down(l.trouble)
	}
}

func (l *rocketLine) message(body []byte) rocketmq.Message {
	return rocketmq.Message{Topic: l.config.Topic, Tag: l.config.Tag, OrderKey: l.node, Body: body}
}

func (l *rocketLine) send(ctx context.Context, parcels []parcel) (sent int) {
	for len(parcels) > 0 {
		body, n := packParcels(parcels)
		if _, err := l.producer.Send(ctx, l.message(body)); err != nil {
			if !l.refused.Swap(true) {
				l.log.Warn("the bus did not take notices", "error", err)
			}
		} else {
			l.refused.Store(false)
			sent += n
		}
		parcels = parcels[n:]
		if ctx.Err() != nil {
			break
		}
	}
	return sent
}

// packParcels puts at least one parcel, and as many as belong together, into a message's body.
func packParcels(parcels []parcel) (body []byte, n int) {
	body = []byte{rocketVersion}
	for _, p := range parcels {
		if n > 0 && len(body)+len(p.topic)+len(p.envelope) > rocketBody {
			break
		}
		body = append(body, byte(len(p.topic)))
		body = append(body, p.topic...)
		body = binary.BigEndian.AppendUint32(body, uint32(len(p.envelope)))
		body = append(body, p.envelope...)
		n++
	}
	return body, n
}

var errNotParcels = errors.New("a message of the topic, with the tag of this installation, is not made of notices: give each its own tag")

// unpackParcels gives each parcel of a body to take; the envelopes are parts of body.
func unpackParcels(body []byte, take func(topic string, envelope []byte)) error {
	if len(body) == 0 || body[0] != rocketVersion {
		return errNotParcels
	}
	for rest := body[1:]; len(rest) > 0; {
		size := int(rest[0])
		if len(rest) < 1+size+4 {
			return errNotParcels
		}
		topic := string(rest[1 : 1+size])
		length := binary.BigEndian.Uint32(rest[1+size:])
		rest = rest[1+size+4:]
		if uint64(length) > uint64(len(rest)) {
			return errNotParcels
		}
		take(topic, rest[:length])
		rest = rest[length:]
	}
	return nil
}

// came takes a message. The whole answer that it came in would stay in memory
// with any part of it: what is kept is copied.
func (l *rocketLine) came(m *rocketmq.MessageExt) {
	err := unpackParcels(m.Body, func(topic string, envelope []byte) {
		l.topics.RLock()
		_, joined := l.joined[topic]
		l.topics.RUnlock()
		if joined {
			l.to.came(topic, bytes.Clone(envelope))
		}
	})
	if err != nil && !l.stranger.Swap(true) {
		l.log.Warn("a message was left out", "message", m.MsgID, "error", err)
	}
}

func (l *rocketLine) join(_ context.Context, topics []string) error {
	l.topics.Lock()
	defer l.topics.Unlock()
	for _, topic := range topics {
		l.joined[topic] = struct{}{}
	}
	return nil
}

func (l *rocketLine) leave(_ context.Context, topics []string) error {
	l.topics.Lock()
	defer l.topics.Unlock()
	for _, topic := range topics {
		delete(l.joined, topic)
	}
	return nil
}

func (l *rocketLine) dropped() int64 { return 0 }

func (l *rocketLine) features() Features { return Features{Ordered: true} }

func (l *rocketLine) close() {
	if l.cancel != nil {
		l.cancel()
		l.done.Wait()
	}
	l.client.Close()
}
