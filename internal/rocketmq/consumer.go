package rocketmq

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// ConsumerConfig is what a broadcasting consumer reads. Group and Topic are needed.
type ConsumerConfig struct {
	Group string
	Topic string
	Tags  []string // only messages with one of them; all if there is none
	// Watch is called when the consumer loses its topic, a broker or the last of
	// them (with the reason, which is ErrSomeQueues while others are read), and when
	// it reads everything again (with nil); may be nil. It must return soon.
	Watch func(trouble error)
}

// Consumer reads a topic by broadcasting: it gets every message that is sent
// after Subscribe, whoever else reads. It begins anew with every Subscribe: how
// far it has read is not kept.
type Consumer struct {
	client *Client
	config ConsumerConfig
	handle func(*MessageExt)
	group  string // with their namespace
	topic  string
	began  time.Time
	tags   map[string]bool

	ctx      context.Context // ends with the consumer
	cancel   context.CancelFunc
	tasks    sync.WaitGroup
	handling sync.Mutex // held while handle runs

	mu      sync.Mutex
	readers map[MessageQueue]*queueReader // of all queues that were ever there
	trouble error
	told    reach // of what Watch was told last
}

// reach is how much of a topic is read.
type reach int

const (
	allQueues reach = iota
	someQueues
	noQueue
)

// Subscribe begins to read. handle gets one message at a time; those of one queue
// in their order. What is sent after Subscribe has returned is read, also where
// the topic does not exist yet, or some of its brokers do not answer at the moment.
func (c *Client) Subscribe(ctx context.Context, config ConsumerConfig, handle func(*MessageExt)) (*Consumer, error) {
	if err := errors.Join(checkName("group", config.Group, maxGroupName), checkName("topic", config.Topic, maxTopicName)); err != nil {
		return nil, err
	}
	s := &Consumer{
		client: c, config: config, handle: handle, began: time.Now(),
		group: inNamespace(c.config.Namespace, config.Group), topic: inNamespace(c.config.Namespace, config.Topic),
		tags: map[string]bool{}, readers: map[MessageQueue]*queueReader{},
	}
	for _, tag := range config.Tags {
		if tag == "" || strings.Contains(tag, "|") {
			return nil, invalid("the tag %q cannot be asked for: it is empty or has a |", tag)
		}
		s.tags[tag] = true
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := c.addConsumer(s); err != nil {
		return nil, err
	}
	c.beat(ctx)
	if err := s.begin(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (c *Client) addConsumer(s *Consumer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	if c.consumers[s.group] != nil {
		return invalid("group %s has a consumer already", s.config.Group)
	}
	c.consumers[s.group] = s
	return nil
}

// Close stops reading, waits until handle has returned, and tells the brokers.
func (s *Consumer) Close() {
	s.cancel()
	s.tasks.Wait()
	c := s.client
	c.mu.Lock()
	known := c.consumers[s.group] == s
	if known {
		delete(c.consumers, s.group)
	}
	closing := c.closed
	c.mu.Unlock()
	if known || closing {
		c.unregister("consumerGroup", s.group)
	}
}

// begin finds out where every queue ends now, and reads on from there. A queue
// whose broker does not answer is looked for by time, as one that appears later.
func (s *Consumer) begin(ctx context.Context) error {
	route, err := s.client.routes.lookup(ctx, s.topic)
	if err != nil && !isAnswer(err, TopicNotExist) {
		return err
	}
	var readers []*queueReader
	failed := map[string]error{} // by broker
	if err == nil {
		found := 0
		for _, q := range route.Subscribe {
			r := newQueueReader(s, q)
			readers = append(readers, r)
			if failed[q.Broker] != nil {
				continue
			}
			if err := r.fromEnd(ctx); err != nil {
				failed[q.Broker] = err
				continue
			}
			found++
		}
		if found == 0 && len(readers) > 0 {
			return errors.Join(slices.Collect(maps.Values(failed))...)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range readers {
		s.readers[r.queue] = r
		r.start()
	}
	s.tasks.Go(s.follow)
	return nil
}

// missingWait is how often a topic is looked for that does not exist, or that
// something is wrong with.
const missingWait = time.Second

// follow reads the queues that appear, and leaves those that disappear.
func (s *Consumer) follow() {
	for {
		wait := s.client.config.RouteInterval
		if s.update() != nil {
			wait = min(wait, missingWait)
		}
		select {
		case <-time.After(wait):
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *Consumer) update() error {
	s.client.routes.doubt(s.topic)
	route, err := s.client.routes.lookup(s.ctx, s.topic)
	if err == nil && len(route.Subscribe) == 0 {
		err = invalid("topic %s has no queue that may be read at the moment", s.topic)
	}
	if err != nil {
		s.tell()
		return err
	}
	there := map[MessageQueue]bool{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range route.Subscribe {
		there[q] = true
		r := s.readers[q]
		if r == nil {
			r = newQueueReader(s, q)
			s.readers[q] = r
		}
		r.start()
	}
	for q, r := range s.readers {
		if !there[q] {
			r.stop() // its place is kept: the queue may come back
		}
	}
	s.tellLocked()
	if s.trouble != nil {
		return s.trouble
	}
	return nil
}

// tell calls Watch if something has become wrong, or right again.
func (s *Consumer) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tellLocked()
}

func (s *Consumer) tellLocked() {
	now := noQueue
	s.trouble = errors.New("rocketmq: topic " + s.topic + " has no queue that may be read yet")
	running, failing := 0, 0
	for _, r := range s.readers {
		if !r.running() {
			continue
		}
		running++
		if r.failure != nil {
			failing++
			s.trouble = r.failure
		}
	}
	switch {
	case running > 0 && failing == 0:
		now, s.trouble = allQueues, nil
	case failing < running:
		now, s.trouble = someQueues, fmt.Errorf("%w: %w", ErrSomeQueues, s.trouble)
	}
	if s.config.Watch == nil || s.ctx.Err() != nil || now == s.told {
		return
	}
	s.told = now
	s.config.Watch(s.trouble)
}

// subscription is the servers' SubscriptionData.
type subscription struct {
	ClassFilterMode bool     `json:"classFilterMode"`
	Topic           string   `json:"topic"`
	SubString       string   `json:"subString"`
	TagsSet         []string `json:"tagsSet"`
	CodeSet         []int32  `json:"codeSet"`
	SubVersion      int64    `json:"subVersion"`
	ExpressionType  string   `json:"expressionType"`
}

func (s *Consumer) subscription() subscription {
	sub := subscription{
		Topic: s.topic, SubString: s.expression(), TagsSet: []string{}, CodeSet: []int32{},
		SubVersion: s.began.UnixMilli(), ExpressionType: "TAG",
	}
	for _, tag := range s.config.Tags {
		sub.TagsSet = append(sub.TagsSet, tag)
		sub.CodeSet = append(sub.CodeSet, javaHash(tag))
	}
	return sub
}

// expression is what the broker chooses by: "*", or "tagA || tagB".
func (s *Consumer) expression() string {
	if len(s.config.Tags) == 0 {
		return "*"
	}
	return strings.Join(s.config.Tags, " || ")
}

// wants tells whether the message's tag was asked for: the broker compares only
// what the tags hash to.
func (s *Consumer) wants(m *MessageExt) bool { return len(s.tags) == 0 || s.tags[m.Tag] }
