package bustest

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/bus/seal"
)

// Keys are a cluster's keys in memory, with a clock that tests move.
type Keys struct {
	mu    sync.Mutex
	now   time.Time
	keys  []seal.Key
	made  []time.Time
	added int
	err   error
}

var _ seal.Keys = (*Keys)(nil)

// NewKeys has no key yet.
func NewKeys() *Keys { return &Keys{now: time.Unix(1_700_000_000, 0)} }

// ClusterKeys implements seal.Keys.
func (k *Keys) ClusterKeys(context.Context) ([]seal.Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := make([]seal.Key, len(k.keys))
	for i, key := range k.keys {
		all[i] = key
		all[i].Age = k.now.Sub(k.made[i])
	}
	return all, k.err
}

// AddClusterKey implements seal.Keys.
func (k *Keys) AddClusterKey(_ context.Context, key seal.Key) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if n := len(k.keys); n > 0 && k.keys[n-1].Number >= key.Number {
		return k.err
	}
	k.added++
	k.keys, k.made = append(k.keys, key), append(k.made, k.now)
	if n := len(k.keys); n > 2 {
		k.keys, k.made = k.keys[n-2:], k.made[n-2:]
	}
	return k.err
}

// Pass moves the clock.
func (k *Keys) Pass(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.now = k.now.Add(d)
}

// Now is the clock.
func (k *Keys) Now() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now
}

// Added is how many keys were made so far.
func (k *Keys) Added() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.added
}

// Fail makes all calls fail, or with nil succeed again.
func (k *Keys) Fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
}

// NewSealer seals with the keys; it is closed when the test ends.
func NewSealer(t testing.TB, keys *Keys) *seal.Sealer {
	t.Helper()
	s, err := seal.New(t.Context(), seal.Config{Keys: keys, Log: slog.New(slog.DiscardHandler), Now: keys.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}
