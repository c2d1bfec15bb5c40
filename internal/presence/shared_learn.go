package presence

import (
	"slices"

	"github.com/kefu-chat/kefu/internal/chat"
)

// learn takes over what the place said of a site. more says that there is more
// to be told or asked in this turn.
func (one *sharedSite) learn(ask *SiteAsk, a *SiteAnswer, s *Shared, picture *sitePicture) (more bool) {
	one.settle(ask, a)
	if !slices.Equal(one.names, a.Names) {
		one.names = a.Names
		one.dropDead(picture)
	}
	for i := range a.Records {
		one.take(&a.Records[i], s, picture)
	}
	one.absent(a, picture)
	if a.Paged {
		one.page(a.Page)
	}
	if ask.Page > 0 && one.wanted {
		one.count, one.counted = a.Count, true
		if a.Paged {
			one.after = a.Revision
		}
	}
	if ask.Feed > 0 {
		one.shared = a.Fed
	}
	for key, h := range one.held {
		if !one.needs(key, h) {
			one.forget(picture, key)
		}
	}
	return one.expect < 0 || len(one.missing) > 0 || one.freshLeft() || a.More || ask.Feed > 0 && !a.FedAll
}

// freshLeft tells whether somebody was never looked up; the others have time.
func (one *sharedSite) freshLeft() bool {
	if len(one.turning) == 0 {
		return false
	}
	w := one.ids[one.turning[len(one.turning)-1]]
	return w != nil && !w.known
}

// settle notes what has been told.
func (one *sharedSite) settle(ask *SiteAsk, a *SiteAnswer) {
	if !ask.Writes {
		return
	}
	one.begun = true
	for _, v := range ask.Put {
		if one.own[v.Key] == v {
			delete(one.pending, v.Key)
		}
	}
	for _, key := range ask.Drop {
		if one.own[key] == nil {
			delete(one.pending, key)
		}
	}
	switch {
	case one.expect < 0 || a.Mine < 0:
	case a.Mine != one.expect:
		one.doubts++
	default:
		one.doubts = 0
	}
}

// dropDead takes what dead nodes told out of the picture.
func (one *sharedSite) dropDead(picture *sitePicture) {
	for key, h := range one.held {
		if i := slices.IndexFunc(h.names, func(name string) bool { return !slices.Contains(one.names, name) }); i < 0 {
			continue
		}
		var nodes, names []string
		for i, name := range h.names {
			if slices.Contains(one.names, name) {
				nodes, names = append(nodes, h.nodes[i]), append(names, name)
			} else {
				picture.set(h.nodes[i], &Visitor{Key: key, State: Offline})
			}
		}
		h.nodes, h.names = nodes, names
	}
}

// take puts a visitor, as the other nodes see it, into the picture.
func (one *sharedSite) take(r *Record, s *Shared, picture *sitePicture) {
	h := one.held[r.Key]
	if h == nil {
		h = &held{}
		one.held[r.Key] = h
	}
	if one.missing[r.Key] {
		h.paged = true
		delete(one.missing, r.Key)
	}
	before := h.nodes
	h.revision, h.nodes, h.names, h.ids = r.Revision, nil, nil, map[chat.VisitorID]bool{}
	var seen []*Visitor
	for _, p := range r.Parts {
		node, number := nodeOf(p.Name)
		if node == s.cfg.Node {
			continue
		}
		v, err := decode(picture.id, r.Key, p.Data)
		if err != nil {
			s.cfg.Log.Warn("what another node told is left out", "node", node, "error", err)
			continue
		}
		if i := slices.Index(h.nodes, node); i >= 0 {
			if _, other := nodeOf(h.names[i]); other < number {
				h.names[i], seen[i] = p.Name, v
			}
			continue
		}
		h.nodes, h.names, seen = append(h.nodes, node), append(h.names, p.Name), append(seen, v)
	}
	for i, v := range seen {
		picture.set(h.nodes[i], v)
		one.identify(h, v)
	}
	for _, node := range before {
		if !slices.Contains(h.nodes, node) {
			picture.set(node, &Visitor{Key: r.Key, State: Offline})
		}
	}
	if own := one.own[r.Key]; own != nil {
		one.identify(h, own)
	}
}

func (one *sharedSite) identify(h *held, v *Visitor) {
	id := v.Conversation.Visitor
	if id == 0 {
		return
	}
	h.ids[id] = true
	if w := one.ids[id]; w != nil {
		w.key, w.known = v.Key, true
	}
}

// absent takes out whom the place did not find.
func (one *sharedSite) absent(a *SiteAnswer, picture *sitePicture) {
	for _, key := range a.AbsentKeys {
		delete(one.missing, key)
		one.forget(picture, key)
	}
	for _, id := range a.AbsentIDs {
		w := one.ids[id]
		if w == nil {
			continue
		}
		if h := one.held[w.key]; w.known && h != nil && h.ids[id] {
			one.forget(picture, w.key)
		}
		w.known, w.key = true, Key{}
	}
}

// page notes who the newest visitors are.
func (one *sharedSite) page(keys []Key) {
	for _, h := range one.held {
		h.paged = false
	}
	clear(one.missing)
	for _, key := range keys {
		if h := one.held[key]; h != nil {
			h.paged = true
		} else {
			one.missing[key] = true
		}
	}
}
