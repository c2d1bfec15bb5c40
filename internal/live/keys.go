package live

import "sync"

// enrolled are the connections here that were let in by an API key, as those of its
// tickets are, or by a verified visitor's log-in: they end with it.
type enrolled struct {
	mu    sync.Mutex // a leaf
	next  uint64
	byKey map[int64]map[uint64]func()
}

// Enrol has a connection cut when the API key by which it came in is revoked, on
// whichever node: within HealEvery of that, where the database can be read. cut may be
// called again until leave is. Key 0 is none: nothing happens.
func (h *Hub) Enrol(key int64, cut func()) (leave func()) {
	return h.enrolled.add(key, cut)
}

// EnrolVisitor is Enrol for a verified visitor's log-in.
func (h *Hub) EnrolVisitor(login int64, cut func()) (leave func()) {
	return h.loggedIn.add(login, cut)
}

func (e *enrolled) add(key int64, cut func()) (leave func()) {
	if key == 0 {
		return func() {}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.byKey == nil {
		e.byKey = map[int64]map[uint64]func(){}
	}
	if e.byKey[key] == nil {
		e.byKey[key] = map[uint64]func(){}
	}
	e.next++
	id := e.next
	e.byKey[key][id] = cut
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if delete(e.byKey[key], id); len(e.byKey[key]) == 0 {
			delete(e.byKey, key)
		}
	}
}

func (e *enrolled) keys() []int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]int64, 0, len(e.byKey))
	for key := range e.byKey {
		all = append(all, key)
	}
	return all
}

func (e *enrolled) of(keys []int64) (cuts []func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, key := range keys {
		for _, cut := range e.byKey[key] {
			cuts = append(cuts, cut)
		}
	}
	return cuts
}

// endedKeys cuts the connections of API keys that are revoked. It asks for what those
// here are, not for what changed: one that enrols after its key was revoked is found, too.
func (d *healer) endedKeys() {
	keys := d.h.enrolled.keys()
	if len(keys) == 0 {
		return
	}
	ctx, cancel := d.h.reading()
	defer cancel()
	revoked, err := d.h.Keys.RevokedKeys(ctx, keys)
	if err != nil {
		d.warn("revoked API keys could not be read", err)
		return
	}
	for _, cut := range d.h.enrolled.of(revoked) {
		cut()
	}
}
