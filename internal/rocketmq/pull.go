package rocketmq

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

const (
	// suspendFor is how long a broker keeps a pull that finds nothing.
	suspendFor = 15 * time.Second
	// pullWithin is how long we wait for the answer.
	pullWithin = 30 * time.Second
	// pullBatch is how many messages are asked for at a time.
	pullBatch = 32
	// clockSkew is how far the broker's clock may be behind ours. A broker that was
	// away gives its last messages of that time again, which is why it is not longer.
	clockSkew = time.Minute
)

// The bits of a pull's sysFlag.
const (
	pullSuspend      = 2
	pullSubscription = 4
)

// The waits between attempts that fail.
const (
	firstWait = 100 * time.Millisecond
	maxWait   = 3 * time.Second
)

// unknownOffset is the place of a reader that has yet to find where to begin.
const unknownOffset = -1

// queueReader reads one queue. The Consumer's mutex guards what is marked so.
type queueReader struct {
	consumer *Consumer
	queue    MessageQueue

	offset    int64     // where to read next
	doubtful  bool      // the last attempt failed: ask for an answer at once
	notBefore time.Time // messages stored before are left out

	reading sync.Mutex         // held by the goroutine that reads: one that was stopped may be about to end
	cancel  context.CancelFunc // guarded; nil while it does not run
	failure error              // guarded: what is wrong at the moment
}

func newQueueReader(s *Consumer, q MessageQueue) *queueReader {
	return &queueReader{consumer: s, queue: q, offset: unknownOffset}
}

func (r *queueReader) running() bool { return r.cancel != nil }

// start begins to read, unless it does already. The caller holds the mutex.
func (r *queueReader) start() {
	if r.running() {
		return
	}
	ctx, cancel := context.WithCancel(r.consumer.ctx)
	r.cancel = cancel
	r.consumer.tasks.Go(func() {
		r.reading.Lock()
		defer r.reading.Unlock()
		r.run(ctx)
	})
}

func (r *queueReader) stop() {
	if r.running() {
		r.cancel()
		r.cancel, r.failure = nil, nil
	}
}

// run pulls until it is stopped.
func (r *queueReader) run(ctx context.Context) {
	wait := firstWait
	for ctx.Err() == nil {
		err := r.step(ctx)
		if ctx.Err() != nil {
			return
		}
		r.doubtful = err != nil
		r.tell(err)
		if err == nil {
			wait = firstWait
			continue
		}
		r.consumer.client.routes.doubt(r.consumer.topic)
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-ctx.Done():
		}
		wait = min(2*wait, maxWait)
	}
}

// tell keeps what is wrong, and has the consumer tell it.
func (r *queueReader) tell(err error) {
	r.consumer.mu.Lock()
	defer r.consumer.mu.Unlock()
	if !r.running() || (r.failure == nil) == (err == nil) {
		return
	}
	r.failure = err
	r.consumer.tellLocked()
}

func (r *queueReader) step(ctx context.Context) error {
	if r.offset == unknownOffset {
		return r.fromBeginning(ctx)
	}
	return r.pull(ctx)
}

// ask sends a request about the queue to a broker that has it.
func (r *queueReader) ask(ctx context.Context, code int, ext map[string]string) (*conn, *command, error) {
	c := r.consumer.client
	route, err := c.routes.lookup(ctx, r.consumer.topic)
	if err != nil {
		return nil, nil, err
	}
	addr, ok := route.reader(r.queue.Broker)
	if !ok {
		return nil, nil, &connError{r.queue.Broker, errors.New("the broker is gone")}
	}
	conn, err := c.brokers.get(ctx, addr)
	if err != nil {
		return nil, nil, err
	}
	ext["topic"], ext["queueId"], ext["bname"] = r.consumer.topic, strconv.Itoa(r.queue.ID), r.queue.Broker
	answer, err := conn.request(ctx, &command{code: code, ext: ext})
	return conn, answer, err
}

// fromEnd begins after the last message that is there now.
func (r *queueReader) fromEnd(ctx context.Context) error {
	return r.find(ctx, codeGetMaxOffset, map[string]string{})
}

// fromBeginning begins, in a queue that appeared later, with the first message
// stored since the consumer began.
func (r *queueReader) fromBeginning(ctx context.Context) error {
	r.notBefore = r.consumer.began.Add(-clockSkew)
	return r.find(ctx, codeSearchOffsetByTime, map[string]string{"timestamp": strconv.FormatInt(r.notBefore.UnixMilli(), 10)})
}

func (r *queueReader) find(ctx context.Context, code int, ext map[string]string) error {
	ctx, cancel := r.consumer.client.within(ctx)
	defer cancel()
	conn, answer, err := r.ask(ctx, code, ext)
	if err != nil {
		return err
	}
	if answer.code != Success {
		return conn.refusal(answer)
	}
	r.offset, err = strconv.ParseInt(answer.ext["offset"], 10, 64)
	if err != nil || r.offset < 0 {
		r.offset = unknownOffset
		return fmt.Errorf("rocketmq: %s says that %s is at %q; a number was expected", conn.addr, r.queue, answer.ext["offset"])
	}
	return nil
}

// pull asks for the next messages; the broker answers when there are some.
func (r *queueReader) pull(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, pullWithin)
	defer cancel()
	flags := pullSuspend | pullSubscription
	if r.doubtful {
		flags = pullSubscription
	}
	conn, answer, err := r.ask(asking, codePullMessage, map[string]string{
		"consumerGroup":        r.consumer.group,
		"queueOffset":          strconv.FormatInt(r.offset, 10),
		"maxMsgNums":           strconv.Itoa(pullBatch),
		"sysFlag":              strconv.Itoa(flags),
		"commitOffset":         "0",
		"suspendTimeoutMillis": strconv.FormatInt(suspendFor.Milliseconds(), 10),
		"subscription":         r.consumer.expression(),
		"subVersion":           strconv.FormatInt(r.consumer.began.UnixMilli(), 10),
		"expressionType":       "TAG",
	})
	if err != nil {
		if asking.Err() != nil && ctx.Err() == nil && conn != nil {
			conn.end(errors.New("no answer to a pull"))
		}
		return err
	}
	switch answer.code {
	case Success, PullNotFound, PullRetry, PullOffsetMoved:
	default:
		return conn.refusal(answer)
	}
	next, err := strconv.ParseInt(answer.ext["nextBeginOffset"], 10, 64)
	if err != nil || next < 0 {
		return fmt.Errorf("rocketmq: %s says that %s goes on at %q; a number was expected", conn.addr, r.queue, answer.ext["nextBeginOffset"])
	}
	if answer.code == Success {
		r.deliver(answer.body)
	}
	r.offset = next
	return nil
}

// deliver hands over what came, to its end: messages that cannot be read are left out, and logged.
func (r *queueReader) deliver(body []byte) {
	s := r.consumer
	for m, err := range storedMessages(body, maxFrame) {
		if err != nil {
			s.client.log.Error("a message was left out", "queue", r.queue.String(), "error", err)
			continue
		}
		if m.QueueOffset < r.offset || m.Stored.Before(r.notBefore) || !s.wants(m) {
			continue
		}
		s.client.bare(m, m.Topic)
		m.Queue.Broker = r.queue.Broker
		s.handling.Lock()
		s.handle(m)
		s.handling.Unlock()
	}
}
