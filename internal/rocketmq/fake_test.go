package rocketmq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is a server whose answers a test decides.
type fake struct {
	addr  string
	heard chan *command // all requests, as they come

	mu    sync.Mutex
	conns []net.Conn
}

// newFake starts a server. answer may give nil, which is silence, and is called
// for each request by its own goroutine.
func newFake(t *testing.T, answer func(*command) *command) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{addr: l.Addr().String(), heard: make(chan *command, 10_000)}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			n, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns = append(f.conns, n)
			f.mu.Unlock()
			all.Go(func() { f.serve(n, answer) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		f.hangUp()
		all.Wait()
	})
	return f
}

func (f *fake) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.conns {
		n.Close()
	}
	f.conns = nil
}

func (f *fake) serve(n net.Conn, answer func(*command) *command) {
	var writing sync.Mutex
	var all sync.WaitGroup
	defer all.Wait()
	defer n.Close()
	for {
		raw, err := readFrame(n)
		if err != nil {
			return
		}
		request, err := parseFrame(raw)
		if err != nil {
			return
		}
		f.heard <- request
		all.Go(func() {
			reply := answer(request)
			if reply == nil {
				return
			}
			reply.opaque, reply.flag = request.opaque, reply.flag|flagResponse
			frame, _ := appendFrame(nil, reply)
			writing.Lock()
			defer writing.Unlock()
			_, _ = n.Write(frame)
		})
	}
}

// await waits for a request with that code.
func (f *fake) await(t *testing.T, code int) *command {
	t.Helper()
	for deadline := time.After(10 * time.Second); ; {
		select {
		case c := <-f.heard:
			if c.code == code {
				return c
			}
		case <-deadline:
			t.Fatalf("no request %d came", code)
		}
	}
}

// names is a name server that knows one topic, with a queue on each broker.
func names(t *testing.T, brokers ...*fake) *fake {
	t.Helper()
	body := routeOf(t, brokers...)
	return newFake(t, func(*command) *command { return &command{body: body} })
}

// routeOf is a name server's answer: a topic with a queue on each broker.
func routeOf(t *testing.T, brokers ...*fake) []byte {
	t.Helper()
	var route jsonRoute
	for i, b := range brokers {
		name := fmt.Sprint("broker-", i)
		route.QueueDatas = append(route.QueueDatas, queueData{name, 1, 1, permRead | permWrite})
		route.BrokerDatas = append(route.BrokerDatas, jsonBroker{"c", name, map[string]string{"0": b.addr}})
	}
	body, err := json.Marshal(route)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// taken is a broker's answer to all that it understands.
func taken(*command) *command {
	return &command{ext: map[string]string{"msgId": strings.Repeat("0", 32), "queueId": "0", "queueOffset": "1", "offset": "0", "nextBeginOffset": "0"}}
}

func sender(t *testing.T, config Config, producer ProducerConfig) *Producer {
	t.Helper()
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	producer.Group = "G"
	p, err := c.NewProducer(producer)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var letter = Message{Topic: "T", Body: []byte("x")}

// TestSeveralAreUnderWay: answers come in whatever order, and each finds its request.
func TestSeveralAreUnderWay(t *testing.T) {
	const n = 50
	var all sync.WaitGroup
	all.Add(n)
	last := make(chan struct{})
	broker := newFake(t, func(c *command) *command {
		if c.code != codeSendMessageV2 {
			return taken(c)
		}
		all.Done()
		all.Wait() // none is answered before all have come
		if string(c.body) != "last" {
			<-last
		} else {
			defer close(last)
		}
		answer := taken(c)
		answer.ext["transactionId"] = string(c.body)
		return answer
	})
	p := sender(t, Config{NameServers: []string{names(t, broker).addr}}, ProducerConfig{})
	answers := make(chan string, n)
	for i := range n {
		body := fmt.Sprint(i)
		if i == n-1 {
			body = "last"
		}
		if err := p.SendAsync(t.Context(), Message{Topic: "T", Body: []byte(body)}, func(r SendResult, err error) {
			if err != nil || r.TransactionID != body {
				t.Errorf("%s got the answer of %s, %v", body, r.TransactionID, err)
			}
			answers <- body
		}); err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		<-answers
	}
	if broker.mu.Lock(); len(broker.conns) != 1 {
		t.Errorf("%d connections were made", len(broker.conns))
	}
	broker.mu.Unlock()
}

// TestAnotherBroker: what one broker does not take, for whatever reason, another gets.
func TestAnotherBroker(t *testing.T) {
	for name, bad := range map[string]func(f **fake) func(*command) *command{
		"busy":  func(**fake) func(*command) *command { return refusing(SystemBusy) },
		"error": func(**fake) func(*command) *command { return refusing(SystemError) },
		"leaves": func(f **fake) func(*command) *command {
			return func(c *command) *command {
				if c.code == codeSendMessageV2 {
					(*f).hangUp()
				}
				return taken(c)
			}
		},
		"goes away": func(**fake) func(*command) *command { return refusing(GoAway) },
		"is silent": func(**fake) func(*command) *command {
			return func(c *command) *command {
				if c.code == codeSendMessageV2 {
					return nil
				}
				return taken(c)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var first *fake
			ready := make(chan struct{})
			answer := bad(&first)
			first = newFake(t, func(c *command) *command { <-ready; return answer(c) })
			close(ready)
			second := newFake(t, taken)
			p := sender(t, Config{NameServers: []string{names(t, first, second).addr}, RequestTimeout: 300 * time.Millisecond}, ProducerConfig{})
			for range 4 {
				if r, err := p.Send(t.Context(), letter); err != nil || r.Queue.Broker != "broker-1" {
					t.Errorf("%+v, %v", r, err)
				}
			}
			ordered := Message{Topic: "T", OrderKey: "b", Body: []byte("x")} // of the first broker
			if r, err := p.Send(t.Context(), ordered); err == nil {
				t.Errorf("a message of an order went to %v", r.Queue)
			}
		})
	}
}

func refusing(code int) func(*command) *command {
	return func(c *command) *command {
		if c.code == codeSendMessageV2 {
			return &command{code: code, remark: "not now"}
		}
		return taken(c)
	}
}

// TestNotAnotherBroker: what would be refused everywhere is not repeated.
func TestNotAnotherBroker(t *testing.T) {
	broker := newFake(t, refusing(MessageIllegal))
	p := sender(t, Config{NameServers: []string{names(t, broker, broker).addr}}, ProducerConfig{})
	var answer *AnswerError
	if _, err := p.Send(t.Context(), letter); !errors.As(err, &answer) || answer.Remark != "not now" {
		t.Errorf("the error is %v", err)
	}
	sent := 0
	for len(broker.heard) > 0 {
		if c := <-broker.heard; c.code == codeSendMessageV2 {
			sent++
		}
	}
	if sent != 1 {
		t.Errorf("it was sent %d times", sent)
	}
}

func TestTheSenderBoundsTheTime(t *testing.T) {
	silent := newFake(t, func(*command) *command { return nil })
	p := sender(t, Config{NameServers: []string{silent.addr}, RequestTimeout: time.Minute}, ProducerConfig{})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if _, err := p.Send(ctx, letter); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

// TestNameServersInTurn: one that is silent costs its time once.
func TestNameServersInTurn(t *testing.T) {
	broker := newFake(t, taken)
	silent, good := newFake(t, func(*command) *command { return nil }), names(t, broker)
	p := sender(t, Config{NameServers: []string{silent.addr, good.addr}, RequestTimeout: 200 * time.Millisecond, RouteInterval: time.Hour}, ProducerConfig{})
	for i := range 5 {
		if _, err := p.Send(t.Context(), Message{Topic: fmt.Sprint("T", i), Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(silent.heard); n != 1 {
		t.Errorf("the silent one was asked %d times", n)
	}
}

// TestGoodbye: a client that is closed has nothing under way any more, and tells the brokers.
func TestGoodbye(t *testing.T) {
	hold := make(chan struct{})
	broker := newFake(t, func(c *command) *command {
		switch c.code {
		case codeSendMessageV2:
			<-hold
		case codePullMessage:
			return nil // a long poll
		}
		return taken(c)
	})
	c, err := New(Config{NameServers: []string{names(t, broker).addr}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.NewProducer(ProducerConfig{Group: "SENDS"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Subscribe(t.Context(), ConsumerConfig{Group: "READS", Topic: "T", Tags: []string{"a"}}, func(*MessageExt) {}); err != nil {
		t.Fatal(err)
	}
	var beat heartbeat
	if err := json.Unmarshal(broker.await(t, codeHeartBeat).body, &beat); err != nil || beat.ClientID != c.id {
		t.Errorf("the first thing it said is %+v, %v", beat, err)
	}
	done := make(chan error, 1)
	if err := p.SendAsync(t.Context(), letter, func(_ SendResult, err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	broker.await(t, codeSendMessageV2)
	closed := make(chan struct{})
	go func() { c.Close(); close(closed) }()
	<-p.closed
	if _, err := p.Send(t.Context(), letter); !errors.Is(err, ErrClosed) {
		t.Errorf("a producer that is closing sends: %v", err)
	}
	select {
	case <-closed:
		t.Error("it did not wait for what was under way")
	default:
	}
	close(hold)
	<-closed
	if err := <-done; err != nil {
		t.Errorf("what was under way: %v", err)
	}
	var left []string
	for len(broker.heard) > 0 {
		if c := <-broker.heard; c.code == codeUnregisterClient {
			left = append(left, c.ext["producerGroup"]+c.ext["consumerGroup"])
		}
	}
	if slices.Sort(left); !slices.Equal(left, []string{"READS", "SENDS"}) {
		t.Errorf("it said goodbye for %q", left)
	}
	if _, err := c.NewProducer(ProducerConfig{Group: "H"}); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed client makes producers: %v", err)
	}
}

// TestAnswersThatMakeNoSense end in errors.
func TestAnswersThatMakeNoSense(t *testing.T) {
	broker := newFake(t, func(*command) *command { return &command{ext: map[string]string{"msgId": "?", "queueId": "?"}} })
	p := sender(t, Config{NameServers: []string{names(t, broker).addr}}, ProducerConfig{CheckTransaction: func(context.Context, *MessageExt) TransactionState { return CommitMessage }})
	if _, err := p.Send(t.Context(), letter); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("send: %v", err)
	}
	if _, err := p.client.Subscribe(t.Context(), ConsumerConfig{Group: "R", Topic: "T"}, func(*MessageExt) {}); err == nil {
		t.Error("a queue without an end is read")
	}
}

// TestInFlightIsBounded: a send beyond the limit waits, as long as its context lets it.
func TestInFlightIsBounded(t *testing.T) {
	hold := make(chan struct{})
	broker := newFake(t, func(c *command) *command {
		if c.code == codeSendMessageV2 {
			<-hold
		}
		return taken(c)
	})
	p := sender(t, Config{NameServers: []string{names(t, broker).addr}}, ProducerConfig{MaxInFlight: 2})
	t.Cleanup(func() { close(hold) })
	for range 2 {
		if err := p.SendAsync(t.Context(), letter, func(SendResult, error) {}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.SendAsync(ctx, letter, func(SendResult, error) {}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a third one: %v", err)
	}
}

func TestConfigsThatCannotBe(t *testing.T) {
	for name, config := range map[string]Config{
		"no name server": {}, "no port": {NameServers: []string{"host"}}, "half a key": {NameServers: []string{"h:1"}, Credentials: Credentials{AccessKey: "k"}},
		"a namespace with a blank": {NameServers: []string{"h:1"}, Namespace: "a b"},
	} {
		var wrong *InvalidError
		if _, err := New(config); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
