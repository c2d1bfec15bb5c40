package identity

import (
	"container/list"
	"sync"
	"time"
)

// TriesConfig bounds wrong passwords. A zero value means the default named beside the field.
type TriesConfig struct {
	Window     time.Duration // how long a wrong password counts (15 min)
	PerPair    int           // for one account from one address (5)
	PerAccount int           // for one account from everywhere (100), so that nobody is locked out by a few strangers' tries
	PerAddress int           // from one address for all accounts (50)
	Remember   int           // so many accounts and addresses at most (20,000); the oldest are forgotten
}

func (c TriesConfig) withDefaults() TriesConfig {
	if c.Window <= 0 {
		c.Window = 15 * time.Minute
	}
	for _, d := range []struct {
		value *int
		or    int
	}{{&c.PerPair, 5}, {&c.PerAccount, 100}, {&c.PerAddress, 50}, {&c.Remember, 20000}} {
		if *d.value <= 0 {
			*d.value = d.or
		}
	}
	c.Remember = max(c.Remember, 64) // a try counts under three keys
	return c
}

// tries counts wrong passwords in memory. A try is counted before the password
// is looked at, so that many at once do not slip through, and is given back
// when it was right or nobody looked. A refused try counts nothing: it prolongs no refusal.
type tries struct {
	cfg TriesConfig
	now func() time.Time

	mu     sync.Mutex
	counts map[string]*list.Element
	oldest *list.List // of *tally, by the start of their window
}

type tally struct {
	key   string
	n     int
	until time.Time
}

func newTries(cfg TriesConfig, now func() time.Time) *tries {
	return &tries{cfg: cfg.withDefaults(), now: now, counts: map[string]*list.Element{}, oldest: list.New()}
}

type bound struct {
	key  string
	most int
}

// bounds of a try; the address is that of whence.Block, so an IPv6 network counts as one.
func (t *tries) bounds(account, address string) [3]bound {
	return [3]bound{
		{"p\x00" + account + "\x00" + address, t.cfg.PerPair},
		{"n\x00" + account, t.cfg.PerAccount},
		{"a\x00" + address, t.cfg.PerAddress},
	}
}

// take counts a try, or says how long to wait. left are the tries that remain
// after it for this account from this address.
func (t *tries) take(account, address string) (left int, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.forget(now)
	all := t.bounds(account, address)
	for _, b := range all {
		if e, ok := t.counts[b.key]; ok && e.Value.(*tally).n >= b.most {
			wait = max(wait, e.Value.(*tally).until.Sub(now))
		}
	}
	if wait > 0 {
		return 0, wait
	}
	for _, b := range all {
		t.count(b.key, now)
	}
	return t.cfg.PerPair - t.counts[all[0].key].Value.(*tally).n, 0
}

// giveBack takes back what take counted: nobody has looked at the password.
func (t *tries) giveBack(account, address string) { t.takeBack(account, address, false) }

// forgive is giveBack for a right password: the wrong ones before it, for this
// account from this address, no longer count.
func (t *tries) forgive(account, address string) { t.takeBack(account, address, true) }

func (t *tries) takeBack(account, address string, right bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, b := range t.bounds(account, address) {
		e, ok := t.counts[b.key]
		if !ok {
			continue
		}
		one := e.Value.(*tally)
		if one.n--; one.n == 0 || i == 0 && right {
			t.oldest.Remove(e)
			delete(t.counts, b.key)
		}
	}
}

func (t *tries) count(key string, now time.Time) {
	if e, ok := t.counts[key]; ok {
		e.Value.(*tally).n++
		return
	}
	for len(t.counts) >= t.cfg.Remember {
		t.drop(t.oldest.Front())
	}
	t.counts[key] = t.oldest.PushBack(&tally{key: key, n: 1, until: now.Add(t.cfg.Window)})
}

func (t *tries) forget(now time.Time) {
	for e := t.oldest.Front(); e != nil && !e.Value.(*tally).until.After(now); e = t.oldest.Front() {
		t.drop(e)
	}
}

func (t *tries) drop(e *list.Element) {
	delete(t.counts, e.Value.(*tally).key)
	t.oldest.Remove(e)
}
