package rocketmq_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/kefu-chat/kefu/internal/rocketmq"
)

// ledger records the outcomes of transactions, as a sender's database would.
type ledger struct {
	mu       sync.Mutex
	outcomes map[string]rocketmq.TransactionState
	asked    map[string]int
	wrong    []string
}

func newLedger() *ledger {
	return &ledger{outcomes: map[string]rocketmq.TransactionState{}, asked: map[string]int{}}
}

func (l *ledger) record(id string, s rocketmq.TransactionState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outcomes[id] = s
}

func (l *ledger) outcome(topic string) func(context.Context, *rocketmq.MessageExt) rocketmq.TransactionState {
	return func(_ context.Context, m *rocketmq.MessageExt) rocketmq.TransactionState {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.asked[m.MsgID]++
		if m.Topic != topic || m.Tag != "tx" {
			l.wrong = append(l.wrong, m.Topic+" "+m.Tag)
		}
		return l.outcomes[m.MsgID]
	}
}

func TestTransactions(t *testing.T) {
	withTopic(t, func(t *testing.T, c *rocketmq.Client, topic string, in *inbox) {
		l := newLedger()
		p := newProducer(t, c, rocketmq.ProducerConfig{Group: "GID_TX_" + topic, CheckTransaction: l.outcome(topic)})
		prepare := func(body string) *rocketmq.Transaction {
			tx, err := p.Prepare(within(t), rocketmq.Message{Topic: topic, Tag: "tx", OrderKey: "one queue", Body: []byte(body)})
			if err != nil {
				t.Fatal(err)
			}
			return tx
		}
		back := prepare("rolled back")
		l.record(back.MsgID, rocketmq.RollbackMessage)
		if err := back.Rollback(within(t)); err != nil {
			t.Fatal(err)
		}
		// Of these the broker hears nothing, and asks, more or less in this order: were
		// the first ones committed, some would come before the last.
		var lost *rocketmq.Transaction
		for range 10 {
			lost = prepare("never said, rolled back")
			l.record(lost.MsgID, rocketmq.RollbackMessage)
		}
		forgotten := prepare("never said")
		l.record(forgotten.MsgID, rocketmq.CommitMessage)

		done := prepare("committed")
		l.record(done.MsgID, rocketmq.CommitMessage)
		if len(in.came) > 0 {
			t.Fatalf("%s came before it was committed", in.next(t).Body)
		}
		if err := done.Commit(within(t)); err != nil {
			t.Fatal(err)
		}
		got := in.next(t)
		if string(got.Body) != "committed" || got.MsgID != done.MsgID || got.Topic != topic {
			t.Errorf("%+v came first", got)
		}
		for string(got.Body) != "never said" {
			if got = in.next(t); string(got.Body) != "never said" && string(got.Body) != "committed" {
				t.Errorf("%q came", got.Body)
			}
		}
		c.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.asked[forgotten.MsgID] == 0 || l.asked[lost.MsgID] == 0 || len(l.wrong) > 0 {
			t.Errorf("the broker asked %d and %d times; it named %q", l.asked[forgotten.MsgID], l.asked[lost.MsgID], l.wrong)
		}
		for len(in.came) > 0 {
			if m := <-in.came; string(m.Body) != "committed" && string(m.Body) != "never said" {
				t.Errorf("%q came", m.Body)
			}
		}
	})
}

func TestTransactionsThatCannotBe(t *testing.T) {
	onBoth(t, func(t *testing.T, names []string, _ string) {
		c := connect(t, names)
		p := newProducer(t, c, rocketmq.ProducerConfig{Group: "GID_NO_TX"})
		if _, err := p.Prepare(within(t), rocketmq.Message{Topic: "T", Body: []byte("x")}); !errors.Is(err, rocketmq.ErrNoRecord) {
			t.Errorf("a transaction without a record: %v", err)
		}
		q := newProducer(t, c, rocketmq.ProducerConfig{Group: "GID_DELAYED_TX", CheckTransaction: newLedger().outcome("T")})
		var wrong *rocketmq.InvalidError
		if _, err := q.Prepare(within(t), rocketmq.Message{Topic: "T", DelayLevel: 1, Body: []byte("x")}); !errors.As(err, &wrong) {
			t.Errorf("a delayed transaction: %v", err)
		}
	})
}
