package identity

import (
	"context"
	"crypto/sha256"
	"time"
)

// TriesConfig bounds wrong passwords. A zero value means the default named beside the field.
type TriesConfig struct {
	Window     time.Duration // how long a wrong password counts (15 min)
	PerPair    int           // for one account from one address (5)
	PerAccount int           // for one account from everywhere (100), so that nobody is locked out by a few strangers' tries
	PerAddress int           // from one address for all accounts (50)
}

func (c TriesConfig) withDefaults() TriesConfig {
	if c.Window <= 0 {
		c.Window = 15 * time.Minute
	}
	for _, d := range []struct {
		value *int
		or    int
	}{{&c.PerPair, 5}, {&c.PerAccount, 100}, {&c.PerAddress, 50}} {
		if *d.value <= 0 {
			*d.value = d.or
		}
	}
	return c
}

// TryBound is how many tries may count under an id at the same time.
type TryBound struct {
	ID   []byte // 16 bytes
	Most int
}

// TryStore counts tries for all nodes. A count ends its window after its first
// try, by the store's clock.
type TryStore interface {
	// TakeTry counts a try under all of the bounds and returns the counts with it; or,
	// where one of them is reached, under none, and says after how long they are not.
	TakeTry(ctx context.Context, bounds []TryBound, window time.Duration) (counts []int, wait time.Duration, err error)
	// GiveTryBack takes a counted try back, and forgets the count under clear (nil: none).
	GiveTryBack(ctx context.Context, ids [][]byte, clear []byte) error
}

// tries counts wrong passwords, on all nodes together. A try is counted before
// the password is looked at, so that many at once do not slip through, and is
// given back when it was right or nobody looked. A refused try counts nothing: it
// prolongs no refusal.
type tries struct {
	cfg   TriesConfig
	store TryStore
}

func newTries(cfg TriesConfig, store TryStore) *tries {
	return &tries{cfg: cfg.withDefaults(), store: store}
}

// bounds of a try; the address is that of whence.Block, so an IPv6 network counts
// as one. The store learns no name: a mistyped one may be a password.
func (t *tries) bounds(account, address string) []TryBound {
	return []TryBound{
		{tryID("p\x00" + account + "\x00" + address), t.cfg.PerPair},
		{tryID("n\x00" + account), t.cfg.PerAccount},
		{tryID("a\x00" + address), t.cfg.PerAddress},
	}
}

func tryID(of string) []byte {
	sum := sha256.Sum256([]byte(of))
	return sum[:16]
}

// take counts a try, or says how long to wait. left are the tries that remain
// after it for this account from this address.
func (t *tries) take(ctx context.Context, account, address string) (left int, wait time.Duration, err error) {
	counts, wait, err := t.store.TakeTry(ctx, t.bounds(account, address), t.cfg.Window)
	if err != nil || wait > 0 {
		return 0, wait, err
	}
	return t.cfg.PerPair - counts[0], 0, nil
}

// giveBack takes back what take counted: nobody has looked at the password.
func (t *tries) giveBack(ctx context.Context, account, address string) error {
	return t.takeBack(ctx, account, address, false)
}

// forgive is giveBack for a right password: the wrong ones before it, for this
// account from this address, no longer count.
func (t *tries) forgive(ctx context.Context, account, address string) error {
	return t.takeBack(ctx, account, address, true)
}

// takeBack is done even where the client has hung up meanwhile.
func (t *tries) takeBack(ctx context.Context, account, address string, right bool) error {
	all := t.bounds(account, address)
	var clear []byte
	if right {
		clear = all[0].ID
	}
	return t.store.GiveTryBack(context.WithoutCancel(ctx), [][]byte{all[0].ID, all[1].ID, all[2].ID}, clear)
}
