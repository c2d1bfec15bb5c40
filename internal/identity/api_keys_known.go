package identity

import (
	"crypto/sha256"
	"sync"
	"time"
)

type keyHash [sha256.Size]byte

// known are the API keys that were right lately on this node, at most keysKnown.
type known struct {
	mu sync.Mutex
	of map[keyHash]seenKey
}

type seenKey struct {
	key Key
	at  time.Time // when the database was asked
}

// get is a key that needs not be asked for again.
func (k *known) get(hash keyHash, now time.Time) (Key, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	one, ok := k.of[hash]
	age := now.Sub(one.at)
	return one.key, ok && age >= 0 && age < keyRemembered
}

func (k *known) has(hash keyHash) (id int64, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	one, ok := k.of[hash]
	return one.key.ID, ok
}

func (k *known) put(hash keyHash, one Key, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.of[hash]; !ok && len(k.of) >= keysKnown {
		for other := range k.of { // any: it is asked for again
			delete(k.of, other)
			break
		}
	}
	k.of[hash] = seenKey{key: one, at: now}
}

func (k *known) drop(hash keyHash) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.of, hash)
}

func (k *known) forget(id int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for hash, one := range k.of {
		if one.key.ID == id {
			delete(k.of, hash)
		}
	}
}
