package rocketmq

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// reads subscribes to "T", and gives what Watch is told.
func reads(t *testing.T, names *fake) <-chan error {
	t.Helper()
	c, err := New(Config{NameServers: []string{names.addr}, RequestTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return readsBy(t, c)
}

func readsBy(t *testing.T, c *Client) <-chan error {
	t.Helper()
	told := make(chan error, 100)
	if _, err := c.Subscribe(t.Context(), ConsumerConfig{Group: "G", Topic: "T", Watch: func(trouble error) { told <- trouble }}, func(*MessageExt) {}); err != nil {
		t.Fatal(err)
	}
	return told
}

func awaitTold(t *testing.T, told <-chan error) error {
	t.Helper()
	select {
	case err := <-told:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("Watch was not called")
		return nil
	}
}

// readable is a broker whose queues can be read, and hold nothing.
func readable(c *command) *command {
	if c.code == codePullMessage {
		<-time.After(10 * time.Millisecond) // as a broker that waits for messages
		return &command{code: PullNotFound, ext: map[string]string{"nextBeginOffset": "0"}}
	}
	return taken(c)
}

// TestOneBrokerGone: a consumer loses a broker, the last one, and gets them back.
func TestOneBrokerGone(t *testing.T) {
	var mu sync.Mutex
	away := map[string]bool{}
	set := func(name string, is bool) {
		mu.Lock()
		defer mu.Unlock()
		away[name] = is
	}
	broker := func(name string) *fake {
		return newFake(t, func(c *command) *command {
			mu.Lock()
			gone := away[name]
			mu.Unlock()
			if gone {
				return &command{code: ServiceNotAvailable}
			}
			return readable(c)
		})
	}
	told := reads(t, names(t, broker("a"), broker("b")))
	set("a", true)
	if err := awaitTold(t, told); !errors.Is(err, ErrSomeQueues) || !isAnswer(err, ServiceNotAvailable) {
		t.Errorf("one of two is gone: %v", err)
	}
	set("b", true)
	if err := awaitTold(t, told); err == nil || errors.Is(err, ErrSomeQueues) {
		t.Errorf("both are gone: %v", err)
	}
	set("b", false)
	if err := awaitTold(t, told); !errors.Is(err, ErrSomeQueues) {
		t.Errorf("one is back: %v", err)
	}
	set("a", false)
	if err := awaitTold(t, told); err != nil {
		t.Errorf("both are back: %v", err)
	}
}

// TestOneBrokerIsGoneAtTheStart: the others are read; what it has then is found by time.
func TestOneBrokerIsGoneAtTheStart(t *testing.T) {
	back := make(chan struct{})
	late := newFake(t, func(c *command) *command {
		select {
		case <-back:
			return readable(c)
		default:
			return &command{code: ServiceNotAvailable}
		}
	})
	before := time.Now()
	told := reads(t, names(t, newFake(t, readable), late))
	if err := awaitTold(t, told); !errors.Is(err, ErrSomeQueues) {
		t.Errorf("one of two is gone: %v", err)
	}
	close(back)
	if err := awaitTold(t, told); err != nil {
		t.Errorf("it is back: %v", err)
	}
	asked, err := strconv.ParseInt(late.await(t, codeSearchOffsetByTime).ext["timestamp"], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if from := time.UnixMilli(asked); from.After(before.Add(-50*time.Second)) || from.Before(before.Add(-2*time.Minute)) {
		t.Errorf("it begins %s before the consumer: want about a minute, for the clocks", before.Sub(from))
	}
}

// TestReadingWhatWasJustMade: who has made a topic by a message reads it at once, and
// is not told that there is nothing to read, as in the route that was lent for the message.
func TestReadingWhatWasJustMade(t *testing.T) {
	var made atomic.Bool
	broker := newFake(t, func(c *command) *command {
		if c.code == codeSendMessageV2 {
			made.Store(true)
		}
		return readable(c)
	})
	known := routeOf(t, broker)
	server := newFake(t, func(c *command) *command {
		if c.ext["topic"] == autoCreateTopic || made.Load() {
			return &command{body: known}
		}
		return &command{code: TopicNotExist}
	})
	p := sender(t, Config{NameServers: []string{server.addr}, RequestTimeout: time.Second}, ProducerConfig{})
	if _, err := p.Send(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	told := readsBy(t, p.client)
	broker.await(t, codePullMessage)
	select {
	case err := <-told:
		t.Errorf("told %v, though all is read", err)
	default:
	}
}

// TestOneWhoGivesUpHarmsNobody: a caller's cancellation leaves the connection to the others.
func TestOneWhoGivesUpHarmsNobody(t *testing.T) {
	release := make(chan struct{})
	server := newFake(t, func(*command) *command {
		<-release
		return &command{body: []byte("{}")}
	})
	c, err := New(Config{NameServers: []string{server.addr}, RequestTimeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ask := func(ctx context.Context) <-chan error {
		done := make(chan error, 1)
		go func() {
			_, err := c.names.ask(ctx, func() *command { return &command{code: codeGetRouteInfoByTopic} })
			done <- err
		}()
		server.await(t, codeGetRouteInfoByTopic)
		return done
	}
	patient := ask(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	hasty := ask(ctx)
	cancel()
	if err := <-hasty; !errors.Is(err, context.Canceled) {
		t.Errorf("the hasty one: %v", err)
	}
	close(release)
	if err := <-patient; err != nil {
		t.Errorf("the patient one: %v", err)
	}
}
