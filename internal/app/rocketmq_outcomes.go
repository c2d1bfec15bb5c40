package app

import (
	"context"
	"errors"
	"sync"

	"github.com/kefu-chat/kefu/internal/rocketmq"
)

// outcomes are those of the transactions that one command has prepared. Brokers
// ask any producer of a group about the messages of all of them: what another one
// has prepared is not for us to decide.
type outcomes struct {
	mu sync.Mutex
	of map[string]*outcome // by message id
}

type outcome struct {
	state rocketmq.TransactionState
	asked chan struct{} // closed when the broker has asked
	once  sync.Once
}

func newOutcomes() *outcomes { return &outcomes{of: map[string]*outcome{}} }

// record comes before the broker is told, which may then ask at any time.
func (o *outcomes) record(id string, state rocketmq.TransactionState) *outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	own := &outcome{state: state, asked: make(chan struct{})}
	o.of[id] = own
	return own
}

// check is what a broker that asks is answered.
func (o *outcomes) check(_ context.Context, m *rocketmq.MessageExt) rocketmq.TransactionState {
	o.mu.Lock()
	own := o.of[m.MsgID]
	o.mu.Unlock()
	if own == nil {
		return rocketmq.TransactionUnknown
	}
	own.once.Do(func() { close(own.asked) })
	return own.state
}

// awaitCheck waits until the broker has asked about the transaction.
func (o *outcome) awaitCheck(ctx context.Context) error {
	select {
	case <-o.asked:
		return nil
	case <-ctx.Done():
		return errors.New("the broker did not ask about the transaction in time: by default it asks after half a minute; raise --timeout")
	}
}
