package seal

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// SecretSize is the length of a key, in bytes.
const SecretSize = 32

// Key is one of the cluster's keys.
type Key struct {
	// Number tells keys apart; each new key has the next one, from 1.
	Number uint32
	Secret [SecretSize]byte
	// Age is how long it has been there, by the database's clock.
	Age time.Duration
}

// Keys are the cluster's, kept in its database.
type Keys interface {
	// ClusterKeys are the live ones, the two with the highest numbers, in ascending order.
	// A new database has none.
	ClusterKeys(ctx context.Context) ([]Key, error)
	// AddClusterKey adds a key unless there is one with its number or a higher
	// one: of several nodes that add one at a time one wins, and the others get no
	// error. Only it and the one before it stay.
	AddClusterKey(ctx context.Context, key Key) error
}

const (
	// defaultReadEvery is how often a node reads the keys. One that it does not
	// know makes it read at once, but at most each readAgain.
	defaultReadEvery = 10 * time.Second
	readAgain        = time.Second
	readWithin       = 5 * time.Second
	// defaultSettle is how old a key must be before it seals: every node has read
	// it by then, also after a few reads that failed.
	defaultSettle = time.Minute
	// defaultRotate is how old the newest key may become.
	defaultRotate = 24 * time.Hour
)

// Config is what a Sealer needs. Zero durations take the defaults.
type Config struct {
	Keys      Keys
	Log       *slog.Logger
	Now       func() time.Time // time.Now unless it is set
	ReadEvery time.Duration
	Settle    time.Duration
	Rotate    time.Duration
}

// Sealer seals and opens notices with the cluster's keys, and makes a new key
// when the newest has become old. It is safe for concurrent use. Close it.
type Sealer struct {
	config Config
	ring   atomic.Pointer[ring]
	read   sync.Mutex // one Refresh at a time
	stale  chan struct{}
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// ring is what was read of the keys at a time.
type ring struct {
	keys []liveKey // ascending
	at   time.Time
}

type liveKey struct {
	number uint32
	aead   cipher.AEAD
	age    time.Duration
}

// New reads the keys, and makes the first one where there is none.
func New(ctx context.Context, config Config) (*Sealer, error) {
	if config.Now == nil {
		config.Now = time.Now
	}
	setDefault(&config.ReadEvery, defaultReadEvery)
	setDefault(&config.Settle, defaultSettle)
	setDefault(&config.Rotate, defaultRotate)
	s := &Sealer{config: config, stale: make(chan struct{}, 1)}
	if err := s.Refresh(ctx); err != nil {
		return nil, err
	}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.done.Go(func() { s.follow(ctx) })
	return s, nil
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// Close ends the reading of keys and waits for it.
func (s *Sealer) Close() {
	s.cancel()
	s.done.Wait()
}

// follow reads the keys again and again, so that no node needs a restart.
func (s *Sealer) follow(ctx context.Context) {
	tick := time.NewTicker(s.config.ReadEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.stale:
		}
		within, cancel := context.WithTimeout(ctx, readWithin)
		err := s.Refresh(within)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			s.config.Log.Warn("the cluster's keys cannot be read; notices are sealed with those that are known", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(readAgain, s.config.ReadEvery)):
		}
	}
}

// Refresh reads the keys now, and adds one if the newest has become old. It is
// done by itself each ReadEvery, and when an unknown key is met.
func (s *Sealer) Refresh(ctx context.Context) error {
	s.read.Lock()
	defer s.read.Unlock()
	keys, at, err := s.list(ctx)
	if err != nil {
		return err
	}
	if due := len(keys) == 0 || keys[len(keys)-1].Age >= s.config.Rotate; due {
		fresh := Key{Number: 1}
		if len(keys) > 0 {
			fresh.Number = keys[len(keys)-1].Number + 1
		}
		_, _ = rand.Read(fresh.Secret[:]) // it never fails: see crypto/rand
		if err := s.config.Keys.AddClusterKey(ctx, fresh); err != nil {
			return fmt.Errorf("add a key of the cluster: %w", err)
		}
		if keys, at, err = s.list(ctx); err != nil {
			return err
		}
	}
	if len(keys) == 0 {
		return errors.New("the database kept no key of the cluster: expected the one that was just added")
	}
	next := &ring{at: at}
	for _, k := range keys {
		next.keys = append(next.keys, liveKey{k.Number, newAEAD(k.Secret), k.Age})
	}
	s.ring.Store(next)
	return nil
}

func (s *Sealer) list(ctx context.Context) ([]Key, time.Time, error) {
	at := s.config.Now()
	keys, err := s.config.Keys.ClusterKeys(ctx)
	if err != nil {
		return nil, at, fmt.Errorf("read the keys of the cluster: %w", err)
	}
	return keys, at, nil
}

// sealing is the key to seal with at a time: the newest that every node has read.
func (r *ring) sealing(now time.Time, settle time.Duration) liveKey {
	newest := r.keys[len(r.keys)-1]
	if len(r.keys) > 1 && newest.age+now.Sub(r.at) < settle {
		return r.keys[len(r.keys)-2]
	}
	return newest
}

// Seal makes an envelope that opens for the same topic only, and names the node.
func (s *Sealer) Seal(topic, node string, notice []byte) ([]byte, error) {
	key := s.ring.Load().sealing(s.config.Now(), s.config.Settle)
	return close1(key.number, key.aead, topic, node, notice)
}

// Open gives the notice of an envelope, and the node that sealed it. The error is
// ErrVersion, ErrKey or ErrGarbled.
func (s *Sealer) Open(topic string, envelope []byte) (node string, notice []byte, err error) {
	h, err := parse(envelope)
	if err != nil {
		return "", nil, err
	}
	for _, key := range s.ring.Load().keys {
		if key.number == h.key {
			notice, err = open1(h, key.aead, topic)
			return h.node, notice, err
		}
	}
	select {
	case s.stale <- struct{}{}:
	default:
	}
	return "", nil, ErrKey
}
