package live

import (
	"context"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/push"
)

// pushNotice tells the other nodes of a push, and asks how many got it. Without
// Carried the push itself, which was too big, is to be read.
type pushNotice struct {
	Site     chat.SiteID `json:"site"`
	Position int64       `json:"position"`
	Before   int64       `json:"before"`
	Carried  bool        `json:"carried,omitzero"`
	IDs      []string    `json:"ids,omitzero"`
	Payload  string      `json:"payload,omitzero"`
	Ask      uint64      `json:"ask"`
}

// reachedNotice answers pushNotice.
type reachedNotice struct {
	Ask     uint64 `json:"ask"`
	Reached int    `json:"reached"`
	Failed  bool   `json:"failed,omitzero"`
}

// Pushed is what became of a push until it was answered.
type Pushed struct {
	push.Push
	// Reached are the connections, on all nodes, to which it went by then. Complete is
	// false when a node did not answer within PushWait: it delivers within 5 s.
	Reached  int
	Complete bool
}

// pushAsk waits for the answers of the other nodes; under pushes.mu.
type pushAsk struct {
	missing map[string]bool
	heard   map[string]bool
	reached int
	failed  bool
	done    chan struct{}
}

// pushDue is an answer that is owed until the push was read.
type pushDue struct {
	node string
	p    pushNotice
}

// Push keeps a push and delivers it, here and on the other nodes. Refusals: BadText,
// ClientIDReused.
func (h *Hub) Push(ctx context.Context, o push.Order) (Pushed, error) {
	if err := o.Check(); err != nil {
		return Pushed{}, err
	}
	p, before, err := h.Pushes.AddPush(ctx, o)
	if err != nil {
		return Pushed{}, err
	}
	out := Pushed{Push: p}
	if h.cfg.DropDeliveries() {
		return out, nil
	}
	id, ask := h.askReached()
	defer h.forgetAsk(id)
	h.publish(topicAll, notice{Pushed: h.noticeOf(&p, before, id)})
	mine, ok := h.reachHere(&p, before)
	answered := h.await(ctx, ask)
	h.pushed.mu.Lock()
	defer h.pushed.mu.Unlock()
	out.Reached, out.Complete = mine+ask.reached, ok && answered && !ask.failed
	return out, nil
}

func (h *Hub) noticeOf(p *push.Push, before int64, ask uint64) *pushNotice {
	n := &pushNotice{Site: p.Site, Position: p.Position, Before: before, Ask: ask}
	size := len(p.Payload)
	for _, id := range p.IDs {
		size += len(id) + 4
	}
	if size <= h.cfg.NoticeBytes {
		n.Carried, n.IDs, n.Payload = true, p.IDs, p.Payload
	}
	return n
}

// askReached begins to wait for the other nodes that are alive.
func (h *Hub) askReached() (uint64, *pushAsk) {
	nodes, sure := h.Presence.Alive()
	a := &pushAsk{missing: map[string]bool{}, heard: map[string]bool{}, failed: !sure, done: make(chan struct{})}
	for _, node := range nodes {
		if node != h.Node {
			a.missing[node] = true
		}
	}
	if len(a.missing) == 0 {
		close(a.done)
	}
	p := &h.pushed
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	p.asks[p.asked] = a
	return p.asked, a
}

func (h *Hub) forgetAsk(id uint64) {
	h.pushed.mu.Lock()
	defer h.pushed.mu.Unlock()
	delete(h.pushed.asks, id)
}

// await waits for the answers; false: some did not come in time.
func (h *Hub) await(ctx context.Context, a *pushAsk) bool {
	select {
	case <-a.done:
		return true
	default:
	}
	if h.Bus.Alone() {
		return false // there are others, whom nobody can ask
	}
	timer := time.NewTimer(h.cfg.PushWait)
	defer timer.Stop()
	select {
	case <-a.done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	case <-h.ctx.Done():
	}
	return false
}

// hearReached takes a node's answer.
func (h *Hub) hearReached(node string, n *reachedNotice) {
	h.pushed.mu.Lock()
	defer h.pushed.mu.Unlock()
	a := h.pushed.asks[n.Ask]
	if a == nil || a.heard[node] {
		return
	}
	a.heard[node] = true
	a.reached += n.Reached
	a.failed = a.failed || n.Failed
	if a.missing[node] {
		if delete(a.missing, node); len(a.missing) == 0 {
			close(a.done)
		}
	}
}

// reachHere delivers a push of this node here; false: it could not be.
func (h *Hub) reachHere(p *push.Push, before int64) (n int, ok bool) {
	s := h.pushed.site(h, p.Site)
	s.mu.Lock()
	if !s.ready {
		s.mu.Unlock()
		return 0, true
	}
	if s.position == before || s.position >= p.Position {
		defer s.mu.Unlock()
		return s.deliver(p), true
	}
	s.mu.Unlock()
	if err := s.read(); err != nil {
		h.Log.Warn("pushes could not be read", "site", p.Site, "error", err)
		return 0, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[p.Position], true
}

// hearPushed delivers another node's push here and answers, or has it read first.
func (h *Hub) hearPushed(node string, n *pushNotice) {
	if h.Pushes == nil {
		return
	}
	s := h.pushed.site(h, n.Site)
	s.mu.Lock()
	if s.ready && s.position < n.Position && (s.position != n.Before || !n.Carried) {
		s.mu.Unlock()
		h.oweAnswer(pushDue{node, *n})
		return
	}
	reached := 0
	if s.ready {
		reached = s.deliver(&push.Push{Site: n.Site, Position: n.Position, IDs: n.IDs, Payload: n.Payload})
	}
	s.mu.Unlock()
	h.publish(nodeTopic(node), notice{Reached: &reachedNotice{Ask: n.Ask, Reached: reached}})
}

// maxPushDues bounds the answers that are owed: whoever gets none knows that it is
// not complete.
const maxPushDues = 10_000

func (h *Hub) oweAnswer(d pushDue) {
	h.pushed.mu.Lock()
	if len(h.pushed.due) < maxPushDues {
		h.pushed.due = append(h.pushed.due, d)
	}
	h.pushed.mu.Unlock()
	h.pushed.kick()
}
